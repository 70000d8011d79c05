/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/state/skip.h"

#include "sql.h"

/* Runs an UPDATE of the rows of a key; so many changed. */
static enum fb_status mark(struct fb_state *state, enum fb_sql sql, int64_t stream_id,
                           const char *key, const char *reason, unsigned *ret_changed,
                           struct fb_error *error)
{
    enum fb_status status =
        fb_sql_finish(state, fb_sql_start(state, sql, "itt", stream_id, key, reason), error);

    if (status == FB_OK)
        *ret_changed = (unsigned)sqlite3_changes(state->db);
    return status;
}

static enum fb_status count_rows(struct fb_state *state, int64_t stream_id, const char *key,
                                 const char *etag, unsigned *ret_count, unsigned *ret_skipped,
                                 struct fb_error *error)
{
    sqlite3_stmt *query = fb_sql_start(state, FB_SQL_OBJECT_OF_KEY, "itt", stream_id, key, etag);
    bool found = false;
    enum fb_status status = fb_sql_step(state, query, &found, error);

    if (status == FB_OK) {
        *ret_count = (unsigned)sqlite3_column_int(query, 0);
        *ret_skipped = (unsigned)sqlite3_column_int(query, 1);
    }
    sqlite3_reset(query);
    return status;
}

static enum fb_status skip(struct fb_state *state, int64_t stream_id, const char *key,
                           const char *reason, struct fb_skip_result *result,
                           struct fb_error *error)
{
    unsigned rows = 0;
    enum fb_status status = count_rows(state, stream_id, key, NULL, &rows, &result->already, error);

    if (status == FB_OK && rows == 0)
        return fb_fail(error, FB_NOT_FOUND, "the state file knows no object %.1024s", key);
    if (status == FB_OK)
        status = mark(state, FB_SQL_OBJECT_SKIP, stream_id, key, reason, &result->skipped, error);
    if (status == FB_OK)
        status = mark(state, FB_SQL_OBJECT_ASK_SKIP, stream_id, key, reason, &result->asked, error);
    result->ended = rows - result->skipped - result->asked - result->already;
    return status;
}

enum fb_status fb_state_skip(struct fb_state *state, int64_t stream_id, const char *key,
                             const char *reason, struct fb_skip_result *ret_result,
                             struct fb_error *error)
{
    struct fb_skip_result result = {0};
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = skip(state, stream_id, key, reason, &result, error);
    status = fb_sql_end(state, status, error);
    if (status == FB_OK)
        *ret_result = result;
    return status;
}

enum fb_status fb_state_count_of_key(struct fb_state *state, int64_t stream_id, const char *key,
                                     const char *etag, unsigned *ret_rows, unsigned *ret_skipped,
                                     struct fb_error *error)
{
    enum fb_status status;

    pthread_mutex_lock(&state->lock);
    status = count_rows(state, stream_id, key, etag, ret_rows, ret_skipped, error);
    pthread_mutex_unlock(&state->lock);
    return status;
}

enum fb_status fb_state_add_skipped(struct fb_state *state, int64_t stream_id,
                                    const struct fb_state_listed *object, const char *reason,
                                    struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = fb_sql_finish(state,
                           fb_sql_start(state, FB_SQL_OBJECT_ADD_SKIPPED, "ittiiit", stream_id,
                                        object->key, object->etag, (int64_t)object->size_bytes,
                                        object->key_time_ms, object->last_modified_ms, reason),
                           error);
    if (status == FB_OK && sqlite3_changes(state->db) == 0)
        status =
            fb_fail(error, FB_CONFLICT, "the state file knows object %.1024s by now", object->key);
    return fb_sql_end(state, status, error);
}

enum fb_status fb_state_next_asked(struct fb_state *state, int64_t stream_id, uint64_t after,
                                   uint64_t *ret_sequence, struct fb_error *error)
{
    sqlite3_stmt *query;
    enum fb_status status;
    bool found = false;

    pthread_mutex_lock(&state->lock);
    query = fb_sql_start(state, FB_SQL_OBJECT_NEXT_ASKED, "ii", stream_id, (int64_t)after);
    status = fb_sql_check_place(state, error);
    if (status == FB_OK)
        status = fb_sql_step(state, query, &found, error);
    if (status == FB_OK && found)
        *ret_sequence = (uint64_t)sqlite3_column_int64(query, 0);
    sqlite3_reset(query);
    pthread_mutex_unlock(&state->lock);
    return status == FB_OK && !found ? FB_END : status;
}
