/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that are to be processed again. What a listing of S3 shows is gathered first, then
 * counted against what the state file knows, then marked in one transaction: a replay is wholly
 * asked for, or not at all, since a part of it could leave old values where newer ones were.
 *
 * Of what is gathered an object counts as
 *
 *     known and ended                        it becomes pending again
 *     unknown, before the low-water mark     its row was pruned: a new pending one
 *       or before the stream's start         it was never read: a new pending one
 *     pending, active or written             it is under way: left alone
 *     unknown and younger                    the poller will find it: left alone
 *
 * Threads: one owner of a connection that replays (fb_state_join).
 */
#ifndef FIREBRIDGE_STATE_REPLAY_H
#define FIREBRIDGE_STATE_REPLAY_H

#include "firebridge/state/state.h"

/* What one transaction marks; more is what a backfill is for. */
#define FB_REPLAY_MAX_OBJECTS 1000000

/* Forgets what was gathered. */
enum fb_status fb_state_replay_begin(struct fb_state *state, struct fb_error *error) FB_MUST_CHECK;

/* Adds what one page of a listing shows. FB_TOO_LARGE: over FB_REPLAY_MAX_OBJECTS in all. */
enum fb_status fb_state_replay_gather(struct fb_state *state, const struct fb_state_listed *objects,
                                      size_t count, struct fb_error *error) FB_MUST_CHECK;

struct fb_replay_plan {
    uint64_t again, again_bytes;   /* known and ended */
    uint64_t pruned, pruned_bytes; /* known no more, and before the stream's start */
    uint64_t unread;               /* of those, before the start */
    uint64_t under_way, to_come;   /* left alone */
    /* Of done objects of the stream, to estimate by. */
    uint64_t known_records, known_bytes;
};

enum fb_status fb_state_replay_plan(struct fb_state *state, int64_t stream_id,
                                    struct fb_replay_plan *ret_plan,
                                    struct fb_error *error) FB_MUST_CHECK;

struct fb_replay_mark {
    bool if_absent;   /* what is in the table is left alone */
    int64_t again_ms; /* of a stream that adds: it adds again; 0: not */
};

enum fb_status fb_state_replay_mark(struct fb_state *state, int64_t stream_id,
                                    const struct fb_replay_mark *mark, uint64_t *ret_objects,
                                    struct fb_error *error) FB_MUST_CHECK;

#endif
