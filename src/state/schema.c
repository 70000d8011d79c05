/* SPDX-License-Identifier: Apache-2.0 */
/* What is in the state file, in which version, and how it comes from one to the next. */
#include <stdio.h>
#include <stdlib.h>

#include "sql.h"

/* "FbSt": marks the file as ours to file(1) and to ourselves. */
#define APPLICATION_ID 0x46625374
#define SCHEMA_VERSION 3

#define TEXT_OF(value) #value
#define TEXT(value)    TEXT_OF(value)

/* Of objects that are pending because an operator asked for history, and of how far that is. */
#define BACKFILL_SCHEMA                                                                            \
    "CREATE INDEX object_pending ON object"                                                        \
    " (stream_id, backfill, key_time_ms, last_modified_ms, key) WHERE state = 0;"                  \
    "CREATE INDEX object_backfill ON object (stream_id, state) WHERE backfill = 1;"                \
    "CREATE TABLE backfill ("                                                                      \
    " stream_id INTEGER PRIMARY KEY, state INTEGER NOT NULL, from_ms INTEGER NOT NULL,"            \
    " to_ms INTEGER NOT NULL, rate INTEGER NOT NULL, if_absent INTEGER NOT NULL,"                  \
    " total_objects INTEGER NOT NULL, total_bytes INTEGER NOT NULL,"                               \
    " started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0,"                           \
    " window_ms INTEGER NOT NULL, cursor TEXT,"                                                    \
    " objects_listed INTEGER NOT NULL DEFAULT 0, objects INTEGER NOT NULL DEFAULT 0,"              \
    " bytes INTEGER NOT NULL DEFAULT 0, records INTEGER NOT NULL DEFAULT 0,"                       \
    " dead_letters INTEGER NOT NULL DEFAULT 0);"                                                   \
    "CREATE TABLE covered (stream_id INTEGER NOT NULL, from_ms INTEGER NOT NULL,"                  \
    " to_ms INTEGER NOT NULL, PRIMARY KEY (stream_id, from_ms)) WITHOUT ROWID;"

/*
 * How many objects are in which state, without going over them all. Triggers keep it, so that no
 * change of a row can miss it, not one by hand either.
 */
#define TALLY_SCHEMA                                                                               \
    "CREATE TABLE tally (stream_id INTEGER NOT NULL, state INTEGER NOT NULL,"                      \
    " objects INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (stream_id, state))"           \
    " WITHOUT ROWID;"                                                                              \
    "INSERT INTO tally SELECT stream_id, state, count(*), sum(size_bytes) FROM object"             \
    " GROUP BY stream_id, state;"                                                                  \
    "CREATE TRIGGER object_added AFTER INSERT ON object BEGIN " TALLY_NEW " END;"                  \
    "CREATE TRIGGER object_gone AFTER DELETE ON object BEGIN " TALLY_OLD " END;"                   \
    "CREATE TRIGGER object_moved AFTER UPDATE OF state, size_bytes ON object"                      \
    " BEGIN " TALLY_OLD " " TALLY_NEW " END;"
#define TALLY_NEW                                                                                  \
    "INSERT INTO tally VALUES (new.stream_id, new.state, 1, new.size_bytes)"                       \
    " ON CONFLICT (stream_id, state) DO UPDATE SET"                                                \
    " objects = objects + 1, bytes = bytes + excluded.bytes;"
#define TALLY_OLD                                                                                  \
    "UPDATE tally SET objects = objects - 1, bytes = bytes - old.size_bytes"                       \
    " WHERE stream_id = old.stream_id AND state = old.state;"

