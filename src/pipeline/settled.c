/* SPDX-License-Identifier: Apache-2.0 */
#include "settled.h"

#include "firebridge/pipeline/progress.h"
#include "lane_meter.h"

static void acknowledge_span(struct fb_settled *settled)
{
    if (settled->in_span > 0)
        fb_span_acknowledge(settled->span, settled->in_span);
    settled->in_span = 0;
}

void fb_settled_add(struct fb_settled *settled, const struct fb_write *write, bool is_kept)
{
    settled->written += !is_kept;
    settled->kept += is_kept;
    settled->by_operation[write->winner->operation] += !is_kept;
    for (struct fb_item *item = write->first; item != NULL; item = item->folded) {
        if (item->span != settled->span)
            acknowledge_span(settled);
        settled->span = item->span;
        settled->in_span++;
        if (item != write->winner) {
            settled->coalesced++;
            settled->units_saved += fb_item_write_units(item);
        }
        item->next = settled->list;
        settled->list = item;
    }
}

void fb_settled_finish(struct fb_settled *settled, struct fb_item_pool *pool,
                       struct fb_lane_counters *counters)
{
    acknowledge_span(settled);
    fb_lane_count(&counters->items_written, settled->written);
    for (size_t i = 0; i < FB_LEAVE_OUT; i++)
        fb_lane_count(&counters->items_by_operation[i], settled->by_operation[i]);
    fb_lane_count(&counters->items_kept, settled->kept);
    fb_lane_count(&counters->items_coalesced, settled->coalesced);
    fb_lane_count(&counters->write_units_saved, settled->units_saved);
    fb_item_pool_put(pool, settled->list);
}
