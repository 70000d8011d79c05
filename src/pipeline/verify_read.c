/* SPDX-License-Identifier: Apache-2.0 */
/* The objects' side of verify: from bytes to what is expected of each key. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/pipeline/write_mode.h"
#include "verify_private.h"

/* The object at work. */
struct reading {
    struct fb_verify *verify;
    const struct fb_ledger_object *object;
    struct fb_map_object described;
    struct fb_layout_partitions partitions;
    uint64_t compressed_bytes; /* taken so far; where a Range goes on */
    uint64_t dead_letters;
    bool begun;
    enum fb_status sink_status;
    struct fb_error error;
};

/* Whether its records are in the table for sure. */
static bool has_ended(const struct fb_ledger_object *object)
{
    return object->state == FB_OBJECT_DONE || object->state == FB_OBJECT_DAMAGED;
}

/* A copy with what json_text.h wants behind it. */
static enum fb_status copy_item(struct fb_buffer *buffer, const void *item, size_t size)
{
    enum fb_status status;

    fb_buffer_reset(buffer);
    status = fb_buffer_reserve(buffer, size + FB_TEXT_SLACK);
    if (status != FB_OK)
        return status;
    if (size > 0)
        memcpy(buffer->bytes, item, size);
    memset(buffer->bytes + size, 0, FB_TEXT_SLACK);
    buffer->size = size;
    return FB_OK;
}

/* Of objects that are read side by side, nobody knows which wrote last. */
static bool is_order_lost(const struct fb_verify *verify, const struct fb_ledger_entry *entry,
                          uint64_t sequence, const struct fb_record *record)
{
    return verify->options->in_any_order && entry->last != 0 && entry->last != sequence &&
           (entry->item_size != record->item_size ||
            memcmp(entry->item, record->item, record->item_size) != 0);
}

/* As the outlet does it of an object that leaves alone what is in the table. */
static bool is_written(const struct fb_ledger_object *object, struct fb_record *record)
{
    return !object->if_absent || fb_write_mode_if_absent(record->operation, &record->operation);
}

static enum fb_status put(struct reading *reading, const struct fb_record *record,
                          struct fb_ledger_entry *entry)
{
    struct fb_verify *verify = reading->verify;
    const uint64_t sequence = reading->object->sequence;
    const struct fb_expected_write write = {
        .operation = record->operation,
        .item = record->item,
        .item_size = record->item_size,
        .schema = verify->options->reader.schema,
        .version_attribute = fb_mapping_version_attribute(verify->options->reader.mapping),
        .removes_nulls = verify->options->removes_nulls,
    };
    const struct fb_expectation before = {(enum fb_expected)entry->kind, verify->before.bytes,
                                          verify->before.size};
    struct fb_expectation after;
    enum fb_status status =
        fb_expectation_after(entry->last == 0 ? NULL : &before, &write, &verify->merged, &after);

    if (status != FB_OK)
        return fb_fail(&reading->error, status, "no memory for an item");
    entry->kind = (int)after.kind;
    entry->item = after.item;
    entry->item_size = after.item_size;
    entry->last = sequence;
    entry->record = record->number;
    entry->is_unsure |= !has_ended(reading->object);
    return fb_ledger_put(verify->ledger, entry, &reading->error);
}

/* What came before the first record that counts says nothing, but where order is lost. */
static bool is_for_suspect(const struct fb_verify *verify, const struct fb_ledger_entry *entry,
                           uint64_t sequence)
{
    return entry->is_suspect && (sequence >= entry->first || verify->options->in_any_order);
}

static enum fb_status fold(struct reading *reading, const struct fb_record *record)
{
    struct fb_verify *verify = reading->verify;
    struct fb_ledger_entry entry = {0};
    enum fb_status status =
        fb_ledger_find(verify->ledger, record->key, record->key_size, &entry, &reading->error);

    if (status != FB_OK && status != FB_NOT_FOUND)
        return status;
    if (verify->only_suspects &&
        (status == FB_NOT_FOUND || !is_for_suspect(verify, &entry, reading->object->sequence)))
        return FB_OK;
    entry.is_unsure |= is_order_lost(verify, &entry, reading->object->sequence, record);
    if (entry.first == 0)
        entry.first = reading->object->sequence;
    if (copy_item(&verify->before, entry.item, entry.item_size) != FB_OK)
        return fb_fail(&reading->error, FB_NO_MEMORY, "no memory for an item");
    entry.key = record->key;
    entry.key_size = record->key_size;
    return put(reading, record, &entry);
}

/* FB_NEED_MORE or FB_END when the reader has no record left. */
static enum fb_status take_records(struct reading *reading)
{
    struct fb_verify *verify = reading->verify;
    struct fb_record record;
    enum fb_status status;

    while ((status = fb_object_reader_next(verify->reader, &record, &reading->error)) == FB_OK) {
        verify->counts->records += !verify->only_suspects && !record.is_followed;
        if (record.reason != FB_DEAD_NONE)
            reading->dead_letters++;
        else if (is_written(reading->object, &record))
            status = fold(reading, &record);
        if (status != FB_OK)
            break;
    }
    return status;
}

static void begin_once(struct reading *reading, const char *content_encoding)
{
    const struct fb_inflate_hints hints = {.content_encoding = content_encoding,
                                           .key = reading->object->key};

    if (reading->begun)
        return;
    fb_object_reader_begin(reading->verify->reader, &hints);
    fb_object_reader_describe_object(reading->verify->reader, &reading->described);
    reading->begun = true;
}

