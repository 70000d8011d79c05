/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time as text, always UTC, always milliseconds since 1970 inside.
 * Years 1970 to 9999; no leap seconds (a :60 counts as :59).
 */
#ifndef FIREBRIDGE_BASE_TIME_H
#define FIREBRIDGE_BASE_TIME_H

#include <stdint.h>

#include "firebridge/base/status.h"

struct fb_civil {
    int year, month, day; /* month and day count from 1 */
    int hour, minute, second;
};

/* "2026-11-22T10:00:00.000Z" and its NUL. */
#define FB_TIME_TEXT_SIZE 25

int64_t fb_time_from_civil(const struct fb_civil *civil);
void fb_time_to_civil(int64_t time_ms, struct fb_civil *ret_civil);

/* With milliseconds only where they are not zero. */
void fb_time_format_rfc3339(int64_t time_ms, char text[FB_TIME_TEXT_SIZE]);

/* RFC 3339, as ListObjectsV2, STS and IMDS write it: "2026-11-22T10:00:00[.fff](Z|+01:00)". */
enum fb_status fb_time_parse_rfc3339(const char *text, int64_t *ret_time_ms) FB_MUST_CHECK;

/* The Date header's preferred form (RFC 9110, 5.6.7): "Sun, 22 Nov 2026 10:00:00 GMT". */
enum fb_status fb_time_parse_http_date(const char *text, int64_t *ret_time_ms) FB_MUST_CHECK;

#endif
