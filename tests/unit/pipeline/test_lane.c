/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes against a table that throttles, rejects and forgets, in virtual waits. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/fast_clock.h"
#include "firebridge/base/event.h"
#include "firebridge/base/log.h"
#include "firebridge/pipeline/lane.h"
#include "firebridge/pipeline/progress.h"

#define KEYS  10
#define LANES 4

/* A table of one-letter keys whose items are the record numbers; "" where there is none. */
struct fake_table {
    pthread_mutex_t lock;
    char items[KEYS][32];
    struct fb_random random;
    unsigned calls, largest_batch, deletes;
    bool throttles, forgets, breaks;
    bool has_proxy; /* which answers larger calls with a page of its own */
    unsigned proxy_takes;
    const char *rejects; /* an item's JSON that is refused */
    enum fb_status always;
    const char *always_code;
};

static struct fake_table table;
static struct fb_item_pool *pool;
static struct fb_progress *progress;
static struct fb_progress_object *object;
static struct fb_dead_letters *letters;
static struct fb_lane_counters counters;
static struct fast_clock now; /* and nobody sleeps */
static struct fb_stop stop;
static struct fb_lane *lanes[LANES];
static struct fb_error failure;
static char directory[64];

static bool chance(unsigned one_in)
{
    return fb_random_next(&table.random) % one_in == 0;
}

static enum fb_status fail_code(struct fb_error *error, enum fb_status status, const char *code)
{
    fb_fail(error, status, "%s", code);
    snprintf(error->code, sizeof error->code, "%s", code);
    error->http_status = 400;
    return status;
}

static enum fb_status refuse(struct fb_batch_entry *entries, size_t count, struct fb_error *error)
{
    if (table.has_proxy && count > table.proxy_takes) {
        fb_fail(error, FB_TOO_LARGE, "the answer is no AWS error");
        error->http_status = 413;
        return FB_TOO_LARGE;
    }
    if (table.always != FB_OK)
        return fail_code(error, table.always, table.always_code);
    for (size_t i = 0; table.rejects != NULL && i < count; i++)
        if (entries[i].item_size == strlen(table.rejects) &&
            memcmp(entries[i].item, table.rejects, entries[i].item_size) == 0)
            return fail_code(error, FB_INVALID, "ValidationException");
    if (table.throttles && chance(3))
        return fail_code(error, FB_THROTTLED, "ProvisionedThroughputExceededException");
    if (table.breaks && chance(3))
        return fb_fail(error, FB_UNAVAILABLE, "connection reset");
    return FB_OK;
}

static void no_key_twice(const struct fb_batch_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(entries[i].key_size != entries[j].key_size ||
                        memcmp(entries[i].key, entries[j].key, entries[i].key_size) != 0);
}

static void apply(const struct fb_batch_entry *entry)
{
    char *item = table.items[entry->key[0] - 'a'];

    if (entry->operation == FB_PUT) {
        snprintf(item, 32, "%.*s", (int)entry->item_size, entry->item);
        return;
    }
    assert_memory_equal(entry->item, "{key}", entry->item_size);
    item[0] = '\0';
    table.deletes++;
}

static enum fb_status write_fake(struct fb_client *client, const struct fb_write_target *target,
                                 enum fb_write_kind kind, struct fb_batch_entry *entries,
                                 size_t count, double *ret_units, struct fb_error *error)
{
    enum fb_status status;

    (void)client;
    (void)target;
    *ret_units = -1;
    assert_int_equal(kind, FB_WRITE_BATCH);
    for (size_t i = 0; i < count; i++)
        entries[i].unprocessed = entries[i].is_there = entries[i].is_refused = false;
    assert_in_range(count, 1, FB_BATCH_MAX_ITEMS);
    no_key_twice(entries, count);
    pthread_mutex_lock(&table.lock);
    table.calls++;
    if (count > table.largest_batch)
        table.largest_batch = (unsigned)count;
    status = refuse(entries, count, error);
    for (size_t i = 0; i < count && status == FB_OK; i++) {
        entries[i].unprocessed = table.forgets && chance(3);
        if (!entries[i].unprocessed)
            apply(&entries[i]);
    }
    pthread_mutex_unlock(&table.lock);
    return status;
}

