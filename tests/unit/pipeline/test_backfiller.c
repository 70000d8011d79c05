/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/time.h"
#include "firebridge/pipeline/backfiller.h"
#include "firebridge/state/backfill.h"

#include "../support/fake_s3.h"
#include "../support/state_bench.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (24 * 60 * MINUTE_MS)
#define BEGIN_MS  INT64_C(1772323200000) /* 2026-03-01 */
#define START_MS  (BEGIN_MS + 10 * DAY_MS)
#define OBJECTS   2400

struct bench {
    struct fake_s3 s3;
    struct state_bench file;
    struct fb_clock_virtual clock;
    struct fb_stop stop;
    struct fb_takeup takeup;
    struct fb_layout *layout;
    struct fb_backfiller *backfiller;
    unsigned calls, fail_call;
    unsigned processed[OBJECTS];
};

static struct bench *bench;

static enum fb_status list_page(struct fb_client *client, const struct fb_s3_list_request *request,
                                struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    (void)client;
    if (++bench->calls == bench->fail_call)
        return fb_fail(error, FB_UNAVAILABLE, "by the test");
    return fake_s3_list_page(&bench->s3, START_MS, request, ret_result);
}

static void on_objects(void *context)
{
    (void)context;
}

/* As a restart does: all but the state file is new. */
static void begin(void)
{
    struct fb_backfiller_options options = {
        .stream = "s",
        .bucket = "b",
        .layout = bench->layout,
        .list_page = list_page,
        .state = bench->file.state,
        .stream_id = bench->file.stream_id,
        .takeup = &bench->takeup,
        .clock = &bench->clock.clock,
        .stop = &bench->stop,
        .patience = {.clock = &bench->clock.clock, .stop = &bench->stop, .stop_at = FB_STOP_DRAIN},
        .on_objects = on_objects,
    };

    fb_backfiller_free(bench->backfiller);
    assert_int_equal(fb_backfiller_new(&options, &bench->backfiller, NULL), FB_OK);
}

static int set_up(void **test)
{
    const struct fb_layout_options layout = {.prefix = "p/"};
    const struct fb_backfill backfill = {.from_ms = BEGIN_MS, .to_ms = START_MS, .started_ms = 1};

    (void)test;
    bench = calloc(1, sizeof *bench);
    fake_s3_init(&bench->s3);
    bench->s3.page_size = 300;
    state_bench_init(&bench->file, START_MS);
    fb_clock_virtual_init(&bench->clock, START_MS);
    fb_stop_init(&bench->stop, NULL);
    fb_takeup_init(&bench->takeup, bench->file.state, bench->file.stream_id, false,
                   &bench->clock.clock);
    assert_int_equal(fb_layout_new(&layout, &bench->layout, NULL), FB_OK);
    for (int i = 0; i < OBJECTS; i++) {
        struct fb_civil at;
        char key[64];

        fb_time_to_civil(BEGIN_MS + i * MINUTE_MS, &at);
        snprintf(key, sizeof key, "p/%04d/%02d/%02d/%02d/%04d", at.year, at.month, at.day, at.hour,
                 i);
        fake_s3_put(&bench->s3, key, BEGIN_MS + i * MINUTE_MS);
    }
    assert_int_equal(
        fb_state_backfill_start(bench->file.state, bench->file.stream_id, &backfill, false, NULL),
        FB_OK);
    begin();
    return 0;
}

static int tear_down(void **test)
{
    (void)test;
    fb_backfiller_free(bench->backfiller);
    fb_takeup_done(&bench->takeup);
    fb_layout_free(bench->layout);
    state_bench_done(&bench->file);
    fake_s3_done(&bench->s3);
    free(bench);
    return 0;
}

static int64_t step(void)
{
    int64_t wait_ms = -1;

    assert_int_equal(fb_backfiller_step(bench->backfiller, &wait_ms, NULL), FB_OK);
    return wait_ms;
}

/* As decoders do, so many at a time. */
static void process(unsigned count)
{
    struct fb_state_object object;

    for (unsigned i = 0; i < count; i++) {
        if (fb_state_take_backfill(bench->file.state, bench->file.stream_id, &object, NULL) !=
            FB_OK)
            return;
        bench->processed[atoi(strrchr(object.key, '/') + 1)]++;
        state_bench_end(&bench->file, object.id, FB_OBJECT_DONE, 10);
        fb_state_object_done(&object);
    }
}

static struct fb_backfill find(void)
{
    struct fb_backfill found;

    assert_int_equal(fb_state_backfill_find(bench->file.state, bench->file.stream_id, &found, NULL),
                     FB_OK);
    fb_backfill_done(&found);
    return found;
}

static void expect_complete(void)
{
    const struct fb_backfill found = find();
    const struct state_counts left = state_bench_count(&bench->file);

    assert_int_equal(found.state, FB_BACKFILL_COMPLETE);
    assert_int_equal(found.objects, OBJECTS);
    assert_int_equal(found.records, 10 * OBJECTS);
    assert_int_equal(left.pending + left.done, 0);
    for (int i = 0; i < OBJECTS; i++)
        assert_int_equal(bench->processed[i], 1);
}

static void only_so_many_are_known_at_once_however_many_there_are(void **test)
{
    (void)test;
    for (unsigned i = 0; i < 400 && find().state == FB_BACKFILL_RUNNING; i++) {
        struct state_counts counts;

        (void)step();
        counts = state_bench_count(&bench->file);
        assert_true(counts.pending + counts.done <= FB_BACKFILL_PENDING + bench->s3.page_size);
        if (i % 8 == 7)
            process(400);
    }
    expect_complete();
    /* A page each, and one that the bound cut short for each time that it was reached. */
    assert_true(bench->calls <= OBJECTS / bench->s3.page_size + 2);
}

static void a_restart_at_any_step_loses_and_repeats_nothing(void **test)
{
    (void)test;
    for (unsigned i = 0; i < 400 && find().state == FB_BACKFILL_RUNNING; i++) {
        (void)step();
        process(170);
        if (i % 3 == 2) {
            state_bench_reopen(&bench->file);
            bench->takeup.state = bench->file.state;
            begin();
        }
    }
    expect_complete();
}

static void a_failing_listing_is_tried_again(void **test)
{
    (void)test;
    bench->fail_call = 2;
    for (unsigned i = 0; i < 400 && find().state == FB_BACKFILL_RUNNING; i++) {
        (void)step();
        process(1000);
    }
    expect_complete();
    assert_true(bench->clock.slept_ms > 0);
}

static void without_a_backfill_it_only_looks_now_and_then(void **test)
{
    (void)test;
    assert_int_equal(
        fb_state_backfill_cancel(bench->file.state, bench->file.stream_id, START_MS, NULL), FB_OK);
    assert_int_equal(step(), 1000);
    assert_int_equal(bench->calls, 0);
    fb_stop_request(&bench->stop, FB_STOP_DRAIN);
    assert_int_equal(fb_backfiller_run(bench->backfiller, NULL), FB_CANCELED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_so_many_are_known_at_once_however_many_there_are),
        CASE(a_restart_at_any_step_loses_and_repeats_nothing),
        CASE(a_failing_listing_is_tried_again),
        CASE(without_a_backfill_it_only_looks_now_and_then),
    };

    return cmocka_run_group_tests_name("backfiller", tests, NULL, NULL);
}
