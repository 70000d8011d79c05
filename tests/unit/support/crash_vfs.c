/* SPDX-License-Identifier: Apache-2.0 */
#include "crash_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/base/backoff.h"

/* What a write that is not synced yet has put something over. */
struct undo {
    struct undo *older;
    char *path;
    sqlite3_int64 offset, old_size; /* of the file */
    int size;
    char old[];
};

struct file {
    sqlite3_file base;
    char *path;
    sqlite3_file *real;
};

static sqlite3_vfs shim;
static sqlite3_vfs *real_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static enum crash_mode mode;
static uint64_t crash_at;
static struct fb_random chances;
static struct crash_counts *counts;
static struct undo *undos; /* the youngest first */

uint64_t crash_counts_sum(const struct crash_counts *of)
{
    return of->writes + of->syncs + of->truncates + of->deletes;
}

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

static void lose(const struct undo *undo)
{
    int fd = open(undo->path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return; /* it has another name by now, and was synced before */
    if (pwrite(fd, undo->old, (size_t)undo->size, undo->offset) != undo->size)
        abort();
    close(fd);
}

/* Where nothing behind it stayed, a file is as long as it was. */
static void shorten(const struct undo *undo)
{
    if (truncate(undo->path, undo->old_size) != 0)
        return;
}

static void lose_unsynced(void)
{
    const bool all = fb_random_next(&chances) % 2 == 0;

    for (const struct undo *undo = undos; undo != NULL; undo = undo->older) {
        if (!all && fb_random_next(&chances) % 2 == 0)
            continue;
        lose(undo);
        if (all)
            shorten(undo);
    }
}

static void die(void)
{
    if (mode == CRASH_POWER)
        lose_unsynced();
    kill(getpid(), SIGKILL);
    pause();
}

/* Under the lock. Whether this is the one at which the process ends. */
static bool count(uint64_t *kind)
{
    (*kind)++;
    return crash_at != 0 && crash_counts_sum(counts) == crash_at;
}

static void remember(struct file *file, int size, sqlite3_int64 offset)
{
    struct undo *undo = calloc(1, sizeof *undo + (size_t)size);

    if (undo == NULL || (undo->path = strdup(file->path)) == NULL)
        abort();
    undo->size = size;
    undo->offset = offset;
    file->real->pMethods->xFileSize(file->real, &undo->old_size);
    /* What is beyond the end comes as zeros, and as an error that says so. */
    file->real->pMethods->xRead(file->real, undo->old, size, offset);
    undo->older = undos;
    undos = undo;
}

static void forget(const char *path)
{
    for (struct undo **at = &undos; *at != NULL;) {
        struct undo *undo = *at;

        if (strcmp(undo->path, path) != 0) {
            at = &undo->older;
            continue;
        }
        *at = undo->older;
        free(undo->path);
        free(undo);
    }
}

static int write_file(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
    struct file *file = (struct file *)base;
    int result;
    bool ends;

    pthread_mutex_lock(&lock);
    ends = count(&counts->writes);
    if (ends && mode == CRASH_TORN)
        real(base)->pMethods->xWrite(real(base), bytes, size / 2, offset);
    if (ends && mode != CRASH_POWER)
        die();
    if (mode == CRASH_POWER)
        remember(file, size, offset);
    result = real(base)->pMethods->xWrite(real(base), bytes, size, offset);
    if (ends)
        die();
    pthread_mutex_unlock(&lock);
    return result;
}

static int sync_file(sqlite3_file *base, int flags)
{
    int result;

    pthread_mutex_lock(&lock);
    if (count(&counts->syncs))
        die();
    result = real(base)->pMethods->xSync(real(base), flags);
    if (result == SQLITE_OK)
        forget(((struct file *)base)->path);
    pthread_mutex_unlock(&lock);
    return result;
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size)
{
    int result;

    pthread_mutex_lock(&lock);
    if (count(&counts->truncates))
        die();
    result = real(base)->pMethods->xTruncate(real(base), size);
    pthread_mutex_unlock(&lock);
    return result;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    int result;

    (void)vfs;
    pthread_mutex_lock(&lock);
    if (count(&counts->deletes))
        die();
    forget(path);
    result = real_vfs->xDelete(real_vfs, path, sync_directory);
    pthread_mutex_unlock(&lock);
    return result;
}

/* ---- what goes through as it is ---- */

static int close_file(sqlite3_file *base)
{
    int result = real(base)->pMethods->xClose(real(base));

    free(((struct file *)base)->path);
    return result;
}

static int read_file(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset)
{
    return real(base)->pMethods->xRead(real(base), bytes, size, offset);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    return real(base)->pMethods->xFileSize(real(base), ret_size);
}

static int lock_file(sqlite3_file *base, int level)
{
    return real(base)->pMethods->xLock(real(base), level);
}

static int unlock_file(sqlite3_file *base, int level)
{
    return real(base)->pMethods->xUnlock(real(base), level);
}

static int check_lock(sqlite3_file *base, int *ret_reserved)
{
    return real(base)->pMethods->xCheckReservedLock(real(base), ret_reserved);
}

static int control_file(sqlite3_file *base, int operation, void *argument)
{
    return real(base)->pMethods->xFileControl(real(base), operation, argument);
}

static int sector_size(sqlite3_file *base)
{
    return real(base)->pMethods->xSectorSize(real(base));
}

static int device(sqlite3_file *base)
{
    return real(base)->pMethods->xDeviceCharacteristics(real(base));
}

static int map_shm(sqlite3_file *base, int region, int size, int extend, void volatile **ret_map)
{
    return real(base)->pMethods->xShmMap(real(base), region, size, extend, ret_map);
}

static int lock_shm(sqlite3_file *base, int offset, int n, int flags)
{
    return real(base)->pMethods->xShmLock(real(base), offset, n, flags);
}

static void barrier_shm(sqlite3_file *base)
{
    real(base)->pMethods->xShmBarrier(real(base));
}

static int unmap_shm(sqlite3_file *base, int remove)
{
    return real(base)->pMethods->xShmUnmap(real(base), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device,
    .xShmMap = map_shm,
    .xShmLock = lock_shm,
    .xShmBarrier = barrier_shm,
    .xShmUnmap = unmap_shm,
};

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                     int *ret_flags)
{
    struct file *file = (struct file *)base;
    int result;

    (void)vfs;
    file->real = (sqlite3_file *)(file + 1);
    result = real_vfs->xOpen(real_vfs, path, file->real, flags, ret_flags);
    base->pMethods = NULL;
    if (result != SQLITE_OK)
        return result;
    file->path = strdup(path == NULL ? "" : path);
    if (file->path == NULL)
        abort();
    base->pMethods = &methods;
    return SQLITE_OK;
}

void crash_vfs_install(enum crash_mode with, uint64_t at, uint64_t seed, struct crash_counts *into)
{
    mode = with;
    crash_at = at;
    counts = into;
    *counts = (struct crash_counts){0};
    fb_random_init(&chances, seed);
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.pNext = NULL;
    shim.zName = "crash";
    shim.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    shim.xOpen = open_file;
    shim.xDelete = delete_file;
    if (sqlite3_vfs_register(&shim, 1) != SQLITE_OK)
        abort();
}
