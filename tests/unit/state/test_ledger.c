/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "firebridge/state/ledger.h"

#define HOUR_MS (3600 * INT64_C(1000))

struct fixture {
    char directory[64];
    struct fb_state *state; /* held, as the daemon does */
    int64_t stream_id;
    struct fb_ledger *ledger;
    struct fb_error error;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct fb_stream_identity identity = {
        .source = "s3://b/p/", .table_arn = "arn", .table_created_ms = 1, .fingerprint = "f"};
    struct fb_stream_row row = {0};

    snprintf(f->directory, sizeof f->directory, "/tmp/firebridge-ledger-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    assert_int_equal(fb_state_open(f->directory, &f->state, &f->error), FB_OK);
    assert_int_equal(fb_state_stream_open(f->state, "main", &identity, 0, &row, &f->error), FB_OK);
    f->stream_id = row.id;
    fb_stream_row_done(&row);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"firebridge.db", "firebridge.db-wal", "firebridge.db-shm",
                                        "firebridge.lock"};
    struct fixture *f = *state;
    char path[128];

    fb_ledger_close(f->ledger);
    fb_state_close(f->state);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", f->directory, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

/* Objects a0, a1, ... of one hour each, taken up; the first `done` of them are done. */
static void add_objects(struct fixture *f, unsigned begin, unsigned end, unsigned done)
{
    for (unsigned i = begin; i < end; i++) {
        char key[16];
        const struct fb_state_listed listed = {.key = key,
                                               .etag = "e",
                                               .size_bytes = i,
                                               .key_time_ms = i * HOUR_MS,
                                               .last_modified_ms = i * HOUR_MS + 1};
        struct fb_state_object object = {0};

        snprintf(key, sizeof key, "a%u", i);
        assert_int_equal(fb_state_add_objects(f->state, f->stream_id, &listed, 1, NULL, &f->error),
                         FB_OK);
        assert_int_equal(fb_state_take_next(f->state, f->stream_id, &object, &f->error), FB_OK);
        if (i < done) {
            const struct fb_object_progress progress = {.id = object.id, .state = FB_OBJECT_DONE};
            const struct fb_checkpoint checkpoint = {.objects = &progress, .object_count = 1};

            assert_int_equal(fb_state_checkpoint(f->state, f->stream_id, &checkpoint, &f->error),
                             FB_OK);
        }
        fb_state_object_done(&object);
    }
}

static void open_ledger(struct fixture *f, uint64_t *ret_newest)
{
    assert_int_equal(fb_ledger_open(f->directory, "main", "s3://b/p/", &f->ledger, &f->error),
                     FB_OK);
    assert_int_equal(fb_ledger_refresh(f->ledger, ret_newest, &f->error), FB_OK);
}

static unsigned count_objects(struct fixture *f, bool only_chosen)
{
    struct fb_ledger_object object;
    uint64_t after = 0;
    unsigned count = 0;

    while (fb_ledger_next_object(f->ledger, after, only_chosen, &object, &f->error) == FB_OK) {
        assert_true(object.sequence > after);
        after = object.sequence;
        count++;
    }
    return count;
}

static void what_is_taken_up_is_seen_while_the_daemon_holds_the_file(void **state)
{
    struct fixture *f = *state;
    struct fb_ledger_object object;
    uint64_t newest;

    add_objects(f, 0, 5, 3);
    open_ledger(f, &newest);
    assert_int_equal(newest, 5);
    assert_int_equal(count_objects(f, false), 5);
    assert_int_equal(fb_ledger_next_object(f->ledger, 3, false, &object, &f->error), FB_OK);
    assert_string_equal(object.key, "a3");
    assert_int_equal(object.state, FB_OBJECT_ACTIVE);
    add_objects(f, 5, 7, 0);
    assert_int_equal(fb_ledger_refresh(f->ledger, &newest, &f->error), FB_OK);
    assert_int_equal(newest, 7);
    assert_int_equal(count_objects(f, false), 7);
}

static void only_what_is_done_is_chosen_and_no_more_than_was_asked_for(void **state)
{
    struct fixture *f = *state;
    struct fb_ledger_choice choice = {.from_ms = HOUR_MS, .to_ms = 3 * HOUR_MS};
    uint64_t newest, chosen, left_out;

    add_objects(f, 0, 8, 6);
    open_ledger(f, &newest);
    assert_int_equal(fb_ledger_choose(f->ledger, &choice, &chosen, &left_out, &f->error), FB_OK);
    assert_int_equal(chosen, 2);
    assert_int_equal(count_objects(f, true), 2);
    fb_ledger_close(f->ledger);
    f->ledger = NULL;
    open_ledger(f, &newest);
    choice = (struct fb_ledger_choice){.from_ms = INT64_MIN, .to_ms = INT64_MAX, .sample = 4};
    assert_int_equal(fb_ledger_choose(f->ledger, &choice, &chosen, &left_out, &f->error), FB_OK);
    assert_int_equal(chosen, 4);
    assert_int_equal(left_out, 0);
}

static void what_is_about_to_be_forgotten_is_left_out(void **state)
{
    struct fixture *f = *state;
    const struct fb_ledger_choice choice = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    uint64_t newest, chosen, left_out, pruned;

    add_objects(f, 0, 10, 10);
    assert_int_equal(fb_state_sweep_complete(f->state, f->stream_id, 10 * HOUR_MS, 5 * HOUR_MS,
                                             &pruned, &f->error),
                     FB_OK);
    assert_int_equal(pruned, 5);
    open_ledger(f, &newest);
    assert_int_equal(fb_ledger_choose(f->ledger, &choice, &chosen, &left_out, &f->error), FB_OK);
    assert_int_equal(chosen, 3);
    assert_int_equal(left_out, 2);
}

static void entries_come_by_key_and_suspects_by_themselves(void **state)
{
    struct fixture *f = *state;
    struct fb_ledger_entry entry = {.kind = 3, .first = 1, .last = 2, .record = 7};
    struct fb_ledger_entry found;
    uint64_t newest;

    add_objects(f, 0, 1, 1);
    open_ledger(f, &newest);
    assert_int_equal(fb_ledger_next_entry(f->ledger, NULL, 0, false, &found, &f->error), FB_END);
    for (int i = 0; i < 3; i++) {
        const char key[2] = {(char)('c' - i), '\0'};

        entry.key = key;
        entry.key_size = 2;
        entry.item = "{}";
        entry.item_size = 2;
        entry.is_suspect = i == 1;
        assert_int_equal(fb_ledger_put(f->ledger, &entry, &f->error), FB_OK);
    }
    assert_int_equal(fb_ledger_next_entry(f->ledger, NULL, 0, false, &found, &f->error), FB_OK);
    assert_memory_equal(found.key, "a", 2);
    assert_int_equal(found.kind, 3);
    assert_int_equal(found.record, 7);
    assert_memory_equal(found.item, "{}", 2);
    assert_int_equal(fb_ledger_next_entry(f->ledger, "a", 2, true, &found, &f->error), FB_OK);
    assert_memory_equal(found.key, "b", 2);
    assert_int_equal(fb_ledger_next_entry(f->ledger, "b", 2, true, &found, &f->error), FB_END);
    assert_int_equal(fb_ledger_drop(f->ledger, "b", 2, &f->error), FB_OK);
    assert_int_equal(fb_ledger_find(f->ledger, "b", 2, &found, &f->error), FB_NOT_FOUND);
}

static void what_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fb_ledger_open("/nonexistent", "main", NULL, &f->ledger, &f->error),
                     FB_NOT_FOUND);
    assert_non_null(strstr(f->error.message, "/nonexistent/firebridge.db"));
    assert_int_equal(fb_ledger_open(f->directory, "other", NULL, &f->ledger, &f->error),
                     FB_NOT_FOUND);
    assert_non_null(strstr(f->error.message, "it has not been run yet"));
    assert_int_equal(fb_ledger_open(f->directory, "main", "s3://b/q/", &f->ledger, &f->error),
                     FB_CONFLICT);
    assert_non_null(strstr(f->error.message, "belongs to source s3://b/p/, not to s3://b/q/"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_taken_up_is_seen_while_the_daemon_holds_the_file),
        CASE(only_what_is_done_is_chosen_and_no_more_than_was_asked_for),
        CASE(what_is_about_to_be_forgotten_is_left_out),
        CASE(entries_come_by_key_and_suspects_by_themselves),
        CASE(what_is_not_there_is_told),
    };

    return cmocka_run_group_tests_name("state/ledger", tests, NULL, NULL);
}
