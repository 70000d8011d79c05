/* SPDX-License-Identifier: Apache-2.0 */
#include "throttling.h"

/* A call of at least so many items of which so great a part is throttled says that the table is,
 * whatever is known of its keys. */
#define TABLE_THROTTLED_ITEMS 4
#define TABLE_THROTTLED_PART  2

/* Some ten calls are recent. */
#define RECENT_DECAY 0.9

bool fb_throttling_is_of_table(struct fb_throttling_recent *recent,
                               const struct fb_throttling *throttling, size_t hot_keys)
{
    recent->sent = recent->sent * RECENT_DECAY + (double)throttling->sent;
    recent->throttled = recent->throttled * RECENT_DECAY + (double)throttling->throttled;
    if (throttling->throttled == 0)
        return false;
    if (throttling->fresh > 0 || (throttling->throttled >= TABLE_THROTTLED_ITEMS &&
                                  throttling->throttled * TABLE_THROTTLED_PART >= throttling->sent))
        return true;
    /* Of calls of one item no call says much, but some of them together do, when it is not always
     * the same few keys. */
    return recent->throttled * TABLE_THROTTLED_PART >= recent->sent &&
           hot_keys >= TABLE_THROTTLED_ITEMS;
}
