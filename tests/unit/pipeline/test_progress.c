/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/pipeline/progress.h"

static struct fb_progress *progress;

static int make_progress(void **state)
{
    (void)state;
    return fb_progress_new(false, &progress, NULL) == FB_OK ? 0 : -1;
}

static int free_progress(void **state)
{
    (void)state;
    fb_progress_free(progress);
    return 0;
}

static struct fb_progress_object *begin(int64_t id)
{
    struct fb_state_object object = {
        .id = id, .sequence = (uint64_t)id, .key = strdup("k"), .etag = strdup("e")};
    struct fb_progress_object *entry = NULL;

    assert_int_equal(fb_progress_object_begin(progress, &object, 0, &entry), FB_OK);
    return entry;
}

static void add(struct fb_span *span, unsigned records)
{
    for (unsigned i = 0; i < records; i++)
        fb_span_add(span);
}

static void acknowledge(struct fb_span *span, unsigned records)
{
    for (unsigned i = 0; i < records; i++)
        fb_span_acknowledge(span, 1);
}

static void close_span(struct fb_span *span, uint64_t next_record, uint64_t offset_bytes,
                       uint64_t end_ordinal)
{
    struct fb_frontier behind = {.record = next_record, .offset_bytes = offset_bytes};

    fb_progress_span_close(progress, span, behind, end_ordinal);
}

/* Of the first object that the view is about. */
static struct fb_frontier frontier_in(struct fb_progress_view view)
{
    return view.checkpoint.object_count == 0 ? (struct fb_frontier){0}
                                             : view.checkpoint.objects[0].frontier;
}

static unsigned ended;

static void count_ended(void *context, const struct fb_state_object *object,
                        enum fb_object_state outcome, uint64_t records, uint64_t dead_letters,
                        int64_t begun_ms)
{
    (void)context;
    (void)object;
    (void)outcome;
    (void)records;
    (void)dead_letters;
    (void)begun_ms;
    ended++;
}

static uint64_t stay_behind(void *context, uint64_t resolved_ordinal)
{
    const uint64_t *ordinal = context;

    (void)resolved_ordinal;
    return *ordinal;
}

static struct fb_progress_view view_behind(uint64_t ordinal)
{
    struct fb_progress_view view;

    assert_int_equal(fb_progress_view(progress, stay_behind, &ordinal, &view), FB_OK);
    return view;
}

static struct fb_progress_view view_all(void)
{
    return view_behind(UINT64_MAX);
}

static void nothing_begun_is_nothing_new(void **state)
{
    (void)state;
    assert_false(view_all().is_new);
}

static void the_frontier_stops_at_the_first_record_not_acknowledged(void **state)
{
    struct fb_progress_object *object = begin(1);
    struct fb_span *first = fb_progress_span_open(progress, object, 0);
    struct fb_span *second;

    (void)state;
    add(first, 3);
    close_span(first, 3, 300, 3);
    second = fb_progress_span_open(progress, object, 3);
    add(second, 2);
    close_span(second, 5, 500, 5);
    acknowledge(second, 2);
    assert_int_equal(frontier_in(view_all()).record, 0);
    acknowledge(first, 2);
    assert_int_equal(frontier_in(view_all()).record, 0);
    acknowledge(first, 1);
    assert_int_equal(frontier_in(view_all()).record, 5);
    assert_int_equal(frontier_in(view_all()).offset_bytes, 500);
    assert_true(view_all().is_new);
}

static void an_open_span_holds_the_frontier_though_all_in_it_is_acknowledged(void **state)
{
    struct fb_progress_object *object = begin(1);
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    add(span, 1);
    acknowledge(span, 1);
    assert_false(view_all().is_new);
    close_span(span, 1, 10, 1);
    assert_true(view_all().is_new);
}

/*
 * The design's case: object A holds an unacknowledged record and an older value of key y; object
 * B, wholly written, holds the newer y. B must not be done before A is, or a crash would put A's
 * y over B's.
 */
