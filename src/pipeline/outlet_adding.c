/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/outlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/pipeline/run.h"

/* DynamoDB's own limit for a transaction is 4 MB; JSON's quotes and names stand around items. */
#define RUN_MAX_BYTES ((size_t)2 * 1024 * 1024)
#define RUN_MIN_BYTES ((size_t)64 * 1024)

/* A body is some times as long as what it is made of, and never this long. */
#define BODY_MAX_BYTES ((size_t)256 << 20)

struct adding {
    struct fb_outlet outlet;
    struct fb_adding_options options;
    struct fb_patience patience; /* of the calls */
    char what[160];
    struct fb_run *run;
    struct fb_place place; /* where the next marker begins: all before it is settled */
    struct fb_place whole; /* the last such place that was between records */
    uint32_t program;      /* of which records have outputs */
    struct fb_buffer body;
    struct fb_transact_action actions[FB_TRANSACT_MAX_ACTIONS];
    bool has_letters; /* that are perhaps not on the disk yet */
};

static struct fb_place place_of(const struct fb_record *record)
{
    return (struct fb_place){
        .offset_bytes = record->offset_bytes, .part = record->part, .output = record->output};
}

/* Behind all outputs of the record, where this is the last. */
static struct fb_place place_behind(const struct adding *self, const struct fb_record *record)
{
    struct fb_place place = place_of(record);

    if (record->is_followed) {
        place.output++;
        place.program = self->program;
    } else {
        place.part++;
        place.output = 0;
    }
    return place;
}

static void move_to(struct adding *self, struct fb_place place)
{
    self->place = place;
    if (place.output == 0)
        self->whole = place;
}

/* Where another program made the outputs, nobody knows which of ours are added. */
static enum fb_status check_program(const struct adding *self, struct fb_error *error)
{
    if (self->place.output == 0 || self->place.program == self->program)
        return FB_OK;
    return fb_fail(error, FB_CONFLICT,
                   "the record at byte %llu of %.300s is added in part, with another transform_jq "
                   "than the present one: put that back until the object is done, or take the "
                   "object off with: firebridge skip",
                   (unsigned long long)self->place.offset_bytes, self->outlet.identity->key);
}

static void show_place(struct fb_outlet *outlet, struct fb_place place)
{
    outlet->next.offset_bytes = place.offset_bytes;
    outlet->next.part = place.part;
    outlet->output = place.output;
}

/* ---- markers ---- */

/* Of a call that may succeed later. FB_OK: again; else as fb_patience_wait. */
static enum fb_status wait(struct adding *self, struct fb_error *error)
{
    atomic_fetch_add_explicit(&self->options.counters->retries, 1, memory_order_relaxed);
    return fb_patience_wait(&self->patience, error);
}

/* Asks until DynamoDB answers. */
static enum fb_status get_marker(struct adding *self, json_t **ret_item, struct fb_error *error)
{
    const struct fb_markers *markers = &self->options.markers;
    enum fb_status status;

    fb_buffer_reset(&self->body);
    status = fb_marker_append_key(markers, self->outlet.identity, self->place, &self->body);
    if (status != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a marker");
    for (;;) {
        status = self->options.calls.get_item(&self->options.client, markers->table,
                                              self->body.bytes, self->body.size, ret_item, error);
        if (status == FB_OK || status == FB_CANCELED)
            return status;
        status = wait(self, error);
        if (status != FB_OK)
            return status;
    }
}

/* Moves the place over the run that begins there, if that is written. FB_END: it is not. */
static enum fb_status jump(struct adding *self, struct fb_error *error)
{
    json_t *item = NULL;
    struct fb_place end;
    enum fb_status status = get_marker(self, &item, error);

    if (status != FB_OK)
        return status;
    fb_patience_success(&self->patience);
    if (item == NULL)
        return FB_END;
    status = fb_marker_read(&self->options.markers, item, &end, error);
    json_decref(item);
    if (status == FB_OK && !fb_place_is_before(self->place, end))
        status = fb_fail(error, FB_CONFLICT, "a marker of %.300s ends where it begins",
                         self->outlet.identity->key);
    if (status == FB_OK)
        move_to(self, end);
    return status;
}

/* What is done is known from the markers alone; the frontier saves looking at them. */
static enum fb_status begin(struct fb_outlet *outlet, struct fb_error *error)
{
    struct adding *self = (struct adding *)outlet;
    enum fb_status status;

