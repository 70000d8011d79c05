/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/lane.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/event.h"
#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"
#include "firebridge/pipeline/progress.h"
#include "firebridge/pipeline/waiting.h"
#include "lane_meter.h"
#include "settled.h"
#include "throttling.h"

/* Of what one call carries; far below the 16 MB of BatchWriteItem, as every lane may have one. */
#define CALL_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* So often in coalesce_for a lane looks for what came. */
#define LOOKS_WHILE_COALESCING 8

/* A key that holds so great a part of max_in_flight is told of. */
#define HOLDING_PART 2

struct fb_lane {
    struct fb_lane_options options;
    struct fb_patience patience;
    char what[160];
    pthread_t thread;

    /* The writer's own. */
    struct fb_write_target target;
    struct fb_write_scratch scratch;
    struct fb_waiting *waiting;
    struct fb_rate rate;
    struct fb_batch_entry entries[FB_BATCH_MAX_ITEMS];
    struct fb_buffer merged; /* struct fb_json_text: items that an update merges */
    struct fb_throttling_recent recent;
    struct fb_lane_meter meter;

    /* The producer's own: what it gathers for one taking of the lock and one waking. */
    struct fb_item *gathered, **last_gathered;
    size_t gathered_count;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t filled;
    struct fb_item *first, **last;
    size_t queued;
    size_t wake_at; /* the producer wakes the writer when so many are queued; 0: it is awake */
    bool woken;     /* there is another reason to look */
    bool finishing;
};

/* ---- the producer's side ---- */

void fb_lane_push(struct fb_lane *lane, struct fb_item *item)
{
    item->next = NULL;
    *lane->last_gathered = item;
    lane->last_gathered = &item->next;
    if (++lane->gathered_count == FB_BATCH_MAX_ITEMS)
        fb_lane_flush(lane);
}

void fb_lane_flush(struct fb_lane *lane)
{
    bool wakes;

    if (lane->gathered_count == 0)
        return;
    pthread_mutex_lock(&lane->lock);
    *lane->last = lane->gathered;
    lane->last = lane->last_gathered;
    lane->queued += lane->gathered_count;
    wakes = lane->wake_at != 0 && lane->queued >= lane->wake_at;
    if (wakes)
        lane->wake_at = 0;
    pthread_mutex_unlock(&lane->lock);
    /* Without the lock, which is the first thing that the writer takes. */
    if (wakes)
        pthread_cond_signal(&lane->filled);
    lane->gathered = NULL;
    lane->last_gathered = &lane->gathered;
    lane->gathered_count = 0;
}

void fb_lane_wake(struct fb_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->woken = true;
    pthread_cond_broadcast(&lane->filled);
    pthread_mutex_unlock(&lane->lock);
}

void fb_lane_finish(struct fb_lane *lane)
{
    fb_lane_flush(lane);
    pthread_mutex_lock(&lane->lock);
    lane->finishing = true;
    pthread_cond_broadcast(&lane->filled);
    pthread_mutex_unlock(&lane->lock);
}

/* ---- what became of items ---- */

static enum fb_status keep_dead_letter(struct fb_lane *lane, const struct fb_item *item,
                                       const char *message)
{
    struct fb_dead_letter letter = {
        .object = fb_span_object(item->span),
        .record_number = item->record_number,
        .offset_bytes = item->offset_bytes,
        .size_bytes = item->text_size,
        .operation = item->operation,
        .format = item->format,
        .reason = fb_dead_reason_name(FB_DEAD_REJECTED),
        .message = message,
        .text = fb_item_text(item),
        .text_size = item->text_size,
        .ordinal = fb_span_first_ordinal(item->span),
    };
    struct fb_error error = {0};
    enum fb_status status =
        fb_dead_letters_keep(lane->options.letters, &letter, &lane->patience, &error);

    /* The stop first: what is given back because of it must not look like idleness. */
    if (status == FB_OK)
        fb_span_note_letter(item->span);
    else if (status != FB_CANCELED)
        lane->options.on_failure(lane->options.context, &error);
    return status;
}

/*
 * DynamoDB refuses this write as it stands: an item alone becomes a dead letter, of several each is
 * written in its own right.
 */
static enum fb_status reject(struct fb_lane *lane, struct fb_write *write, const char *message)
{
    const int64_t now_ms = fb_monotonic_ms(lane->options.clock);
    struct fb_item *item = write->first;
    enum fb_status status;

