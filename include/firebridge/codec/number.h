/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON numbers as text: the grammar of RFC 8259, DynamoDB's limits, its way of counting, and one
 * spelling for all spellings of a value. No double anywhere.
 *
 * The limits and the counting are those of DynamoDB Local 1.25, probed value by value: 38
 * significant digits, 1E-130 to 9.9...E+125, zero in any spelling whose exponent fits 32 bits.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_NUMBER_H
#define FIREBRIDGE_CODEC_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/codec/record_reader.h"

/* Sign, 38 digits, 'E', sign, three digits. */
#define FB_NUMBER_CANONICAL_MAX 44

struct fb_number {
    bool negative;
    bool zero;
    int64_t first; /* the power of ten of the first significant digit; of a zero, its exponent */
    int64_t last;  /* and of the last */
    const char *digits; /* the first significant digit */
};

/*
 * Reads the number at `text`, which some byte that belongs to no number must end. Returns its end
 * and writes *ret_number; or NULL, with *ret_at the byte that is wrong.
 */
const char *fb_number_scan(const char *text, struct fb_number *ret_number, const char **ret_at);

/* FB_DEAD_NONE, FB_DEAD_NUMBER_PRECISION or FB_DEAD_NUMBER_RANGE. */
enum fb_dead_reason fb_number_check(const struct fb_number *number);

/* Bytes, as DynamoDB counts a number that passed the check. */
uint32_t fb_number_counted_bytes(const struct fb_number *number);

/* Writes up to FB_NUMBER_CANONICAL_MAX bytes: digits without outer zeros, 'E', the power of ten of
 * the last digit; "0" for zero. The number must have passed the check. Returns the size. */
size_t fb_number_canonical(const struct fb_number *number, char *out);

/* Below, equal to or above 0, by their values. Both must have passed the check. */
int fb_number_compare(const struct fb_number *a, const struct fb_number *b);

/*
 * The nearest number that DynamoDB holds of one that did not pass the check: 38 digits, the half
 * upwards, and 0 for what is too small. Writes up to FB_NUMBER_CANONICAL_MAX bytes in canonical
 * form. Returns the size; 0 for what is too large.
 */
size_t fb_number_round(const struct fb_number *number, char *out);

#endif
