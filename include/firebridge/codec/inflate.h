/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object's compression undone, as a stream: feed pieces of any size, take pieces of any size.
 * Codecs are a table; the form is detected by the first bytes (magic), not by the name.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_INFLATE_H
#define FIREBRIDGE_CODEC_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

struct fb_inflate;

enum fb_status fb_inflate_new(struct fb_inflate **ret_inflate,
                              struct fb_error *error) FB_MUST_CHECK;
void fb_inflate_free(struct fb_inflate *inflate);

/* Starts anew; the next bytes are an object's first. */
void fb_inflate_reset(struct fb_inflate *inflate);

/*
 * Takes bytes from `*input` (moved on by what was used) and writes up to `capacity` bytes to
 * `out`. FB_OK with *ret_written 0 means that all input is used. FB_CORRUPT with what was wrong
 * and at which compressed byte; what was written before it is good. Garbage behind a complete
 * gzip member that is no member itself is FB_CORRUPT ("trailing garbage"), zero padding is not.
 */
enum fb_status fb_inflate_step(struct fb_inflate *inflate, const char **input, size_t *input_size,
                               char *out, size_t capacity, size_t *ret_written,
                               struct fb_error *error) FB_MUST_CHECK;

/* At the end of the object: FB_OK when it was complete, FB_CORRUPT when it was cut off. */
enum fb_status fb_inflate_finish(struct fb_inflate *inflate, struct fb_error *error) FB_MUST_CHECK;

/* "none" or "gzip"; "unknown" before the first bytes decided it. */
const char *fb_inflate_form(const struct fb_inflate *inflate);

#endif
