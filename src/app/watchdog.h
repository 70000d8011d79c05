/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the service manager is to be told that we live: as long as every thread does
 * (heartbeat.h). One that hangs makes it restart us.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_SRC_APP_WATCHDOG_H
#define FIREBRIDGE_SRC_APP_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct fb_watchdog {
    int64_t limit_ms; /* who is silent for longer hangs */
    int64_t looked_ms;
    int64_t lenient_until_ms; /* we were not at work ourselves a moment ago */
    bool has_told;
};

/* `period_ms`: how often the service manager wants to hear of us at least; 0: it does not. */
void fb_watchdog_init(struct fb_watchdog *watchdog, int64_t period_ms);

/* Looks at all threads, and logs the news. */
bool fb_watchdog_is_content(struct fb_watchdog *watchdog, int64_t now_ms);

#endif
