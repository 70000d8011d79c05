/* SPDX-License-Identifier: Apache-2.0 */
/* The state file as a file: who holds it, how it is made whole, and whether it is sound. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql.h"

/*
 * A check reads every page. So much of it takes a moment; 200 MB take half a second of CPU and,
 * from a disk of 125 MB/s, two seconds, for which no start is held up: a larger file is checked
 * when work has begun (fb_state_check). What is read meanwhile from a damaged page is an error all
 * the same.
 */
#define CHECK_AT_ONCE_BYTES (INT64_C(16) << 20)

enum fb_status fb_state_fail_errno(struct fb_error *error, const char *path, const char *what)
{
    return fb_fail(error, FB_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

enum fb_status fb_state_file_give(int fd, const char *path, struct fb_error *error)
{
    char *copy = strdup(path);
    struct stat folder;
    enum fb_status status = FB_OK;

    if (copy == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    if (geteuid() == 0 &&
        (stat(dirname(copy), &folder) != 0 || fchown(fd, folder.st_uid, folder.st_gid) != 0))
        status = fb_state_fail_errno(error, path, "give it to its folder's owner");
    free(copy);
    return status;
}

#define HOLDER_SIZE 64

/* "4711 (firebridge)", as far as it can be found out. */
static const char *describe_holder(int fd, char holder[HOLDER_SIZE])
{
    char pid[24] = "";
    char path[48];
    char name[24] = "";
    FILE *comm;

    if (pread(fd, pid, sizeof pid - 1, 0) <= 0)
        return "?";
    pid[strspn(pid, "0123456789")] = '\0';
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    comm = fopen(path, "re");
    if (comm != NULL && fgets(name, sizeof name, comm) != NULL)
        name[strcspn(name, "\n")] = '\0';
    if (comm != NULL)
        fclose(comm);
    snprintf(holder, HOLDER_SIZE, name[0] != '\0' ? "%s (%s)" : "%s", pid, name);
    return holder;
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
    char holder[HOLDER_SIZE];
    enum fb_status status;
    char *path = NULL;
    int fd;

    if (asprintf(&path, "%s/firebridge.lock", directory) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        status = fb_state_fail_errno(error, path, "open the lock file");
    } else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        write_pid(fd);
        status = fb_state_file_give(fd, path, error);
    } else if (errno == EWOULDBLOCK) {
        status = fb_fail(error, FB_CONFLICT,
                         "%s: process %s holds the state directory; stop it, or give this one "
                         "another state_dir",
                         path, describe_holder(fd, holder));
    } else {
        status = fb_state_fail_errno(error, path, "lock");
    }
    if (status == FB_OK)
        *ret_lock_fd = fd;
    else if (fd >= 0)
        close(fd);
    free(path);
    return status;
}

enum fb_status fb_state_sync_directory(const char *directory, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        status = fb_state_fail_errno(error, directory, "sync the state directory");
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
        return fb_state_fail_errno(error, path, "make the state file");
    status = fb_state_file_give(fd, path, error);
    close(fd);
    if (status != FB_OK)
        return status;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL, NULL,
                     NULL) != SQLITE_OK ||
        sqlite3_exec(db, fb_state_schema, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) != SQLITE_OK)
        status = fb_fail(error, FB_IO, "%s: cannot make the state file: %s", path,
                         db != NULL ? sqlite3_errmsg(db) : "out of memory");
    sqlite3_close(db);
    return status;
}

void fb_state_file_remove_companions(const char *path)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *companion = NULL;

        if (asprintf(&companion, "%s%s", path, suffixes[i]) < 0)
            return;
        unlink(companion);
        free(companion);
    }
}

void fb_state_file_remove(const char *path)
{
    unlink(path);
    fb_state_file_remove_companions(path);
}

/* One that a power cut came into has put nothing in place, and may have moved aside what was. */
static enum fb_status refuse_broken_restore(const char *path, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    char *restored = NULL;

    if (asprintf(&restored, "%s" FB_STATE_RESTORED, path) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    if (access(restored, F_OK) == 0)
        status =
            fb_fail(error, FB_CORRUPT,
                    "%s is what `firebridge state restore` left that was broken off; give that "
                    "command again, or remove the file to begin anew",
                    restored);
    free(restored);
    return status;
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
        status = fb_fail(
            error, FB_CORRUPT,
            "%s is there, but the state file itself is gone; put it back, or " FB_STATE_WHAT_TO_DO,
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
        return fb_state_fail_errno(error, path, "open the state file");
    status = refuse_orphan_wal(path, error);
    if (status == FB_OK)
        status = refuse_broken_restore(path, error);
    if (status != FB_OK)
        return status;
    if (asprintf(&new_path, "%s.new", path) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    fb_state_file_remove(new_path);
    status = build(new_path, error);
    if (status == FB_OK && rename(new_path, path) != 0)
        status = fb_state_fail_errno(error, path, "rename the new state file");
    if (status == FB_OK)
        status = fb_state_sync_directory(directory, error);
    else
        fb_state_file_remove(new_path);
    free(new_path);
    return status;
}

enum fb_status fb_state_file_check_pages(struct fb_state *state, struct fb_error *error)
{
    char text[256];
    enum fb_status status = fb_sql_ask(state, "PRAGMA quick_check(1)", text, error);

    if (status == FB_OK && strcmp(text, "ok") != 0)
        status =
            fb_fail(error, FB_CORRUPT, "%s: the state file is damaged (%s); " FB_STATE_WHAT_TO_DO,
                    state->path, text);
    return status;
}

enum fb_status fb_state_file_check(struct fb_state *state, bool *ret_is_checked,
                                   struct fb_error *error)
{
    enum fb_status status;
    struct stat file;
    bool is_current;

    if (stat(state->path, &file) != 0)
        return fb_state_fail_errno(error, state->path, "open the state file");
    if (file.st_size == 0)
        return fb_fail(error, FB_CORRUPT, "%s: the state file is empty; " FB_STATE_WHAT_TO_DO,
                       state->path);
    status = fb_state_file_check_version(state, &is_current, error);
    if (status == FB_OK && file.st_size <= CHECK_AT_ONCE_BYTES)
        status = fb_state_file_check_pages(state, error);
    *ret_is_checked = file.st_size <= CHECK_AT_ONCE_BYTES;
    return status;
}
