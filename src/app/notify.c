/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "daemon.h"
#include "firebridge/base/log.h"
#include "firebridge/base/status.h"
#include "human.h"

/* Of a reload, beside the draining: asking the instance for its region may take so long. */
#define RELOAD_EXTRA_US 60000000

#define EXTEND_EVERY_MS 10000
#define EXTEND_BY_US    60000000

/* What threads may take to end once they are told to leave everything. */
#define STOP_EXTRA_US 10000000

struct totals {
    size_t attempted, finished, unhealthy, held;
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
        totals.held += report.hold != FB_HOLD_NOTHING;
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

static void describe(const struct fb_daemon *daemon, const struct totals *totals, char *status,
                     size_t size)
{
    size_t used = 0;

    if (daemon->reload.problem[0] != '\0')
        used +=
            (size_t)snprintf(status, size, "the conf is refused, the old one is in force: %.90s; ",
                             daemon->reload.problem);
    if (totals->held > 0)
        used += (size_t)snprintf(status + used, size - used, "%zu of %zu streams paused; ",
                                 totals->held, daemon->stream_count);
    if (totals->unhealthy > 0)
        snprintf(status + used, size - used, "%zu of %zu streams in trouble; %.40s: %s",
                 totals->unhealthy, daemon->stream_count, totals->problem_stream, totals->problem);
    else
        snprintf(status + used, size - used,
                 "%llu objects, %llu records, %llu items, %llu dead letters",
                 (unsigned long long)totals->objects, (unsigned long long)totals->records,
                 (unsigned long long)totals->items, (unsigned long long)totals->dead_letters);
}

static void tell_status(struct fb_daemon *daemon, const struct totals *totals)
{
    char status[sizeof daemon->last_status];

    describe(daemon, totals, status, sizeof status);
    if (strcmp(status, daemon->last_status) == 0)
        return;
    memcpy(daemon->last_status, status, sizeof status);
    fb_make_printable(status); /* a text may be cut within a character */
    sd_notifyf(0, "STATUS=%s", status);
}

/* A bucket or a table that does not answer may hold the first attempts up for longer than
 * TimeoutStartSec; an extension has to be renewed before it ends. */
static void extend_start(struct fb_daemon *daemon)
{
    const int64_t now_ms = fb_monotonic_ms(fb_clock_system());

    if (daemon->extended_ms != 0 && now_ms - daemon->extended_ms < EXTEND_EVERY_MS)
        return;
    daemon->extended_ms = now_ms;
    sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%d", EXTEND_BY_US);
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
    if (!daemon->ready && !daemon->stopping)
        extend_start(daemon);
    if (!daemon->ready && !daemon->stopping && totals.attempted == daemon->stream_count) {
        daemon->ready = true;
        sd_notify(0, "READY=1");
        fb_log_event(FB_EVENT_READY, NULL, "ready: %zu streams, %zu of them in trouble",
                     daemon->stream_count, totals.unhealthy);
    }
    if (fb_watchdog_is_content(&daemon->watchdog, fb_monotonic_ms(fb_clock_system())))
        sd_notify(0, "WATCHDOG=1");
    *ret_all_finished = totals.finished == daemon->stream_count;
}

/* Each time a little more of TimeoutStartSec than passes until the next. */
void fb_notify_waiting(const char *what)
{
    char status[256];

    sd_notifyf(0, "STATUS=%s\nEXTEND_TIMEOUT_USEC=60000000\nWATCHDOG=1",
               fb_human_text(what, status, sizeof status));
}

/* sd_notify(3): the time is that of CLOCK_MONOTONIC, for Type=notify-reload. */
void fb_notify_reloading(const struct fb_daemon *daemon)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nEXTEND_TIMEOUT_USEC=%lld",
               (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000,
               (long long)daemon->setup->conf->daemon.stop_timeout_ms * 1000 + RELOAD_EXTRA_US);
}

void fb_notify_reloaded(void)
{
    sd_notify(0, "READY=1");
}

void fb_notify_stopping(int64_t timeout_ms)
{
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
               (long long)timeout_ms * 1000 + STOP_EXTRA_US);
}