static void close_span(struct fb_span *span, uint64_t records)
{
    fb_progress_span_close(progress, span, (struct fb_frontier){.record = records}, records);
}

static void on_failure(void *context, const struct fb_error *error)
{
    (void)context;
    failure = *error;
    fb_stop_request(&stop, FB_STOP_NOW);
}

static struct fb_lane_options lane_options(void)
{
    return (struct fb_lane_options){
        .stream = "s",
        .table = "t",
        .write = write_fake,
        .clock = &now.clock,
        .stop = &stop,
        .pool = pool,
        .letters = letters,
        .counters = &counters,
        .patience = {.clock = &now.clock, .stop = &stop, .stop_at = FB_STOP_NOW},
        .linger_ms = 5,
        .on_failure = on_failure,
    };
}

static void start_lanes(const struct fb_lane_options *options)
{
    for (unsigned i = 0; i < LANES; i++)
        assert_int_equal(fb_lane_new(options, i, &lanes[i], NULL), FB_OK);
}

static void end_lanes(void)
{
    for (unsigned i = 0; i < LANES; i++)
        fb_lane_free(lanes[i]);
}

static bool do_not_sleep(struct fb_clock *clock, struct fb_stop *token, enum fb_stop_level level,
                         int64_t wait_ms)
{
    (void)clock;
    (void)wait_ms;
    return fb_stop_level(token) >= level;
}

static int set_up(void **state)
{
    struct fb_state_object identity = {.id = 1, .key = strdup("k"), .etag = strdup("e")};
    struct fb_letter_files_options files = {.root = directory, .stream = "s", .clock = &now.clock};
    struct fb_dead_letters_options options = {.stream = "s", .bucket = "b", .clock = &now.clock};

    (void)state;
    memset(&table, 0, sizeof table);
    memset(&counters, 0, sizeof counters);
    memset(&failure, 0, sizeof failure);
    pthread_mutex_init(&table.lock, NULL);
    fb_random_init(&table.random, 7);
    fast_clock_init(&now, 1000);
    now.clock.sleep_ms = do_not_sleep;
    fb_stop_init(&stop, NULL);
    snprintf(directory, sizeof directory, "/tmp/firebridge-test-XXXXXX");
    if (mkdtemp(directory) == NULL || fb_item_pool_new(1 << 20, &pool, NULL) != FB_OK ||
        fb_progress_new(false, &progress, NULL) != FB_OK ||
        fb_letter_files_new(&files, &options.sink, NULL) != FB_OK ||
        fb_dead_letters_open(&options, &letters, NULL) != FB_OK)
        return -1;
    return fb_progress_object_begin(progress, &identity, 0, &object) == FB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    fb_dead_letters_close(letters);
    fb_progress_free(progress);
    assert_int_equal(fb_item_pool_in_use_bytes(pool), 0);
    fb_item_pool_free(pool);
    pthread_mutex_destroy(&table.lock);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command); /* NOLINT(cert-env33-c): a name made above */
}

/* Pushes record `number` for key `key`, a put of its number or a delete. */
static void push_change(struct fb_span *span, unsigned key, uint64_t number,
                        enum fb_operation operation, char *ret_expected)
{
    char letter = (char)('a' + key);
    char json[32];
    struct fb_record record = {.number = number,
                               .text = "{}",
                               .text_size = 2,
                               .key = &letter,
                               .key_size = 1,
                               .key_hash = key * 7919,
                               .operation = operation,
                               .item = json};
    struct fb_item *item = NULL;

    if (operation == FB_PUT)
        snprintf(json, sizeof json, "{%llu}", (unsigned long long)number);
    else
        snprintf(json, sizeof json, "{key}");
    record.item_size = strlen(json);
    assert_int_equal(fb_item_pool_get(pool, &record, &stop, &item), FB_OK);
    item->span = span;
    fb_span_add(span);
    fb_lane_push(lanes[record.key_hash % LANES], item);
    if (ret_expected != NULL)
        snprintf(ret_expected, 32, "%s", operation == FB_PUT ? json : "");
}

