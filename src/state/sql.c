/* SPDX-License-Identifier: Apache-2.0 */
#include "sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The states as they stand in the file: FB_OBJECT_PENDING 0, ACTIVE 1, WRITTEN 2, DONE 3, CHANGED
 * 4, DAMAGED 5, SKIPPED 6. The conditions of the partial indexes must be repeated word for word. */
#define PENDING "state = 0"
#define OPEN    "state IN (1, 2)"
#define ENDED   "state IN (3, 4)"

/*
 * Without statistics SQLite takes the primary key, which begins with the stream too, and goes over
 * every object that is known. Named, an index that does not serve is an error at once.
 */
#define BY_PENDING  "INDEXED BY object_pending"
#define BY_OPEN     "INDEXED BY object_open"
#define BY_BACKFILL "INDEXED BY object_backfill"

/* NULL: to the last key. Any blob comes behind all texts, and so it stays one range of the key. */
#define UP_TO(parameter) "key <= coalesce(" parameter ", x'')"

/* What may be processed again; damaged and skipped objects' rows stay until then. */
#define OVER "state IN (3, 4, 5, 6)"

#define COLUMNS                                                                                    \
    "sequence, state, key, etag, size_bytes, key_time_ms, last_modified_ms,"                       \
    " frontier_record, frontier_offset_bytes, frontier_part, backfill, if_absent, again_ms,"       \
    " reason IS NOT NULL"