    if (write->count > 1) {
        fb_waiting_part(lane->waiting, write, now_ms);
        return FB_OK;
    }
    status = keep_dead_letter(lane, item, message);
    if (status != FB_OK) {
        fb_waiting_back(lane->waiting, write);
        return status;
    }
    fb_lane_count(&lane->options.counters->items_rejected, 1);
    fb_waiting_done(lane->waiting, write, now_ms);
    fb_span_acknowledge(item->span, 1);
    item->next = NULL;
    fb_item_pool_put(lane->options.pool, item);
    return FB_OK;
}

/* A key behind which the whole stream waits is named, so that a person can find it. */
static void put_aside(struct fb_lane *lane, struct fb_write *write, int64_t now_ms)
{
    char digest[FB_KEY_DIGEST_SIZE];

    fb_waiting_aside(lane->waiting, write, now_ms);
    if (!fb_item_pool_is_short(lane->options.pool) ||
        write->held_bytes * HOLDING_PART < lane->options.max_in_flight ||
        lane->options.max_in_flight == 0)
        return;
    fb_key_digest(fb_item_key(write->first), write->first->key_size, digest);
    if (lane->options.on_holding != NULL)
        lane->options.on_holding(lane->options.context, digest);
    fb_log_event(FB_EVENT_KEY_THROTTLED, FB_ABOUT(.stream = lane->options.stream),
                 "table %s throttles one key, which holds %llu of the %llu bytes of "
                 "max_in_flight, so the source waits for it; the hash of the key is %s",
                 lane->options.table, (unsigned long long)write->held_bytes,
                 (unsigned long long)lane->options.max_in_flight, digest);
}

/* ---- calls ---- */

/* The items that an update merges into its last one. */
static enum fb_status merge(struct fb_lane *lane, const struct fb_write *write,
                            struct fb_batch_entry *entry)
{
    fb_buffer_reset(&lane->merged);
    for (const struct fb_item *item = write->first; item != write->winner; item = item->folded) {
        const struct fb_json_text text = {fb_item_json(item), item->json_size};

        if (item->operation != FB_UPDATE)
            continue;
        if (fb_buffer_append(&lane->merged, &text, sizeof text) != FB_OK)
            return FB_NO_MEMORY;
        entry->earlier_count++;
    }
    entry->earlier = (const struct fb_json_text *)(const void *)lane->merged.bytes;
    return FB_OK;
}

static enum fb_status describe(struct fb_lane *lane, const struct fb_write *write,
                               struct fb_batch_entry *entry)
{
    const struct fb_item *item = write->winner;

    entry->operation = item->operation;
    entry->item = fb_item_json(item);
    entry->item_size = item->json_size;
    entry->key = fb_item_key(item);
    entry->key_size = item->key_size;
    entry->version_at = item->version_at;
    entry->version_size = item->version_size;
    entry->earlier = NULL;
    entry->earlier_count = 0;
    return item->operation == FB_UPDATE && write->count > 1 ? merge(lane, write, entry) : FB_OK;
}

static double units_of(struct fb_write *const *writes, size_t write_count)
{
    double units = 0;

    for (size_t i = 0; i < write_count; i++)
        units += (double)writes[i]->units;
    return units;
}

/* A call of which nothing was written is no sign that the table takes more. */
static bool answer_rate(struct fb_lane *lane, const struct fb_throttling *throttling)
{
    const int64_t now_ms = fb_monotonic_ms(lane->options.clock);
    const size_t hot_keys =
        throttling->throttled == 0 ? 0 : fb_waiting_hot_keys(lane->waiting, now_ms);
    const bool of_table = fb_throttling_is_of_table(&lane->recent, throttling, hot_keys);

    if (of_table || throttling->throttled < throttling->sent)
        fb_rate_answer(&lane->rate, of_table, now_ms);
    fb_lane_meter_limit(&lane->meter, fb_rate_limit(&lane->rate));
    return of_table;
}

/* Acknowledges what was written, and puts aside what was throttled. */
static enum fb_status settle(struct fb_lane *lane, struct fb_write **writes, size_t write_count,
                             double *ret_taken, struct fb_throttling *throttling)
{
    const int64_t now_ms = fb_monotonic_ms(lane->options.clock);
    struct fb_settled settled = {.list = NULL};
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < write_count; i++) {
        const struct fb_batch_entry *entry = &lane->entries[i];

        if (entry->unprocessed) {
            throttling->throttled++;
            throttling->fresh += !fb_waiting_is_hot(lane->waiting, writes[i], now_ms);
            put_aside(lane, writes[i], now_ms);
        } else if (!entry->is_refused) {
            *ret_taken += (double)writes[i]->units;
            fb_settled_add(&settled, writes[i], entry->is_there);
            fb_waiting_done(lane->waiting, writes[i], now_ms);
        } else if (status == FB_OK) {
            status = reject(lane, writes[i], entry->refusal);
        } else {
            fb_waiting_back(lane->waiting, writes[i]);
        }
    }
    fb_settled_finish(&settled, lane->options.pool, lane->options.counters);
    return status;
}

