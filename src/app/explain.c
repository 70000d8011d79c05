/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `firebridge explain`: what a conf would make of one object, without writing anything. Finds the
 * stream, the table's key and the object, reads it as the daemon would, and shows what comes out.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"
#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/key_option.h"
#include "firebridge/aws/access_point.h"
#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/s3.h"
#include "firebridge/base/backoff.h"

#define READ_BYTES      ((size_t)64 << 10)
#define CALL_TIMEOUT_MS 5000

struct explain_options {
    const char *conf_path;      /* NULL: the default one, where it is there */
    const char *stream;         /* NULL: the only one, or the one that reads the object's place */
    const char *key;            /* "NAME[:TYPE][,NAME[:TYPE]]"; NULL: the table is asked */
    struct fb_option_list sets; /* "KEY=VALUE", in place of the conf's */
    uint64_t limit;             /* records to show */
    unsigned output;
};

struct explain {
    const struct explain_options *options;
    const char *object; /* a path, "s3://BUCKET/KEY", or "-" for the standard input */
    struct fb_conf *conf;
    struct fb_conf_stream *stream;
    bool has_conf; /* else the stream is all defaults */
    struct fb_environment *environment;
    struct fb_key_schema schema;
    uint64_t hash_seed;
    struct fb_mapping *mapping; /* NULL: none */
    struct fb_layout *layout;   /* NULL: no prefix is known */
    struct fb_map_object described;
    struct fb_layout_partitions partitions;
    struct fb_object_reader *reader;
    struct fb_explanation explanation;
    bool begun, is_damaged;
    bool is_cut_off; /* nothing more can be shown */
};

/* ---- the stream ---- */

/* The conf that was asked for, or the default one where it is there, or none. */
static bool read_conf(struct explain *explain)
{
    const char *path = explain->options->conf_path;

    explain->has_conf = path != NULL || access(FB_CONF_DEFAULT_PATH, F_OK) == 0;
    if (explain->has_conf)
        explain->conf = fb_cli_read_conf(path != NULL ? path : FB_CONF_DEFAULT_PATH);
    else if (fb_conf_new_default(&explain->conf) != FB_OK)
        fb_cli_report(NULL, "out of memory");
    return explain->conf != NULL;
}

static bool complain(const char *format, ...) FB_PRINTF(1, 2);

static bool complain(const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fb_cli_report(NULL, message);
    return false;
}

/* The prefix up to its first expression. */
static bool is_source_of(const struct fb_conf_stream *stream, const char *bucket,
                         size_t bucket_size, const char *key)
{
    const char *expression = strstr(stream->prefix, "!{");
    const size_t root =
        expression == NULL ? strlen(stream->prefix) : (size_t)(expression - stream->prefix);

    return strlen(stream->bucket) == bucket_size &&
           memcmp(stream->bucket, bucket, bucket_size) == 0 &&
           strncmp(stream->prefix, key, root) == 0;
}

/* The one stream that reads this place; NULL when none or several do. */
static struct fb_conf_stream *find_by_place(struct explain *explain)
{
    const char *place = explain->object;
    struct fb_conf_stream *found = NULL;
    const char *slash;

    if (strncmp(place, "s3://", 5) != 0)
        return NULL;
    slash = place + 5 + fb_access_point_size(place + 5);
    if (*slash == '\0')
        return NULL;
    for (size_t i = 0; i < explain->conf->stream_count; i++) {
        struct fb_conf_stream *stream = &explain->conf->streams[i];

        if (!is_source_of(stream, place + 5, (size_t)(slash - place - 5), slash + 1))
            continue;
        if (found != NULL)
            return NULL;
        found = stream;
    }
    return found;
}

static bool find_stream(struct explain *explain)
{
    const char *name = explain->options->stream;
    struct fb_conf *conf = explain->conf;
    const struct fb_conf_stream *found;

    if (name == NULL) {
        explain->stream = conf->stream_count == 1 ? conf->streams : find_by_place(explain);
        return explain->stream != NULL ||
               complain("the conf has %zu streams; say which one with --stream NAME",
                        conf->stream_count);
    }
    if (!explain->has_conf)
        return complain("there is no stream %s without a conf", name);
    found = fb_cli_find_stream(conf, name);
    if (found != NULL)
        explain->stream = &conf->streams[found - conf->streams];
    return found != NULL;
}

