/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers that jq would change: it calculates with doubles, and what a double does not carry
 * comes out with other digits, or inside a string, where nobody sees it. (jq 1.7 and later keep
 * some of them; what becomes of a record shall not hang on that.)
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_JQ_NUMBERS_H
#define FIREBRIDGE_CODEC_JQ_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "firebridge/base/buffer.h"

/* The first number in the JSON, at or behind `at`, that a double does not carry, and its end; NULL:
 * there is none. The JSON is valid, and `end` is behind it. */
const char *fb_jq_find_inexact(const char *at, const char *end, const char **ret_end);

/* The JSON with each of them as a string. FB_TOO_LARGE, FB_NO_MEMORY. */
enum fb_status fb_jq_quote_inexact(const char *json, size_t size,
                                   struct fb_buffer *out) FB_MUST_CHECK;

#endif
