/* SPDX-License-Identifier: Apache-2.0 */
/* Real time that runs so many times as fast, for threads that wait on each other. */
#ifndef FIREBRIDGE_TESTS_UNIT_SUPPORT_FAST_CLOCK_H
#define FIREBRIDGE_TESTS_UNIT_SUPPORT_FAST_CLOCK_H

#include "firebridge/base/clock.h"

struct fast_clock {
    struct fb_clock clock;
    int64_t factor;
};

/* Its sleeps are the system's. */
void fast_clock_init(struct fast_clock *fast, int64_t factor);

#endif