/* ... and says what the table must hold for it. */
static void push(struct fb_span *span, unsigned key, uint64_t number, char *ret_expected)
{
    push_change(span, key, number, FB_PUT, ret_expected);
}

static void flush_lanes(void)
{
    for (size_t i = 0; i < LANES; i++)
        fb_lane_flush(lanes[i]);
}

static uint64_t hold_nothing(void *context, uint64_t resolved_ordinal)
{
    (void)context;
    (void)resolved_ordinal;
    return UINT64_MAX;
}

/* The letters' file has one line that says "delete". */
static void assert_letter_of_a_delete(void)
{
    char command[160];

    snprintf(command, sizeof command, "grep -qs '\"operation\":\"delete\"' '%s'/s/*.jsonl",
             directory);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a name made above */
}

static bool all_acknowledged(void)
{
    struct fb_progress_view view;

    fb_progress_object_end(progress, object, FB_OBJECT_DONE, 0, 0);
    assert_int_equal(fb_progress_view(progress, hold_nothing, NULL, &view), FB_OK);
    return view.checkpoint.object_count == 1 && view.checkpoint.objects[0].state == FB_OBJECT_DONE;
}

/* Every so many records are deletes; 0: none. */
static void carry_random_records(unsigned count, unsigned delete_one_in)
{
    char expected[KEYS][32] = {{0}};
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);
    struct fb_random random;

    fb_random_init(&random, 42);
    start_lanes(&options);
    for (uint64_t i = 0; i < count; i++) {
        unsigned key = (unsigned)(fb_random_next(&random) % KEYS);
        bool deletes = delete_one_in > 0 && fb_random_next(&random) % delete_one_in == 0;

        push_change(span, key, i, deletes ? FB_DELETE : FB_PUT, expected[key]);
    }
    end_lanes();
    close_span(span, count);
    assert_true(all_acknowledged());
    for (unsigned key = 0; key < KEYS; key++)
        assert_string_equal(table.items[key], expected[key]);
    assert_int_equal(atomic_load(&counters.items_written) + atomic_load(&counters.items_coalesced),
                     count);
}

static void the_last_writer_of_each_key_wins(void **state)
{
    (void)state;
    carry_random_records(20000, 0);
    assert_int_equal(atomic_load(&counters.items_by_operation[FB_DELETE]), 0);
}

static void and_wins_over_throttling_unprocessed_items_and_broken_connections(void **state)
{
    (void)state;
    table.throttles = table.forgets = table.breaks = true;
    carry_random_records(20000, 0);
    assert_true(atomic_load(&counters.retries) > 0);
}

static void the_last_of_puts_and_deletes_wins(void **state)
{
    (void)state;
    carry_random_records(20000, 3);
    assert_true(table.deletes > 0);
    assert_int_equal(atomic_load(&counters.items_by_operation[FB_DELETE]), table.deletes);
}

static void and_wins_with_deletes_over_all_of_that(void **state)
{
    (void)state;
    table.throttles = table.forgets = table.breaks = true;
    carry_random_records(20000, 2);
    assert_int_equal(atomic_load(&counters.items_by_operation[FB_DELETE]), table.deletes);
}

/* What is pushed for one key while the lane lingers becomes one operation of one call. */
static void of_one_key_only_the_last_operation_is_sent(void **state)
{
    static const struct {
        enum fb_operation operations[3];
        const char *left;
    } cases[] = {
        {{FB_PUT, FB_PUT, FB_DELETE}, ""},
        {{FB_PUT, FB_DELETE, FB_PUT}, "{2}"},
        {{FB_DELETE, FB_PUT, FB_PUT}, "{2}"},
        {{FB_DELETE, FB_DELETE, FB_DELETE}, ""},
    };
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    options.linger_ms = 5000000; /* ended by the lanes' end */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bool deletes = cases[i].left[0] == '\0';

        snprintf(table.items[0], sizeof table.items[0], "{before}");
        table.calls = table.deletes = 0;
        start_lanes(&options);
        for (uint64_t number = 0; number < 3; number++)
            push_change(span, 0, number, cases[i].operations[number], NULL);
        end_lanes();
        assert_string_equal(table.items[0], cases[i].left);
        assert_int_equal(table.calls, 1);
        assert_int_equal(table.deletes, deletes);
    }
    close_span(span, 12);
    assert_true(all_acknowledged());
    assert_int_equal(atomic_load(&counters.items_written), 4);
    assert_int_equal(atomic_load(&counters.items_by_operation[FB_DELETE]), 2);
    assert_int_equal(atomic_load(&counters.items_coalesced), 8);
}

