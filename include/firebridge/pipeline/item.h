/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items between the decoder and DynamoDB, and the pool that their memory comes from.
 *
 * The pool is the stream's one ceiling on bytes in flight: when it is used up, the decoder waits
 * in fb_item_pool_get, and with it the GET. Blocks come in size classes and are used again, so a
 * running stream allocates nothing per record.
 *
 * Invariant: allocated_bytes <= max_bytes, but for one item that is larger than the whole pool.
 * Threads:   one thread gets (the decoder); any thread puts. The lock guards the shared lists.
 */
#ifndef FIREBRIDGE_PIPELINE_ITEM_H
#define FIREBRIDGE_PIPELINE_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/stop.h"
#include "firebridge/codec/record_reader.h"

struct fb_span;

/* What a lane takes for the write that an item may begin, which the pool answers for as well. */
#define FB_ITEM_WRITE_BYTES 160

struct fb_item {
    struct fb_item *next;   /* in a queue, or in a list of the pool */
    struct fb_item *folded; /* an earlier item of the same key that this one is written for too */
    struct fb_span *span;
    uint64_t record_number;
    uint64_t offset_bytes;
    uint64_t key_hash;
    size_t block_bytes; /* of the whole block, and of the write; the pool's */
    uint32_t key_size;
    uint32_t json_size;
    uint32_t text_size;
    uint32_t counted_bytes; /* as DynamoDB counts the item */
    uint32_t version_at;    /* of FB_NEWER: its version, in the JSON */
    uint32_t version_size;
    enum fb_operation operation;
    enum fb_format format; /* of its object */
    char bytes[]; /* canonical key, attribute-value JSON, the record as it was; and behind it as
                   * much as json_text.h demands */
};

static inline const char *fb_item_key(const struct fb_item *item)
{
    return item->bytes;
}

static inline const char *fb_item_json(const struct fb_item *item)
{
    return item->bytes + item->key_size;
}

static inline const char *fb_item_text(const struct fb_item *item)
{
    return item->bytes + item->key_size + item->json_size;
}

struct fb_item_pool;

enum fb_status fb_item_pool_new(uint64_t max_bytes, struct fb_item_pool **ret_pool,
                                struct fb_error *error) FB_MUST_CHECK;

/* Every item must be back. */
void fb_item_pool_free(struct fb_item_pool *pool);

/*
 * An item with copies of the record's key, JSON and text. Waits while the pool is used up.
 * FB_CANCELED once `stop` is at FB_STOP_DRAIN and it would have to wait, and at once when `stop`
 * is NULL; FB_NO_MEMORY.
 */
enum fb_status fb_item_pool_get(struct fb_item_pool *pool, const struct fb_record *record,
                                struct fb_stop *stop, struct fb_item **ret_item) FB_MUST_CHECK;

/* Gives back a list of items linked by `next`. */
void fb_item_pool_put(struct fb_item_pool *pool, struct fb_item *list);

/* True from when a get found the pool used up until one succeeds: somebody waits for room. From any
 * thread. */
bool fb_item_pool_is_short(struct fb_item_pool *pool);

/* Wakes a waiting fb_item_pool_get, to look at its stop token. */
void fb_item_pool_wake(struct fb_item_pool *pool);

uint64_t fb_item_pool_in_use_bytes(struct fb_item_pool *pool);

#endif
