/* SPDX-License-Identifier: Apache-2.0 */
/* Files as each version made them, opened by this one. Their SQL is history and never changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../support/state_counts.h"
#include "firebridge/state/rows.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What versions 1 and 2 have alike. */
#define STREAM_START                                                                               \
    "CREATE TABLE stream ("                                                                        \
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL,"                    \
    " table_arn TEXT NOT NULL, table_created_ms INTEGER NOT NULL, fingerprint TEXT NOT NULL,"      \
    " backlog_listed INTEGER NOT NULL DEFAULT 0, backlog_cursor TEXT,"                             \
    " backlog_objects INTEGER NOT NULL DEFAULT 0, backlog_bytes INTEGER NOT NULL DEFAULT 0,"       \
    " start_ms INTEGER NOT NULL, last_sweep_start_ms INTEGER NOT NULL DEFAULT 0,"                  \
    " low_water_ms INTEGER NOT NULL DEFAULT 0, next_sequence INTEGER NOT NULL DEFAULT 1"
#define OBJECT_START                                                                               \
    "CREATE TABLE object ("                                                                        \
    " stream_id INTEGER NOT NULL, key TEXT NOT NULL, etag TEXT NOT NULL,"                          \
    " size_bytes INTEGER NOT NULL, key_time_ms INTEGER NOT NULL,"                                  \
    " last_modified_ms INTEGER NOT NULL,"                                                          \
    " sequence INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL DEFAULT 0,"                      \
    " records INTEGER NOT NULL DEFAULT 0, dead_letters INTEGER NOT NULL DEFAULT 0,"
#define INDEXES                                                                                    \
    "CREATE INDEX object_pending ON object (stream_id, key_time_ms, last_modified_ms, key)"        \
    " WHERE state = 0;"                                                                            \
    "CREATE INDEX object_open ON object (stream_id, sequence) WHERE state IN (1, 2);"              \
    "PRAGMA application_id = 0x46625374;"

/* One frontier a stream, in its row. */
static const char version_1[] =
    STREAM_START ", frontier_record INTEGER NOT NULL DEFAULT 0,"
                 " frontier_offset_bytes INTEGER NOT NULL DEFAULT 0);" OBJECT_START
                 " PRIMARY KEY (stream_id, key, etag)) WITHOUT ROWID;" INDEXES;

/* A frontier for each object. */
static const char version_2[] =
    STREAM_START ");" OBJECT_START " frontier_record INTEGER NOT NULL DEFAULT 0,"
                 " frontier_offset_bytes INTEGER NOT NULL DEFAULT 0,"
                 " frontier_part INTEGER NOT NULL DEFAULT 0,"
                 " PRIMARY KEY (stream_id, key, etag)) WITHOUT ROWID;" INDEXES;

/* In the midst of its first listing and of two objects, with one of each kind behind it. */
#define ROWS                                                                                       \
    "INSERT INTO stream (id, name, source, table_arn, table_created_ms, fingerprint,"              \
    " backlog_cursor, backlog_objects, backlog_bytes, start_ms, last_sweep_start_ms,"              \
    " low_water_ms, next_sequence) VALUES (3, 'ticker', 's3://bucket/ticker/',"                    \
    " 'arn:aws:dynamodb:eu-central-1:1:table/ticker', 1700000000000, 'json-1',"                    \
    " 'ticker/k6', 7, 70, 5, 8, 4, 6);"                                                            \
    "INSERT INTO object (stream_id, key, etag, size_bytes, key_time_ms, last_modified_ms,"         \
    " sequence, state, records) VALUES (3, 'k1', 'e', 10, 101, 102, 1, 3, 9),"                     \
    " (3, 'k2', 'e', 10, 102, 103, 2, 4, 2), (3, 'k3', 'e', 10, 103, 104, 3, 5, 1),"               \
    " (3, 'k4', 'e', 10, 104, 105, 4, 1, 0), (3, 'k5', 'e', 10, 105, 106, 5, 2, 8),"               \
    " (3, 'k7', 'e', 10, 107, 108, 0, 0, 0), (3, 'k6', 'e', 10, 106, 107, 0, 0, 0);"

