/* SPDX-License-Identifier: Apache-2.0 */
/* From a stream's conf to what its parts are made with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/conf.h"
#include "firebridge/app/conf_items.h"
#include "firebridge/pipeline/letter_sink.h"

static const char *const *names_of(const struct fb_conf_list *list)
{
    return (const char *const *)list->entries;
}

enum fb_status fb_conf_layout(const struct fb_conf_stream *stream, struct fb_layout **ret_layout,
                              struct fb_error *error)
{
    struct fb_layout_options options = {.prefix = stream->prefix,
                                        .form = stream->layout,
                                        .time_zone = stream->time_zone,
                                        .exclude = names_of(&stream->exclude),
                                        .exclude_count = stream->exclude.count};

    return fb_layout_new(&options, ret_layout, error);
}

/* Enough for any table that one machine can fill. */
#define DECODERS_IN_ANY_ORDER 4

#define MARKER_TTL_MIN_MS (30 * 24 * 3600 * INT64_C(1000))

/* The bit of the operation that a text ends in; 0 when it is none. */
static unsigned operation_in(const char *text)
{
    const char *word = strrchr(text, ':');
    enum fb_operation operation;

    word = word == NULL ? text : word + 1;
    word += strspn(word, " \t");
    return fb_operation_find(word, strlen(word), &operation) ? 1U << operation : 0;
}

unsigned fb_conf_operations(const struct fb_conf_stream *stream)
{
    const struct fb_mapping_options mapping = fb_conf_mapping_options(stream);
    unsigned operations = 0;

    /* Typed items and changes may delete, whatever `write` is by default. */
    if (!fb_mapping_is_needed(&mapping))
        return 1U << FB_PUT | 1U << FB_DELETE;
    for (size_t i = 0; i < stream->write_map.count; i++)
        operations |= operation_in(stream->write_map.entries[i]);
    if (stream->write_map.count > 0)
        return operations;
    return stream->write == NULL ? 1U << FB_PUT : operation_in(stream->write);
}

bool fb_conf_only_adds(const struct fb_conf_stream *stream)
{
    return fb_conf_operations(stream) == 1U << FB_ADD && stream->write_map.count == 0;
}

bool fb_conf_may_add(const struct fb_conf_stream *stream)
{
    return (fb_conf_operations(stream) & 1U << FB_ADD) != 0;
}

int64_t fb_conf_marker_ttl_ms(const struct fb_conf_stream *stream)
{
    const int64_t least_ms = 2 * stream->lookback_ms;

    if (stream->marker_ttl_ms > 0)
        return stream->marker_ttl_ms;
    return least_ms > MARKER_TTL_MIN_MS ? least_ms : MARKER_TTL_MIN_MS;
}

/* Sums come to the same in any order. */
bool fb_conf_in_any_order(const struct fb_conf_stream *stream)
{
    return stream->order == FB_ORDER_NONE || fb_conf_only_adds(stream);
}

unsigned fb_conf_decoders(const struct fb_conf_stream *stream)
{
    if (!fb_conf_in_any_order(stream))
        return 1;
    return stream->decoders > 0 ? stream->decoders : DECODERS_IN_ANY_ORDER;
}

struct fb_object_reader_options fb_conf_reader_options(const struct fb_conf_stream *stream)
{
    return (struct fb_object_reader_options){
        .max_record_size = stream->max_record_size,
        .inflate = {.compression = stream->compression,
                    .max_expansion = stream->max_expansion,
                    .max_inflated_size = stream->max_inflated_size,
                    .max_layers = stream->max_layers},
        .form = {.format = stream->format,
                 .delimiter = stream->delimiter.bytes,
                 .delimiter_size = stream->delimiter.size,
                 .field_separator = stream->field_separator,
                 .columns = names_of(&stream->columns),
                 .column_count = stream->columns.count,
                 .number_columns = names_of(&stream->number_columns),
                 .number_column_count = stream->number_columns.count,
                 .pattern = stream->pattern,
                 .fields = names_of(&stream->fields),
                 .field_count = stream->fields.count,
                 .unwrap_message = stream->unwrap == FB_UNWRAP_MESSAGE},
    };
}

struct fb_mapping_options fb_conf_mapping_options(const struct fb_conf_stream *stream)
{
    return (struct fb_mapping_options){
        .items = stream->items.assignments,
        .item_count = stream->items.count,
        .renames = names_of(&stream->renames),
        .rename_count = stream->renames.count,
        .flattens = names_of(&stream->flattens),
        .flatten_count = stream->flattens.count,
        .drops = names_of(&stream->drops),
        .drop_count = stream->drops.count,
        .keeps = names_of(&stream->keeps),
        .keep_count = stream->keeps.count,
        .null = stream->null,
        .overflow = stream->overflow,
        .utf8 = stream->utf8,
        .missing = stream->missing.kind,
        .missing_text = stream->missing.text,
        .where = stream->where,
        .filter_jq = stream->filter_jq,
        .transform_jq = stream->transform_jq,
        .write = stream->write,
        .write_map = names_of(&stream->write_map),
        .write_map_count = stream->write_map.count,
        .version_attribute = stream->version_attribute,
    };
}

