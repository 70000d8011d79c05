/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the records of one decoder go: a table of functions, with what all kinds of it share.
 *
 * An outlet has one object open at a time. It passes over the records that are done already, and
 * answers for all others: each is acknowledged, or its dead letter kept, or it is left for the next
 * start.
 *
 * Threads: the decoder's.
 */
#ifndef FIREBRIDGE_PIPELINE_OUTLET_H
#define FIREBRIDGE_PIPELINE_OUTLET_H

#include <stdatomic.h>

#include "firebridge/aws/transact.h"
#include "firebridge/codec/record_reader.h"
#include "firebridge/pipeline/dead_letters.h"
#include "firebridge/pipeline/item.h"
#include "firebridge/pipeline/lane.h"
#include "firebridge/pipeline/marker.h"
#include "firebridge/pipeline/progress.h"
#include "firebridge/pipeline/rate.h"

struct fb_outlet;

/* `error` is never NULL. */
struct fb_outlet_functions {
    /* The object is open, at outlet->next, which may be moved on, as may outlet->output. NULL:
     * nothing to do. */
    enum fb_status (*begin)(struct fb_outlet *outlet, struct fb_error *error);
    /* A record that is not done, good or dead. */
    enum fb_status (*take)(struct fb_outlet *outlet, const struct fb_record *record,
                           struct fb_error *error);
    /* The decoder will wait for bytes: what is gathered goes on its way. NULL: nothing is. */
    void (*flush)(struct fb_outlet *outlet);
    /* No record follows in this object; what was taken of it is on its way. */
    enum fb_status (*finish)(struct fb_outlet *outlet, struct fb_error *error);
    /* The object is left in the middle, for the next start. */
    void (*leave)(struct fb_outlet *outlet);
    /* Waits until all that was taken is acknowledged, or for FB_STOP_NOW. NULL: it always is. */
    void (*settle)(struct fb_outlet *outlet);
    void (*free)(struct fb_outlet *outlet);
};

struct fb_outlet_options {
    struct fb_progress *progress;
    struct fb_dead_letters *letters;
    atomic_uint_fast64_t *ordinals;      /* of all records of the stream since its start */
    struct fb_patience_options patience; /* for dead letters that the disk refuses */
    struct fb_clock *clock;
    struct fb_stop *stop;
    uint64_t seed;
};

struct fb_outlet {
    const struct fb_outlet_functions *functions;
    struct fb_outlet_options options;
    struct fb_patience patience;

    /* Of the object at hand. */
    struct fb_progress_object *object;
    const struct fb_state_object *identity;
    struct fb_span *span;      /* NULL: none is open */
    struct fb_frontier next;   /* all before it is done, or on its way ... */
    uint64_t output;           /* ... and so many of what a jq program makes of the record there */
    uint64_t end_offset_bytes; /* behind the last record that was passed */
    uint64_t dead_letters;
    uint64_t left_alone; /* records of a replay that would change what is in the table */
};

/* What all kinds do first. */
void fb_outlet_init(struct fb_outlet *outlet, const struct fb_outlet_functions *functions,
                    const struct fb_outlet_options *options);

/* Takes over the strings of `object`, and begins at its frontier. */
enum fb_status fb_outlet_begin(struct fb_outlet *outlet, struct fb_state_object *object,
                               struct fb_error *error) FB_MUST_CHECK;

/* Whether it stands before outlet->next. */
bool fb_outlet_has_done(const struct fb_outlet *outlet, const struct fb_record *record);

/* Moves outlet->next behind the record. */
void fb_outlet_pass(struct fb_outlet *outlet, const struct fb_record *record);

enum fb_status fb_outlet_open_span(struct fb_outlet *outlet, struct fb_error *error) FB_MUST_CHECK;
void fb_outlet_close_span(struct fb_outlet *outlet);

/* The record counts from now on; returns its ordinal. */
uint64_t fb_outlet_count(struct fb_outlet *outlet);

/* Keeps it, as fb_dead_letters_keep does. */
enum fb_status fb_outlet_keep_letter(struct fb_outlet *outlet, const struct fb_record *record,
                                     const char *reason, uint64_t ordinal,
                                     struct fb_error *error) FB_MUST_CHECK;

/* One dead letter stands for all of the object behind the last record that was taken. */
enum fb_status fb_outlet_note_damage(struct fb_outlet *outlet, const char *message,
                                     struct fb_error *error) FB_MUST_CHECK;

/* NULL is allowed. */
void fb_outlet_free(struct fb_outlet *outlet);

/* Lanes: every item goes to that of its key. The lanes and the pool are the outlet's alone. */
enum fb_status fb_outlet_new_lanes(const struct fb_outlet_options *options,
                                   struct fb_item_pool *pool, struct fb_lane **lanes,
                                   size_t lane_count, struct fb_outlet **ret_outlet,
                                   struct fb_error *error) FB_MUST_CHECK;

/* TransactWriteItems and GetItem, or a test's idea of them. */
struct fb_adding_calls {
    enum fb_status (*transact_write)(struct fb_client *client, const char *table,
                                     struct fb_transact_action *actions, size_t count,
                                     struct fb_error *error);
    enum fb_status (*get_item)(struct fb_client *client, const char *table, const char *key,
                               size_t key_size, json_t **ret_item, struct fb_error *error);
};

struct fb_adding_options {
    const char *table;
    const struct fb_key_schema *schema;
    const struct fb_mapping *mapping;
    struct fb_markers markers;
    size_t max_bytes; /* of records that are held at once */
    struct fb_adding_calls calls;
    struct fb_client client; /* the outlet's own transport in it is the caller's to free */
    struct fb_patience_options patience;
    struct fb_lane_counters *counters;
    struct fb_budget *budget; /* of the stream; NULL: no limit */
};

/*
 * Exactly once, by transactions: a run of consecutive records, folded per key, goes to DynamoDB in
 * one call beside its marker, and the next one follows when it is settled. A run whose outcome is
 * not known is sent again, for its marker's condition holds only once.
 *
 * Invariant: spans end where runs do, so a frontier is where a marker may begin; where a run ended
 * between two outputs of a record, it is where an earlier one did.
 */
enum fb_status fb_outlet_new_adding(const struct fb_outlet_options *options,
                                    const struct fb_adding_options *adding,
                                    struct fb_outlet **ret_outlet,
                                    struct fb_error *error) FB_MUST_CHECK;

#endif
