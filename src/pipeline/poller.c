/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/poller.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "poller_private.h"

/*
 * How far back a poll looks: Firehose buffers for at most 15 min (900 s), so an object of the
 * hour before is still to come; the rest of the hour is for its delivery.
 */
#define FRESH_MS (INT64_C(60) * 60 * 1000)

/* Folders ahead of our clock: ours may be slow, and a folder's hour may begin any moment. */
#define AHEAD_MS (INT64_C(60) * 60 * 1000)

/* A sweep looks as far ahead as a time zone can be that the conf does not know of: UTC+14. */
#define SWEEP_AHEAD_MS (15 * AHEAD_MS)

/* A clock that was corrected by more than this during a sweep makes it no complete one. */
#define SKEW_TOLERATED_MS 60000

/*
 * After a start, what is pending waits for the first sweep, which may find what comes before it;
 * but not for a sweep that takes hours because the budget is small.
 */
#define HOLD_MS (INT64_C(10) * 60 * 1000)

/* Calls of polls for one of a sweep that is under way: their shares of the budget, too. */
#define POLLS_IN_TURN 3

/* --- polls and sweeps ------------------------------------------------------------------------ */

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t sweep_from_ms(const struct fb_poller *poller, int64_t begin_ms)
{
    int64_t from_ms;

    if (poller->last_sweep_start_ms == 0)
        return poller->start_ms > 0 ? poller->start_ms - FRESH_MS
                                    : begin_ms - poller->options.lookback_ms;
    from_ms = earlier(poller->last_sweep_start_ms, begin_ms) - poller->options.lookback_ms;
    return from_ms > 0 ? from_ms : 0;
}

static void tell_left_out(struct fb_poller *poller, const uint64_t *left_out)
{
    for (int i = 0; i <= FB_KEY_FOREIGN; i++)
        atomic_store(&poller->counters->left_out[i], left_out[i]);
    if (memcmp(left_out + 1, poller->told_left_out + 1, FB_KEY_FOREIGN * sizeof *left_out) == 0)
        return;
    memcpy(poller->told_left_out, left_out, sizeof poller->told_left_out);
    fb_log_event(FB_EVENT_KEYS_LEFT_OUT, FB_ABOUT(.stream = poller->options.stream),
                 "left out of the listing: %llu by exclude, %llu error outputs, %llu "
                 "folder markers, %llu archived, %llu that are not of the prefix",
                 (unsigned long long)left_out[FB_KEY_EXCLUDED],
                 (unsigned long long)left_out[FB_KEY_ERROR_OUTPUT],
                 (unsigned long long)left_out[FB_KEY_FOLDER],
                 (unsigned long long)left_out[FB_KEY_UNREADABLE],
                 (unsigned long long)left_out[FB_KEY_FOREIGN]);
}

struct sweep_end {
    int64_t complete_ms, low_water_ms;
};

static enum fb_status store_sweep(struct fb_poller *poller, const void *argument,
                                  struct fb_error *error)
{
    const struct sweep_end *end = argument;
    uint64_t pruned = 0;
    enum fb_status status =
        fb_state_sweep_complete(poller->options.state, poller->stream_id, end->complete_ms,
                                end->low_water_ms, &pruned, error);

    if (status == FB_OK)
        fb_log_debug("stream %s: sweep complete, %llu old rows removed", poller->options.stream,
                     (unsigned long long)pruned);
    return status;
}

/*
 * Behind the look-back of this sweep, and of what S3 itself has shown: a clock of ours that runs
 * ahead takes nothing away.
 */
static int64_t next_low_water_ms(const struct fb_poller *poller, int64_t complete_ms)
{
    int64_t shown_ms =
        earlier(complete_ms, poller->newest_modified_ms) - poller->options.lookback_ms;

    return poller->whole || shown_ms < poller->low_water_ms ? poller->low_water_ms : shown_ms;
}

static enum fb_status begin_sweep(struct fb_poller *poller, struct fb_error *error)
{
    const int64_t begin_ms = fb_poller_now_ms(poller);

    fb_partitions_begin_sweep(&poller->partitions);
    return fb_walk_begin(poller, FB_LISTING_SWEEP, sweep_from_ms(poller, begin_ms),
                         begin_ms + SWEEP_AHEAD_MS, error);
}

static enum fb_status begin_poll(struct fb_poller *poller, struct fb_error *error)
{
    const int64_t begin_ms = fb_poller_now_ms(poller);

    return fb_walk_begin(poller, FB_LISTING_POLL, begin_ms - FRESH_MS, begin_ms + AHEAD_MS, error);
}

/* A sweep counts as complete when every page came and the clock was right all the while. */
static enum fb_status end_sweep(struct fb_poller *poller, const struct fb_walk *walk,
                                struct fb_error *error)
{
    const struct sweep_end end = {.complete_ms = walk->complete_ms,
                                  .low_water_ms = next_low_water_ms(poller, walk->complete_ms)};
    const int64_t corrected_ms = fb_poller_skew_ms(poller) - walk->skew_ms;
    enum fb_status status;