static void a_rejected_delete_leaves_the_put_before_it_in_the_table(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    table.rejects = "{key}";
    options.linger_ms = 200000;
    start_lanes(&options);
    push_change(span, 0, 0, FB_PUT, NULL);
    push_change(span, 0, 1, FB_DELETE, NULL);
    end_lanes();
    close_span(span, 2);
    assert_true(all_acknowledged());
    assert_string_equal(table.items[0], "{0}");
    assert_int_equal(fb_dead_letters_count(letters), 1);
    assert_int_equal(atomic_load(&counters.items_by_operation[FB_DELETE]), 0);
    assert_letter_of_a_delete();
}

static void the_delete_before_a_rejected_put_is_done(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    table.rejects = "{1}";
    snprintf(table.items[0], sizeof table.items[0], "{before}");
    options.linger_ms = 200000;
    start_lanes(&options);
    push_change(span, 0, 0, FB_DELETE, NULL);
    push_change(span, 0, 1, FB_PUT, NULL);
    end_lanes();
    close_span(span, 2);
    assert_true(all_acknowledged());
    assert_string_equal(table.items[0], "");
    assert_int_equal(fb_dead_letters_count(letters), 1);
    assert_int_equal(atomic_load(&counters.items_by_operation[FB_DELETE]), 1);
}

static void a_rejected_item_becomes_a_dead_letter_and_the_others_are_written(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);
    char expected[KEYS][32];

    (void)state;
    table.rejects = "{5}";
    options.linger_ms = 200000; /* all in one batch a lane */
    start_lanes(&options);
    for (unsigned i = 0; i < KEYS; i++)
        push(span, i, i, expected[i]);
    end_lanes();
    close_span(span, KEYS);
    assert_true(all_acknowledged());
    assert_int_equal(fb_dead_letters_count(letters), 1);
    for (unsigned i = 0; i < KEYS; i++)
        assert_string_equal(table.items[i], i == 5 ? "" : expected[i]);
}

/* One item to a key, of which a batch holds them all. */
static void carry_through_proxy(unsigned takes)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    table.has_proxy = true;
    table.proxy_takes = takes;
    options.linger_ms = 200000;
    options.patience.give_up_after_ms = 120000;
    start_lanes(&options);
    for (unsigned i = 0; i < KEYS; i++)
        push(span, i, i, NULL);
    end_lanes();
    close_span(span, KEYS);
    assert_int_equal(fb_dead_letters_count(letters), 0);
}

static void a_proxy_that_takes_less_gets_smaller_calls(void **state)
{
    (void)state;
    carry_through_proxy(1);
    assert_true(all_acknowledged());
    for (unsigned i = 0; i < KEYS; i++)
        assert_string_not_equal(table.items[i], "");
}

static void an_item_that_only_a_proxy_refuses_is_no_dead_letter(void **state)
{
    (void)state;
    carry_through_proxy(0);
    assert_false(all_acknowledged());
    assert_int_equal(failure.http_status, 413);
}

static void what_a_rejected_item_had_replaced_is_written_in_its_own_right(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    table.rejects = "{2}";
    options.linger_ms = 200000;
    start_lanes(&options);
    for (uint64_t number = 0; number < 3; number++)
        push(span, 0, number, NULL);
    end_lanes();
    close_span(span, 3);
    assert_true(all_acknowledged());
    assert_string_equal(table.items[0], "{1}");
    assert_int_equal(fb_dead_letters_count(letters), 1);
}

