/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "firebridge/aws/dynamodb_call.h"
#include "firebridge/aws/unprocessed.h"
#include "write_private.h"

/* BatchWriteItem: puts and deletes. All items may come back, and around them stands less. */
#define ANSWER_EXTRA_BYTES ((size_t)64 * 1024)

#define PUT_BEGIN    "{\"PutRequest\":{\"Item\":"
#define DELETE_BEGIN "{\"DeleteRequest\":{\"Key\":"
#define REQUEST_END  "}}"

/* What stands before an entry's text: of the first one, and of each that follows. */
static const char *const first_begin[] = {[FB_PUT] = PUT_BEGIN, [FB_DELETE] = DELETE_BEGIN};
static const char *const next_begin[] = {
    [FB_PUT] = REQUEST_END "," PUT_BEGIN,
    [FB_DELETE] = REQUEST_END "," DELETE_BEGIN,
};

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

static void make_body(struct batch_body *body, const struct fb_write_target *target,
                      const struct fb_batch_entry *entries, size_t count)
{
    const char *const end =
        target->wants_units ? REQUEST_END "]}," FB_WRITE_WANTS_UNITS "}" : REQUEST_END "]}}";

    body->count = 0;
    body->bytes = 0;
    snprintf(body->begin, sizeof body->begin, "{\"RequestItems\":{\"%s\":[%s", target->table,
             first_begin[entries[0].operation]);
    add_piece(body, body->begin, strlen(body->begin));
    for (size_t i = 0; i < count; i++) {
        const char *begin = next_begin[entries[i].operation];

        if (i > 0)
            add_piece(body, begin, strlen(begin));
        add_piece(body, entries[i].item, entries[i].item_size);
    }
    add_piece(body, end, strlen(end));
}

/* In nearly every answer nothing came back: then nothing is read. */
static bool nothing_came_back(const struct fb_buffer *answer)
{
    static const char nothing[] = "{\"UnprocessedItems\":{}}";

    return answer->size == sizeof nothing - 1 &&
           memcmp(answer->bytes, nothing, sizeof nothing - 1) == 0;
}

static enum fb_status read_answer(struct fb_dynamodb_call *call, const struct fb_sent_batch *batch,
                                  double *ret_units, struct fb_error *error)
{
    enum fb_status status;

    if (nothing_came_back(&call->answer))
        return FB_OK;
    status = fb_unprocessed_mark(batch, &call->answer);
    if (status == FB_OK &&
        !fb_answer_units(fb_json_cursor_begin(call->answer.bytes), batch->table, ret_units))
        status = FB_CORRUPT;
    if (status == FB_INVALID)
        return fb_dynamodb_call_refuse(call, error, "it does not say what was not written");
    if (status == FB_CORRUPT)
        return fb_dynamodb_call_refuse(call, error, "it is about what was not sent");
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for an answer");
    return FB_OK;
}

enum fb_status fb_write_batch(struct fb_client *client, const struct fb_write_target *target,
                              struct fb_batch_entry *entries, size_t count, double *ret_units,
                              struct fb_error *error)
{
    const struct fb_sent_batch batch = {target->table, target->schema, entries, count};
    struct fb_dynamodb_call call;
    struct batch_body body;
    enum fb_status status;

    make_body(&body, target, entries, count);
    if (body.bytes > FB_BATCH_MAX_BYTES)
        return fb_fail(error, FB_TOO_LARGE, "a batch of %zu bytes is over DynamoDB's 16 MiB",
                       body.bytes);
    status = fb_dynamodb_call_init(&call, client, "BatchWriteItem", target->table,
                                   body.bytes + ANSWER_EXTRA_BYTES, error);
    if (status != FB_OK)
        return status;
    status = fb_dynamodb_call_perform(&call, client, body.pieces, body.count, error);
    if (status == FB_OK)
        status = read_answer(&call, &batch, ret_units, error);
    fb_dynamodb_call_done(&call);
    return status;
}
