/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/pipeline/patience.h"

static struct fb_clock_virtual now;
static struct fb_stop stop;
static struct fb_patience patience;
static int troubles, well_again;

static void on_health(void *context, const char *what, const struct fb_error *error, bool first)
{
    (void)context;
    assert_string_equal(what, "write");
    if (error == NULL)
        well_again++;
    else if (first)
        troubles++;
}

static void begin(int64_t give_up_after_ms)
{
    struct fb_patience_options options = {
        .clock = &now.clock,
        .stop = &stop,
        .stop_at = FB_STOP_DRAIN,
        .give_up_after_ms = give_up_after_ms,
        .what = "write",
        .on_health = on_health,
    };

    troubles = 0;
    well_again = 0;
    fb_stop_init(&stop, NULL);
    fb_clock_virtual_init(&now, 0);
    now.monotonic_ms = 1;
    fb_patience_init(&patience, &options, 3);
}

static enum fb_status meet(enum fb_status status, const char *code)
{
    struct fb_error error;

    fb_fail(&error, status, "refused");
    snprintf(error.code, sizeof error.code, "%s", code);
    return fb_patience_wait(&patience, &error);
}

static enum fb_status throttle(void)
{
    return meet(FB_THROTTLED, "ThrottlingException");
}

static enum fb_status deny(void)
{
    return meet(FB_DENIED, "AccessDeniedException");
}

static void a_success_begins_the_waits_anew(void **state)
{
    (void)state;
    begin(0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(throttle(), FB_OK);
        fb_patience_success(&patience);
    }
    /* Each wait is the first of its kind: at most 50 ms. */
    assert_true(now.slept_ms <= 1000 * 50);
}

static void waits_without_a_success_grow_to_twenty_seconds(void **state)
{
    (void)state;
    begin(0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(throttle(), FB_OK);
    assert_true(now.slept_ms > 90 * 5000);
    assert_true(now.slept_ms < 100 * 20000);
}

static void throttling_is_trouble_only_when_nothing_succeeds_for_long(void **state)
{
    (void)state;
    begin(0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(throttle(), FB_OK);
        fb_patience_success(&patience);
    }
    assert_int_equal(troubles, 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(throttle(), FB_OK);
    assert_int_equal(troubles, 1);
}

static void trouble_is_told_at_its_begin_and_at_its_end(void **state)
{
    (void)state;
    begin(0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(deny(), FB_OK);
    assert_int_equal(troubles, 1);
    fb_patience_success(&patience);
    assert_int_equal(well_again, 1);
    fb_patience_success(&patience);
    assert_int_equal(well_again, 1);
}

static void a_broken_connection_becomes_trouble_when_it_lasts(void **state)
{
    (void)state;
    begin(0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(meet(FB_UNAVAILABLE, ""), FB_OK);
    assert_int_equal(troubles, 0);
    assert_int_equal(meet(FB_UNAVAILABLE, ""), FB_OK);
    assert_int_equal(troubles, 1);
}

static void once_gives_up_after_three_refusals_in_a_row(void **state)
{
    (void)state;
    begin(120000);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(deny(), FB_OK);
        assert_int_equal(deny(), FB_OK);
        fb_patience_success(&patience);
    }
    assert_int_equal(deny(), FB_OK);
    assert_int_equal(deny(), FB_OK);
    assert_int_equal(deny(), FB_DENIED);
}

static void once_gives_up_when_nothing_succeeds_for_long(void **state)
{
    enum fb_status status;

    (void)state;
    begin(120000);
    do
        status = throttle();
    while (status == FB_OK);
    assert_int_equal(status, FB_THROTTLED);
    assert_in_range(now.slept_ms, 120000, 140000);
}

static void a_daemon_never_gives_up(void **state)
{
    (void)state;
    begin(0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(deny(), FB_OK);
    assert_true(now.slept_ms <= INT64_C(1000) * 60000);
}

static void a_stop_ends_the_wait(void **state)
{
    (void)state;
    begin(0);
    fb_stop_request(&stop, FB_STOP_DRAIN);
    assert_int_equal(throttle(), FB_CANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_success_begins_the_waits_anew),
        cmocka_unit_test(waits_without_a_success_grow_to_twenty_seconds),
        cmocka_unit_test(throttling_is_trouble_only_when_nothing_succeeds_for_long),
        cmocka_unit_test(trouble_is_told_at_its_begin_and_at_its_end),
        cmocka_unit_test(a_broken_connection_becomes_trouble_when_it_lasts),
        cmocka_unit_test(once_gives_up_after_three_refusals_in_a_row),
        cmocka_unit_test(once_gives_up_when_nothing_succeeds_for_long),
        cmocka_unit_test(a_daemon_never_gives_up),
        cmocka_unit_test(a_stop_ends_the_wait),
    };

    return cmocka_run_group_tests_name("pipeline/patience", tests, NULL, NULL);
}
