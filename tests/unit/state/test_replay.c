/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "firebridge/state/backfill.h"
#include "firebridge/state/backup.h"
#include "firebridge/state/replay.h"
#include "firebridge/state/skip.h"

#include "../support/state_bench.h"

/* Before it nothing is read; the low-water mark stands behind it. */
#define START_MS     100
#define LOW_WATER_MS 500

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

static void gather(struct state_bench *bench, const char *key, int64_t key_time_ms)
{
    const struct fb_state_listed object = state_bench_listed(key, key_time_ms);

    assert_int_equal(fb_state_replay_gather(bench->state, &object, 1, &bench->error), FB_OK);
}

static struct fb_replay_plan plan(struct state_bench *bench)
{
    struct fb_replay_plan plan;

    assert_int_equal(fb_state_replay_plan(bench->state, bench->stream_id, &plan, &bench->error),
                     FB_OK);
    return plan;
}

static uint64_t mark(struct state_bench *bench, struct fb_replay_mark how)
{
    uint64_t objects = 99;

    assert_int_equal(
        fb_state_replay_mark(bench->state, bench->stream_id, &how, &objects, &bench->error), FB_OK);
    return objects;
}

static struct fb_state_object take(struct state_bench *bench, const char *key)
{
    struct fb_state_object object;

    assert_int_equal(fb_state_take_next(bench->state, bench->stream_id, &object, &bench->error),
                     FB_OK);
    assert_string_equal(object.key, key);
    fb_state_object_done(&object);
    return object;
}

/* One of each kind there is. */
static void process_all_kinds(struct state_bench *bench)
{
    struct fb_skip_result result;
    int64_t id;

    state_bench_process(bench, "pruned", 200);
    state_bench_sweep(bench, LOW_WATER_MS);
    state_bench_process(bench, "done", 600);
    state_bench_add(bench, "damaged", 610);
    state_bench_end(bench, state_bench_take(bench, "damaged"), FB_OBJECT_DAMAGED, 1);
    state_bench_add(bench, "skipped", 620);
    assert_int_equal(fb_state_skip(bench->state, bench->stream_id, "skipped", "why", &result, NULL),
                     FB_OK);
    state_bench_add(bench, "active", 630);
    id = state_bench_take(bench, "active");
    (void)id;
    state_bench_add(bench, "pending", 640);

    assert_int_equal(fb_state_replay_begin(bench->state, &bench->error), FB_OK);
    gather(bench, "unread", 50);
    gather(bench, "pruned", 200);
    gather(bench, "done", 600);
    gather(bench, "damaged", 610);
    gather(bench, "skipped", 620);
    gather(bench, "active", 630);
    gather(bench, "pending", 640);
    gather(bench, "young", 650);
}

static void each_kind_is_counted_for_what_it_is(void **test)
{
    struct state_bench *bench = *test;
    struct fb_replay_plan found;

    process_all_kinds(bench);
    found = plan(bench);
    assert_int_equal(found.again, 3);
    assert_int_equal(found.again_bytes, 30);
    assert_int_equal(found.pruned, 2);
    assert_int_equal(found.pruned_bytes, 20);
    assert_int_equal(found.unread, 1);
    assert_int_equal(found.under_way, 2);
    assert_int_equal(found.to_come, 1);
    assert_int_equal(found.known_records, 7);
    assert_int_equal(found.known_bytes, 10);
}

static void what_ended_and_what_is_forgotten_become_pending_and_nothing_else(void **test)
{
    struct state_bench *bench = *test;
    struct state_counts counts;

    process_all_kinds(bench);
    assert_int_equal(mark(bench, (struct fb_replay_mark){0}), 5);
    counts = state_bench_count(bench);
    assert_int_equal(counts.pending, 6);
    assert_int_equal(counts.active, 1);
    assert_int_equal(counts.done + counts.damaged + counts.skipped, 0);
    assert_int_equal(mark(bench, (struct fb_replay_mark){0}), 0);
}

static void a_replayed_object_begins_anew_with_a_new_sequence(void **test)
{
    struct state_bench *bench = *test;
    struct fb_state_object object;

    process_all_kinds(bench);
    mark(bench, (struct fb_replay_mark){.if_absent = true, .again_ms = 77});
    take(bench, "unread");
    take(bench, "pruned");
    object = take(bench, "done");
    assert_int_equal(object.sequence, 7);
    assert_int_equal(object.frontier.record, 0);
    assert_true(object.if_absent);
    assert_int_equal(object.again_ms, 77);
    assert_false(object.is_skipped);
    take(bench, "damaged");
    object = take(bench, "skipped");
    assert_false(object.is_skipped);
    object = take(bench, "pending");
    assert_false(object.if_absent);
    assert_int_equal(object.again_ms, 0);
}