static enum fb_status give_up(struct fb_lane *lane, enum fb_status status,
                              const struct fb_error *error)
{
    if (status != FB_OK && status != FB_CANCELED)
        lane->options.on_failure(lane->options.context, error);
    return status;
}

static void put_all_back(struct fb_lane *lane, struct fb_write **writes, size_t write_count)
{
    for (size_t i = write_count; i > 0; i--)
        fb_waiting_back(lane->waiting, writes[i - 1]);
}

/* Part of a batch came back. As long as something moves, nobody need be told. */
static enum fb_status note_unprocessed(struct fb_lane *lane, const struct fb_throttling *throttling)
{
    struct fb_error error;

    fb_lane_count(&lane->options.counters->retries, 1);
    if (lane->options.client.meter != NULL)
        fb_tally_add(&lane->options.client.meter->throttles, FB_CODE_UNPROCESSED, 1);
    if (throttling->throttled < throttling->sent) {
        fb_patience_success(&lane->patience);
        return FB_OK;
    }
    fb_fail(&error, FB_THROTTLED,
            "table %s is throttled: %zu of %zu items came back unprocessed; it needs more "
            "write capacity, or its keys spread better",
            lane->options.table, throttling->throttled, throttling->sent);
    return give_up(lane, fb_patience_note(&lane->patience, &error), &error);
}

/* The whole call was throttled. Where it is but keys that are known to be hot, others go on. */
static enum fb_status note_throttled(struct fb_lane *lane, struct fb_write **writes,
                                     size_t write_count, struct fb_error *error)
{
    const int64_t now_ms = fb_monotonic_ms(lane->options.clock);
    struct fb_throttling throttling = {.sent = write_count, .throttled = write_count};

    for (size_t i = 0; i < write_count; i++)
        throttling.fresh += !fb_waiting_is_hot(lane->waiting, writes[i], now_ms);
    if (answer_rate(lane, &throttling)) {
        for (size_t i = 0; i < write_count; i++)
            fb_waiting_remember(lane->waiting, writes[i], now_ms);
        put_all_back(lane, writes, write_count);
        return give_up(lane, fb_patience_wait(&lane->patience, error), error);
    }
    for (size_t i = 0; i < write_count; i++)
        put_aside(lane, writes[i], now_ms);
    return give_up(lane, fb_patience_note(&lane->patience, error), error);
}

static enum fb_status note_failure(struct fb_lane *lane, struct fb_write **writes,
                                   size_t write_count, enum fb_status status, double *ret_consumed,
                                   struct fb_error *error)
{
    if (status == FB_CANCELED) {
        put_all_back(lane, writes, write_count);
        return status;
    }
    fb_lane_count(&lane->options.counters->retries, 1);
    if (fb_verdict_of(error) == FB_RETRY_SLOWER)
        return note_throttled(lane, writes, write_count, error);
    /* It may have been written all the same. */
    if (fb_verdict_of(error) == FB_RETRY)
        *ret_consumed += units_of(writes, write_count);
    put_all_back(lane, writes, write_count);
    return give_up(lane, fb_patience_wait(&lane->patience, error), error);
}

static enum fb_status send(struct fb_lane *lane, struct fb_write **writes, size_t write_count,
                           double *ret_consumed);

/* A call that DynamoDB refuses whole: halved until the items at fault are alone. */
static enum fb_status split(struct fb_lane *lane, struct fb_write **writes, size_t write_count,
                            const struct fb_error *error, double *ret_consumed)
{
    const size_t half = write_count / 2;
    enum fb_status status;

    if (write_count == 1) {
        fb_patience_success(&lane->patience);
        return reject(lane, writes[0], error->message);
    }
    status = send(lane, writes, half, ret_consumed);
    if (status == FB_OK)
        return send(lane, writes + half, write_count - half, ret_consumed);
    put_all_back(lane, writes + half, write_count - half);
    return status;
}

/*
 * One call. Whatever becomes of it, every write is back in the waiting or has left it. FB_OK: the
 * lane goes on; *ret_consumed grows by what the call consumed, told or estimated.
 */
