/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a stream's objects and puts them into the state file.
 *
 * First the whole prefix, once, resumable by page (the backlog). Then the fresh folders at each
 * poll, and at each sweep every folder whose end is later than the start of the last complete
 * sweep minus the look-back: a late object is found after an outage of any length. A layout from
 * which no folder can be derived is listed whole at each poll, which then is a sweep too.
 *
 * Low-water mark: an object whose key time and LastModified both lie before the folder in which
 * the sweep at hand begins was seen by the sweep before, and its row may be gone; a listing that
 * shows it again passes it over. Rows go only behind a complete sweep, and never later than the
 * newest LastModified that S3 itself has shown minus the look-back, so that a clock of ours that
 * runs ahead takes nothing away.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_PIPELINE_POLLER_H
#define FIREBRIDGE_PIPELINE_POLLER_H

#include "firebridge/aws/s3.h"
#include "firebridge/pipeline/layout.h"
#include "firebridge/state/state.h"

/* What it asks of AWS: fb_s3_list_page and fb_verdict_of, or a test's idea of them. */
struct fb_poller_io {
    enum fb_status (*list_page)(struct fb_client *client, const struct fb_s3_list_request *request,
                                struct fb_s3_list_result *ret_result, struct fb_error *error);
    enum fb_verdict (*verdict_of)(const struct fb_error *error);
    struct fb_client *client;
};

struct fb_poller_options {
    const char *stream, *bucket; /* outlive the poller, as do the layout and the state */
    const struct fb_layout *layout;
    struct fb_state *state;
    const struct fb_stream_row *row; /* as it stands at the start; copied */
    struct fb_poller_io io;
    int64_t poll_interval_ms, sweep_interval_ms, lookback_ms;
    int64_t once_patience_ms; /* of fb_poller_run_once, with what keeps failing */
    struct fb_clock *clock;
    struct fb_stop *stop; /* ends it at FB_STOP_DRAIN */
    uint64_t seed;
    void (*on_objects)(void *context); /* there are new ones; may be NULL */
    /* At each try that fails for long or for a person to mend; `error` NULL: well again. */
    void (*on_health)(void *context, enum fb_verdict verdict, const struct fb_error *error);
    void *context;
};

struct fb_poller_counts {
    uint64_t list_calls;
    uint64_t polls, sweeps;                /* complete */
    uint64_t objects;                      /* found new */
    uint64_t left_out[FB_KEY_FOREIGN + 1]; /* in the last complete sweep, by verdict */
};

struct fb_poller;

enum fb_status fb_poller_new(const struct fb_poller_options *options, struct fb_poller **ret_poller,
                             struct fb_error *error) FB_MUST_CHECK;
void fb_poller_free(struct fb_poller *poller);

/*
 * Does the one thing that is due: the backlog, a sweep or a poll. FB_OK with the wait until the
 * next is due. FB_CANCELED: a stop; what is listed is stored. Else the state file is unusable.
 */
enum fb_status fb_poller_step(struct fb_poller *poller, int64_t *ret_wait_ms,
                              struct fb_error *error) FB_MUST_CHECK;

/* Steps and waits until a stop (FB_CANCELED). */
enum fb_status fb_poller_run(struct fb_poller *poller, struct fb_error *error) FB_MUST_CHECK;

/*
 * The backlog if it is not listed yet, then a full sweep. Fails with what a person must mend at
 * its third try, and with anything else that fails for once_patience_ms without a break.
 */
enum fb_status fb_poller_run_once(struct fb_poller *poller, struct fb_error *error) FB_MUST_CHECK;

const struct fb_poller_counts *fb_poller_counts(const struct fb_poller *poller);

#endif
