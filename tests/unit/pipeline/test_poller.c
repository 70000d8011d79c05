/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "firebridge/base/log.h"
#include "firebridge/base/time.h"
#include "firebridge/pipeline/poller.h"

#include "../support/fake_s3.h"
#include "../support/state_counts.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

struct bench {
    struct fake_s3 s3;
    int64_t down_from_ms, down_to_ms;
    unsigned fail_call;       /* this call from now fails, once; 0: none */
    unsigned stop_call;       /* a stop is asked for in this call */
    enum fb_status failure;   /* FB_UNAVAILABLE when it is 0 */
    int64_t give_up_after_ms; /* as `run --once` does; 0: never */
    uint64_t list_budget;     /* 0: no limit */
    int64_t call_takes_ms;
    int64_t poll_interval_ms;  /* 0: 10 s */
    fb_list_page_fn list_page; /* NULL: of the fake S3 */
    bool takeable;
    bool refuses_tokens;
    unsigned calls, wakes, unhealthy, well_again;

    struct fb_clock_virtual clock;
    struct fb_stop stop;
    struct fb_layout *layout;
    char directory[64];
    struct fb_state *state;
    int64_t stream_id;
    struct fb_poller *poller;
    struct fb_error error;
};

static struct bench *bench;

static int64_t now_ms(void)
{
    return bench->clock.realtime_ms;
}

static struct fake_object *put(const char *key, int64_t appears_ms)
{
    return fake_s3_put(&bench->s3, key, appears_ms);
}

/* As Firehose names it: arrived at one time, delivered at another. */
static struct fake_object *deliver(const char *root, int version, int64_t arrived_ms,
                                   int64_t delivered_ms)
{
    struct fb_civil at;
    char key[512];

    fb_time_to_civil(arrived_ms, &at);
    snprintf(key, sizeof key, "%s%04d/%02d/%02d/%02d/s-%d-%04d-%02d-%02d-%02d-%02d-%02d-%06u.gz",
             root, at.year, at.month, at.day, at.hour, version, at.year, at.month, at.day, at.hour,
             at.minute, at.second, (unsigned)bench->s3.count);
    return put(key, delivered_ms);
}

static enum fb_status fake_list_page(struct fb_client *client,
                                     const struct fb_s3_list_request *request,
                                     struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    (void)client;
    assert_string_equal(request->bucket, "bucket");
    bench->calls++;
    fb_sleep_ms(&bench->clock.clock, NULL, FB_STOP_NOW, bench->call_takes_ms);
    if (bench->stop_call > 0 && --bench->stop_call == 0)
        fb_stop_request(&bench->stop, FB_STOP_DRAIN);
    if ((now_ms() >= bench->down_from_ms && now_ms() < bench->down_to_ms) ||
        (bench->fail_call > 0 && --bench->fail_call == 0))
        return fb_fail(error, bench->failure == FB_OK ? FB_UNAVAILABLE : bench->failure,
                       "no answer");
    if (bench->refuses_tokens && request->continuation_token != NULL) {
        fb_fail(error, FB_INVALID, "The continuation token provided is incorrect");
        snprintf(error->code, sizeof error->code, "InvalidArgument");
        error->http_status = 400;
        return FB_INVALID;
    }
    return fake_s3_list_page(&bench->s3, now_ms(), request, ret_result);
}

static void on_objects(void *context)
{
    assert_ptr_equal(context, bench);
    bench->wakes++;
}

static void on_takeable(void *context, bool takeable)
{
    assert_ptr_equal(context, bench);
    bench->takeable = takeable;
}

static void on_health(void *context, const char *what, const struct fb_error *error, bool first)
{
    (void)context;
    (void)first;
    assert_non_null(strstr(what, "list s3://bucket/"));
    if (error == NULL)
        bench->well_again++;
    else
        bench->unhealthy++;
}

static void close_poller(void)
{
    fb_poller_free(bench->poller);
    fb_state_close(bench->state);
    bench->poller = NULL;
    bench->state = NULL;
}

/* A daemon's start: the state as it was left, a new poller. */
static void start(int64_t start_at_ms)
{
    const struct fb_stream_identity identity = {
        .source = "s3://bucket/", .table_arn = "arn", .fingerprint = "1"};
    struct fb_poller_options options = {
        .stream = "test",
        .bucket = "bucket",
        .layout = bench->layout,
        .list_page = bench->list_page != NULL ? bench->list_page : fake_list_page,
        .poll_interval_ms = bench->poll_interval_ms > 0 ? bench->poll_interval_ms : 10000,
        .sweep_interval_ms = 10 * MINUTE_MS,
        .lookback_ms = 25 * HOUR_MS,
        .list_budget = bench->list_budget,
        .patience = {.clock = &bench->clock.clock,
                     .stop = &bench->stop,
                     .stop_at = FB_STOP_DRAIN,
                     .give_up_after_ms = bench->give_up_after_ms,
                     .on_health = on_health,
                     .context = bench},
        .clock = &bench->clock.clock,
        .stop = &bench->stop,
        .seed = 7,
        .on_takeable = on_takeable,
        .on_objects = on_objects,
        .context = bench,
    };
    struct fb_stream_row row;

    close_poller();
    fb_stop_init(&bench->stop, NULL);
    assert_int_equal(fb_state_open(bench->directory, &bench->state, &bench->error), FB_OK);
    assert_int_equal(
        fb_state_stream_open(bench->state, "test", &identity, start_at_ms, &row, &bench->error),
        FB_OK);
    bench->stream_id = row.id;
    options.state = bench->state;
    options.row = &row;
    assert_int_equal(fb_poller_new(&options, &bench->poller, &bench->error), FB_OK);
    fb_stream_row_done(&row);
}

