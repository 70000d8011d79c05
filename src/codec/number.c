/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/number.h"

#include <stdbool.h>
#include <string.h>

#define SIGNIFICANT_DIGITS_MAX 38
#define FIRST_DIGIT_MAX        125
#define FIRST_DIGIT_MIN        (-130)

/* Past every limit, and far from overflow when a text's length is added. */
#define EXPONENT_SATURATED 1000000000000000

struct spelling {
    const char *whole;
    const char *whole_end;
    const char *fraction;
    const char *fraction_end;
    int64_t exponent;
};

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static inline const char *skip_digits(const char *p)
{
    while (is_digit(*p))
        p++;
    return p;
}

/* Behind the 'e'. */
static const char *scan_exponent(const char *p, int64_t *ret_exponent, const char **ret_at)
{
    const bool negative = *p == '-';
    int64_t exponent = 0;

    if (*p == '-' || *p == '+')
        p++;
    if (!is_digit(*p)) {
        *ret_at = p;
        return NULL;
    }
    for (; is_digit(*p); p++)
        if (exponent < EXPONENT_SATURATED)
            exponent = exponent * 10 + (*p - '0');
    if (exponent > EXPONENT_SATURATED)
        exponent = EXPONENT_SATURATED;
    *ret_exponent = negative ? -exponent : exponent;
    return p;
}

/* Where the first digit that is not 0 stands. */
static inline void find_first(const struct spelling *s, struct fb_number *number)
{
    const char *p = s->fraction;

    number->digits = s->whole;
    number->first = s->whole_end - s->whole - 1 + s->exponent;
    if (*s->whole != '0')
        return;
    while (p < s->fraction_end && *p == '0')
        p++;
    number->zero = p == s->fraction_end;
    number->digits = p;
    number->first = s->fraction - p - 1 + s->exponent;
    if (number->zero)
        number->first = s->exponent - (s->fraction_end - s->fraction);
}

static inline void find_last(const struct spelling *s, struct fb_number *number)
{
    const char *p = s->fraction_end;

    while (p > s->fraction && p[-1] == '0')
        p--;
    if (p > s->fraction) {
        number->last = s->fraction - p + s->exponent;
        return;
    }
    p = s->whole_end;
    while (p > s->whole && p[-1] == '0')
        p--;
    number->last = s->whole_end - p + s->exponent;
}

const char *fb_number_scan(const char *text, struct fb_number *ret_number, const char **ret_at)
{
    const bool negative = *text == '-';
    struct spelling s = {.whole = text + negative};
    struct fb_number number = {.negative = negative};
    const char *p = s.whole;

    p = *p == '0' ? p + 1 : skip_digits(p);
    *ret_at = p;
    if (p == s.whole)
        return NULL;
    s.whole_end = s.fraction = s.fraction_end = p;
    if (*p == '.') {
        s.fraction = p + 1;
        *ret_at = s.fraction_end = p = skip_digits(p + 1);
        if (p == s.fraction)
            return NULL;
    }
    if (*p == 'e' || *p == 'E') {
        p = scan_exponent(p + 1, &s.exponent, ret_at);
        if (p == NULL)
            return NULL;
    }
    find_first(&s, &number);
    if (!number.zero)
        find_last(&s, &number);
    *ret_number = number;
    return p;
}

enum fb_dead_reason fb_number_check(const struct fb_number *number)
{
    if (number->zero)
        return number->first >= -INT32_MAX && number->first <= INT32_MAX ? FB_DEAD_NONE
                                                                         : FB_DEAD_NUMBER_RANGE;
    if (number->first > FIRST_DIGIT_MAX || number->first < FIRST_DIGIT_MIN)
        return FB_DEAD_NUMBER_RANGE;
    if (number->first - number->last >= SIGNIFICANT_DIGITS_MAX)
        return FB_DEAD_NUMBER_PRECISION;
    return FB_DEAD_NONE;
}

/*
 * DynamoDB keeps digits in pairs that are aligned to the decimal point: `1200` is one pair and
 * `120` two. One byte more for the exponent, one for a minus; a zero has the first only.
 */
uint32_t fb_number_counted_bytes(const struct fb_number *number)
{
    if (number->zero)
        return 1;
    /* Shifted to positive, so that halving rounds down on both sides of the point. */
    return (uint32_t)((number->first + 1024) / 2 - (number->last + 1024) / 2) + 2 +
           (number->negative ? 1 : 0);
}

static size_t write_exponent(int64_t exponent, char *out)
{
    char digits[20];
    size_t count = 0;
    size_t size = 0;

    out[size++] = 'E';
    if (exponent < 0) {
        out[size++] = '-';
        exponent = -exponent;
    }
    do {
        digits[count++] = (char)('0' + exponent % 10);
        exponent /= 10;
    } while (exponent > 0);
    while (count > 0)
        out[size++] = digits[--count];
    return size;
}

/* The first `count` significant digits; returns what stands behind them. */
static const char *copy_digits(const struct fb_number *number, int64_t count, char *out)
{
    const char *p = number->digits;

    for (int64_t i = 0; i < count; p++)
        if (*p != '.') {
            *out++ = *p;
            i++;
        }
    return p;
}

size_t fb_number_canonical(const struct fb_number *number, char *out)
{
    const int64_t count = number->first - number->last + 1;
    size_t size = 0;

    if (number->zero) {
        out[0] = '0';
        return 1;
    }
    if (number->negative)
        out[size++] = '-';
    (void)copy_digits(number, count, out + size);
    size += (size_t)count;
    return size + write_exponent(number->last, out + size);
}

/* Of two above zero, which may have more digits than DynamoDB takes. */
static int compare_magnitudes(const struct fb_number *a, const struct fb_number *b)
{
    const int64_t x_count = a->first - a->last + 1, y_count = b->first - b->last + 1;
    const char *x = a->digits, *y = b->digits;

    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    for (int64_t i = 0; i < x_count && i < y_count; i++) {
        x += *x == '.' ? 1 : 0;
        y += *y == '.' ? 1 : 0;
        if (*x != *y)
            return *x < *y ? -1 : 1;
        x++;
        y++;
    }
    return (x_count > y_count) - (x_count < y_count);
}

static int sign_of(const struct fb_number *number)
{
    return number->zero ? 0 : number->negative ? -1 : 1;
}

int fb_number_compare(const struct fb_number *a, const struct fb_number *b)
{
    if (sign_of(a) != sign_of(b) || a->zero)
        return sign_of(a) - sign_of(b);
    return sign_of(a) * compare_magnitudes(a, b);
}

/* One more; false when that is a digit more, which is then a 1 and zeros. */
static bool increment(char *digits, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        if (digits[i - 1] != '9') {
            digits[i - 1]++;
            return true;
        }
        digits[i - 1] = '0';
    }
    digits[0] = '1';
    return false;
}

size_t fb_number_round(const struct fb_number *number, char *out)
{
    const size_t sign = number->negative ? 1 : 0;
    char *const digits = out + sign;
    int64_t first = number->first;
    size_t count = SIGNIFICANT_DIGITS_MAX;
    const char *behind;

    if (number->zero || first < FIRST_DIGIT_MIN) {
        out[0] = '0';
        return 1;
    }
    if (first > FIRST_DIGIT_MAX)
        return 0;
    out[0] = '-';
    behind = copy_digits(number, SIGNIFICANT_DIGITS_MAX, digits);
    behind += *behind == '.';
    if (*behind >= '5' && *behind <= '9' && !increment(digits, count))
        first++;
    if (first > FIRST_DIGIT_MAX)
        return 0;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return sign + count + write_exponent(first - (int64_t)count + 1, digits + count);
}
