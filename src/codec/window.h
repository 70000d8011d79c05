/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run of an object's bytes that is in memory: filled at its end, used up from its start.
 *
 * Invariant: begin <= fill <= capacity; bytes[fill] is NUL and FB_TEXT_SLACK bytes behind the
 *            capacity exist, as json_text.h demands.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_CODEC_WINDOW_H
#define FIREBRIDGE_CODEC_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

struct fb_window {
    char *bytes;
    size_t begin; /* what lies before is used up */
    size_t fill;
    size_t capacity;
    size_t max_bytes;
    uint64_t base; /* offset in the object of bytes[0] */
};

enum fb_status fb_window_init(struct fb_window *window, size_t max_bytes) FB_MUST_CHECK;
void fb_window_done(struct fb_window *window);

/* Empties it for bytes that begin at `offset`, and gives back what an unusual record needed. */
void fb_window_reset(struct fb_window *window, uint64_t offset);

/* Room behind the fill, at least one byte. Moves the bytes. FB_NO_MEMORY, FB_TOO_LARGE. */
enum fb_status fb_window_space(struct fb_window *window, char **ret_space,
                               size_t *ret_size) FB_MUST_CHECK;
void fb_window_wrote(struct fb_window *window, size_t size);

#endif
