/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which object is next: first those that were begun before the last stop, in sequence order, then
 * those that are pending, in theirs. Objects of a backfill come when nothing else is pending, one
 * at a time, and only as fast as its rate: a rate counts in records, so it is the object behind
 * that waits for what its forerunner had.
 *
 * Threads: any of a stream's decoders. The lock makes that each object is taken once.
 */
#ifndef FIREBRIDGE_PIPELINE_TAKEUP_H
#define FIREBRIDGE_PIPELINE_TAKEUP_H

#include <pthread.h>
#include <stdbool.h>

#include "firebridge/base/clock.h"
#include "firebridge/state/state.h"

/* A command makes objects pending without a word to us; they are looked for so often. */
#define FB_TAKEUP_LOOK_MS 1000

struct fb_takeup {
    struct fb_state *state;
    int64_t stream_id;
    bool in_any_order; /* an object that was begun goes on at a frontier of its own */
    struct fb_clock *clock;
    pthread_mutex_t lock; /* guards what follows */
    uint64_t after;       /* the sequence number resumed last */
    bool has_resumed;
    bool may_backfill, is_backfilling;
    uint64_t rate;            /* of a backfill, in records a second; 0: no limit */
    int64_t next_backfill_ms; /* monotonic */
};

void fb_takeup_init(struct fb_takeup *takeup, struct fb_state *state, int64_t stream_id,
                    bool in_any_order, struct fb_clock *clock);
void fb_takeup_done(struct fb_takeup *takeup);

/*
 * The next object, active and at its frontier. Without `may_take` none that is pending. FB_END when
 * there is none now; or as the state file's calls say.
 */
enum fb_status fb_takeup_next(struct fb_takeup *takeup, bool may_take,
                              struct fb_state_object *ret_object,
                              struct fb_error *error) FB_MUST_CHECK;

/* Objects of a backfill may be taken up from now on, at this rate. */
void fb_takeup_allow_backfill(struct fb_takeup *takeup, uint64_t rate);

/* One of a backfill, begun then, has ended behind so many records. */
void fb_takeup_backfilled(struct fb_takeup *takeup, uint64_t records, int64_t begun_ms);

/* How long to wait before the next look when there was nothing, if nothing else happens. */
int64_t fb_takeup_wait_ms(struct fb_takeup *takeup);

#endif
