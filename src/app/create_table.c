/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `firebridge create-table`: the tables that a conf writes to, as `aws` would make them, or made at
 * once. One that is there is looked at and never changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/key_option.h"
#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/tables.h"
#include "firebridge/pipeline/marker.h"

/* A new table is ACTIVE within seconds; whoever waits so long should look himself. */
#define ACTIVE_WITHIN_MS (5 * 60 * 1000)
#define LOOK_EVERY_MS    500

#define NO_TTL "none"

struct create_table_options {
    const char *conf_path;
    const char *stream; /* NULL: all of them */
    const char *key;    /* "NAME[:TYPE][,NAME[:TYPE]]"; NULL: as the mapping has it */
    const char *ttl;    /* an attribute, or NO_TTL; NULL: as the mapping has it */
    bool apply;
    unsigned output;
};

enum { OUTPUT_TEXT, OUTPUT_JSON };

struct wanted {
    const struct fb_conf_stream *stream;
    const char *table;
    struct fb_key_schema schema;
    char ttl[FB_KEY_NAME_MAX + 1]; /* empty: none */
};

struct creator {
    const struct create_table_options *options;
    struct fb_conf *conf;
    struct fb_environment *environment; /* NULL: nobody is asked */
    struct wanted *wanted;
    size_t count;
};

static bool refuse(const struct fb_conf_stream *stream, const struct fb_error *error)
{
    (void)fb_cli_fail("stream %s: %s", stream->name, error->message);
    return false;
}

/* ---- which table it is ---- */

/* The names that tables of one kind of item for all have by custom. */
static bool find_key_by_custom(const struct fb_mapping *mapping, struct fb_key_schema *schema)
{
    static const char *const names[][2] = {{"pk", "sk"}, {"PK", "SK"}};
    char text[8];
    enum fb_key_type ignored;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!fb_mapping_made_type(mapping, names[i][0], &ignored))
            continue;
        snprintf(text, sizeof text, "%s%s%s", names[i][0],
                 fb_mapping_made_type(mapping, names[i][1], &ignored) ? "," : "",
                 fb_mapping_made_type(mapping, names[i][1], &ignored) ? names[i][1] : "");
        return fb_key_option_read(text, mapping, schema, NULL) == FB_OK;
    }
    return false;
}

static enum fb_status find_key(const struct creator *creator, const struct fb_conf_stream *stream,
                               const struct fb_mapping *mapping, struct fb_key_schema *schema,
                               struct fb_error *error)
{
    enum fb_status status = FB_OK;

    if (creator->options->key != NULL)
        status = fb_key_option_read(creator->options->key, mapping, schema, error);
    else if (!find_key_by_custom(mapping, schema))
        status = fb_fail(error, FB_INVALID,
                         "which attributes are the key, the conf does not say (item.pk and "
                         "item.sk would): say --key NAME[:TYPE][,NAME[:TYPE]]");
    return status == FB_OK ? fb_conf_check_key(stream, mapping, schema, error) : status;
}

static bool is_of_key(const struct fb_key_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->attributes[i].name, name) == 0)
            return true;
    return false;
}

/* A table has one. Markers in it need theirs, or they would stay for ever. */
static enum fb_status find_ttl(const struct creator *creator, const struct fb_mapping *mapping,
                               struct wanted *wanted, struct fb_error *error)
{
    const struct fb_conf_stream *stream = wanted->stream;
    const char *found = fb_conf_may_add(stream) && stream->marker_table == NULL
                            ? stream->marker_ttl_attribute
                            : NULL;

    if (creator->options->ttl != NULL) {
        if (strcmp(creator->options->ttl, NO_TTL) != 0)
            snprintf(wanted->ttl, sizeof wanted->ttl, "%s", creator->options->ttl);
        return FB_OK;
    }
    for (size_t i = 0; i < stream->items.count; i++) {
        const struct fb_map_assignment *item = &stream->items.assignments[i];

        if (!fb_item_is_expiry(item, mapping) || is_of_key(&wanted->schema, item->name))
            continue;
        if (found != NULL && strcmp(found, item->name) != 0)
            return fb_fail(error, FB_INVALID,
                           "items could expire by %.100s or by %.100s, and a table has one such "
                           "attribute: say --ttl NAME, or --ttl " NO_TTL,
                           found, item->name);
        found = item->name;
    }
    snprintf(wanted->ttl, sizeof wanted->ttl, "%s", found == NULL ? "" : found);
    return FB_OK;
}

