/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "firebridge/state/backfill.h"
#include "firebridge/state/skip.h"

#include "../support/state_bench.h"

#define START_MS 1000

static int set_up(void **test)
{
    struct state_bench *bench = calloc(1, sizeof *bench);

    state_bench_init(bench, START_MS);
    *test = bench;
    return 0;
}

static int tear_down(void **test)
{
    state_bench_done(*test);
    free(*test);
    return 0;
}

/* Of the one that start() begins. */
#define STARTED_MS 5000

static enum fb_status start(struct state_bench *bench, int64_t from_ms, int64_t to_ms)
{
    const struct fb_backfill backfill = {.from_ms = from_ms,
                                         .to_ms = to_ms,
                                         .rate = 50,
                                         .if_absent = true,
                                         .total_objects = 3,
                                         .total_bytes = 30,
                                         .started_ms = STARTED_MS};

    return fb_state_backfill_start(bench->state, bench->stream_id, &backfill, false, &bench->error);
}

static enum fb_status check_new(struct state_bench *bench, int64_t from_ms, int64_t to_ms)
{
    return fb_state_backfill_check_new(bench->state, bench->stream_id, from_ms, to_ms,
                                       &bench->error);
}

/* Its cursor is valid until the next call. */
static struct fb_backfill find(struct state_bench *bench)
{
    static char cursor[64];
    struct fb_backfill backfill;

    assert_int_equal(
        fb_state_backfill_find(bench->state, bench->stream_id, &backfill, &bench->error), FB_OK);
    if (backfill.cursor != NULL) {
        snprintf(cursor, sizeof cursor, "%s", backfill.cursor);
        fb_backfill_done(&backfill);
        backfill.cursor = cursor;
    }
    return backfill;
}

static uint64_t add(struct state_bench *bench, const char *key, int64_t key_time_ms,
                    int64_t window_ms)
{
    const struct fb_state_listed object = state_bench_listed(key, key_time_ms);
    const struct fb_backfill_page page = {.started_ms = STARTED_MS,
                                          .objects = &object,
                                          .count = 1,
                                          .window_ms = window_ms,
                                          .cursor = key};
    uint64_t added = 99;

    assert_int_equal(
        fb_state_backfill_add(bench->state, bench->stream_id, &page, &added, &bench->error), FB_OK);
    return added;
}

static void end_walk(struct state_bench *bench, int64_t to_ms)
{
    const struct fb_backfill_page page = {.started_ms = STARTED_MS, .window_ms = to_ms};
    uint64_t added;

    assert_int_equal(
        fb_state_backfill_add(bench->state, bench->stream_id, &page, &added, &bench->error), FB_OK);
}

static uint64_t collect(struct state_bench *bench)
{
    uint64_t left = 99;

    assert_int_equal(
        fb_state_backfill_collect(bench->state, bench->stream_id, 9000, &left, &bench->error),
        FB_OK);
    return left;
}

static struct fb_state_object take(struct state_bench *bench, const char *key)
{
    struct fb_state_object object;

    assert_int_equal(fb_state_take_backfill(bench->state, bench->stream_id, &object, NULL), FB_OK);
    assert_string_equal(object.key, key);
    fb_state_object_done(&object);
    return object;
}

static void a_page_and_its_place_outlive_a_restart(void **test)
{
    struct state_bench *bench = *test;
    struct fb_backfill found;

    assert_int_equal(fb_state_backfill_find(bench->state, bench->stream_id, &found, NULL),
                     FB_NOT_FOUND);
    assert_int_equal(start(bench, 100, 900), FB_OK);
    assert_int_equal(add(bench, "a", 200, 150), 1);
    state_bench_reopen(bench);
    found = find(bench);
    assert_int_equal(found.state, FB_BACKFILL_RUNNING);
    assert_int_equal(found.from_ms, 100);
    assert_int_equal(found.to_ms, 900);
    assert_int_equal(found.rate, 50);
    assert_true(found.if_absent);
    assert_int_equal(found.window_ms, 150);
    assert_string_equal(found.cursor, "a");
    assert_int_equal(found.objects_listed, 1);
}

