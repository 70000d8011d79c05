/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/dynamodb_call.h"
#include "firebridge/aws/unprocessed.h"

/* All items may come back, and around them stands less than this. */
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

static void make_body(struct batch_body *body, const char *table,
                      const struct fb_batch_entry *entries, size_t count)
{
    body->count = 0;
    body->bytes = 0;
    snprintf(body->begin, sizeof body->begin, "{\"RequestItems\":{\"%s\":[%s", table,
             first_begin[entries[0].operation]);
    add_piece(body, body->begin, strlen(body->begin));
    for (size_t i = 0; i < count; i++) {
        const char *begin = next_begin[entries[i].operation];

        if (i > 0)
            add_piece(body, begin, strlen(begin));
        add_piece(body, entries[i].item, entries[i].item_size);
    }
    add_piece(body, REQUEST_END "]}}", strlen(REQUEST_END "]}}"));
}

/* In nearly every answer nothing came back: then nothing is read. */
static bool nothing_came_back(const struct fb_buffer *answer)
{
    static const char nothing[] = "{\"UnprocessedItems\":{}}";

    return answer->size == sizeof nothing - 1 &&
           memcmp(answer->bytes, nothing, sizeof nothing - 1) == 0;
}

static enum fb_status read_answer(struct fb_dynamodb_call *call, const struct fb_sent_batch *batch,
                                  struct fb_error *error)
{
    enum fb_status status;

    if (nothing_came_back(&call->answer))
        return FB_OK;
    status = fb_unprocessed_mark(batch, &call->answer);
    if (status == FB_INVALID)
        return fb_dynamodb_call_refuse(call, error, "it does not say what was not written");
    if (status == FB_CORRUPT)
        return fb_dynamodb_call_refuse(call, error, "it gives back an item that was not sent");
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for an answer");
    return FB_OK;
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
    const struct fb_sent_batch batch = {table, schema, entries, count};
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
