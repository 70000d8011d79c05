/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/state/ledger.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sql.h"

/* The daemon's commits are short. */
#define BUSY_TIMEOUT_MS 10000

/* A late object may have been taken up behind one whose row is kept, and its own row be gone by
 * now: only one that S3 has had since then is beyond doubt. */
#define FORGOTTEN_WITHIN_MS (2 * 3600 * INT64_C(1000))

enum sql {
    FIND_STREAM,
    COPY,
    NEWEST,
    CHOOSE,
    LEFT_OUT,
    NEXT_OBJECT,
    FIND_ENTRY,
    PUT_ENTRY,
    NEXT_ENTRY,
    DROP_ENTRY,
    SQL_COUNT,
};

/* An unnamed database lies in a file that SQLite removes, and is cached within cache_size. */
static const char schema[] =
    "PRAGMA cache_size = -4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
    "CREATE TABLE known (sequence INTEGER PRIMARY KEY, state, key TEXT, etag TEXT, size_bytes,"
    " key_time_ms, last_modified_ms, dead_letters, if_absent, chosen DEFAULT 0);"
    "CREATE INDEX known_chosen ON known (sequence) WHERE chosen;"
    "CREATE TABLE expected (key BLOB PRIMARY KEY, kind, suspect, unsure, first, last, record,"
    " item BLOB) WITHOUT ROWID;"
    "CREATE INDEX expected_suspect ON expected (key) WHERE suspect;";

#define KNOWN_COLUMNS                                                                              \
    "sequence, state, key, etag, size_bytes, key_time_ms, last_modified_ms, dead_letters, "        \
    "if_absent"
#define ENTRY_COLUMNS "key, kind, suspect, unsure, first, last, record, item"

/* The states are those of enum fb_object_state: done, or damaged. */
#define IS_CANDIDATE "state IN (3, 5) AND key_time_ms >= ?1 AND key_time_ms < ?2"

static const char *const texts[SQL_COUNT] = {
    [FIND_STREAM] = "SELECT id, low_water_ms, source FROM file.stream WHERE name = ?1",
    [COPY] = "INSERT INTO known (" KNOWN_COLUMNS ") SELECT " KNOWN_COLUMNS
             " FROM file.object WHERE stream_id = ?1 AND sequence > 0"
             " ON CONFLICT (sequence) DO UPDATE SET state = excluded.state,"
             " dead_letters = excluded.dead_letters",
    [NEWEST] = "SELECT max(sequence) FROM known",
    [CHOOSE] = "UPDATE known SET chosen = 1 WHERE sequence IN (SELECT sequence FROM known "
               "WHERE " IS_CANDIDATE " AND last_modified_ms >= ?3 ORDER BY random() LIMIT ?4)",
    [LEFT_OUT] = "SELECT count(*) FROM known WHERE " IS_CANDIDATE " AND last_modified_ms < ?3",
    [NEXT_OBJECT] = "SELECT " KNOWN_COLUMNS " FROM known WHERE sequence > ?1 AND (chosen OR NOT ?2)"
                    " ORDER BY sequence LIMIT 1",
    [FIND_ENTRY] = "SELECT " ENTRY_COLUMNS " FROM expected WHERE key = ?1",
    [PUT_ENTRY] = "INSERT OR REPLACE INTO expected (" ENTRY_COLUMNS
                  ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [NEXT_ENTRY] = "SELECT " ENTRY_COLUMNS
                   " FROM expected WHERE key > ?1 AND (suspect OR NOT ?2) ORDER BY key LIMIT 1",
    [DROP_ENTRY] = "DELETE FROM expected WHERE key = ?1",
};

struct fb_ledger {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
    char *path;
    int64_t stream_id, low_water_ms;
};

static enum fb_status fail(struct fb_ledger *ledger, struct fb_error *error)
{
    const int code = ledger->db == NULL ? SQLITE_NOMEM : sqlite3_errcode(ledger->db);