/* Of markers alone, whose keys have two parts. */
static void want_marker_table(struct wanted *wanted)
{
    static const struct fb_key_schema schema = {
        .attributes = {{.name = "pk", .name_size = 2, .type = FB_KEY_STRING},
                       {.name = "sk", .name_size = 2, .type = FB_KEY_STRING}},
        .count = 2,
    };

    wanted->schema = schema;
    snprintf(wanted->ttl, sizeof wanted->ttl, "%s", wanted->stream->marker_ttl_attribute);
}

static bool is_same_key(const struct fb_key_schema *a, const struct fb_key_schema *b)
{
    bool is_same = a->count == b->count;

    for (size_t i = 0; i < a->count && is_same; i++)
        is_same = strcmp(a->attributes[i].name, b->attributes[i].name) == 0 &&
                  a->attributes[i].type == b->attributes[i].type;
    return is_same;
}

/* Several streams may write to one table. */
static enum fb_status keep(struct creator *creator, const struct wanted *wanted,
                           struct fb_error *error)
{
    for (size_t i = 0; i < creator->count; i++) {
        struct wanted *other = &creator->wanted[i];

        if (strcmp(other->table, wanted->table) != 0)
            continue;
        if (!is_same_key(&other->schema, &wanted->schema) ||
            (other->ttl[0] != '\0' && wanted->ttl[0] != '\0' &&
             strcmp(other->ttl, wanted->ttl) != 0))
            return fb_fail(error, FB_INVALID,
                           "it wants table %.255s with another key or time to live than stream %s "
                           "does",
                           wanted->table, other->stream->name);
        if (other->ttl[0] == '\0')
            memcpy(other->ttl, wanted->ttl, sizeof other->ttl);
        return FB_OK;
    }
    creator->wanted[creator->count++] = *wanted;
    return FB_OK;
}

static enum fb_status check_markers(const struct wanted *wanted, struct fb_error *error)
{
    const struct fb_markers markers = {.table = wanted->table,
                                       .schema = &wanted->schema,
                                       .ttl_attribute = wanted->stream->marker_ttl_attribute};

    return fb_markers_check(&markers, error);
}

static enum fb_status want(struct creator *creator, const struct fb_conf_stream *stream,
                           struct fb_error *error)
{
    const bool adds = fb_conf_may_add(stream);
    struct wanted wanted = {.stream = stream, .table = stream->table};
    struct wanted markers = {.stream = stream, .table = stream->marker_table};
    struct fb_mapping *mapping = NULL;
    enum fb_status status = fb_conf_mapping(stream, 0, &mapping, error);

    if (status == FB_OK)
        status = find_key(creator, stream, mapping, &wanted.schema, error);
    if (status == FB_OK)
        status = find_ttl(creator, mapping, &wanted, error);
    if (status == FB_OK && adds && markers.table == NULL)
        status = check_markers(&wanted, error);
    if (status == FB_OK)
        status = keep(creator, &wanted, error);
    if (status == FB_OK && adds && markers.table != NULL) {
        want_marker_table(&markers);
        status = keep(creator, &markers, error);
    }
    fb_mapping_free(mapping);
    return status;
}

static bool want_all(struct creator *creator)
{
    struct fb_error error = {0};

    /* A table and one of markers for each. */
    creator->wanted = calloc(2 * creator->conf->stream_count + 1, sizeof *creator->wanted);
    if (creator->wanted == NULL) {
        fb_cli_report(NULL, "out of memory");
        return false;
    }
    for (size_t i = 0; i < creator->conf->stream_count; i++) {
        const struct fb_conf_stream *stream = &creator->conf->streams[i];

        if (creator->options->stream != NULL && strcmp(creator->options->stream, stream->name) != 0)
            continue;
        if (want(creator, stream, &error) != FB_OK)
            return refuse(stream, &error);
    }
    return true;
}

/* ---- shown ---- */

/* In a shell's single quotes. */
static void print_quoted(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    putchar('\'');
    for (const char *p = text; p != NULL && *p != '\0'; p++)
        if (*p == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*p);
    putchar('\'');
    free(text);
}

/* A table's ARN has its own. */
static void print_call(const struct creator *creator, const char *operation, const char *table)
{
    const char *region = creator->conf->aws.region;
    int size = region == NULL ? 0 : (int)strlen(region);

    if (strncmp(table, "arn:", 4) == 0) {
        region = strstr(table, ":dynamodb:") + strlen(":dynamodb:");
        size = (int)strcspn(region, ":");
    }
    printf("aws dynamodb %s", operation);
    if (size > 0)
        printf(" --region %.*s", size, region);
}

