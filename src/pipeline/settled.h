/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items on their way back: acknowledged, counted, and returned to the pool at one stroke. Private
 * to the lane.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_SETTLED_H
#define FIREBRIDGE_SRC_PIPELINE_SETTLED_H

#include "firebridge/pipeline/lane.h"
#include "firebridge/pipeline/waiting.h"

/* Begins as zeros. */
struct fb_settled {
    struct fb_item *list;
    struct fb_span *span;
    uint64_t in_span; /* not yet acknowledged: neighbours of one span are at once */
    uint64_t written, kept, coalesced, units_saved;
    uint64_t by_operation[FB_LEAVE_OUT]; /* of those written */
};

/* A write is done, and so are all the items that it was made of. `is_kept`: by the table, which has
 * what it had. */
void fb_settled_add(struct fb_settled *settled, const struct fb_write *write, bool is_kept);

void fb_settled_finish(struct fb_settled *settled, struct fb_item_pool *pool,
                       struct fb_lane_counters *counters);

#endif