static enum fb_status send(struct fb_lane *lane, struct fb_write **writes, size_t write_count,
                           double *ret_consumed)
{
    struct fb_throttling throttling = {.sent = write_count};
    struct fb_error error = {0};
    double consumed = -1;
    double taken = 0;
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < write_count && status == FB_OK; i++)
        status = describe(lane, writes[i], &lane->entries[i]);
    if (status != FB_OK)
        return note_failure(lane, writes, write_count, status, ret_consumed,
                            (fb_fail(&error, status, "no memory for a call"), &error));
    fb_rate_spend(&lane->rate, units_of(writes, write_count), fb_monotonic_ms(lane->options.clock));
    fb_lane_meter_begin(&lane->meter);
    status = lane->options.write(&lane->options.client, &lane->target, writes[0]->kind,
                                 lane->entries, write_count, &consumed, &error);
    fb_lane_meter_end(&lane->meter);
    if (status != FB_OK && status != FB_CANCELED &&
        (fb_verdict_of(&error) == FB_REJECTED || (status == FB_TOO_LARGE && write_count > 1)))
        return split(lane, writes, write_count, &error, ret_consumed);
    if (status != FB_OK)
        return note_failure(lane, writes, write_count, status, ret_consumed, &error);
    status = settle(lane, writes, write_count, &taken, &throttling);
    *ret_consumed += consumed >= 0 ? consumed : taken;
    (void)answer_rate(lane, &throttling);
    if (status == FB_OK && throttling.throttled > 0)
        return note_unprocessed(lane, &throttling);
    if (status == FB_OK)
        fb_patience_success(&lane->patience);
    return status;
}

/* ---- the writer ---- */

/* Moves what the producer gave into the waiting. */
static enum fb_status take_in(struct fb_lane *lane, bool *ret_finishing)
{
    const int64_t now_ms = fb_monotonic_ms(lane->options.clock);
    struct fb_item *item;

    pthread_mutex_lock(&lane->lock);
    item = lane->first;
    lane->first = NULL;
    lane->last = &lane->first;
    lane->queued = 0;
    lane->woken = false;
    *ret_finishing = lane->finishing;
    pthread_mutex_unlock(&lane->lock);
    while (item != NULL) {
        struct fb_item *next = item->next;
        struct fb_error error;

        if (fb_waiting_add(lane->waiting, item, now_ms) != FB_OK) {
            fb_item_pool_put(lane->options.pool, item);
            fb_fail(&error, FB_NO_MEMORY, "no memory for what waits to be written");
            return give_up(lane, FB_NO_MEMORY, &error);
        }
        item = next;
    }
    return FB_OK;
}

/* Until `when_ms`, or there is more to look at than was known. */
static void wait_until(struct fb_lane *lane, int64_t when_ms, bool finishing)
{
    const bool is_held = fb_hold_of(lane->options.hold) != FB_HOLD_NOTHING;
    const size_t wake_at = is_held ? 1 : fb_waiting_room(lane->waiting);
    const int64_t look_ms = lane->options.coalesce_for_ms / LOOKS_WHILE_COALESCING;
    int64_t wait_ms = when_ms - fb_monotonic_ms(lane->options.clock);
    struct timespec deadline;
    bool has_time = true;

    /* The producer wakes nobody for items that are to wait, but their time runs. */
    if (look_ms > 0 && wait_ms > look_ms)
        wait_ms = look_ms;
    deadline = fb_deadline(lane->options.clock, wait_ms);
    pthread_mutex_lock(&lane->lock);
    lane->wake_at = wake_at;
    while (has_time && lane->queued < wake_at && !lane->woken && lane->finishing == finishing &&
           fb_stop_level(lane->options.stop) < FB_STOP_NOW)
        has_time =
            fb_condition_wait(&lane->filled, &lane->lock, when_ms == INT64_MAX ? NULL : &deadline);
    lane->wake_at = 0;
    pthread_mutex_unlock(&lane->lock);
}

/* Nothing may wait for more items of its key, or for a call to fill up. */
static bool is_in_hurry(struct fb_lane *lane, bool finishing)
{
    return finishing || fb_stop_level(lane->options.stop) != FB_STOP_NOT ||
           fb_item_pool_is_short(lane->options.pool) ||
           fb_hold_of(lane->options.hold) != FB_HOLD_NOTHING;
}

/* One call's worth, when it is time. *ret_when_ms: when to look again; 0: at once. */
static enum fb_status step(struct fb_lane *lane, bool hurry, int64_t *ret_when_ms)
{
    const int64_t now_ms = fb_monotonic_ms(lane->options.clock);
    struct fb_write *writes[FB_BATCH_MAX_ITEMS];
    int64_t when_ms = fb_waiting_next_ms(lane->waiting, now_ms, hurry);
    int64_t pace_ms = fb_rate_next_ms(&lane->rate, now_ms);
    enum fb_status status;
    double consumed = 0;
    double estimate;
    size_t taken;

