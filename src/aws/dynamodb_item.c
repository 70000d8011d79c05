/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PutItem with a condition (API reference, "PutItem"). One that fails says what the table has, so
 * that an item that is there is told from one whose version nothing can be compared with.
 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "firebridge/aws/aws_error.h"
#include "firebridge/codec/version.h"
#include "write_private.h"

#define ANSWER_MAX_BYTES ((size_t)64 * 1024)

/* What is there has 400 KB as DynamoDB counts; its JSON can be ten times that. */
#define REFUSAL_MAX_BYTES ((size_t)8 * 1024 * 1024)

#define CONDITION_FAILED "ConditionalCheckFailedException"

/* An attribute's name as JSON has it inside the quotes. */
#define ESCAPED_NAME_SIZE (2 * 255 + 1)

static void escape(const char *name, char *out, size_t size)
{
    size_t written = 0;

    for (; *name != '\0' && written + 2 < size; name++) {
        if (*name == '"' || *name == '\\')
            out[written++] = '\\';
        out[written++] = *name;
    }
    out[written] = '\0';
}

/* Whether it is the condition that failed, which the answer's body says, intact. */
static bool condition_failed(struct fb_call_refusal *refusal, const struct fb_error *error)
{
    struct fb_json_cursor type;
    struct fb_json_text text;
    const size_t size = strlen(CONDITION_FAILED);

    return error->http_status == 400 && refusal->is_intact &&
           fb_answer_check(&refusal->body) == FB_OK &&
           fb_answer_find(fb_json_cursor_begin(refusal->body.bytes), "__type", strlen("__type"),
                          &type) &&
           fb_json_take_string(&type, &text) && text.size >= size &&
           memcmp(text.bytes + text.size - size, CONDITION_FAILED, size) == 0;
}

static enum fb_status read_success(struct fb_dynamodb_call *call, const char *table,
                                   double *ret_units, struct fb_error *error)
{
    enum fb_status status = fb_answer_check_written(&call->answer);

    if (status == FB_NO_MEMORY)
        return fb_fail(error, status, "no memory for an answer");
    if (status != FB_OK)
        return fb_dynamodb_call_refuse(call, error, "it is not what a write is answered with");
    if (!fb_answer_units(fb_json_cursor_begin(call->answer.bytes), table, ret_units))
        return fb_dynamodb_call_refuse(call, error, "it is about another table");
    return FB_OK;
}

enum fb_status fb_write_one(struct fb_client *client, const char *operation, const char *table,
                            const struct iovec *pieces, size_t piece_count,
                            struct fb_call_refusal *refusal, double *ret_units,
                            struct fb_error *error)
{
    struct fb_dynamodb_call call;
    enum fb_status status =
        fb_dynamodb_call_init(&call, client, operation, table, ANSWER_MAX_BYTES, error);

    if (status != FB_OK)
        return status;
    call.refusal = refusal;
    status = fb_dynamodb_call_perform(&call, client, pieces, piece_count, error);
    if (status == FB_OK)
        status = read_success(&call, table, ret_units, error);
    fb_dynamodb_call_done(&call);
    return status;
}

static struct iovec piece_of(const char *text)
{
    return (struct iovec){(void *)text, strlen(text)};
}

static const char *end_of(const struct fb_write_target *target)
{
    return target->wants_units ? "," FB_WRITE_WANTS_UNITS "}" : "}";
}

enum fb_status fb_write_if_absent(struct fb_client *client, const struct fb_write_target *target,
                                  struct fb_batch_entry *entries, size_t count, double *ret_units,
                                  struct fb_error *error)
{
    struct fb_call_refusal refusal = {.is_intact = false};
    struct fb_error own = {0};
    char head[FB_TABLE_NAME_MAX + 64], name[ESCAPED_NAME_SIZE], condition[ESCAPED_NAME_SIZE + 128];
    struct iovec pieces[4];
    enum fb_status status;

