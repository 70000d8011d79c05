/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is gathered lies in a temporary table of this connection, which no other sees; it is made
 * when it is needed, so these statements are not among those that every connection prepares.
 */
#include "firebridge/state/replay.h"

#include "sql.h"

/* What a listing of the stream passes over: its row is pruned, or there never was one. */
#define HISTORY                                                                                    \
    "((gathered.key_time_ms < low_water_ms AND gathered.last_modified_ms < low_water_ms)"          \
    " OR (gathered.key_time_ms < start_ms AND gathered.last_modified_ms < start_ms))"

#define KNOWN "object.stream_id = ?1 AND object.key = gathered.key AND object.etag = gathered.etag"

static const char make_table[] =
    "PRAGMA temp_store = FILE;"
    "DROP TABLE IF EXISTS temp.gathered;"
    "CREATE TEMP TABLE gathered ("
    " key TEXT NOT NULL PRIMARY KEY, etag TEXT NOT NULL, size_bytes INTEGER NOT NULL,"
    " key_time_ms INTEGER NOT NULL, last_modified_ms INTEGER NOT NULL) WITHOUT ROWID";

static const char gather[] = "INSERT OR REPLACE INTO gathered VALUES (?1, ?2, ?3, ?4, ?5)";

static const char count_gathered[] = "SELECT count(*) FROM gathered";

/* A row for each kind: 1 again, 2 under way, 3 unread, 4 pruned, 5 to come. */
static const char plan[] =
    "SELECT CASE WHEN object.state IN (3, 4, 5, 6) THEN 1 WHEN object.state IS NOT NULL THEN 2"
    " WHEN gathered.key_time_ms < start_ms AND gathered.last_modified_ms < start_ms THEN 3"
    " WHEN " HISTORY " THEN 4 ELSE 5 END AS kind, count(*), sum(gathered.size_bytes)"
    " FROM gathered JOIN stream ON stream.id = ?1 LEFT JOIN object ON " KNOWN " GROUP BY kind";

static const char known[] = "SELECT sum(records), sum(size_bytes) FROM object"
                            " WHERE stream_id = ?1 AND state = 3";

static const char mark_all[] =
    "INSERT INTO object (stream_id, key, etag, size_bytes, key_time_ms, last_modified_ms,"
    " if_absent, again_ms)"
    " SELECT ?1, key, etag, size_bytes, key_time_ms, last_modified_ms, ?2, ?3 FROM gathered"
    " JOIN stream ON stream.id = ?1 WHERE " HISTORY " OR EXISTS (SELECT 1 FROM object WHERE " KNOWN
    ")"
    " ON CONFLICT (stream_id, key, etag) DO UPDATE SET state = 0, sequence = 0, records = 0,"
    " dead_letters = 0, frontier_record = 0, frontier_offset_bytes = 0, frontier_part = 0,"
    " backfill = 0, if_absent = excluded.if_absent, again_ms = excluded.again_ms, reason = NULL"
    " WHERE object.state IN (3, 4, 5, 6)";

enum fb_status fb_state_replay_begin(struct fb_state *state, struct fb_error *error)
{
    enum fb_status status = FB_OK;

    pthread_mutex_lock(&state->lock);
    if (sqlite3_exec(state->db, make_table, NULL, NULL, NULL) != SQLITE_OK)
        status = fb_sql_fail(state, error);
    pthread_mutex_unlock(&state->lock);
    return status;
}

static enum fb_status prepare(struct fb_state *state, const char *sql, sqlite3_stmt **ret_statement,
                              struct fb_error *error)
{
    if (sqlite3_prepare_v2(state->db, sql, -1, ret_statement, NULL) == SQLITE_OK)
        return FB_OK;
    return fb_sql_fail(state, error);
}

static enum fb_status gather_one(struct fb_state *state, sqlite3_stmt *insert,
                                 const struct fb_state_listed *object, struct fb_error *error)
{
    sqlite3_bind_text(insert, 1, object->key, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 2, object->etag, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 3, (int64_t)object->size_bytes);
    sqlite3_bind_int64(insert, 4, object->key_time_ms);
    sqlite3_bind_int64(insert, 5, object->last_modified_ms);
    return fb_sql_finish(state, insert, error);
}

/* The first column of the first row. */
static enum fb_status ask_number(struct fb_state *state, const char *sql, int64_t *ret_number,
                                 struct fb_error *error)
{
    sqlite3_stmt *query = NULL;
    bool found = false;
    enum fb_status status = prepare(state, sql, &query, error);