    if (when_ms != INT64_MAX && pace_ms > when_ms)
        when_ms = pace_ms;
    *ret_when_ms = when_ms;
    if (when_ms > now_ms)
        return FB_OK;
    taken = fb_waiting_take(lane->waiting, now_ms, hurry,
                            fb_rate_most_items(&lane->rate, FB_BATCH_MAX_ITEMS), writes);
    estimate = units_of(writes, taken);
    *ret_when_ms = fb_budget_take(lane->options.budget, estimate, now_ms);
    if (*ret_when_ms > now_ms) {
        put_all_back(lane, writes, taken);
        return FB_OK;
    }
    *ret_when_ms = 0;
    status = taken > 0 ? send(lane, writes, taken, &consumed) : FB_OK;
    fb_budget_correct(lane->options.budget, consumed - estimate);
    fb_lane_count(&lane->options.counters->write_units, (uint64_t)(consumed + 0.5));
    return status;
}

/* After a failure nothing more is written: a later item of a key must not pass one given up. */
static void *run(void *argument)
{
    struct fb_lane *lane = argument;
    enum fb_status status = FB_OK;
    bool finishing = false;

    while (status == FB_OK && fb_stop_level(lane->options.stop) < FB_STOP_NOW) {
        int64_t when_ms = 0;

        status = take_in(lane, &finishing);
        if (status == FB_OK && finishing && fb_waiting_writes(lane->waiting) == 0)
            break;
        if (status == FB_OK)
            status = step(lane, is_in_hurry(lane, finishing), &when_ms);
        if (status == FB_OK && when_ms > 0)
            wait_until(lane, when_ms, finishing);
    }
    fb_lane_meter_done(&lane->meter);
    return NULL;
}

/* ---- the module ---- */

static void free_parts(struct fb_lane *lane)
{
    fb_waiting_free(lane->waiting);
    fb_write_scratch_done(&lane->scratch);
    fb_buffer_done(&lane->merged);
    pthread_cond_destroy(&lane->filled);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}

static enum fb_status make_parts(struct fb_lane *lane, unsigned number)
{
    const struct fb_lane_options *options = &lane->options;
    struct fb_waiting_options waiting = {
        .linger_ms = options->linger_ms,
        .coalesce_for_ms = options->coalesce_for_ms,
        .coalesce_items = options->coalesce_items,
        .max_call_bytes = CALL_MAX_BYTES,
        .seed = options->seed ^ number,
    };

    fb_write_scratch_init(&lane->scratch);
    fb_buffer_init(&lane->merged, SIZE_MAX / 2);
    lane->target = (struct fb_write_target){
        .table = options->table,
        .schema = options->schema,
        .version_attribute = options->version_attribute,
        .removes_nulls = options->removes_nulls,
        .wants_units = options->budget != NULL,
        .scratch = &lane->scratch,
    };
    waiting.target = lane->target;
    lane->meter.counters = options->counters;
    fb_rate_init(&lane->rate, fb_monotonic_ms(options->clock));
    return fb_waiting_new(&waiting, &lane->waiting);
}

enum fb_status fb_lane_new(const struct fb_lane_options *options, unsigned number,
                           struct fb_lane **ret_lane, struct fb_error *error)
{
    struct fb_lane *lane = calloc(1, sizeof *lane);
    enum fb_status status;
    char name[32];

    if (lane == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a lane");
    lane->options = *options;
    snprintf(lane->what, sizeof lane->what, "write to table %.120s", options->table);
    lane->options.patience.what = lane->what;
    fb_patience_init(&lane->patience, &lane->options.patience, options->seed + number);
    lane->last = &lane->first;
    lane->last_gathered = &lane->gathered;
    pthread_mutex_init(&lane->lock, NULL);
    fb_condition_init(&lane->filled);
    status = make_parts(lane, number);
    if (status != FB_OK)
        fb_fail(error, status, "no memory for a lane");
    snprintf(name, sizeof name, "lane-%u", number);
    if (status == FB_OK)
        status = fb_thread_start(&lane->thread, name, run, lane, error);
    if (status != FB_OK) {
        free_parts(lane);
        return status;
    }
    *ret_lane = lane;
    return FB_OK;
}

/* What is left is given back without a word to its spans: a restart writes it again. */
void fb_lane_free(struct fb_lane *lane)
{
    if (lane == NULL)
        return;
    fb_lane_finish(lane);
    fb_thread_join(lane->thread);
    fb_item_pool_put(lane->options.pool, fb_waiting_drain(lane->waiting));
    fb_item_pool_put(lane->options.pool, lane->first);
    free_parts(lane);
}
