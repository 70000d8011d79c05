/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items that are DynamoDB's JSON already, and changes of a table.
 *
 * dynamodb-json: a line of a table export ("DynamoDB table exports to Amazon S3: output format",
 * DynamoDB developer guide), full ({"Item":{..}}) or incremental ({"Keys":{..},"NewImage":{..}}),
 * or an item as it is. dynamodb-stream: a change record of Kinesis Data Streams for DynamoDB or of
 * DynamoDB Streams (API reference, Record).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"
#include "typed.h"

struct dynamodb {
    bool is_stream;
    struct fb_typed *typed;
    struct fb_json_cursor text;
    size_t text_size;
    bool given;
};

static enum fb_status make(const struct fb_form_context *context, bool is_stream, void **ret_state,
                           struct fb_error *error)
{
    struct dynamodb *dynamodb = calloc(1, sizeof *dynamodb);

    if (dynamodb == NULL ||
        fb_typed_new(context->schema, context->hash_seed, &dynamodb->typed) != FB_OK) {
        free(dynamodb);
        return fb_fail(error, FB_NO_MEMORY, "no memory for a form");
    }
    dynamodb->is_stream = is_stream;
    *ret_state = dynamodb;
    return FB_OK;
}

static enum fb_status make_json(const struct fb_form_context *context, void **ret_state,
                                struct fb_error *error)
{
    return make(context, false, ret_state, error);
}

static enum fb_status make_stream(const struct fb_form_context *context, void **ret_state,
                                  struct fb_error *error)
{
    return make(context, true, ret_state, error);
}

static void free_state(void *state)
{
    struct dynamodb *dynamodb = state;

    if (dynamodb == NULL)
        return;
    fb_typed_free(dynamodb->typed);
    free(dynamodb);
}

static void begin(void *state)
{
    (void)state;
}

static enum fb_status open_record(void *state, const char *text, size_t size)
{
    struct dynamodb *dynamodb = state;

    dynamodb->text = fb_json_cursor_begin(text);
    dynamodb->text_size = size;
    dynamodb->given = false;
    return FB_OK;
}

static bool find(struct fb_json_cursor object, const char *name, struct fb_json_cursor *ret_value)
{
    struct fb_json_text text;
    bool found = false;

    if (!fb_json_enter_object(&object))
        return false;
    for (; fb_json_next_member(&object, &text); fb_json_skip(&object))
        if (fb_json_text_is(&text, name, strlen(name))) {
            *ret_value = object;
            found = true;
        }
    return found;
}

static enum fb_status dead(struct fb_formed *ret, const char *message)
{
    ret->kind = FB_FORMED_DEAD;
    ret->reason = FB_DEAD_WRONG_FORM;
    snprintf(ret->message, sizeof ret->message, "%s", message);
    return FB_OK;
}

/* A fault's place is one in the record, as the dead letter has it. */
static enum fb_status read_typed(struct dynamodb *dynamodb, struct fb_json_cursor map,
                                 bool keys_alone, struct fb_formed *ret)
{
    const enum fb_status status = fb_typed_read(dynamodb->typed, map, keys_alone, &ret->item);

    ret->kind = FB_FORMED_ITEM;
    if (status == FB_OK)
        ret->item.at += (size_t)(map.at - dynamodb->text.at);
    return status;
}

static enum fb_status put(struct dynamodb *dynamodb, struct fb_json_cursor item,
                          struct fb_formed *ret)
{
    return read_typed(dynamodb, item, false, ret);
}

static enum fb_status delete_by(struct dynamodb *dynamodb, struct fb_json_cursor keys,
                                struct fb_formed *ret)
{
    ret->operation = FB_DELETE;
    return read_typed(dynamodb, keys, true, ret);
}

static enum fb_status next_json(struct dynamodb *dynamodb, struct fb_formed *ret)
{
    struct fb_json_cursor keys, image;

    if (find(dynamodb->text, "Item", &image) && fb_typed_looks_so(image))
        return put(dynamodb, image, ret);
    if (!find(dynamodb->text, "Keys", &keys) || !fb_typed_looks_so(keys))
        return put(dynamodb, dynamodb->text, ret);
    if (find(dynamodb->text, "NewImage", &image))
        return put(dynamodb, image, ret);
    return delete_by(dynamodb, keys, ret);
}

