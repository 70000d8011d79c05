/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/backoff.h"
#include "firebridge/codec/decimal.h"

static struct fb_decimal decimal(const char *text)
{
    struct fb_decimal read;
    struct fb_number number;
    const char *at;

    assert_non_null(fb_number_scan(text, &number, &at));
    assert_int_equal(fb_number_check(&number), FB_DEAD_NONE);
    fb_decimal_read(&number, &read);
    return read;
}

static void expect(const struct fb_decimal *sum, const char *expected)
{
    char text[FB_DECIMAL_TEXT_MAX + 1] = "";

    text[fb_decimal_write(sum, text)] = '\0';
    assert_string_equal(text, expected);
}

static const struct {
    const char *a, *b, *sum;
} sums[] = {
    {"1", "1", "2"},
    {"0", "0.10", "0.1"},
    {"5", "-5", "0"},
    {"-5", "3", "-2"},
    {"3", "-5", "-2"},
    {"0.1", "0.2", "0.3"},
    {"999", "1", "1000"},
    {"-1000", "1", "-999"},
    {"1e37", "1", "10000000000000000000000000000000000001"},
    {"99999999999999999999999999999999999999", "1", "1E38"},
    {"1e-130", "9e-130", "1E-129"},
    {"1.25e-130", "1e-130", "225E-132"},
    {"9e125", "-9e125", "0"},
    {"0.000001", "0", "0.000001"},
    {"0.0000001", "0", "1E-7"},
    {"-12.5", "0", "-12.5"},
    {"1200", "0.05", "1200.05"},
    {"9e37", "0", "90000000000000000000000000000000000000"},
};

static void sums_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        struct fb_decimal a = decimal(sums[i].a);
        struct fb_decimal b = decimal(sums[i].b);
        struct fb_decimal other = b;

        assert_true(fb_decimal_add(&other, &a));
        assert_true(fb_decimal_add(&a, &b));
        expect(&a, sums[i].sum);
        expect(&other, sums[i].sum);
    }
}

static const struct {
    const char *a, *b;
} refused[] = {
    {"1e38", "1"},
    {"1", "1e-38"},
    {"9.9e125", "1e124"},
    {"-9.9e125", "-1e124"},
    {"1e125", "1e-130"},
    {"1.25e-130", "-1e-130"},
    {"99999999999999999999999999999999999999", "0.1"},
};

static void what_dynamodb_cannot_hold_is_refused_and_the_sum_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct fb_decimal a = decimal(refused[i].a);
        struct fb_decimal b = decimal(refused[i].b);
        char before[FB_DECIMAL_TEXT_MAX + 1] = "";

        before[fb_decimal_write(&a, before)] = '\0';
        assert_false(fb_decimal_add(&a, &b));
        expect(&a, before);
    }
}

/* Held against integers of the machine, in sums of many. */
static void sums_of_many_are_those_of_integers(void **state)
{
    struct fb_random random;

    (void)state;
    fb_random_init(&random, 7);
    for (unsigned round = 0; round < 2000; round++) {
        struct fb_decimal sum = {0};
        int64_t expected = 0;
        char text[32];

        for (unsigned i = 0; i < 20; i++) {
            const int64_t addend = (int64_t)(fb_random_next(&random) % 2000001) - 1000000;
            struct fb_decimal read;

            snprintf(text, sizeof text, "%lld", (long long)addend);
            read = decimal(text);
            assert_true(fb_decimal_add(&sum, &read));
            expected += addend;
        }
        snprintf(text, sizeof text, "%lld", (long long)-expected);
        {
            struct fb_decimal less = decimal(text);

            assert_true(fb_decimal_add(&sum, &less));
        }
        expect(&sum, "0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(what_dynamodb_cannot_hold_is_refused_and_the_sum_stays),
        cmocka_unit_test(sums_of_many_are_those_of_integers),
    };

    return cmocka_run_group_tests_name("codec/decimal", tests, NULL, NULL);
}