    fb_run_clear(self->run);
    self->has_letters = false;
    move_to(self, (struct fb_place){.offset_bytes = outlet->next.offset_bytes,
                                    .part = outlet->next.part});
    do
        status = jump(self, error);
    while (status == FB_OK);
    show_place(outlet, self->place);
    if (status != FB_END)
        return status;
    return outlet->identity->is_skipped ? FB_OK : check_program(self, error);
}

/* ---- settling a run ---- */

static enum fb_status settle(struct adding *self, size_t from, size_t to, struct fb_error *error);

/* Dead letters are durable before a marker says that their records are done. */
static enum fb_status sync_letters(struct adding *self, struct fb_error *error)
{
    enum fb_status status = FB_OK;

    while (self->has_letters && status == FB_OK) {
        status = fb_dead_letters_sync(self->outlet.options.letters, true, error);
        self->has_letters = status != FB_OK;
        if (status != FB_OK && status != FB_CANCELED && status != FB_CORRUPT)
            status = fb_patience_wait(&self->outlet.patience, error);
        else if (status == FB_OK)
            fb_patience_success(&self->outlet.patience);
    }
    return status;
}

static enum fb_status reject(struct adding *self, size_t i, const struct fb_error *reason,
                             struct fb_error *error)
{
    struct fb_record record = fb_run_record(self->run, i);
    enum fb_status status;

    snprintf(record.message, sizeof record.message, "%.150s", reason->message);
    status = fb_outlet_keep_letter(&self->outlet, &record, fb_dead_reason_name(FB_DEAD_REJECTED),
                                   fb_span_first_ordinal(self->outlet.span), error);
    if (status != FB_OK)
        return status;
    fb_run_drop(self->run, i);
    self->has_letters = true;
    atomic_fetch_add_explicit(&self->options.counters->items_rejected, 1, memory_order_relaxed);
    return FB_OK;
}

/* The records that DynamoDB names one by one; FB_END when it names none. */
static enum fb_status reject_named(struct adding *self, size_t from, size_t to,
                                   const struct fb_error *reason, struct fb_error *error)
{
    enum fb_status status = FB_END;

    for (size_t i = from; i < to; i++) {
        if (!fb_run_is_at_fault(self->run, self->actions + 1, i))
            continue;
        status = reject(self, i, reason, error);
        if (status != FB_OK)
            break;
    }
    return status;
}

/*
 * The run cannot be written as it stands: without what is at fault, or in halves until that is
 * alone. Each half is a run of its own, with its own marker.
 */
static enum fb_status settle_refused(struct adding *self, size_t from, size_t to,
                                     const struct fb_error *reason, struct fb_error *error)
{
    const size_t middle = from + (to - from) / 2;
    enum fb_status status;

    if (to - from == 1)
        return reject(self, from, reason, error);
    status = reject_named(self, from, to, reason, error);
    if (status == FB_OK)
        return settle(self, from, to, error);
    if (status != FB_END)
        return status;
    status = settle(self, from, middle, error);
    return status != FB_OK ? status : settle(self, middle, to, error);
}

static enum fb_status compose(struct adding *self, struct fb_place end, size_t *ret_count,
                              struct fb_error *error)
{
    enum fb_status status;
    size_t marker_size;

    fb_buffer_reset(&self->body);
    status = fb_marker_append_put(&self->options.markers, self->outlet.identity, self->place, end,
                                  fb_realtime_ms(self->outlet.options.clock), &self->body);
    marker_size = self->body.size;
    if (status == FB_OK)
        status = fb_run_compose(self->run, &self->body, self->actions + 1, ret_count);
    if (status != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a transaction");
    self->actions[0] = (struct fb_transact_action){.text = self->body.bytes, .size = marker_size};
    return FB_OK;
}

/* A transactional write takes two units for each KB begun of an item (DynamoDB developer guide,
 * "Capacity unit consumption"); an action's text is about as long as what it writes. */
static double units_of(const struct adding *self, size_t count)
{
    size_t units = 0;

    for (size_t i = 0; i <= count; i++)
        units += 2 * ((self->actions[i].size + 1023) / 1024);
    return (double)units;
}

static void note_written(struct adding *self, size_t count)
{
    const struct fb_run_tally tally = fb_run_fold_tally(self->run);
    struct fb_lane_counters *counters = self->options.counters;

    fb_patience_success(&self->patience);
    atomic_fetch_add_explicit(&counters->items_written, tally.items, memory_order_relaxed);
    for (size_t i = 0; i < FB_LEAVE_OUT; i++)
        atomic_fetch_add_explicit(&counters->items_by_operation[i], tally.by_operation[i],
                                  memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->write_units, (uint64_t)units_of(self, count),
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->items_coalesced, tally.records - tally.items,
                              memory_order_relaxed);
}

/* FB_OK once the stream may consume it; FB_CANCELED. */
static enum fb_status wait_for_budget(struct adding *self, size_t count)
{
    struct fb_clock *clock = self->outlet.options.clock;
    const double units = units_of(self, count);