/* What the stream itself would not look at. */
static void warn_of_layout(const struct explain *explain)
{
    const char *place = explain->object;
    const struct fb_conf_stream *stream = explain->stream;
    const size_t bucket_size = explain->has_conf ? strlen(stream->bucket) : 0;
    enum fb_key_verdict verdict;

    if (!explain->has_conf || strncmp(place, "s3://", 5) != 0)
        return;
    if (strncmp(place + 5, stream->bucket, bucket_size) != 0 || place[5 + bucket_size] != '/') {
        complain("stream %s reads %s, and not this bucket", stream->name, stream->source);
        return;
    }
    if (explain->layout == NULL)
        return;
    verdict = fb_layout_judge(explain->layout, place + 5 + bucket_size + 1, 1, "STANDARD");
    if (verdict != FB_KEY_DATA)
        complain("stream %s would leave this object out: it is %s", stream->name,
                 fb_key_verdict_name(verdict));
}

static bool set_keys(struct explain *explain)
{
    struct fb_object_reader_options reader;
    struct fb_error error = {0};

    for (size_t i = 0; i < explain->options->sets.count; i++)
        if (fb_conf_stream_set(explain->stream, explain->options->sets.values[i], &error) != FB_OK)
            return complain("--set %s: %s", explain->options->sets.values[i], error.message);
    if (explain->stream->prefix != NULL &&
        fb_conf_layout(explain->stream, &explain->layout, &error) != FB_OK)
        return complain("%s", error.message);
    warn_of_layout(explain);
    reader = fb_conf_reader_options(explain->stream);
    return fb_form_options_check(&reader.form, &error) == FB_OK || complain("%s", error.message);
}

/* ---- the table's key ---- */

static bool take_key(struct explain *explain)
{
    struct fb_error error = {0};

    return fb_key_option_read(explain->options->key, explain->mapping, &explain->schema, &error) ==
               FB_OK ||
           complain("%s", error.message);
}

static bool connect_service(struct explain *explain, enum fb_stream_side side,
                            struct fb_client *ret_client, struct fb_error *error)
{
    enum fb_status status = FB_OK;

    if (explain->environment == NULL)
        status = fb_environment_new(explain->conf, fb_clock_system(), &explain->environment, error);
    if (status == FB_OK)
        status = fb_environment_client(explain->environment, side, explain->stream, NULL,
                                       FB_STOP_NOT, ret_client, error);
    return status == FB_OK;
}

/* Who tries a conf at a desk may not reach the table; the rest can be shown all the same. */
static void describe_table(struct explain *explain)
{
    struct fb_client client = {0};
    struct fb_table table;
    struct fb_error error = {0};
    bool is_known = connect_service(explain, FB_SIDE_TABLE, &client, &error);

    if (is_known) {
        if (client.connect_timeout_ms > CALL_TIMEOUT_MS)
            client.connect_timeout_ms = CALL_TIMEOUT_MS;
        if (client.request_timeout_ms > CALL_TIMEOUT_MS)
            client.request_timeout_ms = CALL_TIMEOUT_MS;
        is_known =
            fb_dynamodb_describe_table(&client, explain->stream->table, &table, &error) == FB_OK;
        fb_environment_client_done(&client);
    }
    if (is_known)
        explain->schema = table.schema;
    else
        complain("table %s cannot be described, so its key is not looked for (or say it with "
                 "--key): %s",
                 explain->stream->table, error.message);
}

static bool find_key(struct explain *explain)
{
    if (explain->options->key != NULL)
        return take_key(explain);
    if (explain->has_conf)
        describe_table(explain);
    return true;
}

/* ---- the object ---- */

/* The key; of a file the part of its path from where the prefix begins, if it does. */
static const char *find_object_key(const struct explain *explain)
{
    const char *const object = explain->object;
    const char *at = NULL;

    if (strncmp(object, "s3://", 5) == 0)
        return strchr(object + 5, '/') + 1;
    if (explain->layout != NULL)
        at = strstr(object, fb_layout_root(explain->layout));
    return at != NULL ? at : object;
}

/* As the daemon would, as far as it is known here. */
static void describe_object(struct explain *explain)
{
    const int64_t now_ms = fb_realtime_ms(fb_clock_system());
    const char *const key = find_object_key(explain);

    if (explain->layout != NULL)
        fb_layout_partitions(explain->layout, key, &explain->partitions);
    explain->described = (struct fb_map_object){
        .stream = explain->stream->name,
        .bucket = explain->stream->bucket,
        .key = key,
        .etag = "",
        .now_ms = now_ms,
        .ingest_time_ms = now_ms,
        .arrival_ms = explain->layout == NULL ? 0 : fb_layout_key_time_ms(explain->layout, key, 0),
        .partitions = explain->partitions.values,
        .partition_count = explain->partitions.count,
    };
    fb_object_reader_describe_object(explain->reader, &explain->described);
}

