/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../support/state_counts.h"
#include "firebridge/state/state.h"

struct bench {
    char directory[64];
    struct fb_state *state;
    int64_t stream_id;
    struct fb_error error;
};

static const struct fb_stream_identity ticker = {
    .source = "s3://bucket/ticker/",
    .table_arn = "arn:aws:dynamodb:eu-central-1:1:table/ticker",
    .table_created_ms = 1700000000000,
    .fingerprint = "json-1",
};

static char *path_in(const struct bench *bench, const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", bench->directory, name);
    return path;
}

static void reopen(struct bench *bench)
{
    struct fb_stream_row row;

    fb_state_close(bench->state);
    bench->state = NULL;
    assert_int_equal(fb_state_open(bench->directory, &bench->state, &bench->error), FB_OK);
    assert_int_equal(fb_state_stream_open(bench->state, "ticker", &ticker, 0, &row, &bench->error),
                     FB_OK);
    bench->stream_id = row.id;
    fb_stream_row_done(&row);
}

static int set_up(void **test)
{
    struct bench *bench = calloc(1, sizeof *bench);

    snprintf(bench->directory, sizeof bench->directory, "/tmp/firebridge-state-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    reopen(bench);
    *test = bench;
    return 0;
}

static int tear_down(void **test)
{
    static const char *const names[] = {"firebridge.db",   "firebridge.db-wal", "firebridge.db-shm",
                                        "firebridge.lock", "firebridge.db.new", "aside"};
    struct bench *bench = *test;

    fb_state_close(bench->state);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_in(bench, names[i]));
    assert_int_equal(rmdir(bench->directory), 0);
    free(bench);
    return 0;
}

static struct fb_state_listed listed(const char *key, const char *etag, int64_t key_time_ms)
{
    return (struct fb_state_listed){
        .key = key,
        .etag = etag,
        .size_bytes = 10,
        .key_time_ms = key_time_ms,
        .last_modified_ms = key_time_ms + 5,
    };
}

static size_t add(struct bench *bench, const char *key, const char *etag, int64_t key_time_ms)
{
    struct fb_state_listed object = listed(key, etag, key_time_ms);
    size_t added = 99;

    assert_int_equal(
        fb_state_add_objects(bench->state, bench->stream_id, &object, 1, &added, &bench->error),
        FB_OK);
    return added;
}

/* The id of the object taken, whose key must be `key`. */
static int64_t take(struct bench *bench, const char *key)
{
    struct fb_state_object object;
    int64_t id;

    assert_int_equal(fb_state_take_next(bench->state, bench->stream_id, &object, &bench->error),
                     FB_OK);
    assert_string_equal(object.key, key);
    assert_int_equal(object.state, FB_OBJECT_ACTIVE);
    id = object.id;
    fb_state_object_done(&object);
    return id;
}

static enum fb_status progress(struct bench *bench, int64_t id, enum fb_object_state state,
                               uint64_t frontier_record)
{
    struct fb_object_progress object = {
        .id = id,
        .state = state,
        .records = 7,
        .frontier = {frontier_record, frontier_record * 100, frontier_record * 2},
    };
    struct fb_checkpoint checkpoint = {.objects = &object, .object_count = 1};

    return fb_state_checkpoint(bench->state, bench->stream_id, &checkpoint, &bench->error);
}

static struct fb_frontier frontier_of(struct bench *bench, int64_t id)
{
    struct fb_state_object object;
    struct fb_frontier frontier;

    assert_int_equal(fb_state_resume_next(bench->state, bench->stream_id, (uint64_t)id - 1, &object,
                                          &bench->error),
                     FB_OK);
    assert_int_equal(object.id, id);
    frontier = object.frontier;
    fb_state_object_done(&object);
    return frontier;
}

static struct state_counts count(struct bench *bench)
{
    return state_counts_read(bench->directory, bench->stream_id);
}

static struct fb_stream_row stream_row(struct bench *bench)
{
    struct fb_stream_row row;

    assert_int_equal(fb_state_stream_open(bench->state, "ticker", &ticker, 0, &row, &bench->error),
                     FB_OK);
    return row;
}