    for (;;) {
        const int64_t now_ms = fb_monotonic_ms(clock);
        const int64_t when_ms = fb_budget_take(self->options.budget, units, now_ms);

        if (when_ms <= now_ms)
            return FB_OK;
        if (fb_sleep_ms(clock, self->outlet.options.stop, FB_STOP_NOW, when_ms - now_ms))
            return FB_CANCELED;
    }
}

/* One try of what is composed. */
static enum fb_status try(struct adding *self, size_t count, struct fb_error *ret_reason)
{
    struct fb_lane_counters *counters = self->options.counters;
    enum fb_status status;

    atomic_fetch_add_explicit(&counters->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->lanes_busy, 1, memory_order_relaxed);
    status = self->options.calls.transact_write(&self->options.client, self->options.table,
                                                self->actions, count + 1, ret_reason);
    atomic_fetch_sub_explicit(&counters->lanes_busy, 1, memory_order_relaxed);
    return status;
}

/* No record is to blame for it. */
static enum fb_status fail_marker(const struct adding *self, const struct fb_error *reason,
                                  struct fb_error *error)
{
    *error = *reason;
    return fb_fail(error, FB_INVALID,
                   "table %.255s takes no marker of what was added: %.300s. See its secondary "
                   "indexes, or name another with marker_table",
                   self->options.markers.table, reason->message);
}

/* Sends what is folded, which is the records [from, to). */
static enum fb_status send(struct adding *self, size_t from, size_t to, struct fb_error *error)
{
    const struct fb_record last = fb_run_record(self->run, to - 1);
    struct fb_error reason = {0};
    enum fb_status status = check_program(self, error);
    size_t count = 0;

    if (status != FB_OK)
        return status;
    for (;;) {
        status = compose(self, place_behind(self, &last), &count, error);
        if (status == FB_OK && count == 0)
            return FB_OK;
        if (status == FB_OK)
            status = sync_letters(self, error);
        if (status == FB_OK)
            status = wait_for_budget(self, count);
        if (status != FB_OK)
            return status;
        status = try(self, count, &reason);
        if (status == FB_OK) {
            move_to(self, place_behind(self, &last));
            note_written(self, count);
            return FB_OK;
        }
        if (status == FB_CANCELED)
            return status;
        if (fb_verdict_of(&reason) == FB_REJECTED || status == FB_CHANGED) {
            /* Only who has looked knows that no earlier try of this run has written it. */
            const enum fb_status jumped = jump(self, error);

            if (jumped == FB_OK)
                return settle(self, from, to, error);
            if (jumped != FB_END)
                return jumped;
            if (status != FB_CHANGED && self->actions[0].is_refused)
                return fail_marker(self, &reason, error);
            if (status != FB_CHANGED)
                return settle_refused(self, from, to, &reason, error);
        }
        status = wait(self, &reason);
        if (status != FB_OK) {
            *error = reason;
            return status;
        }
    }
}

/*
 * Until each of the records [from, to) is written or a dead letter. Those before the place are: a
 * run was found that has them, perhaps of another length than ours.
 */
static enum fb_status settle(struct adding *self, size_t from, size_t to, struct fb_error *error)
{
    enum fb_status status = FB_OK;

    while (from < to && status == FB_OK) {
        const struct fb_record record = fb_run_record(self->run, from);
        size_t end = from + 1;

        if (!fb_place_is_before(place_of(&record), self->place)) {
            end = fb_run_fold(self->run, from, to);
            status = send(self, from, end, error);
        }
        from = end;
    }
    return status;
}

/*
 * The first `count` records that were gathered are settled, and the frontier moves to where the
 * next marker begins. Behind that may be records that are dead letters: by their numbers they are
 * done.
 */
static enum fb_status end_run(struct adding *self, size_t count, struct fb_error *error)
{
    struct fb_outlet *outlet = &self->outlet;
    enum fb_status status = settle(self, 0, count, error);

