/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/item.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/event.h"

#include "firebridge/codec/json_text.h"

/* Classes of 512, 768, 1024, 1536, ... 98,304 bytes; what is larger is allocated to measure. */
#define CLASS_COUNT        16
#define SMALLEST_BLOCK     ((size_t)512)
#define CLASS_NONE         CLASS_COUNT
#define LARGEST_CLASS_SIZE ((SMALLEST_BLOCK << ((CLASS_COUNT - 1) / 2)) * 3 / 2)

/* A getter that waits is woken when this part of the pool came back, not for every batch. */
#define WAKE_PART 64

struct fb_item_pool {
    struct fb_item *near[CLASS_COUNT]; /* the getting thread's own, without the lock */
    uint64_t max_bytes;
    atomic_bool is_short;
    atomic_uint_fast64_t got_bytes; /* in all; written by the getting thread only */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t came_back;
    struct fb_item *shared[CLASS_COUNT];
    uint64_t allocated_bytes; /* in use and kept in lists */
    uint64_t returned_bytes;  /* in all */
    uint64_t wake_at_bytes;   /* of returned_bytes; 0: nobody waits */
};

static size_t class_size(unsigned class)
{
    size_t size = SMALLEST_BLOCK << (class / 2);

    return class % 2 == 0 ? size : size * 3 / 2;
}

static unsigned class_of(size_t size)
{
    unsigned class = 0;

    if (size > LARGEST_CLASS_SIZE)
        return CLASS_NONE;
    while (class_size(class) < size)
        class ++;
    return class;
}

enum fb_status fb_item_pool_new(uint64_t max_bytes, struct fb_item_pool **ret_pool,
                                struct fb_error *error)
{
    struct fb_item_pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for the item pool");
    pool->max_bytes = max_bytes;
    pthread_mutex_init(&pool->lock, NULL);
    fb_condition_init(&pool->came_back);
    *ret_pool = pool;
    return FB_OK;
}

static uint64_t free_list(struct fb_item *list)
{
    uint64_t bytes = 0;

    while (list != NULL) {
        struct fb_item *next = list->next;

        bytes += list->block_bytes;
        free(list);
        list = next;
    }
    return bytes;
}

/* With the lock, or when nobody else is left. */
static void free_kept(struct fb_item_pool *pool)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        pool->allocated_bytes -= free_list(pool->near[i]);
        pool->allocated_bytes -= free_list(pool->shared[i]);
        pool->near[i] = NULL;
        pool->shared[i] = NULL;
    }
}