    if ((code & 0xff) == SQLITE_NOMEM)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    return fb_fail(error, FB_IO, "reading %s: %s", ledger->path, sqlite3_errmsg(ledger->db));
}

/* Reading alone: whatever is wrong with the file, it is not made worse here. */
static enum fb_status attach(struct fb_ledger *ledger, struct fb_error *error)
{
    sqlite3_stmt *statement = NULL;
    char *uri = NULL;
    enum fb_status status = FB_OK;

    /* A path has no % or ?, or SQLite would take them for something. */
    uri = sqlite3_mprintf("file:%s?mode=ro%s", ledger->path,
                          fb_state_is_frozen(ledger->path) ? "&immutable=1" : "");
    if (strpbrk(ledger->path, "%?#") != NULL)
        status = fb_fail(error, FB_UNSUPPORTED, "%s: such a path cannot be read", ledger->path);
    else if (uri == NULL ||
             sqlite3_prepare_v2(ledger->db, "ATTACH ?1 AS file", -1, &statement, NULL) !=
                 SQLITE_OK ||
             sqlite3_bind_text(statement, 1, uri, -1, SQLITE_STATIC) != SQLITE_OK ||
             sqlite3_step(statement) != SQLITE_DONE)
        status = fail(ledger, error);
    sqlite3_finalize(statement);
    sqlite3_free(uri);
    return status;
}

static enum fb_status prepare(struct fb_ledger *ledger, struct fb_error *error)
{
    enum fb_status status;

