/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "daemon.h"
#include "firebridge/base/log.h"

struct totals {
    size_t attempted, finished, unhealthy;
    uint64_t objects, records, items, dead_letters;
    const char *problem_stream;
    char problem[160];
};

static struct totals add_up(struct fb_daemon *daemon)
{
    struct totals totals = {0};

    for (size_t i = 0; i < daemon->stream_count; i++) {
        struct fb_stream_report report;

        fb_stream_report(daemon->streams[i]->stream, &report);
        fb_status_look(daemon->streams[i], &report);
        totals.attempted += report.attempted;
        totals.finished += report.finished;
        totals.objects += report.objects;
        totals.records += report.records;
        totals.items += report.items_written;
        totals.dead_letters += report.dead_letters;
        if (report.healthy)
            continue;
        totals.unhealthy++;
        totals.problem_stream = daemon->streams[i]->conf->name;
        snprintf(totals.problem, sizeof totals.problem, "%.155s", report.problem);
    }
    return totals;
}

static void tell_status(struct fb_daemon *daemon, const struct totals *totals)
{
    char status[sizeof daemon->last_status];

    if (totals->unhealthy > 0)
        snprintf(status, sizeof status, "%zu of %zu streams in trouble; %.40s: %s",
                 totals->unhealthy, daemon->stream_count, totals->problem_stream, totals->problem);
    else
        snprintf(status, sizeof status, "%llu objects, %llu records, %llu items, %llu dead letters",
                 (unsigned long long)totals->objects, (unsigned long long)totals->records,
                 (unsigned long long)totals->items, (unsigned long long)totals->dead_letters);
    if (strcmp(status, daemon->last_status) == 0)
        return;
    memcpy(daemon->last_status, status, sizeof status);
    sd_notifyf(0, "STATUS=%s", status);
}

void fb_notify_init(struct fb_daemon *daemon)
{
    uint64_t period_us = 0;

    fb_watchdog_init(&daemon->watchdog,
                     sd_watchdog_enabled(0, &period_us) > 0 ? (int64_t)(period_us / 1000) : 0);
}

void fb_notify_look(struct fb_daemon *daemon, bool *ret_all_finished)
{
    const struct totals totals = add_up(daemon);

    tell_status(daemon, &totals);
    if (!daemon->ready && !daemon->stopping && totals.attempted == daemon->stream_count) {
        daemon->ready = true;
        sd_notify(0, "READY=1");
        fb_log_event(FB_EVENT_READY, NULL, "ready: %zu streams, %zu of them in trouble",
                     daemon->stream_count, totals.unhealthy);
    }
    if (fb_watchdog_is_content(&daemon->watchdog, fb_monotonic_ms(fb_clock_system())))
        sd_notify(0, "WATCHDOG=1");
    fb_log_tick();
    *ret_all_finished = totals.finished == daemon->stream_count;
}

void fb_notify_stopping(const struct fb_daemon *daemon, int64_t timeout_ms)
{
    (void)daemon;
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", (long long)timeout_ms * 1000);
}
