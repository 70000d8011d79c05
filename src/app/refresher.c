/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/refresher.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"
#include "firebridge/base/time.h"

/* The clock may be set while we sleep. */
#define SLEEP_MAX_MS 60000

/* What was said of one chain last. */
enum said { SAID_NOTHING, SAID_GOOD, SAID_OLD, SAID_NONE };

struct watched {
    struct fb_credentials_cache *cache;
    enum said said;
    struct fb_credentials_report report; /* with SAID_GOOD: as it was then */
};

struct fb_refresher {
    struct fb_clock *clock;
    struct fb_stop stop;
    pthread_t thread;
    size_t count;
    struct watched watched[];
};

struct until {
    char text[FB_TIME_TEXT_SIZE + 32];
};

static struct until until(const struct fb_credentials_report *report)
{
    struct until until = {" which do not expire"};
    char time[FB_TIME_TEXT_SIZE];

    if (report->expires_ms != INT64_MAX) {
        fb_time_format_rfc3339(report->expires_ms, time);
        snprintf(until.text, sizeof until.text, " until %s", time);
    }
    return until;
}

static void say_good(struct watched *watched, const struct fb_credentials_report *report)
{
    bool is_news =
        watched->said != SAID_GOOD || strcmp(watched->report.source, report->source) != 0;
    bool is_renewed = watched->report.expires_ms != report->expires_ms;

    if (report->is_extended && (is_news || is_renewed))
        fb_log_event(FB_EVENT_CREDENTIALS_EXTENDED, NULL,
                     "credentials from %s: they are past their date, and the metadata service "
                     "says to go on with them,%s, unless new ones come",
                     report->source, until(report).text);
    else if (is_news && (watched->said == SAID_OLD || watched->said == SAID_NONE))
        fb_log_event(FB_EVENT_CREDENTIALS_BACK, NULL, "credentials from %s: renewed again,%s",
                     report->source, until(report).text);
    else if (is_news)
        fb_log_event(FB_EVENT_CREDENTIALS_FOUND, NULL, "credentials from %s,%s", report->source,
                     until(report).text);
    else if (is_renewed)
        fb_log_debug("credentials from %s: renewed,%s", report->source, until(report).text);
    watched->said = SAID_GOOD;
    watched->report = *report;
}

static void say_bad(struct watched *watched, const struct fb_credentials_report *report,
                    int64_t now_ms, const struct fb_error *error)
{
    enum said saying = report->expires_ms > now_ms ? SAID_OLD : SAID_NONE;

    if (watched->said == saying)
        return;
    if (saying == SAID_OLD)
        fb_log_event(FB_EVENT_CREDENTIALS_NOT_RENEWED, FB_ABOUT(.error = error),
                     "credentials from %s are not renewed; those at hand,%s, serve on: %s",
                     report->source, until(report).text, error->message);
    else
        fb_log_event(FB_EVENT_CREDENTIALS_NONE, FB_ABOUT(.error = error),
                     "no credentials that serve: %s", error->message);
    watched->said = saying;
}

/* Returns when to come again. */
static int64_t look_at(struct fb_refresher *refresher, struct watched *watched)
{
    struct fb_credentials_report report;
    struct fb_error error = {0};
    int64_t wait_ms = SLEEP_MAX_MS;
    enum fb_status status = fb_credentials_cache_tend(watched->cache, &wait_ms, &error);

    if (status == FB_CANCELED)
        return wait_ms;
    fb_credentials_cache_report(watched->cache, &report);
    if (status != FB_OK)
        say_bad(watched, &report, fb_realtime_ms(refresher->clock), &error);
    else if (report.expires_ms != 0)
        say_good(watched, &report);
    return wait_ms;
}

static void *run(void *argument)
{
    struct fb_refresher *refresher = argument;
    int64_t wait_ms = 0;

    while (!fb_sleep_ms(refresher->clock, &refresher->stop, FB_STOP_NOW, wait_ms)) {
        wait_ms = SLEEP_MAX_MS;
        for (size_t i = 0; i < refresher->count; i++) {
            int64_t again_ms = look_at(refresher, &refresher->watched[i]);

            if (again_ms < wait_ms)
                wait_ms = again_ms;
        }
    }
    return NULL;
}

enum fb_status fb_refresher_start(struct fb_principals *principals, struct fb_clock *clock,
                                  struct fb_refresher **ret_refresher, struct fb_error *error)
{
    size_t count = fb_principals_count(principals);
    struct fb_refresher *refresher =
        calloc(1, sizeof *refresher + count * sizeof *refresher->watched);
    enum fb_status status;

    if (refresher == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    refresher->clock = clock;
    refresher->count = count;
    for (size_t i = 0; i < count; i++)
        refresher->watched[i].cache = fb_principals_at(principals, i);
    fb_stop_init(&refresher->stop, NULL);
    status = fb_thread_start(&refresher->thread, "credentials", run, refresher, error);
    if (status == FB_OK)
        *ret_refresher = refresher;
    else
        free(refresher);
    return status;
}

void fb_refresher_free(struct fb_refresher *refresher)
{
    if (refresher == NULL)
        return;
    fb_stop_request(&refresher->stop, FB_STOP_NOW);
    fb_thread_join(refresher->thread);
    free(refresher);
}
