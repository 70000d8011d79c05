/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the pipeline meets a failed call: how long to wait, whether to tell a person, and, for
 * `run --once`, when to give up. A daemon never gives up on what may still succeed.
 *
 * Threads: one owner each; the health callback is the stream's and takes any thread.
 */
#ifndef FIREBRIDGE_PIPELINE_PATIENCE_H
#define FIREBRIDGE_PIPELINE_PATIENCE_H

#include <stdbool.h>

#include "firebridge/aws/client.h"
#include "firebridge/base/backoff.h"

struct fb_patience_options {
    struct fb_clock *clock;
    struct fb_stop *stop;
    enum fb_stop_level stop_at; /* ends a wait */
    int64_t give_up_after_ms;   /* without any success; 0: never */
    const char *what;           /* "list s3://b/p"; for messages; outlives it */
    /*
     * The call's health: an error when a person must act, `first` when it was well before; NULL
     * when it is well again.
     */
    void (*on_health)(void *context, const char *what, const struct fb_error *error, bool first);
    void *context;
};

struct fb_patience {
    struct fb_patience_options options;
    struct fb_backoff backoff;
    struct fb_random random;
    int64_t failing_since_ms; /* monotonic; 0: not failing */
    unsigned unhealthy_tries;
    bool unhealthy;
};

void fb_patience_init(struct fb_patience *patience, const struct fb_patience_options *options,
                      uint64_t seed);

/* The call succeeded, or something of it did (some items of a batch). */
void fb_patience_success(struct fb_patience *patience);

/* Says that a person must act, though the call may not be tried again soon. */
void fb_patience_tell(struct fb_patience *patience, const struct fb_error *error);

/*
 * What fb_patience_wait does but for the waiting, for who goes on with other things meanwhile.
 * FB_OK, or gave up.
 */
enum fb_status fb_patience_note(struct fb_patience *patience, struct fb_error *error) FB_MUST_CHECK;

/*
 * Waits before the next try. FB_OK: try again. FB_CANCELED: a stop. Any other status: give up;
 * it is the error's own, and the message says how long nothing succeeded. FB_REJECTED never comes
 * here.
 */
enum fb_status fb_patience_wait(struct fb_patience *patience, struct fb_error *error) FB_MUST_CHECK;

#endif