    if (sqlite3_open_v2("", &ledger->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI |
                            SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(ledger->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return fail(ledger, error);
    sqlite3_busy_timeout(ledger->db, BUSY_TIMEOUT_MS);
    status = attach(ledger, error);
    for (size_t i = 0; i < SQL_COUNT && status == FB_OK; i++)
        if (sqlite3_prepare_v2(ledger->db, texts[i], -1, &ledger->statements[i], NULL) != SQLITE_OK)
            status = fail(ledger, error);
    /* Reading alone cannot bring it to this version. */
    if (status == FB_IO && sqlite3_errcode(ledger->db) == SQLITE_ERROR)
        status =
            fb_fail(error, FB_UNSUPPORTED,
                    "%s is no state file of this version (%s); `firebridge run` brings an older "
                    "one to it",
                    ledger->path, sqlite3_errmsg(ledger->db));
    return status;
}

/* Begins anew with whole numbers bound, from ?1 on. */
static sqlite3_stmt *start(struct fb_ledger *ledger, enum sql sql, int count, ...)
{
    sqlite3_stmt *statement = ledger->statements[sql];
    va_list numbers;

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    va_start(numbers, count);
    for (int i = 1; i <= count; i++)
        (void)sqlite3_bind_int64(statement, i, va_arg(numbers, int64_t));
    va_end(numbers);
    return statement;
}

/* FB_OK with a row, FB_END without. */
static enum fb_status step(struct fb_ledger *ledger, sqlite3_stmt *statement,
                           struct fb_error *error)
{
    const int result = sqlite3_step(statement);

    if (result == SQLITE_ROW)
        return FB_OK;
    return result == SQLITE_DONE ? FB_END : fail(ledger, error);
}

/* Runs what gives no row. */
static enum fb_status finish(struct fb_ledger *ledger, sqlite3_stmt *statement,
                             struct fb_error *error)
{
    enum fb_status status = step(ledger, statement, error);

    sqlite3_reset(statement);
    return status == FB_END ? FB_OK : status;
}

static enum fb_status check_source(const struct fb_ledger *ledger, const char *stream,
                                   const char *stored, const char *source, struct fb_error *error)
{
    if (source == NULL || (stored != NULL && strcmp(stored, source) == 0))
        return FB_OK;
    return fb_fail(
        error, FB_CONFLICT,
        "%s: the checkpoint belongs to source %s, not to %s; if it is the same in truth, "
        "firebridge state adopt %s",
        ledger->path, stored != NULL ? stored : "(none)", source, stream);
}

static enum fb_status find_stream(struct fb_ledger *ledger, const char *stream, const char *source,
                                  struct fb_error *error)
{
    sqlite3_stmt *statement = start(ledger, FIND_STREAM, 0);
    enum fb_status status;

    (void)sqlite3_bind_text(statement, 1, stream, -1, SQLITE_STATIC);
    status = step(ledger, statement, error);
    if (status == FB_OK) {
        ledger->stream_id = sqlite3_column_int64(statement, 0);
        ledger->low_water_ms = sqlite3_column_int64(statement, 1);
        status = check_source(ledger, stream, (const char *)sqlite3_column_text(statement, 2),
                              source, error);
    }
    sqlite3_reset(statement);
    return status == FB_END
               ? fb_fail(error, FB_NOT_FOUND, "%s knows nothing of it: it has not been run yet",
                         ledger->path)
               : status;
}

enum fb_status fb_ledger_open(const char *state_directory, const char *stream, const char *source,
                              struct fb_ledger **ret_ledger, struct fb_error *error)
{
    struct fb_ledger *ledger = calloc(1, sizeof *ledger);
    enum fb_status status;

    if (ledger == NULL || asprintf(&ledger->path, "%s/firebridge.db", state_directory) < 0) {
        free(ledger);
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    if (access(ledger->path, F_OK) != 0)
        status = fb_fail(error, FB_NOT_FOUND, "there is no state file %s", ledger->path);
    else
        status = prepare(ledger, error);
    if (status == FB_OK)
        status = find_stream(ledger, stream, source, error);
    if (status == FB_OK)
        *ret_ledger = ledger;
    else
        fb_ledger_close(ledger);
    return status;
}

void fb_ledger_close(struct fb_ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(ledger->statements[i]);
    sqlite3_close(ledger->db);
    free(ledger->path);
    free(ledger);
}

/* ---- objects ---- */

static enum fb_status ask(struct fb_ledger *ledger, sqlite3_stmt *statement, uint64_t *ret_number,
                          struct fb_error *error)
{
    enum fb_status status = step(ledger, statement, error);

    if (status == FB_OK)
        *ret_number = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return status;
}

enum fb_status fb_ledger_refresh(struct fb_ledger *ledger, uint64_t *ret_newest,
                                 struct fb_error *error)
{
    enum fb_status status = finish(ledger, start(ledger, COPY, 1, ledger->stream_id), error);

    return status == FB_OK ? ask(ledger, start(ledger, NEWEST, 0), ret_newest, error) : status;
}

enum fb_status fb_ledger_choose(struct fb_ledger *ledger, const struct fb_ledger_choice *choice,
                                uint64_t *ret_chosen, uint64_t *ret_left_out,
                                struct fb_error *error)
{
    const int64_t since_ms =
        ledger->low_water_ms == 0 ? INT64_MIN : ledger->low_water_ms + FORGOTTEN_WITHIN_MS;
    const int64_t limit =
        choice->sample == 0 || choice->sample > INT64_MAX ? -1 : (int64_t)choice->sample;
    enum fb_status status = finish(
        ledger, start(ledger, CHOOSE, 4, choice->from_ms, choice->to_ms, since_ms, limit), error);

    if (status != FB_OK)
        return status;
    *ret_chosen = (uint64_t)sqlite3_changes(ledger->db);
    return ask(ledger, start(ledger, LEFT_OUT, 3, choice->from_ms, choice->to_ms, since_ms),
               ret_left_out, error);
}

enum fb_status fb_ledger_next_object(struct fb_ledger *ledger, uint64_t after, bool only_chosen,
                                     struct fb_ledger_object *ret_object, struct fb_error *error)
{
    sqlite3_stmt *s = start(ledger, NEXT_OBJECT, 2, (int64_t)after, (int64_t)only_chosen);
    enum fb_status status = step(ledger, s, error);

    if (status != FB_OK)
        return status;
    *ret_object = (struct fb_ledger_object){
        .sequence = (uint64_t)sqlite3_column_int64(s, 0),
        .state = (enum fb_object_state)sqlite3_column_int(s, 1),
        .key = (const char *)sqlite3_column_text(s, 2),
        .etag = (const char *)sqlite3_column_text(s, 3),
        .size_bytes = (uint64_t)sqlite3_column_int64(s, 4),
        .key_time_ms = sqlite3_column_int64(s, 5),
        .last_modified_ms = sqlite3_column_int64(s, 6),
        .dead_letters = (uint64_t)sqlite3_column_int64(s, 7),
        .if_absent = sqlite3_column_int(s, 8) != 0,
    };
    return ret_object->key == NULL || ret_object->etag == NULL ? fail(ledger, error) : FB_OK;
}

/* ---- what is expected of a key ---- */

static void bind_key(sqlite3_stmt *statement, const void *key, size_t size)
{
    (void)sqlite3_bind_blob64(statement, 1, key == NULL ? "" : key, size, SQLITE_STATIC);
}

static void take_entry(sqlite3_stmt *s, struct fb_ledger_entry *ret)
{
    *ret = (struct fb_ledger_entry){
        .key = sqlite3_column_blob(s, 0),
        .key_size = (size_t)sqlite3_column_bytes(s, 0),
        .kind = sqlite3_column_int(s, 1),
        .is_suspect = sqlite3_column_int(s, 2) != 0,
        .is_unsure = sqlite3_column_int(s, 3) != 0,
        .first = (uint64_t)sqlite3_column_int64(s, 4),
        .last = (uint64_t)sqlite3_column_int64(s, 5),
        .record = (uint64_t)sqlite3_column_int64(s, 6),
        .item = sqlite3_column_blob(s, 7),
        .item_size = (size_t)sqlite3_column_bytes(s, 7),
    };
}

enum fb_status fb_ledger_find(struct fb_ledger *ledger, const void *key, size_t key_size,
                              struct fb_ledger_entry *ret_entry, struct fb_error *error)
{
    sqlite3_stmt *statement = start(ledger, FIND_ENTRY, 0);
    enum fb_status status;

    bind_key(statement, key, key_size);
    status = step(ledger, statement, error);
    if (status == FB_OK)
        take_entry(statement, ret_entry);
    return status == FB_END ? FB_NOT_FOUND : status;
}

enum fb_status fb_ledger_put(struct fb_ledger *ledger, const struct fb_ledger_entry *entry,
                             struct fb_error *error)
{
    sqlite3_stmt *s = start(ledger, PUT_ENTRY, 0);

    bind_key(s, entry->key, entry->key_size);
    (void)sqlite3_bind_int(s, 2, entry->kind);
    (void)sqlite3_bind_int(s, 3, entry->is_suspect);
    (void)sqlite3_bind_int(s, 4, entry->is_unsure);
    (void)sqlite3_bind_int64(s, 5, (int64_t)entry->first);
    (void)sqlite3_bind_int64(s, 6, (int64_t)entry->last);
    (void)sqlite3_bind_int64(s, 7, (int64_t)entry->record);
    (void)sqlite3_bind_blob64(s, 8, entry->item, entry->item_size, SQLITE_STATIC);
    return finish(ledger, s, error);
}

enum fb_status fb_ledger_next_entry(struct fb_ledger *ledger, const void *key, size_t key_size,
                                    bool only_suspect, struct fb_ledger_entry *ret_entry,
                                    struct fb_error *error)
{
    sqlite3_stmt *statement = start(ledger, NEXT_ENTRY, 0);
    enum fb_status status;

    bind_key(statement, key, key_size);
    (void)sqlite3_bind_int(statement, 2, only_suspect);
    status = step(ledger, statement, error);
    if (status == FB_OK)
        take_entry(statement, ret_entry);
    return status;
}

enum fb_status fb_ledger_drop(struct fb_ledger *ledger, const void *key, size_t key_size,
                              struct fb_error *error)
{
    sqlite3_stmt *statement = start(ledger, DROP_ENTRY, 0);

    bind_key(statement, key, key_size);
    return finish(ledger, statement, error);
}