static void its_objects_are_a_queue_of_their_own(void **test)
{
    struct state_bench *bench = *test;
    struct fb_state_object object;

    assert_int_equal(start(bench, 100, 900), FB_OK);
    add(bench, "old", 200, 100);
    state_bench_add(bench, "live", 2000);
    state_bench_take(bench, "live");
    assert_int_equal(fb_state_take_next(bench->state, bench->stream_id, &object, NULL), FB_END);
    object = take(bench, "old");
    assert_true(object.is_backfill);
    assert_true(object.if_absent);
    assert_int_equal(object.sequence, 2);
}

static void only_history_that_is_not_known_goes_in(void **test)
{
    struct state_bench *bench = *test;

    state_bench_add(bench, "known", 1500);
    assert_int_equal(start(bench, 0, 5000), FB_OK);
    assert_int_equal(add(bench, "known", 1500, 0), 0);
    assert_int_equal(add(bench, "live", 1600, 0), 0);
    assert_int_equal(add(bench, "delivered late", START_MS - 3, 0), 0);
    assert_int_equal(add(bench, "before the start", START_MS - 6, 0), 1);
    state_bench_sweep(bench, 3000);
    assert_int_equal(add(bench, "pruned", 2000, 0), 1);
}

/* A late one of before the start was read all the same, and its markers may have gone since. */
static void where_nothing_may_be_read_twice_what_was_pruned_is_no_history(void **test)
{
    struct state_bench *bench = *test;
    const struct fb_state_listed objects[] = {
        state_bench_listed("before the start", START_MS - 6),
        state_bench_listed("delivered late", START_MS - 3),
    };
    const struct fb_backfill_page page = {
        .started_ms = STARTED_MS, .only_unread = true, .objects = objects, .count = 2};
    struct fb_state_object object;
    uint64_t added = 99;

    state_bench_process(bench, "delivered late", START_MS - 3);
    state_bench_sweep(bench, 3000);
    assert_int_equal(start(bench, 0, START_MS), FB_OK);
    assert_int_equal(fb_state_backfill_add(bench->state, bench->stream_id, &page, &added, NULL),
                     FB_OK);
    assert_int_equal(added, 1);
    take(bench, "before the start");
    assert_int_equal(fb_state_take_backfill(bench->state, bench->stream_id, &object, NULL), FB_END);
}

static void what_is_done_is_counted_once_and_its_row_goes(void **test)
{
    struct state_bench *bench = *test;
    struct fb_backfill found;
    struct fb_skip_result skipped;

    assert_int_equal(start(bench, 100, 900), FB_OK);
    add(bench, "a", 200, 100);
    add(bench, "b", 300, 100);
    add(bench, "c", 400, 100);
    state_bench_end(bench, take(bench, "a").id, FB_OBJECT_DONE, 7);
    state_bench_end(bench, take(bench, "b").id, FB_OBJECT_DAMAGED, 2);
    assert_int_equal(fb_state_skip(bench->state, bench->stream_id, "c", "why", &skipped, NULL),
                     FB_OK);
    state_bench_sweep(bench, 5000);
    assert_int_equal(collect(bench), 0);
    assert_int_equal(collect(bench), 0);
    found = find(bench);
    assert_int_equal(found.objects, 3);
    assert_int_equal(found.bytes, 30);
    assert_int_equal(found.records, 9);
    assert_int_equal(found.state, FB_BACKFILL_RUNNING);
    assert_int_equal(state_bench_count(bench).done, 0);
    assert_int_equal(state_bench_count(bench).damaged, 1);
    assert_int_equal(state_bench_count(bench).skipped, 1);
}

