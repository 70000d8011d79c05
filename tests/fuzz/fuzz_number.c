/* SPDX-License-Identifier: Apache-2.0 */
/* A number: its canonical form is a number again, of the same form, size and sign. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_canonical(const struct fb_number *number)
{
    char first[FB_NUMBER_CANONICAL_MAX + 1] = {0};
    char second[FB_NUMBER_CANONICAL_MAX + 1] = {0};
    const size_t size = fb_number_canonical(number, first);
    struct fb_number again;
    const char *at;

    check(size <= FB_NUMBER_CANONICAL_MAX);
    check(fb_number_scan(first, &again, &at) == first + size);
    check(fb_number_check(&again) == FB_DEAD_NONE);
    check(fb_number_counted_bytes(&again) == fb_number_counted_bytes(number));
    check(fb_number_canonical(&again, second) == size && memcmp(first, second, size) == 0);
    check(fb_number_counted_bytes(number) <= 22);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    char *text = malloc(size + 1);
    struct fb_number number;
    const char *at = NULL;
    const char *end;

    check(text != NULL);
    memcpy(text, input, size);
    text[size] = '\0';
    end = fb_number_scan(text, &number, &at);
    if (end == NULL)
        check(at >= text && at <= text + size);
    else {
        check(end > text && end <= text + size);
        if (fb_number_check(&number) == FB_DEAD_NONE)
            check_canonical(&number);
    }
    free(text);
    return 0;
}
