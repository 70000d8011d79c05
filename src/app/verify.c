/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge verify`: whether the tables have what the objects say. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/tables.h"
#include "firebridge/base/backoff.h"
#include "firebridge/pipeline/verify.h"
#include "human.h"

#define VOLATILES_MAX 64

struct verify_options {
    const char *conf_path;
    const char *stream;     /* NULL: all of them */
    uint64_t sample;        /* objects; 0: all */
    int64_t from_ms, to_ms; /* of key times */
    uint64_t limit;         /* findings to show */
    unsigned output;
};

/* Made before anything has a thread or a secret: a layout may load a time zone, a mapping fork. */
struct plan {
    struct fb_layout *layout;
    struct fb_mapping *mapping; /* NULL: none */
    uint64_t seed;
};

struct verify {
    const struct verify_options *options;
    struct fb_conf *conf;
    struct fb_environment *environment;
    struct plan *plans; /* of each stream of the conf */
    char *state_dir;
    const struct fb_conf_stream *stream; /* at work */
    uint64_t shown, found;
};

static bool is_chosen(const struct verify *verify, const struct fb_conf_stream *stream)
{
    return verify->options->stream == NULL || strcmp(verify->options->stream, stream->name) == 0;
}

static void complain(const struct fb_conf_stream *stream, const char *message)
{
    (void)fb_cli_fail("stream %s: %s", stream->name, message);
}

/* ---- shown ---- */

static const char *name_of(const struct fb_verify_finding *finding)
{
    static const char *const names[] = {[FB_FOUND_MISSING] = "missing",
                                        [FB_FOUND_DIFFERENT] = "different",
                                        [FB_FOUND_UNDELETED] = "undeleted"};

    return finding->is_unsure ? "unsure" : names[finding->found];
}

static void print_finding_json(const struct verify *verify, const struct fb_verify_finding *finding)
{
    const struct fb_difference *difference = finding->difference;
    json_t *line = json_pack(
        "{s:s, s:s, s:o?, s:s?, s:O?, s:O?, s:s?, s:I}", "stream", verify->stream->name, "finding",
        name_of(finding), "key", json_loads(finding->key, JSON_ALLOW_NUL, NULL), "attribute",
        difference->attribute, "expected", difference->expected, "found", difference->found,
        "object", finding->object, "record", (json_int_t)finding->record);

    (void)json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

/* As much of a value as a line has room for. */
static void print_value(const char *what, const json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char shown[121];

    printf(" %s %s%s", what, text != NULL ? fb_human_text(text, shown, sizeof shown) : "none",
           text != NULL && strlen(text) >= sizeof shown ? "..." : "");
    free(text);
}

static void print_finding_text(const struct verify *verify, const struct fb_verify_finding *finding)
{
    const struct fb_difference *difference = finding->difference;

    printf("stream %s: %s ", verify->stream->name, name_of(finding));
    fb_human_print(finding->key);
    if (difference->attribute != NULL) {
        fputs(": ", stdout);
        fb_human_print(difference->attribute);
        putchar(':');
        print_value("expected", difference->expected);
        fputs(",", stdout);
        print_value("found", difference->found);
    }
    if (finding->object != NULL) {
        printf("; by record %" PRIu64 " of ", finding->record);
        fb_human_print(finding->object);
    }
    putchar('\n');
}

static void take_finding(void *context, const struct fb_verify_finding *finding)
{
    struct verify *verify = context;

    verify->found++;
    if (verify->shown == verify->options->limit)
        return;
    verify->shown++;
    if (verify->options->output == FB_OUTPUT_JSON)
        print_finding_json(verify, finding);
    else
        print_finding_text(verify, finding);
}

static void print_counts(const struct verify *verify, const struct fb_verify_counts *counts)
{
    const char *name = verify->stream->name;

    if (verify->options->output == FB_OUTPUT_JSON) {
        printf("{\"stream\":\"%s\",\"objects\":%" PRIu64 ",\"records\":%" PRIu64
               ",\"objects_gone\":%" PRIu64 ",\"objects_left_out\":%" PRIu64 ",\"keys\":%" PRIu64
               ",\"as_expected\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"different\":%" PRIu64
               ",\"undeleted\":%" PRIu64 ",\"expired\":%" PRIu64 ",\"unsure\":%" PRIu64
               ",\"unknown\":%" PRIu64 "}\n",
               name, counts->objects, counts->records, counts->gone, counts->left_out, counts->keys,
               counts->as_expected, counts->missing, counts->different, counts->undeleted,
               counts->expired, counts->unsure, counts->unknown);
        return;
    }
    if (verify->found > verify->shown)
        printf("stream %s: and %" PRIu64 " more\n", name, verify->found - verify->shown);
    printf("%-20s %8s %9s %9s %11s %8s %9s %9s %8s %7s\n", "stream", "objects", "records", "keys",
           "as expected", "missing", "different", "undeleted", "expired", "unsure");
    printf("%-20s %8" PRIu64 " %9" PRIu64 " %9" PRIu64 " %11" PRIu64 " %8" PRIu64 " %9" PRIu64
           " %9" PRIu64 " %8" PRIu64 " %7" PRIu64 "\n",
           name, counts->objects, counts->records, counts->keys, counts->as_expected,
           counts->missing, counts->different, counts->undeleted, counts->expired, counts->unsure);
}

/* What was not compared, and why. */
static void tell_limits(const struct verify *verify, const struct fb_verify_counts *counts)
{
    char text[256];

    if (counts->gone > 0) {
        snprintf(text, sizeof text, "%" PRIu64 " objects are not in S3 any more, or others are",
                 counts->gone);
        complain(verify->stream, text);
    }
    if (counts->left_out > 0) {
        snprintf(text, sizeof text,
                 "%" PRIu64
                 " objects are left out: the state file is about to forget them, and has "
                 "forgotten others that may have come behind them",
                 counts->left_out);
        complain(verify->stream, text);
    }
    if (counts->unknown > 0) {
        snprintf(text, sizeof text,
                 "of %" PRIu64 " keys nothing can be said: they are added to, or removed by half",
                 counts->unknown);
        complain(verify->stream, text);
    }
}

/* ---- a stream ---- */

static bool is_of_its_time(const char *template)
{
    return strstr(template, "@now") != NULL || strstr(template, "@ingest_time") != NULL;
}

/* What a mapping makes of the time cannot be made again. */
static size_t find_volatiles(const struct fb_conf_stream *stream, const char **ret_names)
{
    size_t count = 0;

    for (size_t i = 0; i < stream->items.count && count < VOLATILES_MAX; i++)
        if (is_of_its_time(stream->items.assignments[i].value))
            ret_names[count++] = stream->items.assignments[i].name;
    return count;
}

static enum fb_status check_key(const struct fb_conf_stream *stream,
                                const struct fb_mapping *mapping, const struct fb_table *table,
                                const char *const *volatiles, size_t volatile_count,
                                struct fb_error *error)
{
    for (size_t i = 0; i < volatile_count; i++)
        for (size_t k = 0; k < table->schema.count; k++)
            if (strcmp(volatiles[i], table->schema.attributes[k].name) == 0)
                return fb_fail(error, FB_UNSUPPORTED,
                               "item.%.100s makes the key of the time at which a record is "
                               "written, which nobody can make again",
                               volatiles[i]);
    return fb_conf_check_key(stream, mapping, &table->schema, error);
}

/* Without the permission, items that are gone by their time count as missing. */
static const char *find_ttl(const struct verify *verify, struct fb_client *client,
                            char attribute[FB_KEY_NAME_MAX + 1])
{
    struct fb_error error = {0};

    if (fb_dynamodb_describe_ttl(client, verify->stream->table, attribute, &error) != FB_OK) {
        complain(verify->stream, "whether items expire cannot be seen, so those that have are "
                                 "taken for missing (dynamodb:DescribeTimeToLive)");
        return NULL;
    }
    return attribute[0] == '\0' ? NULL : attribute;
}

static enum fb_status run_connected(struct verify *verify, const struct plan *plan,
                                    const struct fb_client *source, struct fb_client *target,
                                    struct fb_verify_counts *counts, struct fb_error *error)
{
    const struct fb_conf_stream *stream = verify->stream;
    const char *volatiles[VOLATILES_MAX];
    const size_t volatile_count = find_volatiles(stream, volatiles);
    char ttl[FB_KEY_NAME_MAX + 1];
    struct fb_table table;
    struct fb_verify_options options = {
        .stream = stream->name,
        .bucket = stream->bucket,
        .table = stream->table,
        .checkpoint_source = stream->source,
        .layout = plan->layout,
        .reader = fb_conf_reader_options(stream),
        .removes_nulls = stream->null == FB_MAP_NULL_UNSET,
        .in_any_order = fb_conf_in_any_order(stream),
        .comparison = {.version_attribute = stream->version_attribute,
                       .volatiles = volatiles,
                       .volatile_count = volatile_count},
        .state_directory = verify->state_dir,
        .choice = {.from_ms = verify->options->from_ms,
                   .to_ms = verify->options->to_ms,
                   .sample = verify->options->sample},
        .get = fb_s3_get,
        .batch_get = fb_dynamodb_batch_get,
        .source = *source,
        .target = *target,
        .stall_timeout_ms = verify->conf->aws.stall_timeout_ms,
        .give_up_after_ms = verify->conf->daemon.once_patience_ms,
        .clock = fb_clock_system(),
        .seed = plan->seed,
        .on_finding = take_finding,
        .context = verify,
    };
    enum fb_status status = fb_dynamodb_describe_table(target, stream->table, &table, error);

    if (status == FB_OK)
        status = check_key(stream, plan->mapping, &table, volatiles, volatile_count, error);
    if (status != FB_OK)
        return status;
    options.comparison.ttl_attribute = find_ttl(verify, target, ttl);
    options.reader.schema = &table.schema;
    options.reader.hash_seed = plan->seed;
    options.reader.mapping = plan->mapping;
    return fb_verify_run(&options, counts, error);
}

static enum fb_status run_stream(struct verify *verify, const struct plan *plan,
                                 struct fb_verify_counts *counts, struct fb_error *error)
{
    struct fb_client source = {0};
    struct fb_client target = {0};
    enum fb_status status = fb_environment_client(
        verify->environment, FB_SIDE_SOURCE, verify->stream, NULL, FB_STOP_NOT, &source, error);

    if (status != FB_OK)
        return status;
    status = fb_environment_client(verify->environment, FB_SIDE_TABLE, verify->stream, NULL,
                                   FB_STOP_NOT, &target, error);
    if (status == FB_OK) {
        status = run_connected(verify, plan, &source, &target, counts, error);
        fb_environment_client_done(&target);
    }
    fb_environment_client_done(&source);
    return status;
}

/* Then nothing is known to be right. */
static bool is_nothing_read(const struct verify *verify, const struct fb_verify_counts *counts)
{
    if (counts->objects == 0 || counts->gone < counts->objects)
        return false;
    complain(verify->stream, "none of its objects could be read, so nothing is verified");
    return true;
}

/* True when nothing is wrong. */
static bool verify_stream(struct verify *verify, const struct plan *plan)
{
    struct fb_verify_counts counts = {0};
    struct fb_error error = {0};
    enum fb_status status;

    verify->found = verify->shown = 0;
    if (fb_conf_only_adds(verify->stream)) {
        complain(verify->stream,
                 "its items are sums (write = add), of more than can be read again; "
                 "they are not verified");
        return true;
    }
    status = run_stream(verify, plan, &counts, &error);
    print_counts(verify, &counts);
    (void)fflush(stdout);
    tell_limits(verify, &counts);
    if (status != FB_OK)
        complain(verify->stream, error.message);
    return status == FB_OK && counts.missing + counts.different + counts.undeleted == 0 &&
           !is_nothing_read(verify, &counts);
}

/* ---- all of them ---- */

static bool make_plans(struct verify *verify)
{
    const size_t count = verify->conf->stream_count;
    struct fb_error error = {0};
    enum fb_status status = FB_OK;

    verify->plans = calloc(count + 1, sizeof *verify->plans);
    if (verify->plans == NULL)
        return fb_cli_fail("out of memory") == FB_EXIT_OK;
    for (size_t i = 0; i < count && status == FB_OK; i++) {
        const struct fb_conf_stream *stream = &verify->conf->streams[i];
        struct plan *plan = &verify->plans[i];

        if (!is_chosen(verify, stream))
            continue;
        plan->seed = fb_random_entropy();
        status = fb_conf_layout(stream, &plan->layout, &error);
        if (status == FB_OK)
            status = fb_conf_mapping(stream, plan->seed, &plan->mapping, &error);
        if (status != FB_OK)
            complain(stream, error.message);
    }
    return status == FB_OK;
}

static bool set_up(struct verify *verify)
{
    struct fb_error error = {0};

    if (verify->options->stream != NULL &&
        fb_cli_find_stream(verify->conf, verify->options->stream) == NULL)
        return false;
    if (!make_plans(verify))
        return false;
    if (fb_environment_state_dir(verify->conf, &verify->state_dir) != FB_OK)
        fb_fail(&error, FB_NO_MEMORY, "out of memory");
    else if (fb_environment_new(verify->conf, fb_clock_system(), &verify->environment, &error) ==
             FB_OK)
        return true;
    fb_cli_report(NULL, error.message);
    return false;
}

static void tear_down(struct verify *verify)
{
    fb_environment_free(verify->environment);
    for (size_t i = 0; verify->plans != NULL && i < verify->conf->stream_count; i++) {
        fb_layout_free(verify->plans[i].layout);
        fb_mapping_free(verify->plans[i].mapping);
    }
    free(verify->plans);
    free(verify->state_dir);
    fb_conf_free(verify->conf);
}

static int run_verify(const void *row, char *const *operands, int operand_count)
{
    struct verify verify = {.options = row};
    int status = FB_EXIT_WRONG;

    (void)operands;
    (void)operand_count;
    if (verify.options->from_ms >= verify.options->to_ms) {
        fputs("firebridge: verify needs a --to that is later than --from\n", stderr);
        return FB_EXIT_USAGE;
    }
    fb_log_set_level(FB_LOG_ERROR);
    verify.conf = fb_cli_read_conf(verify.options->conf_path);
    if (verify.conf == NULL)
        return FB_EXIT_WRONG;
    if (set_up(&verify)) {
        status = FB_EXIT_OK;
        for (size_t i = 0; i < verify.conf->stream_count; i++) {
            verify.stream = &verify.conf->streams[i];
            if (is_chosen(&verify, verify.stream) && !verify_stream(&verify, &verify.plans[i]))
                status = FB_EXIT_WRONG;
        }
    }
    tear_down(&verify);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct verify_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct verify_options, stream),
     .value = "NAME",
     .help = "of one stream alone"},
    {.name = "sample",
     .kind = FB_OPTION_COUNT,
     .offset = offsetof(struct verify_options, sample),
     .value = "N",
     .help = "of so many objects, chosen by chance; 0, and\nwithout it: of all"},
    {.name = "from",
     .kind = FB_OPTION_TIME,
     .offset = offsetof(struct verify_options, from_ms),
     .value = "TIME",
     .help = "of objects from then on, like 2026-11-22T10:00:00Z"},
    {.name = "to",
     .kind = FB_OPTION_TIME,
     .offset = offsetof(struct verify_options, to_ms),
     .value = "TIME",
     .help = "of objects before"},
    {.name = "limit",
     .kind = FB_OPTION_COUNT,
     .offset = offsetof(struct verify_options, limit),
     .value = "N",
     .help = "show so many findings of a stream; default 100"},
    FB_OPTION_OUTPUT(struct verify_options),
};

extern const struct fb_command fb_command_verify;
const struct fb_command fb_command_verify = {
    .name = "verify",
    .summary = "hold the tables against the objects",
    .help = "Reads objects that are done again, and their keys back from the table. Tells\n"
            "which items are missing, different, or there though they were deleted, and\n"
            "ends with 1 if any is. Changes nothing; the daemon may run meanwhile.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct verify_options){.conf_path = FB_CONF_DEFAULT_PATH,
                                               .from_ms = INT64_MIN,
                                               .to_ms = INT64_MAX,
                                               .limit = 100},
    .options_size = sizeof(struct verify_options),
    .run = run_verify,
};
