/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/stop.h"

#include <stddef.h>

#include "firebridge/base/event.h"

/* One condition for all tokens: stops are rare, and a parent reaches its children for free. */
static pthread_mutex_t stop_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stop_raised;
static pthread_once_t stop_once = PTHREAD_ONCE_INIT;

static void init_condition(void)
{
    fb_condition_init(&stop_raised);
}

void fb_stop_init(struct fb_stop *stop, struct fb_stop *parent)
{
    pthread_once(&stop_once, init_condition);
    atomic_init(&stop->level, FB_STOP_NOT);
    stop->parent = parent;
}

void fb_stop_request(struct fb_stop *stop, enum fb_stop_level level)
{
    pthread_mutex_lock(&stop_lock);
    if (atomic_load(&stop->level) < (int)level)
        atomic_store(&stop->level, (int)level);
    pthread_cond_broadcast(&stop_raised);
    pthread_mutex_unlock(&stop_lock);
}

enum fb_stop_level fb_stop_level(const struct fb_stop *stop)
{
    int level = FB_STOP_NOT;

    for (; stop != NULL; stop = stop->parent)
        if (atomic_load_explicit(&stop->level, memory_order_relaxed) > level)
            level = atomic_load_explicit(&stop->level, memory_order_relaxed);
    return (enum fb_stop_level)level;
}

bool fb_stop_wait(struct fb_stop *stop, enum fb_stop_level level, int64_t wait_ms)
{
    const struct timespec until = fb_deadline_after(wait_ms);
    bool has_time = true;

    pthread_mutex_lock(&stop_lock);
    while (fb_stop_level(stop) < level && has_time)
        has_time = fb_condition_wait(&stop_raised, &stop_lock, &until);
    pthread_mutex_unlock(&stop_lock);
    return fb_stop_level(stop) >= level;
}
