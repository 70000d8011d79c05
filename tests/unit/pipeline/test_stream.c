/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole stream, from a bucket to a table that are both in memory: real poller, decoder, lanes,
 * progress and state file; faults and stops where the test says so.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <zlib.h>

#include "../support/fast_clock.h"

#include "firebridge/base/backoff.h"
#include "firebridge/base/log.h"
#include "firebridge/pipeline/measures.h"
#include "firebridge/state/skip.h"

#define MAX_OBJECTS 1600
#define KEYS        40
#define ITEM_SIZE   64

struct fake_object {
    char key[160];
    char etag[16];
    char *body;
    size_t size;
    bool vanishes;    /* GET says 404 */
    bool is_replaced; /* by the same with another ETag, at the first GET */
};

static struct fake_object objects[MAX_OBJECTS];
static size_t object_count;
static char items[KEYS][ITEM_SIZE];
static char expected[KEYS][ITEM_SIZE];
static unsigned char seen_numbers[1 << 15]; /* of records that were written at least once */
static pthread_mutex_t world_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fb_random chances;
static unsigned fault_one_in; /* 0: none */
static bool throttled_for_ever;
static atomic_bool rejects_all;
static atomic_uint batch_calls;
static atomic_uint get_calls;
static atomic_uint pieces_read;
static useconds_t piece_takes_us;
static int64_t table_created_ms;
static char directory[64], letters_directory[80];
static struct fb_state *state_file;
static struct fb_layout *layout;

static bool strikes(void)
{
    bool hit;

    pthread_mutex_lock(&world_lock);
    hit = fault_one_in != 0 && fb_random_next(&chances) % fault_one_in == 0;
    pthread_mutex_unlock(&world_lock);
    return hit;
}

static enum fb_status describe_fake(struct fb_client *client, const char *table,
                                    struct fb_table *ret_table, struct fb_error *error)
{
    (void)client;
    (void)error;
    *ret_table = (struct fb_table){
        .status = "ACTIVE",
        .created_ms = table_created_ms,
        .schema = {.attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}},
                   .count = 1},
    };
    snprintf(ret_table->arn, sizeof ret_table->arn, "arn:aws:dynamodb:::table/%s", table);
    return FB_OK;
}

static enum fb_status list_fake(struct fb_client *client, const struct fb_s3_list_request *request,
                                struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    (void)client;
    if (strikes())
        return fb_fail(error, FB_UNAVAILABLE, "half an answer");
    *ret_result = (struct fb_s3_list_result){0};
    for (size_t i = 0; i < object_count; i++) {
        struct fb_s3_listed listed = {.key = objects[i].key,
                                      .etag = objects[i].etag,
                                      .storage_class = "STANDARD",
                                      .size_bytes = objects[i].size,
                                      .last_modified_ms = INT64_C(1795341600000)};

        if (strncmp(objects[i].key, request->prefix, strlen(request->prefix)) != 0 ||
            (request->start_after != NULL && strcmp(objects[i].key, request->start_after) <= 0))
            continue;
        ret_result->key_count++;
        if (request->on_object(request->context, &listed) != FB_OK)
            return FB_CANCELED;
    }
    return FB_OK;
}

static struct fake_object *find(const char *key)
{
    for (size_t i = 0; i < object_count; i++)
        if (strcmp(objects[i].key, key) == 0)
            return &objects[i];
    fail();
    return NULL;
}

static enum fb_status get_fake(struct fb_client *client, const struct fb_s3_get_request *request,
                               struct fb_error *error)
{
    struct fake_object *object = find(request->key);
    struct fb_http_response response = {.http_status = 200};
    size_t at = request->offset_bytes;

    (void)client;
    atomic_fetch_add(&get_calls, 1);
    if (object->vanishes) {
        fb_fail(error, FB_NOT_FOUND, "it is gone");
        snprintf(error->code, sizeof error->code, "NoSuchKey");
        return FB_NOT_FOUND;
    }
    if (object->is_replaced) {
        object->is_replaced = false;
        snprintf(object->etag, sizeof object->etag, "replaced");
    }
    if (strcmp(request->etag, object->etag) != 0)
        return fb_fail(error, FB_CHANGED, "it is another one now");
    while (at < object->size) {
        size_t piece = 1 + at % 700;
        enum fb_status status;

        if (strikes())
            return fb_fail(error, FB_UNAVAILABLE, "cut off after %zu bytes", at);
        if (piece > object->size - at)
            piece = object->size - at;
        if (piece_takes_us > 0)
            usleep(piece_takes_us);
        atomic_fetch_add(&pieces_read, 1);
        status = request->sink(request->context, &response, object->body + at, piece);
        if (status != FB_OK)
            return status;
        at += piece;
    }
    return FB_OK;
}