static void it_is_complete_when_the_walk_is_over_and_nothing_is_left(void **test)
{
    struct state_bench *bench = *test;
    struct fb_backfill found;

    assert_int_equal(start(bench, 100, 900), FB_OK);
    add(bench, "a", 200, 100);
    end_walk(bench, 900);
    assert_int_equal(collect(bench), 1);
    assert_int_equal(find(bench).state, FB_BACKFILL_RUNNING);
    state_bench_end(bench, take(bench, "a").id, FB_OBJECT_DONE, 7);
    assert_int_equal(collect(bench), 0);
    found = find(bench);
    assert_int_equal(found.state, FB_BACKFILL_COMPLETE);
    assert_int_equal(found.ended_ms, 9000);
    assert_null(found.cursor);
}

static void one_runs_at_a_time_and_the_next_begins_anew(void **test)
{
    struct state_bench *bench = *test;
    struct fb_backfill found;

    assert_int_equal(start(bench, 100, 900), FB_OK);
    assert_int_equal(start(bench, 0, 50), FB_CONFLICT);
    assert_int_equal(find(bench).from_ms, 100);
    end_walk(bench, 900);
    collect(bench);
    assert_int_equal(start(bench, 0, 50), FB_OK);
    found = find(bench);
    assert_int_equal(found.state, FB_BACKFILL_RUNNING);
    assert_int_equal(found.window_ms, 0);
    assert_int_equal(found.objects, 0);
    assert_int_equal(found.ended_ms, 0);
}

static void complete(struct state_bench *bench, int64_t from_ms, int64_t to_ms)
{
    assert_int_equal(start(bench, from_ms, to_ms), FB_OK);
    end_walk(bench, to_ms);
    assert_int_equal(collect(bench), 0);
}

static void what_lies_between_two_backfills_is_new(void **test)
{
    struct state_bench *bench = *test;

    complete(bench, 700, 800);
    complete(bench, 100, 200);
    assert_int_equal(check_new(bench, 200, 700), FB_OK);
    assert_int_equal(check_new(bench, 0, 100), FB_OK);
    assert_int_equal(check_new(bench, 800, 900), FB_OK);
    assert_int_equal(check_new(bench, 0, 101), FB_INVALID);
    assert_int_equal(check_new(bench, 199, 700), FB_INVALID);
    assert_int_equal(check_new(bench, 200, 701), FB_INVALID);
    assert_string_equal(bench->error.message, "a backfill went over 1970-01-01T00:00:00.700Z to "
                                              "1970-01-01T00:00:00.800Z already");
    assert_int_equal(check_new(bench, 750, 760), FB_INVALID);
}

static void of_a_cancelled_one_what_was_taken_up_is_not_new_and_the_rest_is(void **test)
{
    struct state_bench *bench = *test;

    assert_int_equal(start(bench, 100, 900), FB_OK);
    add(bench, "a", 200, 100);
    assert_int_equal(fb_state_backfill_cancel(bench->state, bench->stream_id, 6000, NULL), FB_OK);
    assert_int_equal(check_new(bench, 100, 900), FB_OK);
    assert_int_equal(start(bench, 100, 900), FB_OK);
    add(bench, "a", 200, 100);
    add(bench, "b", 300, 100);
    state_bench_end(bench, take(bench, "a").id, FB_OBJECT_DONE, 7);
    collect(bench);
    assert_int_equal(fb_state_backfill_cancel(bench->state, bench->stream_id, 6000, NULL), FB_OK);
    assert_int_equal(check_new(bench, 201, 900), FB_OK);
    assert_int_equal(check_new(bench, 200, 900), FB_INVALID);
    assert_int_equal(check_new(bench, 100, 150), FB_INVALID);
}

/* A question may stand open while somebody else's backfill of the same time comes to its end. */
static void one_that_must_be_new_does_not_start_again_what_is_complete(void **test)
{
    struct state_bench *bench = *test;
    const struct fb_backfill again = {.from_ms = 100, .to_ms = 900, .started_ms = 7000};
    const struct fb_backfill rest = {.from_ms = 50, .to_ms = 100, .started_ms = 8000};

    complete(bench, 100, 900);
    assert_int_equal(
        fb_state_backfill_start(bench->state, bench->stream_id, &again, true, &bench->error),
        FB_INVALID);
    assert_int_equal(find(bench).state, FB_BACKFILL_COMPLETE);
    assert_int_equal(
        fb_state_backfill_start(bench->state, bench->stream_id, &rest, true, &bench->error), FB_OK);
}

