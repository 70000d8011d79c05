/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/waiting.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "aside.h"

#define BUCKETS_AT_FIRST 64

/* A key that was throttled waits up to so long, twice as long after each time. */
#define ASIDE_BASE_MS 50
#define ASIDE_CAP_MS  10000

/* Keys that were throttled are remembered for so long, as many as there are places. */
#define HOT_PLACES 256
#define HOT_FOR_MS 60000

/* What UpdateItem merges must stay an item. */
#define MERGED_MAX_BYTES ((size_t)256 * 1024)

struct hot_key {
    uint64_t hash;
    int64_t until_ms;
    unsigned tries;
};

struct queue {
    struct fb_write *first, **last;
    size_t count;
};

struct fb_waiting {
    struct fb_waiting_options options;
    struct fb_random random;
    struct fb_write **buckets;
    size_t bucket_count; /* a power of two */
    size_t write_count, item_count;
    struct queue queues[FB_WRITE_KIND_COUNT]; /* in the order in which they are due */
    struct fb_aside aside;
    struct fb_write *spare;
    struct hot_key hot[HOT_PLACES];
};

/* ---- by key ---- */

static struct fb_write **bucket_of(const struct fb_waiting *waiting, uint64_t hash)
{
    /* Lanes were chosen by the lower bits. */
    return &waiting->buckets[(hash >> 32) & (waiting->bucket_count - 1)];
}

static struct fb_write *find(const struct fb_waiting *waiting, const struct fb_item *item)
{
    struct fb_write *write = *bucket_of(waiting, item->key_hash);

    for (; write != NULL; write = write->next_in_bucket)
        if (write->key_hash == item->key_hash && write->first->key_size == item->key_size &&
            memcmp(fb_item_key(write->first), fb_item_key(item), item->key_size) == 0)
            return write;
    return NULL;
}

static enum fb_status grow_buckets(struct fb_waiting *waiting)
{
    const size_t old_count = waiting->bucket_count;
    struct fb_write **const old = waiting->buckets;
    struct fb_write **buckets = calloc(2 * old_count, sizeof *buckets);

    if (buckets == NULL)
        return FB_NO_MEMORY;
    waiting->buckets = buckets;
    waiting->bucket_count = 2 * old_count;
    for (size_t i = 0; i < old_count; i++)
        while (old[i] != NULL) {
            struct fb_write *write = old[i];
            struct fb_write **bucket = bucket_of(waiting, write->key_hash);

            old[i] = write->next_in_bucket;
            write->next_in_bucket = *bucket;
            *bucket = write;
        }
    free(old);
    return FB_OK;
}

static void forget(struct fb_waiting *waiting, struct fb_write *write)
{
    struct fb_write **at = bucket_of(waiting, write->key_hash);

    while (*at != write)
        at = &(*at)->next_in_bucket;
    *at = write->next_in_bucket;
    waiting->write_count--;
    write->next = waiting->spare;
    waiting->spare = write;
}

/* ---- in the order in which they are due ---- */

static void append(struct queue *queue, struct fb_write *write)
{
    write->next = NULL;
    *queue->last = write;
    queue->last = &write->next;
    queue->count++;
}

static void prepend(struct queue *queue, struct fb_write *write)
{
    write->next = queue->first;
    if (queue->first == NULL)
        queue->last = &write->next;
    queue->first = write;
    queue->count++;
}

static struct fb_write *take_first(struct queue *queue)
{
    struct fb_write *write = queue->first;

    queue->first = write->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    return write;
}

static enum fb_write_kind kind_of(const struct fb_waiting *waiting, const struct fb_item *item)
{
    const struct fb_write_mode *mode = fb_write_mode_of(item->operation);

    if (mode->fits == NULL ||
        mode->fits(&waiting->options.target, fb_item_json(item), item->json_size))
        return mode->kind;
    return mode->otherwise;
}

/* ---- aside ---- */

/* Those that follow within a linger come too, or each would have a call of its own. */
static void bring_back_due(struct fb_waiting *waiting, int64_t now_ms)
{
    int64_t until_ms = now_ms;
    struct fb_write *write;

    while ((write = fb_aside_take(&waiting->aside, until_ms)) != NULL) {
        fb_waiting_back(waiting, write);
        until_ms = now_ms + waiting->options.linger_ms;
    }
}

/* ---- hot keys ---- */

static struct hot_key *hot_place(const struct fb_waiting *waiting, uint64_t hash)
{
    return (struct hot_key *)&waiting->hot[(hash >> 40) % HOT_PLACES];
}

static unsigned tries_before(const struct fb_waiting *waiting, uint64_t hash, int64_t now_ms)
{
    const struct hot_key *hot = hot_place(waiting, hash);

    return hot->hash == hash && hot->until_ms > now_ms ? hot->tries : 0;
}

