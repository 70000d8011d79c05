/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing run of bytes with a hard maximum.
 *
 * Invariant: size <= capacity <= max_bytes. `bytes` may be NULL while the size is 0.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_BASE_BUFFER_H
#define FIREBRIDGE_BASE_BUFFER_H

#include <stddef.h>

#include "firebridge/base/status.h"

struct fb_buffer {
    char *bytes;
    size_t size;
    size_t capacity;
    size_t max_bytes;
};

void fb_buffer_init(struct fb_buffer *buffer, size_t max_bytes);
void fb_buffer_done(struct fb_buffer *buffer);

/* Empties it and keeps the memory. */
static inline void fb_buffer_reset(struct fb_buffer *buffer)
{
    buffer->size = 0;
}

/* Makes room for `extra_bytes` behind the size. FB_TOO_LARGE over the maximum, FB_NO_MEMORY. */
enum fb_status fb_buffer_reserve(struct fb_buffer *buffer, size_t extra_bytes) FB_MUST_CHECK;

enum fb_status fb_buffer_append(struct fb_buffer *buffer, const void *bytes,
                                size_t size) FB_MUST_CHECK;
enum fb_status fb_buffer_append_text(struct fb_buffer *buffer, const char *text) FB_MUST_CHECK;
enum fb_status fb_buffer_printf(struct fb_buffer *buffer, const char *format, ...)
    FB_PRINTF(2, 3) FB_MUST_CHECK;

/* Writes a NUL behind the bytes without counting it in the size, so that it reads as a string. */
enum fb_status fb_buffer_terminate(struct fb_buffer *buffer) FB_MUST_CHECK;

#endif
