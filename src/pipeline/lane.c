/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/lane.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/event.h"
#include "firebridge/base/thread.h"
#include "firebridge/pipeline/progress.h"

/* Room for BatchWriteItem's own text around the items within its 16 MB. */
#define BATCH_MAX_ITEM_BYTES (FB_BATCH_MAX_BYTES - 64 * 1024)

/* What is written with one call. */
struct batch {
    struct fb_item *items[FB_BATCH_MAX_ITEMS]; /* their keys differ */
    size_t count;
    size_t json_bytes;
};

struct fb_lane {
    struct fb_lane_options options;
    struct fb_patience patience;
    char what[160];
    pthread_t thread;

    /* The producer's own: what it gathers for one taking of the lock and one waking. */
    struct fb_item *gathered, **last_gathered;
    size_t gathered_count;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t filled;
    struct fb_item *first, **last;
    size_t queued;
    size_t wake_at; /* the producer wakes the writer when so many are queued; 0: it is awake */
    bool finishing;
};

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

/* The batch's item with the same primary key, or NULL. */
static struct fb_item **find_same_key(struct batch *batch, const struct fb_item *item)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct fb_item *other = batch->items[i];

        if (other->key_hash == item->key_hash && other->key_size == item->key_size &&
            memcmp(fb_item_key(other), fb_item_key(item), item->key_size) == 0)
            return &batch->items[i];
    }
    return NULL;
}

/* With the lock. Moves from the queue to the batch what fits; a later item of a key replaces,
 * be it put or delete: one call never has two operations of a key. */
static void fill(struct fb_lane *lane, struct batch *batch)
{
    while (lane->first != NULL) {
        struct fb_item *item = lane->first;
        struct fb_item **same = find_same_key(batch, item);

        if (same == NULL &&
            (batch->count == FB_BATCH_MAX_ITEMS ||
             (batch->count > 0 && batch->json_bytes + item->json_size > BATCH_MAX_ITEM_BYTES)))
            return;
        lane->first = item->next;
        if (lane->first == NULL)
            lane->last = &lane->first;
        lane->queued--;
        batch->json_bytes += item->json_size;
        if (same == NULL) {
            batch->items[batch->count++] = item;
        } else {
            batch->json_bytes -= (*same)->json_size;
            item->folded = *same;
            *same = item;
        }
    }
}

/* With the lock. True while the batch may still grow and nothing asks to hurry. */
static bool may_linger(const struct fb_lane *lane, const struct batch *batch)
{
    return batch->count < FB_BATCH_MAX_ITEMS && lane->first == NULL && !lane->finishing &&
           fb_stop_level(lane->options.stop) == FB_STOP_NOT;
}

/* With the lock. Gathers a full batch, or what comes within `linger`; that may be nothing. */
static void gather(struct fb_lane *lane, struct batch *batch)
{
    struct timespec deadline = fb_deadline_after(lane->options.linger_ms);
    int timed_out = 0;

    fill(lane, batch);
    while (may_linger(lane, batch) && timed_out == 0) {
        lane->wake_at = FB_BATCH_MAX_ITEMS - batch->count;
        timed_out = pthread_cond_timedwait(&lane->filled, &lane->lock, &deadline);
        fill(lane, batch);
    }
}

/* With the lock. */
static void wait_for_first(struct fb_lane *lane)
{
    while (lane->first == NULL && !lane->finishing &&
           fb_stop_level(lane->options.stop) < FB_STOP_NOW) {
        lane->wake_at = 1;
        pthread_cond_wait(&lane->filled, &lane->lock);
    }
}

/*
 * Waits for a batch: full, or what came within `linger` of its first item. Empty: the end. Between
 * two batches a lane at work is woken once, by a full one; only an idle lane by its first item.
 */
static void collect(struct fb_lane *lane, struct batch *batch)
{
    batch->count = 0;
    batch->json_bytes = 0;
    pthread_mutex_lock(&lane->lock);
    gather(lane, batch);
    if (batch->count == 0) {
        wait_for_first(lane);
        gather(lane, batch);
    }
    lane->wake_at = 0;
    pthread_mutex_unlock(&lane->lock);
}

