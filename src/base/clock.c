/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/clock.h"

#include <stddef.h>
#include <time.h>

#include "firebridge/base/event.h"

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_realtime_ms(struct fb_clock *clock)
{
    (void)clock;
    return read_clock_ms(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(struct fb_clock *clock)
{
    (void)clock;
    return read_clock_ms(CLOCK_MONOTONIC);
}

static bool system_sleep_ms(struct fb_clock *clock, struct fb_stop *stop, enum fb_stop_level level,
                            int64_t wait_ms)
{
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = (wait_ms % 1000) * 1000000};

    (void)clock;
    if (stop != NULL)
        return fb_stop_wait(stop, level, wait_ms);
    if (wait_ms > 0)
        nanosleep(&wait, NULL);
    return false;
}

static struct timespec system_deadline(struct fb_clock *clock, int64_t wait_ms)
{
    (void)clock;
    return fb_deadline_after(wait_ms);
}

struct fb_clock *fb_clock_system(void)
{
    static struct fb_clock clock = {
        .realtime_ms = system_realtime_ms,
        .monotonic_ms = system_monotonic_ms,
        .sleep_ms = system_sleep_ms,
        .deadline = system_deadline,
    };

    return &clock;
}

static int64_t virtual_realtime_ms(struct fb_clock *clock)
{
    return ((struct fb_clock_virtual *)clock)->realtime_ms;
}

static int64_t virtual_monotonic_ms(struct fb_clock *clock)
{
    return ((struct fb_clock_virtual *)clock)->monotonic_ms;
}

static bool virtual_sleep_ms(struct fb_clock *clock, struct fb_stop *stop, enum fb_stop_level level,
                             int64_t wait_ms)
{
    struct fb_clock_virtual *self = (struct fb_clock_virtual *)clock;

    if (stop != NULL && fb_stop_level(stop) >= level)
        return true;
    if (wait_ms > 0) {
        self->realtime_ms += wait_ms;
        self->monotonic_ms += wait_ms;
        self->slept_ms += wait_ms;
    }
    return stop != NULL && fb_stop_level(stop) >= level;
}

/* Its time has come at once. */
static struct timespec virtual_deadline(struct fb_clock *clock, int64_t wait_ms)
{
    (void)virtual_sleep_ms(clock, NULL, FB_STOP_NOT, wait_ms);
    return fb_deadline_after(0);
}

void fb_clock_virtual_init(struct fb_clock_virtual *clock, int64_t realtime_ms)
{
    *clock = (struct fb_clock_virtual){
        .clock = {.realtime_ms = virtual_realtime_ms,
                  .monotonic_ms = virtual_monotonic_ms,
                  .sleep_ms = virtual_sleep_ms,
                  .deadline = virtual_deadline},
        .realtime_ms = realtime_ms,
    };
}
