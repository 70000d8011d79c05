/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks after the state file beside the work: checks all pages of a large one once, after the
 * start.
 *
 * Threads: a thread of its own, for which nothing of the pipeline ever waits.
 */
#ifndef FIREBRIDGE_APP_KEEPER_H
#define FIREBRIDGE_APP_KEEPER_H

#include "firebridge/state/state.h"

struct fb_keeper;

/* `state` outlives it. */
enum fb_status fb_keeper_start(struct fb_state *state, struct fb_keeper **ret_keeper,
                               struct fb_error *error) FB_MUST_CHECK;

/* Waits for what it is about. NULL is allowed. */
void fb_keeper_free(struct fb_keeper *keeper);

#endif