const char fb_state_schema[] =
    "BEGIN;"
    "CREATE TABLE stream ("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL,"
    " table_arn TEXT NOT NULL, table_created_ms INTEGER NOT NULL, fingerprint TEXT NOT NULL,"
    " backlog_listed INTEGER NOT NULL DEFAULT 0, backlog_cursor TEXT,"
    " backlog_objects INTEGER NOT NULL DEFAULT 0, backlog_bytes INTEGER NOT NULL DEFAULT 0,"
    " start_ms INTEGER NOT NULL, last_sweep_start_ms INTEGER NOT NULL DEFAULT 0,"
    " low_water_ms INTEGER NOT NULL DEFAULT 0,"
    " next_sequence INTEGER NOT NULL DEFAULT 1);"
    "CREATE TABLE object ("
    " stream_id INTEGER NOT NULL, key TEXT NOT NULL, etag TEXT NOT NULL,"
    " size_bytes INTEGER NOT NULL, key_time_ms INTEGER NOT NULL, last_modified_ms INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL DEFAULT 0,"
    " records INTEGER NOT NULL DEFAULT 0, dead_letters INTEGER NOT NULL DEFAULT 0,"
    " frontier_record INTEGER NOT NULL DEFAULT 0,"
    " frontier_offset_bytes INTEGER NOT NULL DEFAULT 0,"
    " frontier_part INTEGER NOT NULL DEFAULT 0,"
    " backfill INTEGER NOT NULL DEFAULT 0, if_absent INTEGER NOT NULL DEFAULT 0,"
    " again_ms INTEGER NOT NULL DEFAULT 0, reason TEXT,"
    " PRIMARY KEY (stream_id, key, etag)) WITHOUT ROWID;"
    "CREATE INDEX object_open ON object (stream_id, sequence)"
    " WHERE state IN (1, 2);" BACKFILL_SCHEMA TALLY_SCHEMA "PRAGMA application_id = " TEXT(
        APPLICATION_ID) ";"
                        "PRAGMA user_version = " TEXT(SCHEMA_VERSION) ";"
                                                                      "COMMIT;";

/* From each version to the next. */
static const char *const upgrades[SCHEMA_VERSION] = {
    NULL,
    /* The frontier moves from the stream to its first open object, as there may be one for each.
     * Its record is enough; the offset was that of another byte. */
    [1] = "ALTER TABLE object ADD COLUMN frontier_record INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE object ADD COLUMN frontier_offset_bytes INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE object ADD COLUMN frontier_part INTEGER NOT NULL DEFAULT 0;"
          "UPDATE object SET frontier_record ="
          " (SELECT frontier_record FROM stream WHERE id = stream_id)"
          " WHERE state IN (1, 2) AND sequence = (SELECT min(sequence) FROM object AS first"
          " WHERE first.stream_id = object.stream_id AND first.state IN (1, 2));"
          "ALTER TABLE stream DROP COLUMN frontier_record;"
          "ALTER TABLE stream DROP COLUMN frontier_offset_bytes;",
    /* Objects may be skipped, replayed and backfilled, and are counted. */
    [2] = "ALTER TABLE object ADD COLUMN backfill INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE object ADD COLUMN if_absent INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE object ADD COLUMN again_ms INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE object ADD COLUMN reason TEXT;"
          "DROP INDEX object_pending;" BACKFILL_SCHEMA TALLY_SCHEMA,
};

static enum fb_status upgrade_once(struct fb_state *state, long version, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    char *sql = NULL;

    if (asprintf(&sql, "BEGIN IMMEDIATE; %s PRAGMA user_version = %ld; COMMIT", upgrades[version],
                 version + 1) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    if (sqlite3_exec(state->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        status = fb_sql_fail(state, error);
    free(sql);
    return status;
}

enum fb_status fb_state_file_upgrade(struct fb_state *state, struct fb_error *error)
{
    char text[256];
    enum fb_status status = fb_sql_ask(state, "PRAGMA user_version", text, error);
    long version = status == FB_OK ? strtol(text, NULL, 10) : SCHEMA_VERSION;

    for (; status == FB_OK && version < SCHEMA_VERSION; version++)
        status = upgrade_once(state, version, error);
    return status;
}

enum fb_status fb_state_file_check_version(struct fb_state *state, bool *ret_is_current,
                                           struct fb_error *error)
{
    enum fb_status status;
    char text[256];
    long version;

    status = fb_sql_ask(state, "PRAGMA application_id", text, error);
    if (status != FB_OK)
        return status;
    if (strtol(text, NULL, 10) != APPLICATION_ID)
        return fb_fail(error, FB_CORRUPT,
                       "%s: this is no state file of firebridge; " FB_STATE_WHAT_TO_DO,
                       state->path);
    status = fb_sql_ask(state, "PRAGMA user_version", text, error);
    if (status != FB_OK)
        return status;
    version = strtol(text, NULL, 10);
    if (version > SCHEMA_VERSION)
        return fb_fail(error, FB_UNSUPPORTED,
                       "%s: made by a newer firebridge (state version %ld, this program knows up "
                       "to %d); install that version again, or restore a backup from before",
                       state->path, version, SCHEMA_VERSION);
    if (version < 1)
        return fb_fail(error, FB_CORRUPT, "%s: the state file has no version; " FB_STATE_WHAT_TO_DO,
                       state->path);
    *ret_is_current = version == SCHEMA_VERSION;
    return FB_OK;
}
