/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request to end, that any number of threads wait on and look at.
 *
 * Levels only ever rise: 0 goes on, FB_STOP_DRAIN takes up nothing new and finishes what is in
 * flight, FB_STOP_NOW leaves everything where it is. A token may have a parent, whose level
 * counts too: a stream's own token under the program's.
 * Threads: all calls from any thread. The lock is private and guards the level's waiters.
 */
#ifndef FIREBRIDGE_BASE_STOP_H
#define FIREBRIDGE_BASE_STOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fb_stop_level { FB_STOP_NOT, FB_STOP_DRAIN, FB_STOP_NOW };

struct fb_stop {
    atomic_int level;
    struct fb_stop *parent; /* outlives this one; may be NULL */
};

void fb_stop_init(struct fb_stop *stop, struct fb_stop *parent);

/* Raises the level and wakes every waiter of this token and of its children. */
void fb_stop_request(struct fb_stop *stop, enum fb_stop_level level);

enum fb_stop_level fb_stop_level(const struct fb_stop *stop);

/* Waits in real time. Returns true as soon as the level is at least `level`. */
bool fb_stop_wait(struct fb_stop *stop, enum fb_stop_level level, int64_t wait_ms);

#endif