static enum fb_status write_fake(struct fb_client *client, const struct fb_write_target *target,
                                 enum fb_write_kind kind, struct fb_batch_entry *entries,
                                 size_t count, double *ret_units, struct fb_error *error)
{
    (void)client;
    (void)target;
    *ret_units = -1;
    assert_int_equal(kind, FB_WRITE_BATCH);
    atomic_fetch_add(&batch_calls, 1);
    if (throttled_for_ever || strikes()) {
        fb_fail(error, FB_THROTTLED, "slow down");
        snprintf(error->code, sizeof error->code, "ThrottlingException");
        return FB_THROTTLED;
    }
    if (atomic_load(&rejects_all)) {
        usleep(1000);
        fb_fail(error, FB_INVALID, "not so");
        snprintf(error->code, sizeof error->code, "ValidationException");
        return FB_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        char item[ITEM_SIZE]; /* an entry's has no NUL */
        unsigned key = 0;
        unsigned long long number = 0;

        entries[i].unprocessed = strikes();
        if (entries[i].unprocessed)
            continue;
        snprintf(item, sizeof item, "%.*s", (int)entries[i].item_size, entries[i].item);
        assert_in_range(sscanf(item, "{\"id\":{\"S\":\"k%u\"},\"n\":{\"N\":\"%llu", &key, &number),
                        1, 2);
        pthread_mutex_lock(&world_lock);
        seen_numbers[number % sizeof seen_numbers] = 1;
        memcpy(items[key % KEYS], item, sizeof item);
        pthread_mutex_unlock(&world_lock);
    }
    return FB_OK;
}

static enum fb_status connect_fake(void *context, enum fb_stream_side side, struct fb_stop *stop,
                                   enum fb_stop_level stop_at, struct fb_client *ret_client,
                                   struct fb_error *error)
{
    (void)context;
    (void)side;
    (void)error;
    *ret_client = (struct fb_client){.stop = stop, .stop_at = stop_at};
    return FB_OK;
}

static void disconnect_fake(struct fb_client *client)
{
    (void)client;
}

static bool wait_a_moment(struct fb_clock *clock, struct fb_stop *stop, enum fb_stop_level level,
                          int64_t wait_ms)
{
    (void)clock;
    return fb_stop_wait(stop, level, wait_ms > 2 ? 2 : wait_ms);
}

static struct fast_clock hasty; /* short sleeps */

static struct fb_stream_options options_once(void)
{
    return (struct fb_stream_options){
        .name = "s",
        .source = "s3://b/p/",
        .bucket = "b",
        .table = "t",
        .fingerprint = "f",
        .layout = layout,
        .poll_interval_ms = 10,
        .sweep_interval_ms = 50,
        .lookback_ms = INT64_C(90000000),
        .decoders = 1,
        .writers = 4,
        .linger_ms = 1,
        .reader = {.max_record_size = 1 << 16,
                   .inflate = {.max_expansion = 1000,
                               .max_inflated_size = UINT64_MAX,
                               .max_layers = 3}},
        .max_in_flight = 1 << 16,
        .letters = {.directory = letters_directory, .max_letters = 50, .in_records = 500},
        .once = true,
        .once_patience_ms = 200000,
        .stall_timeout_ms = 1000,
        .calls = {.describe_table = describe_fake,
                  .list_page = list_fake,
                  .get = get_fake,
                  .write = write_fake,
                  .connect = connect_fake,
                  .disconnect = disconnect_fake},
        .state = state_file,
        .clock = &hasty.clock,
        .seed = 1,
    };
}

static void open_state_file(void)
{
    assert_int_equal(fb_state_open(directory, &state_file, NULL), FB_OK);
}

static int set_up(void **state)
{
    struct fb_layout_options layout_options = {.prefix = "p/", .form = FB_LAYOUT_FIREHOSE};

    (void)state;
    memset(items, 0, sizeof items);
    memset(expected, 0, sizeof expected);
    object_count = 0;
    fault_one_in = 0;
    throttled_for_ever = false;
    atomic_store(&batch_calls, 0);
    atomic_store(&get_calls, 0);
    atomic_store(&pieces_read, 0);
    piece_takes_us = 0;
    table_created_ms = 5;
    fb_random_init(&chances, 99);
    fast_clock_init(&hasty, 100);
    hasty.clock.sleep_ms = wait_a_moment;
    fb_log_set_level(FB_LOG_ERROR);
    snprintf(directory, sizeof directory, "/tmp/firebridge-test-XXXXXX");
    if (mkdtemp(directory) == NULL || fb_layout_new(&layout_options, &layout, NULL) != FB_OK)
        return -1;
    snprintf(letters_directory, sizeof letters_directory, "%s/dead-letters", directory);
    open_state_file();
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    for (size_t i = 0; i < object_count; i++)
        free(objects[i].body);
    fb_layout_free(layout);
    fb_state_close(state_file);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command); /* NOLINT(cert-env33-c): a name made above */
}

