/* SPDX-License-Identifier: Apache-2.0 */
/* Two numbers: their sum is a number, the same either way, and taking one away leaves the other. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/decimal.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static bool equal(const struct fb_decimal *a, const struct fb_decimal *b)
{
    char one[FB_DECIMAL_TEXT_MAX];
    char other[FB_DECIMAL_TEXT_MAX];
    const size_t size = fb_decimal_write(a, one);

    return fb_decimal_write(b, other) == size && memcmp(one, other, size) == 0;
}

static void check_sum(const struct fb_decimal *a, const struct fb_decimal *b)
{
    struct fb_decimal sum = *a;
    struct fb_decimal other = *b;
    struct fb_decimal minus = *b;
    const bool fits = fb_decimal_add(&sum, b);

    check(fb_decimal_add(&other, a) == fits);
    check(equal(&sum, fits ? &other : a));
    minus.negative = !minus.negative;
    if (fits)
        check(fb_decimal_add(&sum, &minus) && equal(&sum, a));
}

/* As written it is the number that was read. */
static void check_written(const struct fb_decimal *decimal, const struct fb_number *number)
{
    char first[FB_NUMBER_CANONICAL_MAX];
    char second[FB_NUMBER_CANONICAL_MAX];
    char written[FB_DECIMAL_TEXT_MAX + 1];
    const size_t size = fb_decimal_write(decimal, written);
    struct fb_number again;
    const char *at;

    check(size <= FB_DECIMAL_TEXT_MAX);
    written[size] = '\0';
    check(fb_number_scan(written, &again, &at) == written + size);
    check(fb_number_canonical(number, first) == fb_number_canonical(&again, second));
    check(memcmp(first, second, fb_number_canonical(number, first)) == 0);
}

static bool take(const char **text, struct fb_decimal *ret_decimal)
{
    struct fb_number number;
    const char *at;
    const char *const end = fb_number_scan(*text, &number, &at);

    if (end == NULL || fb_number_check(&number) != FB_DEAD_NONE)
        return false;
    fb_decimal_read(&number, ret_decimal);
    check_written(ret_decimal, &number);
    *text = end + strspn(end, " ");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    char *text = malloc(size + 1);
    struct fb_decimal a;
    struct fb_decimal b;
    const char *at = text;

    check(text != NULL);
    memcpy(text, input, size);
    text[size] = '\0';
    if (take(&at, &a) && take(&at, &b))
        check_sum(&a, &b);
    free(text);
    return 0;
}
