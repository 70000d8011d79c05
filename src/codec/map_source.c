/* SPDX-License-Identifier: Apache-2.0 */
/* What paths and built-in values are in a record. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "digest.h"
#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/json_text.h"
#include "map_path.h"
#include "repair.h"

#define UUID_BYTES      16
#define UUID_TEXT_BYTES 36

/* ---- paths ---- */

static enum fb_map_kind kind_of(char first)
{
    switch (first) {
    case '"':
        return FB_MAP_IS_STRING;
    case '{':
        return FB_MAP_IS_OBJECT;
    case '[':
        return FB_MAP_IS_ARRAY;
    case 't':
    case 'f':
        return FB_MAP_IS_BOOL;
    case 'n':
        return FB_MAP_IS_NULL;
    case 'b':
        return FB_MAP_IS_BINARY;
    default:
        return FB_MAP_IS_NUMBER;
    }
}

/* Where a field of the envelope begins; NULL: there is none. The last one of a name counts. */
static const char *find_in_envelope(const char *envelope, const char *name)
{
    struct fb_json_cursor cursor = {envelope};
    struct fb_json_text text;
    const char *found = NULL;

    if (envelope == NULL || !fb_json_enter_object(&cursor))
        return NULL;
    while (fb_json_next_member(&cursor, &text)) {
        if (text.size == strlen(name) && strncasecmp(text.bytes, name, text.size) == 0)
            found = cursor.at;
        fb_json_skip(&cursor);
    }
    return found;
}

bool fb_map_source_is_json(const struct fb_map_source *source)
{
    return source->kind == FB_MAP_PATH || source->kind == FB_MAP_ERROR;
}

struct fb_map_value fb_map_source_find(const struct fb_map_source *source,
                                       const struct fb_map_record *record)
{
    const char *const begin = source->kind == FB_MAP_PATH
                                  ? record->values[source->slot]
                                  : find_in_envelope(record->envelope, source->name);
    struct fb_json_cursor cursor = {begin};
    struct fb_json_text text;

    if (begin == NULL)
        return (struct fb_map_value){FB_MAP_IS_MISSING, "", 0};
    if (fb_json_take_string(&cursor, &text))
        return (struct fb_map_value){FB_MAP_IS_STRING, text.bytes, text.size};
    fb_json_skip(&cursor);
    return (struct fb_map_value){kind_of(*begin), begin, (size_t)(cursor.at - begin)};
}

static enum fb_status read_json(const struct fb_map_source *source,
                                const struct fb_map_record *record, struct fb_buffer *scratch,
                                struct fb_map_value *ret_value)
{
    struct fb_map_value value = fb_map_source_find(source, record);

    if (source->kind == FB_MAP_PATH && record->repair != NULL && record->refuses_repaired &&
        value.kind != FB_MAP_IS_MISSING &&
        fb_repair_touches(record->repair, value.bytes, value.bytes + value.size))
        return FB_INVALID;
    if (value.kind == FB_MAP_IS_STRING && memchr(value.bytes, '\\', value.size) != NULL) {
        enum fb_status status;

        fb_buffer_reset(scratch);
        status = fb_buffer_reserve(scratch, value.size);
        if (status != FB_OK)
            return status;
        scratch->size = fb_text_unescape(value.bytes, value.size, scratch->bytes);
        value.bytes = scratch->bytes;
        value.size = scratch->size;
    }
    *ret_value = value;
    return FB_OK;
}

/* ---- built-in values ---- */

static enum fb_status take_scratch(const struct fb_buffer *scratch, enum fb_map_kind kind,
                                   struct fb_map_value *ret_value)
{
    *ret_value = (struct fb_map_value){kind, scratch->bytes, scratch->size};
    return FB_OK;
}

static enum fb_status write_number(int64_t number, struct fb_buffer *scratch,
                                   struct fb_map_value *ret_value)
{
    enum fb_status status;

    fb_buffer_reset(scratch);
    status = fb_buffer_printf(scratch, "%" PRId64, number);
    return status != FB_OK ? status : take_scratch(scratch, FB_MAP_IS_NUMBER, ret_value);
}

static enum fb_status take_text(const char *text, struct fb_map_value *ret_value)
{
    if (text == NULL)
        text = "";
    *ret_value = (struct fb_map_value){FB_MAP_IS_STRING, text, strlen(text)};
    return FB_OK;
}

static enum fb_status take_missing(struct fb_map_value *ret_value)
{
    *ret_value = (struct fb_map_value){FB_MAP_IS_MISSING, "", 0};
    return FB_OK;
}

static enum fb_status read_partition(const struct fb_map_source *source,
                                     const struct fb_map_object *object,
                                     struct fb_map_value *ret_value)
{
    for (size_t i = 0; i < object->partition_count; i++) {
        const struct fb_map_partition *partition = &object->partitions[i];

        if (strcmp(partition->name, source->name) != 0)
            continue;
        *ret_value =
            (struct fb_map_value){FB_MAP_IS_STRING, partition->value, partition->value_size};
        return FB_OK;
    }
    return take_missing(ret_value);
}

static struct iovec piece(const void *bytes, size_t size)
{
    return (struct iovec){(void *)bytes, size};
}

static enum fb_status digest_record(const struct fb_map_record *record,
                                    unsigned char ret_digest[FB_SHA256_BYTES])
{
    const struct iovec all = piece(record->text, record->size);

    return fb_digest_sha256(&all, 1, ret_digest);
}

