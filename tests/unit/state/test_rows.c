/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "firebridge/state/rows.h"

#include "../support/state_bench.h"

static struct state_bench bench;
static char shown[256];

static int set_up(void **test)
{
    (void)test;
    state_bench_init(&bench, 0);
    state_bench_process(&bench, "a/1", 1000);
    state_bench_add(&bench, "a/2", 2000);
    state_bench_add(&bench, "b/1", 3000);
    shown[0] = '\0';
    return 0;
}

static int tear_down(void **test)
{
    (void)test;
    state_bench_done(&bench);
    return 0;
}

static enum fb_status note(void *context, const struct fb_row *row)
{
    (void)context;
    assert_string_equal(row->stream, "ticker");
    snprintf(shown + strlen(shown), sizeof shown - strlen(shown), "%s %s;", row->key,
             fb_object_state_name(row->state));
    return FB_OK;
}

static bool list(const struct fb_row_filter *filter, fb_row_fn on_row)
{
    bool more = true;

    assert_int_equal(fb_state_list_rows(bench.directory, filter, on_row, NULL, &more, &bench.error),
                     FB_OK);
    return more;
}

static void the_newest_come_first_and_a_limit_tells_of_the_rest(void **test)
{
    (void)test;
    assert_false(
        list(&(struct fb_row_filter){.state = -1, .since_ms = INT64_MIN, .prefix = "", .limit = 3},
             note));
    assert_string_equal(shown, "b/1 pending;a/2 pending;a/1 done;");
    assert_true(list(
        &(struct fb_row_filter){.state = -1, .since_ms = INT64_MIN, .prefix = "a/", .limit = 1},
        note));
    assert_string_equal(shown, "b/1 pending;a/2 pending;a/1 done;a/2 pending;");
}

/* The daemon writes meanwhile, and its log can be written back and emptied. */
static enum fb_status empty_log(void *context, const struct fb_row *row)
{
    sqlite3 *db = NULL;
    char path[128];

    (void)context;
    (void)row;
    state_bench_add(&bench, "c/1", 4000);
    snprintf(path, sizeof path, "%s/firebridge.db", bench.directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT 1 FROM object", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    return FB_OK;
}

static void a_slow_reader_does_not_let_the_log_grow(void **test)
{
    (void)test;
    (void)list(&(struct fb_row_filter){.state = -1, .since_ms = INT64_MIN, .prefix = "b"},
               empty_log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_come_first_and_a_limit_tells_of_the_rest, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_slow_reader_does_not_let_the_log_grow, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
