/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries what `run` will need and says how each went, a line each. It only reads, each call once,
 * and the whole ends within DEADLINE_MS however slow the answers are.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/conf_file.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/identity.h"
#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/s3.h"
#include "firebridge/aws/tables.h"
#include "firebridge/base/thread.h"
#include "firebridge/base/time.h"
#include "firebridge/pipeline/layout.h"
#include "firebridge/pipeline/marker.h"
#include "firebridge/state/state.h"

#define CALL_TIMEOUT_MS 5000
#define DEADLINE_MS     18000

/* What no time-out of ours reaches: a file on a server that is gone, a name that hangs. */
#define LAST_MS 19000

struct check {
    const struct fb_conf *conf;
    struct fb_environment *environment;
    struct fb_state *state; /* NULL: none there yet, or held by the daemon */
    int64_t deadline_ms;    /* monotonic */
    bool is_failed;
};

enum finding { OK, WARN, FAIL };

static void find(struct check *check, enum finding finding, const char *format, ...)
    FB_PRINTF(3, 4);

static void find(struct check *check, enum finding finding, const char *format, ...)
{
    static const char *const words[] = {"ok  ", "warn", "FAIL"};
    char line[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fb_make_printable(line);
    printf("%s  %s\n", words[finding], line);
    (void)fflush(stdout);
    check->is_failed |= finding == FAIL;
}

/* A client whose calls end in time; false when there is no time left. */
static bool new_client(struct check *check, const struct fb_conf_stream *stream,
                       enum fb_stream_side side, struct fb_client *ret_client)
{
    int64_t left_ms = check->deadline_ms - fb_monotonic_ms(fb_clock_system());
    int64_t limit_ms = left_ms < CALL_TIMEOUT_MS ? left_ms : CALL_TIMEOUT_MS;
    const char *what = side == FB_SIDE_SOURCE ? stream->source : stream->table;
    struct fb_error error = {0};

    if (left_ms <= 0) {
        find(check, FAIL, "stream %s: %s is not tried, for the calls before took too long",
             stream->name, what);
        return false;
    }
    if (fb_environment_client(check->environment, side, stream, NULL, FB_STOP_NOT, ret_client,
                              &error) != FB_OK) {
        find(check, FAIL, "stream %s: %s: %s", stream->name, what, error.message);
        return false;
    }
    if (ret_client->connect_timeout_ms > limit_ms)
        ret_client->connect_timeout_ms = limit_ms;
    if (ret_client->request_timeout_ms > limit_ms)
        ret_client->request_timeout_ms = limit_ms;
    return true;
}

static enum fb_status check_key(const struct fb_conf_stream *stream, const struct fb_table *table,
                                struct fb_error *error)
{
    struct fb_mapping *mapping = NULL;
    enum fb_status status = fb_conf_mapping(stream, 0, &mapping, error);

    if (status == FB_OK)
        status = fb_conf_check_key(stream, mapping, &table->schema, error);
    fb_mapping_free(mapping);
    return status;
}

static void print_table(struct check *check, const struct fb_conf_stream *stream,
                        const struct fb_table *table)
{
    const struct fb_key_attribute *keys = table->schema.attributes;
    bool has_sort_key = table->schema.count == 2;
    char sort_key[FB_KEY_NAME_MAX + 8] = "";
    char fingerprint[FB_FINGERPRINT_SIZE];
    struct fb_stream_identity identity;
    struct fb_error error = {0};

    if (has_sort_key)
        snprintf(sort_key, sizeof sort_key, ", %s (%c)", keys[1].name, (char)keys[1].type);
    find(check, fb_table_is_usable(table) ? OK : FAIL, "stream %s: table %s is %s, key %s (%c)%s",
         stream->name, stream->table, table->status, keys[0].name, (char)keys[0].type, sort_key);
    if (check_key(stream, table, &error) != FB_OK)
        find(check, FAIL, "stream %s: table %s: %s", stream->name, stream->table, error.message);
    fb_stream_identity_of(stream, table, fingerprint, &identity);
    if (check->state != NULL &&
        fb_state_stream_check(check->state, stream->name, &identity, &error) != FB_OK)
        find(check, FAIL, "stream %s: %s", stream->name, error.message);
}

/* Markers that do not expire stay for ever. */
static void print_expiry(struct check *check, const struct fb_conf_stream *stream,
                         const char *table, struct fb_client *client)
{
    const char *const ours = stream->marker_ttl_attribute;
    char attribute[FB_KEY_NAME_MAX + 1];
    struct fb_error error = {0};

    if (fb_dynamodb_describe_ttl(client, table, attribute, &error) != FB_OK)
        find(check, WARN,
             "stream %s: whether markers expire cannot be seen (dynamodb:DescribeTimeToLive): %s",
             stream->name, error.message);
    else if (attribute[0] == '\0')
        find(check, WARN,
             "stream %s: time to live is off in table %s, so markers stay for ever: aws dynamodb "
             "update-time-to-live --table-name %s --time-to-live-specification "
             "Enabled=true,AttributeName=%s",
             stream->name, table, table, ours);
    else if (strcmp(attribute, ours) != 0)
        find(check, WARN,
             "stream %s: items of table %s expire by %s, so markers stay for ever; set "
             "marker_ttl_attribute = %s",
             stream->name, table, attribute, attribute);
    else
        find(check, OK, "stream %s: markers in table %s expire by %s, after %lld days",
             stream->name, table, ours,
             (long long)(fb_conf_marker_ttl_ms(stream) / (24 * 3600 * INT64_C(1000))));
}

/* Of a stream that adds: where its markers are to stand. */
static void check_markers(struct check *check, const struct fb_conf_stream *stream,
                          const struct fb_table *table, struct fb_client *client)
{
    const bool is_apart = stream->marker_table != NULL;
    struct fb_table own = *table;
    struct fb_error error = {0};
    const struct fb_markers markers = {
        .table = is_apart ? stream->marker_table : stream->table,
        .schema = &own.schema,
        .ttl_attribute = stream->marker_ttl_attribute,
    };
    enum fb_status status =
        is_apart ? fb_dynamodb_describe_table(client, markers.table, &own, &error) : FB_OK;

    if (status == FB_OK)
        status = fb_markers_check(&markers, &error);
    if (status != FB_OK)
        find(check, FAIL, "stream %s: %s", stream->name, error.message);
    else
        print_expiry(check, stream, markers.table, client);
}

static void check_table(struct check *check, const struct fb_conf_stream *stream)
{
    struct fb_client client;
    struct fb_table table;
    struct fb_error error = {0};

    if (!new_client(check, stream, FB_SIDE_TABLE, &client))
        return;
    if (fb_dynamodb_describe_table(&client, stream->table, &table, &error) == FB_OK) {
        print_table(check, stream, &table);
        if (fb_conf_may_add(stream))
            check_markers(check, stream, &table, &client);
    } else {
        find(check, FAIL, "stream %s: table %s: %s", stream->name, stream->table, error.message);
    }
    fb_environment_client_done(&client);
}

struct page {
    const struct fb_layout *layout;
    uint64_t verdicts[FB_KEY_FOREIGN + 1];
    char first[FB_S3_KEY_MAX_BYTES + 1]; /* data key */
};

static enum fb_status take_listed(void *context, const struct fb_s3_listed *object)
{
    struct page *page = context;
    enum fb_key_verdict verdict =
        fb_layout_judge(page->layout, object->key, object->size_bytes, object->storage_class);

    if (verdict == FB_KEY_DATA && page->verdicts[FB_KEY_DATA] == 0)
        snprintf(page->first, sizeof page->first, "%s", object->key);
    page->verdicts[verdict]++;
    return FB_OK;
}

/* ", 3 excluded, 1 folder"; empty when nothing is left out. */
static void describe_left_out(const struct page *page, char *text, size_t size)
{
    size_t used = 0;

    *text = '\0';
    for (size_t i = FB_KEY_EXCLUDED; i <= FB_KEY_FOREIGN && used < size; i++) {
        int wrote = 0;

        if (page->verdicts[i] > 0)
            wrote = snprintf(text + used, size - used, "%s%" PRIu64 " %s",
                             used == 0 ? "; left out: " : ", ", page->verdicts[i],
                             fb_key_verdict_name((enum fb_key_verdict)i));
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void print_page(struct check *check, const struct fb_conf_stream *stream,
                       const struct page *page, bool is_truncated)
{
    uint64_t objects = page->verdicts[FB_KEY_DATA];
    char left_out[256];

    describe_left_out(page, left_out, sizeof left_out);
    if (objects == 0)
        find(check, WARN, "stream %s: %s has no object to read%s%s", stream->name, stream->source,
             is_truncated ? " on its first page" : " yet", left_out);
    else
        find(check, OK, "stream %s: %s has %" PRIu64 "%s object%s, the first is %s%s", stream->name,
             stream->source, objects, is_truncated ? " or more" : "", objects == 1 ? "" : "s",
             page->first, left_out);
}

static void list_page(struct check *check, const struct fb_conf_stream *stream,
                      struct fb_client *client, const struct fb_layout *layout)
{
    struct page page = {.layout = layout};
    struct fb_s3_list_request request = {.bucket = stream->bucket,
                                         .prefix = fb_layout_root(layout),
                                         .on_object = take_listed,
                                         .context = &page};
    struct fb_s3_list_result result;
    struct fb_error error = {0};

    if (fb_s3_list_page(client, &request, &result, &error) == FB_OK)
        print_page(check, stream, &page, result.is_truncated);
    else
        find(check, FAIL, "stream %s: listing %s: %s", stream->name, stream->source, error.message);
}

static void check_prefix(struct check *check, const struct fb_conf_stream *stream)
{
    struct fb_layout *layout = NULL;
    struct fb_client client;
    struct fb_error error = {0};

    if (!new_client(check, stream, FB_SIDE_SOURCE, &client))
        return;
    if (fb_conf_layout(stream, &layout, &error) == FB_OK)
        list_page(check, stream, &client, layout);
    else
        find(check, FAIL, "stream %s: %s", stream->name, error.message);
    fb_layout_free(layout);
    fb_environment_client_done(&client);
}

/* A try would leave an object behind. */
static void check_letters(struct check *check, const struct fb_conf_stream *stream)
{
    if (stream->letters_bucket != NULL)
        find(check, OK,
             "stream %s: dead letters go to %s, which is not tried: it needs s3:PutObject",
             stream->name, stream->dead_letters);
}

/* The folder itself, or what is there of its path. */
static bool find_existing(char *path)
{
    bool is_whole = true;

    while (access(path, F_OK) != 0 && strcmp(path, "/") != 0) {
        dirname(path);
        is_whole = false;
    }
    return is_whole;
}

/* What `run` would say of a state file that is there; one that is not there is not made. */
static void check_state(struct check *check, const char *directory)
{
    struct fb_error error = {0};
    char *path = NULL;
    enum fb_status status;

    if (asprintf(&path, "%s/firebridge.db", directory) < 0 || access(path, F_OK) != 0) {
        free(path);
        return;
    }
    status = fb_state_open(directory, &check->state, &error);
    if (status == FB_CONFLICT) /* the daemon at work, as it should be */
        find(check, OK, "state file: %s", error.message);
    else if (status != FB_OK)
        find(check, FAIL, "state file: %s", error.message);
    else
        find(check, OK, "state file: %s is sound", path);
    free(path);
}

static void check_state_dir(struct check *check)
{
    char *path = NULL;
    char *existing = NULL;
    struct stat status;
    bool is_whole;

    if (fb_environment_state_dir(check->conf, &path) != FB_OK ||
        (existing = strdup(path)) == NULL) {
        find(check, FAIL, "state_dir: out of memory");
        free(path);
        return;
    }
    is_whole = find_existing(existing);
    if (stat(existing, &status) == 0 && !S_ISDIR(status.st_mode))
        find(check, FAIL, "state_dir: %s is no folder", existing);
    else if (access(existing, W_OK | X_OK) != 0)
        find(check, FAIL, "state_dir: %s: user %u cannot write in %s: %s", path,
             (unsigned)geteuid(), existing, strerror(errno));
    else
        find(check, OK, "state_dir: %s %s", path, is_whole ? "is writable" : "can be made");
    if (is_whole)
        check_state(check, path);
    free(path);
    free(existing);
}

/* Whose they are and when they end, never what they are. */
static void print_credentials(struct check *check, struct fb_credentials_cache *cache,
                              const char *whose)
{
    struct fb_credentials_report report;
    char expires[FB_TIME_TEXT_SIZE];

    fb_credentials_cache_report(cache, &report);
    if (report.expires_ms == INT64_MAX) {
        find(check, OK, "%scredentials: from %s, which do not expire", whose, report.source);
        return;
    }
    fb_time_format_rfc3339(report.expires_ms, expires);
    find(check, report.is_extended ? WARN : OK, "%scredentials: from %s, until %s%s", whose,
         report.source, expires,
         report.is_extended ? "; they are past their date, and the metadata service says to go on"
                            : "");
}

/* Each is asked for once, however many streams share it. */
static bool check_side(struct check *check, const struct fb_conf_stream *stream,
                       enum fb_stream_side side)
{
    struct fb_principals *principals = fb_environment_principals(check->environment);
    struct fb_credentials_cache *cache = fb_principals_find(principals, stream, side);
    bool is_everyones = cache == fb_principals_find(principals, NULL, side);
    struct fb_credentials_report report;
    struct fb_error error = {0};
    char whose[FB_CONF_NAME_MAX_BYTES + 32] = "";
    int64_t ignored;

    if (!is_everyones)
        snprintf(whose, sizeof whose, "stream %s: %s: ", stream->name,
                 side == FB_SIDE_SOURCE ? "source" : "table");
    fb_credentials_cache_report(cache, &report);
    if (report.expires_ms != 0)
        return true;
    if (fb_credentials_cache_tend(cache, &ignored, &error) == FB_OK) {
        fb_credentials_cache_report(cache, &report);
        if (report.expires_ms != 0) {
            print_credentials(check, cache, whose);
            return true;
        }
    } else {
        find(check, FAIL, "%scredentials: %s", whose, error.message);
    }
    return false;
}

/* Without credentials every call would fail for the same reason: then none is made. */
static bool check_credentials(struct check *check, const struct fb_conf_stream *stream)
{
    bool has_source = check_side(check, stream, FB_SIDE_SOURCE);

    return check_side(check, stream, FB_SIDE_TABLE) && has_source;
}

static bool check_region(struct check *check)
{
    struct fb_error error = {0};

    if (fb_environment_new(check->conf, fb_clock_system(), &check->environment, &error) != FB_OK) {
        find(check, FAIL, "[aws]: %s", error.message);
        return false;
    }
    find(check, OK, "region: %s", fb_environment_region(check->environment));
    return true;
}

static void check_all(struct check *check)
{
    check_state_dir(check);
    if (check_region(check)) {
        for (size_t i = 0; i < check->conf->stream_count; i++) {
            const struct fb_conf_stream *stream = &check->conf->streams[i];

            if (!check_credentials(check, stream))
                continue;
            check_table(check, stream);
            check_prefix(check, stream);
            check_letters(check, stream);
        }
    }
    fb_environment_free(check->environment);
}

/* Nothing that `check` does needs to be undone. */
static void *end_in_time(void *argument)
{
    struct check late = {0};

    (void)argument;
    fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOT, LAST_MS);
    find(&late, FAIL, "the rest is not tried, for something did not answer in %d s",
         LAST_MS / 1000);
    _exit(FB_EXIT_WRONG);
}

struct check_options {
    const char *conf_path;
};

static int run_check(const void *row, char *const *operands, int operand_count)
{
    const char *const conf_path = ((const struct check_options *)row)->conf_path;
    struct check check = {.deadline_ms = fb_monotonic_ms(fb_clock_system()) + DEADLINE_MS};
    struct fb_error error = {0};
    struct fb_conf *conf;
    pthread_t thread;

    (void)operands;
    (void)operand_count;
    if (fb_thread_start(&thread, "deadline", end_in_time, NULL, &error) == FB_OK)
        pthread_detach(thread);
    else
        find(&check, WARN, "%s", error.message);
    conf = fb_cli_read_conf(conf_path);
    if (conf == NULL) {
        find(&check, FAIL, "conf: %s cannot be used as it stands", conf_path);
        return FB_EXIT_WRONG;
    }
    check.conf = conf;
    /* Credentials may come from calls of their own. */
    if (conf->aws.request_timeout_ms > CALL_TIMEOUT_MS)
        conf->aws.request_timeout_ms = CALL_TIMEOUT_MS;
    find(&check, OK, "conf: %s, %zu stream%s", conf_path, conf->stream_count,
         conf->stream_count == 1 ? "" : "s");
    check_all(&check);
    fb_state_close(check.state);
    fb_conf_free(conf);
    return check.is_failed ? FB_EXIT_WRONG : FB_EXIT_OK;
}

static const struct fb_option options[] = {FB_OPTION_CONFIG(struct check_options)};

extern const struct fb_command fb_command_check;
const struct fb_command fb_command_check = {
    .name = "check",
    .summary = "try everything that the conf file names",
    .help = "Reads the conf, finds credentials, describes each table, lists one page of each\n"
            "prefix, and prints a line for each finding: ok, warn or FAIL. Ends with 1 if the\n"
            "daemon would not work. Changes nothing.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct check_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct check_options),
    .run = run_check,
};
