/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/batch_get.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "firebridge/aws/dynamodb_call.h"
#include "firebridge/codec/json_text.h"

struct reading {
    const char *table;
    const struct fb_key_schema *schema;
    struct fb_get_entry *entries;
    size_t count;
    struct fb_buffer key; /* of one item after the other */
};

/* Below, NULL where nobody asked for it. */
static struct fb_get_entry *find_entry(struct reading *reading, struct fb_json_cursor attributes,
                                       enum fb_status *ret_status)
{
    fb_buffer_reset(&reading->key);
    *ret_status = fb_answer_append_key(reading->schema, attributes, &reading->key);
    for (size_t i = 0; i < reading->count && *ret_status == FB_OK; i++) {
        struct fb_get_entry *entry = &reading->entries[i];

        if (entry->canonical_size == reading->key.size &&
            memcmp(entry->canonical, reading->key.bytes, reading->key.size) == 0)
            return entry;
    }
    return NULL;
}

static enum fb_status take_item(struct reading *reading, struct fb_json_cursor item)
{
    enum fb_status status;
    struct fb_get_entry *entry = find_entry(reading, item, &status);
    struct fb_json_cursor end = item;

    if (entry == NULL || entry->item != NULL || entry->unprocessed)
        return status == FB_OK ? FB_CORRUPT : status;
    fb_json_skip(&end);
    entry->item = item.at;
    entry->item_size = (size_t)(end.at - item.at);
    return FB_OK;
}

static enum fb_status take_unprocessed(struct reading *reading, struct fb_json_cursor key)
{
    enum fb_status status;
    struct fb_get_entry *entry = find_entry(reading, key, &status);

    if (entry == NULL || entry->item != NULL || entry->unprocessed)
        return status == FB_OK ? FB_CORRUPT : status;
    entry->unprocessed = true;
    return FB_OK;
}

typedef enum fb_status (*take_fn)(struct reading *reading, struct fb_json_cursor element);

static enum fb_status take_all(struct reading *reading, struct fb_json_cursor array, take_fn take)
{
    enum fb_status status = FB_OK;

    if (!fb_json_enter_array(&array))
        return FB_CORRUPT;
    for (; status == FB_OK && fb_json_next_element(&array); fb_json_skip(&array))
        status = take(reading, array);
    return status;
}

/* {"TABLE":[item, ...]} */
static enum fb_status take_responses(struct reading *reading, struct fb_json_cursor tables)
{
    enum fb_status status = FB_OK;
    struct fb_json_text name;

    if (!fb_json_enter_object(&tables))
        return FB_INVALID;
    for (; status == FB_OK && fb_json_next_member(&tables, &name); fb_json_skip(&tables))
        status = fb_answer_is_table(&name, reading->table) ? take_all(reading, tables, take_item)
                                                           : FB_CORRUPT;
    return status;
}

/* {"TABLE":{"Keys":[key, ...]}} */
static enum fb_status take_rest(struct reading *reading, struct fb_json_cursor tables)
{
    enum fb_status status = FB_OK;
    struct fb_json_cursor keys;
    struct fb_json_text name;

    if (!fb_json_enter_object(&tables))
        return FB_INVALID;
    for (; status == FB_OK && fb_json_next_member(&tables, &name); fb_json_skip(&tables))
        status = fb_answer_is_table(&name, reading->table) &&
                         fb_answer_find(tables, "Keys", strlen("Keys"), &keys)
                     ? take_all(reading, keys, take_unprocessed)
                     : FB_CORRUPT;
    return status;
}

enum fb_status fb_batch_get_read(const char *table, const struct fb_key_schema *schema,
                                 struct fb_get_entry *entries, size_t count,
                                 struct fb_buffer *answer)
{
    struct reading reading = {.table = table, .schema = schema, .entries = entries, .count = count};
    struct fb_json_cursor responses, rest;
    enum fb_status status = fb_answer_check(answer);

    if (status != FB_OK)
        return status == FB_NO_MEMORY ? status : FB_INVALID;
    if (!fb_answer_find(fb_json_cursor_begin(answer->bytes), "Responses", strlen("Responses"),
                        &responses))
        return FB_INVALID;
    fb_buffer_init(&reading.key, FB_ANSWER_KEY_MAX_BYTES);
    status = take_responses(&reading, responses);
    if (status == FB_OK && fb_answer_find(fb_json_cursor_begin(answer->bytes), "UnprocessedKeys",
                                          strlen("UnprocessedKeys"), &rest))
        status = take_rest(&reading, rest);
    fb_buffer_done(&reading.key);
    return status;
}

static enum fb_status make_body(const char *table, const struct fb_get_entry *entries, size_t count,
                                struct fb_buffer *body)
{
    enum fb_status status = fb_buffer_append_text(body, "{\"RequestItems\":{\"");

    if (status == FB_OK)
        status = fb_buffer_append_text(body, table);
    if (status == FB_OK)
        status = fb_buffer_append_text(body, "\":{\"ConsistentRead\":true,\"Keys\":[");
    for (size_t i = 0; i < count && status == FB_OK; i++) {
        status = i == 0 ? FB_OK : fb_buffer_append(body, ",", 1);
        if (status == FB_OK)
            status = fb_buffer_append(body, entries[i].key, entries[i].key_size);
    }
    return status == FB_OK ? fb_buffer_append_text(body, "]}}}") : status;
}

static enum fb_status perform(struct fb_dynamodb_call *call, struct fb_client *client,
                              const struct fb_buffer *body, struct fb_buffer *answer,
                              struct fb_error *error)
{
    const struct iovec piece = {body->bytes, body->size};
    enum fb_status status;

    /* The caller's memory, for the answer outlives the call. */
    fb_buffer_reset(answer);
    call->answer = *answer;
    status = fb_dynamodb_call_perform(call, client, &piece, 1, error);
    *answer = call->answer;
    call->answer = (struct fb_buffer){0};
    return status;
}

enum fb_status fb_dynamodb_batch_get(struct fb_client *client, const char *table,
                                     const struct fb_key_schema *schema,
                                     struct fb_get_entry *entries, size_t count,
                                     struct fb_buffer *answer, struct fb_error *error)
{
    struct fb_dynamodb_call call;
    struct fb_buffer body;
    enum fb_status status;

    if (count == 0 || count > FB_GET_MAX_ITEMS)
        return fb_fail(error, FB_INVALID, "BatchGetItem takes 1 to %d keys, not %zu",
                       FB_GET_MAX_ITEMS, count);
    for (size_t i = 0; i < count; i++) {
        entries[i].item = NULL;
        entries[i].item_size = 0;
        entries[i].unprocessed = false;
    }
    status = fb_dynamodb_call_init(&call, client, "BatchGetItem", table, 0, error);
    if (status != FB_OK)
        return status;
    fb_buffer_init(&body, FB_GET_MAX_BYTES);
    status = make_body(table, entries, count, &body);
    if (status != FB_OK)
        status = fb_fail(error, status, "no memory for a request");
    else
        status = perform(&call, client, &body, answer, error);
    if (status == FB_OK) {
        status = fb_batch_get_read(table, schema, entries, count, answer);
        if (status == FB_INVALID || status == FB_CORRUPT)
            status = fb_dynamodb_call_refuse(
                &call, error,
                status == FB_INVALID ? "it has no Responses" : "it gives what was not asked for");
    }
    fb_buffer_done(&body);
    fb_dynamodb_call_done(&call);
    return status;
}