    if (status == FB_OK)
        status = fb_sql_step(state, query, &found, error);
    if (status == FB_OK)
        *ret_number = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    return status;
}

enum fb_status fb_state_replay_gather(struct fb_state *state, const struct fb_state_listed *objects,
                                      size_t count, struct fb_error *error)
{
    sqlite3_stmt *insert = NULL;
    int64_t gathered = 0;
    enum fb_status status;

    pthread_mutex_lock(&state->lock);
    status = prepare(state, gather, &insert, error);
    for (size_t i = 0; i < count && status == FB_OK; i++)
        status = gather_one(state, insert, &objects[i], error);
    sqlite3_finalize(insert);
    if (status == FB_OK)
        status = ask_number(state, count_gathered, &gathered, error);
    pthread_mutex_unlock(&state->lock);
    if (status == FB_OK && gathered > FB_REPLAY_MAX_OBJECTS)
        status = fb_fail(error, FB_TOO_LARGE,
                         "these are over %d objects; replay less at a time, or let a backfill go "
                         "over them",
                         FB_REPLAY_MAX_OBJECTS);
    return status;
}

static void take_kind(struct fb_replay_plan *ret_plan, int kind, uint64_t count, uint64_t bytes)
{
    switch (kind) {
    case 1:
        ret_plan->again = count;
        ret_plan->again_bytes = bytes;
        break;
    case 2:
        ret_plan->under_way = count;
        break;
    case 5:
        ret_plan->to_come = count;
        break;
    default:
        ret_plan->pruned += count;
        ret_plan->pruned_bytes += bytes;
        ret_plan->unread += kind == 3 ? count : 0;
    }
}

static enum fb_status read_plan(struct fb_state *state, int64_t stream_id,
                                struct fb_replay_plan *ret_plan, struct fb_error *error)
{
    sqlite3_stmt *query = NULL;
    bool row = true;
    enum fb_status status = prepare(state, plan, &query, error);

    sqlite3_bind_int64(query, 1, stream_id);
    while (status == FB_OK && row) {
        status = fb_sql_step(state, query, &row, error);
        if (status == FB_OK && row)
            take_kind(ret_plan, sqlite3_column_int(query, 0),
                      (uint64_t)sqlite3_column_int64(query, 1),
                      (uint64_t)sqlite3_column_int64(query, 2));
    }
    sqlite3_finalize(query);
    return status;
}

static enum fb_status read_known(struct fb_state *state, int64_t stream_id,
                                 struct fb_replay_plan *ret_plan, struct fb_error *error)
{
    sqlite3_stmt *query = NULL;
    bool row = false;
    enum fb_status status = prepare(state, known, &query, error);

    sqlite3_bind_int64(query, 1, stream_id);
    if (status == FB_OK)
        status = fb_sql_step(state, query, &row, error);
    if (status == FB_OK) {
        ret_plan->known_records = (uint64_t)sqlite3_column_int64(query, 0);
        ret_plan->known_bytes = (uint64_t)sqlite3_column_int64(query, 1);
    }
    sqlite3_finalize(query);
    return status;
}

enum fb_status fb_state_replay_plan(struct fb_state *state, int64_t stream_id,
                                    struct fb_replay_plan *ret_plan, struct fb_error *error)
{
    struct fb_replay_plan found = {0};
    enum fb_status status;

    pthread_mutex_lock(&state->lock);
    status = read_plan(state, stream_id, &found, error);
    if (status == FB_OK)
        status = read_known(state, stream_id, &found, error);
    pthread_mutex_unlock(&state->lock);
    if (status == FB_OK)
        *ret_plan = found;
    return status;
}

enum fb_status fb_state_replay_mark(struct fb_state *state, int64_t stream_id,
                                    const struct fb_replay_mark *mark, uint64_t *ret_objects,
                                    struct fb_error *error)
{
    sqlite3_stmt *insert = NULL;
    uint64_t objects = 0;
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = prepare(state, mark_all, &insert, error);
    sqlite3_bind_int64(insert, 1, stream_id);
    sqlite3_bind_int64(insert, 2, mark->if_absent);
    sqlite3_bind_int64(insert, 3, mark->again_ms);
    if (status == FB_OK)
        status = fb_sql_finish(state, insert, error);
    objects = (uint64_t)sqlite3_changes64(state->db);
    sqlite3_finalize(insert);
    status = fb_sql_end(state, status, error);
    if (status == FB_OK)
        *ret_objects = objects;
    return status;
}
