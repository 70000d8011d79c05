/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/takeup.h"

void fb_takeup_init(struct fb_takeup *takeup, struct fb_state *state, int64_t stream_id,
                    bool in_any_order, struct fb_clock *clock)
{
    *takeup = (struct fb_takeup){
        .state = state, .stream_id = stream_id, .in_any_order = in_any_order, .clock = clock};
    pthread_mutex_init(&takeup->lock, NULL);
}

void fb_takeup_done(struct fb_takeup *takeup)
{
    pthread_mutex_destroy(&takeup->lock);
}

/* What stands behind the one frontier of a stream in order is written again, from its start. */
static enum fb_status resume(struct fb_takeup *takeup, struct fb_state_object *ret_object,
                             struct fb_error *error)
{
    const bool is_first = takeup->after == 0;
    enum fb_status status =
        fb_state_resume_next(takeup->state, takeup->stream_id, takeup->after, ret_object, error);

    if (status == FB_END)
        takeup->has_resumed = true;
    if (status != FB_OK)
        return status;
    takeup->after = ret_object->sequence;
    if (!is_first && !takeup->in_any_order)
        ret_object->frontier = (struct fb_frontier){0};
    return FB_OK;
}

static enum fb_status take_backfill(struct fb_takeup *takeup, struct fb_state_object *ret_object,
                                    struct fb_error *error)
{
    enum fb_status status;

    if (!takeup->may_backfill || takeup->is_backfilling ||
        fb_monotonic_ms(takeup->clock) < takeup->next_backfill_ms)
        return FB_END;
    status = fb_state_take_backfill(takeup->state, takeup->stream_id, ret_object, error);
    takeup->is_backfilling = status == FB_OK;
    return status;
}

enum fb_status fb_takeup_next(struct fb_takeup *takeup, bool may_take,
                              struct fb_state_object *ret_object, struct fb_error *error)
{
    enum fb_status status = FB_END;

    pthread_mutex_lock(&takeup->lock);
    if (!takeup->has_resumed)
        status = resume(takeup, ret_object, error);
    if (status == FB_END && may_take)
        status = fb_state_take_next(takeup->state, takeup->stream_id, ret_object, error);
    if (status == FB_END && may_take)
        status = take_backfill(takeup, ret_object, error);
    pthread_mutex_unlock(&takeup->lock);
    return status;
}

void fb_takeup_allow_backfill(struct fb_takeup *takeup, uint64_t rate)
{
    pthread_mutex_lock(&takeup->lock);
    takeup->may_backfill = true;
    /* What was owed at the old rate is not waited for. */
    if (takeup->rate != rate)
        takeup->next_backfill_ms = 0;
    takeup->rate = rate;
    pthread_mutex_unlock(&takeup->lock);
}

void fb_takeup_backfilled(struct fb_takeup *takeup, uint64_t records, int64_t begun_ms)
{
    pthread_mutex_lock(&takeup->lock);
    takeup->is_backfilling = false;
    if (takeup->rate > 0)
        takeup->next_backfill_ms = begun_ms + (int64_t)(records * 1000 / takeup->rate);
    pthread_mutex_unlock(&takeup->lock);
}

int64_t fb_takeup_wait_ms(struct fb_takeup *takeup)
{
    int64_t wait_ms;

    pthread_mutex_lock(&takeup->lock);
    wait_ms = takeup->next_backfill_ms - fb_monotonic_ms(takeup->clock);
    if (!takeup->may_backfill || wait_ms <= 0 || wait_ms > FB_TAKEUP_LOOK_MS)
        wait_ms = FB_TAKEUP_LOOK_MS;
    pthread_mutex_unlock(&takeup->lock);
    return wait_ms;
}
