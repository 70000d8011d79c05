/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/state/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql.h"

/* A person's sqlite3 may read meanwhile; a write lock is ours alone but for repairs by hand. */
#define BUSY_TIMEOUT_MS 10000

/*
 * FULL: a commit is on the disk when it returns. The cache is small because the hot pages are few;
 * the -wal file is cut back after a burst.
 */
static const char settings[] = "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA cache_size = -1024;"
                               "PRAGMA journal_size_limit = 4194304;"
                               "PRAGMA temp_store = MEMORY";

static enum fb_status open_database(struct fb_state *state, struct fb_error *error)
{
    enum fb_status status;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

    if (sqlite3_open_v2(state->path, &state->db, flags, NULL) != SQLITE_OK)
        return fb_sql_fail(state, error);
    sqlite3_busy_timeout(state->db, BUSY_TIMEOUT_MS);
    /* Before anything is changed in a file that may not be ours. */
    status = fb_state_file_check(state, error);
    if (status != FB_OK)
        return status;
    if (sqlite3_db_readonly(state->db, "main"))
        return fb_fail(error, FB_IO, "%s: the state file cannot be written", state->path);
    if (sqlite3_exec(state->db, settings, NULL, NULL, NULL) != SQLITE_OK)
        return fb_sql_fail(state, error);
    status = fb_state_file_upgrade(state, error);
    return status != FB_OK ? status : fb_sql_prepare_all(state, error);
}

enum fb_status fb_state_open(const char *directory, struct fb_state **ret_state,
                             struct fb_error *error)
{
    enum fb_status status;
    struct fb_state *state = calloc(1, sizeof *state);

    if (state == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    pthread_mutex_init(&state->lock, NULL);
    state->lock_fd = -1;
    if (asprintf(&state->path, "%s/firebridge.db", directory) < 0) {
        state->path = NULL;
        status = fb_fail(error, FB_NO_MEMORY, "out of memory");
        goto out;
    }
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
