/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes up objects in sequence order, reads each as a stream, cuts it into records and gives them
 * to its outlet. Where order does not matter, several decoders share the objects.
 *
 * Invariant: one decoder gives records in the order of (object sequence, position), so the last
 *            writer of a key is the last record of it. An object is never in memory as a whole.
 * Threads:   one, its own. Counters are read from anywhere.
 */
#ifndef FIREBRIDGE_PIPELINE_DECODER_H
#define FIREBRIDGE_PIPELINE_DECODER_H

#include <stdatomic.h>

#include "firebridge/aws/s3.h"
#include "firebridge/base/event.h"
#include "firebridge/codec/object_reader.h"
#include "firebridge/pipeline/hold.h"
#include "firebridge/pipeline/outlet.h"
#include "firebridge/pipeline/poller.h"
#include "firebridge/pipeline/takeup.h"

struct fb_decoder;

/* What a damaged object does behind the records that could be read of it. */
enum fb_on_damage {
    FB_DAMAGE_DEAD_LETTER, /* one stands for the rest; the stream goes on */
    FB_DAMAGE_STOP,        /* the object stays unfinished, and the stream ends as failed */
};

struct fb_decoder_counters {
    atomic_uint_fast64_t objects;          /* read to their end */
    atomic_uint_fast64_t objects_changed;  /* while they were read; what took their place waits */
    atomic_uint_fast64_t objects_vanished; /* while they were read */
    atomic_uint_fast64_t objects_damaged;
    atomic_uint_fast64_t records;
    atomic_uint_fast64_t left_out;    /* by the mapping */
    atomic_uint_fast64_t mismatches;  /* in it: comparisons of different types */
    atomic_uint_fast64_t passed_over; /* none of the user's: heads of tables, CONTROL_MESSAGE */
    atomic_uint_fast64_t bytes_read;  /* as they came, compressed */
    atomic_uint_fast64_t ordinals;    /* records and other dead letters, since the start */
    atomic_uint running;              /* decoders that are not at their end */
    atomic_uint busy;    /* decoders that have taken something up, or do not know yet */
    atomic_uint waiting; /* decoders that wait for the frontier: too many objects stand behind it */
};

/* The object that a decoder reads. */
struct fb_decoder_work {
    pthread_mutex_t lock; /* guards the key and the size */
    char key[1025];       /* S3's keys have 1,024 bytes at most; empty: it reads none */
    uint64_t size_bytes;
    atomic_uint_fast64_t read_bytes;
};

/* GetObject, or a test's idea of it. */
typedef enum fb_status (*fb_get_object_fn)(struct fb_client *client,
                                           const struct fb_s3_get_request *request,
                                           struct fb_error *error);

struct fb_decoder_options {
    const char *stream, *bucket; /* outlive the decoder */
    const struct fb_layout *layout;
    fb_get_object_fn get;
    fb_list_page_fn list_page; /* to find what took the place of an object that changed */
    struct fb_client client;
    int64_t stall_timeout_ms;
    struct fb_state *state;
    int64_t stream_id;
    struct fb_takeup *takeup; /* shared by the stream's decoders */
    struct fb_object_reader_options reader;
    enum fb_on_damage on_damage;
    struct fb_outlet *outlet; /* this decoder's alone */
    uint64_t seed;
    struct fb_decoder_counters *counters;
    struct fb_decoder_work *work; /* kept current; NULL: nobody looks */
    const fb_hold_level *hold;    /* NULL: nothing is ever held */
    struct fb_stop *stop;
    struct fb_clock *clock;
    struct fb_event *event;             /* raised when objects may be pending, at a stop or hold */
    struct fb_event *changed;           /* raised when there is something to checkpoint */
    const atomic_bool *may_take;        /* no listing is in the middle */
    const atomic_bool *poller_finished; /* nothing will become pending any more */
    struct fb_patience_options patience;
    void (*on_failure)(void *context, const struct fb_error *error);
    void *context;
};

/* Copies the options and starts the thread. It ends at FB_STOP_DRAIN, or when all is read. */
enum fb_status fb_decoder_new(const struct fb_decoder_options *options,
                              struct fb_decoder **ret_decoder,
                              struct fb_error *error) FB_MUST_CHECK;

/* Ends the object of this sequence number where it is, if it is at work: what was read of it is
 * written, and the rest left out. From any thread. */
void fb_decoder_skip(struct fb_decoder *decoder, uint64_t sequence);

/* Waits for the thread and frees. NULL is allowed. */
void fb_decoder_free(struct fb_decoder *decoder);

#endif
