/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file's SQL, prepared once and run under the one lock. Private to src/state.
 *
 * Objects lie in one table without rowids, so that a key is stored once and a done object costs
 * little more than its key and ETag; what is pending or begun is found by small partial indexes.
 */
#ifndef FIREBRIDGE_SRC_STATE_SQL_H
#define FIREBRIDGE_SRC_STATE_SQL_H

#include <pthread.h>
#include <sqlite3.h>

#include "firebridge/state/state.h"

enum fb_sql {
    FB_SQL_BEGIN,
    FB_SQL_COMMIT,
    FB_SQL_ROLLBACK,
    FB_SQL_STREAM_FIND,
    FB_SQL_STREAM_ADD,
    FB_SQL_STREAM_ADOPT,
    FB_SQL_STREAM_RENAME,
    FB_SQL_STREAM_FINGERPRINT,
    FB_SQL_STREAM_BACKLOG,
    FB_SQL_STREAM_SEQUENCE,
    FB_SQL_STREAM_NEXT_SEQUENCE,
    FB_SQL_STREAM_SWEPT,
    FB_SQL_OBJECT_ADD,
    FB_SQL_OBJECT_REPLACE,
    FB_SQL_OBJECT_FIRST_PENDING,
    FB_SQL_OBJECT_ACTIVATE,
    FB_SQL_OBJECT_RESUME,
    FB_SQL_OBJECT_RESTART,
    FB_SQL_OBJECT_PROGRESS,
    FB_SQL_OBJECT_FIRST_OPEN,
    FB_SQL_OBJECT_SLICE,
    FB_SQL_OBJECT_PRUNE,
    FB_SQL_OBJECT_ENDED_KEYS,
    FB_SQL_OBJECT_FORGET,
    FB_SQL_OBJECT_BACKLOG,
    FB_SQL_OBJECT_OF_KEY,
    FB_SQL_OBJECT_SKIP,
    FB_SQL_OBJECT_ASK_SKIP,
    FB_SQL_OBJECT_ADD_SKIPPED,
    FB_SQL_OBJECT_NEXT_ASKED,
    FB_SQL_BACKFILL_FIND,
    FB_SQL_BACKFILL_START,
    FB_SQL_BACKFILL_RATE,
    FB_SQL_BACKFILL_CANCEL,
    FB_SQL_BACKFILL_DROP_PENDING,
    FB_SQL_BACKFILL_ADD_OBJECT,
    FB_SQL_BACKFILL_MOVE,
    FB_SQL_BACKFILL_ENDED,
    FB_SQL_BACKFILL_COUNT_ENDED,
    FB_SQL_BACKFILL_FORGET_ENDED,
    FB_SQL_BACKFILL_KEEP_ENDED,
    FB_SQL_BACKFILL_LEFT,
    FB_SQL_BACKFILL_COMPLETE,
    FB_SQL_COVERED_ADD,
    FB_SQL_COVERED_FIND,
    FB_SQL_COUNT,
};

struct fb_state {
    pthread_mutex_t lock; /* guards all below, and a transaction from its begin to its end */
    sqlite3 *db;
    sqlite3_stmt *statements[FB_SQL_COUNT];
    char *path;
    int lock_fd;
    bool is_checked;
    char damage[FB_ERROR_MESSAGE_SIZE]; /* that a check found after the start; empty: none */
    sqlite3 *checker;                   /* a check's own connection, while it is in one */
};

/* Turns SQLite's last error into ours, with its text, the path and what to do. */
enum fb_status fb_sql_fail(struct fb_state *state, struct fb_error *error);

enum fb_status fb_sql_prepare_all(struct fb_state *state, struct fb_error *error) FB_MUST_CHECK;
void fb_sql_finalize_all(struct fb_state *state);

/*
 * Begins a statement anew with its parameters bound: a letter each in `format`, 'i' an int64_t,
 * 't' a const char * (NULL binds NULL). Texts must live until the statement is reset.
 */
