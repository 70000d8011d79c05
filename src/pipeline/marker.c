/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/marker.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A stream's name, a bucket's, a key of 1,024 bytes, an ETag, and a place. */
#define TEXT_MAX_BYTES 2000
_Static_assert(TEXT_MAX_BYTES <= FB_PARTITION_KEY_MAX_BYTES, "a marker's key is one");

/* A canonical key begins with a type and a length (key.h). */
#define CANONICAL_HEAD 3

enum fb_status fb_markers_check(const struct fb_markers *markers, struct fb_error *error)
{
    for (size_t i = 0; i < markers->schema->count; i++) {
        const struct fb_key_attribute *attribute = &markers->schema->attributes[i];

        if (attribute->type == FB_KEY_NUMBER)
            return fb_fail(error, FB_UNSUPPORTED,
                           "table %s cannot hold the markers of write = add, for its key attribute "
                           "%s is a number; name another with marker_table, whose key attributes "
                           "are strings",
                           markers->table, attribute->name);
        if (strcmp(attribute->name, FB_MARKER_ATTRIBUTE) == 0 ||
            strcmp(attribute->name, FB_MARKER_TABLE) == 0 ||
            strcmp(attribute->name, markers->ttl_attribute) == 0)
            return fb_fail(error, FB_UNSUPPORTED,
                           "table %s cannot hold the markers of write = add, for its key attribute "
                           "is called %s; name another with marker_table",
                           markers->table, attribute->name);
    }
    return FB_OK;
}

/* An ARN, and a time in milliseconds. */
#define TARGET_SIZE 600

/* Three numbers of 64 bits, and one of 32. */
#define PLACE_SIZE (3 * 20 + 8 + 4)

static void format_place(struct fb_place place, char *text)
{
    const int size = snprintf(text, PLACE_SIZE, "%llu.%llu", (unsigned long long)place.offset_bytes,
                              (unsigned long long)place.part);

    if (place.output > 0)
        snprintf(text + size, PLACE_SIZE - (size_t)size, ".%llu.%08lx",
                 (unsigned long long)place.output, (unsigned long)place.program);
}

/* {"S":TEXT}, or {"B":BASE64}; NULL without memory. */
static json_t *key_value(enum fb_key_type type, const char *text)
{
    unsigned char base64[4 * (TEXT_MAX_BYTES / 3 + 1) + 1];

    if (type == FB_KEY_STRING)
        return json_pack("{s:s}", "S", text);
    EVP_EncodeBlock(base64, (const unsigned char *)text, (int)strlen(text));
    return json_pack("{s:s}", "B", (const char *)base64);
}

static json_t *make_key(const struct fb_markers *markers, const struct fb_state_object *object,
                        struct fb_place begin)
{
    const struct fb_key_attribute *attributes = markers->schema->attributes;
    const bool has_sort_key = markers->schema->count == 2;
    char text[TEXT_MAX_BYTES];
    char place[PLACE_SIZE];
    char again[32] = "";
    json_t *key = json_object();

    format_place(begin, place);
    if (object->again_ms != 0)
        snprintf(again, sizeof again, "|again %lld", (long long)object->again_ms);
    snprintf(text, sizeof text, FB_MARKER_PREFIX "%.64s|s3://%.63s/%.1024s|%.512s%s%s%s",
             markers->stream, markers->bucket, object->key, object->etag, again,
             has_sort_key ? "" : "|", has_sort_key ? "" : place);
    if (json_object_set_new(key, attributes[0].name, key_value(attributes[0].type, text)) != 0 ||
        (has_sort_key &&
         json_object_set_new(key, attributes[1].name, key_value(attributes[1].type, place)) != 0)) {
        json_decref(key);
        return NULL;
    }
    return key;
}

static void format_target(const struct fb_markers *markers, char *text)
{
    snprintf(text, TARGET_SIZE, "%.550s %lld", markers->target_arn,
             (long long)markers->target_created_ms);
}

/* Whether there was memory for it. */
static bool add_target(const struct fb_markers *markers, json_t *item)
{
    char target[TARGET_SIZE];

    if (markers->target_arn == NULL)
        return true;
    format_target(markers, target);
    return json_object_set_new(item, FB_MARKER_TABLE, json_pack("{s:s}", "S", target)) == 0;
}

/* Takes the value over. */
static enum fb_status append_json(json_t *value, struct fb_buffer *out)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER);
    const enum fb_status status =
        text == NULL ? FB_NO_MEMORY : fb_buffer_append(out, text, strlen(text));

    free(text);
    json_decref(value);
    return status;
}

