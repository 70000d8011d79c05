/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_meter.h"

void fb_lane_meter_begin(struct fb_lane_meter *meter)
{
    struct fb_lane_counters *counters = meter->counters;

    if (!meter->is_used)
        atomic_fetch_add_explicit(&counters->lanes_used, 1, memory_order_relaxed);
    meter->is_used = true;
    atomic_fetch_add_explicit(&counters->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->lanes_busy, 1, memory_order_relaxed);
}

void fb_lane_meter_end(struct fb_lane_meter *meter)
{
    atomic_fetch_sub_explicit(&meter->counters->lanes_busy, 1, memory_order_relaxed);
}

void fb_lane_meter_limit(struct fb_lane_meter *meter, double units_per_s)
{
    struct fb_lane_counters *counters = meter->counters;
    const int64_t milliunits = (int64_t)(units_per_s * 1000);

    if (meter->limit_milliunits == 0 && milliunits > 0)
        atomic_fetch_add_explicit(&counters->lanes_limited, 1, memory_order_relaxed);
    if (meter->limit_milliunits > 0 && milliunits == 0)
        atomic_fetch_sub_explicit(&counters->lanes_limited, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->limit_milliunits, milliunits - meter->limit_milliunits,
                              memory_order_relaxed);
    meter->limit_milliunits = milliunits;
}

void fb_lane_meter_done(struct fb_lane_meter *meter)
{
    fb_lane_meter_limit(meter, 0);
    if (meter->is_used)
        atomic_fetch_sub_explicit(&meter->counters->lanes_used, 1, memory_order_relaxed);
    meter->is_used = false;
}
