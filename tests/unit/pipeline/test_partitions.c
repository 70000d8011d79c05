/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/pipeline/partitions.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define SWEEP_MS  (10 * MINUTE_MS)
#define NOW_MS    (1000000 * HOUR_MS)

static struct fb_partition seen(int64_t alive_ago_ms, int64_t swept_ago_ms)
{
    return (struct fb_partition){.alive_ms = NOW_MS - alive_ago_ms,
                                 .swept_ms = NOW_MS - swept_ago_ms};
}

static void a_partition_is_found_by_its_prefix(void **state)
{
    struct fb_partitions partitions = {0};
    char prefix[32];

    (void)state;
    assert_null(fb_partitions_find(&partitions, "p/0/"));
    for (int i = 0; i < 500; i++) {
        snprintf(prefix, sizeof prefix, "p/%d/", i * 7 % 500);
        fb_partitions_add(&partitions, prefix)->alive_ms = i * 7 % 500;
    }
    assert_int_equal(partitions.count, 500);
    for (int i = 0; i < 500; i++) {
        snprintf(prefix, sizeof prefix, "p/%d/", i);
        assert_int_equal(fb_partitions_find(&partitions, prefix)->alive_ms, i);
        assert_ptr_equal(fb_partitions_add(&partitions, prefix),
                         fb_partitions_find(&partitions, prefix));
    }
    assert_null(fb_partitions_find(&partitions, "p/500/"));
    fb_partitions_done(&partitions);
}

static void those_that_are_too_many_are_not_kept(void **state)
{
    struct fb_partitions partitions = {0};
    char prefix[32];

    (void)state;
    for (int i = 0; i < FB_PARTITIONS_MAX; i++) {
        snprintf(prefix, sizeof prefix, "p/%08d/", i);
        assert_non_null(fb_partitions_add(&partitions, prefix));
    }
    assert_null(fb_partitions_add(&partitions, "p/one more/"));
    assert_non_null(fb_partitions_add(&partitions, "p/00000000/"));
    assert_int_equal(partitions.count, FB_PARTITIONS_MAX);
    fb_partitions_done(&partitions);
}

static void a_sweep_forgets_what_it_was_not_shown(void **state)
{
    struct fb_partitions partitions = {0};

    (void)state;
    fb_partitions_add(&partitions, "a/")->shown = true;
    fb_partitions_add(&partitions, "b/")->shown = true;
    fb_partitions_end_sweep(&partitions);
    assert_int_equal(partitions.count, 2);
    fb_partitions_begin_sweep(&partitions);
    fb_partitions_find(&partitions, "b/")->shown = true;
    fb_partitions_end_sweep(&partitions);
    assert_null(fb_partitions_find(&partitions, "a/"));
    assert_non_null(fb_partitions_find(&partitions, "b/"));
    fb_partitions_done(&partitions);
}

static void a_partition_is_quiet_when_nothing_came_for_an_hour(void **state)
{
    struct fb_partition partition = seen(59 * MINUTE_MS, MINUTE_MS);

    (void)state;
    assert_false(fb_partition_is_quiet(&partition, NOW_MS));
    partition = seen(61 * MINUTE_MS, MINUTE_MS);
    assert_true(fb_partition_is_quiet(&partition, NOW_MS));
    /* Nothing is known of it. */
    partition.swept_ms = 0;
    assert_false(fb_partition_is_quiet(&partition, NOW_MS));
    /* A clock went back. */
    partition = seen(-HOUR_MS, MINUTE_MS);
    assert_false(fb_partition_is_quiet(&partition, NOW_MS));
}

static void a_quiet_one_waits_for_an_eighth_of_its_time_and_24_sweeps_at_most(void **state)
{
    static const struct {
        int64_t alive_ago_ms, swept_ago_ms;
        bool waits;
    } cases[] = {
        {30 * MINUTE_MS, 0, false},
        {2 * HOUR_MS, 0, true}, /* an eighth is 15 min; the next sweep is in 10 */
        {125 * MINUTE_MS, 5 * MINUTE_MS, true},
        {126 * MINUTE_MS, 6 * MINUTE_MS, false},
        {16 * HOUR_MS + 110 * MINUTE_MS, 110 * MINUTE_MS, true},
        {16 * HOUR_MS + 111 * MINUTE_MS, 111 * MINUTE_MS, false},
        {48 * HOUR_MS, 230 * MINUTE_MS, true},
        {48 * HOUR_MS, 231 * MINUTE_MS, false},
        {NOW_MS, 230 * MINUTE_MS, true},
        {NOW_MS, 231 * MINUTE_MS, false},
        {NOW_MS, NOW_MS, false},     /* nothing is known of it */
        {NOW_MS, -MINUTE_MS, false}, /* the clock went back */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fb_partition partition = seen(cases[i].alive_ago_ms, cases[i].swept_ago_ms);

        assert_int_equal(fb_partition_may_wait(&partition, NOW_MS, SWEEP_MS), cases[i].waits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_is_found_by_its_prefix),
        cmocka_unit_test(those_that_are_too_many_are_not_kept),
        cmocka_unit_test(a_sweep_forgets_what_it_was_not_shown),
        cmocka_unit_test(a_partition_is_quiet_when_nothing_came_for_an_hour),
        cmocka_unit_test(a_quiet_one_waits_for_an_eighth_of_its_time_and_24_sweeps_at_most),
    };

    return cmocka_run_group_tests_name("pipeline/partitions", tests, NULL, NULL);
}
