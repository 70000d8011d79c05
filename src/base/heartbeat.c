/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/heartbeat.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t hearts_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list of them */
static struct fb_heart *hearts;
static _Thread_local struct fb_heart *own;

/* Nobody else writes it, so no locked instruction is needed. */
void fb_heartbeat(void)
{
    if (own != NULL)
        atomic_store_explicit(&own->beats,
                              atomic_load_explicit(&own->beats, memory_order_relaxed) + 1,
                              memory_order_relaxed);
}

void fb_heart_begin(struct fb_heart *heart, const char *name)
{
    *heart = (struct fb_heart){.thread_id = gettid()};
    snprintf(heart->name, sizeof heart->name, "%s", name);
    pthread_mutex_lock(&hearts_lock);
    heart->next = hearts;
    if (hearts != NULL)
        hearts->previous = heart;
    hearts = heart;
    pthread_mutex_unlock(&hearts_lock);
    own = heart;
}

void fb_heart_end(struct fb_heart *heart)
{
    own = NULL;
    pthread_mutex_lock(&hearts_lock);
    if (heart->previous != NULL)
        heart->previous->next = heart->next;
    else
        hearts = heart->next;
    if (heart->next != NULL)
        heart->next->previous = heart->previous;
    pthread_mutex_unlock(&hearts_lock);
}

void fb_heartbeat_look(int64_t now_ms, struct fb_silence *ret_longest)
{
    *ret_longest = (struct fb_silence){.silent_ms = 0};
    pthread_mutex_lock(&hearts_lock);
    for (struct fb_heart *heart = hearts; heart != NULL; heart = heart->next) {
        const uint64_t beats = atomic_load_explicit(&heart->beats, memory_order_relaxed);

        if (heart->seen_ms == 0 || beats != heart->seen_beats) {
            heart->seen_beats = beats;
            heart->seen_ms = now_ms;
        }
        if (now_ms - heart->seen_ms <= ret_longest->silent_ms)
            continue;
        ret_longest->silent_ms = now_ms - heart->seen_ms;
        ret_longest->thread_id = heart->thread_id;
        memcpy(ret_longest->name, heart->name, sizeof ret_longest->name);
    }
    pthread_mutex_unlock(&hearts_lock);
}
