/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/backoff.h"

static void waits_grow_to_the_cap_with_full_jitter(void **state)
{
    struct fb_backoff backoff = {.base_ms = 50, .cap_ms = 1000};
    struct fb_random random;
    int64_t limit_ms = 50;

    (void)state;
    fb_random_init(&random, 1);
    for (int i = 0; i < 20; i++) {
        assert_in_range(fb_backoff_next_ms(&backoff, &random), 1, limit_ms);
        limit_ms = limit_ms * 2 > 1000 ? 1000 : limit_ms * 2;
    }
    assert_int_equal(backoff.tries, 20);
}

static void jitter_reaches_both_ends(void **state)
{
    struct fb_random random;
    int64_t lowest = 1000, highest = 0;

    (void)state;
    fb_random_init(&random, 2);
    for (int i = 0; i < 10000; i++) {
        struct fb_backoff backoff = {.base_ms = 100, .cap_ms = 1000};
        int64_t wait_ms = fb_backoff_next_ms(&backoff, &random);

        lowest = wait_ms < lowest ? wait_ms : lowest;
        highest = wait_ms > highest ? wait_ms : highest;
    }
    assert_int_equal(lowest, 1);
    assert_int_equal(highest, 100);
}

static void a_success_starts_anew(void **state)
{
    struct fb_backoff backoff = {.base_ms = 10, .cap_ms = INT64_C(1) << 40};
    struct fb_random random;

    (void)state;
    fb_random_init(&random, 3);
    for (int i = 0; i < 30; i++)
        (void)fb_backoff_next_ms(&backoff, &random);
    fb_backoff_reset(&backoff);
    assert_in_range(fb_backoff_next_ms(&backoff, &random), 1, 10);
}

static void entropy_differs(void **state)
{
    (void)state;
    assert_true(fb_random_entropy() != fb_random_entropy());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_grow_to_the_cap_with_full_jitter),
        cmocka_unit_test(jitter_reaches_both_ends),
        cmocka_unit_test(a_success_starts_anew),
        cmocka_unit_test(entropy_differs),
    };

    return cmocka_run_group_tests_name("base/backoff", tests, NULL, NULL);
}