/* Objects must be added in the order of their keys: `hour` and `second` only grow. */
static struct fake_object *add_object(unsigned hour, unsigned second, const char *body, size_t size)
{
    struct fake_object *object = &objects[object_count];

    snprintf(object->key, sizeof object->key, "p/2026/11/20/%02u/d-1-2026-11-20-%02u-00-%02u-x",
             hour, hour, second);
    snprintf(object->etag, sizeof object->etag, "e%zu", object_count);
    object->vanishes = false;
    object->is_replaced = false;
    object->size = size;
    object->body = malloc(size + 1);
    assert_non_null(object->body);
    memcpy(object->body, body, size);
    object_count++;
    return object;
}

static uint64_t next_number;

/* `count` records over few keys; what the table must hold in the end goes to `expected`. */
static size_t write_records(char *body, size_t capacity, unsigned count, struct fb_random *random)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++) {
        unsigned key = (unsigned)(fb_random_next(random) % KEYS);
        unsigned long long number = next_number++;

        size += (size_t)snprintf(body + size, capacity - size, "{\"id\":\"k%u\",\"n\":%llu}%s", key,
                                 number, number % 3 == 0 ? "\n" : "");
        snprintf(expected[key], ITEM_SIZE, "{\"id\":{\"S\":\"k%u\"},\"n\":{\"N\":\"%llu\"}}", key,
                 number);
    }
    return size;
}

static size_t compress_gzip(const char *in, size_t size, char *out, size_t capacity)
{
    z_stream stream = {0};

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)in;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return capacity - stream.avail_out;
}

static void add_random_objects(unsigned count, unsigned records)
{
    static char plain[1 << 18], packed[1 << 18];
    struct fb_random random;

    fb_random_init(&random, 4711);
    for (unsigned i = 0; i < count; i++) {
        size_t size = write_records(plain, sizeof plain, records, &random);

        if (i % 2 == 0)
            add_object(i / 4, i, plain, size);
        else
            add_object(i / 4, i, packed, compress_gzip(plain, size, packed, sizeof packed));
    }
}

static void expect_table(void)
{
    for (unsigned key = 0; key < KEYS; key++)
        assert_string_equal(items[key], expected[key]);
}

static struct fb_stream_report run_to_end(const struct fb_stream_options *options)
{
    struct fb_stream_report report;
    struct fb_stream *stream = NULL;

    assert_int_equal(fb_stream_start(options, &stream, NULL), FB_OK);
    do {
        usleep(1000);
        fb_stream_report(stream, &report);
    } while (!report.finished);
    fb_stream_free(stream);
    return report;
}

static void everything_is_carried_and_a_second_run_does_nothing(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    (void)state;
    add_random_objects(20, 300);
    report = run_to_end(&options);
    assert_false(report.left_undone);
    assert_int_equal(report.objects, 20);
    assert_int_equal(report.records, 6000);
    assert_int_equal(report.items_written + report.items_coalesced, 6000);
    assert_int_equal(report.backlog_objects, 0);
    assert_int_equal(report.backlog_done_in_ms, 0);
    expect_table();
    atomic_store(&batch_calls, 0);
    report = run_to_end(&options);
    assert_false(report.left_undone);
    assert_int_equal(report.records, 0);
    assert_int_equal(atomic_load(&batch_calls), 0);
}

static struct fb_stream_measures measure_to_end(const struct fb_stream_options *options)
{
    struct fb_stream_measures measures;
    struct fb_stream_report report;
    struct fb_stream *stream = NULL;

    assert_int_equal(fb_stream_start(options, &stream, NULL), FB_OK);
    do {
        usleep(1000);
        fb_stream_measure(stream, &measures); /* at any moment */
        fb_stream_report(stream, &report);
    } while (!report.finished);
    fb_stream_measure(stream, &measures);
    fb_stream_free(stream);
    return measures;
}

static void what_is_measured_of_a_known_job_is_right(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_measures measures;
    uint64_t stored_bytes = 0;

    (void)state;
    options.max_write_units = 100000;
    add_random_objects(20, 300);
    for (size_t i = 0; i < object_count; i++)
        stored_bytes += objects[i].size;
    measures = measure_to_end(&options);
    assert_int_equal(fb_tally_view_count(&measures.objects, "done"), 20);
    assert_int_equal(fb_tally_view_sum(&measures.objects), 20);
    assert_int_equal(measures.late_objects, 20); /* S3 shows them two days behind their folders */
    assert_int_equal(measures.delay_key.count, 20);
    assert_int_equal(measures.delay_modified.count, 20);
    assert_int_equal(measures.records, 6000);
    assert_int_equal(measures.bytes_read, stored_bytes);
    assert_true(measures.bytes_inflated > stored_bytes);
    assert_int_equal(fb_tally_view_count(&measures.items, "put") + measures.items_coalesced, 6000);
    assert_int_equal(fb_tally_view_count(&measures.items, "delete"), 0);
    assert_int_equal(measures.write_units, fb_tally_view_count(&measures.items, "put"));
    assert_int_equal(measures.write_units_saved, measures.items_coalesced);
    assert_int_equal(measures.rate_limit_milliunits, 100000000);
    assert_int_equal(measures.in_flight_bytes, 0);
    assert_int_equal(measures.lanes_busy, 0);
    assert_int_equal(measures.credentials_expire_in_ms, FB_MEASURE_UNKNOWN);
}