enum fb_status fb_marker_append_key(const struct fb_markers *markers,
                                    const struct fb_state_object *object, struct fb_place begin,
                                    struct fb_buffer *out)
{
    return append_json(make_key(markers, object, begin), out);
}

enum fb_status fb_marker_append_put(const struct fb_markers *markers,
                                    const struct fb_state_object *object, struct fb_place begin,
                                    struct fb_place end, int64_t now_ms, struct fb_buffer *out)
{
    json_t *item = make_key(markers, object, begin);
    char place[PLACE_SIZE];
    char expires[24];

    format_place(end, place);
    snprintf(expires, sizeof expires, "%lld", (long long)((now_ms + markers->ttl_ms) / 1000));
    if (item == NULL ||
        json_object_set_new(item, FB_MARKER_ATTRIBUTE, json_pack("{s:s}", "S", place)) != 0 ||
        json_object_set_new(item, markers->ttl_attribute, json_pack("{s:s}", "N", expires)) != 0 ||
        !add_target(markers, item)) {
        json_decref(item);
        return FB_NO_MEMORY;
    }
    return append_json(json_pack("{s:{s:s, s:o, s:s, s:{s:s}}}", "Put", "TableName", markers->table,
                                 "Item", item, "ConditionExpression", "attribute_not_exists(#key)",
                                 "ExpressionAttributeNames", "#key",
                                 markers->schema->attributes[0].name),
                       out);
}

/* The number behind a dot at *at, and *at behind that; 0 where there is none. */
static unsigned long long next_number(char **at, int base)
{
    return **at == '.' ? strtoull(*at + 1, at, base) : 0;
}

/* A place and nothing else. */
static bool read_place(const char *text, struct fb_place *ret_place)
{
    char again[PLACE_SIZE];
    char *at;

    if (text == NULL)
        return false;
    ret_place->offset_bytes = strtoull(text, &at, 10);
    ret_place->part = next_number(&at, 10);
    ret_place->output = next_number(&at, 10);
    ret_place->program = (uint32_t)next_number(&at, 16);
    /* Whatever was read otherwise than it is written shows. */
    format_place(*ret_place, again);
    return strcmp(again, text) == 0;
}

static enum fb_status check_target(const struct fb_markers *markers, const json_t *item,
                                   struct fb_error *error)
{
    const json_t *value = json_object_get(item, FB_MARKER_TABLE);
    const char *stored = json_string_value(json_object_get(value, "S"));
    char target[TARGET_SIZE];

    if (markers->target_arn == NULL || value == NULL)
        return FB_OK;
    format_target(markers, target);
    if (stored != NULL && strcmp(stored, target) == 0)
        return FB_OK;
    return fb_fail(error, FB_CONFLICT,
                   "a marker in table %.255s says that records of stream %.64s are added to "
                   "%.300s, not to %.300s (a table, and when it was created); add to that one, or "
                   "give the stream a new name or another marker_table, and it adds them here too",
                   markers->table, markers->stream, stored == NULL ? "no table" : stored, target);
}

enum fb_status fb_marker_read(const struct fb_markers *markers, const json_t *item,
                              struct fb_place *ret_end, struct fb_error *error)
{
    const json_t *value = json_object_get(item, FB_MARKER_ATTRIBUTE);

    if (!read_place(json_string_value(json_object_get(value, "S")), ret_end))
        return fb_fail(error, FB_CONFLICT,
                       "an item has a marker's key, but is none: its attribute " FB_MARKER_ATTRIBUTE
                       " says no end of a run; delete it if it is not firebridge's");
    return check_target(markers, item, error);
}

bool fb_marker_owns_key(const struct fb_key_schema *schema, const char *key, size_t key_size)
{
    const size_t prefix_size = strlen(FB_MARKER_PREFIX);
    unsigned char base64[4 * (sizeof FB_MARKER_PREFIX / 3 + 1) + 1];

    if (schema->attributes[0].type == FB_KEY_STRING)
        return key_size >= CANONICAL_HEAD + prefix_size &&
               memcmp(key + CANONICAL_HEAD, FB_MARKER_PREFIX, prefix_size) == 0;
    /* Nine of the prefix's bytes are twelve of base64, whatever follows. */
    EVP_EncodeBlock(base64, (const unsigned char *)FB_MARKER_PREFIX, 9);
    return schema->attributes[0].type == FB_KEY_BINARY && key_size >= CANONICAL_HEAD + 12 &&
           memcmp(key + CANONICAL_HEAD, base64, 12) == 0;
}
