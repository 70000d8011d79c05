/* SPDX-License-Identifier: Apache-2.0 */
/* The state file as a file: who holds it, how it is made whole, and whether it is sound. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql.h"

/* "FbSt": marks the file as ours to file(1) and to ourselves. */
#define APPLICATION_ID 0x46625374
#define SCHEMA_VERSION 3

#define TEXT_OF(value) #value
#define TEXT(value)    TEXT_OF(value)

#define WHAT_TO_DO                                                                                 \
    "restore it from a backup, or move it and its -wal file aside: then every object is processed" \
    " again"

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
    " dead_letters INTEGER NOT NULL DEFAULT 0,"                                                    \
    " covered_from_ms INTEGER NOT NULL, covered_to_ms INTEGER NOT NULL);"

static const char schema[] =
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
    " WHERE state IN (1, 2);" BACKFILL_SCHEMA "PRAGMA application_id = " TEXT(
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
    /* Objects may be skipped, replayed and backfilled. */
    [2] = "ALTER TABLE object ADD COLUMN backfill INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE object ADD COLUMN if_absent INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE object ADD COLUMN again_ms INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE object ADD COLUMN reason TEXT;"
          "DROP INDEX object_pending;" BACKFILL_SCHEMA,
};

static enum fb_status fail_errno(struct fb_error *error, const char *path, const char *what)
{
    return fb_fail(error, FB_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

static long read_pid(int fd)
{
    char text[32] = "";

    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return 0;
    return strtol(text, NULL, 10);
}

static void write_pid(int fd)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    /* Only a help for the message of whoever comes second: the lock is what holds. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length)
        return;
}

enum fb_status fb_state_file_hold(const char *directory, int *ret_lock_fd, struct fb_error *error)
{
    enum fb_status status;
    char *path = NULL;
    int fd;

    if (asprintf(&path, "%s/firebridge.lock", directory) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        status = fail_errno(error, path, "open the lock file");
    } else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        write_pid(fd);
        *ret_lock_fd = fd;
        status = FB_OK;
    } else if (errno == EWOULDBLOCK) {
        status = fb_fail(error, FB_CONFLICT,
                         "%s: process %ld holds the state directory; stop it, or give this one "
                         "another state_dir",
                         path, read_pid(fd));
    } else {
        status = fail_errno(error, path, "lock");
    }
    if (status != FB_OK && fd >= 0)
        close(fd);
    free(path);
    return status;
}

static enum fb_status sync_directory(const char *directory, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        status = fail_errno(error, directory, "sync the state directory");
    if (fd >= 0)
        close(fd);
    return status;
}

/* A whole, closed database at `path`, which must not be there yet. */
static enum fb_status build(const char *path, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    sqlite3 *db = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return fail_errno(error, path, "make the state file");
    close(fd);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL, NULL,
                     NULL) != SQLITE_OK ||
        sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) != SQLITE_OK)
        status = fb_fail(error, FB_IO, "%s: cannot make the state file: %s", path,
                         db != NULL ? sqlite3_errmsg(db) : "out of memory");
    sqlite3_close(db);
    return status;
}

static void remove_with_wal(const char *path)
{
    char *wal = NULL;

    unlink(path);
    if (asprintf(&wal, "%s-wal", path) >= 0) {
        unlink(wal);
        memcpy(wal + strlen(wal) - 3, "shm", 3);
        unlink(wal);
        free(wal);
    }
}

/* Without its database a -wal file is what is left of a state that someone removed by half. */
static enum fb_status refuse_orphan_wal(const char *path, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    char *wal = NULL;
    struct stat found;

    if (asprintf(&wal, "%s-wal", path) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    if (stat(wal, &found) == 0 && found.st_size > 0)
        status = fb_fail(error, FB_CORRUPT,
                         "%s is there, but the state file itself is gone; put it back, or move "
                         "this file aside too: then every object is processed again",
                         wal);
    free(wal);
    return status;
}

/*
 * Made beside its place and renamed when whole, so that an empty or half-made state file is
 * always damage and never a beginning.
 */
enum fb_status fb_state_file_make(const char *directory, const char *path, struct fb_error *error)
{
    enum fb_status status;
    char *new_path = NULL;

    if (access(path, F_OK) == 0)
        return FB_OK;
    if (errno != ENOENT)
        return fail_errno(error, path, "open the state file");
    status = refuse_orphan_wal(path, error);
    if (status != FB_OK)
        return status;
    if (asprintf(&new_path, "%s.new", path) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    remove_with_wal(new_path);
    status = build(new_path, error);
    if (status == FB_OK && rename(new_path, path) != 0)
        status = fail_errno(error, path, "rename the new state file");
    if (status == FB_OK)
        status = sync_directory(directory, error);
    else
        remove_with_wal(new_path);
    free(new_path);
    return status;
}

/* The first value of a pragma as text, into `text`. */
static enum fb_status ask(struct fb_state *state, const char *pragma, char text[256],
                          struct fb_error *error)
{
    enum fb_status status = FB_OK;
    sqlite3_stmt *statement = NULL;

    text[0] = '\0';
    if (sqlite3_prepare_v2(state->db, pragma, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        status = fb_sql_fail(state, error);
    else
        snprintf(text, 256, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return status;
}

static enum fb_status upgrade_once(struct fb_state *state, long version, struct fb_error *error)
{
    char sql[4096];

    snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; %s PRAGMA user_version = %ld; COMMIT",
             upgrades[version], version + 1);
    if (sqlite3_exec(state->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return FB_OK;
    return fb_sql_fail(state, error);
}

enum fb_status fb_state_file_upgrade(struct fb_state *state, struct fb_error *error)
{
    char text[256];
    enum fb_status status = ask(state, "PRAGMA user_version", text, error);
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

    status = ask(state, "PRAGMA application_id", text, error);
    if (status != FB_OK)
        return status;
    if (strtol(text, NULL, 10) != APPLICATION_ID)
        return fb_fail(error, FB_CORRUPT, "%s: this is no state file of firebridge; " WHAT_TO_DO,
                       state->path);
    status = ask(state, "PRAGMA user_version", text, error);
    if (status != FB_OK)
        return status;
    version = strtol(text, NULL, 10);
    if (version > SCHEMA_VERSION)
        return fb_fail(error, FB_UNSUPPORTED,
                       "%s: made by a newer firebridge (state version %ld, this program knows up "
                       "to %d); install that version again, or restore a backup from before",
                       state->path, version, SCHEMA_VERSION);
    if (version < 1)
        return fb_fail(error, FB_CORRUPT, "%s: the state file has no version; " WHAT_TO_DO,
                       state->path);
    *ret_is_current = version == SCHEMA_VERSION;
    return FB_OK;
}

enum fb_status fb_state_file_check(struct fb_state *state, struct fb_error *error)
{
    enum fb_status status;
    struct stat file;
    char text[256];
    bool is_current;

    if (stat(state->path, &file) != 0)
        return fail_errno(error, state->path, "open the state file");
    if (file.st_size == 0)
        return fb_fail(error, FB_CORRUPT, "%s: the state file is empty; " WHAT_TO_DO, state->path);
    status = fb_state_file_check_version(state, &is_current, error);
    if (status != FB_OK)
        return status;
    status = ask(state, "PRAGMA quick_check(1)", text, error);
    if (status == FB_OK && strcmp(text, "ok") != 0)
        status = fb_fail(error, FB_CORRUPT, "%s: the state file is damaged (%s); " WHAT_TO_DO,
                         state->path, text);
    return status;
}
