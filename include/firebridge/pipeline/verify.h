/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a table has what a stream's objects say: the objects are read again as the decoder reads
 * them, their records folded per key in the order in which they were written, and the keys read
 * back from the table.
 *
 * What the table has instead may be right: a record of an object that was not read, or that is
 * being written. So whatever differs is a suspect at first. For suspects all objects are read from
 * their first one on, and only what differs then, while nothing of its key was taken up meanwhile,
 * is a finding. Of what cannot be told at all that is said.
 *
 * Threads: one owner. A daemon may write meanwhile.
 */
#ifndef FIREBRIDGE_PIPELINE_VERIFY_H
#define FIREBRIDGE_PIPELINE_VERIFY_H

#include "firebridge/aws/batch_get.h"
#include "firebridge/codec/object_reader.h"
#include "firebridge/pipeline/decoder.h"
#include "firebridge/pipeline/expectation.h"
#include "firebridge/state/ledger.h"

typedef enum fb_status (*fb_batch_get_fn)(struct fb_client *client, const char *table,
                                          const struct fb_key_schema *schema,
                                          struct fb_get_entry *entries, size_t count,
                                          struct fb_buffer *answer, struct fb_error *error);

struct fb_verify_finding {
    enum fb_found found; /* anything but as expected and expired */
    bool is_unsure;      /* no finding: nobody can tell */
    const char *key;     /* {"id":{"S":"..."}} */
    const struct fb_difference *difference;
    const char *object; /* of the last record of the key, NULL where it is not known any more */
    uint64_t record;    /* its number in there */
};

struct fb_verify_counts {
    uint64_t objects, records; /* read; objects of suspects are not counted again */
    uint64_t gone;             /* objects that S3 has no more, or has others in place of */
    uint64_t left_out;         /* objects that the state file is about to forget */
    uint64_t keys;
    uint64_t as_expected, expired, missing, different, undeleted;
    uint64_t unsure;  /* being written, or written from what cannot be read any more */
    uint64_t unknown; /* keys of which nothing can be expected: sums */
};

/* Everything in it outlives the call. */
struct fb_verify_options {
    const char *stream, *bucket, *table;
    const char *checkpoint_source; /* whose checkpoint it must be: "s3://bucket/prefix" */
    const struct fb_layout *layout;
    struct fb_object_reader_options reader; /* with its schema */
    bool removes_nulls;
    bool in_any_order;
    struct fb_comparison comparison; /* but the time */
    const char *state_directory;
    struct fb_ledger_choice choice;
    fb_get_object_fn get;
    fb_batch_get_fn batch_get;
    struct fb_client source, target; /* of the bucket, and of the table */
    int64_t stall_timeout_ms;
    int64_t give_up_after_ms; /* without any success */
    struct fb_clock *clock;
    uint64_t seed;
    void (*on_finding)(void *context, const struct fb_verify_finding *finding);
    void *context;
};

/*
 * FB_OK: all was compared. FB_CONFLICT: the checkpoint is that of another source. Whatever it
 * returns, *counts says how far it came.
 */
enum fb_status fb_verify_run(const struct fb_verify_options *options,
                             struct fb_verify_counts *counts, struct fb_error *error) FB_MUST_CHECK;

#endif
