/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conf read anew while streams run.
 *
 * A thread reads and checks it and makes what speaks with AWS, which may ask the network; the main
 * thread then compares. A stream whose text in the conf, and that of [aws], is as it was runs on
 * untouched, with the reading it was made from. One that changed, has stopped or is gone drains,
 * for stop_timeout at most, ends at its frontier, and the new one begins there. A conf that is not
 * good, or needs a restart, is refused as a whole, and nothing changes.
 *
 * Threads: the main thread's, but for the thread named above, which shares nothing until it ended.
 */
#ifndef FIREBRIDGE_SRC_APP_RELOAD_H
#define FIREBRIDGE_SRC_APP_RELOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct fb_daemon;
struct fb_setup;

enum fb_reload_stage { FB_RELOAD_NONE, FB_RELOAD_READING, FB_RELOAD_APPLYING };

struct fb_reload {
    enum fb_reload_stage stage;
    bool is_wanted;         /* as soon as the one under way is through */
    unsigned number;        /* of reloads asked for */
    char problem[512];      /* why the last one was refused; empty: it was not */
    char outcome[128];      /* what the last one did */
    const char *path;       /* these are the thread's: */
    struct fb_setup *setup; /* NULL: it is not good */
    char found[512];        /* why, the first of it */
    pthread_t thread;
    atomic_bool has_read;
};

/* Begins, or notes that another is wanted. Returns its number. */
unsigned fb_reload_ask(struct fb_daemon *daemon);

/* What is to be done now. */
void fb_reload_look(struct fb_daemon *daemon);

/* The daemon ends: nothing new begins. */
void fb_reload_done(struct fb_daemon *daemon);

#endif
