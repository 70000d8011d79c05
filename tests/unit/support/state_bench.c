/* SPDX-License-Identifier: Apache-2.0 */
#include "state_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void open_state(struct state_bench *bench, int64_t start_ms)
{
    static const struct fb_stream_identity identity = {
        .source = "s3://bucket/ticker/",
        .table_arn = "arn:aws:dynamodb:eu-central-1:1:table/ticker",
        .table_created_ms = 1700000000000,
        .fingerprint = "json-1",
    };
    struct fb_stream_row row;

    assert_int_equal(fb_state_open(bench->directory, &bench->state, &bench->error), FB_OK);
    assert_int_equal(
        fb_state_stream_open(bench->state, "ticker", &identity, start_ms, &row, &bench->error),
        FB_OK);
    bench->stream_id = row.id;
    fb_stream_row_done(&row);
}

void state_bench_init(struct state_bench *bench, int64_t start_ms)
{
    *bench = (struct state_bench){0};
    snprintf(bench->directory, sizeof bench->directory, "/tmp/firebridge-state-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    open_state(bench, start_ms);
}

void state_bench_done(struct state_bench *bench)
{
    static const char *const names[] = {"firebridge.db", "firebridge.db-wal", "firebridge.db-shm",
                                        "firebridge.lock"};
    char path[128];

    fb_state_close(bench->state);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", bench->directory, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(bench->directory), 0);
}

void state_bench_reopen(struct state_bench *bench)
{
    fb_state_close(bench->state);
    open_state(bench, 0);
}

struct fb_state_listed state_bench_listed(const char *key, int64_t key_time_ms)
{
    return (struct fb_state_listed){
        .key = key,
        .etag = "e",
        .size_bytes = 10,
        .key_time_ms = key_time_ms,
        .last_modified_ms = key_time_ms + 5,
    };
}

void state_bench_add(struct state_bench *bench, const char *key, int64_t key_time_ms)
{
    const struct fb_state_listed object = state_bench_listed(key, key_time_ms);
    size_t added = 0;

    assert_int_equal(
        fb_state_add_objects(bench->state, bench->stream_id, &object, 1, &added, &bench->error),
        FB_OK);
    assert_int_equal(added, 1);
}

int64_t state_bench_take(struct state_bench *bench, const char *key)
{
    struct fb_state_object object;
    int64_t id;

    assert_int_equal(fb_state_take_next(bench->state, bench->stream_id, &object, &bench->error),
                     FB_OK);
    assert_string_equal(object.key, key);
    id = object.id;
    fb_state_object_done(&object);
    return id;
}

void state_bench_end(struct state_bench *bench, int64_t id, enum fb_object_state state,
                     uint64_t records)
{
    const struct fb_object_progress object = {.id = id, .state = state, .records = records};
    const struct fb_checkpoint checkpoint = {.objects = &object, .object_count = 1};

    assert_int_equal(
        fb_state_checkpoint(bench->state, bench->stream_id, &checkpoint, &bench->error), FB_OK);
}

void state_bench_process(struct state_bench *bench, const char *key, int64_t key_time_ms)
{
    state_bench_add(bench, key, key_time_ms);
    state_bench_end(bench, state_bench_take(bench, key), FB_OBJECT_DONE, 7);
}

void state_bench_sweep(struct state_bench *bench, int64_t low_water_ms)
{
    assert_int_equal(fb_state_sweep_complete(bench->state, bench->stream_id, low_water_ms + 1,
                                             low_water_ms, NULL, &bench->error),
                     FB_OK);
}

struct state_counts state_bench_count(struct state_bench *bench)
{
    return state_counts_read(bench->directory, bench->stream_id);
}
