/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consecutive records of one object that one transaction carries: folded per key, as far as they
 * go together. Additions of a key are summed, what is set is set to the last; of a put and a delete
 * the later one counts. An addition and one of those do not fold: then the run is at its end.
 *
 * The records are kept until they are settled, as DynamoDB may refuse one of them: then the run is
 * folded anew, in parts and without it.
 *
 * Invariant: a fold has at most FB_RUN_MAX_KEYS keys, and a run max_bytes, but for a single record.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_PIPELINE_RUN_H
#define FIREBRIDGE_PIPELINE_RUN_H

#include "firebridge/aws/transact.h"
#include "firebridge/codec/mapping.h"
#include "firebridge/codec/record_reader.h"

/* One action is the marker's. */
#define FB_RUN_MAX_KEYS (FB_TRANSACT_MAX_ACTIONS - 1)

struct fb_run;

struct fb_run_options {
    const char *table;
    const struct fb_key_schema *schema;
    const struct fb_mapping *mapping; /* one that may add */
    size_t max_bytes;                 /* of records, as they are kept */
};

/* All of it outlives the run. */
enum fb_status fb_run_new(const struct fb_run_options *options, struct fb_run **ret_run,
                          struct fb_error *error) FB_MUST_CHECK;
void fb_run_free(struct fb_run *run);

/* Forgets all records. */
void fb_run_clear(struct fb_run *run);

/* Takes a copy. FB_TOO_LARGE: it does not go with what is in the run; never of the first one. */
enum fb_status fb_run_take(struct fb_run *run, const struct fb_record *record) FB_MUST_CHECK;

/* The last record has no further output, as when the next one is not of it. */
void fb_run_end_record(struct fb_run *run);

size_t fb_run_count(const struct fb_run *run);

/* How many are not outputs of a record that may have more; all of them when that is none. */
size_t fb_run_whole_count(const struct fb_run *run);

/* Forgets the first `count` records; the others are then as if just taken. */
void fb_run_forget(struct fb_run *run, size_t count);

/* The i-th record, for a dead letter or to see where it stands. It lives as long as the run has it.
 */
struct fb_record fb_run_record(const struct fb_run *run, size_t i);

/* The i-th record is settled: no fold has it any more. */
void fb_run_drop(struct fb_run *run, size_t i);

/* Folds as many of the records [from, to) as go together. Returns the end of those. */
size_t fb_run_fold(struct fb_run *run, size_t from, size_t to);

/* What the fold is: how many items of how many records, and what is done to how many of them. */
struct fb_run_tally {
    size_t items, records, by_operation[FB_LEAVE_OUT];
};

struct fb_run_tally fb_run_fold_tally(const struct fb_run *run);

/*
 * Appends the fold's actions to `out`, and lists them in `actions`, which has room for
 * FB_RUN_MAX_KEYS. `out` must not grow as long as they are used. FB_NO_MEMORY.
 */
enum fb_status fb_run_compose(struct fb_run *run, struct fb_buffer *out,
                              struct fb_transact_action *actions, size_t *ret_count) FB_MUST_CHECK;

/* Whether the i-th record is all that one action is made of, and DynamoDB refuses that one. */
bool fb_run_is_at_fault(const struct fb_run *run, const struct fb_transact_action *actions,
                        size_t i);

#endif