bool fb_waiting_is_hot(const struct fb_waiting *waiting, const struct fb_write *write,
                       int64_t now_ms)
{
    const struct hot_key *hot = hot_place(waiting, write->key_hash);

    return write->tries > 0 || (hot->hash == write->key_hash && hot->until_ms > now_ms);
}

size_t fb_waiting_hot_keys(const struct fb_waiting *waiting, int64_t now_ms)
{
    size_t keys = 0;

    for (size_t i = 0; i < HOT_PLACES; i++)
        keys += waiting->hot[i].until_ms > now_ms;
    return keys;
}

/* ---- folding ---- */

/* A write of one item. */
static void begin(struct fb_waiting *waiting, struct fb_write *write, struct fb_item *item,
                  int64_t now_ms)
{
    item->folded = NULL;
    write->first = write->last = write->winner = item;
    write->count = 1;
    write->kind = kind_of(waiting, item);
    write->units = fb_item_write_units(item);
    write->merged_bytes = item->json_size;
    write->since_ms = now_ms;
    write->is_due = false;
    write->is_single = false;
}

static bool fold_in(struct fb_write *write, struct fb_item *item)
{
    enum fb_fold fold = fb_write_mode_of(item->operation)->fold(write->winner, item);

    if (write->is_single || fold == FB_FOLD_NONE)
        return false;
    if (fold == FB_FOLD_MERGE) {
        if (write->merged_bytes + item->json_size > MERGED_MAX_BYTES)
            return false;
        write->merged_bytes += item->json_size;
    }
    item->folded = NULL;
    write->last->folded = item;
    write->last = item;
    write->count++;
    if (fold == FB_FOLD_EARLIER)
        return true;
    write->winner = item;
    if (fold == FB_FOLD_LATER)
        write->merged_bytes = item->json_size;
    if (fb_item_write_units(item) > write->units || fold == FB_FOLD_LATER)
        write->units = fb_item_write_units(item);
    return true;
}

/* The queues are by kind, and a put behind an update is of another. */
static void move_to(struct fb_waiting *waiting, struct fb_write *write, enum fb_write_kind kind);

static void join(struct fb_waiting *waiting, struct fb_write *write, struct fb_item *item)
{
    enum fb_write_kind kind;

    item->next = NULL;
    write->held_bytes += item->block_bytes;
    if (write->behind != NULL || !fold_in(write, item)) {
        *write->last_behind = item;
        write->last_behind = &item->next;
        return;
    }
    if (write->winner != item)
        return;
    kind = kind_of(waiting, item);
    if (kind != write->kind)
        move_to(waiting, write, kind);
}

/* Seldom: streams of several operations. */
static void move_to(struct fb_waiting *waiting, struct fb_write *write, enum fb_write_kind kind)
{
    struct queue *queue = &waiting->queues[write->kind];
    struct queue *to = &waiting->queues[kind];
    struct fb_write **at = &queue->first;

    write->kind = kind;
    if (write->is_aside)
        return;
    while (*at != write)
        at = &(*at)->next;
    *at = write->next;
    if (*at == NULL)
        queue->last = at;
    queue->count--;
    at = &to->first;
    while (*at != NULL && ((*at)->is_due || (!write->is_due && (*at)->since_ms <= write->since_ms)))
        at = &(*at)->next;
    write->next = *at;
    *at = write;
    if (write->next == NULL)
        to->last = &write->next;
    to->count++;
}

_Static_assert(sizeof(struct fb_write) <= FB_ITEM_WRITE_BYTES, "the pool answers for a write");

static struct fb_write *new_write(struct fb_waiting *waiting)
{
    struct fb_write *write = waiting->spare;

    if (waiting->write_count >= waiting->bucket_count && grow_buckets(waiting) != FB_OK)
        return NULL;
    if (fb_aside_reserve(&waiting->aside, waiting->write_count + 1) != FB_OK)
        return NULL;
    if (write != NULL)
        waiting->spare = write->next;
    else
        write = malloc(sizeof *write);
    return write;
}

enum fb_status fb_waiting_add(struct fb_waiting *waiting, struct fb_item *item, int64_t now_ms)
{
    struct fb_write *write = find(waiting, item);
    struct fb_write **bucket;

    if (write != NULL) {
        join(waiting, write, item);
        waiting->item_count++;
        return FB_OK;
    }
    write = new_write(waiting);
    if (write == NULL)
        return FB_NO_MEMORY;
    *write = (struct fb_write){.key_hash = item->key_hash, .held_bytes = item->block_bytes};
    write->last_behind = &write->behind;
    item->next = NULL;
    begin(waiting, write, item, now_ms);
    bucket = bucket_of(waiting, item->key_hash);
    write->next_in_bucket = *bucket;
    *bucket = write;
    append(&waiting->queues[write->kind], write);
    waiting->write_count++;
    waiting->item_count++;
    return FB_OK;
}