static void another_etag_of_a_known_key_is_another_object(void **test)
{
    struct state_bench *bench = *test;
    struct fb_state_listed newer = state_bench_listed("done", 600);

    state_bench_process(bench, "done", 600);
    newer.etag = "f";
    assert_int_equal(fb_state_replay_begin(bench->state, &bench->error), FB_OK);
    assert_int_equal(fb_state_replay_gather(bench->state, &newer, 1, &bench->error), FB_OK);
    assert_int_equal(plan(bench).again, 0);
    assert_int_equal(plan(bench).to_come, 1);
    assert_int_equal(mark(bench, (struct fb_replay_mark){0}), 0);
}

static void what_was_gathered_before_is_forgotten_at_the_next_beginning(void **test)
{
    struct state_bench *bench = *test;

    process_all_kinds(bench);
    assert_int_equal(fb_state_replay_begin(bench->state, &bench->error), FB_OK);
    assert_int_equal(plan(bench).again, 0);
}

/* The command's own connection gathers while the daemon's goes on. */
static void a_second_connection_replays_beside_the_first(void **test)
{
    struct state_bench *bench = *test;
    struct state_bench joined = *bench;
    struct fb_stream_row row;

    state_bench_process(bench, "done", 600);
    assert_int_equal(fb_state_join(bench->directory, &joined.state, &bench->error), FB_OK);
    assert_int_equal(fb_state_stream_find(joined.state, "nobody", &row, &bench->error),
                     FB_NOT_FOUND);
    assert_int_equal(fb_state_stream_find(joined.state, "ticker", &row, &bench->error), FB_OK);
    assert_int_equal(row.id, bench->stream_id);
    assert_int_equal(row.start_ms, START_MS);
    fb_stream_row_done(&row);
    assert_int_equal(fb_state_replay_begin(joined.state, &joined.error), FB_OK);
    gather(&joined, "done", 600);
    state_bench_add(bench, "meanwhile", 700);
    assert_int_equal(mark(&joined, (struct fb_replay_mark){0}), 1);
    fb_state_close(joined.state);
    take(bench, "done");
    take(bench, "meanwhile");
}

/* While a command waits for an answer, say: it would mark what nobody reads any more. */
static void a_state_that_was_moved_aside_meanwhile_takes_no_mark(void **test)
{
    struct state_bench *bench = *test;
    struct state_bench joined = *bench;
    const struct fb_replay_mark how = {0};
    struct fb_backfill backfill;
    char *aside = NULL, wal[200];
    uint64_t objects;

    state_bench_process(bench, "done", 600);
    assert_int_equal(fb_state_join(bench->directory, &joined.state, &bench->error), FB_OK);
    assert_int_equal(fb_state_replay_begin(joined.state, &joined.error), FB_OK);
    gather(&joined, "done", 600);
    fb_state_close(bench->state);
    bench->state = NULL;
    assert_int_equal(fb_state_reset(bench->directory, &aside, &bench->error), FB_OK);
    assert_int_equal(fb_state_open(bench->directory, &bench->state, &bench->error), FB_OK);
    assert_int_equal(
        fb_state_replay_mark(joined.state, joined.stream_id, &how, &objects, &joined.error), FB_IO);
    assert_non_null(strstr(joined.error.message, "was replaced meanwhile"));
    assert_int_equal(plan(&joined).again, 1);
    assert_int_equal(
        fb_state_backfill_find(joined.state, joined.stream_id, &backfill, &joined.error), FB_IO);
    fb_state_close(joined.state);
    snprintf(wal, sizeof wal, "%s-wal", aside);
    unlink(wal);
    assert_int_equal(unlink(aside), 0);
    free(aside);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_kind_is_counted_for_what_it_is),
        CASE(what_ended_and_what_is_forgotten_become_pending_and_nothing_else),
        CASE(a_replayed_object_begins_anew_with_a_new_sequence),
        CASE(another_etag_of_a_known_key_is_another_object),
        CASE(what_was_gathered_before_is_forgotten_at_the_next_beginning),
        CASE(a_second_connection_replays_beside_the_first),
        CASE(a_state_that_was_moved_aside_meanwhile_takes_no_mark),
    };

    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