static void run_sql(struct bench *bench, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path_in(bench, "firebridge.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_new_state_file_holds_nothing_and_a_stream_is_made_once(void **test)
{
    struct bench *bench = *test;
    struct fb_stream_row row;
    struct stat file;

    assert_int_equal(fb_state_stream_open(bench->state, "other", &ticker, 42, &row, &bench->error),
                     FB_OK);
    assert_true(row.is_new);
    assert_int_equal(row.start_ms, 42);
    assert_int_equal(row.next_sequence, 1);
    assert_null(row.backlog_cursor);
    assert_int_equal(fb_state_stream_open(bench->state, "other", &ticker, 77, &row, &bench->error),
                     FB_OK);
    assert_false(row.is_new);
    assert_int_equal(row.start_ms, 42);
    assert_int_equal(stat(path_in(bench, "firebridge.db"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
}

static void an_object_is_known_by_its_key_and_etag(void **test)
{
    struct bench *bench = *test;

    assert_int_equal(add(bench, "k", "e1", 100), 1);
    assert_int_equal(add(bench, "k", "e1", 100), 0);
    take(bench, "k");
    assert_int_equal(add(bench, "k", "e2", 100), 1);
    assert_int_equal(add(bench, "k", "e1", 100), 0);
    assert_int_equal(count(bench).active, 1);
    assert_int_equal(count(bench).pending, 1);
    assert_int_equal(count(bench).pending_bytes, 10);
}

static void expect_backlog(struct bench *bench, uint64_t objects, int64_t oldest_ms)
{
    struct fb_state_backlog backlog;

    assert_int_equal(fb_state_backlog(bench->state, bench->stream_id, &backlog, &bench->error),
                     FB_OK);
    assert_int_equal(backlog.objects, objects);
    assert_int_equal(backlog.bytes, 10 * objects);
    assert_int_equal(backlog.oldest_ms, oldest_ms);
}

static void the_backlog_is_what_is_pending_or_begun(void **test)
{
    struct bench *bench = *test;
    int64_t a, b;

    expect_backlog(bench, 0, 0);
    add(bench, "b", "e", 200);
    add(bench, "a", "e", 100);
    add(bench, "c", "e", 300);
    expect_backlog(bench, 3, 100);
    a = take(bench, "a");
    expect_backlog(bench, 3, 100);
    b = take(bench, "b");
    assert_int_equal(progress(bench, b, FB_OBJECT_WRITTEN, 0), FB_OK);
    expect_backlog(bench, 2, 100);
    assert_int_equal(progress(bench, a, FB_OBJECT_DONE, 0), FB_OK);
    expect_backlog(bench, 1, 300);
}

static void a_pending_object_is_replaced_by_its_new_etag(void **test)
{
    struct bench *bench = *test;
    struct fb_state_object object;

    add(bench, "k", "e1", 100);
    add(bench, "k", "e2", 100);
    assert_int_equal(fb_state_take_next(bench->state, bench->stream_id, &object, &bench->error),
                     FB_OK);
    assert_string_equal(object.etag, "e2");
    fb_state_object_done(&object);
    assert_int_equal(fb_state_take_next(bench->state, bench->stream_id, &object, &bench->error),
                     FB_END);
}

static void objects_are_taken_by_key_time_then_last_modified_then_key(void **test)
{
    struct bench *bench = *test;
    struct fb_state_listed objects[] = {
        listed("s-10-b", "e", 200), listed("s-9-z", "e", 100), listed("s-9-\xc3\xbf", "e", 300),
        listed("s-9-y", "e", 300),  listed("s-1", "e", 300),
    };

    objects[4].last_modified_ms = 999;
    assert_int_equal(fb_state_add_objects(bench->state, bench->stream_id, objects, 5, NULL, NULL),
                     FB_OK);
    assert_int_equal(take(bench, "s-9-z"), 1);
    assert_int_equal(take(bench, "s-10-b"), 2);
    assert_int_equal(take(bench, "s-9-y"), 3);
    assert_int_equal(take(bench, "s-9-\xc3\xbf"), 4);
    assert_int_equal(take(bench, "s-1"), 5);
}

static void a_late_object_is_the_later_writer(void **test)
{
    struct bench *bench = *test;

    add(bench, "new", "e", 500);
    assert_int_equal(take(bench, "new"), 1);
    add(bench, "late", "e", 100);
    assert_int_equal(take(bench, "late"), 2);
}

static void sequence_numbers_go_on_after_a_restart(void **test)
{
    struct bench *bench = *test;

    add(bench, "a", "e", 1);
    assert_int_equal(take(bench, "a"), 1);
    add(bench, "b", "e", 2);
    reopen(bench);
    assert_int_equal(take(bench, "b"), 2);
}

/*
 * Object A holds an unacknowledged record and an older value of key y; B, wholly written, holds
 * the newer y. After a crash both must be written again, A first: else A's y wins over B's.
 */
static void after_a_crash_b_is_written_again_behind_the_unfinished_a(void **test)
{
    struct bench *bench = *test;
    struct fb_state_object object;
    int64_t a, b;

    add(bench, "A", "e", 1);
    add(bench, "B", "e", 2);
    a = take(bench, "A");
    b = take(bench, "B");
    assert_int_equal(progress(bench, b, FB_OBJECT_DONE, 3), FB_INVALID);
    assert_int_equal(progress(bench, b, FB_OBJECT_WRITTEN, 3), FB_OK);
    reopen(bench);
    assert_int_equal(fb_state_resume_next(bench->state, bench->stream_id, 0, &object, NULL), FB_OK);
    assert_string_equal(object.key, "A");
    assert_int_equal(object.state, FB_OBJECT_ACTIVE);
    fb_state_object_done(&object);
    assert_int_equal(
        fb_state_resume_next(bench->state, bench->stream_id, (uint64_t)a, &object, NULL), FB_OK);
    assert_string_equal(object.key, "B");
    assert_int_equal(object.state, FB_OBJECT_WRITTEN);
    fb_state_object_done(&object);
    assert_int_equal(
        fb_state_resume_next(bench->state, bench->stream_id, (uint64_t)b, &object, NULL), FB_END);
    assert_int_equal(frontier_of(bench, b).record, 3);
    assert_int_equal(frontier_of(bench, b).offset_bytes, 300);
    assert_int_equal(frontier_of(bench, b).part, 6);
}

static void the_frontier_moves_over_all_that_is_written(void **test)
{
    struct bench *bench = *test;
    struct fb_object_progress both[2] = {{.state = FB_OBJECT_DONE}, {.state = FB_OBJECT_DONE}};
    struct fb_checkpoint checkpoint = {.objects = both, .object_count = 2};
    struct fb_state_object object;

    add(bench, "A", "e", 1);
    add(bench, "B", "e", 2);
    both[0].id = take(bench, "A");
    both[1].id = take(bench, "B");
    assert_int_equal(progress(bench, both[1].id, FB_OBJECT_WRITTEN, 0), FB_OK);
    assert_int_equal(fb_state_checkpoint(bench->state, bench->stream_id, &checkpoint, NULL), FB_OK);
    assert_int_equal(fb_state_checkpoint(bench->state, bench->stream_id, &checkpoint, NULL), FB_OK);
    assert_int_equal(count(bench).done, 2);
    assert_int_equal(fb_state_resume_next(bench->state, bench->stream_id, 0, &object, NULL),
                     FB_END);
}

static void a_refused_checkpoint_leaves_all_as_it_was(void **test)
{
    struct bench *bench = *test;
    int64_t b;

    add(bench, "A", "e", 1);
    add(bench, "B", "e", 2);
    take(bench, "A");
    b = take(bench, "B");
    assert_int_equal(progress(bench, b, FB_OBJECT_DAMAGED, 9), FB_INVALID);
    assert_int_equal(count(bench).active, 2);
    assert_int_equal(frontier_of(bench, b).record, 0);
}

static void another_fingerprint_restarts_what_is_unfinished(void **test)
{
    struct bench *bench = *test;
    struct fb_stream_identity other = ticker;
    struct fb_stream_row row;
    int64_t b;

    add(bench, "A", "e", 1);
    add(bench, "B", "e", 2);
    take(bench, "A");
    b = take(bench, "B");
    assert_int_equal(progress(bench, b, FB_OBJECT_WRITTEN, 3), FB_OK);
    other.fingerprint = "json-2";
    assert_int_equal(fb_state_stream_open(bench->state, "ticker", &other, 0, &row, NULL), FB_OK);
    assert_true(row.fingerprint_changed);
    assert_int_equal(frontier_of(bench, b).record, 0);
    assert_int_equal(frontier_of(bench, b).offset_bytes, 0);
    assert_int_equal(frontier_of(bench, b).part, 0);
    assert_int_equal(count(bench).active, 2);
    assert_int_equal(fb_state_stream_open(bench->state, "ticker", &other, 0, &row, NULL), FB_OK);
    assert_false(row.fingerprint_changed);
}

static void another_source_or_table_under_the_same_name_is_refused(void **test)
{
    struct bench *bench = *test;
    struct fb_stream_identity other[3] = {ticker, ticker, ticker};
    struct fb_stream_row row = {.id = 55};

    other[0].source = "s3://bucket/other/";
    other[1].table_arn = "arn:other";
    other[2].table_created_ms++;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            fb_state_stream_open(bench->state, "ticker", &other[i], 0, &row, &bench->error),
            FB_CONFLICT);
        assert_int_equal(row.id, 55);
        assert_non_null(strstr(bench->error.message, "state adopt ticker"));
    }
    assert_int_equal(fb_state_stream_adopt(bench->state, "nobody", &ticker, &bench->error),
                     FB_NOT_FOUND);
    assert_int_equal(fb_state_stream_adopt(bench->state, "ticker", &other[1], &bench->error),
                     FB_OK);
    assert_int_equal(fb_state_stream_open(bench->state, "ticker", &other[1], 0, &row, NULL), FB_OK);
    assert_int_equal(row.id, bench->stream_id);
}

static void a_stream_is_renamed_with_its_checkpoint(void **test)
{
    struct bench *bench = *test;
    struct fb_stream_row row;

    assert_int_equal(fb_state_stream_open(bench->state, "other", &ticker, 0, &row, NULL), FB_OK);
    assert_int_equal(fb_state_stream_rename(bench->state, "ticker", "other", &bench->error),
                     FB_CONFLICT);
    assert_int_equal(fb_state_stream_rename(bench->state, "nobody", "x", &bench->error),
                     FB_NOT_FOUND);
    assert_int_equal(fb_state_stream_rename(bench->state, "ticker", "new", &bench->error), FB_OK);
    assert_int_equal(fb_state_stream_open(bench->state, "new", &ticker, 0, &row, NULL), FB_OK);
    assert_false(row.is_new);
    assert_int_equal(row.id, bench->stream_id);
}

static void the_first_listing_goes_on_at_its_cursor(void **test)
{
    struct bench *bench = *test;
    struct fb_state_listed page[] = {listed("a", "e", 1), listed("b", "e", 2)};
    struct fb_stream_row row;

    for (int twice = 0; twice < 2; twice++)
        assert_int_equal(fb_state_add_backlog(bench->state, bench->stream_id, page, 2, "b", false,
                                              &bench->error),
                         FB_OK);
    reopen(bench);
    row = stream_row(bench);
    assert_string_equal(row.backlog_cursor, "b");
    assert_false(row.backlog_listed);
    assert_int_equal(row.backlog_objects, 2);
    assert_int_equal(row.backlog_bytes, 20);
    fb_stream_row_done(&row);
    assert_int_equal(
        fb_state_add_backlog(bench->state, bench->stream_id, NULL, 0, NULL, true, NULL), FB_OK);
    row = stream_row(bench);
    assert_string_equal(row.backlog_cursor, "b");
    assert_true(row.backlog_listed);
    fb_stream_row_done(&row);
}

static void a_sweep_prunes_only_what_is_ended_and_old(void **test)
{
    struct bench *bench = *test;
    struct fb_state_listed modified_late = listed("d", "e", 4);
    uint64_t pruned;

    modified_late.last_modified_ms = 5000;
    add(bench, "a", "e", 1);
    add(bench, "b", "e", 2);
    add(bench, "c", "e", 3);
    assert_int_equal(
        fb_state_add_objects(bench->state, bench->stream_id, &modified_late, 1, NULL, NULL), FB_OK);
    add(bench, "e", "e", 5);
    add(bench, "f", "e", 6);
    add(bench, "young", "e", 2000);
    for (const char *const *key = (const char *const[]){"a", "b", "c", "d", NULL}; *key; key++)
        take(bench, *key);
    assert_int_equal(progress(bench, 1, FB_OBJECT_DONE, 0), FB_OK);
    assert_int_equal(progress(bench, 2, FB_OBJECT_CHANGED, 0), FB_OK);
    assert_int_equal(progress(bench, 3, FB_OBJECT_DAMAGED, 0), FB_OK);
    assert_int_equal(progress(bench, 4, FB_OBJECT_DONE, 0), FB_OK);
    take(bench, "e");
    assert_int_equal(
        fb_state_sweep_complete(bench->state, bench->stream_id, 3000, 1000, &pruned, NULL), FB_OK);
    assert_int_equal(pruned, 2);
    assert_int_equal(count(bench).damaged, 1);
    assert_int_equal(count(bench).done, 1);
    assert_int_equal(count(bench).active, 1);
    assert_int_equal(count(bench).pending, 2);
    assert_int_equal(stream_row(bench).last_sweep_start_ms, 3000);
}

static void pruning_goes_over_more_rows_than_it_holds_up_others_for(void **test)
{
    struct bench *bench = *test;
    uint64_t pruned = 0;

    run_sql(bench,
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
            " INSERT INTO object (stream_id, key, etag, size_bytes, key_time_ms,"
            " last_modified_ms, sequence, state) SELECT 1, printf('k%06d', i / 2), i, 1,"
            " i, i, i, 3 FROM n");
    assert_int_equal(
        fb_state_sweep_complete(bench->state, bench->stream_id, 30000, 24001, &pruned, NULL),
        FB_OK);
    assert_int_equal(pruned, 24000);
    assert_int_equal(count(bench).done, 1000);
}

static void a_flat_listing_forgets_what_has_vanished(void **test)
{
    struct bench *bench = *test;
    const char *const shown[] = {"b", "x"};

    add(bench, "a", "e", 1);
    add(bench, "b", "e", 2);
    add(bench, "c", "e", 3);
    add(bench, "z", "e", 4);
    add(bench, "c2", "e", 5);
    for (const char *const *key = (const char *const[]){"a", "b", "c", "z", NULL}; *key; key++)
        assert_int_equal(progress(bench, take(bench, *key), FB_OBJECT_DONE, 0), FB_OK);
    assert_int_equal(
        fb_state_prune_vanished(bench->state, bench->stream_id, "a", "x", shown, 2, NULL), FB_OK);
    assert_int_equal(count(bench).done, 3);
    assert_int_equal(add(bench, "c", "e", 3), 1);
    assert_int_equal(add(bench, "a", "e", 1), 0);
    assert_int_equal(
        fb_state_prune_vanished(bench->state, bench->stream_id, NULL, NULL, shown, 1, NULL), FB_OK);
    assert_int_equal(count(bench).done, 1);
    assert_int_equal(count(bench).pending, 2);
}

/* More than go in one transaction. */
static void a_prefix_that_is_emptied_at_once_is_forgotten_as_a_whole(void **test)
{
    const char *const shown[] = {"k02500", "k04999"};
    struct bench *bench = *test;

    run_sql(bench, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
                   "INSERT INTO object (stream_id, key, etag, size_bytes, key_time_ms,"
                   " last_modified_ms, sequence, state)"
                   " SELECT 1, printf('k%05d', i), 'e', 1, 1, 1, i + 1, 3 FROM n");
    assert_int_equal(count(bench).done, 5000);
    assert_int_equal(
        fb_state_prune_vanished(bench->state, bench->stream_id, NULL, NULL, shown, 2, NULL), FB_OK);
    assert_int_equal(count(bench).done, 2);
}

/* By hand, or by another table of states: what is counted is what is there. */
static void counts_follow_every_change_of_a_row(void **test)
{
    struct bench *bench = *test;
    int64_t a;

    add(bench, "a", "e", 1000);
    add(bench, "a", "e2", 1000);
    add(bench, "b", "e", 2000);
    assert_int_equal(count(bench).pending, 2);
    assert_int_equal(count(bench).pending_bytes, 20);
    a = take(bench, "a");
    assert_int_equal(count(bench).active, 1);
    assert_int_equal(progress(bench, a, FB_OBJECT_DONE, 0), FB_OK);
    assert_int_equal(count(bench).done, 1);
    run_sql(bench, "DELETE FROM object WHERE key = 'a';"
                   "UPDATE object SET state = 3, size_bytes = 7");
    assert_int_equal(count(bench).pending, 0);
    assert_int_equal(count(bench).pending_bytes, 0);
    assert_int_equal(count(bench).done, 1);
}

static void keys_of_every_odd_character_come_back_as_they_are(void **test)
{
    static const char *const odd[] = {" ",  "'; DROP TABLE object; --", "a\nb",    "%2F+=&",
                                      "\"", "\xf0\x9f\x94\xa5",         "\x01\x7f"};
    struct bench *bench = *test;

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        add(bench, odd[i], "\"e\"", (int64_t)i);
    reopen(bench);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        take(bench, odd[i]);
}

static void streams_share_nothing(void **test)
{
    struct bench *bench = *test;
    struct fb_stream_row other;
    struct fb_state_object object;

    assert_int_equal(fb_state_stream_open(bench->state, "other", &ticker, 0, &other, NULL), FB_OK);
    add(bench, "a", "e", 1);
    assert_int_equal(fb_state_take_next(bench->state, other.id, &object, NULL), FB_END);
    assert_int_equal(take(bench, "a"), 1);
}

static void a_second_holder_is_told_the_pid_of_the_first(void **test)
{
    struct bench *bench = *test;
    char pid[32];
    pid_t child;
    int result;

    snprintf(pid, sizeof pid, "process %ld (", (long)getpid());
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fb_state *second = NULL;
        struct fb_error error = {0};

        _exit(fb_state_open(bench->directory, &second, &error) == FB_CONFLICT &&
                      strstr(error.message, pid) != NULL
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

static void expect_refused(struct bench *bench, enum fb_status status, const char *says)
{
    assert_int_equal(fb_state_open(bench->directory, &bench->state, &bench->error), status);
    assert_null(bench->state);
    if (strstr(bench->error.message, says) == NULL)
        fail_msg("not said: %s; but: %s", says, bench->error.message);
}

static void close_state(struct bench *bench)
{
    fb_state_close(bench->state);
    bench->state = NULL;
}

static void a_newer_version_is_refused_and_left_alone(void **test)
{
    struct bench *bench = *test;

    close_state(bench);
    run_sql(bench, "PRAGMA user_version = 99");
    expect_refused(bench, FB_UNSUPPORTED, "newer");
    run_sql(bench, "PRAGMA user_version = 3");
    reopen(bench);
}

static void a_state_that_is_not_there_is_not_made_by_joining(void **test)
{
    struct bench *bench = *test;
    struct fb_state *joined = NULL;

    assert_int_equal(fb_state_join("/nonexistent", &joined, &bench->error), FB_NOT_FOUND);
    assert_non_null(strstr(bench->error.message, "/nonexistent"));
    close_state(bench);
    run_sql(bench, "PRAGMA user_version = 99");
    assert_int_equal(fb_state_join(bench->directory, &joined, &bench->error), FB_UNSUPPORTED);
    assert_null(joined);
}

static void where_order_does_not_matter_a_later_object_may_end_first(void **test)
{
    struct bench *bench = *test;
    struct fb_object_progress object = {.state = FB_OBJECT_DONE, .records = 3};
    struct fb_checkpoint checkpoint = {.objects = &object, .object_count = 1, .in_any_order = true};

    add(bench, "A", "e", 1);
    add(bench, "B", "e", 2);
    take(bench, "A");
    object.id = take(bench, "B");
    assert_int_equal(fb_state_checkpoint(bench->state, bench->stream_id, &checkpoint, NULL), FB_OK);
    assert_int_equal(count(bench).active, 1);
    assert_int_equal(count(bench).done, 1);
}

static void a_database_of_something_else_is_refused(void **test)
{
    struct bench *bench = *test;

    close_state(bench);
    run_sql(bench, "PRAGMA application_id = 1");
    expect_refused(bench, FB_CORRUPT, "no state file of firebridge");
}

static void overwrite(struct bench *bench, const char *bytes, off_t size)
{
    int fd = open(path_in(bench, "firebridge.db"), O_WRONLY | O_TRUNC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

static void a_file_of_garbage_is_refused_and_left_alone(void **test)
{
    struct bench *bench = *test;
    struct stat file;

    close_state(bench);
    overwrite(bench, "this is my diary", 9000);
    expect_refused(bench, FB_CORRUPT, "firebridge state restore");
    assert_int_equal(stat(path_in(bench, "firebridge.db"), &file), 0);
    assert_int_equal(file.st_size, 9000);
}

static void an_empty_file_is_damage_and_no_beginning(void **test)
{
    struct bench *bench = *test;

    close_state(bench);
    overwrite(bench, "", 0);
    expect_refused(bench, FB_CORRUPT, "empty");
}

static void a_truncated_file_is_refused(void **test)
{
    struct bench *bench = *test;
    char key[64];

    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "some/longer/key/to/fill/pages/%d", i);
        add(bench, key, "0123456789abcdef0123456789abcdef", i);
    }
    close_state(bench);
    assert_int_equal(truncate(path_in(bench, "firebridge.db"), 20480), 0);
    expect_refused(bench, FB_CORRUPT, "every object is processed again");
}

static void a_flipped_page_is_refused(void **test)
{
    struct bench *bench = *test;
    char key[64];
    char noise[512];
    int fd;

    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "some/longer/key/to/fill/pages/%d", i);
        add(bench, key, "0123456789abcdef0123456789abcdef", i);
    }
    close_state(bench);
    memset(noise, 0xa5, sizeof noise);
    fd = open(path_in(bench, "firebridge.db"), O_WRONLY);
    assert_true(fd >= 0);
    for (off_t page = 3; page < 12; page++)
        assert_int_equal(pwrite(fd, noise, sizeof noise, page * 4096), sizeof noise);
    close(fd);
    expect_refused(bench, FB_CORRUPT, "damaged");
}

static void a_log_without_its_database_is_refused(void **test)
{
    struct bench *bench = *test;
    char aside[128];
    int fd;

    close_state(bench);
    snprintf(aside, sizeof aside, "%s", path_in(bench, "aside"));
    assert_int_equal(rename(path_in(bench, "firebridge.db"), aside), 0);
    fd = open(path_in(bench, "firebridge.db-wal"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    expect_refused(bench, FB_CORRUPT, "-wal is there");
}

static void a_missing_or_read_only_directory_is_an_error_with_its_path(void **test)
{
    struct bench *bench = *test;
    struct fb_state *state = NULL;

    assert_int_equal(fb_state_open("/nonexistent/firebridge", &state, &bench->error), FB_IO);
    assert_non_null(strstr(bench->error.message, "/nonexistent/firebridge"));
    assert_int_equal(fb_state_open("/proc/self", &state, &bench->error), FB_IO);
    assert_non_null(strstr(bench->error.message, "/proc/self"));
    assert_null(state);
}

static enum fb_status add_numbered(struct bench *bench, int number)
{
    char key[1000];
    struct fb_state_listed object = listed(key, "0123456789abcdef", number);

    memset(key, 'k', sizeof key);
    snprintf(key + 900, sizeof key - 900, "%06d", number);
    return fb_state_add_objects(bench->state, bench->stream_id, &object, 1, NULL, &bench->error);
}

static void a_full_disk_is_an_error_and_the_next_call_works_when_there_is_room(void **test)
{
    struct bench *bench = *test;
    struct rlimit before, small;
    enum fb_status status = FB_OK;
    int added = 0;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 600000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    while (status == FB_OK && added < 5000) {
        status = add_numbered(bench, added);
        if (status == FB_OK)
            added++;
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, FB_IO);
    assert_true(added > 0);
    assert_non_null(strstr(bench->error.message, "firebridge.db"));
    assert_int_equal(count(bench).pending, added);
    assert_int_equal(add_numbered(bench, added), FB_OK);
    reopen(bench);
    assert_int_equal(count(bench).pending, added + 1);
}

/* Adds, takes and ends objects for ever, always leaving the last taken one unfinished. */
static void write_for_ever(struct bench *bench, int seed)
{
    int64_t last = 0;
    char key[64];

    for (int i = 0;; i++) {
        struct fb_state_listed object = listed(key, "e", i);
        struct fb_state_object taken;

        snprintf(key, sizeof key, "%d/%d", seed, i);
        if (fb_state_add_objects(bench->state, bench->stream_id, &object, 1, NULL, NULL) != FB_OK ||
            fb_state_take_next(bench->state, bench->stream_id, &taken, NULL) != FB_OK)
            _exit(1);
        fb_state_object_done(&taken);
        if (last != 0 && progress(bench, last, FB_OBJECT_DONE, (uint64_t)i) != FB_OK)
            _exit(1);
        last = taken.id;
    }
}

static void finish_open(struct bench *bench)
{
    struct fb_state_object object;
    uint64_t after = 0;

    while (fb_state_resume_next(bench->state, bench->stream_id, after, &object, NULL) == FB_OK) {
        after = object.sequence;
        assert_int_equal(progress(bench, object.id, FB_OBJECT_DONE, 0), FB_OK);
        fb_state_object_done(&object);
    }
    while (fb_state_take_next(bench->state, bench->stream_id, &object, NULL) == FB_OK) {
        assert_int_equal(progress(bench, object.id, FB_OBJECT_DONE, 0), FB_OK);
        fb_state_object_done(&object);
    }
}

static void killed_at_any_moment_the_state_is_sound(void **test)
{
    struct bench *bench = *test;
    uint64_t done_before = 0;

    for (int round = 0; round < 12; round++) {
        struct state_counts counts;
        pid_t child;

        close_state(bench);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            reopen(bench);
            write_for_ever(bench, round);
        }
        usleep(20000 + (useconds_t)round * 7000);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        reopen(bench);
        counts = count(bench);
        assert_true(counts.pending <= 1);
        assert_true(counts.active <= 2);
        assert_true(counts.done >= done_before);
        assert_int_equal(stream_row(bench).next_sequence, counts.done + counts.active + 1);
        finish_open(bench);
        done_before = count(bench).done;
    }
    assert_true(done_before > 12);
}

static void a_done_object_costs_less_than_200_bytes(void **test)
{
    struct bench *bench = *test;
    struct fb_state_listed page[500];
    char keys[500][128], etags[500][40];
    struct stat file;
    sqlite3_int64 size;

    for (int i = 0; i < 500; i++) {
        snprintf(keys[i], sizeof keys[i],
                 "ticker/2026/11/%02d/%02d/ticker-1-2026-11-22-10-00-00-"
                 "%08x-1111-2222-3333-444444444444.gz",
                 i / 24 + 1, i % 24, (unsigned)i * 2654435761U);
        snprintf(etags[i], sizeof etags[i], "%032x", (unsigned)i);
        page[i] = listed(keys[i], etags[i], 1700000000000 + i);
    }
    assert_int_equal(fb_state_add_objects(bench->state, bench->stream_id, page, 500, NULL, NULL),
                     FB_OK);
    finish_open(bench);
    close_state(bench);
    run_sql(bench, "VACUUM");
    assert_int_equal(stat(path_in(bench, "firebridge.db"), &file), 0);
    size = file.st_size - 6 * 4096;
    assert_true(size / 500 < 200);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_new_state_file_holds_nothing_and_a_stream_is_made_once),
        CASE(an_object_is_known_by_its_key_and_etag),
        CASE(the_backlog_is_what_is_pending_or_begun),
        CASE(a_pending_object_is_replaced_by_its_new_etag),
        CASE(objects_are_taken_by_key_time_then_last_modified_then_key),
        CASE(a_late_object_is_the_later_writer),
        CASE(sequence_numbers_go_on_after_a_restart),
        CASE(after_a_crash_b_is_written_again_behind_the_unfinished_a),
        CASE(the_frontier_moves_over_all_that_is_written),
        CASE(a_refused_checkpoint_leaves_all_as_it_was),
        CASE(another_fingerprint_restarts_what_is_unfinished),
        CASE(another_source_or_table_under_the_same_name_is_refused),
        CASE(a_stream_is_renamed_with_its_checkpoint),
        CASE(the_first_listing_goes_on_at_its_cursor),
        CASE(a_sweep_prunes_only_what_is_ended_and_old),
        CASE(pruning_goes_over_more_rows_than_it_holds_up_others_for),
        CASE(a_flat_listing_forgets_what_has_vanished),
        CASE(a_prefix_that_is_emptied_at_once_is_forgotten_as_a_whole),
        CASE(counts_follow_every_change_of_a_row),
        CASE(keys_of_every_odd_character_come_back_as_they_are),
        CASE(streams_share_nothing),
        CASE(a_second_holder_is_told_the_pid_of_the_first),
        CASE(a_newer_version_is_refused_and_left_alone),
        CASE(a_state_that_is_not_there_is_not_made_by_joining),
        CASE(where_order_does_not_matter_a_later_object_may_end_first),
        CASE(a_database_of_something_else_is_refused),
        CASE(a_file_of_garbage_is_refused_and_left_alone),
        CASE(an_empty_file_is_damage_and_no_beginning),
        CASE(a_truncated_file_is_refused),
        CASE(a_flipped_page_is_refused),
        CASE(a_log_without_its_database_is_refused),
        CASE(a_missing_or_read_only_directory_is_an_error_with_its_path),
        CASE(a_full_disk_is_an_error_and_the_next_call_works_when_there_is_room),
        CASE(killed_at_any_moment_the_state_is_sound),
        CASE(a_done_object_costs_less_than_200_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