static void what_stays_behind_is_measured(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_measures measures;

    (void)state;
    options.letters.max_letters = 1000;
    options.letters.in_records = 1000;
    add_object(1, 1, "{\"no\":1}[2]{", 12);
    add_object(1, 2, "{\"id\":\"k\"}", 10);
    objects[1].vanishes = true;
    measures = measure_to_end(&options);
    assert_int_equal(fb_tally_view_count(&measures.objects, "done"), 1);
    assert_int_equal(fb_tally_view_count(&measures.objects, "changed"), 1);
    assert_int_equal(fb_tally_view_count(&measures.dead_letters, "key-missing"), 1);
    assert_int_equal(fb_tally_view_count(&measures.dead_letters, "malformed-json"), 1);
    assert_true(measures.dead_letter_bytes > 100);
}

static void faults_of_every_kind_change_nothing(void **state)
{
    struct fb_stream_options options = options_once();

    (void)state;
    add_random_objects(20, 300);
    fault_one_in = 7;
    assert_false(run_to_end(&options).left_undone);
    expect_table();
}

/* A stop at once leaves everything as a crash would, but for the last checkpoint. */
static void stops_at_random_moments_lose_nothing_and_keep_the_order(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report = {.left_undone = true};
    struct fb_random moments;
    unsigned stops = 0;

    (void)state;
    fb_random_init(&moments, 5);
    add_random_objects(24, 400);
    fault_one_in = 40;
    while (report.left_undone) {
        struct fb_stream *stream = NULL;

        assert_in_range(stops, 0, 2000);
        assert_int_equal(fb_stream_start(&options, &stream, NULL), FB_OK);
        usleep((useconds_t)(1000 + stops * 1000 + fb_random_next(&moments) % 9000));
        fb_stream_stop(stream, stops % 3 == 0 ? FB_STOP_DRAIN : FB_STOP_NOW);
        do {
            fb_stream_report(stream, &report);
            usleep(500);
        } while (!report.finished);
        fb_stream_free(stream);
        fb_state_close(state_file);
        open_state_file();
        options.state = state_file;
        stops++;
        if (stops > 30) {
            report = run_to_end(&options);
            break;
        }
    }
    assert_false(report.left_undone);
    expect_table();
}

static void a_damaged_object_gives_what_is_before_the_damage_and_the_stream_goes_on(void **state)
{
    static char plain[1 << 16], packed[1 << 16];
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;
    struct fb_random random;
    size_t size;

    (void)state;
    fb_random_init(&random, 3);
    size = write_records(plain, sizeof plain, 200, &random);
    size = compress_gzip(plain, size, packed, sizeof packed);
    add_object(1, 1, packed, size - 20);
    size = write_records(plain, sizeof plain, 2000, &random);
    add_object(1, 2, plain, size);
    report = run_to_end(&options);
    assert_int_equal(report.objects_damaged, 1);
    assert_int_equal(report.objects, 1);
    assert_int_equal(report.dead_letters, 1);
    assert_true(report.left_undone);
    assert_true(report.records > 2000);
    expect_table();
}

static void
a_stream_that_stops_at_damage_has_written_what_is_before_it_and_nothing_behind(void **state)
{
    static char plain[1 << 16], packed[1 << 16];
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;
    struct fb_random random;
    size_t size;

    (void)state;
    options.on_damage = FB_DAMAGE_STOP;
    fb_random_init(&random, 3);
    size = write_records(plain, sizeof plain, 200, &random);
    size = compress_gzip(plain, size, packed, sizeof packed);
    add_object(1, 1, packed, size - 1);
    add_object(1, 2, "{\"id\":\"behind\"}", 15);
    fault_one_in = 2; /* so that writes are still under way when the damage is met */
    for (int attempt = 0; attempt < 2; attempt++) {
        report = run_to_end(&options);
        assert_true(report.failed);
        assert_true(report.left_undone);
        assert_non_null(strstr(report.problem, "on_damaged_object = stop"));
        assert_int_equal(report.objects_damaged, 0);
        assert_int_equal(report.dead_letters, 0);
        expect_table();
    }
}

