/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over history that was never read, or whose rows are pruned: one for each stream, with its
 * place and its counts. Its objects are a queue of their own (fb_state_take_backfill), a part at a
 * time, and their rows go when they are done.
 *
 * Invariant: a page's rows and the place behind it are one transaction, and an object of the
 *            backfill is never listed again behind that place. What backfills went over is known
 *            as stretches of key times: of a complete one all, of another from its begin to the
 * last object that was taken up. Threads:   as state.h has it.
 */
#ifndef FIREBRIDGE_STATE_BACKFILL_H
#define FIREBRIDGE_STATE_BACKFILL_H

#include "firebridge/state/state.h"

enum fb_backfill_state {
    FB_BACKFILL_RUNNING = 0,
    FB_BACKFILL_COMPLETE = 1,
    FB_BACKFILL_CANCELED = 2,
};

struct fb_backfill {
    enum fb_backfill_state state;
    int64_t from_ms, to_ms; /* key times in [from, to) */
    uint64_t rate;          /* records a second; 0: no limit */
    bool if_absent;
    uint64_t total_objects, total_bytes; /* as they were counted before it began; 0: unknown */
    int64_t started_ms, ended_ms;
    int64_t window_ms; /* the walk is in the folders from there on; to_ms: it is over */
    char *cursor;      /* behind this key of them; NULL: at their first */
    uint64_t objects_listed;
    uint64_t objects, bytes, records, dead_letters; /* of those that ended */
};

void fb_backfill_done(struct fb_backfill *backfill); /* frees its cursor */

/* FB_NOT_FOUND: the stream has had none. */
enum fb_status fb_state_backfill_find(struct fb_state *state, int64_t stream_id,
                                      struct fb_backfill *ret_backfill,
                                      struct fb_error *error) FB_MUST_CHECK;

/* FB_INVALID: a backfill went over some of [from, to); the message says when. */
enum fb_status fb_state_backfill_check_new(struct fb_state *state, int64_t stream_id,
                                           int64_t from_ms, int64_t to_ms,
                                           struct fb_error *error) FB_MUST_CHECK;

/* Begins one: from, to, rate, if_absent, the totals and started_ms count. FB_CONFLICT: one is
 * running. With `only_new` also FB_INVALID, as above. */
enum fb_status fb_state_backfill_start(struct fb_state *state, int64_t stream_id,
                                       const struct fb_backfill *backfill, bool only_new,
                                       struct fb_error *error) FB_MUST_CHECK;

/* FB_NOT_FOUND: none is running. */
enum fb_status fb_state_backfill_set_rate(struct fb_state *state, int64_t stream_id, uint64_t rate,
                                          struct fb_error *error) FB_MUST_CHECK;

/* Ends one: what is pending of it goes, what is being read is finished. FB_NOT_FOUND. */
enum fb_status fb_state_backfill_cancel(struct fb_state *state, int64_t stream_id, int64_t now_ms,
                                        struct fb_error *error) FB_MUST_CHECK;

/* A page of the walk: those not known that are history go in, and the place moves. */
struct fb_backfill_page {
    int64_t started_ms; /* tells the backfill that it is of from one that was begun since */
    bool only_unread;   /* what the stream has read and forgotten is not history */
    const struct fb_state_listed *objects;
    size_t count;
    int64_t window_ms;
    const char *cursor;
};

/* FB_NOT_FOUND: it was cancelled meanwhile, whether another runs now or not; nothing is changed. */
enum fb_status fb_state_backfill_add(struct fb_state *state, int64_t stream_id,
                                     const struct fb_backfill_page *page, uint64_t *ret_new,
                                     struct fb_error *error) FB_MUST_CHECK;

/*
 * Counts what has ended since the last call, and removes its rows, but for those of damaged and
 * skipped objects. A walk that is over is complete when nothing is left. ret_left: rows that are
 * pending or begun.
 */
enum fb_status fb_state_backfill_collect(struct fb_state *state, int64_t stream_id, int64_t now_ms,
                                         uint64_t *ret_left, struct fb_error *error) FB_MUST_CHECK;

#endif
