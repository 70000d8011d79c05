/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/unprocessed.h"

#include <string.h>

#include "answer.h"
#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/json_text.h"

/* A key's text with every byte escaped (\u0001): what canonical keys are made from. */
#define ESCAPED_KEY_MAX_BYTES ((size_t)6 * FB_PARTITION_KEY_MAX_BYTES)

/* No digit of a number needs an escape; a number that has some must be this short. */
#define ESCAPED_NUMBER_MAX_BYTES 512

struct marking {
    const struct fb_sent_batch *batch;
    struct fb_buffer key; /* of one item after the other */
};

static bool find(struct fb_json_cursor object, const char *name, struct fb_json_cursor *ret_value)
{
    return fb_answer_find(object, name, strlen(name), ret_value);
}

/* Nobody escapes digits, but JSON allows it. */
static enum fb_status append_number(struct fb_buffer *key, const struct fb_json_text *text)
{
    char plain[ESCAPED_NUMBER_MAX_BYTES + 1];
    size_t size;

    if (memchr(text->bytes, '\\', text->size) == NULL)
        return fb_key_append_canonical(key, FB_KEY_NUMBER, text->bytes, text->size);
    if (text->size > ESCAPED_NUMBER_MAX_BYTES)
        return FB_TOO_LARGE;
    size = fb_text_unescape(text->bytes, text->size, plain);
    plain[size] = '\0';
    return fb_key_append_canonical(key, FB_KEY_NUMBER, plain, size);
}

/* {"S":"..."} or {"N":"..."} in canonical form. */
static enum fb_status append_key(struct fb_buffer *key, enum fb_key_type type,
                                 struct fb_json_cursor attribute)
{
    const char name = (char)type;
    struct fb_json_cursor value;
    struct fb_json_text text;
    enum fb_status status;

    if (!fb_answer_find(attribute, &name, 1, &value) || !fb_json_take_string(&value, &text))
        return FB_CORRUPT;
    if (type == FB_KEY_NUMBER)
        status = append_number(key, &text);
    else
        status = fb_key_append_canonical(key, type, text.bytes, text.size);
    return status == FB_OK || status == FB_NO_MEMORY ? status : FB_CORRUPT;
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
    const struct fb_key_schema *schema = marking->batch->schema;
    struct fb_batch_entry *entry;

    fb_buffer_reset(&marking->key);
    for (size_t i = 0; i < schema->count; i++) {
        const struct fb_key_attribute *wanted = &schema->attributes[i];
        struct fb_json_cursor attribute;
        enum fb_status status;

        if (!fb_answer_find(attributes, wanted->name, wanted->name_size, &attribute))
            return FB_CORRUPT;
        status = append_key(&marking->key, wanted->type, attribute);
        if (status != FB_OK)
            return status;
    }
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
    fb_buffer_init(&marking.key, FB_CANONICAL_KEY_MAX + ESCAPED_KEY_MAX_BYTES);
    status = mark_tables(&marking, unprocessed);
    fb_buffer_done(&marking.key);
    return status;
}
