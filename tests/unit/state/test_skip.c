/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "firebridge/state/skip.h"

#include "../support/state_bench.h"

static int set_up(void **test)
{
    struct state_bench *bench = calloc(1, sizeof *bench);

    state_bench_init(bench, 0);
    *test = bench;
    return 0;
}

static int tear_down(void **test)
{
    state_bench_done(*test);
    free(*test);
    return 0;
}

static struct fb_skip_result take_off(struct state_bench *bench, const char *key)
{
    struct fb_skip_result result = {0};

    assert_int_equal(
        fb_state_skip(bench->state, bench->stream_id, key, "it is a test", &result, &bench->error),
        FB_OK);
    return result;
}

static struct fb_state_object resume(struct state_bench *bench, uint64_t after)
{
    struct fb_state_object object = {0};

    assert_int_equal(
        fb_state_resume_next(bench->state, bench->stream_id, after, &object, &bench->error), FB_OK);
    return object;
}

static void a_pending_object_is_skipped_at_once_and_never_taken(void **test)
{
    struct state_bench *bench = *test;
    struct fb_state_object object;

    state_bench_add(bench, "a", 1);
    state_bench_add(bench, "b", 2);
    assert_int_equal(take_off(bench, "a").skipped, 1);
    assert_int_equal(state_bench_count(bench).skipped, 1);
    state_bench_take(bench, "b");
    assert_int_equal(fb_state_take_next(bench->state, bench->stream_id, &object, NULL), FB_END);
    assert_int_equal(take_off(bench, "a").already, 1);
}

static void one_that_is_being_read_is_marked_for_who_reads_it(void **test)
{
    struct state_bench *bench = *test;
    struct fb_state_object object;
    uint64_t sequence = 0;
    int64_t id;

    state_bench_add(bench, "a", 1);
    state_bench_add(bench, "b", 2);
    state_bench_take(bench, "a");
    id = state_bench_take(bench, "b");
    assert_int_equal(fb_state_next_asked(bench->state, bench->stream_id, 0, &sequence, NULL),
                     FB_END);
    assert_int_equal(take_off(bench, "b").asked, 1);
    assert_int_equal(fb_state_next_asked(bench->state, bench->stream_id, 0, &sequence, NULL),
                     FB_OK);
    assert_int_equal(sequence, id);
    assert_int_equal(fb_state_next_asked(bench->state, bench->stream_id, sequence, &sequence, NULL),
                     FB_END);
    assert_int_equal(state_bench_count(bench).active, 2);

    state_bench_reopen(bench);
    object = resume(bench, 0);
    assert_false(object.is_skipped);
    fb_state_object_done(&object);
    object = resume(bench, 1);
    assert_true(object.is_skipped);
    fb_state_object_done(&object);
}

static void a_marked_object_ends_as_skipped_only_behind_all_before_it(void **test)
{
    struct state_bench *bench = *test;
    struct fb_object_progress skipped = {.state = FB_OBJECT_SKIPPED, .records = 4};
    const struct fb_checkpoint checkpoint = {.objects = &skipped, .object_count = 1};
    int64_t a;

    state_bench_add(bench, "a", 1);
    state_bench_add(bench, "b", 2);
    a = state_bench_take(bench, "a");
    skipped.id = state_bench_take(bench, "b");
    take_off(bench, "b");
    assert_int_equal(fb_state_checkpoint(bench->state, bench->stream_id, &checkpoint, NULL),
                     FB_INVALID);
    state_bench_end(bench, a, FB_OBJECT_DONE, 1);
    assert_int_equal(fb_state_checkpoint(bench->state, bench->stream_id, &checkpoint, NULL), FB_OK);
    assert_int_equal(state_bench_count(bench).skipped, 1);
}

