/* SPDX-License-Identifier: Apache-2.0 */
#include "watchdog.h"

#include "firebridge/base/heartbeat.h"
#include "firebridge/base/log.h"

/* Half of the period is what sd_watchdog_enabled(3) advises; a thread that waits beats once a
 * second, and a busy machine may make that two. */
#define LIMIT_MIN_MS     (3 * FB_HEARTBEAT_MS)
#define LIMIT_DEFAULT_MS 30000
#define LOOKS_APART_MS   (3 * FB_HEARTBEAT_MS)
#define LENIENT_MS       (3 * FB_HEARTBEAT_MS)

void fb_watchdog_init(struct fb_watchdog *watchdog, int64_t period_ms)
{
    *watchdog = (struct fb_watchdog){
        .limit_ms = period_ms == 0                 ? LIMIT_DEFAULT_MS
                    : period_ms / 2 < LIMIT_MIN_MS ? LIMIT_MIN_MS
                                                   : period_ms / 2,
    };
}

/* After a SIGSTOP of us all nobody has beaten. */
static void note_gap(struct fb_watchdog *watchdog, int64_t now_ms)
{
    if (watchdog->looked_ms != 0 && now_ms - watchdog->looked_ms > LOOKS_APART_MS)
        watchdog->lenient_until_ms = now_ms + LENIENT_MS;
    watchdog->looked_ms = now_ms;
}

bool fb_watchdog_is_content(struct fb_watchdog *watchdog, int64_t now_ms)
{
    struct fb_silence silence;
    bool hangs;

    note_gap(watchdog, now_ms);
    fb_heartbeat_look(now_ms, &silence);
    hangs = silence.silent_ms > watchdog->limit_ms && now_ms >= watchdog->lenient_until_ms;
    if (hangs && !watchdog->has_told)
        fb_log_event(FB_EVENT_THREAD_HANGS, NULL,
                     "thread %s (%ld) has not shown any sign of life for %lld s: the watchdog is "
                     "not fed any more, so that the service manager starts firebridge again; "
                     "nothing is lost by that",
                     silence.name, (long)silence.thread_id, (long long)silence.silent_ms / 1000);
    if (!hangs && watchdog->has_told)
        fb_log_event(FB_EVENT_THREADS_LIVE, NULL, "all threads show signs of life again");
    watchdog->has_told = hangs;
    return !hangs;
}
