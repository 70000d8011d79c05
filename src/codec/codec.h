/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compression is to inflate.c: a table of functions. A new one is a file with such a table
 * and a line in codecs.c.
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

/* No form needs to see more. */
#define FB_CODEC_FIRST_MAX 32

enum fb_codec_match {
    FB_MATCH_NO,
    FB_MATCH_MAYBE, /* only if the object is said to be of this form */
    FB_MATCH_MORE,  /* more bytes must decide */
    FB_MATCH_YES,
};

struct fb_codec {
    const char *name;          /* in the conf, in messages */
    const char *encoding;      /* Content-Encoding that names it; NULL: none */
    const char *extensions[3]; /* with their dots; lower case */
    const char *lacks;         /* NULL, or the library that was not there at build time */
    /* Do an object's first bytes look like it? `size` is 1 to FB_CODEC_FIRST_MAX. */
    enum fb_codec_match (*match)(const unsigned char *first, size_t size);
    /* Makes the state, or prepares *state for a new object. A form that is known and not read
     * fails here, and has nothing of what follows. */
    enum fb_status (*begin)(void **state, struct fb_error *error);
    /*
     * Uses and writes what it can, until all input is used or the output is full; never stops for
     * another reason but a failure. `offset` is that of io->in in its layer, for messages. What was
     * written is good, also on FB_CORRUPT.
     */
    enum fb_status (*step)(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error);
    /* All input was given and all output taken. FB_CORRUPT when the layer was cut off. */
    enum fb_status (*finish)(void *state, uint64_t offset, struct fb_error *error);
    void (*free)(void *state); /* NULL is allowed */
};

/* In the order in which they are asked; a NULL ends it. */
extern const struct fb_codec *const fb_codecs[];
#define FB_CODEC_COUNT_MAX 16

/* For `match`: the bytes so far against a magic. */
enum fb_codec_match fb_codec_match_magic(const unsigned char *first, size_t size, const void *magic,
                                         size_t magic_size);

/* Newlines between two streams: Firehose puts them behind records that are streams, and zip.c
 * between entries. Only for forms whose streams no newline begins. */
void fb_codec_pass_newlines(struct fb_codec_io *io);

/* NOLINTBEGIN(bugprone-macro-parentheses): literals, and parts of a table */
/* The functions of a codec whose library was not there at build time. */
#define FB_CODEC_NOT_BUILT(form, library)                                                          \
    static enum fb_status begin(void **state, struct fb_error *error)                              \
    {                                                                                              \
        (void)state;                                                                               \
        return fb_fail(error, FB_CORRUPT,                                                          \
                       "it is " form ", and this firebridge was built without " library            \
                       "; build it with " library ", or deliver GZIP");                            \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

extern const struct fb_codec fb_codec_gzip;
extern const struct fb_codec fb_codec_gzip_by_zlib; /* whatever else there is; for comparison */
extern const struct fb_codec fb_codec_zlib;
extern const struct fb_codec fb_codec_zip;
extern const struct fb_codec fb_codec_snappy_java;
extern const struct fb_codec fb_codec_snappy_framing;
extern const struct fb_codec fb_codec_hadoop_snappy;
extern const struct fb_codec fb_codec_zstd;
extern const struct fb_codec fb_codec_bzip2;

#endif
