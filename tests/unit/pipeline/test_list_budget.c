/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../../src/pipeline/list_budget.h"

#define SECOND_MS INT64_C(1000)
#define HOUR_MS   (3600 * SECOND_MS)

/* Who wants calls: as many as there are, or one in so long. */
struct wishes {
    int64_t every_ms[FB_LISTINGS]; /* 0: as many as there are; < 0: none */
};

struct made {
    unsigned calls[FB_LISTINGS], most_in_an_hour;
};

/* A day of calls, by the millisecond of the next that is wanted or allowed; polls come first. */
static struct made live_a_day(uint64_t per_hour, struct wishes wishes)
{
    static int64_t at_ms[100000];
    struct made made = {{0}, 0};
    int64_t next_ms[FB_LISTINGS] = {0};
    struct fb_list_budget budget;
    unsigned count = 0;
    unsigned first = 0;

    fb_list_budget_init(&budget, per_hour, 0);
    for (int64_t now_ms = 0; now_ms < 24 * HOUR_MS;) {
        int64_t wait_ms = HOUR_MS;
        bool called = false;

        for (unsigned i = 0; i < FB_LISTINGS && !called; i++) {
            int64_t own_ms = next_ms[i] - now_ms;

            if (wishes.every_ms[i] < 0)
                continue;
            if (own_ms <= 0)
                own_ms = fb_list_budget_wait_ms(&budget, (enum fb_listing)i, now_ms);
            if (own_ms > 0) {
                wait_ms = own_ms < wait_ms ? own_ms : wait_ms;
                continue;
            }
            fb_list_budget_take(&budget, (enum fb_listing)i, now_ms);
            next_ms[i] = now_ms + wishes.every_ms[i];
            made.calls[i]++;
            at_ms[count++] = now_ms;
            called = true;
        }
        if (!called)
            now_ms += wait_ms;
        while (count > 0 && now_ms - at_ms[first] >= HOUR_MS)
            first++;
        if (count - first > made.most_in_an_hour)
            made.most_in_an_hour = count - first;
    }
    return made;
}

static void in_no_hour_of_a_day_are_more_calls_made_than_the_budget(void **state)
{
    static const uint64_t budgets[] = {12, 60, 100, 3599, 3600};

    (void)state;
    for (unsigned i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        const struct made made = live_a_day(budgets[i], (struct wishes){{0, 0}});

        assert_true(made.most_in_an_hour <= budgets[i]);
        assert_true(made.calls[0] + made.calls[1] > budgets[i] * 24 * 3 / 4);
    }
}

static void a_quarter_is_the_sweeps_own_whatever_polls_cost(void **state)
{
    const struct made made = live_a_day(3600, (struct wishes){{0, 0}});

    (void)state;
    assert_in_range(made.calls[FB_LISTING_SWEEP], 3600 * 24 / 5, 3600 * 24 / 4);
    assert_in_range(made.calls[FB_LISTING_POLL], 3600 * 24 * 3 / 5, 3600 * 24 * 3 / 4);
}

static void polls_that_need_little_lack_nothing_and_leave_the_rest_to_sweeps(void **state)
{
    const struct made made = live_a_day(3600, (struct wishes){{10 * SECOND_MS, 0}});

    (void)state;
    assert_int_equal(made.calls[FB_LISTING_POLL], 6 * 60 * 24);
    assert_true(made.calls[FB_LISTING_SWEEP] > 3600 * 24 * 4 / 5);
}

static void polls_have_what_sweeps_leave(void **state)
{
    const struct made made = live_a_day(3600, (struct wishes){{0, -1}});

    (void)state;
    assert_true(made.calls[FB_LISTING_POLL] > 3600 * 24 * 9 / 10);
}

static void a_clock_that_stands_gives_nothing(void **state)
{
    struct fb_list_budget budget;

    (void)state;
    fb_list_budget_init(&budget, 12, 5000);
    assert_int_equal(fb_list_budget_wait_ms(&budget, FB_LISTING_POLL, 5000), 0);
    fb_list_budget_take(&budget, FB_LISTING_POLL, 5000);
    assert_true(fb_list_budget_wait_ms(&budget, FB_LISTING_POLL, 5000) > 0);
    assert_true(fb_list_budget_wait_ms(&budget, FB_LISTING_POLL, 4000) > 0);
    assert_int_equal(fb_list_budget_wait_ms(&budget, FB_LISTING_SWEEP, 5000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_no_hour_of_a_day_are_more_calls_made_than_the_budget),
        cmocka_unit_test(a_quarter_is_the_sweeps_own_whatever_polls_cost),
        cmocka_unit_test(polls_that_need_little_lack_nothing_and_leave_the_rest_to_sweeps),
        cmocka_unit_test(polls_have_what_sweeps_leave),
        cmocka_unit_test(a_clock_that_stands_gives_nothing),
    };

    return cmocka_run_group_tests_name("pipeline/list_budget", tests, NULL, NULL);
}
