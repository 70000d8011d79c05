/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long things took, counted in buckets.
 *
 * Threads: noting and viewing from any thread; nobody waits.
 */
#ifndef FIREBRIDGE_BASE_HISTOGRAM_H
#define FIREBRIDGE_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define FB_HISTOGRAM_MAX_BOUNDS 32

/* Upper bounds of the buckets, rising; what is above the last has a bucket of its own. */
struct fb_scale {
    size_t count;
    int64_t bounds_ms[FB_HISTOGRAM_MAX_BOUNDS];
};

extern const struct fb_scale fb_scale_call;  /* 1 ms to a minute */
extern const struct fb_scale fb_scale_delay; /* a second to a week */

struct fb_histogram {
    const struct fb_scale *scale;
    atomic_uint_fast64_t counts[FB_HISTOGRAM_MAX_BOUNDS + 1];
    atomic_uint_fast64_t sum_ms;
};

struct fb_histogram_view {
    const struct fb_scale *scale;
    uint64_t counts[FB_HISTOGRAM_MAX_BOUNDS + 1]; /* each bucket's own; scale->count + 1 of them */
    uint64_t count, sum_ms;
};

void fb_histogram_init(struct fb_histogram *histogram, const struct fb_scale *scale);

/* What is below 0 (a clock that was set back) counts as 0. */
void fb_histogram_note(struct fb_histogram *histogram, int64_t value_ms);

/* What it counts now. The sum may be of one value more or less, where another thread notes. */
void fb_histogram_view(struct fb_histogram *histogram, struct fb_histogram_view *ret_view);

/* What stands for the values of the i-th bucket: its middle; of the last, which has none, its
 * bound. */
double fb_histogram_middle_ms(const struct fb_histogram_view *view, size_t i);

#endif
