/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether it is the table that is throttled, or some keys of it.
 *
 * Threads: one owner of what is recent.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_THROTTLING_H
#define FIREBRIDGE_SRC_PIPELINE_THROTTLING_H

#include <stdbool.h>
#include <stddef.h>

/* What a call says: `throttled` of `sent` items, `fresh` of them of keys that were not throttled
 * before. */
struct fb_throttling {
    size_t sent, throttled, fresh;
};

/* Items of the last calls, the older the less. */
struct fb_throttling_recent {
    double sent, throttled;
};

/* `hot_keys`: how many keys were throttled lately. To be asked once for each call. */
bool fb_throttling_is_of_table(struct fb_throttling_recent *recent,
                               const struct fb_throttling *throttling, size_t hot_keys);

#endif
