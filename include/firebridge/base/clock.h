/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, passed in, so that back-off, expiry and late objects are tested in virtual time.
 *
 * Threads: the system clock from any thread; a virtual clock from one.
 */
#ifndef FIREBRIDGE_BASE_CLOCK_H
#define FIREBRIDGE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "firebridge/base/stop.h"

struct fb_clock {
    int64_t (*realtime_ms)(struct fb_clock *clock);  /* since 1970 UTC; may jump */
    int64_t (*monotonic_ms)(struct fb_clock *clock); /* never jumps */
    /* Waits; true when `stop` (may be NULL) reached `level` first. */
    bool (*sleep_ms)(struct fb_clock *clock, struct fb_stop *stop, enum fb_stop_level level,
                     int64_t wait_ms);
    /* When a condition's timed wait of so long ends, on CLOCK_MONOTONIC (event.h). */
    struct timespec (*deadline)(struct fb_clock *clock, int64_t wait_ms);
};

/* The machine's own clock. Static; not to be freed. */
struct fb_clock *fb_clock_system(void);

/* Time that passes only by sleeping, or when a test sets it. */
struct fb_clock_virtual {
    struct fb_clock clock;
    int64_t realtime_ms;
    int64_t monotonic_ms;
    int64_t slept_ms; /* in all */
};

void fb_clock_virtual_init(struct fb_clock_virtual *clock, int64_t realtime_ms);

static inline int64_t fb_realtime_ms(struct fb_clock *clock)
{
    return clock->realtime_ms(clock);
}

static inline int64_t fb_monotonic_ms(struct fb_clock *clock)
{
    return clock->monotonic_ms(clock);
}

static inline bool fb_sleep_ms(struct fb_clock *clock, struct fb_stop *stop,
                               enum fb_stop_level level, int64_t wait_ms)
{
    return clock->sleep_ms(clock, stop, level, wait_ms);
}

static inline struct timespec fb_deadline(struct fb_clock *clock, int64_t wait_ms)
{
    return clock->deadline(clock, wait_ms);
}

#endif
