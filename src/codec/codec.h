/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compression is to inflate.c: a table of functions. A new one is a file with such a table
 * and a line in inflate.c.
 *
 * Threads: one owner of a state.
 */
#ifndef FIREBRIDGE_CODEC_CODEC_H
#define FIREBRIDGE_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

struct fb_codec_io {
    const char *in;
    size_t in_size;
    char *out;
    size_t capacity;
    size_t written;
};

struct fb_codec {
    const char *name;
    const char *magic; /* the first bytes of every object of this form; "" fits all */
    size_t magic_size;
    /* Makes the state, or prepares *state for a new object; what is no state stays NULL. */
    enum fb_status (*begin)(void **state, struct fb_error *error);
    /*
     * Uses and writes what it can; until all input is used, or the output is full. `offset` is that
     * of io->in in the object, for messages. What was written is good, also on FB_CORRUPT.
     */
    enum fb_status (*step)(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error);
    /* FB_CORRUPT when the object was cut off. */
    enum fb_status (*finish)(void *state, uint64_t offset, struct fb_error *error);
    void (*free)(void *state);
};

extern const struct fb_codec fb_codec_gzip;

#endif