/* Items on their way back; neighbours of one span are acknowledged at one stroke. */
struct settled {
    struct fb_item *list;
    struct fb_span *span;
    uint64_t in_span; /* not yet acknowledged */
    uint64_t count;
    uint64_t deleted; /* of those that were sent */
};

static void acknowledge_span(struct settled *settled)
{
    if (settled->in_span > 0)
        fb_span_acknowledge(settled->span, settled->in_span);
    settled->in_span = 0;
}

/* An item is written, and so is all that it was written for. */
static void add_settled(struct settled *settled, struct fb_item *item)
{
    for (struct fb_item *at = item; at != NULL; at = at->folded) {
        if (at->span != settled->span)
            acknowledge_span(settled);
        settled->span = at->span;
        settled->in_span++;
        settled->count++;
        at->next = settled->list;
        settled->list = at;
    }
}

/* Acknowledges and gives back what is settled, `written` items of it as such. */
static void finish_settled(struct fb_lane *lane, struct settled *settled, size_t written)
{
    struct fb_lane_counters *counters = lane->options.counters;

    acknowledge_span(settled);
    atomic_fetch_add_explicit(&counters->items_folded, settled->count - written,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->items_written, written, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->items_deleted, settled->deleted, memory_order_relaxed);
    fb_item_pool_put(lane->options.pool, settled->list);
}

/* Gives items back without a word to their spans: a restart writes them again. */
static void abandon(struct fb_lane *lane, struct fb_item *item)
{
    for (struct fb_item *at = item; at != NULL; at = at->folded)
        at->next = at->folded;
    fb_item_pool_put(lane->options.pool, item);
}

static void abandon_all(struct fb_lane *lane, struct fb_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        abandon(lane, items[i]);
}

static enum fb_status keep_dead_letter(struct fb_lane *lane, const struct fb_item *item,
                                       const struct fb_error *reason, struct fb_error *ret_error)
{
    struct fb_dead_letter letter = {
        .object = fb_span_object(item->span),
        .record_number = item->record_number,
        .offset_bytes = item->offset_bytes,
        .size_bytes = item->text_size,
        .operation = item->operation,
        .format = item->format,
        .reason = fb_dead_reason_name(FB_DEAD_REJECTED),
        .message = reason->message,
        .text = fb_item_text(item),
        .text_size = item->text_size,
        .ordinal = fb_span_first_ordinal(item->span),
    };

    return fb_dead_letters_keep(lane->options.letters, &letter, &lane->patience, ret_error);
}

static enum fb_status write_items(struct fb_lane *lane, struct fb_item **items, size_t count);

/*
 * DynamoDB refuses this one item as it stands: it becomes a dead letter. What it replaced is to
 * be written in its own right: *ret_earlier, or NULL.
 */
static enum fb_status reject(struct fb_lane *lane, struct fb_item *item,
                             const struct fb_error *reason, struct fb_item **ret_earlier)
{
    struct fb_error error = {0};
    enum fb_status status = keep_dead_letter(lane, item, reason, &error);

    if (status != FB_OK) {
        /* The stop first: what is given back because of it must not look like idleness. */
        if (status != FB_CANCELED)
            lane->options.on_failure(lane->options.context, &error);
        abandon(lane, item);
        return status;
    }
    atomic_fetch_add_explicit(&lane->options.counters->items_rejected, 1, memory_order_relaxed);
    fb_span_acknowledge(item->span, 1);
    *ret_earlier = item->folded;
    item->folded = NULL;
    item->next = NULL;
    fb_item_pool_put(lane->options.pool, item);
    return FB_OK;
}

/* A call that DynamoDB refuses whole: halved until the items at fault are alone. */
static enum fb_status split(struct fb_lane *lane, struct fb_item **items, size_t count)
{
    enum fb_status status = write_items(lane, items, count / 2);

    if (status != FB_OK) {
        abandon_all(lane, items + count / 2, count - count / 2);
        return status;
    }
    return write_items(lane, items + count / 2, count - count / 2);
}

