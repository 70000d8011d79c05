/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/backfiller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "firebridge/base/time.h"
#include "firebridge/state/backfill.h"

/* How often it is looked whether one was asked for, and what of it has ended. */
#define LOOK_MS 1000

struct fb_backfiller {
    struct fb_backfiller_options options;
    struct fb_patience patience;
    char what[128];
    struct fb_walk *walk;     /* of the backfill at hand; NULL: none is begun */
    struct fb_walk_page page; /* that is not stored yet, when it has objects or a place */
    bool has_page;
    int64_t started_ms; /* tells one backfill from the next */
    bool is_running;    /* as was told last */
};

/* ---- the backfill at hand ---- */

static void tell(struct fb_backfiller *backfiller, const struct fb_backfill *found)
{
    const bool is_running = found->state == FB_BACKFILL_RUNNING;
    char from[FB_TIME_TEXT_SIZE], to[FB_TIME_TEXT_SIZE];

    if (is_running == backfiller->is_running)
        return;
    backfiller->is_running = is_running;
    fb_time_format_rfc3339(found->from_ms, from);
    fb_time_format_rfc3339(found->to_ms, to);
    if (is_running)
        fb_log_notice("stream %s: backfill of %s to %s goes on, %llu objects of it are done",
                      backfiller->options.stream, from, to, (unsigned long long)found->objects);
    else
        fb_log_notice("stream %s: backfill of %s to %s is %s: %llu objects, %llu records, %llu "
                      "dead letters",
                      backfiller->options.stream, from, to,
                      found->state == FB_BACKFILL_COMPLETE ? "complete" : "cancelled",
                      (unsigned long long)found->objects, (unsigned long long)found->records,
                      (unsigned long long)found->dead_letters);
}

static void leave_walk(struct fb_backfiller *backfiller)
{
    fb_walk_free(backfiller->walk);
    backfiller->walk = NULL;
    backfiller->has_page = false;
}

/* From the place that the state file has. */
static enum fb_status begin_walk(struct fb_backfiller *backfiller, const struct fb_backfill *found,
                                 struct fb_error *error)
{
    const struct fb_backfiller_options *options = &backfiller->options;
    const struct fb_walk_options walk = {
        .bucket = options->bucket,
        .layout = options->layout,
        .list_page = options->list_page,
        .client = options->client,
        .from_ms = found->from_ms,
        .to_ms = found->to_ms,
        .in_order = true,
        .window_ms = found->window_ms,
        .cursor = found->cursor,
    };

    if (backfiller->started_ms != found->started_ms)
        leave_walk(backfiller);
    backfiller->started_ms = found->started_ms;
    return backfiller->walk != NULL ? FB_OK : fb_walk_new(&walk, &backfiller->walk, error);
}

/* ---- a page ---- */

static enum fb_status store_page(struct fb_backfiller *backfiller, struct fb_error *error)
{
    const struct fb_backfiller_options *options = &backfiller->options;
    const struct fb_backfill_page page = {
        .started_ms = backfiller->started_ms,
        .only_unread = options->only_unread,
        .objects = backfiller->page.objects,
        .count = backfiller->page.count,
        .window_ms = backfiller->page.window_ms,
        .cursor = backfiller->page.cursor,
    };
    uint64_t added = 0;
    enum fb_status status =
        fb_state_backfill_add(options->state, options->stream_id, &page, &added, error);

    if (status == FB_NOT_FOUND) { /* it was cancelled while we listed */
        leave_walk(backfiller);
        return FB_OK;
    }
    if (status != FB_OK)
        return status;
    backfiller->has_page = false;
    if (added > 0)
        options->on_objects(options->context);
    return FB_OK;
}

/* A page that was listed and could not be stored is kept for the next try. */
static enum fb_status take_page(struct fb_backfiller *backfiller, bool *ret_is_over,
                                struct fb_error *error)
{
    enum fb_status status = FB_OK;