static enum fb_status write_sha256(const struct fb_map_record *record, struct fb_buffer *scratch,
                                   struct fb_map_value *ret_value)
{
    unsigned char digest[FB_SHA256_BYTES];
    enum fb_status status = digest_record(record, digest);

    fb_buffer_reset(scratch);
    if (status == FB_OK)
        status = fb_buffer_reserve(scratch, 2 * sizeof digest);
    if (status != FB_OK)
        return status;
    fb_digest_to_hex(digest, sizeof digest, scratch->bytes);
    scratch->size = 2 * sizeof digest;
    return take_scratch(scratch, FB_MAP_IS_STRING, ret_value);
}

static enum fb_status write_shard(uint32_t shards, const struct fb_map_record *record,
                                  struct fb_buffer *scratch, struct fb_map_value *ret_value)
{
    unsigned char digest[FB_SHA256_BYTES];
    enum fb_status status = digest_record(record, digest);
    uint64_t number = 0;

    if (status != FB_OK)
        return status;
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | digest[i];
    return write_number((int64_t)(number % shards), scratch, ret_value);
}

/* ---- @uuid5 ---- */

/* 6fd30362-9598-43b8-8576-1fa510a22047, drawn once. Never to change: keys in tables come of it. */
static const unsigned char uuid_namespace[UUID_BYTES] = {
    0x6f, 0xd3, 0x03, 0x62, 0x95, 0x98, 0x43, 0xb8, 0x85, 0x76, 0x1f, 0xa5, 0x10, 0xa2, 0x20, 0x47,
};

/*
 * The name is the object's key, NUL, the record's number in decimal, NUL, the record's bytes: no
 * key has a NUL, so that no two records have one name.
 */
static enum fb_status make_uuid(const struct fb_map_record *record, unsigned char *ret_uuid)
{
    const char *key = record->object->key == NULL ? "" : record->object->key;
    char number[sizeof "18446744073709551615"];
    unsigned char digest[FB_SHA1_BYTES];
    enum fb_status status;

    snprintf(number, sizeof number, "%" PRIu64, record->number);
    const struct iovec pieces[] = {
        piece(uuid_namespace, sizeof uuid_namespace),
        piece(key, strlen(key) + 1),
        piece(number, strlen(number) + 1),
        piece(record->text, record->size),
    };

    status = fb_digest_sha1(pieces, sizeof pieces / sizeof *pieces, digest);
    if (status != FB_OK)
        return status;
    digest[6] = (unsigned char)((digest[6] & 0x0f) | 0x50);
    digest[8] = (unsigned char)((digest[8] & 0x3f) | 0x80);
    memcpy(ret_uuid, digest, UUID_BYTES);
    return FB_OK;
}

static enum fb_status write_uuid(const struct fb_map_record *record, struct fb_buffer *scratch,
                                 struct fb_map_value *ret_value)
{
    static const unsigned char groups[] = {4, 2, 2, 2, 6};
    unsigned char uuid[UUID_BYTES];
    const unsigned char *from = uuid;
    enum fb_status status = make_uuid(record, uuid);
    char *to;

    fb_buffer_reset(scratch);
    if (status == FB_OK)
        status = fb_buffer_reserve(scratch, UUID_TEXT_BYTES);
    if (status != FB_OK)
        return status;
    to = scratch->bytes;
    for (size_t i = 0; i < sizeof groups; i++) {
        if (i > 0)
            *to++ = '-';
        fb_digest_to_hex(from, groups[i], to);
        from += groups[i];
        to += 2 * (size_t)groups[i];
    }
    scratch->size = UUID_TEXT_BYTES;
    return take_scratch(scratch, FB_MAP_IS_STRING, ret_value);
}

enum fb_status fb_map_source_read(const struct fb_map_source *source,
                                  const struct fb_map_record *record, struct fb_buffer *scratch,
                                  struct fb_map_value *ret_value)
{
    const struct fb_map_object *object = record->object;

    switch (source->kind) {
    case FB_MAP_PATH:
    case FB_MAP_ERROR:
        return read_json(source, record, scratch, ret_value);
    case FB_MAP_NOW:
        return write_number(object->now_ms, scratch, ret_value);
    case FB_MAP_INGEST_TIME:
        return write_number(object->ingest_time_ms, scratch, ret_value);
    case FB_MAP_BUCKET:
        return take_text(object->bucket, ret_value);
    case FB_MAP_OBJECT:
        return take_text(object->key, ret_value);
    case FB_MAP_ETAG:
        return take_text(object->etag, ret_value);
    case FB_MAP_RECORD:
        return write_number((int64_t)record->number, scratch, ret_value);
    case FB_MAP_OFFSET:
        return write_number((int64_t)record->offset_bytes, scratch, ret_value);
    case FB_MAP_STREAM:
        return take_text(object->stream, ret_value);
    case FB_MAP_ARRIVAL:
        return object->arrival_ms == 0 ? take_missing(ret_value)
                                       : write_number(object->arrival_ms, scratch, ret_value);
    case FB_MAP_PARTITION:
        return read_partition(source, object, ret_value);
    case FB_MAP_SHA256:
        return write_sha256(record, scratch, ret_value);
    case FB_MAP_UUID5:
        return write_uuid(record, scratch, ret_value);
    case FB_MAP_SHARD:
        return write_shard(source->shards, record, scratch, ret_value);
    }
    return take_missing(ret_value);
}