enum fb_status fb_conf_mapping(const struct fb_conf_stream *stream, uint64_t hash_seed,
                               struct fb_mapping **ret_mapping, struct fb_error *error)
{
    struct fb_mapping_options options = fb_conf_mapping_options(stream);
    const char *partitions[FB_LAYOUT_PARTITIONS_MAX];
    struct fb_layout *layout = NULL;
    enum fb_status status = FB_OK;

    if (!fb_mapping_is_needed(&options)) {
        *ret_mapping = NULL;
        return FB_OK;
    }
    /* `explain` may have no prefix. */
    if (stream->prefix != NULL) {
        status = fb_conf_layout(stream, &layout, error);
        options.partitions = partitions;
    }
    if (status == FB_OK && layout != NULL)
        options.partition_count =
            fb_layout_partition_names(layout, partitions, FB_LAYOUT_PARTITIONS_MAX);
    if (status == FB_OK)
        status = fb_mapping_new(&options, hash_seed, ret_mapping, error);
    fb_layout_free(layout);
    return status;
}

/* An id that no role has is a mistake of the eye: it would go nowhere. */
static enum fb_status check_external_id(const struct fb_conf_principal *principal, const char *side,
                                        struct fb_error *error)
{
    if (principal->external_id == NULL ||
        (principal->role_arn != NULL && strcmp(principal->role_arn, FB_CONF_NO_ROLE) != 0))
        return FB_OK;
    return fb_fail(error, FB_INVALID, "%sexternal_id goes with %srole_arn, which is not there",
                   side, side);
}

static enum fb_status check_principals(const struct fb_conf_stream *stream, struct fb_error *error)
{
    enum fb_status status = check_external_id(&stream->principal, "", error);

    if (status == FB_OK)
        status = check_external_id(&stream->source_principal, "source.", error);
    return status == FB_OK ? check_external_id(&stream->table_principal, "table.", error) : status;
}

static enum fb_status check_reading(const struct fb_conf_stream *stream, struct fb_error *error)
{
    const struct fb_object_reader_options reader = fb_conf_reader_options(stream);
    struct fb_layout *layout = NULL;
    enum fb_status status = fb_conf_layout(stream, &layout, error);

    fb_layout_free(layout);
    return status == FB_OK ? fb_form_options_check(&reader.form, error) : status;
}

static enum fb_status check_markers(const struct fb_conf_stream *stream, struct fb_error *error)
{
    if (stream->marker_ttl_ms == 0 || stream->marker_ttl_ms >= 2 * stream->lookback_ms)
        return FB_OK;
    return fb_fail(error, FB_INVALID,
                   "marker_ttl: a marker must stay for at least twice the look-back, which is %lld "
                   "hours",
                   (long long)(stream->lookback_ms / 3600000));
}

static enum fb_status check_order(const struct fb_conf_stream *stream, struct fb_error *error)
{
    if (stream->decoders <= 1 || fb_conf_in_any_order(stream))
        return FB_OK;
    return fb_fail(
        error, FB_INVALID,
        "decoders: %u objects at once keep no order of a key; set order = none, or leave "
        "decoders out",
        stream->decoders);
}

static enum fb_status check_mapping(const struct fb_conf_stream *stream, struct fb_error *error)
{
    struct fb_mapping *mapping = NULL;
    enum fb_status status = fb_conf_mapping(stream, 0, &mapping, error);

    if (status == FB_OK && mapping != NULL)
        status = fb_format_check_mapping(stream->format, error);
    fb_mapping_free(mapping);
    return status;
}

/* Behind the text that `message` begins with, or NULL. */
static const char *behind(const char *message, const char *beginning)
{
    const size_t size = message != NULL ? strlen(beginning) : 0;

    return message != NULL && strncmp(message, beginning, size) == 0 ? message + size : NULL;
}

static bool leads(const char *rest)
{
    return rest != NULL && *rest == ':';
}

/* Of the key that leads what is said of a mapping; else of the section. */
static struct fb_conf_place place_of(const struct fb_conf_stream *stream, const char *message)
{
    struct fb_conf_place place = {0};

    for (size_t i = 0; i < stream->items.count; i++) {
        const struct fb_map_assignment *item = &stream->items.assignments[i];

        if (leads(behind(behind(message, fb_conf_item_prefix(item->is_added)), item->name)))
            place = stream->items.places[i];
    }
    for (size_t k = 0; k < FB_CONF_KEY_COUNT; k++)
        if (fb_conf_keys[k].kind == FB_CONF_STREAM && leads(behind(message, fb_conf_keys[k].name)))
            place = stream->places[k];
    return place.file != NULL ? place : stream->place;
}

/* Up to the first expression. */
static size_t root_size(const struct fb_conf_stream *stream)
{
    const char *expression = strstr(stream->prefix, "!{");

    return expression == NULL ? strlen(stream->prefix) : (size_t)(expression - stream->prefix);
}