    if (!backfiller->has_page) {
        status = fb_walk_next(backfiller->walk, &backfiller->page, error);
        if (status == FB_END) {
            *ret_is_over = true;
            return FB_OK;
        }
        backfiller->has_page = status == FB_OK;
    }
    return status == FB_OK ? store_page(backfiller, error) : status;
}

/* ---- a step ---- */

static enum fb_status work_on(struct fb_backfiller *backfiller, const struct fb_backfill *found,
                              int64_t *ret_wait_ms, struct fb_error *error)
{
    const struct fb_backfiller_options *options = &backfiller->options;
    bool is_over = found->window_ms >= found->to_ms;
    uint64_t left = 0;
    enum fb_status status = fb_state_backfill_collect(options->state, options->stream_id,
                                                      fb_realtime_ms(options->clock), &left, error);

    if (status == FB_OK && found->state == FB_BACKFILL_RUNNING && !is_over &&
        left < FB_BACKFILL_PENDING) {
        fb_takeup_allow_backfill(options->takeup, found->rate);
        status = begin_walk(backfiller, found, error);
        if (status == FB_OK)
            status = take_page(backfiller, &is_over, error);
        if (status == FB_OK && !is_over)
            *ret_wait_ms = 0;
    }
    return status;
}

static enum fb_status step(struct fb_backfiller *backfiller, int64_t *ret_wait_ms,
                           struct fb_error *error)
{
    const struct fb_backfiller_options *options = &backfiller->options;
    struct fb_backfill found = {0};
    enum fb_status status =
        fb_state_backfill_find(options->state, options->stream_id, &found, error);

    if (status == FB_NOT_FOUND)
        return FB_OK;
    if (status != FB_OK)
        return status;
    tell(backfiller, &found);
    if (found.state == FB_BACKFILL_RUNNING)
        fb_takeup_allow_backfill(options->takeup, found.rate);
    /* Of one that was cancelled what was begun is still to be counted. */
    status = work_on(backfiller, &found, ret_wait_ms, error);
    fb_backfill_done(&found);
    return status;
}

enum fb_status fb_backfiller_step(struct fb_backfiller *backfiller, int64_t *ret_wait_ms,
                                  struct fb_error *error)
{
    struct fb_error own = {0};
    enum fb_status status;

    for (;;) {
        if (fb_stop_level(backfiller->options.stop) != FB_STOP_NOT)
            return FB_CANCELED;
        *ret_wait_ms = LOOK_MS;
        status = step(backfiller, ret_wait_ms, &own);
        if (status == FB_OK) {
            fb_patience_success(&backfiller->patience);
            return FB_OK;
        }
        if (status != FB_CANCELED)
            status = fb_patience_wait(&backfiller->patience, &own);
        if (status != FB_OK) {
            if (error != NULL)
                *error = own;
            return status;
        }
    }
}

enum fb_status fb_backfiller_run(struct fb_backfiller *backfiller, struct fb_error *error)
{
    const struct fb_backfiller_options *options = &backfiller->options;
    enum fb_status status;
    int64_t wait_ms = 0;

    do {
        status = fb_backfiller_step(backfiller, &wait_ms, error);
        if (status == FB_OK && fb_sleep_ms(options->clock, options->stop, FB_STOP_DRAIN, wait_ms))
            status = FB_CANCELED;
    } while (status == FB_OK);
    return status;
}

/* ---- the module ---- */

enum fb_status fb_backfiller_new(const struct fb_backfiller_options *options,
                                 struct fb_backfiller **ret_backfiller, struct fb_error *error)
{
    struct fb_backfiller *backfiller = calloc(1, sizeof *backfiller);

    if (backfiller == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a backfill");
    backfiller->options = *options;
    snprintf(backfiller->what, sizeof backfiller->what, "backfill from s3://%.63s",
             options->bucket);
    backfiller->options.patience.what = backfiller->what;
    fb_patience_init(&backfiller->patience, &backfiller->options.patience, options->seed);
    *ret_backfiller = backfiller;
    return FB_OK;
}

void fb_backfiller_free(struct fb_backfiller *backfiller)
{
    if (backfiller == NULL)
        return;
    fb_walk_free(backfiller->walk);
    free(backfiller);
}
