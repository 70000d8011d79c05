/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it JSON, and where does it end? Strict RFC 8259, any depth, no recursion: the open brackets
 * are bits of a stack that grows with the text. For what the transcoder gives up on (a limit is
 * broken, so the record is a dead letter, and its exact end must be known) and for what might
 * begin behind a damaged record.
 *
 * Threads: one owner of a nesting stack.
 */
#ifndef FIREBRIDGE_CODEC_VALIDATE_H
#define FIREBRIDGE_CODEC_VALIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

struct fb_nesting {
    uint8_t *bits; /* one per open bracket, 1 for an object */
    size_t capacity;
    size_t depth;
};

void fb_nesting_done(struct fb_nesting *nesting);

struct fb_validated {
    size_t end;    /* FB_OK: behind the value; FB_INVALID: the byte that cannot be */
    bool bad_utf8; /* FB_OK, but bytes in a string are not UTF-8, or a surrogate is alone */
    size_t bad_utf8_at;
    const char *what; /* FB_INVALID: what is wrong, a few words */
};

/*
 * Reads one value of any kind, blanks before it allowed. `text` as json_text.h demands it.
 * FB_OK, FB_NEED_MORE when the text ends inside the value, FB_INVALID, FB_NO_MEMORY;
 * *ret_validated is written for FB_OK and FB_INVALID.
 */
enum fb_status fb_json_validate(struct fb_nesting *nesting, const char *text, size_t size,
                                struct fb_validated *ret_validated) FB_MUST_CHECK;

#endif
