/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What BatchWriteItem gives back: found by key and operation in the answer's text. The answer can
 * be as large as the request, on every lane at once, so no tree is made of it.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_AWS_UNPROCESSED_H
#define FIREBRIDGE_AWS_UNPROCESSED_H

#include "firebridge/aws/dynamodb.h"

/* The batch as it was sent. */
struct fb_sent_batch {
    const char *table; /* name or ARN */
    const struct fb_key_schema *schema;
    struct fb_batch_entry *entries;
    size_t count;
};

/*
 * Sets `unprocessed` of the entries that the answer gives back; no entry's may be set before.
 * FB_INVALID when the answer is no JSON or has no UnprocessedItems, FB_CORRUPT when it gives back
 * what was not sent or the same twice, FB_NO_MEMORY. On failure some entries may be set. Bytes
 * behind the answer's text are written, within its maximum.
 */
enum fb_status fb_unprocessed_mark(const struct fb_sent_batch *batch,
                                   struct fb_buffer *answer) FB_MUST_CHECK;

#endif