static void a_cancelled_one_finishes_what_is_begun_and_takes_no_page_any_more(void **test)
{
    struct state_bench *bench = *test;
    const struct fb_backfill_page page = {.started_ms = STARTED_MS, .window_ms = 500};
    uint64_t added = 99;
    struct fb_state_object object;
    int64_t id;

    assert_int_equal(start(bench, 100, 900), FB_OK);
    add(bench, "a", 200, 100);
    add(bench, "b", 300, 100);
    id = take(bench, "a").id;
    assert_int_equal(fb_state_backfill_cancel(bench->state, bench->stream_id, 6000, NULL), FB_OK);
    assert_int_equal(fb_state_backfill_cancel(bench->state, bench->stream_id, 6000, NULL),
                     FB_NOT_FOUND);
    assert_int_equal(fb_state_backfill_add(bench->state, bench->stream_id, &page, &added, NULL),
                     FB_NOT_FOUND);
    assert_int_equal(fb_state_take_backfill(bench->state, bench->stream_id, &object, NULL), FB_END);
    state_bench_end(bench, id, FB_OBJECT_DONE, 7);
    assert_int_equal(collect(bench), 0);
    assert_int_equal(find(bench).state, FB_BACKFILL_CANCELED);
    assert_int_equal(find(bench).objects, 1);
}

/* Else the next one would go on where that page ended, and leave out what lies before. */
static void a_page_of_a_cancelled_one_does_not_move_the_next_one(void **test)
{
    struct state_bench *bench = *test;
    const struct fb_state_listed object = state_bench_listed("a", 600);
    const struct fb_backfill_page late = {.started_ms = STARTED_MS - 1,
                                          .objects = &object,
                                          .count = 1,
                                          .window_ms = 700,
                                          .cursor = "a"};
    uint64_t added = 99;

    assert_int_equal(start(bench, 100, 900), FB_OK);
    assert_int_equal(fb_state_backfill_add(bench->state, bench->stream_id, &late, &added, NULL),
                     FB_NOT_FOUND);
    assert_int_equal(find(bench).window_ms, 100);
    assert_null(find(bench).cursor);
    assert_int_equal(collect(bench), 0);
}

static void its_rate_may_change_while_it_runs(void **test)
{
    struct state_bench *bench = *test;

    assert_int_equal(fb_state_backfill_set_rate(bench->state, bench->stream_id, 5, NULL),
                     FB_NOT_FOUND);
    assert_int_equal(start(bench, 100, 900), FB_OK);
    assert_int_equal(fb_state_backfill_set_rate(bench->state, bench->stream_id, 5, NULL), FB_OK);
    assert_int_equal(find(bench).rate, 5);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_page_and_its_place_outlive_a_restart),
        CASE(its_objects_are_a_queue_of_their_own),
        CASE(only_history_that_is_not_known_goes_in),
        CASE(where_nothing_may_be_read_twice_what_was_pruned_is_no_history),
        CASE(what_is_done_is_counted_once_and_its_row_goes),
        CASE(it_is_complete_when_the_walk_is_over_and_nothing_is_left),
        CASE(one_runs_at_a_time_and_the_next_begins_anew),
        CASE(what_lies_between_two_backfills_is_new),
        CASE(of_a_cancelled_one_what_was_taken_up_is_not_new_and_the_rest_is),
        CASE(one_that_must_be_new_does_not_start_again_what_is_complete),
        CASE(a_cancelled_one_finishes_what_is_begun_and_takes_no_page_any_more),
        CASE(a_page_of_a_cancelled_one_does_not_move_the_next_one),
        CASE(its_rate_may_change_while_it_runs),
    };

    return cmocka_run_group_tests_name("backfill", tests, NULL, NULL);
}
