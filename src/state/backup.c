/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/state/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sql.h"

/* A checkpoint of the daemon's, or its recovery after a crash, is over by then. */
#define BUSY_TIMEOUT_MS 10000

/* No page of a copy is needed twice, and a copy that is not whole is thrown away. */
static const char copy_settings[] = "PRAGMA cache_size = -256;"
                                    "PRAGMA journal_mode = OFF;"
                                    "PRAGMA synchronous = OFF";

/* So that it is one file, which can be read where nothing can be written beside it. */
static const char copy_finish[] = "PRAGMA journal_mode = DELETE";

static enum fb_status open_source(const char *path, sqlite3 **ret_db, struct fb_error *error)
{
    struct fb_state source = {.path = (char *)path};
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    enum fb_status status = FB_OK;
    bool is_current;

    if (access(path, R_OK) != 0)
        return fb_fail(error, errno == ENOENT ? FB_NOT_FOUND : FB_IO, "cannot read %s: %s", path,
                       strerror(errno));
    if (sqlite3_open_v2(path, &source.db, flags, NULL) != SQLITE_OK)
        status = fb_sql_fail(&source, error);
    if (status == FB_OK) {
        sqlite3_busy_timeout(source.db, BUSY_TIMEOUT_MS);
        status = fb_state_file_check_version(&source, &is_current, error);
    }
    if (status == FB_OK)
        *ret_db = source.db;
    else
        sqlite3_close(source.db);
    return status;
}

/* In one step, so that it is of one moment however much is written meanwhile. */
static enum fb_status copy_pages(sqlite3 *from, sqlite3 *to, const char *to_path,
                                 struct fb_error *error)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int result = backup != NULL ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(to);

    if (backup != NULL)
        sqlite3_backup_finish(backup);
    if (result == SQLITE_DONE)
        return FB_OK;
    return fb_fail(error, (result & 0xff) == SQLITE_CORRUPT ? FB_CORRUPT : FB_IO,
                   "cannot copy to %s: %s", to_path, sqlite3_errstr(result));
}

static bool is_same_file(const char *path, const struct stat *as)
{
    struct stat found;

    return stat(path, &found) == 0 && found.st_dev == as->st_dev && found.st_ino == as->st_ino;
}

/* What a copy is made in: a file of that name is overwritten only if it is one that was broken off.
 * SQLite writes pages in any order: the first one may not be there yet. */
static bool may_be_copy(int fd)
{
    static const char none[16];
    char head[16];
    const ssize_t size = pread(fd, head, sizeof head, 0);

    return size == 0 || (size == sizeof head && (memcmp(head, "SQLite format 3", 16) == 0 ||
                                                 memcmp(head, none, sizeof none) == 0));
}

static enum fb_status lock_copy(int fd, const char *path, struct fb_error *error)
{
    struct stat file;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? fb_fail(error, FB_CONFLICT, "%s: another process makes a copy there now", path)
                   : fb_state_fail_errno(error, path, "lock the copy");
    /* Whoever had it locked may have renamed it since it was opened here. */
    if (fstat(fd, &file) != 0 || !is_same_file(path, &file))
        return fb_fail(error, FB_CONFLICT, "%s: another process made a copy there", path);
    if (!may_be_copy(fd))
        return fb_fail(error, FB_CONFLICT, "%s is in the way: move it, the copy is made there",
                       path);
    fb_state_file_remove_companions(path);
    return ftruncate(fd, 0) == 0 ? FB_OK : fb_state_fail_errno(error, path, "make the copy");
}

/* An empty file at `path`, locked until it is closed. */
static enum fb_status open_copy(const char *path, int *ret_fd, struct fb_error *error)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum fb_status status;

    if (fd < 0)
        return fb_state_fail_errno(error, path, "make the copy");
    status = lock_copy(fd, path, error);
    if (status == FB_OK)
        *ret_fd = fd;
    else
        close(fd);
    return status;
}

/* Into the empty file at `path`, which `fd` is; synced. */
static enum fb_status copy_to(const char *from_path, const char *path, int fd,
                              struct fb_error *error)
{
    sqlite3 *from = NULL;
    sqlite3 *to = NULL;
    enum fb_status status = open_source(from_path, &from, error);

    if (status != FB_OK)
        return status;
    if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(to, copy_settings, NULL, NULL, NULL) != SQLITE_OK)
        status = fb_fail(error, FB_IO, "cannot make %s: %s", path,
                         to != NULL ? sqlite3_errmsg(to) : "out of memory");
    if (status == FB_OK)
        status = copy_pages(from, to, path, error);
    if (status == FB_OK && sqlite3_exec(to, copy_finish, NULL, NULL, NULL) != SQLITE_OK)
        status = fb_fail(error, FB_IO, "cannot make %s: %s", path, sqlite3_errmsg(to));
    sqlite3_close(to);
    sqlite3_close(from);
    if (status == FB_OK && fsync(fd) != 0)
        status = fb_state_fail_errno(error, path, "sync the copy");
    return status;
}