static void a_later_object_is_only_written_until_the_earlier_one_is_done(void **state)
{
    struct fb_progress_object *a = begin(1), *b;
    struct fb_span *span_a = fb_progress_span_open(progress, a, 0), *span_b;
    struct fb_progress_view view;

    (void)state;
    add(span_a, 2);
    close_span(span_a, 2, 20, 2);
    fb_progress_object_end(progress, a, FB_OBJECT_DONE, 2, 0);
    b = begin(2);
    span_b = fb_progress_span_open(progress, b, 2);
    add(span_b, 1);
    close_span(span_b, 1, 10, 3);
    fb_progress_object_end(progress, b, FB_OBJECT_DONE, 1, 0);
    acknowledge(span_a, 1);
    acknowledge(span_b, 1);

    view = view_all();
    assert_int_equal(view.checkpoint.object_count, 1);
    assert_int_equal(view.checkpoint.objects[0].id, 2);
    assert_int_equal(view.checkpoint.objects[0].state, FB_OBJECT_WRITTEN);
    assert_int_equal(frontier_in(view).record, 0);
    fb_progress_committed(progress, count_ended, NULL);
    assert_false(view_all().is_new);

    acknowledge(span_a, 1);
    view = view_all();
    assert_int_equal(view.checkpoint.object_count, 2);
    assert_int_equal(view.checkpoint.objects[0].state, FB_OBJECT_DONE);
    assert_int_equal(view.checkpoint.objects[1].state, FB_OBJECT_DONE);
    ended = 0;
    fb_progress_committed(progress, count_ended, NULL);
    assert_int_equal(ended, 2);
    assert_int_equal(fb_progress_objects(progress), 0);
}

static void a_view_that_was_not_committed_is_said_again(void **state)
{
    struct fb_progress_object *object = begin(7);
    struct fb_progress_view view;

    (void)state;
    fb_progress_object_end(progress, object, FB_OBJECT_DAMAGED, 0, 1);
    (void)view_all();
    view = view_all();
    assert_int_equal(view.checkpoint.object_count, 1);
    assert_int_equal(view.checkpoint.objects[0].state, FB_OBJECT_DAMAGED);
    assert_int_equal(view.checkpoint.objects[0].dead_letters, 1);
}

static void what_a_span_tells_of_dead_letters_counts_among_the_objects(void **state)
{
    struct fb_progress_object *object = begin(7);
    struct fb_span *span = fb_progress_span_open(progress, object, 0);
    struct fb_progress_view view;

    (void)state;
    add(span, 2);
    close_span(span, 4, 100, 4);
    fb_span_note_letter(span);
    acknowledge(span, 2);
    fb_progress_object_end(progress, object, FB_OBJECT_DONE, 4, 2);
    view = view_all();
    assert_int_equal(view.checkpoint.objects[0].state, FB_OBJECT_DONE);
    assert_int_equal(view.checkpoint.objects[0].dead_letters, 3);
}

static void the_frontier_stays_behind_an_undecided_dead_letter(void **state)
{
    struct fb_progress_object *object = begin(1);
    struct fb_span *span;

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        span = fb_progress_span_open(progress, object, i * 10);
        close_span(span, (i + 1) * 10, (i + 1) * 100, (i + 1) * 10);
    }
    assert_int_equal(frontier_in(view_behind(15)).record, 10);
    assert_int_equal(frontier_in(view_behind(20)).record, 20);
    assert_int_equal(frontier_in(view_all()).record, 30);
}

static int make_progress_in_any_order(void **state)
{
    (void)state;
    return fb_progress_new(true, &progress, NULL) == FB_OK ? 0 : -1;
}