static enum fb_status on_body(void *context, const struct fb_http_response *response,
                              const char *bytes, size_t size)
{
    struct reading *reading = context;
    struct fb_object_reader *reader = reading->verify->reader;

    begin_once(reading, response->content_encoding);
    fb_patience_success(&reading->verify->patience);
    fb_object_reader_feed(reader, bytes, size);
    reading->sink_status = take_records(reading);
    reading->compressed_bytes += size - fb_object_reader_unused(reader);
    if (reading->sink_status == FB_NEED_MORE)
        reading->sink_status = FB_OK;
    return reading->sink_status;
}

/* As the decoder reads it. What was made of the time then cannot be made again; this is a time
 * before which it was not. */
static void describe(struct reading *reading)
{
    const struct fb_verify_options *options = reading->verify->options;
    const struct fb_ledger_object *object = reading->object;

    fb_layout_partitions(options->layout, object->key, &reading->partitions);
    reading->described = (struct fb_map_object){
        .stream = options->stream,
        .bucket = options->bucket,
        .key = object->key,
        .etag = object->etag,
        .now_ms = object->last_modified_ms,
        .ingest_time_ms = object->last_modified_ms,
        .arrival_ms = object->key_time_ms,
        .partitions = reading->partitions.values,
        .partition_count = reading->partitions.count,
    };
}

static bool is_archived(const struct fb_error *error)
{
    return strcmp(error->code, "InvalidObjectState") == 0;
}

/* FB_OK, or why not: FB_CHANGED and FB_NOT_FOUND where it is gone, FB_CORRUPT where it ends. */
static enum fb_status read_body(struct reading *reading)
{
    const struct fb_verify_options *options = reading->verify->options;
    enum fb_status status;

    while (reading->compressed_bytes < reading->object->size_bytes) {
        const struct fb_s3_get_request request = {
            .bucket = options->bucket,
            .key = reading->object->key,
            .etag = reading->object->etag,
            .size_bytes = reading->object->size_bytes,
            .offset_bytes = reading->compressed_bytes,
            .stall_timeout_ms = options->stall_timeout_ms,
            .sink = on_body,
            .context = reading,
        };
        const uint64_t before_bytes = reading->compressed_bytes;
        struct fb_client client = options->source;
        struct fb_error error = {0};

        reading->sink_status = FB_OK;
        status = options->get(&client, &request, &error);
        if (reading->sink_status != FB_OK)
            return reading->sink_status;
        if (status == FB_OK && reading->compressed_bytes > before_bytes)
            continue;
        if (status == FB_OK)
            status = fb_fail(&error, FB_UNAVAILABLE, "S3 answered without the bytes that are left");
        reading->error = error;
        if (status == FB_CHANGED || status == FB_NOT_FOUND || is_archived(&error))
            return status == FB_CHANGED ? FB_CHANGED : FB_NOT_FOUND;
        status = fb_verify_wait(reading->verify, &reading->error);
        if (status != FB_OK)
            return status;
    }
    begin_once(reading, NULL);
    fb_object_reader_finish(reading->verify->reader);
    status = take_records(reading);
    return status == FB_END ? FB_OK : status;
}

/* Some of its records DynamoDB refused: the table is not to have those. */
static enum fb_status doubt_keys_of(struct reading *reading)
{
    struct fb_verify *verify = reading->verify;
    struct fb_ledger_entry entry = {0};
    struct fb_buffer key;
    enum fb_status status = FB_OK;

    fb_buffer_init(&key, FB_CANONICAL_KEY_MAX);
    while (status == FB_OK) {
        status = fb_ledger_next_entry(verify->ledger, key.bytes, key.size, true, &entry,
                                      &reading->error);
        if (status != FB_OK)
            break;
        fb_buffer_reset(&key);
        status = fb_buffer_append(&key, entry.key, entry.key_size);
        if (status == FB_OK && entry.last == reading->object->sequence && !entry.is_unsure) {
            entry.is_unsure = true;
            status = fb_ledger_put(verify->ledger, &entry, &reading->error);
        }
    }
    fb_buffer_done(&key);
    return status == FB_END ? FB_OK : status;
}

/* One dead letter stands for what could not be read of a damaged object. */
static bool has_refused_records(const struct reading *reading)
{
    const struct fb_ledger_object *object = reading->object;

    return object->dead_letters >
           reading->dead_letters + (object->state == FB_OBJECT_DAMAGED ? 1 : 0);
}

static void note_gone(struct fb_verify *verify, const struct fb_ledger_object *object)
{
    verify->counts->gone += !verify->only_suspects;
    if (object->sequence > verify->blind)
        verify->blind = object->sequence;
}

enum fb_status fb_verify_read(struct fb_verify *verify, const struct fb_ledger_object *object,
                              struct fb_error *error)
{
    /* The ledger's texts do not stay. */
    struct fb_ledger_object own = *object;
    char *key = strdup(object->key);
    char *etag = strdup(object->etag);
    struct reading reading = {.verify = verify, .object = &own};
    enum fb_status status = FB_NO_MEMORY;

    own.key = key;
    own.etag = etag;
    if (key == NULL || etag == NULL) {
        fb_fail(&reading.error, status, "out of memory");
    } else if (object->state == FB_OBJECT_CHANGED) {
        status = FB_CHANGED;
    } else {
        verify->counts->objects += !verify->only_suspects;
        describe(&reading);
        status = read_body(&reading);
    }
    if (status == FB_CHANGED || status == FB_NOT_FOUND)
        note_gone(verify, &own);
    if (status == FB_CHANGED || status == FB_NOT_FOUND || status == FB_CORRUPT)
        status = FB_OK;
    if (status == FB_OK && verify->only_suspects && has_refused_records(&reading))
        status = doubt_keys_of(&reading);
    if (status != FB_OK && error != NULL)
        *error = reading.error;
    free(key);
    free(etag);
    return status;
}
