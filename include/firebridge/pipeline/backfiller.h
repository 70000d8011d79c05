/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works off a stream's backfill: lists its history page by page into the state file, never more at
 * a time than keeps the decoders busy, and counts what is done. What it does stands in the state
 * file (state/backfill.h), where a command asks for it, and where a restart goes on.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_PIPELINE_BACKFILLER_H
#define FIREBRIDGE_PIPELINE_BACKFILLER_H

#include "firebridge/pipeline/patience.h"
#include "firebridge/pipeline/takeup.h"
#include "firebridge/pipeline/walk.h"

/* So many objects of it are pending at most, but for what the page has that passes the bound. */
#define FB_BACKFILL_PENDING 1000

struct fb_backfiller;

struct fb_backfiller_options {
    const char *stream, *bucket; /* outlive it, as does the layout */
    const struct fb_layout *layout;
    fb_list_page_fn list_page;
    struct fb_client client;
    struct fb_state *state;
    int64_t stream_id;
    bool only_unread; /* of what was read nothing is read again, as where records add */
    struct fb_takeup *takeup;
    struct fb_clock *clock;
    struct fb_stop *stop; /* ends it at FB_STOP_DRAIN */
    struct fb_patience_options patience;
    uint64_t seed;
    void (*on_objects)(void *context); /* there are new ones */
    void *context;
};

enum fb_status fb_backfiller_new(const struct fb_backfiller_options *options,
                                 struct fb_backfiller **ret_backfiller,
                                 struct fb_error *error) FB_MUST_CHECK;
void fb_backfiller_free(struct fb_backfiller *backfiller);

/*
 * Does what is due: counts what ended, and lists a page where there is room. FB_OK with the wait
 * until there is something to do again. FB_CANCELED: a stop; any other: the patience gave up.
 */
enum fb_status fb_backfiller_step(struct fb_backfiller *backfiller, int64_t *ret_wait_ms,
                                  struct fb_error *error) FB_MUST_CHECK;

/* Steps and waits until a stop (FB_CANCELED) or until the patience gives up. */
enum fb_status fb_backfiller_run(struct fb_backfiller *backfiller,
                                 struct fb_error *error) FB_MUST_CHECK;

#endif
