/* SPDX-License-Identifier: Apache-2.0 */
#include "jq_numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/number.h"

/* IEEE 754: any number of 15 digits comes back from a double, and none of more than 17 need. */
#define DIGITS_SAFE 15
#define DIGITS_MAX  17

/* Powers of ten between which a double has all its digits. */
#define POWER_MIN (-307)
#define POWER_MAX 307

/* The least digits that give the same double again, as jq writes them. */
static bool comes_back(const char *text, const struct fb_number *number)
{
    const double value = strtod(text, NULL);
    char canonical[FB_NUMBER_CANONICAL_MAX], written[FB_NUMBER_CANONICAL_MAX];
    struct fb_number shortest;
    const char *at;
    char shown[40];
    size_t size;

    for (int digits = DIGITS_SAFE; digits <= DIGITS_MAX; digits++) {
        snprintf(shown, sizeof shown, "%.*e", digits - 1, value);
        if (strtod(shown, NULL) == value)
            break;
    }
    if (fb_number_scan(shown, &shortest, &at) == NULL || fb_number_check(number) != FB_DEAD_NONE ||
        fb_number_check(&shortest) != FB_DEAD_NONE)
        return false;
    size = fb_number_canonical(number, canonical);
    return size == fb_number_canonical(&shortest, written) && memcmp(canonical, written, size) == 0;
}

static bool is_exact(const char *text, const struct fb_number *number)
{
    const int64_t digits = number->first - number->last + 1;

    if (number->zero)
        return true;
    if (number->first < POWER_MIN || number->first > POWER_MAX || digits > DIGITS_MAX)
        return false;
    return digits <= DIGITS_SAFE || comes_back(text, number);
}

static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++)
        at += *at == '\\';
    return at + 1;
}

const char *fb_jq_find_inexact(const char *at, const char *end, const char **ret_end)
{
    struct fb_number number;
    const char *wrong;
    const char *behind;

    while (at < end) {
        if (*at == '"') {
            at = skip_string(at);
        } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
            behind = fb_number_scan(at, &number, &wrong);
            *ret_end = behind;
            if (!is_exact(at, &number))
                return at;
            at = behind;
        } else {
            at++;
        }
    }
    return NULL;
}

enum fb_status fb_jq_quote_inexact(const char *json, size_t size, struct fb_buffer *out)
{
    const char *const end = json + size;
    const char *behind = json;
    const char *number;
    enum fb_status status = FB_OK;

    fb_buffer_reset(out);
    while (status == FB_OK && (number = fb_jq_find_inexact(json, end, &behind)) != NULL) {
        status = fb_buffer_printf(out, "%.*s\"%.*s\"", (int)(number - json), json,
                                  (int)(behind - number), number);
        json = behind;
    }
    return status == FB_OK ? fb_buffer_append(out, json, (size_t)(end - json)) : status;
}
