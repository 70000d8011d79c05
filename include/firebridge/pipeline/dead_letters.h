/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that can never be written, kept with their bytes and the reason: JSON lines in
 * `<directory>/<stream>/dead-letters-YYYYMMDD.jsonl`. A restart may write one a second time; a
 * reader drops repeats by `id`. And the gate that stops a stream which has too many of them.
 *
 * Invariant: after fb_dead_letters_sync every letter that was added before it is on the disk.
 * Threads:   any. The lock guards the file and the gate.
 */
#ifndef FIREBRIDGE_PIPELINE_DEAD_LETTERS_H
#define FIREBRIDGE_PIPELINE_DEAD_LETTERS_H

#include <stdint.h>

#include "firebridge/base/clock.h"
#include "firebridge/codec/operation.h"
#include "firebridge/pipeline/patience.h"
#include "firebridge/state/state.h"

struct fb_dead_letters_options {
    const char *directory; /* of all streams; made when it is not there */
    const char *stream;
    const char *bucket;
    struct fb_clock *clock;
    uint64_t max_letters; /* so many ... */
    uint64_t in_records;  /* ... in so many consecutive records stop the stream */
    bool accept_all;      /* no gate */
};

struct fb_dead_letter {
    const struct fb_state_object *object;
    uint64_t record_number;
    uint64_t offset_bytes; /* in the decompressed object */
    uint64_t size_bytes;   /* of the record; `text` holds all or the first of it */
    enum fb_operation operation;
    const char *reason; /* a word of the interface, e.g. "key-missing" */
    const char *message;
    const char *text;
    size_t text_size;
    uint64_t ordinal; /* of the record in the stream since its start */
};

struct fb_dead_letters;

/* Closes a line that a crash left torn. FB_IO. Strings are copied. */
enum fb_status fb_dead_letters_open(const struct fb_dead_letters_options *options,
                                    struct fb_dead_letters **ret_letters,
                                    struct fb_error *error) FB_MUST_CHECK;
void fb_dead_letters_close(struct fb_dead_letters *letters);

/*
 * Adds one. FB_IO: nothing of it is in the file; the same call may succeed later. FB_CONFLICT:
 * this one is too many, it was not kept, and the stream must stop with the message.
 */
enum fb_status fb_dead_letters_add(struct fb_dead_letters *letters,
                                   const struct fb_dead_letter *letter,
                                   struct fb_error *error) FB_MUST_CHECK;

/*
 * Adds one, logs it, and tries again for as long as the disk refuses it. FB_CONFLICT as above;
 * FB_CANCELED: a stop. FB_IO only where the patience gives up.
 */
enum fb_status fb_dead_letters_keep(struct fb_dead_letters *letters,
                                    const struct fb_dead_letter *letter,
                                    struct fb_patience *patience,
                                    struct fb_error *error) FB_MUST_CHECK;

enum fb_status fb_dead_letters_sync(struct fb_dead_letters *letters,
                                    struct fb_error *error) FB_MUST_CHECK;

/*
 * The ordinal of the first letter that may yet be part of too many, now that `ordinal` records
 * were seen: the frontier stays behind it. UINT64_MAX: none.
 */
uint64_t fb_dead_letters_undecided(struct fb_dead_letters *letters, uint64_t ordinal);

uint64_t fb_dead_letters_count(struct fb_dead_letters *letters);

#endif