    (void)count;
    fb_buffer_init(&refusal.body, REFUSAL_MAX_BYTES);
    escape(target->schema->attributes[0].name, name, sizeof name);
    snprintf(head, sizeof head, "{\"TableName\":\"%s\",\"Item\":", target->table);
    snprintf(condition, sizeof condition,
             ",\"ConditionExpression\":\"attribute_not_exists(#k)\","
             "\"ExpressionAttributeNames\":{\"#k\":\"%s\"}",
             name);
    pieces[0] = piece_of(head);
    pieces[1] = (struct iovec){(void *)entries->item, entries->item_size};
    pieces[2] = piece_of(condition);
    pieces[3] = piece_of(end_of(target));
    status = fb_write_one(client, "PutItem", target->table, pieces, 4, &refusal, ret_units, &own);
    if (status != FB_OK && condition_failed(&refusal, &own)) {
        entries->is_there = true;
        status = FB_OK;
    }
    if (status != FB_OK && error != NULL)
        *error = own;
    fb_buffer_done(&refusal.body);
    return status;
}

/* What the failed condition says of the item that is there. */
static enum fb_status compare_types(const struct fb_write_target *target,
                                    const struct fb_buffer *body, struct fb_batch_entry *entry,
                                    struct fb_error *error)
{
    const struct fb_version sent =
        fb_version_of(entry->item + entry->version_at, entry->version_size);
    struct fb_json_cursor item;
    struct fb_version stored;

    if (!fb_answer_find(fb_json_cursor_begin(body->bytes), "Item", strlen("Item"), &item) ||
        *item.at != '{')
        return fb_fail(error, FB_CORRUPT,
                       "PutItem of table %.300s: the answer is not usable: the condition failed, "
                       "and it does not say what the table has",
                       target->table);
    if (fb_version_find(item.at, target->version_attribute, strlen(target->version_attribute),
                        &stored) &&
        stored.type == sent.type) {
        entry->is_there = true;
        return FB_OK;
    }
    entry->is_refused = true;
    snprintf(entry->refusal, sizeof entry->refusal,
             "the version %.100s in the table is of another type than %c, so neither is newer",
             target->version_attribute, sent.type);
    return FB_OK;
}

enum fb_status fb_write_newer(struct fb_client *client, const struct fb_write_target *target,
                              struct fb_batch_entry *entries, size_t count, double *ret_units,
                              struct fb_error *error)
{
    struct fb_call_refusal refusal = {.is_intact = false};
    struct fb_error own = {0};
    char head[FB_TABLE_NAME_MAX + 64];
    struct iovec pieces[8];
    struct fb_buffer *name = &target->scratch->names;
    enum fb_status status;

    (void)count;
    fb_buffer_reset(name);
    status = fb_buffer_reserve(name, 2 * strlen(target->version_attribute) + 3);
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a call");
    escape(target->version_attribute, name->bytes, name->capacity);
    fb_buffer_init(&refusal.body, REFUSAL_MAX_BYTES);
    snprintf(head, sizeof head, "{\"TableName\":\"%s\",\"Item\":", target->table);
    pieces[0] = piece_of(head);
    pieces[1] = (struct iovec){(void *)entries->item, entries->item_size};
    pieces[2] = piece_of(",\"ConditionExpression\":\"attribute_not_exists(#v) OR #v < :v\","
                         "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\","
                         "\"ExpressionAttributeNames\":{\"#v\":\"");
    pieces[3] = piece_of(name->bytes);
    pieces[4] = piece_of("\"},\"ExpressionAttributeValues\":{\":v\":");
    pieces[5] =
        (struct iovec){(void *)(entries->item + entries->version_at), entries->version_size};
    pieces[6] = piece_of("}");
    pieces[7] = piece_of(end_of(target));
    status = fb_write_one(client, "PutItem", target->table, pieces, 8, &refusal, ret_units, &own);
    if (status != FB_OK && condition_failed(&refusal, &own))
        status = compare_types(target, &refusal.body, entries, &own);
    if (status != FB_OK && error != NULL)
        *error = own;
    fb_buffer_done(&refusal.body);
    return status;
}
