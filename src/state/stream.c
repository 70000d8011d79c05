/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's row: whose checkpoint it is, and how far its listings are. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/time.h"
#include "sql.h"

/* Columns of FB_SQL_STREAM_FIND. */
enum {
    ID,
    SOURCE,
    TABLE_ARN,
    TABLE_CREATED,
    FINGERPRINT,
    BACKLOG_LISTED,
    BACKLOG_CURSOR,
    BACKLOG_OBJECTS,
    BACKLOG_BYTES,
    START,
    LAST_SWEEP_START,
    LOW_WATER,
    NEXT_SEQUENCE,
};

void fb_stream_row_done(struct fb_stream_row *row)
{
    free(row->backlog_cursor);
    row->backlog_cursor = NULL;
}

static bool column_is(sqlite3_stmt *found, int column, const char *text)
{
    return strcmp((const char *)sqlite3_column_text(found, column), text) == 0;
}

static enum fb_status refuse(const char *name, const char *what, const char *stored,
                             const char *configured, struct fb_error *error)
{
    return fb_fail(error, FB_CONFLICT,
                   "the state file's checkpoint of stream %s belongs to %s %s, not to %s; give the "
                   "stream a new name (or firebridge state rename %s NEW), or, if it is the same "
                   "in truth, firebridge state adopt %s",
                   name, what, stored, configured, name, name);
}

static enum fb_status check_identity(sqlite3_stmt *found, const char *name,
                                     const struct fb_stream_identity *identity,
                                     struct fb_error *error)
{
    if (!column_is(found, SOURCE, identity->source))
        return refuse(name, "source", (const char *)sqlite3_column_text(found, SOURCE),
                      identity->source, error);
    if (identity->table_arn == NULL)
        return FB_OK;
    if (!column_is(found, TABLE_ARN, identity->table_arn))
        return refuse(name, "table", (const char *)sqlite3_column_text(found, TABLE_ARN),
                      identity->table_arn, error);
    if (sqlite3_column_int64(found, TABLE_CREATED) != identity->table_created_ms) {
        char stored[FB_TIME_TEXT_SIZE], configured[FB_TIME_TEXT_SIZE];

        fb_time_format_rfc3339(sqlite3_column_int64(found, TABLE_CREATED), stored);
        fb_time_format_rfc3339(identity->table_created_ms, configured);
        return refuse(name, "the table that was created at", stored, configured, error);
    }
    return FB_OK;
}

static enum fb_status read_row(sqlite3_stmt *found, struct fb_stream_row *row,
                               struct fb_error *error)
{
    *row = (struct fb_stream_row){
        .id = sqlite3_column_int64(found, ID),
        .backlog_listed = sqlite3_column_int(found, BACKLOG_LISTED) != 0,
        .backlog_cursor = fb_sql_column_text(found, BACKLOG_CURSOR),
        .backlog_objects = (uint64_t)sqlite3_column_int64(found, BACKLOG_OBJECTS),
        .backlog_bytes = (uint64_t)sqlite3_column_int64(found, BACKLOG_BYTES),
        .start_ms = sqlite3_column_int64(found, START),
        .last_sweep_start_ms = sqlite3_column_int64(found, LAST_SWEEP_START),
        .low_water_ms = sqlite3_column_int64(found, LOW_WATER),
        .next_sequence = (uint64_t)sqlite3_column_int64(found, NEXT_SEQUENCE),
    };
    if (row->backlog_cursor == NULL && sqlite3_column_type(found, BACKLOG_CURSOR) != SQLITE_NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    return FB_OK;
}

/* Record numbers of another making mean nothing: what is unfinished begins at its start. */
static enum fb_status restart_unfinished(struct fb_state *state, const char *fingerprint,
                                         const struct fb_stream_row *row, struct fb_error *error)
{
    enum fb_status status;

    status = fb_sql_finish(state, fb_sql_start(state, FB_SQL_OBJECT_RESTART, "i", row->id), error);
    if (status != FB_OK)
        return status;
    return fb_sql_finish(
        state, fb_sql_start(state, FB_SQL_STREAM_FINGERPRINT, "it", row->id, fingerprint), error);
}

static enum fb_status add_stream(struct fb_state *state, const char *name,
                                 const struct fb_stream_identity *identity, int64_t start_ms,
                                 struct fb_stream_row *row, struct fb_error *error)
{
    enum fb_status status =
        fb_sql_finish(state,
                      fb_sql_start(state, FB_SQL_STREAM_ADD, "tttiti", name, identity->source,
                                   identity->table_arn, identity->table_created_ms,
                                   identity->fingerprint, start_ms),
                      error);

