/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "firebridge/base/clock.h"
#include "firebridge/base/event.h"
#include "firebridge/base/thread.h"

static void levels_only_rise_and_a_parent_counts(void **state)
{
    struct fb_stop parent, child;

    (void)state;
    fb_stop_init(&parent, NULL);
    fb_stop_init(&child, &parent);
    assert_int_equal(fb_stop_level(&child), FB_STOP_NOT);
    fb_stop_request(&child, FB_STOP_NOW);
    fb_stop_request(&child, FB_STOP_DRAIN);
    assert_int_equal(fb_stop_level(&child), FB_STOP_NOW);
    assert_int_equal(fb_stop_level(&parent), FB_STOP_NOT);
    fb_stop_init(&child, &parent);
    fb_stop_request(&parent, FB_STOP_DRAIN);
    assert_int_equal(fb_stop_level(&child), FB_STOP_DRAIN);
}

static void *request_soon(void *argument)
{
    usleep(20000);
    fb_stop_request(argument, FB_STOP_DRAIN);
    return NULL;
}

static void a_wait_ends_when_the_parent_is_stopped(void **state)
{
    struct fb_stop parent, child;
    pthread_t thread;
    int64_t began_ms = fb_monotonic_ms(fb_clock_system());

    (void)state;
    fb_stop_init(&parent, NULL);
    fb_stop_init(&child, &parent);
    assert_false(fb_stop_wait(&child, FB_STOP_DRAIN, 1));
    assert_int_equal(fb_thread_start(&thread, "stopper", request_soon, &parent, NULL), FB_OK);
    assert_true(fb_stop_wait(&child, FB_STOP_DRAIN, 60000));
    assert_true(fb_monotonic_ms(fb_clock_system()) - began_ms < 30000);
    pthread_join(thread, NULL);
    assert_false(fb_stop_wait(&child, FB_STOP_NOW, 1));
}

static void virtual_time_passes_only_by_sleeping(void **state)
{
    struct fb_clock_virtual clock;
    struct fb_stop stop;

    (void)state;
    fb_stop_init(&stop, NULL);
    fb_clock_virtual_init(&clock, 1000);
    assert_false(fb_sleep_ms(&clock.clock, &stop, FB_STOP_DRAIN, 5000));
    assert_int_equal(fb_realtime_ms(&clock.clock), 6000);
    assert_int_equal(fb_monotonic_ms(&clock.clock), 5000);
    fb_stop_request(&stop, FB_STOP_DRAIN);
    assert_true(fb_sleep_ms(&clock.clock, &stop, FB_STOP_DRAIN, 5000));
    assert_int_equal(clock.slept_ms, 5000);
}

static void *raise_soon(void *argument)
{
    usleep(20000);
    fb_event_raise(argument);
    return NULL;
}

static void an_event_raised_before_the_wait_is_not_missed(void **state)
{
    struct fb_event event;
    pthread_t thread;
    uint64_t seen;

    (void)state;
    fb_event_init(&event);
    seen = fb_event_count(&event);
    assert_false(fb_event_wait(&event, seen, 1));
    fb_event_raise(&event);
    assert_true(fb_event_wait(&event, seen, -1));
    seen = fb_event_count(&event);
    assert_int_equal(fb_thread_start(&thread, "raiser", raise_soon, &event, NULL), FB_OK);
    assert_true(fb_event_wait(&event, seen, -1));
    pthread_join(thread, NULL);
    fb_event_done(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_only_rise_and_a_parent_counts),
        cmocka_unit_test(a_wait_ends_when_the_parent_is_stopped),
        cmocka_unit_test(virtual_time_passes_only_by_sleeping),
        cmocka_unit_test(an_event_raised_before_the_wait_is_not_missed),
    };

    return cmocka_run_group_tests_name("base/stop", tests, NULL, NULL);
}