/* ---- calls ---- */

size_t fb_waiting_writes(const struct fb_waiting *waiting)
{
    return waiting->write_count;
}

size_t fb_waiting_room(const struct fb_waiting *waiting)
{
    const struct fb_waiting_options *options = &waiting->options;
    size_t most = 0;

    if (waiting->item_count == 0)
        return 1;
    if (options->coalesce_items > waiting->item_count)
        return options->coalesce_items - waiting->item_count;
    if (options->coalesce_for_ms > 0 && options->coalesce_items == 0)
        return SIZE_MAX;
    for (size_t i = 0; i < FB_WRITE_KIND_COUNT; i++)
        if (waiting->queues[i].count > most)
            most = waiting->queues[i].count;
    return most < FB_BATCH_MAX_ITEMS ? FB_BATCH_MAX_ITEMS - most : 1;
}

static int64_t due_of(const struct fb_waiting *waiting, const struct fb_write *write,
                      int64_t now_ms, bool hurry)
{
    const struct fb_waiting_options *options = &waiting->options;
    const bool is_crowded =
        options->coalesce_items > 0 && waiting->item_count > options->coalesce_items;

    if (write->is_due || hurry || is_crowded)
        return now_ms < write->since_ms ? now_ms : write->since_ms;
    return write->since_ms + options->coalesce_for_ms;
}

/* When a call of this kind is to begin. */
static int64_t next_of(const struct fb_waiting *waiting, enum fb_write_kind kind, int64_t now_ms,
                       bool hurry)
{
    const struct fb_write *write = waiting->queues[kind].first;
    const size_t max_items = fb_write_max_items(kind);
    int64_t first_due_ms;
    size_t due = 0;

    if (write == NULL)
        return INT64_MAX;
    first_due_ms = due_of(waiting, write, now_ms, hurry);
    if (hurry || max_items == 1)
        return first_due_ms;
    for (; write != NULL && due < max_items; write = write->next)
        due += due_of(waiting, write, now_ms, hurry) <= now_ms;
    return due == max_items ? first_due_ms : first_due_ms + waiting->options.linger_ms;
}

/* The kind whose call is to begin first. */
static int64_t choose(const struct fb_waiting *waiting, int64_t now_ms, bool hurry,
                      enum fb_write_kind *ret_kind)
{
    int64_t first_ms = INT64_MAX;

    for (size_t i = 0; i < FB_WRITE_KIND_COUNT; i++) {
        const int64_t next_ms = next_of(waiting, (enum fb_write_kind)i, now_ms, hurry);

        if (next_ms < first_ms) {
            first_ms = next_ms;
            *ret_kind = (enum fb_write_kind)i;
        }
    }
    return first_ms;
}

int64_t fb_waiting_next_ms(struct fb_waiting *waiting, int64_t now_ms, bool hurry)
{
    enum fb_write_kind kind = FB_WRITE_BATCH;
    int64_t next_ms;

    bring_back_due(waiting, now_ms);
    next_ms = choose(waiting, now_ms, hurry, &kind);
    if (fb_aside_next_ms(&waiting->aside) < next_ms)
        return fb_aside_next_ms(&waiting->aside);
    return next_ms;
}

size_t fb_waiting_take(struct fb_waiting *waiting, int64_t now_ms, bool hurry, size_t most,
                       struct fb_write **ret_writes)
{
    enum fb_write_kind kind = FB_WRITE_BATCH;
    struct queue *queue;
    size_t bytes = 0;
    size_t count = 0;

    bring_back_due(waiting, now_ms);
    if (choose(waiting, now_ms, hurry, &kind) > now_ms)
        return 0;
    queue = &waiting->queues[kind];
    if (most > fb_write_max_items(kind))
        most = fb_write_max_items(kind);
    while (count < most && queue->first != NULL &&
           due_of(waiting, queue->first, now_ms, hurry) <= now_ms) {
        bytes += queue->first->merged_bytes;
        if (count > 0 && bytes > waiting->options.max_call_bytes)
            break;
        ret_writes[count++] = take_first(queue);
    }
    return count;
}

/* ---- what became of a write ---- */

/* There is one. */
static struct fb_item *take_behind(struct fb_write *write)
{
    struct fb_item *item = write->behind;

    assert(item != NULL);
    write->behind = item->next;
    item->next = NULL;
    return item;
}

