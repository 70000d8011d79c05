/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/state/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/base/heartbeat.h"
#include "sql.h"

/* A person's sqlite3 may read meanwhile; a write lock is ours alone but for repairs by hand. */
#define BUSY_TIMEOUT_MS 10000

/* Of SQLite's virtual machine: some milliseconds. */
#define STEPS_A_BEAT 100000

/*
 * FULL: a commit is on the disk when it returns. The cache is small because the hot pages are few;
 * the -wal file is kept to about 1 MiB, so that little room does.
 */
static const char settings[] = "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA cache_size = -1024;"
                               "PRAGMA wal_autocheckpoint = 256;"
                               "PRAGMA journal_size_limit = 1048576;"
                               "PRAGMA temp_store = MEMORY";

/* A query over a million objects takes its time. */
static int beat(void *context)
{
    (void)context;
    fb_heartbeat();
    return 0;
}

static enum fb_status connect(struct fb_state *state, struct fb_error *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

    if (sqlite3_open_v2(state->path, &state->db, flags, NULL) != SQLITE_OK)
        return fb_sql_fail(state, error);
    sqlite3_busy_timeout(state->db, BUSY_TIMEOUT_MS);
    /* Closing would write the -wal file into a damaged database, and remove it. */
    sqlite3_db_config(state->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_progress_handler(state->db, STEPS_A_BEAT, beat, NULL);
    return FB_OK;
}

/* Once it is known to be ours and sound. */
static enum fb_status set_up(struct fb_state *state, struct fb_error *error)
{
    sqlite3_db_config(state->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    if (sqlite3_db_readonly(state->db, "main"))
        return fb_fail(error, FB_IO, "%s: the state file cannot be written", state->path);
    if (sqlite3_exec(state->db, settings, NULL, NULL, NULL) != SQLITE_OK)
        return fb_sql_fail(state, error);
    return FB_OK;
}

static enum fb_status open_database(struct fb_state *state, struct fb_error *error)
{
    enum fb_status status = connect(state, error);

    /* Before anything is changed in a file that may not be ours. */
    if (status == FB_OK)
        status = fb_state_file_check(state, &state->is_checked, error);
    if (status == FB_OK)
        status = set_up(state, error);
    if (status == FB_OK)
        status = fb_state_file_upgrade(state, error);
    return status != FB_OK ? status : fb_sql_prepare_all(state, error);
}

/* One that opens nothing yet. */
static enum fb_status make(const char *directory, struct fb_state **ret_state,
                           struct fb_error *error)
{
    struct fb_state *state = calloc(1, sizeof *state);

    if (state == NULL) {
        fb_fail(error, FB_NO_MEMORY, "out of memory");
        return FB_NO_MEMORY;
    }
    pthread_mutex_init(&state->lock, NULL);
    state->lock_fd = -1;
    if (asprintf(&state->path, "%s/firebridge.db", directory) < 0) {
        state->path = NULL;
        fb_state_close(state);
        fb_fail(error, FB_NO_MEMORY, "out of memory");
        return FB_NO_MEMORY;
    }
    *ret_state = state;
    return FB_OK;
}

enum fb_status fb_state_open(const char *directory, struct fb_state **ret_state,
                             struct fb_error *error)
{
    struct fb_state *state = NULL;
    enum fb_status status = make(directory, &state, error);

    if (status != FB_OK)
        return status;
    status = fb_state_file_hold(directory, &state->lock_fd, error);
    if (status != FB_OK)
        goto out;
    status = fb_state_file_make(directory, state->path, error);
    if (status != FB_OK)
        goto out;
    status = open_database(state, error);
    if (status != FB_OK)
        goto out;
    *ret_state = state;
    state = NULL;
out:
    fb_state_close(state);
    return status;
}

/* Only who holds the file may bring it to the form of this version. */
static enum fb_status join_version(struct fb_state *state, const char *directory,
                                   struct fb_error *error)
{
    enum fb_status status;
    bool is_current = false;

    status = fb_state_file_check_version(state, &is_current, error);
    if (status != FB_OK || is_current)
        return status;
    status = fb_state_file_hold(directory, &state->lock_fd, error);
    if (status != FB_OK)
        return status;
    status = fb_state_file_upgrade(state, error);
    close(state->lock_fd);
    state->lock_fd = -1;
    return status;
}

enum fb_status fb_state_join(const char *directory, struct fb_state **ret_state,
                             struct fb_error *error)
{
    struct fb_state *state = NULL;
    enum fb_status status = make(directory, &state, error);

    if (status != FB_OK)
        return status;
    if (access(state->path, F_OK) != 0)
        status = fb_fail(error, errno == ENOENT ? FB_NOT_FOUND : FB_IO,
                         "there is no state in %s: %s", directory, strerror(errno));
    if (status == FB_OK)
        status = connect(state, error);
    if (status == FB_OK)
        status = join_version(state, directory, error);
    if (status == FB_OK)
        status = set_up(state, error);
    if (status == FB_OK)
        status = fb_sql_prepare_all(state, error);
    if (status == FB_OK)
        *ret_state = state;
    else
        fb_state_close(state);
    return status;
}

bool fb_state_is_checked(const struct fb_state *state)
{
    return state->is_checked;
}

static void set_checker(struct fb_state *state, sqlite3 *checker)
{
    pthread_mutex_lock(&state->lock);
    state->checker = checker;
    pthread_mutex_unlock(&state->lock);
}

void fb_state_check_stop(struct fb_state *state)
{
    pthread_mutex_lock(&state->lock);
    if (state->checker != NULL)
        sqlite3_interrupt(state->checker);
    pthread_mutex_unlock(&state->lock);
}

enum fb_status fb_state_check(struct fb_state *state, struct fb_error *error)
{
    struct fb_state own = {.path = state->path};
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    struct fb_error found = {0};
    enum fb_status status;

    if (sqlite3_open_v2(own.path, &own.db, flags, NULL) != SQLITE_OK) {
        status = fb_sql_fail(&own, &found);
    } else {
        set_checker(state, own.db);
        status = fb_state_file_check_pages(&own, &found);
        set_checker(state, NULL);
    }
    sqlite3_close(own.db);
    if (status == FB_CORRUPT) {
        pthread_mutex_lock(&state->lock);
        memcpy(state->damage, found.message, sizeof state->damage);
        pthread_mutex_unlock(&state->lock);
    }
    if (status != FB_OK && error != NULL)
        *error = found;
    return status;
}

void fb_state_close(struct fb_state *state)
{
    if (state == NULL)
        return;
    fb_sql_finalize_all(state);
    sqlite3_close(state->db);
    if (state->lock_fd >= 0)
        close(state->lock_fd);
    pthread_mutex_destroy(&state->lock);
    free(state->path);
    free(state);
}
