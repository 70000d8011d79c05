/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time as records spell them, in UTC, years 0001 to 9999. Patterns are strptime's and
 * strftime's in the C locale, by code of our own: no locale of the machine changes a key.
 *
 *     %Y %y %m %d %H %M %S %j    digits; read with fewer, but for %Y
 *     %I %p                      the hour from 1 to 12, and AM or PM
 *     %b %a                      Nov, Sun; read in full too, in any case
 *     %L                         the fraction of a second: three digits; read as one or more
 *     %z                         the offset, +0000; read as Z, +01, +0100 and +01:00 too
 *     %s                         seconds since 1970
 *     %F %T                      %Y-%m-%d and %H:%M:%S
 *     %%                         a percent sign
 *
 * A blank of a pattern reads any number of blanks. A year of two digits is 1969 to 2068. There are
 * no leap seconds: a :60 is read as :59. What is finer than a nanosecond is dropped.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_MAP_TIME_H
#define FIREBRIDGE_CODEC_MAP_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/buffer.h"
#include "firebridge/codec/number.h"

struct fb_map_time {
    int64_t seconds;      /* since 1970 */
    uint32_t nanoseconds; /* behind them, also of a negative second */
};

/* Its year is 0001 to 9999. */
bool fb_map_time_is_in_range(const struct fb_map_time *time);

/* A number of units of which a second has 10^decimals; false when it is out of range. */
bool fb_map_time_from_number(const struct fb_number *number, int decimals,
                             struct fb_map_time *ret_time);

bool fb_map_time_read_rfc3339(const char *text, size_t size, struct fb_map_time *ret_time);
bool fb_map_time_read(const char *pattern, const char *text, size_t size,
                      struct fb_map_time *ret_time);

/* False when it is out of range then. */
bool fb_map_time_add(struct fb_map_time *time, int64_t milliseconds);

/* Appends. FB_OK, FB_TOO_LARGE, FB_NO_MEMORY. */
enum fb_status fb_map_time_write_rfc3339(const struct fb_map_time *time,
                                         struct fb_buffer *out) FB_MUST_CHECK;
enum fb_status fb_map_time_write(const char *pattern, const struct fb_map_time *time,
                                 struct fb_buffer *out) FB_MUST_CHECK;

/* What is wrong with a pattern; NULL: nothing. */
const char *fb_map_time_check_written(const char *pattern);
const char *fb_map_time_check_read(const char *pattern);

#endif
