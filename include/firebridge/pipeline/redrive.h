/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a stream's dead letters through its conf again, and removes those that are written.
 *
 * Invariant: a letter is removed only once DynamoDB has acknowledged its item, or the conf leaves
 *            its record out, or the same letter stands before it. A file is replaced or removed as
 *            a whole, at its end; a process that is killed leaves it as it was.
 * Threads:   one owner; the lanes' own beside it. A daemon may write to the same folder.
 */
#ifndef FIREBRIDGE_PIPELINE_REDRIVE_H
#define FIREBRIDGE_PIPELINE_REDRIVE_H

#include "firebridge/pipeline/layout.h"
#include "firebridge/pipeline/stream.h"

struct fb_redrive_calls {
    enum fb_status (*list_page)(struct fb_client *client, const struct fb_s3_list_request *request,
                                struct fb_s3_list_result *ret_result, struct fb_error *error);
    enum fb_status (*get)(struct fb_client *client, const struct fb_s3_get_request *request,
                          struct fb_error *error);
    fb_put_object_fn put;
    enum fb_status (*remove)(struct fb_client *client, const char *bucket, const char *key,
                             struct fb_error *error);
    fb_write_fn write;
    enum fb_status (*connect)(void *context, enum fb_stream_side side, struct fb_stop *stop,
                              enum fb_stop_level stop_at, struct fb_client *ret_client,
                              struct fb_error *error);
    void (*disconnect)(struct fb_client *client);
    void *connect_context;
};

/* Everything in it outlives the redrive. */
struct fb_redrive_options {
    const char *stream, *table;
    const struct fb_key_schema *schema;
    const struct fb_layout *layout;
    struct fb_record_reader_options reader;      /* with its schema, seed and mapping */
    const char *directory;                       /* of all streams' files */
    const char *letters_bucket, *letters_prefix; /* in S3; NULL: there are files alone */
    int64_t since_ms;                            /* letters before it stay */
    const char *reason;                          /* letters with another stay; NULL: none does */
    bool dry_run;                                /* only says what would be */
    bool if_absent;                              /* leaves alone what is in the table */
    unsigned writers;
    bool removes_nulls; /* in `update` */
    uint64_t max_in_flight;
    int64_t give_up_after_ms; /* without any success */
    int64_t stall_timeout_ms;
    struct fb_redrive_calls calls;
    struct fb_clock *clock;
    /* What a person should know of one letter, or of a call that is tried again. From any thread,
     * but one at a time. */
    void (*tell)(void *context, const char *message);
    void *context;
};

struct fb_redrive_counts {
    uint64_t letters;    /* of those that were asked for; the sum of what follows but the last */
    uint64_t written;    /* or would be */
    uint64_t left_out;   /* by the mapping's condition */
    uint64_t repeats;    /* of a letter that came before */
    uint64_t failed;     /* dead again; they stay with the new reason */
    uint64_t unfit;      /* cannot be redriven from what was kept; they stay as they are */
    uint64_t unreadable; /* lines that are no letters; they stay as they are */
};

/*
 * All of the stream's letters, in files and in S3, in their order. FB_CONFLICT: another redrive is
 * at work on the files. After a failure *counts says what was done before it.
 */
enum fb_status fb_redrive_run(const struct fb_redrive_options *options,
                              struct fb_redrive_counts *counts,
                              struct fb_error *error) FB_MUST_CHECK;

#endif
