/* SPDX-License-Identifier: Apache-2.0 */
/* How fast counters grew over the last minute. Pure: no clock. Threads: one owner. */
#ifndef FIREBRIDGE_SRC_APP_WINDOW_H
#define FIREBRIDGE_SRC_APP_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define FB_WINDOW_LOOK_MS 2000
#define FB_WINDOW_LOOKS   31

enum fb_window_value {
    FB_WINDOW_RECORDS,
    FB_WINDOW_ITEMS,
    FB_WINDOW_BYTES,
    FB_WINDOW_UNITS,
    FB_WINDOW_VALUES
};

struct fb_window {
    struct {
        int64_t at_ms; /* monotonic */
        uint64_t values[FB_WINDOW_VALUES];
    } looks[FB_WINDOW_LOOKS]; /* a ring */
    size_t count;             /* of looks ever taken */
};

/* One more look, unless the last is younger than FB_WINDOW_LOOK_MS. */
void fb_window_look(struct fb_window *window, int64_t now_ms,
                    const uint64_t values[FB_WINDOW_VALUES]);

/* A second, between the first look that is kept and the last; 0 before there are two. */
double fb_window_rate(const struct fb_window *window, enum fb_window_value value);

#endif
