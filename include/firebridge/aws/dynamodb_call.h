/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all DynamoDB calls share: POST of JSON to "/", X-Amz-Target, a bounded answer with its CRC.
 *
 * Threads: the client's.
 */
#ifndef FIREBRIDGE_AWS_DYNAMODB_CALL_H
#define FIREBRIDGE_AWS_DYNAMODB_CALL_H

#include <jansson.h>

#include "firebridge/aws/call.h"

/* A name has at most 255 characters, an ARN of a table in any partition fewer than 512. */
#define FB_TABLE_NAME_MAX 512

struct fb_dynamodb_call {
    struct fb_endpoint endpoint;
    char target[64];
    char subject[FB_TABLE_NAME_MAX + 16];
    const char *operation;
    struct fb_buffer answer;
    struct fb_call_refusal *refusal; /* NULL unless set: see call.h */
};

/* FB_INVALID when `table` can be no table's name or ARN; then nothing is to be undone. */
enum fb_status fb_dynamodb_call_init(struct fb_dynamodb_call *call, const struct fb_client *client,
                                     const char *operation, const char *table,
                                     size_t answer_max_bytes, struct fb_error *error) FB_MUST_CHECK;
void fb_dynamodb_call_done(struct fb_dynamodb_call *call);

/* FB_OK: the answer is whole, its x-amz-crc32 (where there is one) is right. */
enum fb_status fb_dynamodb_call_perform(struct fb_dynamodb_call *call, struct fb_client *client,
                                        const struct iovec *body, size_t body_count,
                                        struct fb_error *error) FB_MUST_CHECK;

/*
 * A call of small JSON to small JSON, of which a tree is made; *ret_root, an object, is the
 * caller's to free.
 */
enum fb_status fb_dynamodb_ask(struct fb_client *client, const char *operation, const char *table,
                               const struct iovec *body, size_t body_count, size_t answer_max_bytes,
                               json_t **ret_root, struct fb_error *error) FB_MUST_CHECK;

/* Whether the x-amz-crc32 is that of the bytes; true where there was none. */
bool fb_dynamodb_crc_fits(const char *expected, const struct fb_buffer *answer);

/* FB_CORRUPT, with a message that says which answer and why. */
enum fb_status fb_dynamodb_call_refuse(const struct fb_dynamodb_call *call, struct fb_error *error,
                                       const char *reason);

#endif
