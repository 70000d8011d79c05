/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object's compression undone, as a stream: feed pieces of any size, take pieces of any size.
 * Forms may stand inside one another (gzip in gzip is what CloudWatch Logs makes); each is
 * detected by its first bytes, then by what the object is said to be, and has its own limits.
 *
 * Codecs are a table (src/codec/codecs.c).
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_INFLATE_H
#define FIREBRIDGE_CODEC_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

/* Below so many bytes of output the expansion is nobody's concern. */
#define FB_EXPANSION_FLOOR_BYTES ((uint64_t)64 << 20)

#define FB_LAYERS_MAX 8

struct fb_inflate_options {
    const char *compression; /* NULL: detect; "none": as it is; else the outermost codec's name */
    uint64_t max_expansion;  /* bytes out for one byte in, of each layer, over the floor */
    uint64_t max_inflated_size; /* bytes that a layer may give */
    unsigned max_layers;        /* 1 to FB_LAYERS_MAX */
};

/* What the object is said to be, where its bytes do not tell. Copied. */
struct fb_inflate_hints {
    const char *content_encoding; /* NULL or "": none */
    const char *key;              /* for its extension; NULL: none */
};

struct fb_inflate;

/* Copies the options. FB_INVALID when they cannot be; FB_NO_MEMORY. */
enum fb_status fb_inflate_new(const struct fb_inflate_options *options,
                              struct fb_inflate **ret_inflate,
                              struct fb_error *error) FB_MUST_CHECK;
void fb_inflate_free(struct fb_inflate *inflate);

/* Starts anew; the next bytes are an object's first. `hints` may be NULL. */
void fb_inflate_begin(struct fb_inflate *inflate, const struct fb_inflate_hints *hints);

/*
 * Takes bytes from `*input` (moved on by what was used) and writes up to `capacity` bytes, which
 * are 1 or more, to `out`. FB_OK with *ret_written 0 means that all input is used. FB_CORRUPT with
 * what was wrong and where, or which limit it broke; what was written before it is good, and no
 * further step gives more.
 */
enum fb_status fb_inflate_step(struct fb_inflate *inflate, const char **input, size_t *input_size,
                               char *out, size_t capacity, size_t *ret_written,
                               struct fb_error *error) FB_MUST_CHECK;

/*
 * Says that no byte will follow. Steps without input then give what is left, and FB_CORRUPT where
 * the object was cut off; FB_OK with *ret_written 0 is its good end.
 */
void fb_inflate_finish(struct fb_inflate *inflate);

/* The forms that were undone, outermost first: "gzip", "gzip, gzip", "none"; "unknown" before the
 * first bytes decided it. */
void fb_inflate_describe(const struct fb_inflate *inflate, char *ret_text, size_t size);

/* The names that `compression` may have, one after the other; NULL behind the last. */
const char *fb_inflate_codec_name(size_t index);

/* False for a codec whose library was not there when this was built. */
bool fb_inflate_codec_is_built(size_t index);

#endif