/* As many as fold into one batch slot while the lane lingers; each is refused in its turn. */
static void a_hot_key_that_is_refused_to_its_last_record_becomes_dead_letters(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    fb_log_set_level(FB_LOG_ERROR);
    table.always = FB_INVALID;
    table.always_code = "ValidationException";
    options.linger_ms = 500000;
    start_lanes(&options);
    for (uint64_t number = 0; number < 1500; number++)
        push(span, 0, number, NULL);
    end_lanes();
    close_span(span, 1500);
    assert_true(all_acknowledged());
    assert_int_equal(fb_dead_letters_count(letters), 1500);
}

static void a_batch_is_as_full_as_the_api_allows(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    options.linger_ms = 500000;
    start_lanes(&options);
    for (unsigned i = 0; i < KEYS; i++)
        push(span, i, i, NULL);
    end_lanes();
    close_span(span, KEYS);
    /* Ten keys over four lanes: one call each. */
    assert_in_range(table.calls, 1, LANES);
}

static void a_few_items_go_out_after_the_linger(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    start_lanes(&options);
    push(span, 3, 1, NULL);
    flush_lanes();
    close_span(span, 1);
    for (int i = 0; i < 500 && !all_acknowledged(); i++)
        usleep(10000);
    assert_true(all_acknowledged());
    end_lanes();
}

static void a_whole_batch_goes_out_without_being_asked_for(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    start_lanes(&options);
    for (unsigned i = 0; i < FB_BATCH_MAX_ITEMS; i++)
        push(span, 3, i, NULL);
    close_span(span, FB_BATCH_MAX_ITEMS);
    for (int i = 0; i < 500 && !all_acknowledged(); i++)
        usleep(10000);
    assert_true(all_acknowledged());
    end_lanes();
}

static void a_stop_leaves_what_does_not_succeed_unacknowledged(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    table.always = FB_THROTTLED;
    table.always_code = "ThrottlingException";
    options.clock = fb_clock_system();
    options.patience.clock = fb_clock_system();
    start_lanes(&options);
    push(span, 1, 1, NULL);
    flush_lanes();
    close_span(span, 1);
    usleep(20000);
    fb_stop_request(&stop, FB_STOP_NOW);
    for (unsigned i = 0; i < LANES; i++)
        fb_lane_wake(lanes[i]);
    end_lanes();
    assert_false(all_acknowledged());
}

static void without_permission_once_gives_up_and_says_why(void **state)
{
    struct fb_lane_options options = lane_options();
    struct fb_span *span = fb_progress_span_open(progress, object, 0);

    (void)state;
    table.always = FB_DENIED;
    table.always_code = "AccessDeniedException";
    options.patience.give_up_after_ms = 120000;
    start_lanes(&options);
    push(span, 1, 1, NULL);
    flush_lanes();
    close_span(span, 1);
    end_lanes();
    assert_false(all_acknowledged());
    assert_int_equal(failure.status, FB_DENIED);
    assert_string_equal(failure.code, "AccessDeniedException");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_last_writer_of_each_key_wins),
        CASE(and_wins_over_throttling_unprocessed_items_and_broken_connections),
        CASE(the_last_of_puts_and_deletes_wins),
        CASE(and_wins_with_deletes_over_all_of_that),
        CASE(of_one_key_only_the_last_operation_is_sent),
        CASE(a_rejected_delete_leaves_the_put_before_it_in_the_table),
        CASE(the_delete_before_a_rejected_put_is_done),
        CASE(a_rejected_item_becomes_a_dead_letter_and_the_others_are_written),
        CASE(a_proxy_that_takes_less_gets_smaller_calls),
        CASE(an_item_that_only_a_proxy_refuses_is_no_dead_letter),
        CASE(what_a_rejected_item_had_replaced_is_written_in_its_own_right),
        CASE(a_hot_key_that_is_refused_to_its_last_record_becomes_dead_letters),
        CASE(a_batch_is_as_full_as_the_api_allows),
        CASE(a_few_items_go_out_after_the_linger),
        CASE(a_whole_batch_goes_out_without_being_asked_for),
        CASE(a_stop_leaves_what_does_not_succeed_unacknowledged),
        CASE(without_permission_once_gives_up_and_says_why),
    };

    return cmocka_run_group_tests_name("pipeline/lane", tests, NULL, NULL);
}