/* Whether it is the state file of a folder that a process holds. */
static bool is_in_use(const char *path)
{
    char *folder = strdup(path);
    char *lock = NULL;
    char *state = NULL;
    struct stat file;
    bool in_use = false;
    int fd = -1;

    if (folder == NULL || asprintf(&lock, "%s/firebridge.lock", dirname(folder)) < 0)
        lock = NULL;
    if (lock == NULL || asprintf(&state, "%s/firebridge.db", folder) < 0)
        state = NULL;
    if (state != NULL)
        fd = open(lock, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        in_use = stat(path, &file) == 0 && is_same_file(state, &file) &&
                 flock(fd, LOCK_SH | LOCK_NB) != 0;
        close(fd);
    }
    free(state);
    free(lock);
    free(folder);
    return in_use;
}

/* What is no state file is not overwritten by one, nor is the one in use: it may be a slip of the
 * hand. */
static enum fb_status check_target(const char *path, const char *source, struct fb_error *error)
{
    struct fb_error why = {0};
    sqlite3 *db = NULL;
    enum fb_status status;
    struct stat target;

    if (stat(path, &target) != 0)
        return FB_OK;
    if (is_same_file(source, &target) || is_in_use(path))
        return fb_fail(error, FB_CONFLICT, "%s is a state file in use: name another file", path);
    status = open_source(path, &db, &why);
    sqlite3_close(db);
    if (status == FB_OK)
        return FB_OK;
    return fb_fail(error, FB_CONFLICT, "%s is there, and is no state file: it is not replaced",
                   path);
}

static enum fb_status sync_folder_of(const char *path, struct fb_error *error)
{
    char *copy = strdup(path);
    enum fb_status status = copy == NULL ? fb_fail(error, FB_NO_MEMORY, "out of memory")
                                         : fb_state_sync_directory(dirname(copy), error);

    free(copy);
    return status;
}

/* A log that lies beside the old one would be read into the new one. */
static enum fb_status rename_whole(const char *from, const char *to, struct fb_error *error)
{
    fb_state_file_remove_companions(to);
    if (rename(from, to) != 0)
        return fb_state_fail_errno(error, to, "rename the copy");
    return sync_folder_of(to, error);
}

static enum fb_status check_copy(const char *path, struct fb_error *error)
{
    struct fb_state copy = {.path = (char *)path};
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    enum fb_status status;

    if (sqlite3_open_v2(path, &copy.db, flags, NULL) != SQLITE_OK)
        status = fb_sql_fail(&copy, error);
    else
        status = fb_state_file_check_pages(&copy, error);
    sqlite3_close(copy.db);
    return status;
}

/* The backup before is worth more than one of a file that is damaged. */
static enum fb_status make_backup(const char *source, const char *new_path, int fd,
                                  const char *path, struct fb_error *error)
{
    enum fb_status status = copy_to(source, new_path, fd, error);

    if (status == FB_OK)
        status = check_copy(new_path, error);
    if (status == FB_CORRUPT)
        return fb_fail(error, FB_CORRUPT,
                       "%s: the state file is damaged, and no backup is made of it; one that was "
                       "made before is left as it is",
                       source);
    return status == FB_OK ? rename_whole(new_path, path, error) : status;
}

enum fb_status fb_state_backup(const char *directory, const char *path, struct fb_error *error)
{
    char *source = NULL;
    char *new_path = NULL;
    enum fb_status status;
    int fd = -1;

    if (asprintf(&source, "%s/firebridge.db", directory) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    if (asprintf(&new_path, "%s.new", path) < 0) {
        free(source);
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    status = check_target(path, source, error);
    if (status == FB_OK)
        status = open_copy(new_path, &fd, error);
    if (status == FB_OK) {
        status = make_backup(source, new_path, fd, path, error);
        if (status != FB_OK)
            fb_state_file_remove(new_path);
        close(fd);
    }
    free(new_path);
    free(source);
    return status;
}

/* `path` with a suffix that is not taken yet. */
static enum fb_status name_aside(const char *path, char **ret_aside, struct fb_error *error)
{
    struct tm day;
    char text[32];
    time_t now = time(NULL);

    gmtime_r(&now, &day);
    strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &day);
    for (unsigned i = 0; i < 100; i++) {
        char number[8] = "";
        char *aside = NULL;

        if (i > 0)
            snprintf(number, sizeof number, ".%u", i);
        if (asprintf(&aside, "%s.aside-%s%s", path, text, number) < 0)
            return fb_fail(error, FB_NO_MEMORY, "out of memory");
        if (access(aside, F_OK) != 0) {
            *ret_aside = aside;
            return FB_OK;
        }
        free(aside);
    }
    return fb_fail(error, FB_CONFLICT, "%s.aside-%s and 99 more are there already", path, text);
}

/* The log last: alone, it is seen for what it is at the next start. */
static enum fb_status rename_both(const char *path, const char *wal, const char *aside,
                                  struct fb_error *error)
{
    char *wal_aside = NULL;
    enum fb_status status = FB_OK;

