/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a stream's objects as S3 lists them, page by page, whatever the state file knows: by
 * their key's time, or under a prefix, in the order of their names. Where names do not tell times
 * (partitions stand before them), a walk in order goes through windows of time, from the oldest on.
 * A place in it can be kept, and a new walk of the same stretch goes on from there.
 *
 * Invariant: behind a place no object is shown that was shown before it.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_PIPELINE_WALK_H
#define FIREBRIDGE_PIPELINE_WALK_H

#include "firebridge/aws/s3.h"
#include "firebridge/pipeline/layout.h"
#include "firebridge/pipeline/poller.h"
#include "firebridge/state/state.h"

struct fb_walk;

struct fb_walk_options {
    const char *bucket; /* outlives the walk, as does all that is pointed to */
    const struct fb_layout *layout;
    fb_list_page_fn list_page;
    struct fb_client client;
    int64_t from_ms, to_ms; /* key times in [from, to) */
    const char *prefix;     /* only keys that begin with it, in one window; NULL: by time */
    bool is_key;            /* the prefix is the one key */
    bool in_order;          /* about in the order of their times, whatever calls that takes */
    /* A place to go on from: a window's begin, and the last key that was shown of it, or NULL. */
    int64_t window_ms; /* 0: the first */
    const char *cursor;
};

/* FB_NO_MEMORY. */
enum fb_status fb_walk_new(const struct fb_walk_options *options, struct fb_walk **ret_walk,
                           struct fb_error *error) FB_MUST_CHECK;
void fb_walk_free(struct fb_walk *walk);

/* What a page shows, and the place behind it; valid until the next call. */
struct fb_walk_page {
    const struct fb_state_listed *objects;
    size_t count;
    int64_t window_ms; /* to_ms: the walk is over */
    const char *cursor;
};

/*
 * One LIST call, or several where folders are found by delimiter. FB_END behind the last page.
 * After any failure of a call the next one asks for the same page.
 */
enum fb_status fb_walk_next(struct fb_walk *walk, struct fb_walk_page *ret_page,
                            struct fb_error *error) FB_MUST_CHECK;

#endif