static void an_object_that_vanished_does_not_hold_up_the_others(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    (void)state;
    add_random_objects(3, 50);
    add_object(20, 1, "{\"id\":\"k0\"}", 11)->vanishes = true;
    report = run_to_end(&options);
    assert_int_equal(report.objects, 3);
    assert_int_equal(report.objects_vanished, 1);
    expect_table();
}

static void what_took_the_place_of_an_object_is_read_in_the_same_run(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    (void)state;
    add_random_objects(6, 50);
    objects[2].is_replaced = true;
    report = run_to_end(&options);
    assert_int_equal(report.objects_changed, 1);
    assert_int_equal(report.objects, 6);
    assert_false(report.left_undone);
}

/* The decoder is long done when the lanes meet the refusals. */
static void too_many_rejected_items_leave_the_frontier_unmoved(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    (void)state;
    options.writers = 1;
    options.linger_ms = 0;
    options.max_in_flight = 1 << 22;
    options.letters.max_letters = 300;
    options.letters.in_records = 5000;
    add_random_objects(4, 800);
    rejects_all = true;
    report = run_to_end(&options);
    assert_true(report.failed);
    rejects_all = false;
    options.letters.max_letters = 5000;
    report = run_to_end(&options);
    assert_int_equal(report.records, 3200);
    assert_false(report.left_undone);
    expect_table();
}

static void too_many_dead_letters_stop_the_stream_and_the_frontier_is_unmoved(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;
    static char body[1 << 16];
    size_t size = 0;

    (void)state;
    for (unsigned i = 0; i < 300; i++)
        size += (size_t)snprintf(body + size, sizeof body - size, "{\"ID\":\"k%u\"}\n", i);
    add_object(1, 1, body, size);
    report = run_to_end(&options);
    assert_true(report.failed);
    assert_true(report.left_undone);
    assert_non_null(strstr(report.problem, "--accept-dead-letters"));
    options.letters.accept_all = true;
    report = run_to_end(&options);
    assert_false(report.left_undone);
    /* All of them again, from the first. */
    assert_int_equal(report.dead_letters, 300);
}

static void a_few_dead_letters_are_no_trouble(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    static const char body[] = "{\"no\":1}\n{\"id\":\"k1\"}\n[1]\n";

    (void)state;
    add_object(1, 1, body, sizeof body - 1);
    report = run_to_end(&options);
    assert_false(report.left_undone);
    assert_int_equal(report.dead_letters, 2);
    assert_string_equal(items[1], "{\"id\":{\"S\":\"k1\"}}");
    assert_int_equal(run_to_end(&options).records, 0);
}

/* More objects than may be in flight, and a dead letter in the first that stays undecided. */
static void a_dead_letter_does_not_hold_up_many_small_objects(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    (void)state;
    options.letters.in_records = 100000;
    add_object(0, 0, "{}", 2);
    for (unsigned i = 1; i < 1500; i++)
        add_object(i / 60, i % 60, "{\"id\":\"k1\"}", 11);
    report = run_to_end(&options);
    assert_false(report.left_undone);
    assert_int_equal(report.objects, 1500);
    assert_int_equal(report.dead_letters, 1);
}

static void a_throttled_table_does_not_hold_up_a_stop(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;
    struct fb_stream *stream = NULL;

    (void)state;
    throttled_for_ever = true;
    options.once = false;
    add_random_objects(4, 400);
    assert_int_equal(fb_stream_start(&options, &stream, NULL), FB_OK);
    while (atomic_load(&batch_calls) < 10)
        usleep(1000);
    fb_stream_stop(stream, FB_STOP_DRAIN);
    usleep(20000);
    fb_stream_report(stream, &report);
    assert_false(report.finished);
    fb_stream_stop(stream, FB_STOP_NOW);
    fb_stream_free(stream);
    throttled_for_ever = false;
    options.once = true;
    assert_false(run_to_end(&options).left_undone);
    expect_table();
}

static void without_a_folder_for_dead_letters_once_gives_up(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;
    FILE *in_the_way = fopen(letters_directory, "w");

    (void)state;
    assert_non_null(in_the_way);
    fclose(in_the_way);
    add_random_objects(1, 10);
    report = run_to_end(&options);
    assert_true(report.failed);
    assert_true(report.left_undone);
    assert_non_null(strstr(report.problem, letters_directory));
    assert_int_equal(unlink(letters_directory), 0);
    assert_false(run_to_end(&options).left_undone);
    expect_table();
}

static void another_table_under_the_same_name_is_refused(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    (void)state;
    add_random_objects(1, 10);
    assert_false(run_to_end(&options).left_undone);
    table_created_ms = 6;
    report = run_to_end(&options);
    assert_true(report.failed);
    assert_non_null(strstr(report.problem, "state adopt"));
}

