/* SPDX-License-Identifier: Apache-2.0 */
#include "settled.h"

#include "firebridge/pipeline/progress.h"

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
    settled->deleted += !is_kept && write->winner->operation == FB_DELETE;
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

static void count(atomic_uint_fast64_t *counter, uint64_t more)
{
    if (more > 0)
        atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

void fb_settled_finish(struct fb_settled *settled, struct fb_item_pool *pool,
                       struct fb_lane_counters *counters)
{
    acknowledge_span(settled);
    count(&counters->items_written, settled->written);
    count(&counters->items_deleted, settled->deleted);
    count(&counters->items_kept, settled->kept);
    count(&counters->items_coalesced, settled->coalesced);
    count(&counters->write_units_saved, settled->units_saved);
    fb_item_pool_put(pool, settled->list);
}
