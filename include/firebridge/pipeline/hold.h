/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person holds back of a stream that runs: a level that decoders and lanes look at. Unlike a
 * stop it can fall again.
 *
 * Whoever sets it raises the event that decoders wait on, and wakes the lanes.
 * Threads: any.
 */
#ifndef FIREBRIDGE_PIPELINE_HOLD_H
#define FIREBRIDGE_PIPELINE_HOLD_H

#include <stdatomic.h>
#include <stddef.h>

enum fb_hold {
    FB_HOLD_NOTHING,
    FB_HOLD_TAKING_UP, /* no object is begun; those that are go on to their end */
    FB_HOLD_READING,   /* nor is one read on */
};

/* One of enum fb_hold. */
typedef atomic_int fb_hold_level;

/* NULL: nothing ever is. */
static inline enum fb_hold fb_hold_of(const fb_hold_level *level)
{
    return level == NULL ? FB_HOLD_NOTHING : (enum fb_hold)atomic_load(level);
}

#endif