    *row = (struct fb_stream_row){
        .id = sqlite3_last_insert_rowid(state->db),
        .is_new = true,
        .start_ms = start_ms,
        .next_sequence = 1,
    };
    return status;
}

static enum fb_status open_stream(struct fb_state *state, const char *name,
                                  const struct fb_stream_identity *identity, int64_t start_ms,
                                  struct fb_stream_row *row, struct fb_error *error)
{
    sqlite3_stmt *find = fb_sql_start(state, FB_SQL_STREAM_FIND, "t", name);
    enum fb_status status;
    bool found;

    status = fb_sql_step(state, find, &found, error);
    if (status != FB_OK)
        return status;
    if (!found)
        return add_stream(state, name, identity, start_ms, row, error);
    status = check_identity(find, name, identity, error);
    if (status != FB_OK)
        return status;
    status = read_row(find, row, error);
    row->fingerprint_changed = !column_is(find, FINGERPRINT, identity->fingerprint);
    sqlite3_reset(find);
    if (status == FB_OK && row->fingerprint_changed)
        status = restart_unfinished(state, identity->fingerprint, row, error);
    return status;
}

enum fb_status fb_state_stream_open(struct fb_state *state, const char *name,
                                    const struct fb_stream_identity *identity, int64_t start_ms,
                                    struct fb_stream_row *ret_row, struct fb_error *error)
{
    struct fb_stream_row row = {0};
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = open_stream(state, name, identity, start_ms, &row, error);
    status = fb_sql_end(state, status, error);
    if (status == FB_OK)
        *ret_row = row;
    else
        fb_stream_row_done(&row);
    return status;
}

enum fb_status fb_state_stream_find(struct fb_state *state, const char *name,
                                    struct fb_stream_row *ret_row, struct fb_error *error)
{
    struct fb_stream_row row = {0};
    sqlite3_stmt *find;
    enum fb_status status;
    bool found;

    pthread_mutex_lock(&state->lock);
    find = fb_sql_start(state, FB_SQL_STREAM_FIND, "t", name);
    status = fb_sql_step(state, find, &found, error);
    if (status == FB_OK && !found)
        status = fb_fail(error, FB_NOT_FOUND, "%s has no stream %s", state->path, name);
    if (status == FB_OK)
        status = read_row(find, &row, error);
    sqlite3_reset(find);
    pthread_mutex_unlock(&state->lock);
    if (status == FB_OK)
        *ret_row = row;
    return status;
}

enum fb_status fb_state_stream_check(struct fb_state *state, const char *name,
                                     const struct fb_stream_identity *identity,
                                     struct fb_error *error)
{
    sqlite3_stmt *find;
    enum fb_status status;
    bool found;

    pthread_mutex_lock(&state->lock);
    find = fb_sql_start(state, FB_SQL_STREAM_FIND, "t", name);
    status = fb_sql_step(state, find, &found, error);
    if (status == FB_OK && found)
        status = check_identity(find, name, identity, error);
    sqlite3_reset(find);
    pthread_mutex_unlock(&state->lock);
    return status;
}

static enum fb_status find_stream(struct fb_state *state, const char *name, bool *ret_found,
                                  struct fb_error *error)
{
    sqlite3_stmt *find = fb_sql_start(state, FB_SQL_STREAM_FIND, "t", name);
    enum fb_status status = fb_sql_step(state, find, ret_found, error);

    sqlite3_reset(find);
    return status;
}

static enum fb_status require_stream(struct fb_state *state, const char *name,
                                     struct fb_error *error)
{
    bool found;
    enum fb_status status = find_stream(state, name, &found, error);

