/* SPDX-License-Identifier: Apache-2.0 */
/* In virtual time: hearts are beaten by hand. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/app/watchdog.h"
#include "firebridge/base/event.h"
#include "firebridge/base/heartbeat.h"
#include "firebridge/base/log.h"
#include "firebridge/base/stop.h"
#include "firebridge/base/thread.h"

static struct fb_heart lane, poller;

static void beat(struct fb_heart *heart)
{
    atomic_fetch_add(&heart->beats, 1);
}

static int set_up(void **state)
{
    (void)state;
    fb_log_set_level(FB_LOG_ERROR - 1);
    fb_heart_begin(&lane, "lane-0");
    fb_heart_begin(&poller, "poller");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fb_heart_end(&poller);
    fb_heart_end(&lane);
    return 0;
}

/* A second a turn, from `from_s` to `to_s`. */
static bool is_content_from_to(struct fb_watchdog *watchdog, int64_t from_s, int64_t to_s,
                               bool lane_lives)
{
    bool is_content = true;

    for (int64_t s = from_s; s <= to_s; s++) {
        beat(&poller);
        if (lane_lives)
            beat(&lane);
        is_content = fb_watchdog_is_content(watchdog, s * 1000);
    }
    return is_content;
}

static void it_is_content_while_all_threads_beat(void **state)
{
    struct fb_watchdog watchdog;

    (void)state;
    fb_watchdog_init(&watchdog, 60000);
    assert_true(is_content_from_to(&watchdog, 1, 1000, true));
}

static void one_thread_that_hangs_for_half_of_the_period_is_enough(void **state)
{
    struct fb_watchdog watchdog;

    (void)state;
    fb_watchdog_init(&watchdog, 60000);
    assert_true(is_content_from_to(&watchdog, 1, 10, true));
    assert_true(is_content_from_to(&watchdog, 11, 40, false));
    assert_false(is_content_from_to(&watchdog, 41, 41, false));
    assert_false(is_content_from_to(&watchdog, 42, 90, false));
}

static void a_thread_that_comes_back_makes_it_content_again(void **state)
{
    struct fb_watchdog watchdog;

    (void)state;
    fb_watchdog_init(&watchdog, 10000);
    assert_false(is_content_from_to(&watchdog, 1, 8, false));
    assert_true(is_content_from_to(&watchdog, 9, 9, true));
}

static void a_thread_that_has_ended_is_not_missed(void **state)
{
    struct fb_watchdog watchdog;
    struct fb_heart ended;

    (void)state;
    fb_watchdog_init(&watchdog, 10000);
    fb_heart_begin(&ended, "ended");
    assert_true(is_content_from_to(&watchdog, 1, 2, true));
    fb_heart_end(&ended);
    assert_true(is_content_from_to(&watchdog, 3, 100, true));
}

static void a_period_that_is_very_short_leaves_time_for_a_beat(void **state)
{
    struct fb_watchdog watchdog;

    (void)state;
    fb_watchdog_init(&watchdog, 1000);
    assert_true(is_content_from_to(&watchdog, 1, 4, false));
    assert_false(is_content_from_to(&watchdog, 5, 5, false));
}

/* All of us were stopped: nobody could beat, and nobody could look. */
static void after_a_gap_of_its_own_it_waits_for_the_next_beats(void **state)
{
    struct fb_watchdog watchdog;

    (void)state;
    fb_watchdog_init(&watchdog, 10000);
    assert_true(is_content_from_to(&watchdog, 1, 2, true));
    assert_true(fb_watchdog_is_content(&watchdog, 100000));
    assert_true(is_content_from_to(&watchdog, 101, 200, true));
    assert_true(fb_watchdog_is_content(&watchdog, 300000));
    assert_false(is_content_from_to(&watchdog, 301, 303, false));
}

static struct fb_event never;
static struct fb_stop stop;

static void *wait_for_ever(void *argument)
{
    (void)argument;
    while (fb_stop_level(&stop) == FB_STOP_NOT)
        fb_event_wait(&never, 0, -1);
    fb_stop_wait(&stop, FB_STOP_NOW, 60000);
    return NULL;
}

/* In real time, as it is the C library that waits. */
static void a_thread_that_waits_for_an_event_or_a_stop_beats(void **state)
{
    struct fb_silence silence;
    pthread_t thread;
    int64_t now_ms = 1;

    (void)state;
    fb_event_init(&never);
    fb_stop_init(&stop, NULL);
    assert_int_equal(fb_thread_start(&thread, "waits", wait_for_ever, NULL, NULL), FB_OK);
    for (unsigned looks = 0; looks < 2; looks++) {
        do {
            beat(&lane);
            beat(&poller);
            fb_stop_wait(NULL, FB_STOP_NOW, 100);
            fb_heartbeat_look(now_ms += 100, &silence);
        } while (silence.silent_ms == 0);
        /* It is the only one that was ever silent; and it comes back. */
        assert_string_equal(silence.name, "waits");
        do {
            beat(&lane);
            beat(&poller);
            fb_stop_wait(NULL, FB_STOP_NOW, 100);
            fb_heartbeat_look(now_ms += 100, &silence);
            assert_in_range(silence.silent_ms, 0, 20000);
        } while (silence.silent_ms != 0);
        fb_stop_request(&stop, FB_STOP_DRAIN);
        fb_event_raise(&never);
    }
    fb_stop_request(&stop, FB_STOP_NOW);
    fb_thread_join(thread);
    fb_event_done(&never);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_content_while_all_threads_beat),
        CASE(one_thread_that_hangs_for_half_of_the_period_is_enough),
        CASE(a_thread_that_comes_back_makes_it_content_again),
        CASE(a_thread_that_has_ended_is_not_missed),
        CASE(a_period_that_is_very_short_leaves_time_for_a_beat),
        CASE(after_a_gap_of_its_own_it_waits_for_the_next_beats),
        CASE(a_thread_that_waits_for_an_event_or_a_stop_beats),
    };

    return cmocka_run_group_tests_name("app/watchdog", tests, NULL, NULL);
}
