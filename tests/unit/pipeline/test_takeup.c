/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "firebridge/pipeline/takeup.h"
#include "firebridge/state/backfill.h"

#include "../support/state_bench.h"

struct bench {
    struct state_bench file;
    struct fb_clock_virtual clock;
    struct fb_takeup takeup;
};

static int set_up(void **test)
{
    struct bench *bench = calloc(1, sizeof *bench);
    const struct fb_backfill backfill = {.from_ms = 0, .to_ms = 900};

    state_bench_init(&bench->file, 1000);
    fb_clock_virtual_init(&bench->clock, 1772323200000);
    fb_takeup_init(&bench->takeup, bench->file.state, bench->file.stream_id, false,
                   &bench->clock.clock);
    assert_int_equal(
        fb_state_backfill_start(bench->file.state, bench->file.stream_id, &backfill, false, NULL),
        FB_OK);
    *test = bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;

    fb_takeup_done(&bench->takeup);
    state_bench_done(&bench->file);
    free(bench);
    return 0;
}

static void add_history(struct bench *bench, const char *key, int64_t key_time_ms)
{
    const struct fb_state_listed object = state_bench_listed(key, key_time_ms);
    const struct fb_backfill_page page = {.objects = &object, .count = 1};
    uint64_t added = 0;

    assert_int_equal(
        fb_state_backfill_add(bench->file.state, bench->file.stream_id, &page, &added, NULL),
        FB_OK);
    assert_int_equal(added, 1);
}

static void expect_next(struct bench *bench, const char *key)
{
    struct fb_state_object object = {0};
    const enum fb_status status = fb_takeup_next(&bench->takeup, true, &object, NULL);

    if (key == NULL) {
        assert_int_equal(status, FB_END);
        return;
    }
    assert_int_equal(status, FB_OK);
    assert_string_equal(object.key, key);
    fb_state_object_done(&object);
}

static void pass(struct bench *bench, int64_t ms)
{
    bench->clock.monotonic_ms += ms;
}

static void history_waits_until_it_is_allowed_and_nothing_live_is_pending(void **test)
{
    struct bench *bench = *test;

    add_history(bench, "old", 100);
    expect_next(bench, NULL);
    fb_takeup_allow_backfill(&bench->takeup, 0);
    state_bench_add(&bench->file, "live", 5000);
    expect_next(bench, "live");
    expect_next(bench, "old");
}

static void history_comes_one_object_at_a_time(void **test)
{
    struct bench *bench = *test;

    fb_takeup_allow_backfill(&bench->takeup, 0);
    add_history(bench, "1", 100);
    add_history(bench, "2", 200);
    expect_next(bench, "1");
    expect_next(bench, NULL);
    fb_takeup_backfilled(&bench->takeup, 10, 0);
    expect_next(bench, "2");
}

/* 500 records at 100 a second are 5 seconds, from the object's begin. */
static void the_next_one_waits_for_what_its_forerunner_had(void **test)
{
    struct bench *bench = *test;
    int64_t begun_ms;

    fb_takeup_allow_backfill(&bench->takeup, 100);
    add_history(bench, "1", 100);
    add_history(bench, "2", 200);
    pass(bench, 10000);
    begun_ms = bench->clock.monotonic_ms;
    expect_next(bench, "1");
    pass(bench, 2000);
    fb_takeup_backfilled(&bench->takeup, 500, begun_ms);
    expect_next(bench, NULL);
    assert_int_equal(fb_takeup_wait_ms(&bench->takeup), FB_TAKEUP_LOOK_MS);
    state_bench_add(&bench->file, "live", 5000);
    expect_next(bench, "live");
    pass(bench, 2990);
    expect_next(bench, NULL);
    assert_int_equal(fb_takeup_wait_ms(&bench->takeup), 10);
    pass(bench, 10);
    expect_next(bench, "2");
}

static void a_new_rate_counts_at_once(void **test)
{
    struct bench *bench = *test;

    fb_takeup_allow_backfill(&bench->takeup, 1);
    add_history(bench, "1", 100);
    add_history(bench, "2", 200);
    expect_next(bench, "1");
    fb_takeup_backfilled(&bench->takeup, 1000000, bench->clock.monotonic_ms);
    fb_takeup_allow_backfill(&bench->takeup, 1);
    expect_next(bench, NULL);
    fb_takeup_allow_backfill(&bench->takeup, 1000);
    expect_next(bench, "2");
}

static void in_the_middle_of_a_listing_nothing_is_taken_up(void **test)
{
    struct bench *bench = *test;
    struct fb_state_object object;

    fb_takeup_allow_backfill(&bench->takeup, 0);
    add_history(bench, "1", 100);
    assert_int_equal(fb_takeup_next(&bench->takeup, false, &object, NULL), FB_END);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(history_waits_until_it_is_allowed_and_nothing_live_is_pending),
        CASE(history_comes_one_object_at_a_time),
        CASE(the_next_one_waits_for_what_its_forerunner_had),
        CASE(a_new_rate_counts_at_once),
        CASE(in_the_middle_of_a_listing_nothing_is_taken_up),
    };

    return cmocka_run_group_tests_name("takeup", tests, NULL, NULL);
}
