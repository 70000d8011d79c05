/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for keys: pages of their own, kept off the swap (mlock) and out of core dumps
 * (MADV_DONTDUMP) as far as the kernel allows it, and wiped before they are given back.
 *
 * What the limit on locked memory (RLIMIT_MEMLOCK) leaves no room for is used unlocked: keys that
 * serve are worth more than keys that never reach a disk.
 *
 * Threads: any; a piece of memory belongs to whoever asked for it.
 */
#ifndef FIREBRIDGE_BASE_SECRET_H
#define FIREBRIDGE_BASE_SECRET_H

#include <stddef.h>

#include "firebridge/base/buffer.h"

/* Zeros; NULL without memory. */
void *fb_secret_new(size_t size);

/* `size` as it was asked for. NULL is allowed. */
void fb_secret_free(void *secret, size_t size);

/*
 * A buffer that never grows, so that it leaves no copy behind: `max_bytes` at once, and behind
 * them FB_SECRET_SLACK that may be read, or written by who terminates it. FB_NO_MEMORY.
 */
#define FB_SECRET_SLACK 64
enum fb_status fb_secret_buffer_init(struct fb_buffer *buffer, size_t max_bytes) FB_MUST_CHECK;
void fb_secret_buffer_done(struct fb_buffer *buffer);

/*
 * Empties any buffer, and leaves nothing of what it held behind in its memory, which it keeps. One
 * that grew left its bytes behind elsewhere: who fills it reserves first.
 */
void fb_secret_buffer_wipe(struct fb_buffer *buffer);

/*
 * Makes a buffer of a whole file, with room for a NUL behind it. FB_NOT_FOUND: there is none;
 * FB_IO: it cannot be read; FB_TOO_LARGE: it has more than `max_bytes`. The message names the file.
 */
enum fb_status fb_secret_read_file(const char *path, size_t max_bytes, struct fb_buffer *ret_buffer,
                                   struct fb_error *error) FB_MUST_CHECK;

#endif
