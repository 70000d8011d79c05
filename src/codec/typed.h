/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items that are DynamoDB's JSON already ({"id":{"S":"a"},"n":{"N":"1.50"}}): checked against the
 * limits that DynamoDB has, measured and keyed, and passed on as they are. No tree, no recursion,
 * no allocation per item.
 *
 * What DynamoDB finds out for itself is left to it: that a set holds a value twice.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_TYPED_H
#define FIREBRIDGE_CODEC_TYPED_H

#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/transcode.h"

struct fb_typed;

enum fb_status fb_typed_new(const struct fb_key_schema *schema, uint64_t hash_seed,
                            struct fb_typed **ret_typed) FB_MUST_CHECK;
void fb_typed_free(struct fb_typed *typed);

/*
 * Reads the attribute map at the cursor, which is valid JSON. FB_OK with the item, or the reason
 * why it is none; FB_NO_MEMORY. `keys_alone`: nothing but the key attributes may be there. What
 * *ret_item points to is the text, and memory that stays until the next call.
 */
enum fb_status fb_typed_read(struct fb_typed *typed, struct fb_json_cursor map, bool keys_alone,
                             struct fb_transcoded *ret_item) FB_MUST_CHECK;

/* Whether each member is an object with one member that is called as a type: pure. */
bool fb_typed_looks_so(struct fb_json_cursor value);

#endif