/* What waits behind it: one item, and what folds with it. */
static void begin_behind(struct fb_waiting *waiting, struct fb_write *write, int64_t now_ms)
{
    struct fb_item *item = take_behind(write);

    begin(waiting, write, item, now_ms);
    if (write->singles > 0) {
        write->singles--;
        write->is_single = true;
    }
    while (write->behind != NULL && !write->is_single) {
        item = take_behind(write);
        if (!fold_in(write, item)) {
            item->next = write->behind;
            write->behind = item;
            break;
        }
        write->kind = kind_of(waiting, write->winner);
    }
    if (write->behind == NULL)
        write->last_behind = &write->behind;
    prepend(&waiting->queues[write->kind], write);
    write->is_due = true; /* it waited behind the other */
}

void fb_waiting_done(struct fb_waiting *waiting, struct fb_write *write, int64_t now_ms)
{
    struct hot_key *hot = hot_place(waiting, write->key_hash);

    if (hot->hash == write->key_hash)
        hot->tries /= 2;
    waiting->item_count -= write->count;
    write->tries = 0;
    if (write->behind == NULL) {
        forget(waiting, write);
        return;
    }
    write->held_bytes = 0;
    for (const struct fb_item *item = write->behind; item != NULL; item = item->next)
        write->held_bytes += item->block_bytes;
    begin_behind(waiting, write, now_ms);
}

void fb_waiting_back(struct fb_waiting *waiting, struct fb_write *write)
{
    write->is_due = true;
    prepend(&waiting->queues[write->kind], write);
}

void fb_waiting_remember(struct fb_waiting *waiting, const struct fb_write *write, int64_t now_ms)
{
    *hot_place(waiting, write->key_hash) =
        (struct hot_key){write->key_hash, now_ms + HOT_FOR_MS, write->tries};
}

int64_t fb_waiting_aside(struct fb_waiting *waiting, struct fb_write *write, int64_t now_ms)
{
    struct fb_backoff backoff = {.base_ms = ASIDE_BASE_MS, .cap_ms = ASIDE_CAP_MS};

    if (write->tries == 0)
        write->tries = tries_before(waiting, write->key_hash, now_ms);
    backoff.tries = write->tries;
    write->due_ms = now_ms + fb_backoff_next_ms(&backoff, &waiting->random);
    write->tries = backoff.tries;
    fb_waiting_remember(waiting, write, now_ms);
    fb_aside_put(&waiting->aside, write);
    return write->due_ms;
}

void fb_waiting_part(struct fb_waiting *waiting, struct fb_write *write, int64_t now_ms)
{
    struct fb_item *item = write->first;

    write->singles += write->count;
    /* All of them go before what waits behind. */
    for (; item != NULL; item = item->folded)
        item->next = item == write->last ? write->behind : item->folded;
    if (write->behind == NULL)
        write->last_behind = &write->last->next;
    write->behind = write->first;
    begin_behind(waiting, write, now_ms);
}

/* ---- the module ---- */

enum fb_status fb_waiting_new(const struct fb_waiting_options *options,
                              struct fb_waiting **ret_waiting)
{
    struct fb_waiting *waiting = calloc(1, sizeof *waiting);

    if (waiting == NULL)
        return FB_NO_MEMORY;
    waiting->options = *options;
    waiting->bucket_count = BUCKETS_AT_FIRST;
    waiting->buckets = calloc(waiting->bucket_count, sizeof *waiting->buckets);
    if (waiting->buckets == NULL) {
        free(waiting);
        return FB_NO_MEMORY;
    }
    fb_random_init(&waiting->random, options->seed);
    for (size_t i = 0; i < FB_WRITE_KIND_COUNT; i++)
        waiting->queues[i].last = &waiting->queues[i].first;
    *ret_waiting = waiting;
    return FB_OK;
}

struct fb_item *fb_waiting_drain(struct fb_waiting *waiting)
{
    struct fb_item *list = NULL;

    for (size_t i = 0; i < waiting->bucket_count; i++)
        while (waiting->buckets[i] != NULL) {
            struct fb_write *write = waiting->buckets[i];
            struct fb_item *item, *next;

            for (item = write->first; item != NULL; item = next) {
                next = item->folded;
                item->next = list;
                list = item;
            }
            for (item = write->behind; item != NULL; item = next) {
                next = item->next;
                item->next = list;
                list = item;
            }
            waiting->item_count = 0;
            forget(waiting, write);
        }
    waiting->aside.count = 0;
    for (size_t i = 0; i < FB_WRITE_KIND_COUNT; i++)
        waiting->queues[i] = (struct queue){.last = &waiting->queues[i].first};
    return list;
}

void fb_waiting_free(struct fb_waiting *waiting)
{
    if (waiting == NULL)
        return;
    while (waiting->spare != NULL) {
        struct fb_write *next = waiting->spare->next;

        free(waiting->spare);
        waiting->spare = next;
    }
    fb_aside_done(&waiting->aside);
    free(waiting->buckets);
    free(waiting);
}
