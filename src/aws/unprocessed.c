/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/unprocessed.h"

#include <string.h>

#include "answer.h"
#include "firebridge/codec/json_cursor.h"

struct marking {
    const struct fb_sent_batch *batch;
    struct fb_buffer key; /* of one item after the other */
};

static bool find(struct fb_json_cursor object, const char *name, struct fb_json_cursor *ret_value)
{
    return fb_answer_find(object, name, strlen(name), ret_value);
}

static struct fb_batch_entry *find_entry(const struct fb_sent_batch *batch,
                                         const struct fb_buffer *key)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct fb_batch_entry *entry = &batch->entries[i];

        if (entry->key_size == key->size && memcmp(entry->key, key->bytes, key->size) == 0)
            return entry;
    }
    return NULL;
}

/* `attributes`: an item, or a key alone. */
static enum fb_status mark_entry(struct marking *marking, enum fb_operation operation,
                                 struct fb_json_cursor attributes)
{
    struct fb_batch_entry *entry;
    enum fb_status status;

    fb_buffer_reset(&marking->key);
    status = fb_answer_append_key(marking->batch->schema, attributes, &marking->key);
    if (status != FB_OK)
        return status;
    entry = find_entry(marking->batch, &marking->key);
    if (entry == NULL || entry->operation != operation || entry->unprocessed)
        return FB_CORRUPT;
    entry->unprocessed = true;
    return FB_OK;
}

/* {"PutRequest":{"Item":{...}}} or {"DeleteRequest":{"Key":{...}}}, and not both. */
static enum fb_status mark_request(struct marking *marking, struct fb_json_cursor request)
{
    struct fb_json_cursor put, deletion, item, key;
    const bool is_put = find(request, "PutRequest", &put) && find(put, "Item", &item);
    const bool is_delete = find(request, "DeleteRequest", &deletion) && find(deletion, "Key", &key);

    if (is_put == is_delete)
        return FB_CORRUPT;
    return is_put ? mark_entry(marking, FB_PUT, item) : mark_entry(marking, FB_DELETE, key);
}

/* The requests of one table. */
static enum fb_status mark_requests(struct marking *marking, struct fb_json_cursor *requests)
{
    if (!fb_json_enter_array(requests))
        return FB_CORRUPT;
    for (; fb_json_next_element(requests); fb_json_skip(requests)) {
        enum fb_status status = mark_request(marking, *requests);

        if (status != FB_OK)
            return status;
    }
    return FB_OK;
}

static enum fb_status mark_tables(struct marking *marking, struct fb_json_cursor unprocessed)
{
    enum fb_status status = FB_OK;
    struct fb_json_text name;

    while (status == FB_OK && fb_json_next_member(&unprocessed, &name)) {
        if (!fb_answer_is_table(&name, marking->batch->table))
            return FB_CORRUPT;
        status = mark_requests(marking, &unprocessed);
    }
    return status;
}

enum fb_status fb_unprocessed_mark(const struct fb_sent_batch *batch, struct fb_buffer *answer)
{
    struct marking marking = {.batch = batch};
    struct fb_json_cursor unprocessed;
    enum fb_status status = fb_answer_check(answer);

    if (status != FB_OK)
        return status == FB_NO_MEMORY ? status : FB_INVALID;
    if (!find(fb_json_cursor_begin(answer->bytes), "UnprocessedItems", &unprocessed) ||
        !fb_json_enter_object(&unprocessed))
        return FB_INVALID;
    fb_buffer_init(&marking.key, FB_ANSWER_KEY_MAX_BYTES);
    status = mark_tables(&marking, unprocessed);
    fb_buffer_done(&marking.key);
    return status;
}