static const struct version {
    int number;
    const char *schema;
    const char *frontier;
    uint64_t offset_bytes, part; /* that k4 keeps */
} versions[] = {
    {1, version_1, "UPDATE stream SET frontier_record = 41, frontier_offset_bytes = 4100;", 0, 0},
    {2, version_2,
     "UPDATE object SET frontier_record = 41, frontier_offset_bytes = 4100, frontier_part = 2"
     " WHERE key = 'k4';",
     4100, 2},
};

static const struct fb_stream_identity ticker = {
    .source = "s3://bucket/ticker/",
    .table_arn = "arn:aws:dynamodb:eu-central-1:1:table/ticker",
    .table_created_ms = 1700000000000,
    .fingerprint = "json-1",
};

static char directory[64];
static struct fb_error problem;

static char *path_in(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int set_up(void **test)
{
    (void)test;
    snprintf(directory, sizeof directory, "/tmp/firebridge-state-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static void empty_directory(void)
{
    static const char *const names[] = {"firebridge.db", "firebridge.db-wal", "firebridge.db-shm",
                                        "firebridge.lock"};

    for (size_t i = 0; i < COUNT(names); i++)
        unlink(path_in(names[i]));
}

static int tear_down(void **test)
{
    (void)test;
    empty_directory();
    return rmdir(directory);
}

static void run_sql(sqlite3 *db, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

static void make(const struct version *version)
{
    char pragma[64];
    sqlite3 *db;

    empty_directory();
    assert_int_equal(sqlite3_open(path_in("firebridge.db"), &db), SQLITE_OK);
    run_sql(db, "PRAGMA journal_mode = WAL");
    run_sql(db, version->schema);
    run_sql(db, ROWS);
    run_sql(db, version->frontier);
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version->number);
    run_sql(db, pragma);
    sqlite3_close(db);
}

static struct fb_state *open_state(void)
{
    struct fb_state *state = NULL;

    if (fb_state_open(directory, &state, &problem) != FB_OK)
        fail_msg("%s", problem.message);
    return state;
}

static void expect_stream(struct fb_state *state)
{
    struct fb_stream_row row;

    assert_int_equal(fb_state_stream_open(state, "ticker", &ticker, 0, &row, &problem), FB_OK);
    assert_int_equal(row.id, 3);
    assert_false(row.is_new || row.fingerprint_changed || row.backlog_listed);
    assert_string_equal(row.backlog_cursor, "ticker/k6");
    assert_int_equal(row.backlog_objects, 7);
    assert_int_equal(row.backlog_bytes, 70);
    assert_int_equal(row.start_ms, 5);
    assert_int_equal(row.last_sweep_start_ms, 8);
    assert_int_equal(row.low_water_ms, 4);
    assert_int_equal(row.next_sequence, 6);
    fb_stream_row_done(&row);
}

static void expect_open_object(struct fb_state *state, uint64_t after, const char *key,
                               struct fb_frontier frontier)
{
    struct fb_state_object object;

    assert_int_equal(fb_state_resume_next(state, 3, after, &object, &problem), FB_OK);
    assert_string_equal(object.key, key);
    assert_int_equal(object.frontier.record, frontier.record);
    assert_int_equal(object.frontier.offset_bytes, frontier.offset_bytes);
    assert_int_equal(object.frontier.part, frontier.part);
    assert_false(object.is_backfill || object.if_absent || object.is_skipped);
    assert_int_equal(object.again_ms, 0);
    fb_state_object_done(&object);
}

static void expect_objects(struct fb_state *state, const struct version *version)
{
    struct fb_state_object object;
    struct state_counts counts;

    expect_open_object(state, 0, "k4",
                       (struct fb_frontier){41, version->offset_bytes, version->part});
    expect_open_object(state, 4, "k5", (struct fb_frontier){0});
    counts = state_counts_read(directory, 3);
    assert_int_equal(counts.pending, 2);
    assert_int_equal(counts.pending_bytes, 20);
    assert_int_equal(counts.active + counts.written, 2);
    assert_int_equal(counts.done + counts.changed + counts.damaged, 3);
    assert_int_equal(fb_state_take_next(state, 3, &object, &problem), FB_OK);
    assert_string_equal(object.key, "k6");
    assert_int_equal(object.sequence, 6);
    fb_state_object_done(&object);
}

static void a_file_of_each_version_keeps_all_that_it_knows(void **test)
{
    (void)test;
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct fb_state *state;

        make(&versions[i]);
        for (int twice = 0; twice < 2; twice++) {
            state = open_state();
            expect_stream(state);
            fb_state_close(state);
        }
        state = open_state();
        expect_objects(state, &versions[i]);
        fb_state_close(state);
    }
}

/* Everything that makes the schema, as one text. */
static void describe_schema(char *text, size_t size)
{
    sqlite3 *db;
    sqlite3_stmt *query;
    size_t used = 0;

    assert_int_equal(sqlite3_open(path_in("firebridge.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(
                         db,
                         "SELECT m.type || ' ' || m.name || ' ' || tbl_name || ' ' ||"
                         " coalesce(c.name || ' ' || c.type || ' ' || \"notnull\" || ' ' ||"
                         " coalesce(dflt_value, '') || ' ' || pk, iif(m.type = 'table', '', m.sql))"
                         " FROM sqlite_master AS m LEFT JOIN pragma_table_info(m.name) AS c"
                         " ON m.type = 'table' ORDER BY m.type, m.name, cid",
                         -1, &query, NULL),
                     SQLITE_OK);
    while (sqlite3_step(query) == SQLITE_ROW)
        used += (size_t)snprintf(text + used, size - used, "%s\n",
                                 (const char *)sqlite3_column_text(query, 0));
    assert_in_range(used, 1000, size - 1);
    sqlite3_finalize(query);
    sqlite3_close(db);
}

static void an_upgraded_file_is_made_as_a_new_one_is(void **test)
{
    static char fresh[16384], upgraded[16384];

    (void)test;
    fb_state_close(open_state());
    describe_schema(fresh, sizeof fresh);
    for (size_t i = 0; i < COUNT(versions); i++) {
        make(&versions[i]);
        fb_state_close(open_state());
        describe_schema(upgraded, sizeof upgraded);
        assert_string_equal(upgraded, fresh);
    }
}

/* A command of a new version may find the file of an old daemon, or of one that was stopped. */
static void only_who_could_hold_the_file_upgrades_it_when_joining(void **test)
{
    struct fb_state *holder, *joined = NULL;
    sqlite3 *db;

    (void)test;
    fb_state_close(open_state());
    holder = open_state();
    assert_int_equal(sqlite3_open(path_in("firebridge.db"), &db), SQLITE_OK);
    run_sql(db, "PRAGMA user_version = 2");
    sqlite3_close(db);
    assert_int_equal(fb_state_join(directory, &joined, &problem), FB_CONFLICT);
    assert_null(joined);
    fb_state_close(holder);
    make(&versions[1]);
    assert_int_equal(fb_state_open_to_read(directory, &joined, &problem), FB_UNSUPPORTED);
    assert_null(joined);
    assert_non_null(strstr(problem.message, "made by an older firebridge"));
    assert_int_equal(fb_state_join(directory, &joined, &problem), FB_OK);
    fb_state_close(open_state());
    fb_state_close(joined);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_file_of_each_version_keeps_all_that_it_knows),
        CASE(an_upgraded_file_is_made_as_a_new_one_is),
        CASE(only_who_could_hold_the_file_upgrades_it_when_joining),
    };

    return cmocka_run_group_tests_name("migrations", tests, NULL, NULL);
}
