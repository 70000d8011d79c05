/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a stream's objects and puts them into the state file.
 *
 * First the whole prefix, once, resumable by page (the backlog). Then the folders that can still
 * receive objects, at each poll; and at each sweep every folder whose end is later than the start
 * of the last complete sweep minus the look-back, so that a late object is found after an outage
 * of any length. A layout from which no folder can be derived is listed whole at each poll, which
 * then is a sweep too.
 *
 * Where partitions stand before the time, those in which nothing came for an hour are left out of
 * polls, and the longer they are quiet the more sweeps pass them over (partitions.h).
 *
 * The budget stretches listings: polls and sweeps wait for their next call, each for its share. The
 * first listing and a run once are not held up by it.
 *
 * Low-water mark: objects whose key time and LastModified are both before it were seen and ended;
 * their rows are gone, and a listing that shows them again passes them over. It moves with
 * complete sweeps only, and stays behind the newest LastModified that S3 has shown.
 *
 * Time here is the clock as S3 accepts it: the clock plus the skew that signing has learnt.
 *
 * Threads: one owner. The counters are read from anywhere.
 */
#ifndef FIREBRIDGE_PIPELINE_POLLER_H
#define FIREBRIDGE_PIPELINE_POLLER_H

#include <stdatomic.h>

#include "firebridge/aws/s3.h"
#include "firebridge/pipeline/layout.h"
#include "firebridge/pipeline/patience.h"
#include "firebridge/state/state.h"

/* ListObjectsV2, or a test's idea of it. */
typedef enum fb_status (*fb_list_page_fn)(struct fb_client *client,
                                          const struct fb_s3_list_request *request,
                                          struct fb_s3_list_result *ret_result,
                                          struct fb_error *error);

struct fb_poller_options {
    const char *stream, *bucket; /* outlive the poller, as does the layout */
    const struct fb_layout *layout;
    fb_list_page_fn list_page;
    struct fb_client client;
    struct fb_state *state;
    const struct fb_stream_row *row; /* as the state file has it at the start; copied */
    int64_t poll_interval_ms, sweep_interval_ms, lookback_ms;
    uint64_t list_budget;                /* LIST calls an hour; 0: no limit */
    struct fb_poller_counters *counters; /* outlive it; NULL: its own */
    struct fb_clock *clock;
    struct fb_stop *stop; /* ends it at FB_STOP_DRAIN */
    struct fb_patience_options patience;
    uint64_t seed;
    /*
     * Whether what is pending may be taken up: not while a listing of several pages that has
     * found something new is under way, for its later pages may hold what comes first.
     */
    void (*on_takeable)(void *context, bool takeable);
    void (*on_objects)(void *context); /* there are new ones */
    void *context;
};

struct fb_poller_counters {
    atomic_uint_fast64_t list_calls;
    atomic_uint_fast64_t polls, sweeps;                /* complete */
    atomic_uint_fast64_t objects;                      /* found new */
    atomic_uint_fast64_t left_out[FB_KEY_FOREIGN + 1]; /* in the last complete sweep, by verdict */
    atomic_int_fast64_t poll_every_ms, sweep_every_ms; /* as they come: what they took, or more */
    atomic_bool is_stretched;                          /* list_budget makes them come less often */
    atomic_uint_fast64_t partitions, quiet_partitions; /* as of the last complete sweep */
};

struct fb_poller;

enum fb_status fb_poller_new(const struct fb_poller_options *options, struct fb_poller **ret_poller,
                             struct fb_error *error) FB_MUST_CHECK;
void fb_poller_free(struct fb_poller *poller);

/*
 * Does what is due: the backlog, a sweep or a poll. FB_OK with the wait until the next is due;
 * FB_CANCELED: a stop; any other: the patience gave up.
 */
enum fb_status fb_poller_step(struct fb_poller *poller, int64_t *ret_wait_ms,
                              struct fb_error *error) FB_MUST_CHECK;

/* Steps and waits until a stop (FB_CANCELED) or until the patience gives up. */
enum fb_status fb_poller_run(struct fb_poller *poller, struct fb_error *error) FB_MUST_CHECK;

/* The backlog if it is not listed yet, and one full sweep. */
enum fb_status fb_poller_run_once(struct fb_poller *poller, struct fb_error *error) FB_MUST_CHECK;

const struct fb_poller_counters *fb_poller_counters(const struct fb_poller *poller);

#endif
