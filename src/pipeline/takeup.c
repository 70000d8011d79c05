/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/takeup.h"

void fb_takeup_init(struct fb_takeup *takeup, struct fb_state *state, int64_t stream_id,
                    bool in_any_order)
{
    *takeup =
        (struct fb_takeup){.state = state, .stream_id = stream_id, .in_any_order = in_any_order};
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

enum fb_status fb_takeup_next(struct fb_takeup *takeup, bool may_take,
                              struct fb_state_object *ret_object, struct fb_error *error)
{
    enum fb_status status = FB_END;

    pthread_mutex_lock(&takeup->lock);
    if (!takeup->has_resumed)
        status = resume(takeup, ret_object, error);
    if (status == FB_END && may_take)
        status = fb_state_take_next(takeup->state, takeup->stream_id, ret_object, error);
    pthread_mutex_unlock(&takeup->lock);
    return status;
}