sqlite3_stmt *fb_sql_start(struct fb_state *state, enum fb_sql sql, const char *format, ...);

/* One row, or none when *ret_row is false. */
enum fb_status fb_sql_step(struct fb_state *state, sqlite3_stmt *statement, bool *ret_row,
                           struct fb_error *error) FB_MUST_CHECK;

/* Runs what fb_sql_start began to its end, and resets it. */
enum fb_status fb_sql_finish(struct fb_state *state, sqlite3_stmt *statement,
                             struct fb_error *error) FB_MUST_CHECK;

/* Takes the lock and begins a transaction; on failure the lock is free again. */
enum fb_status fb_sql_begin(struct fb_state *state, struct fb_error *error) FB_MUST_CHECK;

/* Commits when `status` is FB_OK, else rolls back; frees the lock; returns how it all went. */
enum fb_status fb_sql_end(struct fb_state *state, enum fb_status status,
                          struct fb_error *error) FB_MUST_CHECK;

/* Whether who has only joined the file still has the one at its path: a restore or a reset may have
 * moved it aside, with all that is changed in it. FB_IO. */
enum fb_status fb_sql_check_place(struct fb_state *state, struct fb_error *error) FB_MUST_CHECK;

/* What the stream's backfill has gone over reaches up to there, or to its own end. (backfill.c) */
enum fb_status fb_state_backfill_cover(struct fb_state *state, int64_t stream_id, int64_t to_ms,
                                       struct fb_error *error) FB_MUST_CHECK;

/* A copy of a text column; NULL where it is NULL or memory is out. */
char *fb_sql_column_text(sqlite3_stmt *statement, int column);

/* Whether it lies on a read-only disk, closed: then SQLite reads it as immutable, or not at all. */
bool fb_state_is_frozen(const char *path);

/* The first column of a statement's first row as text, into `text`. */
enum fb_status fb_sql_ask(struct fb_state *state, const char *sql, char text[256],
                          struct fb_error *error) FB_MUST_CHECK;

/* What a person can do about a damaged file: the end of a message. */
#define FB_STATE_WHAT_TO_DO                                                                        \
    "bring a backup back with firebridge state restore, or move it aside with firebridge state"    \
    " reset --i-understand: then every object is processed again"

/* Where a restore makes what it will put in place; without a state file beside it, it is what a
 * broken-off one left. */
#define FB_STATE_RESTORED ".restored"

/* The file itself: makes it where there is none, checks it where there is one. (file.c) */
enum fb_status fb_state_file_hold(const char *directory, int *ret_lock_fd,
                                  struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_state_file_make(const char *directory, const char *path,
                                  struct fb_error *error) FB_MUST_CHECK;
/* All pages too, unless they are too many to wait for. */
enum fb_status fb_state_file_check(struct fb_state *state, bool *ret_is_checked,
                                   struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_state_file_check_pages(struct fb_state *state,
                                         struct fb_error *error) FB_MUST_CHECK;
void fb_state_file_remove_companions(const char *path); /* what SQLite keeps beside it */
void fb_state_file_remove(const char *path);            /* with its companions */
enum fb_status fb_state_sync_directory(const char *directory, struct fb_error *error) FB_MUST_CHECK;
/* What root makes in the folder of the daemon's user is that user's; else nothing is changed. */
enum fb_status fb_state_file_give(int fd, const char *path, struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_state_fail_errno(struct fb_error *error, const char *path, const char *what);

/* What is in it. (schema.c) */
extern const char fb_state_schema[];
/* Whether it is ours, and of no newer version. */
enum fb_status fb_state_file_check_version(struct fb_state *state, bool *ret_is_current,
                                           struct fb_error *error) FB_MUST_CHECK;
/* Brings a file that was made by an older version to the form of this one. */
enum fb_status fb_state_file_upgrade(struct fb_state *state, struct fb_error *error) FB_MUST_CHECK;

#endif
