/* SPDX-License-Identifier: Apache-2.0 */
/* A decoder and the object at its work: decoder.c reads, decoder_tell.c says what there is to say.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_DECODER_PRIVATE_H
#define FIREBRIDGE_SRC_PIPELINE_DECODER_PRIVATE_H

#include <pthread.h>

#include "firebridge/pipeline/decoder.h"

struct fb_decoder {
    struct fb_decoder_options options;
    struct fb_patience patience;
    struct fb_object_reader *reader;
    pthread_t thread;
    pthread_mutex_t lock;     /* guards the two below against who takes an object off */
    uint64_t sequence;        /* of the object at work; 0: none */
    struct fb_stop stop;      /* a stop, or the object at work is to be left where it is */
    bool is_busy, is_waiting; /* as the counters have it */
    char what[1200];
    char reads_as[160]; /* what was logged last of how objects are read */
};

/* The object at work. */
struct fb_reading {
    struct fb_decoder *decoder;
    struct fb_outlet *outlet;
    const struct fb_state_object *identity;
    uint64_t compressed_bytes;      /* taken from S3 so far; where a Range goes on */
    struct fb_map_object described; /* for a mapping */
    struct fb_layout_partitions partitions;
    bool has_failed; /* what stopped the reading is the outlet's, and nothing of the object's */
    bool begun;
    bool is_noted;              /* how it is read was said, if it is another way than before */
    enum fb_status sink_status; /* why the sink ended the GET */
    bool held;                  /* ... because our own lanes held it up, or a person does */
    struct fb_error error;
};

/* Says how objects are read, once for all that are alike. */
void fb_decoder_note_form(struct fb_decoder *decoder, struct fb_reading *reading);

/* Of a damaged object: a dead letter for the rest of it, or why the stream stands. */
enum fb_status fb_decoder_note_damage(struct fb_reading *reading) FB_MUST_CHECK;
void fb_decoder_stop_at_damage(struct fb_reading *reading);

void fb_decoder_note_change(struct fb_reading *reading, bool vanished);

#endif
