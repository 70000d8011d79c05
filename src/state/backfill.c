/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/state/backfill.h"

#include <stdlib.h>

#include "firebridge/base/time.h"
#include "sql.h"

/* Columns of FB_SQL_BACKFILL_FIND. */
enum {
    STATE,
    FROM,
    TO,
    RATE,
    IF_ABSENT,
    TOTAL_OBJECTS,
    TOTAL_BYTES,
    STARTED,
    ENDED,
    WINDOW,
    CURSOR,
    OBJECTS_LISTED,
    OBJECTS,
    BYTES,
    RECORDS,
    DEAD_LETTERS,
};

void fb_backfill_done(struct fb_backfill *backfill)
{
    free(backfill->cursor);
    backfill->cursor = NULL;
}

static uint64_t number(sqlite3_stmt *row, int column)
{
    return (uint64_t)sqlite3_column_int64(row, column);
}

static enum fb_status read_row(sqlite3_stmt *row, struct fb_backfill *backfill,
                               struct fb_error *error)
{
    *backfill = (struct fb_backfill){
        .state = (enum fb_backfill_state)sqlite3_column_int(row, STATE),
        .from_ms = sqlite3_column_int64(row, FROM),
        .to_ms = sqlite3_column_int64(row, TO),
        .rate = number(row, RATE),
        .if_absent = sqlite3_column_int(row, IF_ABSENT) != 0,
        .total_objects = number(row, TOTAL_OBJECTS),
        .total_bytes = number(row, TOTAL_BYTES),
        .started_ms = sqlite3_column_int64(row, STARTED),
        .ended_ms = sqlite3_column_int64(row, ENDED),
        .window_ms = sqlite3_column_int64(row, WINDOW),
        .cursor = fb_sql_column_text(row, CURSOR),
        .objects_listed = number(row, OBJECTS_LISTED),
        .objects = number(row, OBJECTS),
        .bytes = number(row, BYTES),
        .records = number(row, RECORDS),
        .dead_letters = number(row, DEAD_LETTERS),
    };
    if (backfill->cursor == NULL && sqlite3_column_type(row, CURSOR) != SQLITE_NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    return FB_OK;
}

enum fb_status fb_state_backfill_find(struct fb_state *state, int64_t stream_id,
                                      struct fb_backfill *ret_backfill, struct fb_error *error)
{
    struct fb_backfill backfill = {0};
    sqlite3_stmt *query;
    enum fb_status status;
    bool found = false;

    pthread_mutex_lock(&state->lock);
    query = fb_sql_start(state, FB_SQL_BACKFILL_FIND, "i", stream_id);
    status = fb_sql_check_place(state, error);
    if (status == FB_OK)
        status = fb_sql_step(state, query, &found, error);
    if (status == FB_OK)
        status = found ? read_row(query, &backfill, error)
                       : fb_fail(error, FB_NOT_FOUND, "the stream has had no backfill");
    sqlite3_reset(query);
    pthread_mutex_unlock(&state->lock);
    if (status == FB_OK)
        *ret_backfill = backfill;
    return status;
}

/* What must change a row; FB_NOT_FOUND when it does not. */
static enum fb_status change(struct fb_state *state, sqlite3_stmt *statement,
                             struct fb_error *error)
{
    enum fb_status status = fb_sql_finish(state, statement, error);

    if (status == FB_OK && sqlite3_changes(state->db) == 0)
        status = fb_fail(error, FB_NOT_FOUND, "no backfill of this stream is running");
    return status;
}

/* ---- what backfills went over ---- */

enum fb_status fb_state_backfill_cover(struct fb_state *state, int64_t stream_id, int64_t to_ms,
                                       struct fb_error *error)
{
    return fb_sql_finish(state, fb_sql_start(state, FB_SQL_COVERED_ADD, "ii", stream_id, to_ms),
                         error);
}

static enum fb_status check_new(struct fb_state *state, int64_t stream_id, int64_t from_ms,
                                int64_t to_ms, struct fb_error *error)
{
    sqlite3_stmt *query =
        fb_sql_start(state, FB_SQL_COVERED_FIND, "iii", stream_id, from_ms, to_ms);
    char from[FB_TIME_TEXT_SIZE], to[FB_TIME_TEXT_SIZE];
    bool found = false;
    enum fb_status status = fb_sql_step(state, query, &found, error);

    if (status == FB_OK && found) {
        fb_time_format_rfc3339(sqlite3_column_int64(query, 0), from);
        fb_time_format_rfc3339(sqlite3_column_int64(query, 1), to);
        status = fb_fail(error, FB_INVALID, "a backfill went over %s to %s already", from, to);
    }
    sqlite3_reset(query);
    return status;
}

enum fb_status fb_state_backfill_check_new(struct fb_state *state, int64_t stream_id,
                                           int64_t from_ms, int64_t to_ms, struct fb_error *error)
{
    enum fb_status status;

    pthread_mutex_lock(&state->lock);
    status = check_new(state, stream_id, from_ms, to_ms, error);
    pthread_mutex_unlock(&state->lock);
    return status;
}

/* ---- from its start to its end ---- */

static enum fb_status start(struct fb_state *state, int64_t stream_id,
                            const struct fb_backfill *backfill, struct fb_error *error)
{
    enum fb_status status =
        change(state,
               fb_sql_start(state, FB_SQL_BACKFILL_START, "iiiiiiii", stream_id, backfill->from_ms,
                            backfill->to_ms, (int64_t)backfill->rate, (int64_t)backfill->if_absent,
                            (int64_t)backfill->total_objects, (int64_t)backfill->total_bytes,
                            backfill->started_ms),
               error);

    if (status == FB_NOT_FOUND)
        status = fb_fail(error, FB_CONFLICT, "a backfill of this stream is running");
    return status;
}

enum fb_status fb_state_backfill_start(struct fb_state *state, int64_t stream_id,
                                       const struct fb_backfill *backfill, bool only_new,
                                       struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    if (only_new)
        status = check_new(state, stream_id, backfill->from_ms, backfill->to_ms, error);
    if (status == FB_OK)
        status = start(state, stream_id, backfill, error);
    return fb_sql_end(state, status, error);
}

enum fb_status fb_state_backfill_set_rate(struct fb_state *state, int64_t stream_id, uint64_t rate,
                                          struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = change(
        state, fb_sql_start(state, FB_SQL_BACKFILL_RATE, "ii", stream_id, (int64_t)rate), error);
    return fb_sql_end(state, status, error);
}

enum fb_status fb_state_backfill_cancel(struct fb_state *state, int64_t stream_id, int64_t now_ms,
                                        struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status =
        change(state, fb_sql_start(state, FB_SQL_BACKFILL_CANCEL, "ii", stream_id, now_ms), error);
    if (status == FB_OK)
        status = fb_sql_finish(
            state, fb_sql_start(state, FB_SQL_BACKFILL_DROP_PENDING, "i", stream_id), error);
    return fb_sql_end(state, status, error);
}

static enum fb_status add_objects(struct fb_state *state, int64_t stream_id,
                                  const struct fb_backfill_page *page, uint64_t *added,
                                  struct fb_error *error)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < page->count && status == FB_OK; i++) {
        const struct fb_state_listed *object = &page->objects[i];

        status = fb_sql_finish(state,
                               fb_sql_start(state, FB_SQL_BACKFILL_ADD_OBJECT, "ittiiii", stream_id,
                                            object->key, object->etag, (int64_t)object->size_bytes,
                                            object->key_time_ms, object->last_modified_ms,
                                            (int64_t)page->only_unread),
                               error);
        if (status == FB_OK)
            *added += (uint64_t)sqlite3_changes(state->db);
    }
    return status;
}

