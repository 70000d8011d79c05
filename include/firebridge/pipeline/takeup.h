/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which object is next: first those that were begun before the last stop, in sequence order, then
 * those that are pending, in theirs.
 *
 * Threads: any of a stream's decoders. The lock makes that each object is taken once.
 */
#ifndef FIREBRIDGE_PIPELINE_TAKEUP_H
#define FIREBRIDGE_PIPELINE_TAKEUP_H

#include <pthread.h>
#include <stdbool.h>

#include "firebridge/state/state.h"

struct fb_takeup {
    struct fb_state *state;
    int64_t stream_id;
    bool in_any_order;    /* an object that was begun goes on at a frontier of its own */
    pthread_mutex_t lock; /* guards what follows */
    uint64_t after;       /* the sequence number resumed last */
    bool has_resumed;
};

void fb_takeup_init(struct fb_takeup *takeup, struct fb_state *state, int64_t stream_id,
                    bool in_any_order);
void fb_takeup_done(struct fb_takeup *takeup);

/*
 * The next object, active and at its frontier. Without `may_take` none that is pending. FB_END when
 * there is none now; or as the state file's calls say.
 */
enum fb_status fb_takeup_next(struct fb_takeup *takeup, bool may_take,
                              struct fb_state_object *ret_object,
                              struct fb_error *error) FB_MUST_CHECK;

#endif
