/* SPDX-License-Identifier: Apache-2.0 */
/* How fast lanes write, against a table that takes so many units a second, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/pipeline/rate.h"

#define LANES   16
#define BATCH   25
#define CALL_MS 10

/* What a table does: it takes what its bucket has, and throttles the rest. */
struct table {
    double units_per_s, burst, units;
    uint64_t taken, throttled;
};

struct lane {
    struct fb_rate rate;
    int64_t answer_ms; /* of the call under way; 0: none */
};

static void refill(struct table *table)
{
    table->units += table->units_per_s / 1000;
    if (table->units > table->burst)
        table->units = table->burst;
}

static unsigned take(struct table *table, unsigned units)
{
    unsigned taken = table->units < units ? (unsigned)table->units : units;

    table->units -= taken;
    table->taken += taken;
    table->throttled += units - taken;
    return taken;
}

/* One millisecond of a lane that always has a whole batch. */
static void step(struct lane *lane, struct table *table, struct fb_budget *budget, int64_t now_ms)
{
    const unsigned sent = (unsigned)fb_rate_most_items(&lane->rate, BATCH);
    unsigned taken;

    if (lane->answer_ms > now_ms || fb_rate_next_ms(&lane->rate, now_ms) > now_ms ||
        fb_budget_take(budget, sent, now_ms) > now_ms)
        return;
    fb_rate_spend(&lane->rate, sent, now_ms);
    taken = take(table, sent);
    fb_budget_correct(budget, (double)taken - sent);
    lane->answer_ms = now_ms + CALL_MS;
    fb_rate_answer(&lane->rate, taken < sent, now_ms);
}

struct seconds {
    struct table table;
    struct lane lanes[LANES];
    int64_t now_ms;
};

static void set_up(struct seconds *seconds, double units_per_s)
{
    memset(seconds, 0, sizeof *seconds);
    seconds->table = (struct table){.units_per_s = units_per_s, .burst = units_per_s};
    for (int i = 0; i < LANES; i++) {
        fb_rate_init(&seconds->lanes[i].rate, 0);
        seconds->lanes[i].answer_ms = i;
    }
}

static void pass(struct seconds *seconds, int count, struct fb_budget *budget)
{
    seconds->table.taken = seconds->table.throttled = 0;
    for (int ms = 0; ms < count * 1000; ms++) {
        seconds->now_ms++;
        refill(&seconds->table);
        for (int i = 0; i < LANES; i++)
            step(&seconds->lanes[(i + ms) % LANES], &seconds->table, budget, seconds->now_ms);
    }
}

static double share_taken(const struct seconds *seconds, int count)
{
    return (double)seconds->table.taken / (seconds->table.units_per_s * count);
}

static double share_throttled(const struct seconds *seconds)
{
    return (double)seconds->table.throttled /
           (double)(seconds->table.taken + seconds->table.throttled);
}

static void lanes_settle_just_below_what_the_table_takes(void **state)
{
    static const double rates[] = {200, 1000, 4000};

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct seconds seconds;

        set_up(&seconds, rates[i]);
        pass(&seconds, 10, NULL);
        for (int decade = 0; decade < 10; decade++) {
            pass(&seconds, 10, NULL);
            assert_true(share_taken(&seconds, 10) >= 0.85);
            /* With what its bucket saved. */
            assert_true(share_taken(&seconds, 10) <= 1.1);
            assert_true(share_throttled(&seconds) < 0.05);
        }
    }
}

/* As an on-demand table does. */
static void a_table_that_doubles_its_capacity_is_found_out(void **state)
{
    struct seconds seconds;

    (void)state;
    set_up(&seconds, 1000);
    pass(&seconds, 60, NULL);
    seconds.table.units_per_s = seconds.table.burst = 2000;
    pass(&seconds, 40, NULL);
    pass(&seconds, 10, NULL);
    assert_true(share_taken(&seconds, 10) >= 0.85);
}

static void a_table_that_halves_it_is_not_hammered(void **state)
{
    struct seconds seconds;

    (void)state;
    set_up(&seconds, 2000);
    pass(&seconds, 60, NULL);
    seconds.table.units_per_s = seconds.table.burst = 1000;
    pass(&seconds, 10, NULL);
    pass(&seconds, 10, NULL);
    assert_true(share_throttled(&seconds) < 0.05);
    assert_true(share_taken(&seconds, 10) >= 0.85);
}

static void without_a_throttle_there_is_no_limit(void **state)
{
    struct fb_rate rate;

    (void)state;
    fb_rate_init(&rate, 0);
    for (int64_t now_ms = 0; now_ms < 10000; now_ms++) {
        assert_int_equal(fb_rate_next_ms(&rate, now_ms), now_ms);
        fb_rate_spend(&rate, 1000, now_ms);
        fb_rate_answer(&rate, false, now_ms);
    }
}

static void a_budget_bounds_what_all_lanes_consume(void **state)
{
    struct fb_budget budget;
    struct seconds seconds;

    (void)state;
    fb_budget_init(&budget, 300);
    set_up(&seconds, 1000);
    pass(&seconds, 1, &budget);
    for (int second = 0; second < 20; second++) {
        pass(&seconds, 1, &budget);
        assert_in_range(seconds.table.taken, 270, 330);
    }
    assert_int_equal(seconds.table.throttled, 0);
    fb_budget_done(&budget);
}

static void what_an_answer_corrects_is_paid_back(void **state)
{
    struct fb_budget budget;

    (void)state;
    fb_budget_init(&budget, 100);
    assert_int_equal(fb_budget_take(&budget, 10, 1000), 1000);
    fb_budget_correct(&budget, 20);
    assert_in_range(fb_budget_take(&budget, 1, 1000), 1190, 1210);
    fb_budget_correct(&budget, -20);
    assert_int_equal(fb_budget_take(&budget, 1, 1000), 1000);
    assert_int_equal(fb_budget_take(NULL, 1e9, 1000), 1000);
    fb_budget_done(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_settle_just_below_what_the_table_takes),
        cmocka_unit_test(a_table_that_doubles_its_capacity_is_found_out),
        cmocka_unit_test(a_table_that_halves_it_is_not_hammered),
        cmocka_unit_test(without_a_throttle_there_is_no_limit),
        cmocka_unit_test(a_budget_bounds_what_all_lanes_consume),
        cmocka_unit_test(what_an_answer_corrects_is_paid_back),
    };

    return cmocka_run_group_tests_name("pipeline/rate", tests, NULL, NULL);
}