    if (llabs((long long)corrected_ms) > SKEW_TOLERATED_MS) {
        fb_partitions_done(&poller->partitions);
        poller->next_ms[FB_LISTING_SWEEP] = fb_monotonic_ms(poller->options.clock);
        return FB_OK;
    }
    status = fb_poller_store(poller, store_sweep, &end, error);
    if (status != FB_OK)
        return status;
    poller->swept = true;
    poller->last_sweep_start_ms = end.complete_ms;
    poller->low_water_ms = end.low_water_ms;
    fb_partitions_end_sweep(&poller->partitions);
    fb_poller_note_partitions(poller);
    atomic_fetch_add(&poller->counters->sweeps, 1);
    tell_left_out(poller, walk->left_out);
    return FB_OK;
}

static enum fb_status end_walk(struct fb_poller *poller, struct fb_walk *walk,
                               struct fb_error *error)
{
    enum fb_status status = FB_OK;

    if (walk->listing == FB_LISTING_SWEEP)
        status = end_sweep(poller, walk, error);
    else
        atomic_fetch_add(&poller->counters->polls, 1);
    if (status == FB_OK)
        fb_poller_note_pace(poller, walk, true);
    return status;
}

static bool is_due(const struct fb_poller *poller, enum fb_listing listing, int64_t now_ms)
{
    return !poller->walks[listing].active && now_ms >= poller->next_ms[listing];
}

static void set_next(struct fb_poller *poller, enum fb_listing listing, int64_t now_ms)
{
    poller->next_ms[listing] = now_ms + poller->paces[listing].interval_ms;
}

/* What is due and not under way begins; a sweep that begins stands for a poll. */
static enum fb_status begin_due(struct fb_poller *poller, int64_t now_ms, struct fb_error *error)
{
    const bool sweeps = is_due(poller, FB_LISTING_SWEEP, now_ms);

    if (!sweeps && !is_due(poller, FB_LISTING_POLL, now_ms))
        return FB_OK;
    set_next(poller, FB_LISTING_POLL, now_ms);
    if (sweeps)
        set_next(poller, FB_LISTING_SWEEP, now_ms);
    return sweeps ? begin_sweep(poller, error) : begin_poll(poller, error);
}

/* How long until the walk may make a call, or should begin. */
static int64_t wait_of(struct fb_poller *poller, struct fb_walk *walk, int64_t now_ms)
{
    int64_t wait_ms = poller->next_ms[walk->listing] - now_ms;

    if (!walk->active)
        return wait_ms > 0 ? wait_ms : 0;
    return poller->is_budgeted ? fb_list_budget_wait_ms(&poller->budget, walk->listing, now_ms) : 0;
}

/*
 * The walk that may make a call now; NULL: none, and how long until one may. Polls come first, but
 * of four calls a sweep has one: an S3 so slow that polls are always due must not starve it.
 */
static struct fb_walk *next_walk(struct fb_poller *poller, int64_t now_ms, int64_t *ret_wait_ms)
{
    const unsigned first =
        poller->polls_in_turn < POLLS_IN_TURN ? FB_LISTING_POLL : FB_LISTING_SWEEP;

    *ret_wait_ms = INT64_MAX;
    for (unsigned i = 0; i < FB_LISTINGS; i++) {
        struct fb_walk *walk = &poller->walks[(first + i) % FB_LISTINGS];
        const int64_t wait_ms = wait_of(poller, walk, now_ms);

        *ret_wait_ms = earlier(*ret_wait_ms, wait_ms);
        if (!walk->active)
            continue;
        if (wait_ms == 0)
            return walk;
        walk->waited = true;
        walk->holds = false;
        fb_poller_note_pace(poller, walk, false);
    }
    return NULL;
}

/* One page of a walk; at the last one it ends. */
static enum fb_status go_on(struct fb_poller *poller, struct fb_walk *walk, struct fb_error *error)
{
    enum fb_status status = walk->count > 0 ? fb_walk_page(poller, walk, error) : FB_OK;

    poller->polls_in_turn = walk->listing == FB_LISTING_POLL ? poller->polls_in_turn + 1 : 0;
    if (status == FB_OK && walk->count > 0)
        return FB_OK;
    if (status == FB_OK)
        status = end_walk(poller, walk, error);
    if (status != FB_OK)
        poller->next_ms[walk->listing] = fb_monotonic_ms(poller->options.clock);
    fb_walk_end(walk);
    if (status == FB_OK)
        fb_walk_tell_takeable(poller);
    return status;
}