    if (asprintf(&wal_aside, "%s-wal", aside) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    if (rename(path, aside) != 0 && errno != ENOENT)
        status = fb_state_fail_errno(error, path, "move the state file aside");
    else if (rename(wal, wal_aside) != 0 && errno != ENOENT)
        status = fb_state_fail_errno(error, wal, "move the state file's log aside");
    else
        fb_state_file_remove(path); /* the -shm file says nothing without the others */
    free(wal_aside);
    return status == FB_OK ? sync_folder_of(path, error) : status;
}

/* A database, or a log that is left of one. */
static bool is_there(const char *path)
{
    bool found = access(path, F_OK) == 0;
    char *wal = NULL;

    if (!found && asprintf(&wal, "%s-wal", path) >= 0)
        found = access(wal, F_OK) == 0;
    free(wal);
    return found;
}

/* *ret_aside stays as it is where nothing is there. */
static enum fb_status set_aside(const char *path, char **ret_aside, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    char *aside = NULL;
    char *wal = NULL;

    if (asprintf(&wal, "%s-wal", path) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    if (is_there(path)) {
        status = name_aside(path, &aside, error);
        if (status == FB_OK)
            status = rename_both(path, wal, aside, error);
    }
    free(wal);
    if (status == FB_OK && aside != NULL)
        *ret_aside = aside;
    else
        free(aside);
    return status;
}

/* What is in place is not touched before what takes its place is known to be sound. */
static enum fb_status take_backup(const char *backup, const char *path, const char *new_path,
                                  int fd, char **ret_aside, struct fb_error *error)
{
    enum fb_status status = copy_to(backup, new_path, fd, error);

    if (status == FB_OK)
        status = check_copy(new_path, error);
    if (status == FB_CORRUPT)
        return fb_fail(error, FB_CORRUPT, "%s is damaged, or no backup of firebridge's state",
                       backup);
    if (status == FB_OK)
        status = fb_state_file_give(fd, new_path, error);
    if (status == FB_OK)
        status = set_aside(path, ret_aside, error);
    return status == FB_OK ? rename_whole(new_path, path, error) : status;
}

static enum fb_status check_source(const char *backup, const char *new_path, struct fb_error *error)
{
    struct stat source;

    if (stat(backup, &source) == 0 && is_same_file(new_path, &source))
        return fb_fail(error, FB_CONFLICT, "%s is made anew by this command: name the backup",
                       backup);
    return FB_OK;
}

static enum fb_status restore_held(const char *path, const char *backup, bool replace,
                                   char **ret_aside, struct fb_error *error)
{
    const bool was_there = is_there(path);
    enum fb_status status;
    char *new_path = NULL;
    int fd = -1;

    if (!replace && access(path, F_OK) == 0)
        return fb_fail(error, FB_CONFLICT,
                       "%s is there already; with --replace it is moved aside first", path);
    if (asprintf(&new_path, "%s" FB_STATE_RESTORED, path) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    status = check_source(backup, new_path, error);
    if (status == FB_OK)
        status = open_copy(new_path, &fd, error);
    if (status == FB_OK) {
        status = take_backup(backup, path, new_path, fd, ret_aside, error);
        /* With nothing in its place, it keeps the next start from beginning anew. */
        if (status != FB_OK && is_there(path) == was_there)
            fb_state_file_remove(new_path);
        close(fd);
    }
    free(new_path);
    return status;
}

enum fb_status fb_state_restore(const char *directory, const char *path, bool replace,
                                char **ret_aside, struct fb_error *error)
{
    enum fb_status status;
    char *state_path = NULL;
    char *aside = NULL;
    int lock_fd = -1;

    if (asprintf(&state_path, "%s/firebridge.db", directory) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    /* On a new machine no service has made it yet; systemd gives it to the service's user then. */
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        status = fb_state_fail_errno(error, directory, "make the state directory");
    else
        status = fb_state_file_hold(directory, &lock_fd, error);
    if (status == FB_OK)
        status = restore_held(state_path, path, replace, &aside, error);
    if (lock_fd >= 0)
        close(lock_fd);
    free(state_path);
    if (status == FB_OK)
        *ret_aside = aside;
    else
        free(aside);
    return status;
}

enum fb_status fb_state_reset(const char *directory, char **ret_aside, struct fb_error *error)
{
    enum fb_status status;
    char *path = NULL;
    char *aside = NULL;
    int lock_fd = -1;

    if (asprintf(&path, "%s/firebridge.db", directory) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    status = fb_state_file_hold(directory, &lock_fd, error);
    if (status == FB_OK)
        status = set_aside(path, &aside, error);
    if (lock_fd >= 0)
        close(lock_fd);
    if (status == FB_OK && aside == NULL)
        status = fb_fail(error, FB_NOT_FOUND, "there is no state file %s", path);
    free(path);
    if (status == FB_OK)
        *ret_aside = aside;
    return status;
}
