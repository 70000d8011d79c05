/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firebridge/base/histogram.h"

static void bounds_rise_and_fit(void **state)
{
    static const struct fb_scale *const scales[] = {&fb_scale_call, &fb_scale_delay};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_in_range(scales[i]->count, 1, FB_HISTOGRAM_MAX_BOUNDS);
        for (size_t j = 1; j < scales[i]->count; j++)
            assert_true(scales[i]->bounds_ms[j - 1] < scales[i]->bounds_ms[j]);
    }
}

static void a_value_is_in_the_first_bucket_that_holds_it(void **state)
{
    struct fb_histogram histogram;
    struct fb_histogram_view view;

    (void)state;
    fb_histogram_init(&histogram, &fb_scale_call);
    fb_histogram_note(&histogram, 0);
    fb_histogram_note(&histogram, 1);
    fb_histogram_note(&histogram, 2);
    fb_histogram_note(&histogram, 4);
    fb_histogram_note(&histogram, 60000);
    fb_histogram_view(&histogram, &view);
    assert_int_equal(view.counts[0], 2);
    assert_int_equal(view.counts[1], 1);
    assert_int_equal(view.counts[3], 1);
    assert_int_equal(view.counts[fb_scale_call.count - 1], 1);
    assert_int_equal(view.count, 5);
    assert_int_equal(view.sum_ms, 60007);
}

static void what_is_beyond_the_last_bound_is_counted_and_what_is_negative_is_0(void **state)
{
    struct fb_histogram histogram;
    struct fb_histogram_view view;

    (void)state;
    fb_histogram_init(&histogram, &fb_scale_delay);
    fb_histogram_note(&histogram, INT64_C(365) * 24 * 3600 * 1000);
    fb_histogram_note(&histogram, -5000);
    fb_histogram_view(&histogram, &view);
    assert_int_equal(view.counts[fb_scale_delay.count], 1);
    assert_int_equal(view.counts[0], 1);
    assert_int_equal(view.sum_ms, INT64_C(365) * 24 * 3600 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_rise_and_fit),
        cmocka_unit_test(a_value_is_in_the_first_bucket_that_holds_it),
        cmocka_unit_test(what_is_beyond_the_last_bound_is_counted_and_what_is_negative_is_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
