/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dead letter: a record that can never be written as things stand, and the line of JSON that
 * keeps it. `id` (the object's key, its ETag, the record's number) names the record for good.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_PIPELINE_LETTER_H
#define FIREBRIDGE_PIPELINE_LETTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "firebridge/codec/form.h"
#include "firebridge/codec/operation.h"
#include "firebridge/state/state.h"

/* One letter stands for all of an object that could not be read. */
#define FB_REASON_DAMAGED_OBJECT "damaged-object"

struct fb_dead_letter {
    const struct fb_state_object *object;
    uint64_t record_number;
    uint64_t offset_bytes; /* in the decompressed object */
    uint64_t size_bytes;   /* of the record; `text` holds all or the first of it */
    enum fb_operation operation;
    enum fb_format format; /* as the object's records were read; FB_FORMAT_AUTO: not decided */
    const char *reason;    /* a word of the interface, e.g. "key-missing" */
    const char *message;
    const char *text;
    size_t text_size;
    uint64_t ordinal; /* of the record in the stream since its start */
};

/* What a line says beside the letter itself. */
struct fb_letter_context {
    const char *stream, *bucket;
    int64_t time_ms; /* when the record became a dead letter */
};

/* The line, with a newline at its end; *ret_size with it. The caller frees. NULL: no memory. */
char *fb_letter_format(const struct fb_letter_context *context, const struct fb_dead_letter *letter,
                       size_t *ret_size) __attribute__((warn_unused_result));

/* A line that was read. The strings are the letter's own. */
struct fb_letter {
    json_t *root; /* private */
    const char *bucket, *key, *etag, *reason;
    uint64_t record_number, offset_bytes, size_bytes;
    int64_t time_ms;
    enum fb_format format; /* FB_FORMAT_AUTO: not said */
    char *text;            /* the record's bytes */
    size_t text_size;      /* below size_bytes: only the first of it are there */
};

/* FB_INVALID with what is wrong with the line, which holds no newline; FB_NO_MEMORY. */
enum fb_status fb_letter_parse(const char *line, size_t size, struct fb_letter *ret_letter,
                               struct fb_error *error) FB_MUST_CHECK;
void fb_letter_done(struct fb_letter *letter);

/*
 * The line of a letter that was redriven in vain: with the new reason, and when that was; all else
 * as it is. Ends with a newline; the caller frees. NULL: no memory, or it is no letter.
 */
char *fb_letter_retell(const char *line, size_t size, const char *reason, const char *message,
                       int64_t redriven_ms, size_t *ret_size) __attribute__((warn_unused_result));

#endif
