/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/dynamodb_call.h"

/* All items may come back, and around them stands less than this. */
#define ANSWER_EXTRA_BYTES ((size_t)64 * 1024)

/* A key's text with every byte escaped (\u0001): what canonical keys are made from. */
#define ESCAPED_KEY_MAX_BYTES ((size_t)6 * FB_PARTITION_KEY_MAX_BYTES)

#define PUT_BEGIN "{\"PutRequest\":{\"Item\":"
#define PUT_END   "}}"
#define PUT_NEXT  PUT_END "," PUT_BEGIN

/* The request's body: the items stay where they are, only what joins them is added. */
struct batch_body {
    char begin[FB_TABLE_NAME_MAX + 64];
    struct iovec pieces[2 * FB_BATCH_MAX_ITEMS + 1];
    size_t count;
    size_t bytes;
};

static void add_piece(struct batch_body *body, const char *bytes, size_t size)
{
    body->pieces[body->count++] = (struct iovec){(void *)bytes, size};
    body->bytes += size;
}

static void make_body(struct batch_body *body, const char *table,
                      const struct fb_batch_entry *entries, size_t count)
{
    body->count = 0;
    body->bytes = 0;
    snprintf(body->begin, sizeof body->begin, "{\"RequestItems\":{\"%s\":[" PUT_BEGIN, table);
    add_piece(body, body->begin, strlen(body->begin));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            add_piece(body, PUT_NEXT, strlen(PUT_NEXT));
        add_piece(body, entries[i].item, entries[i].item_size);
    }
    add_piece(body, PUT_END "]}}", strlen(PUT_END "]}}"));
}

/* jansson has undone the escapes; canonical keys are made from text that has them. */
static enum fb_status append_escaped(struct fb_buffer *to, const char *text, size_t size)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < size && status == FB_OK; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20)
            status = fb_buffer_printf(to, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            status = fb_buffer_printf(to, "\\%c", c);
        else
            status = fb_buffer_append(to, &text[i], 1);
    }
    return status;
}

/* {"S":"..."} of the item's attribute, in canonical form; FB_CORRUPT when it is not there. */
static enum fb_status append_key(struct fb_buffer *key, struct fb_buffer *scratch,
                                 const struct fb_key_attribute *attribute, const json_t *item)
{
    const char type[2] = {(char)attribute->type, '\0'};
    const json_t *value = json_object_get(json_object_get(item, attribute->name), type);
    enum fb_status status;

    if (!json_is_string(value))
        return FB_CORRUPT;
    fb_buffer_reset(scratch);
    status = append_escaped(scratch, json_string_value(value), json_string_length(value));
    if (status == FB_OK)
        status = fb_buffer_terminate(scratch);
    if (status == FB_OK)
        status = fb_key_append_canonical(key, attribute->type, scratch->bytes, scratch->size);
    return status == FB_NO_MEMORY ? status : status == FB_OK ? FB_OK : FB_CORRUPT;
}

static struct fb_batch_entry *find_entry(struct fb_batch_entry *entries, size_t count,
                                         const struct fb_buffer *key)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].key_size == key->size && memcmp(entries[i].key, key->bytes, key->size) == 0)
            return &entries[i];
    return NULL;
}

struct batch {
    const char *table;
    const struct fb_key_schema *schema;
    struct fb_batch_entry *entries;
    size_t count;
};

static enum fb_status mark_item(const struct batch *batch, const json_t *item)
{
    struct fb_buffer key, scratch;
    struct fb_batch_entry *entry = NULL;
    enum fb_status status = FB_OK;

    fb_buffer_init(&key, FB_CANONICAL_KEY_MAX + ESCAPED_KEY_MAX_BYTES);
    fb_buffer_init(&scratch, ESCAPED_KEY_MAX_BYTES + 1);
    for (size_t i = 0; i < batch->schema->count && status == FB_OK; i++)
        status = append_key(&key, &scratch, &batch->schema->attributes[i], item);
    if (status == FB_OK)
        entry = find_entry(batch->entries, batch->count, &key);
    if (status == FB_OK && (entry == NULL || entry->unprocessed))
        status = FB_CORRUPT;
    if (status == FB_OK)
        entry->unprocessed = true;
    fb_buffer_done(&key);
    fb_buffer_done(&scratch);
    return status;
}