/* Not the object's bytes, but another page behind a 200. */
static enum fb_status get_from_proxy(struct fb_client *client,
                                     const struct fb_s3_get_request *request,
                                     struct fb_error *error)
{
    (void)client;
    return fb_fail(error, FB_CORRUPT, "GetObject of %s: the answer is not usable", request->key);
}

static void giving_up_on_an_object_says_nothing_of_its_bytes(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    (void)state;
    options.on_damage = FB_DAMAGE_DEAD_LETTER;
    options.calls.get = get_from_proxy;
    add_random_objects(3, 20);
    report = run_to_end(&options);
    assert_true(report.failed);
    assert_int_equal(report.objects_damaged + report.dead_letters, 0);
    options = options_once();
    report = run_to_end(&options);
    assert_int_equal(report.objects, 3);
    expect_table();
}

static enum fb_status get_replaced(struct fb_client *client,
                                   const struct fb_s3_get_request *request, struct fb_error *error)
{
    (void)client;
    (void)request;
    atomic_fetch_add(&get_calls, 1);
    return fb_fail(error, FB_CHANGED, "it is another one now");
}

static enum fb_status list_until_refused(struct fb_client *client,
                                         const struct fb_s3_list_request *request,
                                         struct fb_s3_list_result *ret_result,
                                         struct fb_error *error)
{
    if (atomic_load(&get_calls) == 0)
        return list_fake(client, request, ret_result, error);
    return fb_fail(error, FB_CHANGED, "some condition does not hold");
}

static enum fb_status list_until_read(struct fb_client *client,
                                      const struct fb_s3_list_request *request,
                                      struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    if (atomic_load(&get_calls) == 0)
        return list_fake(client, request, ret_result, error);
    fb_fail(error, FB_NOT_FOUND, "there is no such bucket");
    snprintf(error->code, sizeof error->code, "NoSuchBucket");
    return FB_NOT_FOUND;
}

/* What such a listing says ends no object. */
static void expect_no_object_ended(fb_list_page_fn list_page)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    options.calls.get = get_replaced;
    options.calls.list_page = list_page;
    add_random_objects(3, 20);
    report = run_to_end(&options);
    assert_true(report.failed);
    assert_int_equal(report.objects_vanished + report.objects_changed, 0);
}

static void a_bucket_that_is_not_found_is_no_object_that_was_deleted(void **state)
{
    (void)state;
    expect_no_object_ended(list_until_read);
}

