/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/outlet.h"

#include <stdlib.h>

#include "firebridge/pipeline/write_mode.h"

/* Records that are acknowledged together: small enough to move often, large enough to be cheap. */
#define SPAN_RECORDS 256

#define LANES_LOOK_MS 20

struct lanes_outlet {
    struct fb_outlet outlet;
    struct fb_item_pool *pool;
    struct fb_lane **lanes;
    size_t lane_count;
    unsigned span_records;
};

/* Before anything is waited for: what lanes do not see yet would wait with us. */
static void flush(struct fb_outlet *outlet)
{
    struct lanes_outlet *self = (struct lanes_outlet *)outlet;

    for (size_t i = 0; i < self->lane_count; i++)
        fb_lane_flush(self->lanes[i]);
}

/* The pool is used up: nothing may wait for later records of its key. */
static void hurry(struct lanes_outlet *self)
{
    for (size_t i = 0; i < self->lane_count; i++)
        fb_lane_wake(self->lanes[i]);
}

static enum fb_status route(struct lanes_outlet *self, const struct fb_record *record,
                            struct fb_error *error)
{
    struct fb_item *item = NULL;
    enum fb_status status = fb_item_pool_get(self->pool, record, NULL, &item);

    if (status == FB_CANCELED) {
        flush(&self->outlet);
        hurry(self);
        status = fb_item_pool_get(self->pool, record, self->outlet.options.stop, &item);
    }
    if (status == FB_NO_MEMORY)
        return fb_fail(error, FB_NO_MEMORY, "no memory for an item");
    if (status != FB_OK)
        return status;
    item->span = self->outlet.span;
    fb_span_add(self->outlet.span);
    (void)fb_outlet_count(&self->outlet);
    fb_lane_push(self->lanes[record->key_hash % self->lane_count], item);
    return FB_OK;
}

/* Of an object that must leave alone what is in the table. */
static enum fb_status route_if_absent(struct lanes_outlet *self, const struct fb_record *record,
                                      struct fb_error *error)
{
    struct fb_record insert = *record;

    if (fb_write_mode_if_absent(record->operation, &insert.operation))
        return route(self, &insert, error);
    self->outlet.left_alone++;
    (void)fb_outlet_count(&self->outlet);
    return FB_OK;
}

static enum fb_status take(struct fb_outlet *outlet, const struct fb_record *record,
                           struct fb_error *error)
{
    struct lanes_outlet *self = (struct lanes_outlet *)outlet;
    enum fb_status status;

    if (outlet->span == NULL)
        self->span_records = 0;
    status = fb_outlet_open_span(outlet, error);
    if (status != FB_OK)
        return status;
    if (record->reason == FB_DEAD_NONE)
        status = outlet->identity->if_absent ? route_if_absent(self, record, error)
                                             : route(self, record, error);
    else
        status = fb_outlet_keep_letter(outlet, record, fb_dead_reason_name(record->reason),
                                       fb_outlet_count(outlet), error);
    if (status != FB_OK)
        return status;
    /* A record is done with all that it becomes. */
    if (record->is_followed)
        return FB_OK;
    fb_outlet_pass(outlet, record);
    if (++self->span_records == SPAN_RECORDS)
        fb_outlet_close_span(outlet);
    return FB_OK;
}

static void leave(struct fb_outlet *outlet)
{
    fb_outlet_close_span(outlet);
    flush(outlet);
}

static enum fb_status finish(struct fb_outlet *outlet, struct fb_error *error)
{
    (void)error;
    leave(outlet);
    return FB_OK;
}

static void settle(struct fb_outlet *outlet)
{
    struct lanes_outlet *self = (struct lanes_outlet *)outlet;

    while (fb_item_pool_in_use_bytes(self->pool) > 0 &&
           !fb_stop_wait(outlet->options.stop, FB_STOP_NOW, LANES_LOOK_MS))
        ;
}

static void free_outlet(struct fb_outlet *outlet)
{
    free(outlet);
}

static const struct fb_outlet_functions functions = {
    .take = take,
    .flush = flush,
    .finish = finish,
    .leave = leave,
    .settle = settle,
    .free = free_outlet,
};

enum fb_status fb_outlet_new_lanes(const struct fb_outlet_options *options,
                                   struct fb_item_pool *pool, struct fb_lane **lanes,
                                   size_t lane_count, struct fb_outlet **ret_outlet,
                                   struct fb_error *error)
{
    struct lanes_outlet *self = calloc(1, sizeof *self);

    if (self == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for an outlet");
    fb_outlet_init(&self->outlet, &functions, options);
    self->pool = pool;
    self->lanes = lanes;
    self->lane_count = lane_count;
    *ret_outlet = &self->outlet;
    return FB_OK;
}
