/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/event.h"

#include <errno.h>

#include "firebridge/base/heartbeat.h"

void fb_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct timespec fb_deadline_after(int64_t wait_ms)
{
    struct timespec deadline;

    if (wait_ms < 0)
        wait_ms = 0;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += wait_ms / 1000;
    deadline.tv_nsec += (wait_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

void fb_event_init(struct fb_event *event)
{
    pthread_mutex_init(&event->lock, NULL);
    fb_condition_init(&event->raised);
    event->count = 0;
}

void fb_event_done(struct fb_event *event)
{
    pthread_cond_destroy(&event->raised);
    pthread_mutex_destroy(&event->lock);
}

void fb_event_raise(struct fb_event *event)
{
    pthread_mutex_lock(&event->lock);
    event->count++;
    pthread_cond_broadcast(&event->raised);
    pthread_mutex_unlock(&event->lock);
}

uint64_t fb_event_count(struct fb_event *event)
{
    uint64_t count;

    pthread_mutex_lock(&event->lock);
    count = event->count;
    pthread_mutex_unlock(&event->lock);
    return count;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

bool fb_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                       const struct timespec *until)
{
    const struct timespec beat = fb_deadline_after(FB_HEARTBEAT_MS);
    const bool is_last = until != NULL && is_before(until, &beat);

    fb_heartbeat();
    return pthread_cond_timedwait(condition, lock, is_last ? until : &beat) != ETIMEDOUT ||
           !is_last;
}

bool fb_event_wait(struct fb_event *event, uint64_t seen, int64_t wait_ms)
{
    const struct timespec deadline = fb_deadline_after(wait_ms);
    bool has_time = true;
    bool raised;

    pthread_mutex_lock(&event->lock);
    while (event->count == seen && has_time)
        has_time = fb_condition_wait(&event->raised, &event->lock, wait_ms < 0 ? NULL : &deadline);
    raised = event->count != seen;
    pthread_mutex_unlock(&event->lock);
    return raised;
}
