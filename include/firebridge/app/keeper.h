/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks after the state file beside the work: checks all pages of a large one once, after the
 * start, and brings backups of it to S3, one now and then and one at the end.
 *
 * Threads: a thread of its own, for which nothing of the pipeline ever waits. The calls are its
 * owner's.
 */
#ifndef FIREBRIDGE_APP_KEEPER_H
#define FIREBRIDGE_APP_KEEPER_H

#include "firebridge/app/environment.h"
#include "firebridge/state/state.h"

struct fb_keeper;

/* All of it outlives the keeper. */
struct fb_keeper_options {
    struct fb_state *state;
    const char *directory;              /* of it */
    const struct fb_conf_daemon *conf;  /* whether, where and how often */
    struct fb_environment *environment; /* to connect with */
    struct fb_clock *clock;
    void (*on_end)(void *context); /* it has finished; from its thread */
    void *context;
};

enum fb_status fb_keeper_start(const struct fb_keeper_options *options,
                               struct fb_keeper **ret_keeper, struct fb_error *error) FB_MUST_CHECK;

/* Of the backups in S3. */
struct fb_keeper_report {
    int64_t kept_ms;       /* when the last one was put; 0: none since the start */
    struct fb_error error; /* why the last try failed; its status FB_OK: it did not */
};

/* From any thread. */
void fb_keeper_report(struct fb_keeper *keeper, struct fb_keeper_report *ret_report);

/* Nothing more will change the state: a check is broken off, and the last backup is due. To be said
 * again and again until it has finished. */
void fb_keeper_finish(struct fb_keeper *keeper);
bool fb_keeper_is_finished(const struct fb_keeper *keeper);

/* Breaks off what it is about. */
void fb_keeper_stop(struct fb_keeper *keeper);

/* Breaks off and waits. NULL is allowed. */
void fb_keeper_free(struct fb_keeper *keeper);

#endif