    if (status != FB_OK)
        return status;
    fb_run_forget(self->run, count);
    /* A checkpoint knows no program, so its frontier is between records; from there on the markers
     * tell the rest. */
    show_place(outlet, self->whole);
    fb_outlet_close_span(outlet);
    show_place(outlet, self->place);
    return FB_OK;
}

/* ---- the outlet ---- */

static enum fb_status take_dead(struct adding *self, const struct fb_record *record,
                                const char *reason, struct fb_error *error)
{
    self->has_letters = true;
    return fb_outlet_keep_letter(&self->outlet, record, reason, fb_outlet_count(&self->outlet),
                                 error);
}

/* A record that would write a marker's item. */
static bool is_forged(const struct adding *self, const struct fb_record *record)
{
    return strcmp(self->options.markers.table, self->options.table) == 0 &&
           fb_marker_owns_key(self->options.schema, record->key, record->key_size);
}

static enum fb_status take_good(struct adding *self, const struct fb_record *record,
                                struct fb_error *error)
{
    enum fb_status status;

    /* Between records, if it can be. */
    while ((status = fb_run_take(self->run, record)) == FB_TOO_LARGE) {
        status = end_run(self, fb_run_whole_count(self->run), error);
        if (status != FB_OK)
            return status;
        if (fb_outlet_has_done(&self->outlet, record))
            return FB_END;
        status = fb_outlet_open_span(&self->outlet, error);
        if (status != FB_OK)
            return status;
    }
    if (status != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a run");
    (void)fb_outlet_count(&self->outlet);
    return FB_OK;
}

static enum fb_status take(struct fb_outlet *outlet, const struct fb_record *record,
                           struct fb_error *error)
{
    struct adding *self = (struct adding *)outlet;
    enum fb_status status = fb_outlet_open_span(outlet, error);

    if (status != FB_OK)
        return status;
    if (record->reason != FB_DEAD_NONE) {
        status = take_dead(self, record, fb_dead_reason_name(record->reason), error);
    } else if (is_forged(self, record)) {
        struct fb_record forged = *record;

        snprintf(forged.message, sizeof forged.message,
                 "its key begins with " FB_MARKER_PREFIX ", which firebridge's markers do");
        status = take_dead(self, &forged, fb_dead_reason_name(FB_DEAD_MAPPING), error);
    } else {
        status = take_good(self, record, error);
    }
    if (status == FB_OK)
        fb_outlet_pass(outlet, record);
    return status == FB_END ? FB_OK : status;
}

static enum fb_status finish(struct fb_outlet *outlet, struct fb_error *error)
{
    struct adding *self = (struct adding *)outlet;

    fb_run_end_record(self->run);
    return end_run(self, fb_run_count(self->run), error);
}

static void leave(struct fb_outlet *outlet)
{
    fb_run_clear(((struct adding *)outlet)->run);
}

static void free_outlet(struct fb_outlet *outlet)
{
    struct adding *self = (struct adding *)outlet;

    fb_run_free(self->run);
    fb_buffer_done(&self->body);
    free(self);
}

static const struct fb_outlet_functions functions = {
    .begin = begin,
    .take = take,
    .finish = finish,
    .leave = leave,
    .free = free_outlet,
};

enum fb_status fb_outlet_new_adding(const struct fb_outlet_options *options,
                                    const struct fb_adding_options *adding,
                                    struct fb_outlet **ret_outlet, struct fb_error *error)
{
    struct adding *self = calloc(1, sizeof *self);
    struct fb_run_options run = {
        .table = adding->table,
        .schema = adding->schema,
        .mapping = adding->mapping,
        .max_bytes = adding->max_bytes < RUN_MIN_BYTES   ? RUN_MIN_BYTES
                     : adding->max_bytes > RUN_MAX_BYTES ? RUN_MAX_BYTES
                                                         : adding->max_bytes,
    };
    enum fb_status status;

    if (self == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for an outlet");
    fb_outlet_init(&self->outlet, &functions, options);
    self->options = *adding;
    self->program = fb_mapping_transform_sum(adding->mapping);
    snprintf(self->what, sizeof self->what, "add to table %.120s", adding->table);
    self->options.patience.what = self->what;
    fb_patience_init(&self->patience, &self->options.patience, options->seed);
    fb_buffer_init(&self->body, BODY_MAX_BYTES);
    status = fb_run_new(&run, &self->run, error);
    if (status != FB_OK) {
        free_outlet(&self->outlet);
        return status;
    }
    *ret_outlet = &self->outlet;
    return FB_OK;
}
