/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one lane adds to the counters that all lanes of a stream share. Private to the lane.
 *
 * Threads: the lane's own; the counters are read from anywhere.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_LANE_METER_H
#define FIREBRIDGE_SRC_PIPELINE_LANE_METER_H

#include "firebridge/pipeline/lane.h"

static inline void fb_lane_count(atomic_uint_fast64_t *counter, uint64_t more)
{
    if (more > 0)
        atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* Begins as zeros, but for the counters. */
struct fb_lane_meter {
    struct fb_lane_counters *counters;
    bool is_used;             /* as the counters have it, */
    int64_t limit_milliunits; /* this too; 0: none */
};

/* Around each call. */
void fb_lane_meter_begin(struct fb_lane_meter *meter);
void fb_lane_meter_end(struct fb_lane_meter *meter);

/* What the lane may write in a second; 0: nothing limits it. */
void fb_lane_meter_limit(struct fb_lane_meter *meter, double units_per_s);

/* The lane has ended: it neither writes nor is limited. */
void fb_lane_meter_done(struct fb_lane_meter *meter);

#endif
