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
    char one[FB_NUMBER_CANONICAL_MAX];
    char other[FB_NUMBER_CANONICAL_MAX];
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

/* Its canonical form is what the number's is. */
static bool take(const char **text, struct fb_decimal *ret_decimal)
{
    char canonical[FB_NUMBER_CANONICAL_MAX];
    char written[FB_NUMBER_CANONICAL_MAX];
    struct fb_number number;
    const char *at;
    const char *const end = fb_number_scan(*text, &number, &at);
    size_t size;

    if (end == NULL || fb_number_check(&number) != FB_DEAD_NONE)
        return false;
    fb_decimal_read(&number, ret_decimal);
    size = fb_number_canonical(&number, canonical);
    check(fb_decimal_write(ret_decimal, written) == size);
    check(memcmp(canonical, written, size) == 0);
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
