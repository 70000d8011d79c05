/* SPDX-License-Identifier: Apache-2.0 */
/* From range to range and from partition to partition, a page at a time. */
#include <stdlib.h>
#include <string.h>

#include "poller_private.h"

static void step_done(struct fb_walk_step *step)
{
    free(step->range.prefix);
    free(step->range.start_after);
    free(step->range.end);
    free(step->partition);
    free(step->after);
    free(step->token);
}

static enum fb_status no_memory(struct fb_error *error)
{
    return fb_fail(error, FB_NO_MEMORY, "no memory for a listing's plan");
}

/* A new step on top; NULL without memory. */
static struct fb_walk_step *push(struct fb_walk *walk, size_t parent)
{
    struct fb_walk_step *step;

    if (walk->count == walk->capacity) {
        const size_t capacity = walk->capacity > 0 ? 2 * walk->capacity : 8;
        struct fb_walk_step *grown = realloc(walk->steps, capacity * sizeof *grown);

        if (grown == NULL)
            return NULL;
        walk->steps = grown;
        walk->capacity = capacity;
    }
    step = &walk->steps[walk->count++];
    *step = (struct fb_walk_step){.parent = parent, .complete_ms = walk->begin_ms};
    return step;
}

/* Takes the ranges over, the first of them on top. */
static enum fb_status push_ranges(struct fb_walk *walk, struct fb_layout_ranges *ranges,
                                  size_t parent)
{
    while (ranges->count > 0) {
        struct fb_walk_step *step = push(walk, parent);

        if (step == NULL)
            return FB_NO_MEMORY;
        step->range = ranges->ranges[--ranges->count];
        step->after = step->range.start_after;
        step->range.start_after = NULL;
    }
    return FB_OK;
}

/* --- partitions ------------------------------------------------------------------------------- */

/*
 * Whether the walk leaves a partition out. Before the first sweep is complete only that one looks
 * at what nobody knows.
 */
static bool is_left_out(const struct fb_poller *poller, const struct fb_walk *walk,
                        const struct fb_partition *known)
{
    const int64_t now_ms = fb_poller_now_ms(poller);

    if (walk->listing == FB_LISTING_POLL)
        return known == NULL || known->swept_ms == 0 ? !poller->swept
                                                     : fb_partition_is_quiet(known, now_ms);
    return known != NULL && fb_partition_may_wait(known, now_ms, poller->options.sweep_interval_ms);
}

static void lower(int64_t *time_ms, int64_t to_ms)
{
    *time_ms = *time_ms < to_ms ? *time_ms : to_ms;
}

/* A partition on top; what is to be listed of it is put there when its turn comes. */
static enum fb_status push_partition(struct fb_poller *poller, struct fb_walk *walk, size_t parent,
                                     const char *prefix)
{
    struct fb_layout_ranges ranges = {0};
    enum fb_status status =
        fb_layout_descend(poller->options.layout, &walk->steps[parent].range, prefix, &ranges);
    struct fb_partition *known;
    struct fb_walk_step *step;

    /* Something else that lies there. */
    if (status != FB_OK || ranges.count == 0)
        goto out;
    known = walk->listing == FB_LISTING_SWEEP ? fb_partitions_add(&poller->partitions, prefix)
                                              : fb_partitions_find(&poller->partitions, prefix);
    if (known != NULL && walk->listing == FB_LISTING_SWEEP)
        known->shown = true;
    if (is_left_out(poller, walk, known)) {
        if (known != NULL)
            lower(&walk->steps[parent].complete_ms, known->swept_ms);
        goto out;
    }
    step = push(walk, parent);
    if (step != NULL)
        step->partition = strdup(prefix);
    if (step == NULL || step->partition == NULL)
        status = FB_NO_MEMORY;
out:
    fb_layout_ranges_done(&ranges);
    return status;
}

/* The ranges of the partition on top, if it is one, are what is on top then. */
static enum fb_status plan_partition(struct fb_poller *poller, struct fb_walk *walk)
{
    const size_t top = walk->count - 1;
    const struct fb_walk_step *step = &walk->steps[top];
    struct fb_layout_ranges ranges = {0};
    enum fb_status status;

    if (step->partition == NULL || step->listed)
        return FB_OK;
    status = fb_layout_descend(poller->options.layout, &walk->steps[step->parent].range,
                               step->partition, &ranges);
    if (status == FB_OK)
        status = push_ranges(walk, &ranges, top);
    walk->steps[top].listed = status == FB_OK;
    fb_layout_ranges_done(&ranges);
    return status;
}

/* What the page at hand has shown, the first on top. */
static enum fb_status push_shown(struct fb_poller *poller, struct fb_walk *walk, size_t parent)
{
    enum fb_status status = FB_OK;

    for (size_t i = poller->page.prefix_count; i > 0 && status == FB_OK; i--)
        status = push_partition(poller, walk, parent, fb_page_prefix(&poller->page, i - 1));
    return status;
}

