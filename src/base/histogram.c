/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/histogram.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

const struct fb_scale fb_scale_call = {
    .count = 26,
    .bounds_ms = {1,           2,          3,          5,          7,           10,
                  15,          20,         30,         50,         70,          100,
                  150,         200,        300,        500,        700,         SECOND,
                  2 * SECOND,  3 * SECOND, 5 * SECOND, 7 * SECOND, 10 * SECOND, 20 * SECOND,
                  30 * SECOND, MINUTE},
};

const struct fb_scale fb_scale_delay = {
    .count = 27,
    .bounds_ms = {SECOND,      2 * SECOND,  3 * SECOND,  5 * SECOND,  7 * SECOND,  10 * SECOND,
                  15 * SECOND, 20 * SECOND, 30 * SECOND, 45 * SECOND, MINUTE,      90 * SECOND,
                  2 * MINUTE,  3 * MINUTE,  5 * MINUTE,  7 * MINUTE,  10 * MINUTE, 15 * MINUTE,
                  20 * MINUTE, 30 * MINUTE, HOUR,        2 * HOUR,    4 * HOUR,    8 * HOUR,
                  DAY,         2 * DAY,     7 * DAY},
};

void fb_histogram_init(struct fb_histogram *histogram, const struct fb_scale *scale)
{
    histogram->scale = scale;
    for (size_t i = 0; i <= FB_HISTOGRAM_MAX_BOUNDS; i++)
        atomic_init(&histogram->counts[i], 0);
    atomic_init(&histogram->sum_ms, 0);
}

void fb_histogram_note(struct fb_histogram *histogram, int64_t value_ms)
{
    size_t i = 0;

    if (value_ms < 0)
        value_ms = 0;
    while (i < histogram->scale->count && value_ms > histogram->scale->bounds_ms[i])
        i++;
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ms, (uint64_t)value_ms, memory_order_relaxed);
}

void fb_histogram_view(struct fb_histogram *histogram, struct fb_histogram_view *ret_view)
{
    *ret_view = (struct fb_histogram_view){.scale = histogram->scale};
    for (size_t i = 0; i <= histogram->scale->count; i++) {
        ret_view->counts[i] = atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        ret_view->count += ret_view->counts[i];
    }
    ret_view->sum_ms = atomic_load_explicit(&histogram->sum_ms, memory_order_relaxed);
}

double fb_histogram_middle_ms(const struct fb_histogram_view *view, size_t i)
{
    const int64_t *bounds_ms = view->scale->bounds_ms;
    const int64_t from_ms = i > 0 ? bounds_ms[i - 1] : 0;

    return i == view->scale->count ? (double)from_ms : (double)(from_ms + bounds_ms[i]) / 2;
}
