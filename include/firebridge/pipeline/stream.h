/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configured pipeline, from S3 prefix to table: the supervisor that describes the table,
 * opens the checkpoint, starts poller, decoder and lanes, commits checkpoints, and ends them.
 *
 * Streams share nothing but the process, the state file's connection and the credentials. A
 * stream in trouble says so, tries again, and never takes another down.
 *
 * Threads: fb_stream_stop, _hold, _report and _work from any thread; the rest from one.
 */
#ifndef FIREBRIDGE_PIPELINE_STREAM_H
#define FIREBRIDGE_PIPELINE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/s3.h"
#include "firebridge/codec/key.h"
#include "firebridge/pipeline/decoder.h"
#include "firebridge/pipeline/hold.h"
#include "firebridge/pipeline/layout.h"
#include "firebridge/state/state.h"

enum fb_stream_side { FB_SIDE_SOURCE, FB_SIDE_TABLE, FB_SIDE_LETTERS };

/* The calls to AWS; a test may pass its own. */
struct fb_stream_calls {
    enum fb_status (*describe_table)(struct fb_client *client, const char *table,
                                     struct fb_table *ret_table, struct fb_error *error);
    enum fb_status (*list_page)(struct fb_client *client, const struct fb_s3_list_request *request,
                                struct fb_s3_list_result *ret_result, struct fb_error *error);
    enum fb_status (*get)(struct fb_client *client, const struct fb_s3_get_request *request,
                          struct fb_error *error);
    fb_put_object_fn put; /* of dead letters */
    fb_write_fn write;
    struct fb_adding_calls adding; /* of a stream that adds */
    /* A client for one thread, with a connection of its own, and its end. */
    enum fb_status (*connect)(void *context, enum fb_stream_side side, struct fb_stop *stop,
                              enum fb_stop_level stop_at, struct fb_client *ret_client,
                              struct fb_error *error);
    void (*disconnect)(struct fb_client *client);
    void *connect_context;
};

/* Where dead letters go, and how many may come. */
struct fb_stream_letters {
    const char *bucket, *prefix; /* in S3; NULL: in files */
    const char *directory;       /* of all streams' files */
    uint64_t max_file_bytes, max_bytes;
    uint64_t max_letters, in_records; /* so many of so many records stop the stream */
    bool accept_all;                  /* none do */
};

/* Everything in it outlives the stream. */
struct fb_stream_options {
    const char *name, *source, *bucket, *table;
    const char *fingerprint;
    struct fb_layout *layout;
    int64_t start_ms; /* 0: the whole prefix */
    int64_t poll_interval_ms, sweep_interval_ms, lookback_ms;
    uint64_t list_budget;     /* LIST calls an hour; 0: no limit */
    const char *marker_table; /* of one that adds; NULL: the table itself */
    const char *marker_ttl_attribute;
    int64_t marker_ttl_ms;
    unsigned decoders; /* over 1 only with in_any_order */
    unsigned writers;  /* at least one for each decoder */
    int64_t linger_ms;
    int64_t coalesce_for_ms; /* how an item waits for later ones of its key: lane.h */
    size_t coalesce_items;
    unsigned max_write_units;               /* a second; 0: no limit */
    bool removes_nulls;                     /* in `update` */
    struct fb_object_reader_options reader; /* but its schema and seed */
    /* Whether the records can become items with this key; NULL: they can. */
    enum fb_status (*check_key)(const void *context, const struct fb_key_schema *schema,
                                struct fb_error *error);
    const void *check_context;
    enum fb_on_damage on_damage;
    bool adds;         /* its records may add: all goes by transactions, exactly once */
    bool in_any_order; /* objects are read side by side, each with a frontier of its own */
    bool once;         /* work through what is there, then end */
    uint64_t max_in_flight;
    struct fb_stream_letters letters;
    int64_t once_patience_ms; /* with once: give up after so long without any success */
    int64_t stall_timeout_ms;

    struct fb_stream_calls calls;
    struct fb_state *state;
    struct fb_clock *clock;
    uint64_t seed;
    void (*on_change)(void *context); /* the report has news; from any thread */
    void *context;
};

struct fb_stream;

/* Starts the supervisor. */
enum fb_status fb_stream_start(const struct fb_stream_options *options,
                               struct fb_stream **ret_stream, struct fb_error *error) FB_MUST_CHECK;

/* FB_STOP_DRAIN: finish what is in flight. FB_STOP_NOW: leave it for next time. */
void fb_stream_stop(struct fb_stream *stream, enum fb_stop_level level);

/* Holds back what is asked for, or lets go. Listing goes on. It ends with the stream. */
void fb_stream_hold(struct fb_stream *stream, enum fb_hold hold);

/* Waits for the supervisor and frees. NULL is allowed. */
void fb_stream_free(struct fb_stream *stream);

struct fb_stream_report {
    bool attempted; /* the first attempt has ended, well or not */
    bool finished;  /* the supervisor is at its end */
    bool healthy;
    bool failed;                             /* it stopped for good; the problem says why */
    bool left_undone;                        /* with once: not everything is written */
    enum fb_hold hold;                       /* as a person asked */
    bool at_rest;                            /* with a hold: nothing that was begun is unfinished */
    char problem[512];                       /* the last; it may be over: see healthy */
    char holding_digest[FB_KEY_DIGEST_SIZE]; /* of a key that held all up, lately; or empty */
    int64_t problem_ms;                      /* when it was met last; 0: never */
    uint64_t objects, objects_changed, objects_vanished, objects_damaged;
    uint64_t records, passed_over, left_out, mismatches, dead_letters, bytes_read;
    uint64_t items_written, items_deleted, items_coalesced, write_units_saved, items_kept;
    uint64_t calls, retries;
    /* What is still to be written, as of some seconds ago; pending and begun objects. */
    uint64_t backlog_objects, backlog_bytes;
    int64_t oldest_ms;          /* the key time of the oldest of them; 0: none */
    int64_t backlog_done_in_ms; /* at the pace of the last minutes; -1: it does not shrink */
    /* Listings: how often they come, by list_budget. */
    uint64_t list_calls, list_budget; /* since the start; an hour */
    bool lists_stretched;             /* the budget makes them come less often than they should */
    int64_t poll_every_ms, sweep_every_ms;
    uint64_t partitions, quiet_partitions; /* folders before the time that are known */
};

void fb_stream_report(struct fb_stream *stream, struct fb_stream_report *ret_report);

/* An object that is read. */
struct fb_stream_work {
    char key[1025];
    uint64_t size_bytes, read_bytes; /* as it lies in S3 */
};

/* What the decoders read, `count` of them at most. Returns how many. */
size_t fb_stream_work(struct fb_stream *stream, struct fb_stream_work *ret_works, size_t count);

#endif