enum fb_status fb_state_backfill_add(struct fb_state *state, int64_t stream_id,
                                     const struct fb_backfill_page *page, uint64_t *ret_new,
                                     struct fb_error *error)
{
    uint64_t added = 0;
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = add_objects(state, stream_id, page, &added, error);
    if (status == FB_OK)
        status =
            change(state,
                   fb_sql_start(state, FB_SQL_BACKFILL_MOVE, "iitii", stream_id, page->window_ms,
                                page->cursor, (int64_t)added, page->started_ms),
                   error);
    status = fb_sql_end(state, status, error);
    if (status == FB_OK)
        *ret_new = added;
    return status;
}

static enum fb_status count_ended(struct fb_state *state, int64_t stream_id, struct fb_error *error)
{
    sqlite3_stmt *query = fb_sql_start(state, FB_SQL_BACKFILL_ENDED, "i", stream_id);
    int64_t counts[4] = {0};
    bool found = false;
    enum fb_status status = fb_sql_step(state, query, &found, error);

    for (int i = 0; i < 4 && status == FB_OK; i++)
        counts[i] = sqlite3_column_int64(query, i);
    sqlite3_reset(query);
    if (status != FB_OK || counts[0] == 0)
        return status;
    status = fb_sql_finish(state,
                           fb_sql_start(state, FB_SQL_BACKFILL_COUNT_ENDED, "iiiii", stream_id,
                                        counts[0], counts[1], counts[2], counts[3]),
                           error);
    if (status == FB_OK)
        status = fb_sql_finish(
            state, fb_sql_start(state, FB_SQL_BACKFILL_FORGET_ENDED, "i", stream_id), error);
    if (status == FB_OK)
        status = fb_sql_finish(
            state, fb_sql_start(state, FB_SQL_BACKFILL_KEEP_ENDED, "i", stream_id), error);
    return status;
}

static enum fb_status count_left(struct fb_state *state, int64_t stream_id, uint64_t *ret_left,
                                 struct fb_error *error)
{
    sqlite3_stmt *query = fb_sql_start(state, FB_SQL_BACKFILL_LEFT, "i", stream_id);
    bool found = false;
    enum fb_status status = fb_sql_step(state, query, &found, error);

    if (status == FB_OK)
        *ret_left = number(query, 0);
    sqlite3_reset(query);
    return status;
}

/* A walk that is over, of which nothing is left. */
static enum fb_status complete(struct fb_state *state, int64_t stream_id, int64_t now_ms,
                               struct fb_error *error)
{
    enum fb_status status = fb_sql_finish(
        state, fb_sql_start(state, FB_SQL_BACKFILL_COMPLETE, "ii", stream_id, now_ms), error);

    if (status == FB_OK && sqlite3_changes(state->db) > 0)
        status = fb_state_backfill_cover(state, stream_id, INT64_MAX, error);
    return status;
}

enum fb_status fb_state_backfill_collect(struct fb_state *state, int64_t stream_id, int64_t now_ms,
                                         uint64_t *ret_left, struct fb_error *error)
{
    uint64_t left = 0;
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = count_ended(state, stream_id, error);
    if (status == FB_OK)
        status = count_left(state, stream_id, &left, error);
    if (status == FB_OK && left == 0)
        status = complete(state, stream_id, now_ms, error);
    status = fb_sql_end(state, status, error);
    if (status == FB_OK)
        *ret_left = left;
    return status;
}