/* Acknowledges what was written and keeps the rest, in order. Returns how many are left. */
static size_t settle(struct fb_lane *lane, struct fb_item **items,
                     const struct fb_batch_entry *entries, size_t count)
{
    struct settled settled = {.list = NULL};
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        if (entries[i].unprocessed) {
            items[left++] = items[i];
            continue;
        }
        settled.deleted += items[i]->operation == FB_DELETE;
        add_settled(&settled, items[i]);
    }
    finish_settled(lane, &settled, count - left);
    return left;
}

static enum fb_status call(struct fb_lane *lane, struct fb_item **items, size_t count,
                           struct fb_batch_entry *entries, struct fb_error *error)
{
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct fb_batch_entry){
            .operation = items[i]->operation,
            .item = fb_item_json(items[i]),
            .item_size = items[i]->json_size,
            .key = fb_item_key(items[i]),
            .key_size = items[i]->key_size,
        };
    atomic_fetch_add_explicit(&lane->options.counters->calls, 1, memory_order_relaxed);
    return lane->options.write(&lane->options.client, lane->options.table, lane->options.schema,
                               entries, count, error);
}

/*
 * Writes until all are acknowledged or dead letters. Whatever the status, every item is given
 * back: on FB_CANCELED and other failures without an acknowledgement.
 */
static enum fb_status write_items(struct fb_lane *lane, struct fb_item **items, size_t count)
{
    struct fb_batch_entry entries[FB_BATCH_MAX_ITEMS];
    struct fb_error error = {0};
    enum fb_status status = FB_OK;

    while (count > 0 && status == FB_OK) {
        size_t before = count;

        status = call(lane, items, count, entries, &error);
        if (status == FB_OK) {
            count = settle(lane, items, entries, count);
            if (count < before)
                fb_patience_progress(&lane->patience);
            if (count == 0)
                break;
            fb_fail(&error, FB_THROTTLED,
                    "table %s is throttled: %zu of %zu items came back unprocessed; it needs more "
                    "write capacity, or its keys spread better",
                    lane->options.table, count, before);
        } else if (status == FB_CANCELED) {
            break;
        } else if (fb_verdict_of(&error) == FB_REJECTED && count > 1) {
            return split(lane, items, count);
        } else if (fb_verdict_of(&error) == FB_REJECTED) {
            status = reject(lane, items[0], &error, &items[0]);
            if (status != FB_OK)
                return status;
            count = items[0] == NULL ? 0 : 1;
            continue;
        }
        atomic_fetch_add_explicit(&lane->options.counters->retries, 1, memory_order_relaxed);
        status = fb_patience_wait(&lane->patience, &error);
        if (status != FB_OK && status != FB_CANCELED)
            lane->options.on_failure(lane->options.context, &error);
    }
    if (status == FB_OK)
        fb_patience_success(&lane->patience);
    else
        abandon_all(lane, items, count);
    return status;
}

/* After a failure nothing more is written: a later item of a key must not pass one given up. */
static void *run(void *argument)
{
    struct fb_lane *lane = argument;
    enum fb_status status = FB_OK;
    struct batch batch;

    while (status == FB_OK && fb_stop_level(lane->options.stop) < FB_STOP_NOW) {
        collect(lane, &batch);
        if (batch.count == 0)
            break;
        status = write_items(lane, batch.items, batch.count);
    }
    return NULL;
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
    snprintf(name, sizeof name, "lane-%u", number);
    status = fb_thread_start(&lane->thread, name, run, lane, error);
    if (status != FB_OK) {
        free(lane);
        return status;
    }
    *ret_lane = lane;
    return FB_OK;
}

void fb_lane_free(struct fb_lane *lane)
{
    if (lane == NULL)
        return;
    fb_lane_finish(lane);
    pthread_join(lane->thread, NULL);
    if (lane->first != NULL)
        fb_item_pool_put(lane->options.pool, lane->first);
    pthread_cond_destroy(&lane->filled);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}
