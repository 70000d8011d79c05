/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane carries all items of a set of keys to DynamoDB, one batch at a time, so that two writes
 * of one key never overtake each other.
 *
 * Invariant: an item leaves the lane only when it is acknowledged, dead-lettered, or given up
 *            unacknowledged at FB_STOP_NOW.
 * Threads:   one producer (the decoder) and the lane's own writer thread. The lock guards the
 *            queue.
 */
#ifndef FIREBRIDGE_PIPELINE_LANE_H
#define FIREBRIDGE_PIPELINE_LANE_H

#include <stdatomic.h>

#include "firebridge/aws/write.h"
#include "firebridge/pipeline/dead_letters.h"
#include "firebridge/pipeline/hold.h"
#include "firebridge/pipeline/item.h"
#include "firebridge/pipeline/patience.h"
#include "firebridge/pipeline/rate.h"

struct fb_lane;

/* What the lanes of a stream count together. */
struct fb_lane_counters {
    atomic_uint_fast64_t items_written;     /* acknowledged by DynamoDB, deletes too */
    atomic_uint_fast64_t items_deleted;     /* of those written */
    atomic_uint_fast64_t items_coalesced;   /* carried by the write of another item of their key */
    atomic_uint_fast64_t write_units_saved; /* that these would have cost */
    atomic_uint_fast64_t items_kept;     /* not written: the table has one (insert), or a newer */
    atomic_uint_fast64_t items_rejected; /* dead letters by DynamoDB's word */
    atomic_uint_fast64_t calls;
    atomic_uint_fast64_t retries;
};

/* fb_dynamodb_write, or a test's idea of it. */
typedef enum fb_status (*fb_write_fn)(struct fb_client *client,
                                      const struct fb_write_target *target, enum fb_write_kind kind,
                                      struct fb_batch_entry *entries, size_t count,
                                      double *ret_units, struct fb_error *error);

struct fb_lane_options {
    const char *stream, *table; /* outlive the lane */
    const struct fb_key_schema *schema;
    const char *version_attribute; /* of `newer`; NULL: none */
    bool removes_nulls;            /* of `update`: a null removes its attribute */
    fb_write_fn write;
    struct fb_client client; /* the lane's own transport in it is the caller's to free */
    struct fb_clock *clock;
    struct fb_stop *stop;
    struct fb_item_pool *pool;
    struct fb_dead_letters *letters;
    struct fb_lane_counters *counters;
    struct fb_patience_options patience;
    int64_t linger_ms;
    int64_t coalesce_for_ms;   /* an item waits so long for later ones of its key */
    size_t coalesce_items;     /* unless so many wait; 0: no limit */
    struct fb_budget *budget;  /* of the stream; NULL: no limit */
    const fb_hold_level *hold; /* while one is, nothing waits for later items; NULL: none ever */
    uint64_t max_in_flight;    /* of the pool, in bytes; for messages; 0: not known */
    uint64_t seed;
    /* The stream cannot go on: too many dead letters, or `run --once` ran out of patience. */
    void (*on_failure)(void *context, const struct fb_error *error);
    /* All waits for one throttled key, whose hash this is; NULL: nobody listens. */
    void (*on_holding)(void *context, const char *key_digest);
    void *context;
};

/* Copies the options and starts the writer thread. */
enum fb_status fb_lane_new(const struct fb_lane_options *options, unsigned number,
                           struct fb_lane **ret_lane, struct fb_error *error) FB_MUST_CHECK;

/*
 * Takes over `item`. Never waits: the pool bounds what is in flight. The writer sees it with the
 * items of a whole batch, or at fb_lane_flush: the producer flushes before it waits for anything.
 */
void fb_lane_push(struct fb_lane *lane, struct fb_item *item);
void fb_lane_flush(struct fb_lane *lane);

/* Nothing will follow: the thread ends when all is written, or at FB_STOP_NOW. Once the producer
 * is at its end. */
void fb_lane_finish(struct fb_lane *lane);

/* Wakes the writer, to look at its stop token. */
void fb_lane_wake(struct fb_lane *lane);

/* Finishes, waits for the thread and frees. NULL is allowed. */
void fb_lane_free(struct fb_lane *lane);

#endif