static void begin_once(struct explain *explain, const char *content_encoding)
{
    const struct fb_inflate_hints hints = {.content_encoding = content_encoding,
                                           .key = explain->object};

    if (explain->begun)
        return;
    fb_object_reader_begin(explain->reader, &hints);
    describe_object(explain);
    explain->begun = true;
}

static enum fb_status show_records(struct explain *explain, struct fb_error *error)
{
    struct fb_record record;
    enum fb_status status;

    while ((status = fb_object_reader_next(explain->reader, &record, error)) == FB_OK) {
        fb_explanation_take(&explain->explanation, explain->reader, &record);
        if (ferror(stdout)) {
            explain->is_cut_off = true;
            (void)fb_cli_flush();
            return FB_CANCELED;
        }
    }
    explain->is_damaged = status == FB_CORRUPT;
    return status;
}

static enum fb_status take_bytes(struct explain *explain, const char *content_encoding,
                                 const char *bytes, size_t size, struct fb_error *error)
{
    enum fb_status status;

    begin_once(explain, content_encoding);
    explain->explanation.object_bytes += size;
    fb_object_reader_feed(explain->reader, bytes, size);
    status = show_records(explain, error);
    return status == FB_NEED_MORE ? FB_OK : status;
}

static enum fb_status read_stream(struct explain *explain, FILE *file, struct fb_error *error)
{
    char *bytes = malloc(READ_BYTES);
    enum fb_status status = bytes == NULL ? fb_fail(error, FB_NO_MEMORY, "out of memory") : FB_OK;
    size_t size;

    while (status == FB_OK && (size = fread(bytes, 1, READ_BYTES, file)) > 0)
        status = take_bytes(explain, NULL, bytes, size, error);
    if (status == FB_OK && ferror(file))
        status = fb_fail(error, FB_IO, "%s cannot be read: %s", explain->object, strerror(errno));
    free(bytes);
    return status;
}

static enum fb_status read_file(struct explain *explain, struct fb_error *error)
{
    const char *path = explain->object;
    enum fb_status status;
    FILE *file;

    if (strcmp(path, "-") == 0)
        return read_stream(explain, stdin, error);
    file = fopen(path, "rb");
    if (file == NULL)
        return fb_fail(error, FB_IO, "%s cannot be opened: %s", path, strerror(errno));
    status = read_stream(explain, file, error);
    (void)fclose(file);
    return status;
}

/* What ends a GET before its end, apart from the exchange's own errors. */
struct body {
    struct explain *explain;
    enum fb_status status;
    struct fb_error error;
};

static enum fb_status on_body(void *context, const struct fb_http_response *response,
                              const char *bytes, size_t size)
{
    struct body *body = context;

    body->status = take_bytes(body->explain, response->content_encoding, bytes, size, &body->error);
    return body->status;
}

static enum fb_status read_s3(struct explain *explain, struct fb_error *error)
{
    const char *place = explain->object + strlen("s3://");
    const size_t bucket_size = fb_access_point_size(place);
    char bucket[256];
    struct body body = {.explain = explain};
    struct fb_s3_get_request request = {
        .bucket = bucket,
        .key = place + bucket_size + 1,
        .size_bytes = UINT64_MAX,
        .stall_timeout_ms = explain->conf->aws.stall_timeout_ms,
        .sink = on_body,
        .context = &body,
    };
    struct fb_client client = {0};
    enum fb_status status;

    if (bucket_size == 0 || bucket_size >= sizeof bucket || place[bucket_size] == '\0' ||
        *request.key == '\0')
        return fb_fail(error, FB_INVALID, "%s: expected s3://BUCKET/KEY", explain->object);
    snprintf(bucket, sizeof bucket, "%.*s", (int)bucket_size, place);
    if (!connect_service(explain, FB_SIDE_SOURCE, &client, error))
        return error->status;
    status = fb_s3_get(&client, &request, error);
    fb_environment_client_done(&client);
    if (body.status != FB_OK)
        *error = body.error;
    return body.status != FB_OK ? body.status : status;
}

static enum fb_status read_object(struct explain *explain, struct fb_error *error)
{
    const bool is_s3 = strncmp(explain->object, "s3://", 5) == 0;
    enum fb_status status = is_s3 ? read_s3(explain, error) : read_file(explain, error);

