/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "firebridge/state/state.h"
#include "state_counts.h"

static void take_row(sqlite3_stmt *query, struct state_counts *counts)
{
    uint64_t *const fields[] = {
        [FB_OBJECT_PENDING] = &counts->pending, [FB_OBJECT_ACTIVE] = &counts->active,
        [FB_OBJECT_WRITTEN] = &counts->written, [FB_OBJECT_DONE] = &counts->done,
        [FB_OBJECT_CHANGED] = &counts->changed, [FB_OBJECT_DAMAGED] = &counts->damaged,
        [FB_OBJECT_SKIPPED] = &counts->skipped,
    };
    const int state = sqlite3_column_int(query, 0);

    assert_in_range(state, 0, sizeof fields / sizeof *fields - 1);
    *fields[state] = (uint64_t)sqlite3_column_int64(query, 1);
    if (state == FB_OBJECT_PENDING)
        counts->pending_bytes = (uint64_t)sqlite3_column_int64(query, 2);
}

struct state_counts state_counts_read(const char *directory, int64_t stream_id)
{
    struct state_counts counts = {0};
    sqlite3_stmt *query = NULL;
    sqlite3 *db = NULL;
    char path[256];
    int step;

    snprintf(path, sizeof path, "%s/firebridge.db", directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT state, objects, bytes FROM tally "
                                        "WHERE stream_id = ?1",
                                        -1, &query, NULL),
                     SQLITE_OK);
    sqlite3_bind_int64(query, 1, stream_id);
    while ((step = sqlite3_step(query)) == SQLITE_ROW)
        take_row(query, &counts);
    assert_int_equal(step, SQLITE_DONE);
    sqlite3_finalize(query);
    sqlite3_close(db);
    return counts;
}
