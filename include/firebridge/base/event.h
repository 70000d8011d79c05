/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Something may have changed": a counter that threads wait on.
 *
 *     seen = fb_event_count(event);
 *     look for work; when there is none:
 *     fb_event_wait(event, seen, wait_ms);      returns at once when it was raised since `seen`
 *
 * Threads: any. The lock guards the counter.
 */
#ifndef FIREBRIDGE_BASE_EVENT_H
#define FIREBRIDGE_BASE_EVENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct fb_event {
    pthread_mutex_t lock;
    pthread_cond_t raised;
    uint64_t count;
};

void fb_event_init(struct fb_event *event);
void fb_event_done(struct fb_event *event);
void fb_event_raise(struct fb_event *event);
uint64_t fb_event_count(struct fb_event *event);

/* True when it was raised since `seen`; false after wait_ms (below 0: waits for ever). */
bool fb_event_wait(struct fb_event *event, uint64_t seen, int64_t wait_ms);

/* CLOCK_MONOTONIC now plus wait_ms, for a condition on that clock. */
struct timespec fb_deadline_after(int64_t wait_ms);

/* A condition whose timed waits are on CLOCK_MONOTONIC. */
void fb_condition_init(pthread_cond_t *condition);

/*
 * Waits for such a condition until then (NULL: for ever), but comes back every FB_HEARTBEAT_MS, as
 * it may for no reason at all: to be called in a loop. False: the time is over.
 */
bool fb_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                       const struct timespec *until);

#endif