void fb_item_pool_free(struct fb_item_pool *pool)
{
    if (pool == NULL)
        return;
    free_kept(pool);
    pthread_cond_destroy(&pool->came_back);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* With the lock. */
static uint64_t in_use_bytes(struct fb_item_pool *pool)
{
    return atomic_load_explicit(&pool->got_bytes, memory_order_relaxed) - pool->returned_bytes;
}

static bool fits(struct fb_item_pool *pool, size_t size)
{
    return pool->allocated_bytes + size <= pool->max_bytes || in_use_bytes(pool) == 0;
}

/* With the lock. True when an item of `size` may be allocated now; drops kept blocks for it. */
static bool make_room(struct fb_item_pool *pool, size_t size)
{
    if (fits(pool, size) && pool->allocated_bytes + size <= pool->max_bytes)
        return true;
    free_kept(pool);
    return fits(pool, size);
}

static struct fb_item *pop(struct fb_item **list)
{
    struct fb_item *item = *list;

    if (item != NULL)
        *list = item->next;
    return item;
}

/* With the lock. A kept block of the class, or a new one; NULL with *ret_full when it must wait. */
static struct fb_item *obtain(struct fb_item_pool *pool, unsigned class, size_t size,
                              bool *ret_full)
{
    struct fb_item *item = NULL;

    *ret_full = false;
    if (class != CLASS_NONE) {
        pool->near[class] = pool->shared[class];
        pool->shared[class] = NULL;
        item = pop(&pool->near[class]);
        if (item != NULL)
            return item;
    }
    if (!make_room(pool, size + FB_ITEM_WRITE_BYTES)) {
        *ret_full = true;
        return NULL;
    }
    item = malloc(size);
    if (item == NULL)
        return NULL;
    item->block_bytes = size + FB_ITEM_WRITE_BYTES;
    pool->allocated_bytes += item->block_bytes;
    return item;
}

/* With the lock, which is let go meanwhile. */
static void wait_for_room(struct fb_item_pool *pool)
{
    uint64_t wanted = pool->max_bytes / WAKE_PART + 1;
    uint64_t most = in_use_bytes(pool);

    pool->wake_at_bytes = pool->returned_bytes + (wanted < most ? wanted : most);
    (void)fb_condition_wait(&pool->came_back, &pool->lock, NULL);
    pool->wake_at_bytes = 0;
}

static enum fb_status wait_for_block(struct fb_item_pool *pool, unsigned class, size_t size,
                                     struct fb_stop *stop, struct fb_item **ret_item)
{
    struct fb_item *item;
    enum fb_status status = FB_OK;
    bool full;

    pthread_mutex_lock(&pool->lock);
    while ((item = obtain(pool, class, size, &full)) == NULL) {
        status = full ? FB_CANCELED : FB_NO_MEMORY;
        atomic_store(&pool->is_short, full);
        if (!full || stop == NULL || fb_stop_level(stop) >= FB_STOP_DRAIN)
            break;
        wait_for_room(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    if (item == NULL)
        return status;
    atomic_store(&pool->is_short, false);
    *ret_item = item;
    return FB_OK;
}

/* Without the lock as long as there are blocks of the class near. */
static enum fb_status get_block(struct fb_item_pool *pool, size_t size, struct fb_stop *stop,
                                struct fb_item **ret_item)
{
    unsigned class = class_of(size);
    struct fb_item *item = class == CLASS_NONE ? NULL : pop(&pool->near[class]);
    enum fb_status status = FB_OK;

    if (class != CLASS_NONE)
        size = class_size(class);
    if (item == NULL)
        status = wait_for_block(pool, class, size, stop, &item);
    if (status != FB_OK)
        return status;
    atomic_store_explicit(&pool->got_bytes,
                          atomic_load_explicit(&pool->got_bytes, memory_order_relaxed) +
                              item->block_bytes,
                          memory_order_relaxed);
    *ret_item = item;
    return FB_OK;
}

enum fb_status fb_item_pool_get(struct fb_item_pool *pool, const struct fb_record *record,
                                struct fb_stop *stop, struct fb_item **ret_item)
{
    size_t size = sizeof(struct fb_item) + record->key_size + record->item_size +
                  record->text_size + FB_TEXT_BLOCK;
    struct fb_item *item = NULL;
    enum fb_status status = get_block(pool, size, stop, &item);

    if (status != FB_OK)
        return status;
    item->next = NULL;
    item->folded = NULL;
    item->span = NULL;
    item->record_number = record->number;
    item->offset_bytes = record->offset_bytes;
    item->key_hash = record->key_hash;
    item->key_size = (uint32_t)record->key_size;
    item->json_size = (uint32_t)record->item_size;
    item->text_size = (uint32_t)record->text_size;
    item->counted_bytes = record->item_counted_bytes;
    item->version_at = record->version_at;
    item->version_size = record->version_size;
    item->operation = record->operation;
    item->format = record->format;
    memcpy(item->bytes, record->key, record->key_size);
    memcpy(item->bytes + item->key_size, record->item, record->item_size);
    memcpy(item->bytes + item->key_size + item->json_size, record->text, record->text_size);
    *ret_item = item;
    return FB_OK;
}

void fb_item_pool_put(struct fb_item_pool *pool, struct fb_item *list)
{
    bool wakes;

    pthread_mutex_lock(&pool->lock);
    while (list != NULL) {
        struct fb_item *next = list->next;
        unsigned class = class_of(list->block_bytes - FB_ITEM_WRITE_BYTES);

        pool->returned_bytes += list->block_bytes;
        if (class == CLASS_NONE) {
            pool->allocated_bytes -= list->block_bytes;
            free(list);
        } else {
            list->next = pool->shared[class];
            pool->shared[class] = list;
        }
        list = next;
    }
    wakes = pool->wake_at_bytes != 0 && pool->returned_bytes >= pool->wake_at_bytes;
    pthread_mutex_unlock(&pool->lock);
    /* Without the lock, which is the first thing that the getter takes. */
    if (wakes)
        pthread_cond_signal(&pool->came_back);
}

bool fb_item_pool_is_short(struct fb_item_pool *pool)
{
    return atomic_load(&pool->is_short);
}

void fb_item_pool_wake(struct fb_item_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->came_back);
    pthread_mutex_unlock(&pool->lock);
}

uint64_t fb_item_pool_in_use_bytes(struct fb_item_pool *pool)
{
    uint64_t bytes;

    pthread_mutex_lock(&pool->lock);
    bytes = in_use_bytes(pool);
    pthread_mutex_unlock(&pool->lock);
    return bytes;
}
