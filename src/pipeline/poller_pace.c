/* SPDX-License-Identifier: Apache-2.0 */
/* How often listings come, and what is said when the budget makes them come less often. */
#include <stdio.h>

#include "firebridge/base/log.h"
#include "poller_private.h"

/* A listing that is late by less is not worth a word. */
#define LATE_PART 2

/* It is said again when it became so many times worse. */
#define WORSE 2

#define NEVER_MS (INT64_MAX / 2)

void fb_poller_init_paces(struct fb_poller *poller)
{
    const struct fb_poller_options *options = &poller->options;
    int64_t sweep_ms = options->sweep_interval_ms;
    int64_t poll_ms = options->poll_interval_ms;

    /* Where all is listed anyhow, each poll is a sweep. */
    if (poller->whole) {
        sweep_ms = poll_ms < sweep_ms ? poll_ms : sweep_ms;
        poll_ms = NEVER_MS;
    }
    poller->paces[FB_LISTING_POLL].interval_ms = poll_ms;
    poller->paces[FB_LISTING_SWEEP].interval_ms = sweep_ms;
    atomic_store(&poller->counters->poll_every_ms, poller->whole ? sweep_ms : poll_ms);
    atomic_store(&poller->counters->sweep_every_ms, sweep_ms);
    fb_list_budget_init(&poller->budget, options->list_budget, fb_monotonic_ms(options->clock));
}

static void write_span(int64_t span_ms, char text[32])
{
    const long long seconds = (span_ms + 999) / 1000;

    if (seconds < 120)
        snprintf(text, 32, "%lld s", seconds);
    else if (seconds < 7200)
        snprintf(text, 32, "%lld min", seconds / 60);
    else
        snprintf(text, 32, "%lld h", seconds / 3600);
}

static void tell_stretched(struct fb_poller *poller)
{
    const struct fb_poller_counters *counters = poller->counters;
    char polls[32], sweeps[32], poll_set[32], sweep_set[32];

    write_span(atomic_load(&counters->poll_every_ms), polls);
    write_span(atomic_load(&counters->sweep_every_ms), sweeps);
    write_span(poller->options.poll_interval_ms, poll_set);
    write_span(poller->options.sweep_interval_ms, sweep_set);
    fb_log_event(FB_EVENT_LISTINGS_STRETCHED, FB_ABOUT(.stream = poller->options.stream),
                 "list_budget (%llu LIST calls an hour) does not suffice: polls take "
                 "%s (poll_interval %s), sweeps %s or more (sweep_interval %s). New and late "
                 "objects are found that much later, none is missed. Put the time before the "
                 "partitions in the delivery stream's prefix, use S3 event notifications, or "
                 "raise list_budget",
                 (unsigned long long)poller->options.list_budget, polls, poll_set, sweeps,
                 sweep_set);
}

/* At a sweep's end nothing was late since the one before. */
static void tell_well_again(struct fb_poller *poller)
{
    fb_log_event(FB_EVENT_LISTINGS_ON_TIME, FB_ABOUT(.stream = poller->options.stream),
                 "list_budget suffices again: listings come as they are set to");
    for (unsigned i = 0; i < FB_LISTINGS; i++)
        poller->paces[i].told_ms = 0;
}

/* One that is under way takes as long as the last one, or longer. */
static void set_every(struct fb_poller *poller, enum fb_listing listing, int64_t every_ms,
                      bool ended)
{
    struct fb_pace *pace = &poller->paces[listing];

    if (!ended && every_ms <= pace->every_ms)
        return;
    pace->every_ms = every_ms;
    if (listing == FB_LISTING_POLL || poller->whole)
        atomic_store(&poller->counters->poll_every_ms, every_ms);
    if (listing == FB_LISTING_SWEEP)
        atomic_store(&poller->counters->sweep_every_ms, every_ms);
}

/* Late by the budget's fault: said at the first time, and when it got much worse. */
static void note_late(struct fb_poller *poller, struct fb_pace *pace, int64_t every_ms)
{
    pace->stretched = true;
    atomic_store(&poller->counters->is_stretched, true);
    if (every_ms < WORSE * pace->told_ms)
        return;
    pace->told_ms = every_ms;
    tell_stretched(poller);
}

void fb_poller_note_pace(struct fb_poller *poller, const struct fb_walk *walk, bool ended)
{
    struct fb_pace *pace = &poller->paces[walk->listing];
    const int64_t took_ms = fb_monotonic_ms(poller->options.clock) - walk->begun_ms;
    const int64_t every_ms = took_ms > pace->interval_ms ? took_ms : pace->interval_ms;

    set_every(poller, walk->listing, every_ms, ended);
    if (walk->waited && took_ms > pace->interval_ms + pace->interval_ms / LATE_PART)
        note_late(poller, pace, every_ms);
    if (!ended || walk->listing != FB_LISTING_SWEEP)
        return;
    if (atomic_load(&poller->counters->is_stretched) && !poller->paces[FB_LISTING_POLL].stretched &&
        !poller->paces[FB_LISTING_SWEEP].stretched) {
        atomic_store(&poller->counters->is_stretched, false);
        tell_well_again(poller);
    }
    for (unsigned i = 0; i < FB_LISTINGS; i++)
        poller->paces[i].stretched = false;
}

void fb_poller_note_partitions(struct fb_poller *poller)
{
    atomic_store(&poller->counters->partitions, poller->partitions.count);
    atomic_store(&poller->counters->quiet_partitions,
                 fb_partitions_quiet(&poller->partitions, fb_poller_now_ms(poller)));
}