    if (status != FB_OK)
        return status;
    begin_once(explain, NULL);
    fb_object_reader_finish(explain->reader);
    status = show_records(explain, error);
    return status == FB_END ? FB_OK : status;
}

/* ---- all of it ---- */

/* Before anything has a thread or a secret, for jq's sake. */
static bool make_mapping(struct explain *explain)
{
    struct fb_error error = {0};

    explain->hash_seed = fb_random_entropy();
    return fb_conf_mapping(explain->stream, explain->hash_seed, &explain->mapping, &error) ==
               FB_OK ||
           complain("%s", error.message);
}

static bool make_reader(struct explain *explain)
{
    struct fb_object_reader_options reader = fb_conf_reader_options(explain->stream);
    struct fb_error error = {0};

    reader.schema = &explain->schema;
    reader.hash_seed = explain->hash_seed;
    if (explain->mapping != NULL && explain->schema.count > 0 &&
        fb_conf_check_key(explain->stream, explain->mapping, &explain->schema, &error) != FB_OK)
        return complain("%s", error.message);
    reader.mapping = explain->mapping;
    return fb_object_reader_new(&reader, &explain->reader, &error) == FB_OK ||
           complain("%s", error.message);
}

static int explain_object(struct explain *explain)
{
    struct fb_error error = {0};
    enum fb_status status;

    explain->explanation = (struct fb_explanation){
        .object = explain->object,
        .stream = explain->has_conf ? explain->stream : NULL,
        .schema = &explain->schema,
        .is_auto = explain->stream->format == FB_FORMAT_AUTO,
        .as_json = explain->options->output == FB_OUTPUT_JSON,
        .limit = explain->options->limit,
    };
    status = read_object(explain, &error);
    if (explain->is_cut_off)
        return FB_EXIT_WRONG;
    if (status != FB_OK && !explain->is_damaged) {
        complain("%s", error.message);
        return FB_EXIT_WRONG;
    }
    fb_explanation_end(&explain->explanation, explain->reader,
                       explain->is_damaged ? error.message : NULL);
    return fb_explanation_is_good(&explain->explanation) ? FB_EXIT_OK : FB_EXIT_WRONG;
}

static int run_explain(const void *row, char *const *operands, int operand_count)
{
    struct explain explain = {.options = row, .object = operands[0]};
    int status = FB_EXIT_WRONG;

    (void)operand_count;
    if (!fb_key_option_check(explain.options->key))
        return FB_EXIT_USAGE;
    if (read_conf(&explain) && find_stream(&explain) && set_keys(&explain) &&
        make_mapping(&explain) && find_key(&explain) && make_reader(&explain))
        status = explain_object(&explain);
    fb_object_reader_free(explain.reader);
    fb_mapping_free(explain.mapping);
    fb_layout_free(explain.layout);
    fb_environment_free(explain.environment);
    fb_conf_free(explain.conf);
    return status;
}

static const struct fb_option options[] = {
    {.name = "config",
     .letter = 'c',
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct explain_options, conf_path),
     .value = "FILE",
     .help = "the conf file; without one, the defaults"},
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct explain_options, stream),
     .value = "NAME",
     .help = "the stream of the conf, where there are several"},
    {.name = "key",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct explain_options, key),
     .value = "NAME:TYPE[,...]",
     .help = "the table's key, where the table is not to be asked"},
    {.name = "set",
     .kind = FB_OPTION_LIST,
     .offset = offsetof(struct explain_options, sets),
     .value = "KEY=VALUE",
     .help = "another value for one of the stream's keys; repeatable"},
    {.name = "limit",
     .kind = FB_OPTION_COUNT,
     .offset = offsetof(struct explain_options, limit),
     .value = "N",
     .help = "show so many records; default 10"},
    {.name = "output",
     .kind = FB_OPTION_CHOICE,
     .offset = offsetof(struct explain_options, output),
     .choices = "text|json",
     .help = "for a person, or a JSON object a line; default text"},
};

extern const struct fb_command fb_command_explain;
const struct fb_command fb_command_explain = {
    .name = "explain",
    .operands = "FILE | s3://BUCKET/KEY | -",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "show what would become of an object",
    .help = "Reads an object as the daemon would, and shows its compression, the form of its\n"
            "records, the first items and dead letters, and sums over all. Writes nothing.\n"
            "Ends with 1 if there are dead letters, or the object is damaged.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct explain_options){.limit = 10},
    .options_size = sizeof(struct explain_options),
    .run = run_explain,
};
