/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream is made of: stream.c supervises, stream_parts.c makes the parts and ends them. */
#ifndef FIREBRIDGE_SRC_PIPELINE_STREAM_PRIVATE_H
#define FIREBRIDGE_SRC_PIPELINE_STREAM_PRIVATE_H

#include <pthread.h>

#include "backlog.h"
#include "firebridge/pipeline/backfiller.h"
#include "firebridge/pipeline/decoder.h"
#include "firebridge/pipeline/poller.h"
#include "firebridge/pipeline/stream.h"

/* A decoder with what is its alone. */
struct fb_stream_reader {
    struct fb_client client, adding_client;
    struct fb_outlet *outlet;
    struct fb_decoder *decoder;
};

struct fb_stream {
    struct fb_stream_options options;
    struct fb_stop stop;
    struct fb_event changed;     /* there is something to checkpoint, or a stop */
    struct fb_event pending;     /* objects may be pending, or a stop */
    atomic_bool may_take;        /* as the poller says */
    atomic_bool poller_finished; /* nothing will become pending any more */
    fb_hold_level hold;
    struct fb_decoder_counters read;
    struct fb_lane_counters written;
    struct fb_poller_counters listed;
    struct fb_budget budget; /* of all lanes */
    pthread_t thread, poller_thread;

    /* The supervisor's own: made once the table is known. */
    struct fb_table table;
    struct fb_table marker_table; /* of a stream that adds */
    struct fb_stream_row row;
    struct fb_poller *poller;
    bool poller_started;
    struct fb_backfiller *backfiller;
    pthread_t backfill_thread;
    bool backfill_started;
    struct fb_progress *progress;
    struct fb_takeup takeup;
    struct fb_stream_reader *readers; /* options.decoders of them */
    struct fb_client list_client, backfill_client, letters_client, *lane_clients;
    struct fb_patience checkpoint_patience;
    int64_t looked_ms;    /* for what is to be taken off */
    int64_t next_look_ms; /* at the backlog; monotonic */

    pthread_mutex_t lock;            /* guards what follows */
    struct fb_dead_letters *letters; /* these are set once, by the supervisor, */
    struct fb_item_pool **pools;     /* which reads them without the lock; a decoder's each */
    size_t pool_count;
    struct fb_lane **lanes; /* the same number for each decoder */
    size_t lane_count;
    struct fb_decoder_work *works; /* a decoder's each; NULL: none is made yet */
    bool at_rest;
    bool attempted, finished, failed, left_undone;
    unsigned unhealthy_parts; /* calls that a person must help */
    char problem[512];
    int64_t problem_ms;
    char holding_digest[FB_KEY_DIGEST_SIZE]; /* of the key that all waited for ... */
    int64_t holding_ms;                      /* ... then; monotonic; 0: never */
    struct fb_state_backlog left;            /* to be written, as of the last look */
    struct fb_backlog backlog;
};

/* Of a stream that adds, once its tables are known. */
struct fb_markers fb_stream_markers(const struct fb_stream *stream);

/* As struct fb_patience_options has it. */
void fb_stream_on_health(void *context, const char *what, const struct fb_error *error, bool first);

/* The stream cannot go on: it stops where it is. */
void fb_stream_on_failure(void *context, const struct fb_error *error);

/* All waits for this key. */
void fb_stream_on_holding(void *context, const char *key_digest);

/* How the stream's calls meet failure; a wait ends at `stop_at`. `what` is still to be set. */
struct fb_patience_options fb_stream_patience(struct fb_stream *stream, enum fb_stop_level stop_at);

enum fb_status fb_stream_connect(struct fb_stream *stream, enum fb_stream_side side,
                                 enum fb_stop_level stop_at, struct fb_client *ret_client,
                                 struct fb_error *error) FB_MUST_CHECK;
void fb_stream_disconnect(struct fb_stream *stream, struct fb_client *client);

/* FB_IO: the folder cannot be made or opened; it may be later. */
enum fb_status fb_stream_open_letters(struct fb_stream *stream,
                                      struct fb_error *error) FB_MUST_CHECK;

/* Whether nothing that was read is on its way. */
bool fb_stream_is_settled(struct fb_stream *stream);

/* Progress, pools, lanes, poller, decoders. What was made is freed by the two below. */
enum fb_status fb_stream_start_parts(struct fb_stream *stream,
                                     struct fb_error *error) FB_MUST_CHECK;

/* Waits for decoders, poller and lanes, in this order. */
void fb_stream_end_parts(struct fb_stream *stream);

/* Hands what a person wants taken off to whoever reads it; looks at the state file now and then. */
void fb_stream_take_off(struct fb_stream *stream);

/* After all threads. */
void fb_stream_free_parts(struct fb_stream *stream);

/* Looks at the backlog where that is due, or `now`; what the report says of it. (stream_backlog.c)
 */
void fb_stream_look_at_backlog(struct fb_stream *stream, bool now);

/* The report's part of it, and of listings; with the lock held. */
void fb_stream_report_backlog(const struct fb_stream *stream, struct fb_stream_report *report);

#endif
