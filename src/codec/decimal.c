/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/decimal.h"

#include <stdio.h>
#include <string.h>

/* Of a number's first digit; its last one may be of a smaller power (number.h). */
#define FIRST_MIN (-130)
#define POWER_MIN (FIRST_MIN - FB_DECIMAL_DIGITS + 1)
#define POWER_MAX 125

/* Before the first digit of a fraction, the one before the point with them. */
#define LEADING_ZEROS_MAX 6

/* All of them, and one for what a sum carries over. */
#define COLUMNS (POWER_MAX - POWER_MIN + 2)

/* Digits by their powers, from POWER_MIN on; those of a negative number are negative. */
struct columns {
    int8_t at[COLUMNS];
    int low, high; /* those in use */
};

void fb_decimal_read(const struct fb_number *number, struct fb_decimal *ret_decimal)
{
    const char *p = number->digits;

    *ret_decimal = (struct fb_decimal){0};
    if (number->zero)
        return;
    ret_decimal->negative = number->negative;
    ret_decimal->last = (int16_t)number->last;
    ret_decimal->count = (uint8_t)(number->first - number->last + 1);
    for (size_t i = 0; i < ret_decimal->count; p++)
        if (*p != '.')
            ret_decimal->digits[i++] = (uint8_t)(*p - '0');
}

static int low_of(const struct fb_decimal *decimal)
{
    return decimal->last - POWER_MIN;
}

static int high_of(const struct fb_decimal *decimal)
{
    return low_of(decimal) + decimal->count - 1;
}

static void put(struct columns *columns, const struct fb_decimal *decimal)
{
    for (int i = 0; i < decimal->count; i++) {
        int8_t *column = &columns->at[high_of(decimal) - i];

        *column =
            (int8_t)(*column + (decimal->negative ? -decimal->digits[i] : decimal->digits[i]));
    }
}

/* Makes every column 0 to 9. Returns what is carried out of the highest. */
static int carry(struct columns *columns)
{
    int over = 0;

    for (int i = columns->low; i <= columns->high; i++) {
        const int sum = columns->at[i] + over;

        over = sum < 0 ? -1 : sum > 9 ? 1 : 0;
        columns->at[i] = (int8_t)(sum - 10 * over);
    }
    return over;
}

/* The ten's complement: what a sum below zero left, as the digits of its amount. */
static void negate(struct columns *columns)
{
    for (int i = columns->low; i <= columns->high; i++)
        columns->at[i] = (int8_t)-columns->at[i];
    (void)carry(columns);
}

static bool take(struct columns *columns, bool negative, struct fb_decimal *sum)
{
    int low = columns->low;
    int high = columns->high;
    struct fb_decimal taken = {.negative = negative};

    while (high >= low && columns->at[high] == 0)
        high--;
    while (low <= high && columns->at[low] == 0)
        low++;
    if (high < low) {
        *sum = (struct fb_decimal){0};
        return true;
    }
    if (high - low >= FB_DECIMAL_DIGITS || high > POWER_MAX - POWER_MIN ||
        high < FIRST_MIN - POWER_MIN)
        return false;
    taken.last = (int16_t)(low + POWER_MIN);
    taken.count = (uint8_t)(high - low + 1);
    for (int i = 0; i < taken.count; i++)
        taken.digits[i] = (uint8_t)columns->at[high - i];
    *sum = taken;
    return true;
}

bool fb_decimal_add(struct fb_decimal *sum, const struct fb_decimal *addend)
{
    struct columns columns = {0};
    int over;

    if (addend->count == 0)
        return true;
    if (sum->count == 0) {
        *sum = *addend;
        return true;
    }
    columns.low = low_of(sum) < low_of(addend) ? low_of(sum) : low_of(addend);
    columns.high = (high_of(sum) > high_of(addend) ? high_of(sum) : high_of(addend)) + 1;
    put(&columns, sum);
    put(&columns, addend);
    over = carry(&columns);
    if (over < 0)
        negate(&columns);
    return take(&columns, over < 0, sum);
}

static size_t write_digits(const struct fb_decimal *decimal, size_t from, size_t to, char *out)
{
    for (size_t i = from; i < to; i++)
        out[i - from] = (char)('0' + decimal->digits[i]);
    return to - from;
}

static size_t write_zeros(int count, char *out)
{
    memset(out, '0', count > 0 ? (size_t)count : 0);
    return count > 0 ? (size_t)count : 0;
}

/* With a point in or before its digits. */
static size_t write_fraction(const struct fb_decimal *decimal, int first, char *out)
{
    const size_t whole = first < 0 ? 0 : (size_t)first + 1;
    size_t size = write_digits(decimal, 0, whole, out);

    if (whole == 0)
        out[size++] = '0';
    out[size++] = '.';
    size += write_zeros(-first - 1, out + size);
    return size + write_digits(decimal, whole, decimal->count, out + size);
}

static size_t write_with_exponent(const struct fb_decimal *decimal, char *out)
{
    char exponent[8];
    const int exponent_size = snprintf(exponent, sizeof exponent, "E%d", decimal->last);
    const size_t size = write_digits(decimal, 0, decimal->count, out);

    memcpy(out + size, exponent, (size_t)exponent_size);
    return size + (size_t)exponent_size;
}

size_t fb_decimal_write(const struct fb_decimal *decimal, char *out)
{
    const int first = decimal->last + decimal->count - 1;
    size_t size = 0;

    if (decimal->count == 0) {
        out[0] = '0';
        return 1;
    }
    if (decimal->negative)
        out[size++] = '-';
    if (first >= FB_DECIMAL_DIGITS || first < -LEADING_ZEROS_MAX)
        return size + write_with_exponent(decimal, out + size);
    if (decimal->last < 0)
        return size + write_fraction(decimal, first, out + size);
    size += write_digits(decimal, 0, decimal->count, out + size);
    return size + write_zeros(decimal->last, out + size);
}