static const char *const texts[FB_SQL_COUNT] = {
    [FB_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [FB_SQL_COMMIT] = "COMMIT",
    [FB_SQL_ROLLBACK] = "ROLLBACK",
    [FB_SQL_STREAM_FIND] =
        "SELECT id, source, table_arn, table_created_ms, fingerprint, backlog_listed,"
        " backlog_cursor, backlog_objects, backlog_bytes, start_ms, last_sweep_start_ms,"
        " low_water_ms, next_sequence FROM stream WHERE name = ?1",
    [FB_SQL_STREAM_ADD] =
        "INSERT INTO stream (name, source, table_arn, table_created_ms, fingerprint, start_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [FB_SQL_STREAM_ADOPT] =
        "UPDATE stream SET source = ?2, table_arn = ?3, table_created_ms = ?4 WHERE name = ?1",
    [FB_SQL_STREAM_RENAME] = "UPDATE stream SET name = ?2 WHERE name = ?1",
    [FB_SQL_STREAM_FINGERPRINT] = "UPDATE stream SET fingerprint = ?2 WHERE id = ?1",
    [FB_SQL_STREAM_BACKLOG] =
        "UPDATE stream SET backlog_cursor = coalesce(?2, backlog_cursor),"
        " backlog_listed = max(backlog_listed, ?3), backlog_objects = backlog_objects + ?4,"
        " backlog_bytes = backlog_bytes + ?5 WHERE id = ?1",
    [FB_SQL_STREAM_SEQUENCE] = "SELECT next_sequence FROM stream WHERE id = ?1",
    [FB_SQL_STREAM_NEXT_SEQUENCE] = "UPDATE stream SET next_sequence = ?2 WHERE id = ?1",
    [FB_SQL_STREAM_SWEPT] = "UPDATE stream SET last_sweep_start_ms = ?2,"
                            " low_water_ms = max(low_water_ms, ?3) WHERE id = ?1",
    [FB_SQL_OBJECT_ADD] =
        "INSERT INTO object (stream_id, key, etag, size_bytes, key_time_ms, last_modified_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    [FB_SQL_OBJECT_REPLACE] =
        "DELETE FROM object WHERE stream_id = ?1 AND key = ?2 AND etag <> ?3 AND " PENDING,
    [FB_SQL_OBJECT_FIRST_PENDING] = "SELECT " COLUMNS " FROM object " BY_PENDING
                                    " WHERE stream_id = ?1 AND backfill = ?2 AND " PENDING
                                    " ORDER BY key_time_ms, last_modified_ms, key LIMIT 1",
    [FB_SQL_OBJECT_ACTIVATE] = "UPDATE object SET state = 1, sequence = ?4"
                               " WHERE stream_id = ?1 AND key = ?2 AND etag = ?3",
    [FB_SQL_OBJECT_RESUME] =
        "SELECT " COLUMNS " FROM object " BY_OPEN
        " WHERE stream_id = ?1 AND sequence > ?2 AND " OPEN " ORDER BY sequence LIMIT 1",
    [FB_SQL_OBJECT_RESTART] =
        "UPDATE object " BY_OPEN " SET state = 1, records = 0, dead_letters = 0,"
        " frontier_record = 0, frontier_offset_bytes = 0, frontier_part = 0"
        " WHERE stream_id = ?1 AND " OPEN,
    [FB_SQL_OBJECT_PROGRESS] =
        "UPDATE object " BY_OPEN " SET state = ?3, records = ?4, dead_letters = ?5,"
        " frontier_record = iif(?3 IN (1, 2), ?6, 0),"
        " frontier_offset_bytes = iif(?3 IN (1, 2), ?7, 0),"
        " frontier_part = iif(?3 IN (1, 2), ?8, 0),"
        " reason = CASE WHEN ?3 IN (1, 2, 6) THEN reason END"
        " WHERE stream_id = ?1 AND sequence = ?2 AND " OPEN,
    [FB_SQL_OBJECT_FIRST_OPEN] = "SELECT sequence FROM object " BY_OPEN
                                 " WHERE stream_id = ?1 AND " OPEN " ORDER BY sequence LIMIT 1",
    [FB_SQL_OBJECT_SLICE] = "SELECT key FROM object WHERE stream_id = ?1 AND key > ?2"
                            " ORDER BY key LIMIT 1 OFFSET 9999",
    [FB_SQL_OBJECT_PRUNE] = "DELETE FROM object WHERE stream_id = ?1 AND key > ?3 AND " UP_TO(
        "?4") " AND " ENDED " AND backfill = 0 AND key_time_ms < ?2 AND last_modified_ms < ?2",
    [FB_SQL_OBJECT_ENDED_KEYS] = "SELECT DISTINCT key FROM object WHERE stream_id = ?1 AND key > ?2"
                                 " AND " UP_TO("?3") " AND " ENDED " ORDER BY key",
    [FB_SQL_OBJECT_FORGET] = "DELETE FROM object WHERE stream_id = ?1 AND key = ?2 AND " ENDED,
    /* How late a stream is does not depend on what a backfill has still to do. */
    [FB_SQL_OBJECT_BACKLOG] =
        "SELECT objects, bytes, (SELECT min(key_time_ms) FROM object " BY_PENDING
        " WHERE stream_id = ?1 AND backfill = 0 AND " PENDING ")"
        " FROM tally WHERE stream_id = ?1 AND state = 0 UNION ALL "
        "SELECT count(*), sum(size_bytes), min(key_time_ms) FROM object " BY_OPEN
        " WHERE stream_id = ?1 AND " OPEN " AND state = 1",
    [FB_SQL_OBJECT_OF_KEY] = "SELECT count(*), total(state = 6) FROM object"
                             " WHERE stream_id = ?1 AND key = ?2 AND etag = coalesce(?3, etag)",
    [FB_SQL_OBJECT_SKIP] = "UPDATE object SET state = 6, reason = ?3"
                           " WHERE stream_id = ?1 AND key = ?2 AND state IN (0, 5)",
    [FB_SQL_OBJECT_ASK_SKIP] =
        "UPDATE object SET reason = ?3 WHERE stream_id = ?1 AND key = ?2 AND " OPEN,
    [FB_SQL_OBJECT_ADD_SKIPPED] =
        "INSERT INTO object (stream_id, key, etag, size_bytes, key_time_ms, last_modified_ms,"
        " reason, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 6) ON CONFLICT DO NOTHING",
    [FB_SQL_OBJECT_NEXT_ASKED] =
        "SELECT sequence FROM object " BY_OPEN " WHERE stream_id = ?1 AND sequence > ?2 AND " OPEN
        " AND reason IS NOT NULL ORDER BY sequence LIMIT 1",
    [FB_SQL_BACKFILL_FIND] =
        "SELECT state, from_ms, to_ms, rate, if_absent, total_objects, total_bytes, started_ms,"
        " ended_ms, window_ms, cursor, objects_listed, objects, bytes, records, dead_letters"
        " FROM backfill WHERE stream_id = ?1",
    [FB_SQL_BACKFILL_START] =
        "INSERT INTO backfill (stream_id, state, from_ms, to_ms, rate, if_absent, total_objects,"
        " total_bytes, started_ms, window_ms) VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?2)"
        " ON CONFLICT (stream_id) DO UPDATE SET state = 0, from_ms = excluded.from_ms,"
        " to_ms = excluded.to_ms, rate = excluded.rate, if_absent = excluded.if_absent,"
        " total_objects = excluded.total_objects, total_bytes = excluded.total_bytes,"
        " started_ms = excluded.started_ms, ended_ms = 0, window_ms = excluded.window_ms,"
        " cursor = NULL, objects_listed = 0, objects = 0, bytes = 0, records = 0,"
        " dead_letters = 0 WHERE state <> 0",
    [FB_SQL_BACKFILL_RATE] = "UPDATE backfill SET rate = ?2 WHERE stream_id = ?1 AND state = 0",
    [FB_SQL_BACKFILL_CANCEL] =
        "UPDATE backfill SET state = 2, ended_ms = ?2 WHERE stream_id = ?1 AND state = 0",
    [FB_SQL_BACKFILL_DROP_PENDING] =
        "DELETE FROM object " BY_BACKFILL " WHERE stream_id = ?1 AND backfill = 1 AND " PENDING,
    [FB_SQL_BACKFILL_ADD_OBJECT] =
        "INSERT INTO object (stream_id, key, etag, size_bytes, key_time_ms, last_modified_ms,"
        " backfill, if_absent) SELECT ?1, ?2, ?3, ?4, ?5, ?6, 1, backfill.if_absent"
        " FROM backfill JOIN stream ON stream.id = stream_id WHERE stream_id = ?1 AND"
        " ((NOT ?7 AND ?5 < low_water_ms AND ?6 < low_water_ms) OR (?5 < start_ms AND ?6 < "
        "start_ms))"
        " ON CONFLICT DO NOTHING",
    [FB_SQL_BACKFILL_MOVE] =
        "UPDATE backfill SET window_ms = ?2, cursor = ?3, objects_listed = objects_listed + ?4"
        " WHERE stream_id = ?1 AND state = 0 AND started_ms = ?5",
    [FB_SQL_BACKFILL_ENDED] =
        "SELECT count(*), sum(size_bytes), sum(records), sum(dead_letters) FROM object"
        " " BY_BACKFILL " WHERE stream_id = ?1 AND backfill = 1 AND " OVER,
    [FB_SQL_BACKFILL_COUNT_ENDED] =
        "UPDATE backfill SET objects = objects + ?2, bytes = bytes + ?3, records = records + ?4,"
        " dead_letters = dead_letters + ?5 WHERE stream_id = ?1",
    [FB_SQL_BACKFILL_FORGET_ENDED] =
        "DELETE FROM object " BY_BACKFILL " WHERE stream_id = ?1 AND backfill = 1 AND " ENDED,
    [FB_SQL_BACKFILL_KEEP_ENDED] = "UPDATE object " BY_BACKFILL " SET backfill = 0"
                                   " WHERE stream_id = ?1 AND backfill = 1 AND " OVER,
    [FB_SQL_BACKFILL_LEFT] =
        "SELECT count(*) FROM object " BY_BACKFILL " WHERE stream_id = ?1 AND backfill = 1",
    [FB_SQL_BACKFILL_COMPLETE] = "UPDATE backfill SET state = 1, ended_ms = ?2"
                                 " WHERE stream_id = ?1 AND state = 0 AND window_ms >= to_ms",
    [FB_SQL_COVERED_ADD] =
        "INSERT INTO covered SELECT stream_id, from_ms, min(?2, to_ms) FROM backfill"
        " WHERE stream_id = ?1"
        " ON CONFLICT (stream_id, from_ms) DO UPDATE SET to_ms = max(to_ms, excluded.to_ms)",
    [FB_SQL_COVERED_FIND] = "SELECT from_ms, to_ms FROM covered WHERE stream_id = ?1"
                            " AND from_ms < ?3 AND to_ms > ?2 ORDER BY from_ms LIMIT 1",
};

/* "disk I/O error" alone does not say that the disk is full. */
static enum fb_status fail_io(const struct fb_state *state, int code, struct fb_error *error)
{
    const int number = sqlite3_system_errno(state->db);
    const bool has_number =
        number != 0 && (code == SQLITE_IOERR || code == SQLITE_CANTOPEN || code == SQLITE_FULL);

    return fb_fail(error, FB_IO, "%s: cannot use the state file: %s%s%s (SQLite %d)", state->path,
                   sqlite3_errmsg(state->db), has_number ? ": " : "",
                   has_number ? strerror(number) : "", sqlite3_extended_errcode(state->db));
}

enum fb_status fb_sql_fail(struct fb_state *state, struct fb_error *error)
{
    int code = sqlite3_errcode(state->db) & 0xff;
    const char *text = sqlite3_errmsg(state->db);

    switch (code) {
    case SQLITE_NOMEM:
        return fb_fail(error, FB_NO_MEMORY, "%s: out of memory", state->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fb_fail(error, FB_CORRUPT,
                       "%s: the state file is damaged (%s); " FB_STATE_WHAT_TO_DO, state->path,
                       text);
    case SQLITE_INTERRUPT:
        return fb_fail(error, FB_CANCELED, "%s: broken off", state->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fb_fail(error, FB_IO, "%s: another program holds the state file open for writing",
                       state->path);
    default:
        return fail_io(state, code, error);
    }
}

enum fb_status fb_sql_ask(struct fb_state *state, const char *sql, char text[256],
                          struct fb_error *error)
{
    enum fb_status status = FB_OK;
    sqlite3_stmt *statement = NULL;

    text[0] = '\0';
    if (sqlite3_prepare_v2(state->db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        status = fb_sql_fail(state, error);
    else
        snprintf(text, 256, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return status;
}

enum fb_status fb_sql_prepare_all(struct fb_state *state, struct fb_error *error)
{
    for (int i = 0; i < FB_SQL_COUNT; i++)
        if (sqlite3_prepare_v3(state->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &state->statements[i], NULL) != SQLITE_OK)
            return fb_sql_fail(state, error);
    return FB_OK;
}

void fb_sql_finalize_all(struct fb_state *state)
{
    for (int i = 0; i < FB_SQL_COUNT; i++) {
        sqlite3_finalize(state->statements[i]);
        state->statements[i] = NULL;
    }
}

sqlite3_stmt *fb_sql_start(struct fb_state *state, enum fb_sql sql, const char *format, ...)
{
    sqlite3_stmt *statement = state->statements[sql];
    va_list arguments;

    sqlite3_reset(statement);
    va_start(arguments, format);
    for (int i = 0; format[i] != '\0'; i++) {
        if (format[i] == 'i')
            sqlite3_bind_int64(statement, i + 1, va_arg(arguments, int64_t));
        else
            sqlite3_bind_text(statement, i + 1, va_arg(arguments, const char *), -1, SQLITE_STATIC);
    }
    va_end(arguments);
    return statement;
}

enum fb_status fb_sql_step(struct fb_state *state, sqlite3_stmt *statement, bool *ret_row,
                           struct fb_error *error)
{
    enum fb_status status;
    int code = sqlite3_step(statement);

    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        *ret_row = code == SQLITE_ROW;
        return FB_OK;
    }
    status = fb_sql_fail(state, error);
    sqlite3_reset(statement);
    return status;
}

enum fb_status fb_sql_finish(struct fb_state *state, sqlite3_stmt *statement,
                             struct fb_error *error)
{
    enum fb_status status = FB_OK;
    bool row = true;

    while (status == FB_OK && row)
        status = fb_sql_step(state, statement, &row, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

static enum fb_status run(struct fb_state *state, enum fb_sql sql, struct fb_error *error)
{
    return fb_sql_finish(state, fb_sql_start(state, sql, ""), error);
}

enum fb_status fb_sql_begin(struct fb_state *state, struct fb_error *error)
{
    enum fb_status status;

    pthread_mutex_lock(&state->lock);
    status = state->damage[0] != '\0' ? fb_fail(error, FB_CORRUPT, "%s", state->damage)
                                      : run(state, FB_SQL_BEGIN, error);
    if (status != FB_OK)
        pthread_mutex_unlock(&state->lock);
    return status;
}

/* The -wal file may be what fills a small disk: what it holds has its place in the database. */
static void empty_log(struct fb_state *state)
{
    sqlite3_wal_checkpoint_v2(state->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

enum fb_status fb_sql_check_place(struct fb_state *state, struct fb_error *error)
{
    int has_moved = 0;

    if (state->lock_fd < 0)
        sqlite3_file_control(state->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
    if (has_moved == 0)
        return FB_OK;
    return fb_fail(error, FB_IO,
                   "%s: the state file was replaced meanwhile; give the command again",
                   state->path);
}

/* Checked behind the commit too: the file may be replaced between the two. */
static enum fb_status commit(struct fb_state *state, struct fb_error *error)
{
    enum fb_status status = fb_sql_check_place(state, error);

    if (status == FB_OK)
        status = run(state, FB_SQL_COMMIT, error);
    return status == FB_OK ? fb_sql_check_place(state, error) : status;
}

enum fb_status fb_sql_end(struct fb_state *state, enum fb_status status, struct fb_error *error)
{
    bool is_full;

    /* A statement left in mid-read would keep the transaction from ending. */
    for (int i = 0; i < FB_SQL_COUNT; i++)
        if (sqlite3_stmt_busy(state->statements[i]))
            sqlite3_reset(state->statements[i]);
    if (status == FB_OK)
        status = commit(state, error);
    is_full = (sqlite3_errcode(state->db) & 0xff) == SQLITE_FULL;
    /* After some errors (a full disk) SQLite has rolled back by itself. */
    if (status != FB_OK && !sqlite3_get_autocommit(state->db)) {
        enum fb_status rolled_back = run(state, FB_SQL_ROLLBACK, NULL);

        (void)rolled_back;
    }
    if (status == FB_IO && is_full)
        empty_log(state);
    pthread_mutex_unlock(&state->lock);
    return status;
}

char *fb_sql_column_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text != NULL ? strdup(text) : NULL;
}
