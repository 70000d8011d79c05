/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/poller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "poller_private.h"

/* Folders ahead of our clock: ours may be slow, and a folder's hour may begin any moment. */
#define AHEAD_MS (INT64_C(60) * 60 * 1000)

/* A sweep looks as far ahead as a time zone can be that the conf does not know of: UTC+14. */
#define SWEEP_AHEAD_MS (15 * AHEAD_MS)

/* A clock that was corrected by more than this during a sweep makes it no complete one. */
#define SKEW_TOLERATED_MS 60000

/* --- polls and sweeps ------------------------------------------------------------------------ */

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t sweep_from_ms(const struct fb_poller *poller, int64_t begin_ms)
{
    int64_t from_ms;

    if (poller->last_sweep_start_ms == 0)
        return poller->start_ms > 0 ? poller->start_ms - FB_POLLER_FRESH_MS
                                    : begin_ms - poller->options.lookback_ms;
    from_ms = earlier(poller->last_sweep_start_ms, begin_ms) - poller->options.lookback_ms;
    return from_ms > 0 ? from_ms : 0;
}

static void tell_left_out(struct fb_poller *poller)
{
    for (int i = 0; i <= FB_KEY_FOREIGN; i++)
        atomic_store(&poller->counters.left_out[i], poller->left_out[i]);
    if (memcmp(poller->left_out + 1, poller->told_left_out + 1,
               sizeof poller->left_out - sizeof *poller->left_out) == 0)
        return;
    memcpy(poller->told_left_out, poller->left_out, sizeof poller->left_out);
    fb_log_info("stream %s: left out of the listing: %llu by exclude, %llu error outputs, %llu "
                "folder markers, %llu archived, %llu that are not of the prefix",
                poller->options.stream, (unsigned long long)poller->left_out[FB_KEY_EXCLUDED],
                (unsigned long long)poller->left_out[FB_KEY_ERROR_OUTPUT],
                (unsigned long long)poller->left_out[FB_KEY_FOLDER],
                (unsigned long long)poller->left_out[FB_KEY_UNREADABLE],
                (unsigned long long)poller->left_out[FB_KEY_FOREIGN]);
}

struct sweep_end {
    int64_t begin_ms, low_water_ms;
};

static enum fb_status store_sweep(struct fb_poller *poller, const void *argument,
                                  struct fb_error *error)
{
    const struct sweep_end *end = argument;
    uint64_t pruned = 0;
    enum fb_status status = fb_state_sweep_complete(
        poller->options.state, poller->stream_id, end->begin_ms, end->low_water_ms, &pruned, error);

    if (status == FB_OK)
        fb_log_debug("stream %s: sweep complete, %llu old rows removed", poller->options.stream,
                     (unsigned long long)pruned);
    return status;
}

/*
 * Behind the look-back of this sweep, and of what S3 itself has shown: a clock of ours that runs
 * ahead takes nothing away.
 */
static int64_t next_low_water_ms(const struct fb_poller *poller, int64_t begin_ms)
{
    int64_t shown_ms = earlier(begin_ms, poller->newest_modified_ms) - poller->options.lookback_ms;

    return poller->whole || shown_ms < poller->low_water_ms ? poller->low_water_ms : shown_ms;
}

/* A sweep counts as complete when every page came and the clock was right all the while. */
static enum fb_status sweep(struct fb_poller *poller, struct fb_error *error)
{
    int64_t skew_before_ms = fb_poller_skew_ms(poller);
    struct sweep_end end = {.begin_ms = fb_poller_now_ms(poller), .low_water_ms = 0};
    enum fb_status status = fb_poller_list_span(poller, sweep_from_ms(poller, end.begin_ms),
                                                end.begin_ms + SWEEP_AHEAD_MS, error);

    if (status != FB_OK)
        return status;
    if (llabs((long long)(fb_poller_skew_ms(poller) - skew_before_ms)) > SKEW_TOLERATED_MS)
        return sweep(poller, error);
    end.low_water_ms = next_low_water_ms(poller, end.begin_ms);
    status = fb_poller_store(poller, store_sweep, &end, error);
    if (status != FB_OK)
        return status;
    fb_poller_set_takeable(poller, true);
    poller->last_sweep_start_ms = end.begin_ms;
    poller->low_water_ms = end.low_water_ms;
    atomic_fetch_add(&poller->counters.sweeps, 1);
    tell_left_out(poller);
    return FB_OK;
}

static enum fb_status poll_fresh(struct fb_poller *poller, struct fb_error *error)
{
    int64_t begin_ms = fb_poller_now_ms(poller);
    enum fb_status status =
        fb_poller_list_span(poller, begin_ms - FB_POLLER_FRESH_MS, begin_ms + AHEAD_MS, error);

    if (status != FB_OK)
        return status;
    atomic_fetch_add(&poller->counters.polls, 1);
    fb_poller_set_takeable(poller, true);
    return FB_OK;
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
    const struct fb_poller_options *options = &poller->options;
    int64_t begin_ms = fb_monotonic_ms(options->clock);
    enum fb_status status = FB_OK;

    if (!poller->backlog_listed) {
        *ret_wait_ms = 0;
        return ensure_backlog(poller, error);
    }
    if (begin_ms >= poller->next_sweep_ms || (poller->whole && begin_ms >= poller->next_poll_ms)) {
        status = sweep(poller, error);
        if (status == FB_OK)
            poller->next_sweep_ms = begin_ms + options->sweep_interval_ms;
    } else if (begin_ms >= poller->next_poll_ms) {
        status = poll_fresh(poller, error);
    }
    if (status != FB_OK)
        return status;
    poller->next_poll_ms = begin_ms + options->poll_interval_ms;
    *ret_wait_ms =
        earlier(poller->next_poll_ms, poller->next_sweep_ms) - fb_monotonic_ms(options->clock);
    if (*ret_wait_ms < 0)
        *ret_wait_ms = 0;
    return FB_OK;
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
    enum fb_status status = ensure_backlog(poller, error);

    return status == FB_OK ? sweep(poller, error) : status;
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
    fb_page_done(&poller->page);
    free(poller->backlog_cursor);
    free(poller->root);
    free(poller);
}

const struct fb_poller_counters *fb_poller_counters(const struct fb_poller *poller)
{
    return &poller->counters;
}
