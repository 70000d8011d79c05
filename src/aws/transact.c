/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/transact.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/dynamodb_call.h"

/* {} says that all is written. */
#define WRITE_ANSWER_MAX_BYTES ((size_t)64 * 1024)

/* A reason for each action, each with a sentence. */
#define REASONS_MAX_BYTES ((size_t)256 * 1024)

/* An item has 400 KB, and JSON may spell a byte in six. */
#define ITEM_ANSWER_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* ---- why a transaction was canceled ---- */

/*
 * The codes of CancellationReasons (API reference, TransactWriteItems) as those of exceptions, what
 * counts most first.
 */
static const struct reason {
    const char *code, *exception;
    bool refuses; /* that action can never be written */
} reasons[] = {
    {"ConditionalCheckFailed", "ConditionalCheckFailedException", false},
    {"ValidationError", "ValidationException", true},
    {"ItemCollectionSizeLimitExceeded", "ItemCollectionSizeLimitExceededException", true},
    {"ProvisionedThroughputExceeded", "ProvisionedThroughputExceededException", false},
    {"ThrottlingError", "ThrottlingException", false},
    {"TransactionConflict", "TransactionConflictException", false},
};

#define REASON_COUNT (sizeof reasons / sizeof *reasons)

static size_t find_reason(const json_t *said)
{
    const char *code = json_string_value(json_object_get(said, "Code"));
    size_t i;

    for (i = 0; i < REASON_COUNT; i++)
        if (code != NULL && strcmp(reasons[i].code, code) == 0)
            break;
    return i;
}

static const char *message_of(const json_t *said)
{
    const char *message = json_string_value(json_object_get(said, "Message"));

    return message == NULL ? "" : message;
}

/* What counts most takes the place of "TransactionCanceledException" in the error. */
static enum fb_status judge(const json_t *said, size_t worst, struct fb_error *error)
{
    struct fb_error judged = {0};

    fb_fail(&judged, fb_aws_error_status(reasons[worst].exception, 400),
            "a transaction is canceled: %s: %.200s", reasons[worst].code, message_of(said));
    if (worst == 0)
        judged.status = FB_CHANGED;
    snprintf(judged.code, sizeof judged.code, "%s", reasons[worst].exception);
    fb_make_printable(judged.message);
    judged.http_status = 400;
    if (error != NULL)
        *error = judged;
    return judged.status;
}

enum fb_status fb_transact_read_reasons(const char *body, size_t size,
                                        struct fb_transact_action *actions, size_t count,
                                        struct fb_error *error)
{
    json_t *root = json_loadb(body, size, 0, NULL);
    const json_t *list = json_object_get(root, "CancellationReasons");
    const json_t *worst_said = NULL;
    size_t worst = REASON_COUNT;
    enum fb_status status;
    json_t *said;
    size_t i;

    if (json_array_size(list) != count) {
        json_decref(root);
        return fb_fail(error, FB_CORRUPT, "a transaction is canceled, and it is not said why");
    }
    json_array_foreach(list, i, said)
    {
        const size_t reason = find_reason(said);

        actions[i].is_refused = reason < REASON_COUNT && reasons[reason].refuses;
        if (reason < worst) {
            worst = reason;
            worst_said = said;
        }
    }
    status = worst < REASON_COUNT
                 ? judge(worst_said, worst, error)
                 : fb_fail(error, FB_CORRUPT, "a transaction is canceled for no known reason");
    json_decref(root);
    return status;
}

/* ---- TransactWriteItems ---- */

struct body {
    struct iovec pieces[2 * FB_TRANSACT_MAX_ACTIONS + 1];
    size_t count;
};

static void add_piece(struct body *body, const char *bytes, size_t size)
{
    body->pieces[body->count++] = (struct iovec){(void *)bytes, size};
}

static void make_body(struct body *body, const struct fb_transact_action *actions, size_t count)
{
    static const char begin[] = "{\"TransactItems\":[";

    body->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0)
            add_piece(body, begin, sizeof begin - 1);
        else
            add_piece(body, ",", 1);
        add_piece(body, actions[i].text, actions[i].size);
    }
    add_piece(body, "]}", 2);
}

static enum fb_status check_answer(struct fb_dynamodb_call *call, struct fb_error *error)
{
    const enum fb_status status = fb_answer_check_written(&call->answer);

    if (status == FB_NO_MEMORY)
        return fb_fail(error, status, "no memory for an answer");
    return status == FB_OK
               ? FB_OK
               : fb_dynamodb_call_refuse(call, error, "it is not what a write is answered with");
}

static enum fb_status read_refusal(const struct fb_dynamodb_call *call,
                                   struct fb_transact_action *actions, size_t count,
                                   struct fb_error *error)
{
    const struct fb_call_refusal *refusal = call->refusal;
    enum fb_status status;

    if (!refusal->is_intact)
        return fb_dynamodb_call_refuse(call, error, "its x-amz-crc32 does not fit");
    status =
        fb_transact_read_reasons(refusal->body.bytes, refusal->body.size, actions, count, error);
    fb_error_prefix(error, "%s of %.300s", call->operation, call->subject);
    return status;
}

enum fb_status fb_dynamodb_transact_write(struct fb_client *client, const char *table,
                                          struct fb_transact_action *actions, size_t count,
                                          struct fb_error *error)
{
    struct fb_call_refusal refusal = {0};
    struct fb_error own = {0};
    struct fb_dynamodb_call call;
    struct body body;
    enum fb_status status;

    if (count == 0 || count > FB_TRANSACT_MAX_ACTIONS)
        return fb_fail(error, FB_INVALID, "a transaction has 1 to %d actions, not %zu",
                       FB_TRANSACT_MAX_ACTIONS, count);
    for (size_t i = 0; i < count; i++)
        actions[i].is_refused = false;
    status = fb_dynamodb_call_init(&call, client, "TransactWriteItems", table,
                                   WRITE_ANSWER_MAX_BYTES, error);
    if (status != FB_OK)
        return status;
    fb_buffer_init(&refusal.body, REASONS_MAX_BYTES);
    call.refusal = &refusal;
    make_body(&body, actions, count);
    status = fb_dynamodb_call_perform(&call, client, body.pieces, body.count, &own);
    if (status == FB_OK)
        status = check_answer(&call, &own);
    else if (strcmp(own.code, "TransactionCanceledException") == 0)
        status = read_refusal(&call, actions, count, &own);
    if (status != FB_OK && error != NULL)
        *error = own;
    fb_buffer_done(&refusal.body);
    fb_dynamodb_call_done(&call);
    return status;
}

/* ---- reading ---- */

enum fb_status fb_dynamodb_get_item(struct fb_client *client, const char *table, const char *key,
                                    size_t key_size, json_t **ret_item, struct fb_error *error)
{
    char begin[FB_TABLE_NAME_MAX + 64];
    const struct iovec body[] = {
        {begin, (size_t)snprintf(begin, sizeof begin,
                                 "{\"TableName\":\"%.*s\",\"ConsistentRead\":true,\"Key\":",
                                 FB_TABLE_NAME_MAX, table)},
        {(void *)key, key_size},
        {"}", 1},
    };
    json_t *root = NULL;
    enum fb_status status =
        fb_dynamodb_ask(client, "GetItem", table, body, 3, ITEM_ANSWER_MAX_BYTES, &root, error);

    if (status == FB_OK)
        *ret_item = json_incref(json_object_get(root, "Item"));
    json_decref(root);
    return status;
}