static void where_order_does_not_matter_each_object_has_a_frontier_and_ends_by_itself(void **state)
{
    struct fb_progress_object *a = begin(1), *b = begin(2), *c = begin(3);
    struct fb_span *span_a = fb_progress_span_open(progress, a, 0);
    struct fb_span *span_b = fb_progress_span_open(progress, b, 1);
    struct fb_span *span_c = fb_progress_span_open(progress, c, 2);
    struct fb_progress_view view;

    (void)state;
    add(span_a, 1);
    close_span(span_a, 1, 10, 3);
    close_span(span_b, 4, 40, 7);
    fb_progress_object_end(progress, b, FB_OBJECT_DONE, 4, 0);
    close_span(span_c, 2, 20, 9);
    view = view_all();
    assert_true(view.checkpoint.in_any_order);
    assert_int_equal(view.checkpoint.object_count, 2);
    assert_int_equal(view.checkpoint.objects[0].id, 2);
    assert_int_equal(view.checkpoint.objects[0].state, FB_OBJECT_DONE);
    assert_int_equal(view.checkpoint.objects[1].id, 3);
    assert_int_equal(view.checkpoint.objects[1].state, FB_OBJECT_ACTIVE);
    assert_int_equal(view.checkpoint.objects[1].frontier.record, 2);
    ended = 0;
    fb_progress_committed(progress, count_ended, NULL);
    assert_int_equal(ended, 1);
    assert_int_equal(fb_progress_objects(progress), 2);
    assert_false(view_all().is_new);

    /* The list's end was not what went. */
    fb_progress_object_end(progress, c, FB_OBJECT_DONE, 2, 0);
    view = view_all();
    fb_progress_committed(progress, count_ended, NULL);
    assert_int_equal(ended, 2);
    begin(4);
    acknowledge(span_a, 1);
    fb_progress_object_end(progress, a, FB_OBJECT_DONE, 1, 0);
    assert_int_equal(view_all().checkpoint.objects[0].id, 1);
    fb_progress_committed(progress, count_ended, NULL);
    assert_int_equal(fb_progress_objects(progress), 1);
}

/* The oldest record whose outcome is open counts, in whichever object it is. */
static uint64_t seen_resolved;

static uint64_t note_resolved(void *context, uint64_t resolved_ordinal)
{
    (void)context;
    seen_resolved = resolved_ordinal;
    return UINT64_MAX;
}

static void the_oldest_open_span_of_all_objects_bounds_what_is_resolved(void **state)
{
    struct fb_progress_object *a = begin(1), *b = begin(2);
    struct fb_span *done = fb_progress_span_open(progress, a, 0);
    struct fb_span *late = fb_progress_span_open(progress, a, 50);
    struct fb_span *early = fb_progress_span_open(progress, b, 20);
    struct fb_progress_view view;

    (void)state;
    close_span(done, 1, 1, 1);
    assert_int_equal(fb_progress_view(progress, note_resolved, NULL, &view), FB_OK);
    assert_int_equal(seen_resolved, 20);
    close_span(early, 1, 1, 30);
    close_span(late, 2, 2, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_begun_is_nothing_new, make_progress, free_progress),
        cmocka_unit_test_setup_teardown(the_frontier_stops_at_the_first_record_not_acknowledged,
                                        make_progress, free_progress),
        cmocka_unit_test_setup_teardown(
            an_open_span_holds_the_frontier_though_all_in_it_is_acknowledged, make_progress,
            free_progress),
        cmocka_unit_test_setup_teardown(
            a_later_object_is_only_written_until_the_earlier_one_is_done, make_progress,
            free_progress),
        cmocka_unit_test_setup_teardown(a_view_that_was_not_committed_is_said_again, make_progress,
                                        free_progress),
        cmocka_unit_test_setup_teardown(what_a_span_tells_of_dead_letters_counts_among_the_objects,
                                        make_progress, free_progress),
        cmocka_unit_test_setup_teardown(the_frontier_stays_behind_an_undecided_dead_letter,
                                        make_progress, free_progress),
        cmocka_unit_test_setup_teardown(
            where_order_does_not_matter_each_object_has_a_frontier_and_ends_by_itself,
            make_progress_in_any_order, free_progress),
        cmocka_unit_test_setup_teardown(the_oldest_open_span_of_all_objects_bounds_what_is_resolved,
                                        make_progress_in_any_order, free_progress),
    };

    return cmocka_run_group_tests_name("pipeline/progress", tests, NULL, NULL);
}
