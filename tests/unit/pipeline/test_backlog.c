/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../../src/pipeline/backlog.h"

#define MINUTE_MS INT64_C(60000)

static void nothing_is_said_before_it_was_looked_at_twice(void **state)
{
    struct fb_backlog backlog = {0};

    (void)state;
    assert_int_equal(fb_backlog_done_in_ms(&backlog), -1);
    fb_backlog_look(&backlog, 5, 1000);
    assert_int_equal(fb_backlog_done_in_ms(&backlog), -1);
}

static void an_empty_backlog_is_done(void **state)
{
    struct fb_backlog backlog = {0};

    (void)state;
    fb_backlog_look(&backlog, 5, 0);
    assert_int_equal(fb_backlog_done_in_ms(&backlog), 0);
}

static void what_shrinks_by_a_tenth_a_minute_is_done_in_as_many_more(void **state)
{
    struct fb_backlog backlog = {0};

    (void)state;
    fb_backlog_look(&backlog, 0, 1000);
    fb_backlog_look(&backlog, MINUTE_MS, 900);
    assert_int_equal(fb_backlog_done_in_ms(&backlog), 9 * MINUTE_MS);
}

static void what_grows_or_stands_still_has_no_end(void **state)
{
    struct fb_backlog backlog = {0};

    (void)state;
    fb_backlog_look(&backlog, 0, 1000);
    fb_backlog_look(&backlog, MINUTE_MS, 1000);
    assert_int_equal(fb_backlog_done_in_ms(&backlog), -1);
    fb_backlog_look(&backlog, 2 * MINUTE_MS, 1001);
    assert_int_equal(fb_backlog_done_in_ms(&backlog), -1);
}

static void what_shrinks_by_a_byte_a_year_has_no_end_either(void **state)
{
    struct fb_backlog backlog = {0};

    (void)state;
    fb_backlog_look(&backlog, 0, UINT64_MAX / 2);
    fb_backlog_look(&backlog, 365 * 24 * 60 * MINUTE_MS, UINT64_MAX / 2 - 4096);
    assert_int_equal(fb_backlog_done_in_ms(&backlog), -1);
}

/* A throttle that is over: only the last five minutes count. */
static void an_old_pace_is_forgotten(void **state)
{
    struct fb_backlog backlog = {0};
    uint64_t bytes = 1000000;
    int64_t now_ms = 0;

    (void)state;
    for (unsigned i = 0; i < 3 * FB_BACKLOG_LOOKS; i++, now_ms += FB_BACKLOG_LOOK_MS)
        fb_backlog_look(&backlog, now_ms, bytes);
    for (unsigned i = 0; i < FB_BACKLOG_LOOKS; i++, now_ms += FB_BACKLOG_LOOK_MS)
        fb_backlog_look(&backlog, now_ms, bytes -= 1000);
    assert_int_equal(fb_backlog_done_in_ms(&backlog), (int64_t)bytes / 1000 * FB_BACKLOG_LOOK_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_before_it_was_looked_at_twice),
        cmocka_unit_test(an_empty_backlog_is_done),
        cmocka_unit_test(what_shrinks_by_a_tenth_a_minute_is_done_in_as_many_more),
        cmocka_unit_test(what_grows_or_stands_still_has_no_end),
        cmocka_unit_test(what_shrinks_by_a_byte_a_year_has_no_end_either),
        cmocka_unit_test(an_old_pace_is_forgotten),
    };

    return cmocka_run_group_tests_name("pipeline/backlog", tests, NULL, NULL);
}