/* Whether keys of the source may begin with `folder`, or its keys as the source's do. */
static bool meets(const struct fb_conf_stream *source, const char *bucket, const char *folder)
{
    const size_t root = root_size(source);
    const size_t size = strlen(folder) < root ? strlen(folder) : root;

    return strcmp(source->bucket, bucket) == 0 && strncmp(source->prefix, folder, size) == 0;
}

/* Dead letters that are read as records would come back as dead letters, for ever. */
static enum fb_status check_letters(const struct fb_conf *conf, const struct fb_conf_stream *stream,
                                    struct fb_error *error)
{
    char *folder;
    enum fb_status status = FB_OK;

    if (stream->letters_bucket == NULL)
        return FB_OK;
    folder = fb_letter_s3_folder(stream->letters_prefix, stream->name);
    if (folder == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a prefix");
    for (size_t i = 0; i < conf->stream_count && status == FB_OK; i++)
        if (meets(&conf->streams[i], stream->letters_bucket, folder))
            status = fb_fail(error, FB_INVALID,
                             "dead_letters: its objects would lie under s3://%.63s/%.300s, where "
                             "stream %s reads; take another prefix or bucket",
                             stream->letters_bucket, folder, conf->streams[i].name);
    free(folder);
    return status;
}

/* A backup that is read as records becomes dead letters, or items. */
static enum fb_status check_backup(const struct fb_conf *conf, const struct fb_conf_stream *stream,
                                   struct fb_error *error)
{
    const struct fb_conf_daemon *daemon = &conf->daemon;

    if (daemon->state_backup == NULL || strcmp(stream->bucket, daemon->backup_bucket) != 0 ||
        strncmp(stream->prefix, daemon->backup_key, root_size(stream)) != 0)
        return FB_OK;
    return fb_fail(error, FB_INVALID,
                   "source: state_backup = %.400s would lie there and be read; take another key or "
                   "bucket for it",
                   daemon->state_backup);
}

static enum fb_status check_stream(const struct fb_conf *conf, const struct fb_conf_stream *stream,
                                   fb_conf_report_fn report, void *context)
{
    struct fb_conf_place place = stream->place;
    struct fb_error error = {0};
    char message[1024];
    enum fb_status status = check_principals(stream, &error);

    if (status == FB_OK)
        status = check_reading(stream, &error);

    if (status == FB_OK) {
        status = check_order(stream, &error);
        if (status == FB_OK)
            status = check_markers(stream, &error);
        if (status == FB_OK)
            status = check_mapping(stream, &error);
        if (status == FB_OK)
            status = check_letters(conf, stream, &error);
        if (status == FB_OK)
            status = check_backup(conf, stream, &error);
        place = place_of(stream, error.message);
    }
    if (status == FB_OK)
        return FB_OK;
    snprintf(message, sizeof message, "%s:%u: [stream %s]: %s", place.file, place.line,
             stream->name, error.message);
    report(context, message);
    return status;
}

enum fb_status fb_conf_check_streams(const struct fb_conf *conf, fb_conf_report_fn report,
                                     void *context)
{
    struct fb_error error = {0};
    enum fb_status worst = check_external_id(&conf->aws.principal, "", &error);

    if (worst != FB_OK) {
        fb_error_prefix(&error, "[aws]");
        report(context, error.message);
    }

    for (size_t i = 0; i < conf->stream_count; i++) {
        enum fb_status status = check_stream(conf, &conf->streams[i], report, context);

        if (status != FB_OK)
            worst = status;
    }
    return worst;
}

static enum fb_status check_own_key(const struct fb_conf_stream *stream,
                                    const struct fb_key_schema *schema, struct fb_error *error)
{
    if (stream->format == FB_FORMAT_DYNAMODB_JSON || stream->format == FB_FORMAT_DYNAMODB_STREAM)
        return FB_OK;
    for (size_t i = 0; i < schema->count; i++)
        if (schema->attributes[i].type == FB_KEY_BINARY)
            return fb_fail(error, FB_UNSUPPORTED,
                           "the table's key attribute %s is binary (B), which no field of JSON is: "
                           "make it with item.%s = {PATH:as=binary}, or set format = dynamodb-json "
                           "or dynamodb-stream where the records are such",
                           schema->attributes[i].name, schema->attributes[i].name);
    return FB_OK;
}

enum fb_status fb_conf_check_key(const struct fb_conf_stream *stream,
                                 const struct fb_mapping *mapping,
                                 const struct fb_key_schema *schema, struct fb_error *error)
{
    struct fb_error found = {0};
    struct fb_conf_place place;
    enum fb_status status = mapping == NULL ? check_own_key(stream, schema, &found)
                                            : fb_mapping_check_key(mapping, schema, &found);

    if (status == FB_OK)
        return FB_OK;
    place = place_of(stream, found.message);
    if (place.file != NULL)
        fb_error_prefix(&found, "%s:%u", place.file, place.line);
    if (error != NULL)
        *error = found;
    return status;
}
