/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BatchGetItem: items by their keys, as they are now (Amazon DynamoDB API reference). Retrying is
 * the caller's.
 *
 * Threads: the client's.
 */
#ifndef FIREBRIDGE_AWS_BATCH_GET_H
#define FIREBRIDGE_AWS_BATCH_GET_H

#include "firebridge/aws/client.h"
#include "firebridge/base/buffer.h"
#include "firebridge/codec/key.h"

/* BatchGetItem's limits (API reference). */
#define FB_GET_MAX_ITEMS 100
#define FB_GET_MAX_BYTES (16 * 1024 * 1024)

/* Beyond what 16 MB of items are as JSON, as long as few of their bytes are escaped. */
#define FB_GET_ANSWER_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct fb_get_entry {
    const char *key; /* {"id":{"S":"..."}} */
    size_t key_size;
    const char *canonical; /* of the same key */
    size_t canonical_size;

    /* What became of it, written by the call. */
    const char *item; /* DynamoDB's JSON, in the answer; NULL: there is none */
    size_t item_size;
    bool unprocessed; /* nobody has looked: ask again */
};

/*
 * Consistent reads of up to FB_GET_MAX_ITEMS keys, which differ. The items stand in `answer`, whose
 * maximum is the caller's, until it is used again. FB_CORRUPT: the answer is not usable, or gives
 * what was not asked for.
 */
enum fb_status fb_dynamodb_batch_get(struct fb_client *client, const char *table,
                                     const struct fb_key_schema *schema,
                                     struct fb_get_entry *entries, size_t count,
                                     struct fb_buffer *answer,
                                     struct fb_error *error) FB_MUST_CHECK;

/* ---- for the above, and to be tested by itself ---- */

/*
 * Finds the entries' items, and what is unprocessed, in the answer's text. FB_INVALID: it is no
 * JSON, or no such answer; FB_CORRUPT: it gives what was not asked for, or the same twice;
 * FB_NO_MEMORY. On failure some entries may be written.
 */
enum fb_status fb_batch_get_read(const char *table, const struct fb_key_schema *schema,
                                 struct fb_get_entry *entries, size_t count,
                                 struct fb_buffer *answer) FB_MUST_CHECK;

#endif
