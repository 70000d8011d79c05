/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact sums of DynamoDB's numbers: 38 significant digits, 1E-130 to 9.9...E+125. A sum that is no
 * such number is refused, never rounded.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_DECIMAL_H
#define FIREBRIDGE_CODEC_DECIMAL_H

#include "firebridge/codec/number.h"

#define FB_DECIMAL_DIGITS 38

/* Zeros are all the same: a value of zeros, as calloc gives it. */
struct fb_decimal {
    bool negative;
    int16_t last;                      /* the power of ten of the last digit */
    uint8_t count;                     /* of digits; 0: it is zero */
    uint8_t digits[FB_DECIMAL_DIGITS]; /* from the first one; neither outer one is 0 */
};

/* Of a number that passed fb_number_check. */
void fb_decimal_read(const struct fb_number *number, struct fb_decimal *ret_decimal);

/* False, and *sum is as it was, when DynamoDB cannot hold the sum. */
bool fb_decimal_add(struct fb_decimal *sum, const struct fb_decimal *addend) FB_MUST_CHECK;

/* Sign, "0.", as many zeros as are written at most, and 38 digits. */
#define FB_DECIMAL_TEXT_MAX 48

/* Writes up to FB_DECIMAL_TEXT_MAX bytes: 1200, -0.05, 12.5; very large and very small ones with an
 * exponent, like 12E60. Returns the size. */
size_t fb_decimal_write(const struct fb_decimal *decimal, char *out);

#endif