static void use_prefix(const char *prefix, enum fb_layout_form form)
{
    struct fb_layout_options options = {.prefix = prefix, .form = form};

    fb_layout_free(bench->layout);
    bench->layout = NULL;
    assert_int_equal(fb_layout_new(&options, &bench->layout, &bench->error), FB_OK);
}

static int set_up(void **test)
{
    int64_t begin_ms;

    bench = calloc(1, sizeof *bench);
    fake_s3_init(&bench->s3);
    /* Thousands of commits: not on a disk, where there is something else. */
    snprintf(bench->directory, sizeof bench->directory, "%s/firebridge-poller-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(bench->directory));
    assert_int_equal(fb_time_parse_rfc3339("2026-11-22T10:20:00Z", &begin_ms), FB_OK);
    fb_clock_virtual_init(&bench->clock, begin_ms);
    use_prefix("t/", FB_LAYOUT_FIREHOSE);
    *test = bench;
    return 0;
}

static int tear_down(void **test)
{
    static const char *const names[] = {"firebridge.db", "firebridge.db-wal", "firebridge.db-shm",
                                        "firebridge.lock"};
    char path[128];

    (void)test;
    close_poller();
    fb_layout_free(bench->layout);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", bench->directory, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(bench->directory), 0);
    fake_s3_done(&bench->s3);
    free(bench);
    return 0;
}

static void step(void)
{
    int64_t wait_ms = 0;

    assert_int_equal(fb_poller_step(bench->poller, &wait_ms, &bench->error), FB_OK);
    fb_sleep_ms(&bench->clock.clock, NULL, FB_STOP_NOW, wait_ms);
}

static void run_for(int64_t span_ms)
{
    int64_t end_ms = now_ms() + span_ms;

    while (now_ms() < end_ms)
        step();
}

static struct state_counts counts(void)
{
    return state_counts_read(bench->directory, bench->stream_id);
}

/* Takes and ends all that is pending; returns how many. */
static size_t work(void)
{
    struct fb_state_object object;
    size_t taken = 0;

    while (fb_state_take_next(bench->state, bench->stream_id, &object, NULL) == FB_OK) {
        struct fb_object_progress done = {.id = object.id, .state = FB_OBJECT_DONE};
        struct fb_checkpoint checkpoint = {.objects = &done, .object_count = 1};

        assert_int_equal(fb_state_checkpoint(bench->state, bench->stream_id, &checkpoint, NULL),
                         FB_OK);
        fb_state_object_done(&object);
        taken++;
    }
    return taken;
}

static size_t work_for(int64_t span_ms)
{
    int64_t end_ms = now_ms() + span_ms;
    size_t taken = 0;

    while (now_ms() < end_ms) {
        step();
        taken += work();
    }
    return taken;
}

static void the_first_listing_takes_the_whole_prefix(void **test)
{
    (void)test;
    bench->s3.page_size = 3;
    for (int i = 0; i < 10; i++)
        deliver("t/", 1, now_ms() - i * 40 * DAY_MS, 0);
    put("t/by-hand.json", 0);
    put("u/other", 0);
    start(0);
    step();
    assert_int_equal(counts().pending, 11);
    assert_int_equal(counts().pending_bytes, 1100);
    assert_true(bench->takeable);
}

static void the_first_listing_goes_on_where_a_stop_left_it(void **test)
{
    int64_t wait_ms;

    (void)test;
    bench->s3.page_size = 10;
    for (int i = 0; i < 100; i++)
        deliver("t/", 1, now_ms() - i * DAY_MS, 0);
    start(0);
    bench->stop_call = 4;
    assert_int_equal(fb_poller_step(bench->poller, &wait_ms, &bench->error), FB_CANCELED);
    assert_int_equal(bench->calls, 4);
    assert_int_equal(counts().pending, 40);
    start(0);
    bench->calls = 0;
    step();
    assert_int_equal(counts().pending, 100);
    assert_int_equal(bench->calls, 6);
}

static void what_comes_behind_the_cursor_of_an_interrupted_first_listing_is_found(void **test)
{
    int64_t wait_ms;

    (void)test;
    bench->s3.page_size = 10;
    for (int i = 0; i < 30; i++)
        deliver("t/", 1, now_ms() - i * HOUR_MS / 2, 0);
    start(0);
    bench->stop_call = 2;
    assert_int_equal(fb_poller_step(bench->poller, &wait_ms, &bench->error), FB_CANCELED);
    deliver("t/", 1, now_ms() - 15 * HOUR_MS, now_ms() + MINUTE_MS);
    bench->clock.realtime_ms += 3 * DAY_MS;
    start(0);
    run_for(MINUTE_MS);
    assert_int_equal(counts().pending, 31);
}

static void a_new_object_is_found_by_the_next_poll(void **test)
{
    (void)test;
    start(0);
    run_for(MINUTE_MS);
    deliver("t/", 1, now_ms(), now_ms());
    bench->wakes = 0;
    run_for(10000);
    assert_int_equal(counts().pending, 1);
    assert_int_equal(bench->wakes, 1);
    run_for(HOUR_MS);
    assert_int_equal(bench->wakes, 1);
}

static void a_late_object_in_an_old_folder_is_found_within_one_sweep_interval(void **test)
{
    (void)test;
    start(0);
    run_for(3 * HOUR_MS);
    deliver("t/", 1, now_ms() - 24 * HOUR_MS, now_ms());
    run_for(10 * MINUTE_MS + 10000);
    assert_int_equal(counts().pending, 1);
}

static void an_object_a_day_late_is_found_at_any_moment_of_its_delivery(void **test)
{
    (void)test;
    start(0);
    step();
    for (int i = 0; i < 60; i++) {
        deliver("t/", 1, now_ms() - 24 * HOUR_MS, now_ms());
        assert_int_equal(work_for(11 * MINUTE_MS), 1);
    }
}

static void an_outage_of_three_days_loses_nothing(void **test)
{
    size_t delivered = 0;

    (void)test;
    bench->failure = FB_DENIED;
    start(0);
    run_for(HOUR_MS);
    bench->down_from_ms = now_ms();
    bench->down_to_ms = now_ms() + 3 * DAY_MS;
    for (int64_t at = now_ms() - DAY_MS; at < bench->down_to_ms; at += 20 * MINUTE_MS, delivered++)
        deliver("t/", 1, at, at + 23 * HOUR_MS);
    run_for(5 * DAY_MS);
    assert_int_equal(counts().pending, delivered);
    assert_true(bench->unhealthy > 1000);
    assert_int_equal(bench->well_again, 1);
}

static void a_daemon_that_was_off_for_three_days_finds_all(void **test)
{
    size_t delivered = 0;

    (void)test;
    start(0);
    run_for(HOUR_MS);
    for (int64_t at = now_ms() - DAY_MS; at < now_ms() + 3 * DAY_MS; at += HOUR_MS, delivered++)
        deliver("t/", 1, at, at + 23 * HOUR_MS);
    close_poller();
    bench->clock.realtime_ms += 4 * DAY_MS;
    start(0);
    step();
    assert_int_equal(counts().pending, delivered);
}

static void version_9_is_taken_before_version_10(void **test)
{
    struct fb_state_object object;

    (void)test;
    deliver("t/", 10, now_ms() - MINUTE_MS, 0);
    deliver("t/", 9, now_ms() - 2 * MINUTE_MS, 0);
    start(0);
    step();
    for (int version = 9; version <= 10; version++) {
        assert_int_equal(fb_state_take_next(bench->state, bench->stream_id, &object, NULL), FB_OK);
        assert_non_null(strstr(object.key, version == 9 ? "/s-9-" : "/s-10-"));
        fb_state_object_done(&object);
    }
}

static unsigned calls_of_an_hour_with_history(int objects)
{
    for (int i = 0; i < objects; i++)
        deliver("t/", 1, now_ms() - 30 * DAY_MS - i * MINUTE_MS, 0);
    start(0);
    step();
    bench->calls = 0;
    run_for(HOUR_MS);
    return bench->calls;
}

static void a_polls_cost_does_not_grow_with_history_of_100(void **test)
{
    (void)test;
    assert_in_range(calls_of_an_hour_with_history(100), 1, 370);
}

static void a_polls_cost_does_not_grow_with_history_of_100000(void **test)
{
    (void)test;
    assert_in_range(calls_of_an_hour_with_history(100000), 1, 370);
}

/*
 * A bucket with an object every half a minute of the last nine and a half years, and no list of
 * them: the number of an object is its time.
 */
#define HISTORY_OBJECTS 10000000
#define HISTORY_STEP_MS (MINUTE_MS / 2)

static int64_t history_end_ms;

static void history_key(int64_t number, char key[128])
{
    struct fb_civil at;

    fb_time_to_civil(history_end_ms - (HISTORY_OBJECTS - number) * HISTORY_STEP_MS, &at);
    snprintf(key, 128, "t/%04d/%02d/%02d/%02d/s-1-%04d-%02d-%02d-%02d-%02d-%02d-u", at.year,
             at.month, at.day, at.hour, at.year, at.month, at.day, at.hour, at.minute, at.second);
}

/* The first whose key is not before `text`, or is behind it. */
static int64_t history_from(const char *text, bool behind)
{
    int64_t low = 0;
    int64_t high = HISTORY_OBJECTS;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        char key[128];
        int difference;

        history_key(middle, key);
        difference = strcmp(key, text);
        if (difference < 0 || (behind && difference == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum fb_status list_history_page(struct fb_client *client,
                                        const struct fb_s3_list_request *request,
                                        struct fb_s3_list_result *ret_result,
                                        struct fb_error *error)
{
    const char *after =
        request->continuation_token != NULL ? request->continuation_token : request->start_after;
    int64_t number = history_from(request->prefix, false);
    struct fb_s3_list_result result = {0};
    char key[128] = "";

    (void)client;
    (void)error;
    bench->calls++;
    if (after != NULL && history_from(after, true) > number)
        number = history_from(after, true);
    for (; number < HISTORY_OBJECTS && result.key_count < 1000; number++, result.key_count++) {
        struct fb_s3_listed listed = {
            .key = key, .etag = "e", .storage_class = "STANDARD", .size_bytes = 1};

        history_key(number, key);
        listed.last_modified_ms =
            history_end_ms - (HISTORY_OBJECTS - number) * HISTORY_STEP_MS + MINUTE_MS;
        if (strncmp(key, request->prefix, strlen(request->prefix)) != 0)
            break;
        if (request->on_object(request->context, &listed) != FB_OK)
            return FB_NO_MEMORY;
    }
    if (result.key_count == 1000) {
        result.is_truncated = true;
        snprintf(result.continuation_token, sizeof result.continuation_token, "%s", key);
    }
    *ret_result = result;
    return FB_OK;
}

static void with_10_million_objects_of_history_a_day_costs_as_many_calls_as_with_none(void **test)
{
    unsigned with_none, with_history;

    (void)test;
    bench->poll_interval_ms = MINUTE_MS;
    start(now_ms());
    run_for(HOUR_MS);
    bench->calls = 0;
    run_for(DAY_MS);
    with_none = bench->calls;

    /* It ended before the look-back. */
    history_end_ms = now_ms() - 2 * DAY_MS;
    bench->list_page = list_history_page;
    start(0);
    run_for(HOUR_MS);
    bench->calls = 0;
    run_for(DAY_MS);
    with_history = bench->calls;
    assert_int_equal(with_history, with_none);
    assert_in_range(with_none, 24 * 60, 24 * 60 + 24 * 6);
}

static void what_is_pruned_is_never_taken_again(void **test)
{
    size_t taken = 0, delivered = 0;

    (void)test;
    bench->poll_interval_ms = MINUTE_MS;
    put("t/2026/11/25/by-hand.json", now_ms());
    start(0);
    for (int hour = 0; hour < 24 * 6; hour++) {
        deliver("t/", 1, now_ms(), now_ms());
        deliver("t/", 1, now_ms() - 20 * HOUR_MS, now_ms() + MINUTE_MS);
        delivered += 2;
        taken += work_for(HOUR_MS);
    }
    assert_int_equal(taken, delivered + 1);
    assert_true(counts().done < 2 * 27 * 2);
    assert_true(counts().done > 25);
}

/* Folders as long as a month hold what is older than the look-back, and are listed all the same. */
static void in_long_folders_too_what_is_pruned_is_never_taken_again(void **test)
{
    static const char *const folders[] = {"t/11-2026/", "t/12-2026/"};
    size_t taken = 0, delivered = 0;
    char key[128];

    (void)test;
    bench->poll_interval_ms = MINUTE_MS;
    use_prefix("t/!{timestamp:MM-yyyy}/", FB_LAYOUT_FIREHOSE);
    start(0);
    for (int hour = 0; hour < 24 * 12; hour += 6) {
        struct fb_civil at;

        fb_time_to_civil(now_ms(), &at);
        snprintf(key, sizeof key, "%ss-1-%04d-%02d-%02d-%02d-%02d-%02d-u", folders[at.month - 11],
                 at.year, at.month, at.day, at.hour, at.minute, at.second);
        put(key, now_ms());
        delivered++;
        taken += work_for(6 * HOUR_MS);
    }
    assert_int_equal(taken, delivered);
    assert_true(counts().done < delivered);
}

static void a_clock_that_ran_ahead_takes_nothing_again_and_misses_nothing(void **test)
{
    size_t taken = 0;

    (void)test;
    start(0);
    for (int hour = 0; hour < 30; hour++) {
        deliver("t/", 1, now_ms(), now_ms());
        taken += work_for(HOUR_MS);
    }
    assert_int_equal(taken, 30);
    bench->clock.realtime_ms += 5 * DAY_MS;
    taken += work_for(HOUR_MS);
    bench->clock.realtime_ms -= 5 * DAY_MS;
    deliver("t/", 1, now_ms() - HOUR_MS, now_ms());
    taken += work_for(HOUR_MS);
    assert_int_equal(taken, 31);
}

static void a_changed_etag_is_a_new_object(void **test)
{
    struct fake_object *object;

    (void)test;
    object = deliver("t/", 1, now_ms(), now_ms());
    start(0);
    assert_int_equal(work_for(MINUTE_MS), 1);
    strcpy(object->etag, "e2");
    object->appears_ms = now_ms();
    assert_int_equal(work_for(MINUTE_MS), 1);
    assert_int_equal(work_for(HOUR_MS), 0);
}

static void what_is_no_data_is_left_out_and_counted(void **test)
{
    const struct fb_poller_counters *found;

    (void)test;
    put("t/2026/11/22/10/", 0)->size_bytes = 0;
    put("t/2026/11/22/10/cold", 0)->storage_class = "GLACIER";
    put("t/2026/11/22/10/data", 0);
    put("t/processing-failed/2026/11/22/10/x", 0);
    start(0);
    run_for(MINUTE_MS);
    assert_int_equal(counts().pending, 1);
    found = fb_poller_counters(bench->poller);
    assert_int_equal(found->left_out[FB_KEY_FOLDER], 1);
    assert_int_equal(found->left_out[FB_KEY_UNREADABLE], 1);
    assert_int_equal(found->sweeps, 1);
    assert_true(found->polls >= 5);
}

static void objects_before_start_at_are_not_taken(void **test)
{
    int64_t start_ms = now_ms();

    (void)test;
    for (int hour = 0; hour < 48; hour++)
        deliver("t/", 1, start_ms - hour * HOUR_MS - 1000, 0);
    deliver("t/", 1, start_ms + 1000, start_ms + 2000);
    start(start_ms);
    run_for(HOUR_MS);
    assert_int_equal(counts().pending, 1);
    start(start_ms);
    run_for(HOUR_MS);
    assert_int_equal(counts().pending, 1);
}

static int64_t last_sweep_start_ms(void)
{
    const struct fb_stream_identity identity = {
        .source = "s3://bucket/", .table_arn = "arn", .fingerprint = "1"};
    struct fb_stream_row row;

    assert_int_equal(fb_state_stream_open(bench->state, "test", &identity, 0, &row, NULL), FB_OK);
    fb_stream_row_done(&row);
    return row.last_sweep_start_ms;
}

static void a_sweep_that_was_stopped_midway_does_not_count(void **test)
{
    int64_t before_ms, wait_ms;

    (void)test;
    bench->s3.page_size = 5;
    for (int i = 0; i < 20; i++)
        deliver("t/", 1, now_ms() - i * HOUR_MS, 0);
    start(0);
    run_for(MINUTE_MS);
    before_ms = last_sweep_start_ms();
    bench->clock.monotonic_ms += 10 * MINUTE_MS;
    bench->clock.realtime_ms += 10 * MINUTE_MS;
    bench->stop_call = 2;
    assert_int_equal(fb_poller_step(bench->poller, &wait_ms, &bench->error), FB_CANCELED);
    assert_true(last_sweep_start_ms() == before_ms);
    assert_int_equal(fb_poller_counters(bench->poller)->sweeps, 1);
}

static void a_page_that_fails_is_asked_for_again_and_the_sweep_goes_on(void **test)
{
    (void)test;
    bench->s3.page_size = 5;
    for (int i = 0; i < 20; i++)
        deliver("t/", 1, now_ms() - i * HOUR_MS, 0);
    start(0);
    bench->fail_call = 3;
    step();
    assert_int_equal(counts().pending, 20);
    assert_int_equal(bench->calls, 5);
    assert_int_equal(bench->unhealthy, 0);
}

static void a_token_that_is_refused_is_replaced_by_the_last_key(void **test)
{
    (void)test;
    bench->s3.page_size = 5;
    bench->refuses_tokens = true;
    for (int i = 0; i < 20; i++)
        deliver("t/", 1, now_ms() - i * HOUR_MS, 0);
    start(0);
    step();
    assert_int_equal(counts().pending, 20);
    step();
    assert_int_equal(fb_poller_counters(bench->poller)->sweeps, 1);
}

/* The later pages of a listing may hold what comes first: version 9 sorts behind version 10. */
static void nothing_may_be_taken_before_the_first_sweep_of_a_restart_is_complete(void **test)
{
    int64_t wait_ms;

    (void)test;
    bench->s3.page_size = 5;
    start(0);
    run_for(MINUTE_MS);
    for (int i = 0; i < 20; i++)
        deliver("t/", 1, now_ms() - i * HOUR_MS, 0);
    bench->takeable = false;
    start(0);
    bench->stop_call = 2;
    assert_int_equal(fb_poller_step(bench->poller, &wait_ms, &bench->error), FB_CANCELED);
    assert_false(bench->takeable);
    start(0);
    step();
    assert_true(bench->takeable);
}

static void a_poll_of_several_pages_holds_up_the_taking_until_its_end(void **test)
{
    int64_t wait_ms;

    (void)test;
    bench->s3.page_size = 5;
    start(0);
    run_for(MINUTE_MS);
    for (int i = 0; i < 20; i++)
        deliver("t/", 1, now_ms() - i * 1000, 0);
    bench->stop_call = 2;
    fb_sleep_ms(&bench->clock.clock, NULL, FB_STOP_NOW, 10000);
    assert_int_equal(fb_poller_step(bench->poller, &wait_ms, &bench->error), FB_CANCELED);
    assert_false(bench->takeable);
}

static void a_folder_hours_ahead_is_swept(void **test)
{
    (void)test;
    start(0);
    run_for(MINUTE_MS);
    deliver("t/", 1, now_ms() + 9 * HOUR_MS, now_ms());
    run_for(10 * MINUTE_MS + 10000);
    assert_int_equal(counts().pending, 1);
}

static void what_was_pruned_stays_so_when_the_layout_becomes_flat(void **test)
{
    size_t taken = 0;

    (void)test;
    start(0);
    for (int hour = 0; hour < 72; hour++) {
        deliver("t/", 1, now_ms(), now_ms());
        taken += work_for(HOUR_MS);
    }
    assert_int_equal(taken, 72);
    use_prefix("t/", FB_LAYOUT_FLAT);
    start(0);
    assert_int_equal(work_for(HOUR_MS), 0);
}

static void a_sweep_that_failed_is_tried_again_soon(void **test)
{
    (void)test;
    start(0);
    run_for(MINUTE_MS);
    fb_sleep_ms(&bench->clock.clock, NULL, FB_STOP_NOW, 10 * MINUTE_MS);
    bench->give_up_after_ms = 1;
    start(0);
    bench->down_from_ms = now_ms();
    bench->down_to_ms = now_ms() + 1000;
    bench->failure = FB_DENIED;
    while (now_ms() < bench->down_to_ms) {
        int64_t wait_ms;

        if (fb_poller_step(bench->poller, &wait_ms, &bench->error) == FB_OK)
            fail();
        fb_sleep_ms(&bench->clock.clock, NULL, FB_STOP_NOW, 100);
    }
    step();
    assert_int_equal(fb_poller_counters(bench->poller)->sweeps, 1);
}

static void once_lists_all_and_ends(void **test)
{
    (void)test;
    for (int i = 0; i < 20; i++)
        deliver("t/", 1, now_ms() - i * DAY_MS, 0);
    start(0);
    assert_int_equal(fb_poller_run_once(bench->poller, &bench->error), FB_OK);
    assert_int_equal(counts().pending, 20);
    assert_int_equal(fb_poller_counters(bench->poller)->sweeps, 1);
}

static void once_begins_with_a_full_sweep_whatever_the_interval(void **test)
{
    (void)test;
    start(0);
    assert_int_equal(fb_poller_run_once(bench->poller, &bench->error), FB_OK);
    deliver("t/", 1, now_ms() - 24 * HOUR_MS, now_ms());
    start(0);
    assert_int_equal(fb_poller_run_once(bench->poller, &bench->error), FB_OK);
    assert_int_equal(counts().pending, 1);
}

static void once_gives_up_at_the_third_try_of_what_a_person_must_mend(void **test)
{
    (void)test;
    bench->failure = FB_DENIED;
    bench->down_to_ms = FAKE_S3_NEVER;
    bench->give_up_after_ms = 5 * MINUTE_MS;
    start(0);
    assert_int_equal(fb_poller_run_once(bench->poller, &bench->error), FB_DENIED);
    assert_int_equal(bench->calls, 3);
    assert_non_null(strstr(bench->error.message, ": no answer"));
}

static void once_is_patient_with_what_may_mend_itself(void **test)
{
    int64_t begin_ms = now_ms();

    (void)test;
    bench->down_to_ms = begin_ms + 4 * MINUTE_MS;
    bench->give_up_after_ms = 5 * MINUTE_MS;
    start(0);
    assert_int_equal(fb_poller_run_once(bench->poller, &bench->error), FB_OK);
    bench->down_to_ms = FAKE_S3_NEVER;
    begin_ms = now_ms();
    assert_int_equal(fb_poller_run_once(bench->poller, &bench->error), FB_UNAVAILABLE);
    assert_in_range(now_ms() - begin_ms, 5 * MINUTE_MS, 7 * MINUTE_MS);
}

static void a_stop_ends_a_wait_for_the_next_try(void **test)
{
    (void)test;
    bench->down_to_ms = FAKE_S3_NEVER;
    bench->stop_call = 5;
    start(0);
    bench->stop_call = 5;
    assert_int_equal(fb_poller_run(bench->poller, &bench->error), FB_CANCELED);
    assert_int_equal(bench->calls, 5);
}

static void partitions_before_the_time_are_discovered(void **test)
{
    char root[64];

    (void)test;
    bench->s3.page_size = 3;
    use_prefix("p/c=!{partitionKeyFromQuery:c}/!{timestamp:yyyy/MM/dd/HH}/", FB_LAYOUT_FIREHOSE);
    start(0);
    run_for(MINUTE_MS);
    for (int i = 0; i < 20; i++) {
        snprintf(root, sizeof root, "p/c=%d/", i);
        deliver(root, 1, now_ms(), now_ms());
        deliver(root, 1, now_ms() - 20 * HOUR_MS, now_ms());
    }
    run_for(10000);
    assert_int_equal(counts().pending, 20);
    run_for(10 * MINUTE_MS);
    assert_int_equal(counts().pending, 40);
}

static void use_partitions(void)
{
    use_prefix("p/c=!{partitionKeyFromQuery:c}/!{timestamp:yyyy/MM/dd/HH}/", FB_LAYOUT_FIREHOSE);
}

static void deliver_to(int partition, int64_t arrived_ms)
{
    char root[64];

    snprintf(root, sizeof root, "p/c=%d/", partition);
    deliver(root, 1, arrived_ms, now_ms());
}

static unsigned calls_of(int64_t span_ms)
{
    bench->calls = 0;
    run_for(span_ms);
    return bench->calls;
}

static void a_partition_that_went_quiet_costs_polls_nothing_and_sweeps_little(void **test)
{
    (void)test;
    bench->poll_interval_ms = MINUTE_MS;
    use_partitions();
    for (int i = 0; i < 30; i++)
        deliver_to(i, now_ms());
    start(0);
    /* All are awake: a poll a minute, a sweep in ten, 31 calls each. */
    assert_in_range(calls_of(30 * MINUTE_MS), 27 * 31, 33 * 31);
    run_for(3 * HOUR_MS);
    /* The calls that find partitions, and each of 30 once in 20 minutes and later. */
    assert_in_range(calls_of(HOUR_MS), 60 + 2 * 30, 66 + 3 * 30);
    run_for(40 * HOUR_MS);
    assert_in_range(calls_of(4 * HOUR_MS), 4 * 60 + 30, 4 * 66 + 2 * 30);
    assert_int_equal(fb_poller_counters(bench->poller)->partitions, 30);
    assert_int_equal(fb_poller_counters(bench->poller)->quiet_partitions, 30);
}

/* The bound that docs/operations.md states: an eighth of the time it was quiet, and 4 h at most. */
static int64_t bound_of(int64_t quiet_ms)
{
    const int64_t bound_ms = quiet_ms / 8 < 4 * HOUR_MS ? quiet_ms / 8 : 4 * HOUR_MS;

    return quiet_ms < HOUR_MS ? 20000 : bound_ms < 10 * MINUTE_MS ? 11 * MINUTE_MS : bound_ms;
}

static void a_quiet_partition_that_comes_alive_is_found_within_the_bound(void **test)
{
    static const int64_t spans_ms[] = {30 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 16 * HOUR_MS,
                                       3 * DAY_MS};

    (void)test;
    use_partitions();
    bench->poll_interval_ms = MINUTE_MS;
    start(0);
    for (size_t i = 0; i < sizeof spans_ms / sizeof *spans_ms; i++) {
        for (int moment = 0; moment < 7; moment++) {
            const int64_t since_ms = now_ms();
            int64_t until_ms;

            deliver_to(1, now_ms());
            /* What is alive is known again after a start. */
            work_for(4 * MINUTE_MS);
            start(0);
            work_for(spans_ms[i] + moment * 7 * MINUTE_MS);
            deliver_to(1, now_ms());
            until_ms = now_ms() + bound_of(now_ms() - since_ms) + 2 * MINUTE_MS;
            while (work_for(MINUTE_MS) == 0)
                assert_true(now_ms() < until_ms);
            /* Something newer came, so it is awake. */
            deliver_to(1, now_ms());
            work_for(11 * MINUTE_MS);
            deliver_to(1, now_ms());
            assert_int_equal(work_for(2 * MINUTE_MS), 1);
            work_for(5 * HOUR_MS);
            start(0);
        }
    }
}

/* Neither the low-water mark nor the sweeps' begin may run ahead of what was passed over. */
static void a_late_object_in_a_quiet_partition_is_delayed_but_not_missed(void **test)
{
    size_t taken = 0;
    size_t delivered = 0;

    (void)test;
    use_partitions();
    bench->poll_interval_ms = 10 * MINUTE_MS;
    deliver_to(0, now_ms());
    start(0);
    taken += work_for(HOUR_MS);
    for (int hour = 1; hour < 24 * 12; hour++) {
        deliver_to(1, now_ms());
        delivered++;
        if (hour % 19 == 0) {
            deliver_to(0, now_ms() - 24 * HOUR_MS);
            delivered++;
        }
        if (hour % 70 == 0)
            start(0);
        taken += work_for(HOUR_MS);
    }
    assert_int_equal(taken + work_for(5 * HOUR_MS), delivered + 1);
}

static void a_partition_that_nobody_has_seen_is_found_by_the_next_poll(void **test)
{
    (void)test;
    use_partitions();
    start(0);
    run_for(5 * HOUR_MS);
    deliver_to(7, now_ms());
    run_for(10000);
    assert_int_equal(counts().pending, 1);
}

static void two_levels_of_partitions_are_quiet_as_one_is(void **test)
{
    char root[64];

    (void)test;
    bench->poll_interval_ms = MINUTE_MS;
    use_prefix(
        "p/!{partitionKeyFromQuery:a}/!{partitionKeyFromQuery:b}/!{timestamp:yyyy/MM/dd/HH}/",
        FB_LAYOUT_FIREHOSE);
    for (int i = 0; i < 30; i++) {
        snprintf(root, sizeof root, "p/a%d/b%d/", i % 10, i);
        deliver(root, 1, now_ms(), now_ms());
    }
    start(0);
    run_for(3 * HOUR_MS);
    assert_in_range(calls_of(HOUR_MS), 60 + 2 * 40, 66 + 3 * 40);
    /* One that comes alive wakes the one that it is in, too. */
    deliver("p/a3/b3/", 1, now_ms(), now_ms());
    run_for(HOUR_MS);
    deliver("p/a3/b999/", 1, now_ms(), now_ms());
    work();
    assert_int_equal(work_for(2 * MINUTE_MS), 1);
}

static void more_partitions_than_a_page_shows_are_all_listed(void **test)
{
    (void)test;
    bench->s3.page_size = 7;
    use_partitions();
    start(0);
    run_for(MINUTE_MS);
    for (int i = 0; i < 300; i++)
        deliver_to(i, now_ms());
    run_for(10000);
    assert_int_equal(counts().pending, 300);
}

static void the_budget_is_never_overrun_and_late_objects_are_found_all_the_same(void **test)
{
    (void)test;
    bench->list_budget = 120;
    use_partitions();
    for (int i = 0; i < 50; i++)
        deliver_to(i, now_ms());
    start(0);
    for (int hour = 0; hour < 12; hour++) {
        unsigned calls = 0;

        deliver_to(hour, now_ms() - 23 * HOUR_MS);
        /* None is ever quiet. */
        for (int part = 0; part < 4; part++) {
            for (int i = 0; i < 50; i++)
                deliver_to(i, now_ms());
            calls += calls_of(HOUR_MS / 4);
        }
        assert_in_range(calls, hour == 0 ? 50 : 100, 121);
    }
    assert_true(fb_poller_counters(bench->poller)->is_stretched);
    /* Polls have 83 of 111 calls an hour and need 51; sweeps have 28 and need 51. */
    assert_in_range(fb_poller_counters(bench->poller)->poll_every_ms, 30 * MINUTE_MS, HOUR_MS);
    assert_in_range(fb_poller_counters(bench->poller)->sweep_every_ms, 90 * MINUTE_MS, 3 * HOUR_MS);
    run_for(6 * HOUR_MS);
    assert_int_equal(counts().pending, 50 + 12 * 201);
}

/* How many lines of the log say this, while it went to `log` instead of standard error. */
static unsigned lines_with(FILE *log, const char *text)
{
    static char line[2048];
    unsigned found = 0;

    rewind(log);
    while (fgets(line, sizeof line, log) != NULL)
        found += strstr(line, text) != NULL;
    return found;
}

static void that_the_budget_does_not_suffice_is_said_once_and_that_it_does_again(void **test)
{
    FILE *log = tmpfile();
    const int kept = dup(STDERR_FILENO);
    bool was_stretched, is_stretched;

    (void)test;
    bench->list_budget = 600;
    use_partitions();
    for (int i = 0; i < 20; i++)
        deliver_to(i, now_ms());
    fflush(stderr);
    assert_true(log != NULL && kept >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
    fb_log_set_level(FB_LOG_NOTICE);
    start(0);
    for (int part = 0; part < 24; part++) {
        for (int i = 0; i < 20; i++)
            deliver_to(i, now_ms());
        run_for(HOUR_MS / 4);
    }
    was_stretched = fb_poller_counters(bench->poller)->is_stretched;
    /* They vanish. */
    for (size_t i = 0; i < bench->s3.count; i++)
        bench->s3.objects[i].vanishes_ms = now_ms();
    run_for(3 * DAY_MS);
    is_stretched = fb_poller_counters(bench->poller)->is_stretched;
    fb_log_set_level(FB_LOG_ERROR);
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_true(was_stretched);
    assert_false(is_stretched);
    /* At first, and as it became much worse. */
    assert_in_range(lines_with(log, "does not suffice: polls take"), 1, 3);
    assert_int_equal(lines_with(log, "list_budget suffices again"), 1);
    assert_int_equal(lines_with(log, "does not suffice: polls take"),
                     lines_with(log, "Put the time before the partitions"));
    fclose(log);
}

static void polls_go_on_while_a_sweep_is_stretched(void **test)
{
    size_t taken;

    (void)test;
    bench->list_budget = 360;
    bench->s3.page_size = 1;
    for (int i = 0; i < 400; i++)
        deliver("t/", 1, now_ms() - 2 * HOUR_MS - i * MINUTE_MS, 0);
    start(0);
    taken = work_for(MINUTE_MS);
    for (int i = 0; i < 60; i++) {
        deliver("t/", 1, now_ms() - 90 * MINUTE_MS, now_ms());
        put("t/2026/11/22/12/s-1-2026-11-22-12-00-00-first", now_ms());
        taken += work_for(MINUTE_MS);
    }
    assert_int_equal(fb_poller_counters(bench->poller)->sweeps, 0);
    assert_true(bench->takeable);
    assert_true(fb_poller_counters(bench->poller)->polls > 60);
    taken += work_for(6 * HOUR_MS);
    assert_int_equal(taken, 400 + 60 + 1);
}

static void a_budget_that_suffices_stretches_nothing(void **test)
{
    (void)test;
    bench->list_budget = 3600;
    start(0);
    run_for(HOUR_MS);
    assert_in_range(calls_of(HOUR_MS), 360, 370);
    assert_false(fb_poller_counters(bench->poller)->is_stretched);
    assert_int_equal(fb_poller_counters(bench->poller)->poll_every_ms, 10000);
}

static void the_first_listing_is_not_held_up_by_the_budget(void **test)
{
    const int64_t begin_ms = now_ms();

    (void)test;
    bench->list_budget = 60;
    bench->s3.page_size = 1;
    for (int i = 0; i < 500; i++)
        deliver("t/", 1, now_ms() - i * DAY_MS, 0);
    start(0);
    step();
    assert_int_equal(counts().pending, 500);
    assert_true(now_ms() == begin_ms);
}

static void calls_that_fail_are_within_the_budget_too(void **test)
{
    (void)test;
    bench->list_budget = 60;
    start(0);
    run_for(HOUR_MS);
    bench->down_from_ms = now_ms();
    bench->down_to_ms = FAKE_S3_NEVER;
    bench->stop_call = 500;
    assert_int_equal(fb_poller_run(bench->poller, &bench->error), FB_CANCELED);
    assert_true(now_ms() - bench->down_from_ms > 8 * HOUR_MS);
}

/* An S3 that takes longer for a call than polls are apart does not keep sweeps from their end. */
static void a_slow_s3_does_not_starve_sweeps(void **test)
{
    (void)test;
    bench->list_budget = 3600;
    bench->call_takes_ms = 15000;
    bench->s3.page_size = 5;
    for (int i = 0; i < 60; i++)
        deliver("t/", 1, now_ms() - 2 * HOUR_MS - i * MINUTE_MS, 0);
    start(0);
    run_for(2 * HOUR_MS);
    assert_true(fb_poller_counters(bench->poller)->sweeps > 3);
    assert_true(fb_poller_counters(bench->poller)->polls > 30);
}

static void a_flat_prefix_is_listed_whole_and_forgets_what_is_gone(void **test)
{
    (void)test;
    bench->s3.page_size = 4;
    use_prefix("f/", FB_LAYOUT_FLAT);
    for (int i = 0; i < 10; i++) {
        char key[32];

        snprintf(key, sizeof key, "f/%02d", i);
        put(key, now_ms() - 100 * DAY_MS)->vanishes_ms =
            i % 2 == 0 ? now_ms() + HOUR_MS : FAKE_S3_NEVER;
    }
    start(0);
    assert_int_equal(work_for(MINUTE_MS), 10);
    put("f/00-new", now_ms());
    assert_int_equal(work_for(10000), 1);
    assert_int_equal(counts().done, 11);
    assert_int_equal(work_for(2 * HOUR_MS), 0);
    assert_int_equal(counts().done, 6);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_listing_takes_the_whole_prefix),
        CASE(the_first_listing_goes_on_where_a_stop_left_it),
        CASE(what_comes_behind_the_cursor_of_an_interrupted_first_listing_is_found),
        CASE(a_new_object_is_found_by_the_next_poll),
        CASE(a_late_object_in_an_old_folder_is_found_within_one_sweep_interval),
        CASE(an_object_a_day_late_is_found_at_any_moment_of_its_delivery),
        CASE(an_outage_of_three_days_loses_nothing),
        CASE(a_daemon_that_was_off_for_three_days_finds_all),
        CASE(version_9_is_taken_before_version_10),
        CASE(a_polls_cost_does_not_grow_with_history_of_100),
        CASE(a_polls_cost_does_not_grow_with_history_of_100000),
        CASE(with_10_million_objects_of_history_a_day_costs_as_many_calls_as_with_none),
        CASE(what_is_pruned_is_never_taken_again),
        CASE(in_long_folders_too_what_is_pruned_is_never_taken_again),
        CASE(a_clock_that_ran_ahead_takes_nothing_again_and_misses_nothing),
        CASE(a_changed_etag_is_a_new_object),
        CASE(what_is_no_data_is_left_out_and_counted),
        CASE(objects_before_start_at_are_not_taken),
        CASE(a_sweep_that_was_stopped_midway_does_not_count),
        CASE(a_page_that_fails_is_asked_for_again_and_the_sweep_goes_on),
        CASE(a_token_that_is_refused_is_replaced_by_the_last_key),
        CASE(nothing_may_be_taken_before_the_first_sweep_of_a_restart_is_complete),
        CASE(a_poll_of_several_pages_holds_up_the_taking_until_its_end),
        CASE(a_folder_hours_ahead_is_swept),
        CASE(what_was_pruned_stays_so_when_the_layout_becomes_flat),
        CASE(a_sweep_that_failed_is_tried_again_soon),
        CASE(once_lists_all_and_ends),
        CASE(once_begins_with_a_full_sweep_whatever_the_interval),
        CASE(once_gives_up_at_the_third_try_of_what_a_person_must_mend),
        CASE(once_is_patient_with_what_may_mend_itself),
        CASE(a_stop_ends_a_wait_for_the_next_try),
        CASE(partitions_before_the_time_are_discovered),
        CASE(a_partition_that_went_quiet_costs_polls_nothing_and_sweeps_little),
        CASE(a_quiet_partition_that_comes_alive_is_found_within_the_bound),
        CASE(a_late_object_in_a_quiet_partition_is_delayed_but_not_missed),
        CASE(a_partition_that_nobody_has_seen_is_found_by_the_next_poll),
        CASE(two_levels_of_partitions_are_quiet_as_one_is),
        CASE(more_partitions_than_a_page_shows_are_all_listed),
        CASE(the_budget_is_never_overrun_and_late_objects_are_found_all_the_same),
        CASE(that_the_budget_does_not_suffice_is_said_once_and_that_it_does_again),
        CASE(polls_go_on_while_a_sweep_is_stretched),
        CASE(a_budget_that_suffices_stretches_nothing),
        CASE(the_first_listing_is_not_held_up_by_the_budget),
        CASE(calls_that_fail_are_within_the_budget_too),
        CASE(a_slow_s3_does_not_starve_sweeps),
        CASE(a_flat_prefix_is_listed_whole_and_forgets_what_is_gone),
    };

    fb_log_set_level(FB_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