static bool take_name(struct fb_json_cursor record, struct fb_json_text *ret_name)
{
    struct fb_json_cursor value;

    return find(record, "eventName", &value) && fb_json_take_string(&value, ret_name);
}

static bool is(const struct fb_json_text *text, const char *word)
{
    return fb_json_text_is(text, word, strlen(word));
}

static bool is_change(struct fb_json_cursor record, struct fb_json_text *ret_name,
                      struct fb_json_cursor *ret_change, struct fb_json_cursor *ret_keys)
{
    return take_name(record, ret_name) &&
           (is(ret_name, "INSERT") || is(ret_name, "MODIFY") || is(ret_name, "REMOVE")) &&
           find(record, "dynamodb", ret_change) && find(*ret_change, "Keys", ret_keys) &&
           fb_typed_looks_so(*ret_keys);
}

static enum fb_status next_change(struct dynamodb *dynamodb, struct fb_formed *ret)
{
    struct fb_json_cursor change, keys, image;
    struct fb_json_text name;
    uint64_t hash;
    enum fb_status status;

    if (!is_change(dynamodb->text, &name, &change, &keys))
        return dead(ret, "no change record: eventName must be INSERT, MODIFY or REMOVE, with "
                         "dynamodb.Keys");
    status = delete_by(dynamodb, keys, ret);
    if (!is(&name, "REMOVE"))
        ret->operation = FB_PUT;
    if (status != FB_OK || ret->item.reason != FB_DEAD_NONE || ret->operation == FB_DELETE)
        return status;
    if (!find(change, "NewImage", &image))
        return dead(ret, "a change without NewImage; the stream must carry the new image");
    hash = ret->item.key_hash;
    status = put(dynamodb, image, ret);
    if (status == FB_OK && ret->item.reason == FB_DEAD_NONE && ret->item.key_hash != hash)
        return dead(ret, "a change whose NewImage has another key than Keys");
    return status;
}

static enum fb_status next(void *state, struct fb_formed *ret)
{
    struct dynamodb *dynamodb = state;

    if (dynamodb->given)
        return FB_END;
    dynamodb->given = true;
    ret->at = 0;
    ret->size = dynamodb->text_size;
    ret->operation = FB_PUT;
    return dynamodb->is_stream ? next_change(dynamodb, ret) : next_json(dynamodb, ret);
}

static bool fits_json(struct fb_json_cursor record, const struct fb_key_schema *schema)
{
    struct fb_json_cursor item;

    (void)schema;
    return (find(record, "Item", &item) && fb_typed_looks_so(item)) || fb_typed_looks_so(record) ||
           (find(record, "Keys", &item) && fb_typed_looks_so(item) &&
            find(record, "Metadata", &item));
}

static bool fits_stream(struct fb_json_cursor record, const struct fb_key_schema *schema)
{
    struct fb_json_cursor change, keys;
    struct fb_json_text name;

    (void)schema;
    return is_change(record, &name, &change, &keys);
}

const struct fb_form fb_form_dynamodb_json = {
    .format = FB_FORMAT_DYNAMODB_JSON,
    .name = "dynamodb-json",
    .gives_items = true,
    .framing = FB_FRAMING_JSON,
    .text_factor = 2, /* the types take their room */
    .tell = "\"Item\"",
    .fits = fits_json,
    .make = make_json,
    .free = free_state,
    .begin = begin,
    .open = open_record,
    .next = next,
};

const struct fb_form fb_form_dynamodb_stream = {
    .format = FB_FORMAT_DYNAMODB_STREAM,
    .name = "dynamodb-stream",
    .gives_items = true,
    .framing = FB_FRAMING_JSON,
    .text_factor = 4, /* the old image comes along */
    .tell = "\"dynamodb\"",
    .fits = fits_stream,
    .make = make_stream,
    .free = free_state,
    .begin = begin,
    .open = open_record,
    .next = next,
};