    if (status == FB_OK && !found)
        status = fb_fail(error, FB_NOT_FOUND, "%s has no stream %s", state->path, name);
    return status;
}

enum fb_status fb_state_stream_adopt(struct fb_state *state, const char *name,
                                     const struct fb_stream_identity *identity,
                                     struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = require_stream(state, name, error);
    /* The fingerprint stays: the next open sees that it differs and restarts what it must. */
    if (status == FB_OK)
        status =
            fb_sql_finish(state,
                          fb_sql_start(state, FB_SQL_STREAM_ADOPT, "ttti", name, identity->source,
                                       identity->table_arn, identity->table_created_ms),
                          error);
    return fb_sql_end(state, status, error);
}

enum fb_status fb_state_stream_rename(struct fb_state *state, const char *from, const char *to,
                                      struct fb_error *error)
{
    bool taken = false;
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = require_stream(state, from, error);
    if (status == FB_OK)
        status = find_stream(state, to, &taken, error);
    if (status == FB_OK && taken)
        status = fb_fail(error, FB_CONFLICT, "%s has a stream %s already", state->path, to);
    if (status == FB_OK)
        status =
            fb_sql_finish(state, fb_sql_start(state, FB_SQL_STREAM_RENAME, "tt", from, to), error);
    return fb_sql_end(state, status, error);
}

static enum fb_status note_sweep(struct fb_state *state, int64_t stream_id, int64_t sweep_start_ms,
                                 int64_t low_water_ms, struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = fb_sql_finish(
        state,
        fb_sql_start(state, FB_SQL_STREAM_SWEPT, "iii", stream_id, sweep_start_ms, low_water_ms),
        error);
    return fb_sql_end(state, status, error);
}

/* The last key of the slice of rows behind `after`; NULL: it goes to the end. */
static enum fb_status find_slice(struct fb_state *state, int64_t stream_id, const char *after,
                                 char **ret_up_to, struct fb_error *error)
{
    sqlite3_stmt *query = fb_sql_start(state, FB_SQL_OBJECT_SLICE, "it", stream_id, after);
    bool found = false;
    enum fb_status status = fb_sql_step(state, query, &found, error);

    if (status == FB_OK && found) {
        *ret_up_to = fb_sql_column_text(query, 0);
        if (*ret_up_to == NULL)
            status = fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    sqlite3_reset(query);
    return status;
}

static enum fb_status prune_slice(struct fb_state *state, int64_t stream_id, int64_t before_ms,
                                  const char *after, char **ret_up_to, uint64_t *pruned,
                                  struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = find_slice(state, stream_id, after, ret_up_to, error);
    if (status == FB_OK)
        status = fb_sql_finish(state,
                               fb_sql_start(state, FB_SQL_OBJECT_PRUNE, "iitt", stream_id,
                                            before_ms, after, *ret_up_to),
                               error);
    *pruned += status == FB_OK ? (uint64_t)sqlite3_changes64(state->db) : 0;
    return fb_sql_end(state, status, error);
}

/*
 * In slices, for what is found by going over all rows would hold up the checkpoints of all streams.
 * A row that is left by a crash in between is before the low-water mark, and goes at the next.
 */
enum fb_status fb_state_sweep_complete(struct fb_state *state, int64_t stream_id,
                                       int64_t sweep_start_ms, int64_t prune_before_ms,
                                       uint64_t *ret_pruned, struct fb_error *error)
{
    uint64_t pruned = 0;
    char *after = NULL;
    char *up_to = NULL;
    enum fb_status status = note_sweep(state, stream_id, sweep_start_ms, prune_before_ms, error);

    do {
        free(after);
        after = up_to;
        up_to = NULL;
        if (status == FB_OK)
            status = prune_slice(state, stream_id, prune_before_ms, after != NULL ? after : "",
                                 &up_to, &pruned, error);
    } while (status == FB_OK && up_to != NULL);
    free(after);
    free(up_to);
    if (status == FB_OK && ret_pruned != NULL)
        *ret_pruned = pruned;
    return status;
}