/* Something newer was seen in a step: so it was in all partitions that lead to it. */
static void note_newest(struct fb_poller *poller, const struct fb_walk *walk, size_t at)
{
    for (; at != FB_WALK_TOP; at = walk->steps[at].parent) {
        struct fb_partition *known =
            walk->steps[at].partition == NULL
                ? NULL
                : fb_partitions_find(&poller->partitions, walk->steps[at].partition);

        if (known != NULL && known->alive_ms < poller->page.newest_modified_ms)
            known->alive_ms = poller->page.newest_modified_ms;
    }
}

/* Takes the steps from the top that are done. */
static void pop_done(struct fb_poller *poller, struct fb_walk *walk)
{
    while (walk->count > 0 && walk->steps[walk->count - 1].listed) {
        struct fb_walk_step *step = &walk->steps[--walk->count];
        struct fb_partition *known = step->partition == NULL
                                         ? NULL
                                         : fb_partitions_find(&poller->partitions, step->partition);

        if (known != NULL && walk->listing == FB_LISTING_SWEEP)
            known->swept_ms = step->complete_ms;
        lower(step->parent == FB_WALK_TOP ? &walk->complete_ms
                                          : &walk->steps[step->parent].complete_ms,
              step->complete_ms);
        step_done(step);
    }
}

/* --- pages ------------------------------------------------------------------------------------ */

/* Where the step goes on, or that it need not. */
static enum fb_status move_on(struct fb_poller *poller, struct fb_walk_step *step,
                              struct fb_error *error)
{
    enum fb_status status = fb_poller_move_after(poller, &step->after, error);

    free(step->token);
    step->token = NULL;
    step->listed = !fb_poller_has_more(poller);
    if (status != FB_OK || step->listed)
        return status;
    step->token = strdup(poller->result.continuation_token);
    return step->token != NULL ? FB_OK : no_memory(error);
}

void fb_walk_tell_takeable(struct fb_poller *poller)
{
    const bool is_held_at_start =
        !poller->swept && fb_monotonic_ms(poller->options.clock) < poller->hold_until_ms;
    bool takeable = !is_held_at_start;

    for (unsigned i = 0; i < FB_LISTINGS; i++)
        takeable = takeable && !poller->walks[i].holds;
    fb_poller_set_takeable(poller, takeable);
}

/* While a page is stored, and until the next one if it has something new. */
static enum fb_status store(struct fb_poller *poller, struct fb_walk *walk, const char *after,
                            struct fb_error *error)
{
    const bool held = walk->holds;
    enum fb_status status;

    walk->holds = held || (fb_poller_has_more(poller) && poller->page.count > 0 && !poller->whole);
    if (walk->holds)
        fb_walk_tell_takeable(poller);
    status = fb_poller_store_page(poller, after, error);
    if (status == FB_OK && !held && poller->page.new_count == 0)
        walk->holds = false;
    return status;
}

enum fb_status fb_walk_page(struct fb_poller *poller, struct fb_walk *walk, struct fb_error *error)
{
    struct fb_walk_step *step;
    enum fb_status status;
    size_t top;

    if (plan_partition(poller, walk) != FB_OK)
        return no_memory(error);
    top = walk->count - 1;
    step = &walk->steps[top];
    poller->listing = walk->listing;
    poller->left_out = walk->left_out;
    status = fb_poller_list_page(poller, &step->range, step->after, step->token, error);
    if (status == FB_OK)
        status = store(poller, walk, step->after, error);
    if (status == FB_OK)
        status = move_on(poller, step, error);
    if (status != FB_OK)
        return status;
    note_newest(poller, walk, top);
    if (push_shown(poller, walk, top) != FB_OK)
        return no_memory(error);
    pop_done(poller, walk);
    return FB_OK;
}

enum fb_status fb_walk_begin(struct fb_poller *poller, enum fb_listing listing, int64_t from_ms,
                             int64_t to_ms, struct fb_error *error)
{
    struct fb_walk *walk = &poller->walks[listing];
    struct fb_layout_ranges ranges = {0};
    enum fb_status status = fb_layout_plan(poller->options.layout, from_ms, to_ms, &ranges);

    walk->listing = listing;
    walk->active = true;
    walk->begin_ms = walk->complete_ms = fb_poller_now_ms(poller);
    walk->skew_ms = fb_poller_skew_ms(poller);
    walk->begun_ms = fb_monotonic_ms(poller->options.clock);
    walk->waited = false;
    memset(walk->left_out, 0, sizeof walk->left_out);
    if (status == FB_OK)
        status = push_ranges(walk, &ranges, FB_WALK_TOP);
    fb_layout_ranges_done(&ranges);
    if (status == FB_OK)
        return FB_OK;
    fb_walk_end(walk);
    return no_memory(error);
}

void fb_walk_end(struct fb_walk *walk)
{
    for (size_t i = 0; i < walk->count; i++)
        step_done(&walk->steps[i]);
    free(walk->steps);
    *walk = (struct fb_walk){.listing = walk->listing};
}
