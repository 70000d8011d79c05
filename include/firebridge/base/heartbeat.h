/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs of life of threads. A thread beats at every turn of its loop, and at least every
 * FB_HEARTBEAT_MS while it waits: waits without an end are cut into such pieces, and whatever waits
 * for a network or a process comes back to beat. So a thread that does not beat hangs: it is
 * neither idle nor throttled nor does it wait for a slow peer.
 *
 * All threads that fb_thread_start starts have one. A beat costs one addition: no time is read.
 *
 * Threads: fb_heartbeat from any; a watcher has one owner.
 */
#ifndef FIREBRIDGE_BASE_HEARTBEAT_H
#define FIREBRIDGE_BASE_HEARTBEAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FB_HEARTBEAT_MS 1000

/* The calling thread lives. Where it has no heart, nothing happens. */
void fb_heartbeat(void);

/* A thread's heart, in memory of whoever made it. */
struct fb_heart {
    atomic_uint_fast64_t beats;
    char name[16];
    pid_t thread_id;
    uint64_t seen_beats; /* these are the watcher's: */
    int64_t seen_ms;     /* when they changed last; 0: it was not looked at yet */
    struct fb_heart *next, *previous;
};

/* The calling thread beats with this heart from now on, until it takes it out. */
void fb_heart_begin(struct fb_heart *heart, const char *name);
void fb_heart_end(struct fb_heart *heart);

/* The thread that has been silent for longest. */
struct fb_silence {
    char name[16];
    pid_t thread_id;
    int64_t silent_ms;
};

/* Looks at all hearts. With none, silent_ms is 0. */
void fb_heartbeat_look(int64_t now_ms, struct fb_silence *ret_longest);

#endif
