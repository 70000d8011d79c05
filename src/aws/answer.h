/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read of DynamoDB's answers where they may be as large as items: in place, without a
 * tree.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_SRC_AWS_ANSWER_H
#define FIREBRIDGE_SRC_AWS_ANSWER_H

#include "firebridge/base/buffer.h"
#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/key.h"

/*
 * One value, all of it UTF-8, and nothing behind it; ended as json_text.h demands, in bytes behind
 * the answer's text within its maximum. FB_INVALID, FB_NO_MEMORY.
 */
enum fb_status fb_answer_check(struct fb_buffer *answer) FB_MUST_CHECK;

/*
 * As fb_answer_check, of a call that wrote: an object of nothing but what PutItem, UpdateItem and
 * TransactWriteItems may answer (API reference, "Response Elements"). An error behind a 200, or
 * what somebody else says, is none.
 */
enum fb_status fb_answer_check_written(struct fb_buffer *answer) FB_MUST_CHECK;

/* The member of that name; when there are two, nobody can say which is meant. */
bool fb_answer_find(struct fb_json_cursor object, const char *name, size_t name_size,
                    struct fb_json_cursor *ret_value);

/* The answer may name the table where an ARN was sent. */
bool fb_answer_is_table(const struct fb_json_text *name, const char *table);

/* A key's text with every byte escaped (\u0001) beside what canonical keys are made from it. */
#define FB_ANSWER_KEY_MAX_BYTES (FB_CANONICAL_KEY_MAX + (size_t)6 * FB_PARTITION_KEY_MAX_BYTES)

/*
 * Appends the canonical key of an item or a key alone, {"id":{"S":"..."},...}. FB_CORRUPT when it
 * has none; FB_NO_MEMORY.
 */
enum fb_status fb_answer_append_key(const struct fb_key_schema *schema,
                                    struct fb_json_cursor attributes,
                                    struct fb_buffer *key) FB_MUST_CHECK;

/*
 * The sum of ConsumedCapacity, one or a list of them; below 0 when there is none. False when it is
 * another table's.
 */
bool fb_answer_units(struct fb_json_cursor answer, const char *table, double *ret_units);

#endif
