/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/state/rows.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sql.h"

/* The daemon's recovery after a crash is over by then. */
#define BUSY_TIMEOUT_MS 10000

/* Whoever reads them may take his time (a pager), and the write-ahead log cannot be emptied of what
 * a transaction reads: so they are copied to a file of this connection's own.
 * No key has anything behind U+10FFFF, so a prefix is one range of the primary key. */
static const char copy_rows[] =
    "CREATE TEMP TABLE found AS SELECT name, key, etag, reason, state, sequence, size_bytes, "
    "records, dead_letters,"
    " key_time_ms, last_modified_ms, frontier_record, backfill"
    " FROM stream JOIN object ON stream_id = stream.id"
    " WHERE (?1 IS NULL OR name = ?1) AND (?2 < 0 OR state = ?2) AND key_time_ms >= ?3"
    " AND key >= ?4 AND key <= ?4 || char(1114111)"
    " ORDER BY key_time_ms DESC, key DESC LIMIT ?5";

static const char read_rows[] = "SELECT * FROM found ORDER BY rowid";
static const char find_stream[] = "SELECT 1 FROM stream WHERE name = ?1";

const char *fb_object_state_name(enum fb_object_state state)
{
    static const char *const names[] = {
        [FB_OBJECT_PENDING] = "pending", [FB_OBJECT_ACTIVE] = "active",
        [FB_OBJECT_WRITTEN] = "written", [FB_OBJECT_DONE] = "done",
        [FB_OBJECT_CHANGED] = "changed", [FB_OBJECT_DAMAGED] = "damaged",
        [FB_OBJECT_SKIPPED] = "skipped",
    };

    return (size_t)state < sizeof names / sizeof *names ? names[state] : NULL;
}

static enum fb_status prepare(struct fb_state *state, const char *sql, sqlite3_stmt **ret_statement,
                              struct fb_error *error)
{
    if (sqlite3_prepare_v2(state->db, sql, -1, ret_statement, NULL) != SQLITE_OK)
        return fb_sql_fail(state, error);
    return FB_OK;
}

/* Reading makes a -wal and a -shm file where there are none, which a disk that is read-only does
 * not let (SQLite, "Write-Ahead Logging", 7); and nobody changes the file there. What is in a -wal
 * file would not be seen. */
bool fb_state_is_frozen(const char *path)
{
    char log[PATH_MAX];

    snprintf(log, sizeof log, "%s-wal", path);
    return access(path, W_OK) != 0 && errno == EROFS && access(log, F_OK) != 0 && errno == ENOENT;
}

/* NULL where it cannot be spelled. */
static char *uri_of(const char *path)
{
    char *uri = NULL;

    if (strpbrk(path, "%?#") != NULL ||
        asprintf(&uri, "file:%s%s", path, fb_state_is_frozen(path) ? "?immutable=1" : "") < 0)
        return NULL;
    return uri;
}

static int connect_to_read(struct fb_state *state)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    char *uri = uri_of(state->path);
    const int result = uri != NULL ? sqlite3_open_v2(uri, &state->db, flags | SQLITE_OPEN_URI, NULL)
                                   : sqlite3_open_v2(state->path, &state->db, flags, NULL);

    free(uri);
    return result;
}

static enum fb_status open_to_read(struct fb_state *state, struct fb_error *error)
{
    bool is_current = false;
    enum fb_status status;

    if (access(state->path, F_OK) != 0)
        return fb_fail(error, errno == ENOENT ? FB_NOT_FOUND : FB_IO, "there is no state %s: %s",
                       state->path, strerror(errno));
    if (connect_to_read(state) != SQLITE_OK)
        return fb_sql_fail(state, error);
    sqlite3_busy_timeout(state->db, BUSY_TIMEOUT_MS);
    status = fb_state_file_check_version(state, &is_current, error);
    if (status == FB_OK && !is_current)
        status = fb_fail(error, FB_UNSUPPORTED,
                         "%s: made by an older firebridge; a start of this one brings it up",
                         state->path);
    return status;
}

static enum fb_status require_stream(struct fb_state *state, const char *name,
                                     struct fb_error *error)
{
    sqlite3_stmt *query = NULL;
    bool found = false;
    enum fb_status status = prepare(state, find_stream, &query, error);

    if (status != FB_OK)
        return status;
    sqlite3_bind_text(query, 1, name, -1, SQLITE_STATIC);
    status = fb_sql_step(state, query, &found, error);
    if (status == FB_OK && !found)
        status = fb_fail(error, FB_NOT_FOUND, "%s knows no stream %s: it has not been run yet",
                         state->path, name);
    sqlite3_finalize(query);
    return status;
}