static void a_listing_that_is_refused_with_412_says_nothing_of_the_object(void **state)
{
    (void)state;
    expect_no_object_ended(list_until_refused);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* With every key of its own, whatever is lost shows. */
static void add_objects_of_single_keys(unsigned count, unsigned records)
{
    char body[1 << 15];

    next_number = 0;
    memset(seen_numbers, 0, sizeof seen_numbers);
    for (unsigned i = 0; i < count; i++) {
        size_t size = 0;

        for (unsigned j = 0; j < records; j++) {
            size +=
                (size_t)snprintf(body + size, sizeof body - size, "{\"id\":\"k%llu\",\"n\":%llu}\n",
                                 (unsigned long long)next_number, (unsigned long long)next_number);
            next_number++;
        }
        add_object(i / 4, i, body, size);
    }
}

static void in_any_order_stops_at_random_moments_lose_nothing(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report = {.left_undone = true};
    struct fb_random moments;
    unsigned stops = 0;

    (void)state;
    options.in_any_order = true;
    options.decoders = 3;
    options.writers = 7;
    fb_random_init(&moments, 6);
    add_objects_of_single_keys(24, 400);
    fault_one_in = 40;
    while (report.left_undone) {
        struct fb_stream *stream = NULL;

        assert_in_range(stops, 0, 2000);
        assert_int_equal(fb_stream_start(&options, &stream, NULL), FB_OK);
        usleep((useconds_t)(1000 + stops * 1000 + fb_random_next(&moments) % 9000));
        fb_stream_stop(stream, stops % 3 == 0 ? FB_STOP_DRAIN : FB_STOP_NOW);
        stops++;
        do {
            usleep(500);
            fb_stream_report(stream, &report);
        } while (!report.finished);
        fb_stream_free(stream);
    }
    assert_true(stops > 3);
    for (uint64_t n = 0; n < next_number; n++)
        assert_int_equal(seen_numbers[n], 1);
}

static void several_decoders_carry_everything_and_a_second_run_does_nothing(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report;

    (void)state;
    options.in_any_order = true;
    options.decoders = 4;
    add_objects_of_single_keys(20, 300);
    report = run_to_end(&options);
    assert_false(report.left_undone);
    assert_int_equal(report.objects, 20);
    assert_int_equal(report.records, 6000);
    for (uint64_t n = 0; n < next_number; n++)
        assert_int_equal(seen_numbers[n], 1);
    atomic_store(&batch_calls, 0);
    report = run_to_end(&options);
    assert_false(report.left_undone);
    assert_int_equal(atomic_load(&batch_calls), 0);
}

/* ---- what a person holds back ---- */

static struct fb_stream_report wait_for(struct fb_stream *stream,
                                        bool (*holds)(const struct fb_stream_report *report))
{
    struct fb_stream_report report;

    for (unsigned i = 0; i < 20000; i++) {
        fb_stream_report(stream, &report);
        if (holds(&report))
            return report;
        usleep(500);
    }
    fail_msg("waited in vain");
    return report;
}

static bool is_at_rest(const struct fb_stream_report *report)
{
    return report->at_rest;
}

static bool is_finished(const struct fb_stream_report *report)
{
    return report->finished;
}

static bool has_ended_an_object(const struct fb_stream_report *report)
{
    return report->objects > 0;
}

static void wait_until_read(unsigned pieces)
{
    while (atomic_load(&pieces_read) < pieces)
        usleep(200);
}

static void a_stream_that_drains_ends_what_it_began_and_begins_nothing(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream *stream = NULL;
    struct fb_stream_report report;
    struct fb_stream_work work;

    (void)state;
    add_random_objects(20, 300);
    piece_takes_us = 200;
    options.coalesce_for_ms = INT64_C(3600000); /* which nothing waits for then */
    assert_int_equal(fb_stream_start(&options, &stream, NULL), FB_OK);
    wait_until_read(2);
    fb_stream_hold(stream, FB_HOLD_TAKING_UP);
    report = wait_for(stream, is_at_rest);
    assert_in_range(report.objects, 1, 19);
    assert_int_equal(report.records, 300 * report.objects);
    assert_int_equal(report.items_written + report.items_coalesced, report.records);
    assert_int_equal(fb_stream_work(stream, &work, 1), 0);
    usleep(20000);
    assert_int_equal(atomic_load(&get_calls), report.objects);
    fb_stream_stop(stream, FB_STOP_NOW);
    fb_stream_free(stream);
    options.coalesce_for_ms = 0;
    piece_takes_us = 0;
    assert_int_equal(run_to_end(&options).objects, 20 - report.objects);
    expect_table();
}

static void a_stream_that_is_paused_reads_on_where_it_stood(void **state)
{
    static char plain[1 << 18];
    struct fb_stream_options options = options_once();
    struct fb_stream *stream = NULL;
    struct fb_stream_report report;
    struct fb_stream_work work;
    struct fb_random random;
    unsigned pieces;

    (void)state;
    fb_random_init(&random, 6);
    add_object(1, 1, plain, write_records(plain, sizeof plain, 8000, &random));
    piece_takes_us = 200;
    assert_int_equal(fb_stream_start(&options, &stream, NULL), FB_OK);
    wait_until_read(20);
    fb_stream_hold(stream, FB_HOLD_READING);
    usleep(30000);
    pieces = atomic_load(&pieces_read);
    usleep(30000);
    assert_int_equal(atomic_load(&pieces_read), pieces);
    assert_int_equal(atomic_load(&get_calls), 1);
    fb_stream_report(stream, &report);
    assert_int_equal(report.hold, FB_HOLD_READING);
    assert_false(report.at_rest);
    assert_int_equal(fb_stream_work(stream, &work, 1), 1);
    assert_string_equal(work.key, objects[0].key);
    assert_int_equal(work.size_bytes, objects[0].size);
    assert_in_range(work.read_bytes, 1, work.size_bytes - 1);
    /* What was read is written, and nothing waits for more. */
    assert_int_equal(report.items_written + report.items_coalesced, report.records);
    fb_stream_hold(stream, FB_HOLD_NOTHING);
    report = wait_for(stream, is_finished);
    assert_false(report.left_undone);
    assert_int_equal(report.records, 8000);
    assert_int_equal(atomic_load(&get_calls), 2);
    fb_stream_free(stream);
    expect_table();
}

static void a_paused_stream_can_be_stopped(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream *stream = NULL;

    (void)state;
    add_random_objects(4, 3000);
    piece_takes_us = 200;
    options.once = false;
    assert_int_equal(fb_stream_start(&options, &stream, NULL), FB_OK);
    wait_for(stream, has_ended_an_object);
    fb_stream_hold(stream, FB_HOLD_READING);
    usleep(5000);
    fb_stream_stop(stream, FB_STOP_DRAIN);
    wait_for(stream, is_finished);
    fb_stream_free(stream);
    piece_takes_us = 0;
    options.once = true;
    assert_false(run_to_end(&options).left_undone);
    expect_table();
}

static void holds_at_random_moments_change_nothing(void **state)
{
    struct fb_stream_options options = options_once();
    struct fb_stream_report report = {0};
    struct fb_stream *stream = NULL;
    struct fb_random moments;

    (void)state;
    fb_random_init(&moments, 8);
    add_random_objects(24, 400);
    fault_one_in = 40;
    assert_int_equal(fb_stream_start(&options, &stream, NULL), FB_OK);
    for (unsigned i = 0; i < 40 && !report.finished; i++) {
        fb_stream_hold(stream, (enum fb_hold)(fb_random_next(&moments) % 3));
        usleep((useconds_t)(fb_random_next(&moments) % 5000));
        fb_stream_report(stream, &report);
    }
    fb_stream_hold(stream, FB_HOLD_NOTHING);
    report = wait_for(stream, is_finished);
    assert_false(report.left_undone);
    assert_int_equal(report.records, 9600);
    fb_stream_free(stream);
    expect_table();
}

static void what_is_skipped_in_a_pause_ends_where_it_stands(void **state)
{
    static char plain[1 << 18];
    struct fb_stream_options options = options_once();
    struct fb_stream_report paused, resumed;
    struct fb_stream *stream = NULL;
    struct fb_skip_result result;
    struct fb_stream_row row;
    struct fb_random random;
    uint64_t sequence = 0;

    (void)state;
    fb_random_init(&random, 6);
    options.once = false;
    add_object(1, 1, plain, write_records(plain, sizeof plain, 4000, &random));
    piece_takes_us = 200;
    assert_int_equal(fb_stream_start(&options, &stream, NULL), FB_OK);
    wait_until_read(20);
    fb_stream_hold(stream, FB_HOLD_READING);
    do {
        fb_stream_report(stream, &paused);
        usleep(100000);
        fb_stream_report(stream, &resumed);
    } while (resumed.records != paused.records);
    assert_int_equal(fb_state_stream_find(state_file, "s", &row, NULL), FB_OK);
    assert_int_equal(fb_state_skip(state_file, row.id, objects[0].key, "bad", &result, NULL),
                     FB_OK);
    assert_int_equal(result.asked, 1);
    for (int i = 0; i < 1000 && sequence != UINT64_MAX; i++) {
        usleep(10000);
        if (fb_state_next_asked(state_file, row.id, 0, &sequence, NULL) == FB_END)
            sequence = UINT64_MAX;
    }
    assert_true(sequence == UINT64_MAX);
    fb_stream_hold(stream, FB_HOLD_NOTHING);
    fb_stream_stop(stream, FB_STOP_DRAIN);
    wait_for(stream, is_finished);
    fb_stream_report(stream, &resumed);
    assert_int_equal(resumed.records, paused.records);
    fb_stream_free(stream);
    fb_stream_row_done(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_skipped_in_a_pause_ends_where_it_stands),
        CASE(giving_up_on_an_object_says_nothing_of_its_bytes),
        CASE(a_bucket_that_is_not_found_is_no_object_that_was_deleted),
        CASE(a_listing_that_is_refused_with_412_says_nothing_of_the_object),
        CASE(everything_is_carried_and_a_second_run_does_nothing),
        CASE(what_is_measured_of_a_known_job_is_right),
        CASE(what_stays_behind_is_measured),
        CASE(faults_of_every_kind_change_nothing),
        CASE(stops_at_random_moments_lose_nothing_and_keep_the_order),
        CASE(a_damaged_object_gives_what_is_before_the_damage_and_the_stream_goes_on),
        CASE(a_stream_that_stops_at_damage_has_written_what_is_before_it_and_nothing_behind),
        CASE(an_object_that_vanished_does_not_hold_up_the_others),
        CASE(what_took_the_place_of_an_object_is_read_in_the_same_run),
        CASE(in_any_order_stops_at_random_moments_lose_nothing),
        CASE(several_decoders_carry_everything_and_a_second_run_does_nothing),
        CASE(too_many_rejected_items_leave_the_frontier_unmoved),
        CASE(too_many_dead_letters_stop_the_stream_and_the_frontier_is_unmoved),
        CASE(a_few_dead_letters_are_no_trouble),
        CASE(a_dead_letter_does_not_hold_up_many_small_objects),
        CASE(a_throttled_table_does_not_hold_up_a_stop),
        CASE(without_a_folder_for_dead_letters_once_gives_up),
        CASE(a_stream_that_drains_ends_what_it_began_and_begins_nothing),
        CASE(a_stream_that_is_paused_reads_on_where_it_stood),
        CASE(a_paused_stream_can_be_stopped),
        CASE(holds_at_random_moments_change_nothing),
        CASE(another_table_under_the_same_name_is_refused),
    };

    return cmocka_run_group_tests_name("pipeline/stream", tests, NULL, NULL);
}
