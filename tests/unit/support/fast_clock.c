/* SPDX-License-Identifier: Apache-2.0 */
#include "fast_clock.h"

#include <time.h>

static int64_t monotonic_ms(struct fb_clock *clock)
{
    const struct fast_clock *fast = (struct fast_clock *)clock;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000) * fast->factor / 1000;
}

static struct timespec deadline(struct fb_clock *clock, int64_t wait_ms)
{
    const int64_t most_ms = INT64_MAX / 1000000; /* for ever */
    const int64_t wait_us =
        (wait_ms < most_ms ? wait_ms : most_ms) * 1000 / ((struct fast_clock *)clock)->factor;
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += wait_us / 1000000;
    end.tv_nsec += wait_us % 1000000 * 1000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    return end;
}

void fast_clock_init(struct fast_clock *fast, int64_t factor)
{
    fast->clock = *fb_clock_system();
    fast->clock.monotonic_ms = monotonic_ms;
    fast->clock.deadline = deadline;
    fast->factor = factor;
}
