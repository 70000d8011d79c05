/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge redrive`: dead letters through the conf as it is now. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/s3.h"
#include "firebridge/base/backoff.h"
#include "firebridge/base/nearest.h"
#include "firebridge/pipeline/redrive.h"

struct redrive_options {
    const char *conf_path;
    const char *stream; /* NULL: all of them */
    const char *reason; /* NULL: whatever it is */
    int64_t since_ms;   /* 0: from the first */
    bool dry_run;
    struct fb_again again;
    unsigned output;
};

struct redrive {
    const struct redrive_options *options;
    struct fb_conf *conf;
    struct fb_environment *environment;
    const struct fb_conf_stream *stream; /* at work */
    char *directory;                     /* of all streams' files */
    struct plan *plans;                  /* of each stream of the conf */
    uint64_t seed;
    bool has_head; /* the table's first line is printed */
};

struct plan {
    struct fb_layout *layout;
    struct fb_mapping *mapping; /* NULL: none */
};

static bool complain(const char *stream, const char *message)
{
    (void)fb_cli_fail("stream %s: %s", stream, message);
    return false;
}

/* ---- what was asked for ---- */

static bool is_asked_for(const struct redrive *redrive, const struct fb_conf_stream *stream)
{
    return redrive->options->stream == NULL || strcmp(redrive->options->stream, stream->name) == 0;
}

static bool has_stream(const struct redrive *redrive)
{
    return redrive->options->stream == NULL ||
           fb_cli_find_stream(redrive->conf, redrive->options->stream) != NULL;
}

/* A mistyped reason would find no letter, and look as if all were well. */
static bool has_reason(const char *reason)
{
    struct fb_nearest nearest;
    char text[256];

    if (reason == NULL || strcmp(reason, FB_REASON_DAMAGED_OBJECT) == 0)
        return true;
    fb_nearest_init(&nearest, reason);
    for (int i = FB_DEAD_NONE + 1; i < FB_DEAD_REASON_COUNT; i++) {
        const char *name = fb_dead_reason_name((enum fb_dead_reason)i);

        if (strcmp(name, reason) == 0)
            return true;
        fb_nearest_offer(&nearest, name);
    }
    snprintf(text, sizeof text, "--reason %.64s: no dead letter has it%s%s%s", reason,
             nearest.name == NULL ? "" : "; did you mean ",
             nearest.name == NULL ? "" : nearest.name, nearest.name == NULL ? "" : "?");
    fb_cli_report(NULL, text);
    return false;
}

static int check_again(const struct redrive *redrive)
{
    int status = FB_EXIT_OK;

    for (size_t i = 0; i < redrive->conf->stream_count && status == FB_EXIT_OK; i++) {
        const struct fb_conf_stream *stream = &redrive->conf->streams[i];

        /* One that adds is refused in its turn, whatever was said. */
        if (is_asked_for(redrive, stream) && !fb_conf_may_add(stream))
            status =
                fb_again_check(stream, &redrive->options->again,
                               "a record that became a dead letter", redrive->options->dry_run);
    }
    return status;
}

/* ---- one stream ---- */

static enum fb_status connect_client(void *context, enum fb_stream_side side, struct fb_stop *stop,
                                     enum fb_stop_level stop_at, struct fb_client *ret_client,
                                     struct fb_error *error)
{
    struct redrive *redrive = context;

    return fb_environment_client(redrive->environment, side, redrive->stream, stop, stop_at,
                                 ret_client, error);
}

static enum fb_status describe_table(struct redrive *redrive, const struct fb_conf_stream *stream,
                                     const struct fb_mapping *mapping, struct fb_table *ret_table,
                                     struct fb_error *error)
{
    struct fb_client client;
    enum fb_status status = fb_environment_client(redrive->environment, FB_SIDE_TABLE, stream, NULL,
                                                  FB_STOP_NOT, &client, error);

    if (status != FB_OK)
        return status;
    status = fb_dynamodb_describe_table(&client, stream->table, ret_table, error);
    fb_environment_client_done(&client);
    if (status == FB_OK)
        status = fb_conf_check_key(stream, mapping, &ret_table->schema, error);
    return status;
}

static void tell(void *context, const char *message)
{
    fb_cli_report(context, message);
}

static struct fb_record_reader_options reader_options(const struct fb_conf_stream *stream,
                                                      const struct fb_table *table,
                                                      const struct fb_mapping *mapping,
                                                      uint64_t seed)
{
    const struct fb_object_reader_options object = fb_conf_reader_options(stream);

    return (struct fb_record_reader_options){
        .schema = &table->schema,
        .hash_seed = seed,
        .max_record_size = object.max_record_size,
        .form = object.form,
        .mapping = mapping,
    };
}

static enum fb_status run_stream(struct redrive *redrive, const struct fb_conf_stream *stream,
                                 const struct fb_layout *layout, const struct fb_mapping *mapping,
                                 struct fb_redrive_counts *counts, struct fb_error *error)
{
    struct fb_table table;
    struct fb_redrive_options options = {
        .stream = stream->name,
        .table = stream->table,
        .schema = &table.schema,
        .layout = layout,
        .directory = redrive->directory,
        .letters_bucket = stream->letters_bucket,
        .letters_prefix = stream->letters_prefix,
        .since_ms = redrive->options->since_ms,
        .reason = redrive->options->reason,
        .dry_run = redrive->options->dry_run,
        .if_absent = redrive->options->again.if_absent,
        .writers = stream->writers,
        .removes_nulls = stream->null == FB_MAP_NULL_UNSET,
        .max_in_flight = stream->max_in_flight,
        .give_up_after_ms = redrive->conf->daemon.once_patience_ms,
        .stall_timeout_ms = redrive->conf->aws.stall_timeout_ms,
        .calls = {.list_page = fb_s3_list_page,
                  .get = fb_s3_get,
                  .put = fb_s3_put,
                  .remove = fb_s3_delete,
                  .write = fb_dynamodb_write,
                  .connect = connect_client,
                  .disconnect = fb_environment_client_done,
                  .connect_context = redrive},
        .clock = fb_clock_system(),
        .tell = tell,
    };
    enum fb_status status = describe_table(redrive, stream, mapping, &table, error);

    if (status == FB_OK && fb_conf_may_add(stream))
        return fb_fail(error, FB_UNSUPPORTED,
                       "its records add (write = add), and nothing would keep a letter from being "
                       "added twice; deliver such records again, as an object in a folder of now");
    options.reader = reader_options(stream, &table, mapping, redrive->seed);
    return status == FB_OK ? fb_redrive_run(&options, counts, error) : status;
}

static void print_json(const struct redrive *redrive, const char *stream,
                       const struct fb_redrive_counts *counts)
{
    printf("{\"stream\":\"%s\",\"dry_run\":%s,\"letters\":%" PRIu64 ",\"written\":%" PRIu64
           ",\"left_out\":%" PRIu64 ",\"repeats\":%" PRIu64 ",\"failed\":%" PRIu64
           ",\"unfit\":%" PRIu64 ",\"unreadable\":%" PRIu64 "}\n",
           stream, redrive->options->dry_run ? "true" : "false", counts->letters, counts->written,
           counts->left_out, counts->repeats, counts->failed, counts->unfit, counts->unreadable);
}

static void print_counts(struct redrive *redrive, const char *stream,
                         const struct fb_redrive_counts *counts)
{
    if (redrive->options->output == FB_OUTPUT_JSON) {
        print_json(redrive, stream, counts);
        return;
    }
    if (!redrive->has_head)
        printf("%-20s %9s %9s %9s %9s %9s %9s %10s\n", "stream", "letters",
               redrive->options->dry_run ? "writable" : "written", "left out", "repeats", "failed",
               "unfit", "unreadable");
    redrive->has_head = true;
    printf("%-20s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
           " %10" PRIu64 "\n",
           stream, counts->letters, counts->written, counts->left_out, counts->repeats,
           counts->failed, counts->unfit, counts->unreadable);
}

/* True when nothing is left. */
static bool redrive_stream(struct redrive *redrive, const struct fb_conf_stream *stream,
                           const struct plan *plan)
{
    struct fb_redrive_counts counts = {0};
    struct fb_error error = {0};
    enum fb_status status;

    redrive->stream = stream;
    status = run_stream(redrive, stream, plan->layout, plan->mapping, &counts, &error);

    print_counts(redrive, stream->name, &counts);
    (void)fflush(stdout);
    if (status != FB_OK)
        return complain(stream->name, error.message);
    return counts.failed + counts.unfit + counts.unreadable == 0;
}

/* ---- all of them ---- */

/* Before anything has a thread or a secret: a layout may load a time zone, and a mapping fork. */
static bool make_plans(struct redrive *redrive)
{
    const size_t count = redrive->conf->stream_count;
    struct fb_error error = {0};
    enum fb_status status = FB_OK;

    redrive->plans = calloc(count, sizeof *redrive->plans);
    if (redrive->plans == NULL)
        status = fb_fail(&error, FB_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count && status == FB_OK; i++) {
        const struct fb_conf_stream *stream = &redrive->conf->streams[i];

        if (!is_asked_for(redrive, stream))
            continue;
        status = fb_conf_layout(stream, &redrive->plans[i].layout, &error);
        if (status == FB_OK)
            status = fb_conf_mapping(stream, redrive->seed, &redrive->plans[i].mapping, &error);
        if (status != FB_OK)
            fb_error_prefix(&error, "stream %s", stream->name);
    }
    if (status != FB_OK)
        fb_cli_report(NULL, error.message);
    return status == FB_OK;
}

static void free_plans(struct redrive *redrive)
{
    for (size_t i = 0; redrive->plans != NULL && i < redrive->conf->stream_count; i++) {
        fb_layout_free(redrive->plans[i].layout);
        fb_mapping_free(redrive->plans[i].mapping);
    }
    free(redrive->plans);
}

static bool set_up(struct redrive *redrive)
{
    struct fb_error error = {0};
    char *state_dir = NULL;
    enum fb_status status = fb_environment_state_dir(redrive->conf, &state_dir);

    if (status == FB_OK && asprintf(&redrive->directory, "%s/dead-letters", state_dir) < 0) {
        redrive->directory = NULL;
        status = FB_NO_MEMORY;
    }
    free(state_dir);
    if (status != FB_OK) {
        fb_cli_report(NULL, "out of memory");
        return false;
    }
    status = fb_environment_new(redrive->conf, fb_clock_system(), &redrive->environment, &error);
    if (status != FB_OK)
        fb_cli_report(NULL, error.message);
    return status == FB_OK;
}

static int redrive_all(struct redrive *redrive)
{
    int status = FB_EXIT_OK;

    if (!has_stream(redrive))
        return FB_EXIT_WRONG;
    if (check_again(redrive) != FB_EXIT_OK)
        return FB_EXIT_USAGE;
    if (!make_plans(redrive) || !set_up(redrive))
        return FB_EXIT_WRONG;
    for (size_t i = 0; i < redrive->conf->stream_count; i++)
        if (is_asked_for(redrive, &redrive->conf->streams[i]) &&
            !redrive_stream(redrive, &redrive->conf->streams[i], &redrive->plans[i]))
            status = FB_EXIT_WRONG;
    return status;
}

static int run_redrive(const void *row, char *const *operands, int operand_count)
{
    const struct redrive_options *options = row;
    struct redrive redrive = {.options = options, .seed = fb_random_entropy()};
    int status = FB_EXIT_WRONG;

    (void)operands;
    (void)operand_count;
    if (!has_reason(options->reason))
        return FB_EXIT_USAGE;
    fb_log_set_level(FB_LOG_ERROR);
    redrive.conf = fb_cli_read_conf(options->conf_path);
    if (redrive.conf != NULL)
        status = redrive_all(&redrive);
    fb_environment_free(redrive.environment);
    free_plans(&redrive);
    free(redrive.directory);
    fb_conf_free(redrive.conf);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct redrive_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct redrive_options, stream),
     .value = "NAME",
     .help = "of one stream alone"},
    {.name = "since",
     .kind = FB_OPTION_TIME,
     .offset = offsetof(struct redrive_options, since_ms),
     .value = "TIME",
     .help = "those from then on, like 2026-11-22T10:00:00Z"},
    {.name = "reason",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct redrive_options, reason),
     .value = "CODE",
     .help = "those with this reason, like key-missing"},
    {.name = "dry-run",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct redrive_options, dry_run),
     .help = "say what would be, and change nothing"},
    {.name = "overwrite",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct redrive_options, again.overwrite),
     .help = "write, though an old record may replace a newer item"},
    {.name = "if-absent",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct redrive_options, again.if_absent),
     .help = "leave alone what is in the table"},
    FB_OPTION_OUTPUT(struct redrive_options),
};

extern const struct fb_command fb_command_redrive;
const struct fb_command fb_command_redrive = {
    .name = "redrive",
    .summary = "run dead letters through the conf again",
    .help = "What can be written now is written, and its dead letter removed; what cannot\n"
            "stays, with the new reason. The daemon may run meanwhile. Ends with 1 if a\n"
            "letter is left.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct redrive_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct redrive_options),
    .run = run_redrive,
};
