/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in a lane, by key. Items of one key become one write where their modes fold them; what
 * cannot fold waits its turn. A write that was throttled waits aside, while others go on.
 *
 * Invariant: of one key at most one write is taken or waits, and what is behind it follows in the
 *            order in which it came.
 * Threads:   one owner. Time is passed in.
 */
#ifndef FIREBRIDGE_PIPELINE_WAITING_H
#define FIREBRIDGE_PIPELINE_WAITING_H

#include "firebridge/base/backoff.h"
#include "firebridge/pipeline/write_mode.h"

/* The items of one key that are written as one. */
struct fb_write {
    struct fb_item *first, *last; /* in the order in which they came, linked by `folded` */
    struct fb_item *winner;       /* the one that is sent; of FB_UPDATE the last to be merged */
    size_t count;
    enum fb_write_kind kind;
    uint64_t key_hash;
    uint64_t held_bytes; /* of all its items, those behind too */
    uint64_t units;      /* that it costs, as far as can be told */
    unsigned tries;      /* so often it was throttled, it or the one before it */

    /* The waiting's own. */
    struct fb_write *next, *next_in_bucket;
    struct fb_item *behind, **last_behind; /* linked by `next` */
    size_t singles;                        /* so many of `behind` are not folded with any other */
    bool is_single;
    bool is_due; /* it waited before */
    bool is_aside;
    size_t merged_bytes;
    int64_t since_ms, due_ms;
};

struct fb_waiting_options {
    struct fb_write_target target; /* decides which call can carry an item */
    int64_t linger_ms;             /* for a call to fill up */
    int64_t coalesce_for_ms;       /* for items of one key to fold */
    size_t coalesce_items;         /* with more than so many none waits for that; 0: no limit */
    size_t max_call_bytes;
    uint64_t seed; /* of the jitter */
};

struct fb_waiting;

enum fb_status fb_waiting_new(const struct fb_waiting_options *options,
                              struct fb_waiting **ret_waiting) FB_MUST_CHECK;

/* Nothing may be in it. NULL is allowed. */
void fb_waiting_free(struct fb_waiting *waiting);

/* Takes over the item. FB_NO_MEMORY: it is not in the waiting. */
enum fb_status fb_waiting_add(struct fb_waiting *waiting, struct fb_item *item,
                              int64_t now_ms) FB_MUST_CHECK;

/* Writes that wait. */
size_t fb_waiting_writes(const struct fb_waiting *waiting);

/* How many more items would fill the next call; at least 1. */
size_t fb_waiting_room(const struct fb_waiting *waiting);

/*
 * When the next call is to begin; INT64_MAX: there is nothing for one. In a hurry nobody waits for
 * more items, but what was throttled still does.
 */
int64_t fb_waiting_next_ms(struct fb_waiting *waiting, int64_t now_ms, bool hurry);

/* Takes what the next call carries, of one kind, up to `most` and FB_BATCH_MAX_ITEMS. 0: it is not
 * time yet. */
size_t fb_waiting_take(struct fb_waiting *waiting, int64_t now_ms, bool hurry, size_t most,
                       struct fb_write **ret_writes);

/*
 * What became of a write that was taken, once each. fb_waiting_done: all of its items left it, be
 * it written or not; they are the caller's. fb_waiting_back: the same again, at once.
 * fb_waiting_aside: the same again after a while that grows; returns when. fb_waiting_part: it
 * cannot be written as it stands, so each of its items is, in its own right; it must have several.
 */
void fb_waiting_done(struct fb_waiting *waiting, struct fb_write *write, int64_t now_ms);
void fb_waiting_back(struct fb_waiting *waiting, struct fb_write *write);
int64_t fb_waiting_aside(struct fb_waiting *waiting, struct fb_write *write, int64_t now_ms);
void fb_waiting_part(struct fb_waiting *waiting, struct fb_write *write, int64_t now_ms);

/* True when the key was throttled before it was this time, not long ago: it is the key that is hot,
 * not the table. Asked before fb_waiting_aside. */
bool fb_waiting_is_hot(const struct fb_waiting *waiting, const struct fb_write *write,
                       int64_t now_ms);

/* How many keys are that now. */
size_t fb_waiting_hot_keys(const struct fb_waiting *waiting, int64_t now_ms);

/* It was throttled with all others of its call, so that nothing is known of it; but if it is again,
 * it is the key. */
void fb_waiting_remember(struct fb_waiting *waiting, const struct fb_write *write, int64_t now_ms);

/* Empties it: every item, linked by `next`. */
struct fb_item *fb_waiting_drain(struct fb_waiting *waiting);

#endif