static enum fb_status ensure_backlog(struct fb_poller *poller, struct fb_error *error)
{
    if (poller->backlog_listed)
        return FB_OK;
    if (poller->start_ms > 0 && !poller->whole)
        return fb_poller_skip_backlog(poller, error);
    return fb_poller_list_backlog(poller, error);
}

/* --- the module ------------------------------------------------------------------------------ */

enum fb_status fb_poller_step(struct fb_poller *poller, int64_t *ret_wait_ms,
                              struct fb_error *error)
{
    struct fb_clock *clock = poller->options.clock;
    struct fb_walk *walk;
    enum fb_status status;

    *ret_wait_ms = 0;
    if (!poller->backlog_listed)
        return ensure_backlog(poller, error);
    poller->is_budgeted = poller->options.list_budget > 0;
    do {
        status = begin_due(poller, fb_monotonic_ms(clock), error);
        if (status != FB_OK)
            return status;
        walk = next_walk(poller, fb_monotonic_ms(clock), ret_wait_ms);
        if (walk == NULL) {
            fb_walk_tell_takeable(poller);
            return FB_OK;
        }
        status = go_on(poller, walk, error);
    } while (status == FB_OK && walk->active);
    if (status == FB_OK)
        (void)next_walk(poller, fb_monotonic_ms(clock), ret_wait_ms);
    return status;
}

enum fb_status fb_poller_run(struct fb_poller *poller, struct fb_error *error)
{
    const struct fb_poller_options *options = &poller->options;
    struct fb_error own = {0};
    enum fb_status status;
    int64_t wait_ms = 0;

    do {
        status = fb_poller_step(poller, &wait_ms, &own);
        if (status == FB_OK) {
            if (fb_sleep_ms(options->clock, options->stop, FB_STOP_DRAIN, wait_ms))
                status = FB_CANCELED;
        } else if (status != FB_CANCELED) {
            /* A listing that makes no sense, or no memory: a person may mend it. */
            status = fb_patience_wait(&poller->patience, &own);
        }
    } while (status == FB_OK);
    if (status != FB_CANCELED && error != NULL)
        *error = own;
    return status;
}

enum fb_status fb_poller_run_once(struct fb_poller *poller, struct fb_error *error)
{
    struct fb_walk *walk = &poller->walks[FB_LISTING_SWEEP];
    const uint64_t sweeps = atomic_load(&poller->counters->sweeps);
    enum fb_status status = ensure_backlog(poller, error);

    poller->is_budgeted = false;
    while (status == FB_OK && atomic_load(&poller->counters->sweeps) == sweeps) {
        if (!walk->active)
            status = begin_sweep(poller, error);
        if (status == FB_OK)
            status = go_on(poller, walk, error);
    }
    return status;
}

enum fb_status fb_poller_new(const struct fb_poller_options *options, struct fb_poller **ret_poller,
                             struct fb_error *error)
{
    struct fb_poller *poller = calloc(1, sizeof *poller);
    const struct fb_stream_row *row = options->row;

    if (poller == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a poller");
    poller->options = *options;
    poller->options.row = NULL;
    poller->stream_id = row->id;
    poller->counters = options->counters != NULL ? options->counters : &poller->own_counters;
    poller->options.patience.what = poller->what;
    fb_patience_init(&poller->patience, &poller->options.patience, options->seed);
    fb_page_init(&poller->page);
    poller->whole = fb_layout_is_whole(options->layout);
    poller->backlog_listed = row->backlog_listed;
    poller->backlog_objects = row->backlog_objects;
    poller->backlog_bytes = row->backlog_bytes;
    poller->start_ms = row->start_ms;
    poller->last_sweep_start_ms = row->last_sweep_start_ms;
    poller->low_water_ms = row->low_water_ms;
    poller->hold_until_ms = fb_monotonic_ms(options->clock) + HOLD_MS;
    poller->walks[FB_LISTING_SWEEP].listing = FB_LISTING_SWEEP;
    fb_poller_init_paces(poller);
    poller->root = strdup(fb_layout_root(options->layout));
    if (row->backlog_cursor != NULL)
        poller->backlog_cursor = strdup(row->backlog_cursor);
    if (poller->root == NULL || (row->backlog_cursor != NULL && poller->backlog_cursor == NULL)) {
        fb_poller_free(poller);
        return fb_fail(error, FB_NO_MEMORY, "no memory for a poller");
    }
    *ret_poller = poller;
    return FB_OK;
}

void fb_poller_free(struct fb_poller *poller)
{
    if (poller == NULL)
        return;
    for (unsigned i = 0; i < FB_LISTINGS; i++)
        fb_walk_end(&poller->walks[i]);
    fb_partitions_done(&poller->partitions);
    fb_page_done(&poller->page);
    free(poller->backlog_cursor);
    free(poller->root);
    free(poller);
}

const struct fb_poller_counters *fb_poller_counters(const struct fb_poller *poller)
{
    return poller->counters;
}
