/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of verify share: reading objects, and holding what they say against the table. */
#ifndef FIREBRIDGE_SRC_PIPELINE_VERIFY_PRIVATE_H
#define FIREBRIDGE_SRC_PIPELINE_VERIFY_PRIVATE_H

#include "firebridge/pipeline/patience.h"
#include "firebridge/pipeline/verify.h"

struct fb_verify {
    const struct fb_verify_options *options;
    struct fb_ledger *ledger;
    struct fb_object_reader *reader;
    struct fb_patience patience;
    struct fb_buffer before, merged; /* items at work */
    struct fb_buffer answer;
    struct fb_verify_counts *counts;
    bool only_suspects; /* what is not suspect is passed over */
    uint64_t blind;     /* the last object whose records nobody knows any more; 0: none */
};

/* Before a call is made again; not FB_OK: it will not be, for a person must act, or all was tried.
 */
enum fb_status fb_verify_wait(struct fb_verify *verify, struct fb_error *error) FB_MUST_CHECK;

/*
 * Reads one object and folds its records into the ledger. An object that is gone only counts, and
 * makes unsure. FB_UNAVAILABLE and the like: S3 did not give it in time.
 */
enum fb_status fb_verify_read(struct fb_verify *verify, const struct fb_ledger_object *object,
                              struct fb_error *error) FB_MUST_CHECK;

/*
 * Reads all keys back once: what is as expected is counted and forgotten, what is not becomes a
 * suspect.
 */
enum fb_status fb_verify_compare_all(struct fb_verify *verify,
                                     struct fb_error *error) FB_MUST_CHECK;

/* Says what the suspects come to. `newest`: the last object that was read for them. */
enum fb_status fb_verify_settle(struct fb_verify *verify, uint64_t newest,
                                struct fb_error *error) FB_MUST_CHECK;

/* Reads all objects behind `after` up to the newest there is, for the suspects. */
enum fb_status fb_verify_catch_up(struct fb_verify *verify, uint64_t after, uint64_t *ret_newest,
                                  struct fb_error *error) FB_MUST_CHECK;

#endif