/* The answer may name the table where an ARN was sent. */
static bool is_our_table(const char *name, const char *table)
{
    const char *bare = strstr(table, ":table/");

    return strcmp(name, table) == 0 || (bare != NULL && strcmp(name, bare + 7) == 0);
}

static enum fb_status mark_unprocessed(const struct batch *batch, json_t *unprocessed)
{
    const char *name;
    json_t *requests, *request;
    enum fb_status status = FB_OK;
    size_t i;

    json_object_foreach(unprocessed, name, requests)
    {
        if (!is_our_table(name, batch->table) || !json_is_array(requests))
            return FB_CORRUPT;
        json_array_foreach(requests, i, request)
        {
            const json_t *put = json_object_get(request, "PutRequest");

            status = mark_item(batch, json_object_get(put, "Item"));
            if (status != FB_OK)
                return status;
        }
    }
    return status;
}

/* In nearly every answer nothing came back: then no tree is built. */
static bool nothing_came_back(const struct fb_buffer *answer)
{
    static const char nothing[] = "{\"UnprocessedItems\":{}}";

    return answer->size == sizeof nothing - 1 &&
           memcmp(answer->bytes, nothing, sizeof nothing - 1) == 0;
}

static enum fb_status read_answer(const struct fb_dynamodb_call *call, const struct batch *batch,
                                  struct fb_error *error)
{
    enum fb_status status;
    json_t *root, *unprocessed;

    if (nothing_came_back(&call->answer))
        return FB_OK;
    root = json_loadb(call->answer.bytes == NULL ? "" : call->answer.bytes, call->answer.size,
                      JSON_ALLOW_NUL, NULL);
    unprocessed = json_object_get(root, "UnprocessedItems");
    if (!json_is_object(unprocessed))
        status = fb_dynamodb_call_refuse(call, error, "it does not say what was not written");
    else {
        status = mark_unprocessed(batch, unprocessed);
        if (status == FB_CORRUPT)
            fb_dynamodb_call_refuse(call, error, "it gives back an item that was not sent");
        else if (status != FB_OK)
            fb_fail(error, status, "no memory for an answer");
    }
    json_decref(root);
    return status;
}

static enum fb_status check_entries(const struct fb_batch_entry *entries, size_t count,
                                    struct fb_error *error)
{
    if (entries == NULL || count == 0 || count > FB_BATCH_MAX_ITEMS)
        return fb_fail(error, FB_INVALID, "a batch has 1 to %d items, not %zu", FB_BATCH_MAX_ITEMS,
                       count);
    return FB_OK;
}

enum fb_status fb_dynamodb_batch_write(struct fb_client *client, const char *table,
                                       const struct fb_key_schema *schema,
                                       struct fb_batch_entry *entries, size_t count,
                                       struct fb_error *error)
{
    struct batch batch = {table, schema, entries, count};
    struct fb_dynamodb_call call;
    struct batch_body body;
    enum fb_status status = check_entries(entries, count, error);

    if (status != FB_OK)
        return status;
    make_body(&body, table, entries, count);
    if (body.bytes > FB_BATCH_MAX_BYTES)
        return fb_fail(error, FB_TOO_LARGE, "a batch of %zu bytes is over DynamoDB's 16 MiB",
                       body.bytes);
    for (size_t i = 0; i < count; i++)
        entries[i].unprocessed = false;
    status = fb_dynamodb_call_init(&call, client, "BatchWriteItem", table,
                                   body.bytes + ANSWER_EXTRA_BYTES, error);
    if (status != FB_OK)
        return status;
    status = fb_dynamodb_call_perform(&call, client, body.pieces, body.count, error);
    if (status == FB_OK)
        status = read_answer(&call, &batch, error);
    fb_dynamodb_call_done(&call);
    return status;
}