static void print_request(const struct creator *creator, const char *operation, const char *table,
                          const json_t *request)
{
    print_call(creator, operation, table);
    fputs(" --cli-input-json ", stdout);
    print_quoted(request);
    putchar('\n');
}

static void print_text(const struct creator *creator, const struct wanted *wanted,
                       const json_t *creation, const json_t *expiry)
{
    print_request(creator, "create-table", wanted->table, creation);
    if (expiry == NULL)
        return;
    print_call(creator, "wait table-exists", wanted->table);
    printf(" --table-name %s\n", wanted->table);
    print_request(creator, "update-time-to-live", wanted->table, expiry);
}

static void print_json(const struct wanted *wanted, json_t *creation, json_t *expiry)
{
    json_t *line =
        json_pack("{s:s, s:s, s:O, s:O?}", "stream", wanted->stream->name, "table", wanted->table,
                  "create_table", creation, "update_time_to_live", expiry);

    (void)json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

/* ---- made ---- */

/* What was done, or what was found; a line each. */
static void tell(const struct creator *creator, const struct wanted *wanted, const char *outcome,
                 const char *detail)
{
    json_t *line;

    if (creator->options->output == OUTPUT_TEXT) {
        printf("table %s: %s%s%s\n", wanted->table, outcome, detail[0] == '\0' ? "" : ": ", detail);
        return;
    }
    line = json_pack("{s:s, s:s, s:s, s:s}", "stream", wanted->stream->name, "table", wanted->table,
                     "outcome", outcome, "detail", detail);
    (void)json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

static void describe_key(const struct fb_key_schema *schema, char *text, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < schema->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s (%c)", i == 0 ? "" : ", ",
                                 schema->attributes[i].name, (char)schema->attributes[i].type);
}

/* True when it is as it should be. */
static bool compare(const struct creator *creator, const struct wanted *wanted,
                    const struct fb_table *found, const char *ttl)
{
    char wanted_key[2 * FB_KEY_NAME_MAX + 32];
    char found_key[2 * FB_KEY_NAME_MAX + 32];
    char text[sizeof wanted_key + sizeof found_key + 32];
    bool is_same = is_same_key(&wanted->schema, &found->schema);

    describe_key(&wanted->schema, wanted_key, sizeof wanted_key);
    describe_key(&found->schema, found_key, sizeof found_key);
    if (!is_same) {
        snprintf(text, sizeof text, "its key is %s, and not %s", found_key, wanted_key);
        tell(creator, wanted, "is there and differs", text);
    }
    if (wanted->ttl[0] != '\0' && strcmp(ttl, wanted->ttl) != 0) {
        snprintf(text, sizeof text, "its items expire by %s, and not by %s",
                 ttl[0] == '\0' ? "nothing" : ttl, wanted->ttl);
        tell(creator, wanted, "is there and differs", text);
        is_same = false;
    }
    if (is_same)
        tell(creator, wanted, "is there", "");
    return is_same;
}

static enum fb_status wait_until_usable(struct fb_client *client, const struct wanted *wanted,
                                        struct fb_error *error)
{
    const int64_t deadline_ms = fb_monotonic_ms(client->clock) + ACTIVE_WITHIN_MS;
    struct fb_table table = {0};

    for (;;) {
        enum fb_status status = fb_dynamodb_describe_table(client, wanted->table, &table, error);

        if (status == FB_OK && fb_table_is_usable(&table))
            return FB_OK;
        /* Right after its creation it may not be known everywhere. */
        if (status != FB_OK && status != FB_NOT_FOUND && fb_verdict_of(error) == FB_UNHEALTHY)
            return status;
        if (fb_monotonic_ms(client->clock) >= deadline_ms)
            return fb_fail(error, FB_UNAVAILABLE, "table %.255s is not ACTIVE after %d s",
                           wanted->table, ACTIVE_WITHIN_MS / 1000);
        fb_sleep_ms(client->clock, NULL, FB_STOP_NOT, LOOK_EVERY_MS);
    }
}

static enum fb_status make(const struct creator *creator, struct fb_client *client,
                           const struct wanted *wanted, const json_t *creation,
                           const json_t *expiry, struct fb_error *error)
{
    enum fb_status status = fb_dynamodb_create_table(client, wanted->table, creation, error);

    if (status == FB_OK)
        status = wait_until_usable(client, wanted, error);
    if (status == FB_OK)
        tell(creator, wanted, "made", "");
    if (status == FB_OK && expiry != NULL) {
        status = fb_dynamodb_update_ttl(client, wanted->table, expiry, error);
        if (status == FB_OK)
            tell(creator, wanted, "its items expire", wanted->ttl);
    }
    return status;
}

/* True when the table is as it should be, now or before. */
static bool apply(const struct creator *creator, const struct wanted *wanted,
                  const json_t *creation, const json_t *expiry)
{
    struct fb_client client;
    struct fb_table found;
    struct fb_error error = {0};
    char ttl[FB_KEY_NAME_MAX + 1] = "";
    bool is_good = true;
    enum fb_status status = fb_environment_client(
        creator->environment, FB_SIDE_TABLE, wanted->stream, NULL, FB_STOP_NOT, &client, &error);

    if (status != FB_OK)
        return refuse(wanted->stream, &error);
    status = fb_dynamodb_describe_table(&client, wanted->table, &found, &error);
    if (status == FB_NOT_FOUND) {
        status = make(creator, &client, wanted, creation, expiry, &error);
    } else if (status == FB_OK) {
        if (expiry != NULL)
            status = fb_dynamodb_describe_ttl(&client, wanted->table, ttl, &error);
        is_good = status == FB_OK && compare(creator, wanted, &found, ttl);
    }
    fb_environment_client_done(&client);
    return status == FB_OK ? is_good : refuse(wanted->stream, &error);
}

/* ---- all of it ---- */

static bool handle(const struct creator *creator, const struct wanted *wanted)
{
    json_t *creation = fb_table_creation(wanted->table, &wanted->schema);
    json_t *expiry = wanted->ttl[0] == '\0' ? NULL : fb_table_expiry(wanted->table, wanted->ttl);
    bool is_good = creation != NULL && (expiry != NULL || wanted->ttl[0] == '\0');

    if (!is_good)
        fb_cli_report(NULL, "out of memory");
    else if (creator->options->apply)
        is_good = apply(creator, wanted, creation, expiry);
    else if (creator->options->output == OUTPUT_TEXT)
        print_text(creator, wanted, creation, expiry);
    else
        print_json(wanted, creation, expiry);
    (void)fflush(stdout);
    json_decref(creation);
    json_decref(expiry);
    return is_good;
}

static int create_all(struct creator *creator)
{
    struct fb_error error = {0};
    int status = FB_EXIT_OK;

    if (creator->options->stream != NULL &&
        fb_cli_find_stream(creator->conf, creator->options->stream) == NULL)
        return FB_EXIT_WRONG;
    if (!want_all(creator))
        return FB_EXIT_WRONG;
    if (creator->options->apply && fb_environment_new(creator->conf, fb_clock_system(),
                                                      &creator->environment, &error) != FB_OK)
        return fb_cli_fail("%s", error.message);
    for (size_t i = 0; i < creator->count; i++)
        if (!handle(creator, &creator->wanted[i]))
            status = FB_EXIT_WRONG;
    return status;
}

static int run_create_table(const void *row, char *const *operands, int operand_count)
{
    struct creator creator = {.options = row};
    int status = FB_EXIT_WRONG;

    (void)operands;
    (void)operand_count;
    if (!fb_key_option_check(creator.options->key))
        return FB_EXIT_USAGE;
    fb_log_set_level(FB_LOG_ERROR);
    creator.conf = fb_cli_read_conf(creator.options->conf_path);
    if (creator.conf != NULL)
        status = create_all(&creator);
    fb_environment_free(creator.environment);
    free(creator.wanted);
    fb_conf_free(creator.conf);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct create_table_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct create_table_options, stream),
     .value = "NAME",
     .help = "the table of one stream alone"},
    {.name = "key",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct create_table_options, key),
     .value = "NAME[:TYPE][,...]",
     .help = "the key: partition key, then sort key;\ntypes are S, N and B"},
    {.name = "ttl",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct create_table_options, ttl),
     .value = "NAME",
     .help = "the attribute by which items expire, or " NO_TTL},
    {.name = "apply",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct create_table_options, apply),
     .help = "make them, and wait until they are usable"},
    {.name = "output",
     .kind = FB_OPTION_CHOICE,
     .offset = offsetof(struct create_table_options, output),
     .choices = "text|json",
     .help = "for a person, or a JSON object a line; default text"},
};

extern const struct fb_command fb_command_create_table;
const struct fb_command fb_command_create_table = {
    .name = "create-table",
    .summary = "print the calls that make the tables, or make them",
    .help = "Prints how `aws` makes each table that the conf writes to: on demand, with the\n"
            "key and the time to live that the mapping has. What is there is never changed;\n"
            "with --apply, differences are told, and end it with 1.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct create_table_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct create_table_options),
    .run = run_create_table,
};