static void a_mark_that_comes_too_late_changes_nothing(void **test)
{
    struct state_bench *bench = *test;
    uint64_t sequence;
    int64_t id;

    state_bench_add(bench, "a", 1);
    id = state_bench_take(bench, "a");
    take_off(bench, "a");
    state_bench_end(bench, id, FB_OBJECT_DONE, 1);
    assert_int_equal(state_bench_count(bench).done, 1);
    assert_int_equal(take_off(bench, "a").ended, 1);
    assert_int_equal(fb_state_next_asked(bench->state, bench->stream_id, 0, &sequence, NULL),
                     FB_END);
}

static void a_damaged_object_counts_as_skipped_then(void **test)
{
    struct state_bench *bench = *test;

    state_bench_add(bench, "a", 1);
    state_bench_end(bench, state_bench_take(bench, "a"), FB_OBJECT_DAMAGED, 1);
    assert_int_equal(take_off(bench, "a").skipped, 1);
    assert_int_equal(state_bench_count(bench).damaged, 0);
    assert_int_equal(state_bench_count(bench).skipped, 1);
}

static void a_skipped_object_stays_known_when_the_mark_has_passed_it(void **test)
{
    struct state_bench *bench = *test;

    state_bench_add(bench, "a", 1);
    take_off(bench, "a");
    state_bench_sweep(bench, 1000);
    assert_int_equal(state_bench_count(bench).skipped, 1);
}

static void an_unknown_key_is_an_error_and_its_object_can_be_made_known(void **test)
{
    struct state_bench *bench = *test;
    const struct fb_state_listed object = state_bench_listed("a", 1);
    struct fb_skip_result result;
    size_t added = 9;

    assert_int_equal(
        fb_state_skip(bench->state, bench->stream_id, "a", "why", &result, &bench->error),
        FB_NOT_FOUND);
    assert_int_equal(
        fb_state_add_skipped(bench->state, bench->stream_id, &object, "why", &bench->error), FB_OK);
    assert_int_equal(
        fb_state_add_skipped(bench->state, bench->stream_id, &object, "why", &bench->error),
        FB_CONFLICT);
    assert_int_equal(
        fb_state_add_objects(bench->state, bench->stream_id, &object, 1, &added, &bench->error),
        FB_OK);
    assert_int_equal(added, 0);
    assert_int_equal(state_bench_count(bench).skipped, 1);
}

static void another_object_of_a_key_that_ended_is_skipped_beside_it(void **test)
{
    struct state_bench *bench = *test;
    struct fb_state_listed object = state_bench_listed("a", 1);
    unsigned rows = 9, skipped = 9;
    size_t added = 9;

    state_bench_process(bench, "a", 1);
    object.etag = "another";
    assert_int_equal(
        fb_state_add_skipped(bench->state, bench->stream_id, &object, "why", &bench->error), FB_OK);
    assert_int_equal(fb_state_count_of_key(bench->state, bench->stream_id, "a", "another", &rows,
                                           &skipped, NULL),
                     FB_OK);
    assert_int_equal(rows, 1);
    assert_int_equal(skipped, 1);
    assert_int_equal(
        fb_state_count_of_key(bench->state, bench->stream_id, "a", NULL, &rows, &skipped, NULL),
        FB_OK);
    assert_int_equal(rows, 2);
    assert_int_equal(skipped, 1);
    assert_int_equal(fb_state_add_objects(bench->state, bench->stream_id, &object, 1, &added, NULL),
                     FB_OK);
    assert_int_equal(added, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_pending_object_is_skipped_at_once_and_never_taken),
        CASE(one_that_is_being_read_is_marked_for_who_reads_it),
        CASE(a_marked_object_ends_as_skipped_only_behind_all_before_it),
        CASE(a_mark_that_comes_too_late_changes_nothing),
        CASE(a_damaged_object_counts_as_skipped_then),
        CASE(a_skipped_object_stays_known_when_the_mark_has_passed_it),
        CASE(an_unknown_key_is_an_error_and_its_object_can_be_made_known),
        CASE(another_object_of_a_key_that_ended_is_skipped_beside_it),
    };

    return cmocka_run_group_tests_name("skip", tests, NULL, NULL);
}