static struct fb_row row_of(sqlite3_stmt *query)
{
    return (struct fb_row){
        .stream = (const char *)sqlite3_column_text(query, 0),
        .key = (const char *)sqlite3_column_text(query, 1),
        .etag = (const char *)sqlite3_column_text(query, 2),
        .reason = (const char *)sqlite3_column_text(query, 3),
        .state = (enum fb_object_state)sqlite3_column_int(query, 4),
        .sequence = (uint64_t)sqlite3_column_int64(query, 5),
        .size_bytes = (uint64_t)sqlite3_column_int64(query, 6),
        .records = (uint64_t)sqlite3_column_int64(query, 7),
        .dead_letters = (uint64_t)sqlite3_column_int64(query, 8),
        .key_time_ms = sqlite3_column_int64(query, 9),
        .last_modified_ms = sqlite3_column_int64(query, 10),
        .frontier_record = (uint64_t)sqlite3_column_int64(query, 11),
        .is_backfill = sqlite3_column_int(query, 12) != 0,
    };
}

static enum fb_status give_rows(struct fb_state *state, sqlite3_stmt *query, uint64_t limit,
                                fb_row_fn on_row, void *context, bool *more, struct fb_error *error)
{
    for (uint64_t given = 0;; given++) {
        struct fb_row row;
        bool found = false;
        enum fb_status status = fb_sql_step(state, query, &found, error);

        if (status != FB_OK || !found)
            return status;
        *more = limit != 0 && given == limit;
        if (*more)
            return FB_OK;
        row = row_of(query);
        if (row.stream == NULL || row.key == NULL || row.etag == NULL ||
            fb_object_state_name(row.state) == NULL)
            return fb_fail(error, FB_CORRUPT, "%s: a row makes no sense; " FB_STATE_WHAT_TO_DO,
                           state->path);
        status = on_row(context, &row);
        if (status != FB_OK)
            return status;
    }
}

static enum fb_status copy(struct fb_state *state, const struct fb_row_filter *filter,
                           struct fb_error *error)
{
    const bool is_all = filter->limit == 0 || filter->limit >= INT64_MAX;
    sqlite3_stmt *query = NULL;
    enum fb_status status = prepare(state, copy_rows, &query, error);
    bool row;

    if (status != FB_OK)
        return status;
    sqlite3_bind_text(query, 1, filter->stream, -1, SQLITE_STATIC);
    sqlite3_bind_int(query, 2, filter->state);
    sqlite3_bind_int64(query, 3, filter->since_ms);
    sqlite3_bind_text(query, 4, filter->prefix, -1, SQLITE_STATIC);
    sqlite3_bind_int64(query, 5, is_all ? -1 : (int64_t)filter->limit + 1);
    status = fb_sql_step(state, query, &row, error);
    sqlite3_finalize(query);
    return status;
}

static enum fb_status list_rows(struct fb_state *state, const struct fb_row_filter *filter,
                                fb_row_fn on_row, void *context, bool *more, struct fb_error *error)
{
    sqlite3_stmt *query = NULL;
    enum fb_status status = FB_OK;

    if (filter->stream != NULL)
        status = require_stream(state, filter->stream, error);
    if (status == FB_OK)
        status = copy(state, filter, error);
    if (status == FB_OK)
        status = prepare(state, read_rows, &query, error);
    if (status == FB_OK)
        status = give_rows(state, query, filter->limit, on_row, context, more, error);
    sqlite3_finalize(query);
    return status;
}

enum fb_status fb_state_open_to_read(const char *directory, struct fb_state **ret_state,
                                     struct fb_error *error)
{
    struct fb_state *state = calloc(1, sizeof *state);
    enum fb_status status;

    if (state == NULL) {
        fb_fail(error, FB_NO_MEMORY, "out of memory");
        return FB_NO_MEMORY;
    }
    pthread_mutex_init(&state->lock, NULL);
    state->lock_fd = -1;
    if (asprintf(&state->path, "%s/firebridge.db", directory) < 0) {
        state->path = NULL;
        status = fb_fail(error, FB_NO_MEMORY, "out of memory");
    } else {
        status = open_to_read(state, error);
    }
    if (status == FB_OK)
        status = fb_sql_prepare_all(state, error);
    if (status == FB_OK)
        *ret_state = state;
    else
        fb_state_close(state);
    return status;
}

enum fb_status fb_state_list_rows(const char *directory, const struct fb_row_filter *filter,
                                  fb_row_fn on_row, void *context, bool *ret_more,
                                  struct fb_error *error)
{
    struct fb_state *state = NULL;
    enum fb_status status = fb_state_open_to_read(directory, &state, error);
    bool more = false;

    if (status == FB_OK)
        status = list_rows(state, filter, on_row, context, &more, error);
    fb_state_close(state);
    if (status == FB_OK)
        *ret_more = more;
    return status;
}
