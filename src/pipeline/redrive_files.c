/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dead letters in files. What is open is closed first, so that the daemon goes on in another one;
 * then each file is read, and what stays of it is written beside it and takes its name. Until then
 * the file is there with all of its letters.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "letter_folder.h"
#include "redrive_private.h"

#define LOCK_NAME "redrive.lock"
#define STAY_NAME "redrive.tmp"

/* A daemon has the folder's lock for as long as it appends one line. */
#define LOCK_TRIES    1000
#define LOCK_PAUSE_MS 10

struct folder {
    struct fb_redrive *redrive;
    char *path;
    int fd, lock_fd;
};

/* The file at work. */
struct work {
    const struct folder *folder;
    const char *name;
    int fd, stay_fd;
    uint64_t stay_bytes;
};

static enum fb_status fail_io(const struct folder *folder, const char *what, const char *name,
                              struct fb_error *error)
{
    return fb_fail(error, FB_IO, "%s/%s: cannot %s: %s", folder->path, name, what, strerror(errno));
}

/* ---- the folder ---- */

/* FB_NOT_FOUND: the stream never had a dead letter in a file. */
static enum fb_status open_folder(struct folder *folder, struct fb_error *error)
{
    const struct fb_redrive_options *options = folder->redrive->options;

    folder->fd = folder->lock_fd = -1;
    if (asprintf(&folder->path, "%s/%s", options->directory, options->stream) < 0) {
        folder->path = NULL;
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd >= 0)
        return FB_OK;
    return errno == ENOENT ? FB_NOT_FOUND : fail_io(folder, "open the folder", "", error);
}

static void close_folder(struct folder *folder)
{
    if (folder->lock_fd >= 0)
        close(folder->lock_fd);
    if (folder->fd >= 0)
        close(folder->fd);
    free(folder->path);
}

/* The kernel lets go of it when the process ends, however that comes. */
static enum fb_status lock_out_others(struct folder *folder, struct fb_error *error)
{
    folder->lock_fd =
        openat(folder->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (folder->lock_fd < 0)
        return fail_io(folder, "open it", LOCK_NAME, error);
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return FB_OK;
    if (errno != EWOULDBLOCK)
        return fail_io(folder, "lock it", LOCK_NAME, error);
    return fb_fail(error, FB_CONFLICT, "another redrive works in %s; wait until it has ended",
                   folder->path);
}

static enum fb_status lock_out_daemon(const struct folder *folder, struct fb_error *error)
{
    enum fb_status status = FB_CONFLICT;

    for (int i = 0; i < LOCK_TRIES && status == FB_CONFLICT; i++) {
        if (i > 0)
            fb_sleep_ms(folder->redrive->options->clock, NULL, FB_STOP_NOW, LOCK_PAUSE_MS);
        status = fb_letter_folder_lock(folder->fd, error);
    }
    if (status != FB_OK)
        fb_error_prefix(error, "%s", folder->path);
    return status;
}

static enum fb_status list(const struct folder *folder, struct fb_letter_file **ret_files,
                           size_t *ret_count, struct fb_error *error)
{
    enum fb_status status = fb_letter_folder_list(folder->fd, ret_files, ret_count, error);

    if (status != FB_OK)
        fb_error_prefix(error, "%s", folder->path);
    return status;
}

/* From here on the daemon writes to other files. */
static enum fb_status close_open_files(const struct folder *folder, struct fb_error *error)
{
    struct fb_letter_file *files = NULL;
    size_t count = 0;
    enum fb_status status = lock_out_daemon(folder, error);

    if (status != FB_OK)
        return status;
    status = list(folder, &files, &count, error);
    for (size_t i = 0; i < count && status == FB_OK; i++)
        if (files[i].number == 0)
            status = fb_letter_folder_close(folder->fd, files[i].name, error);
    free(files);
    fb_letter_folder_unlock(folder->fd);
    return status;
}

/* ---- one file ---- */

static enum fb_status read_file(void *context, char *space, size_t size, size_t *ret_size,
                                struct fb_error *error)
{
    const struct work *work = context;
    ssize_t got = read(work->fd, space, size);

    if (got < 0)
        return fail_io(work->folder, "read it", work->name, error);
    *ret_size = (size_t)got;
    return FB_OK;
}

/* The file of what stays is made when something does. A full disk is no reason to wait. */
static enum fb_status keep_in_file(void *context, const char *bytes, size_t size,
                                   struct fb_error *error)
{
    struct work *work = context;

    if (work->folder->redrive->options->dry_run)
        return FB_OK;
    if (work->stay_fd < 0)
        work->stay_fd = openat(work->folder->fd, STAY_NAME,
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (work->stay_fd < 0)
        return fail_io(work->folder, "open it", STAY_NAME, error);
    while (size > 0) {
        ssize_t wrote = write(work->stay_fd, bytes, size);

        if (wrote < 0)
            return fail_io(work->folder, "write what stays of the file", STAY_NAME, error);
        bytes += wrote;
        size -= (size_t)wrote;
        work->stay_bytes += (uint64_t)wrote;
    }
    return FB_OK;
}

/* With the folder's lock. Someone may have moved the file away meanwhile, and its name may be
 * another's. */
static enum fb_status look_in_place(const struct work *work, struct fb_error *error)
{
    struct stat ours, named;

    if (fstat(work->fd, &ours) == 0 &&
        fstatat(work->folder->fd, work->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        ours.st_dev == named.st_dev && ours.st_ino == named.st_ino)
        return FB_OK;
    return fb_fail(error, FB_CHANGED, "%s/%s was moved away while it was redriven",
                   work->folder->path, work->name);
}

/* The stay file belongs to whom the file did, for the daemon runs as another user than root. */
static enum fb_status sync_stay(const struct work *work, struct fb_error *error)
{
    struct stat status;

    if (fstat(work->fd, &status) == 0 && fchown(work->stay_fd, status.st_uid, status.st_gid) != 0 &&
        errno != EPERM)
        return fail_io(work->folder, "give it to its owner", STAY_NAME, error);
    return fdatasync(work->stay_fd) == 0 ? FB_OK
                                         : fail_io(work->folder, "sync it", STAY_NAME, error);
}

static enum fb_status replace_file(const struct work *work, struct fb_error *error)
{
    const int folder_fd = work->folder->fd;
    enum fb_status status = work->stay_bytes > 0 ? sync_stay(work, error) : FB_OK;

    if (status == FB_OK)
        status = lock_out_daemon(work->folder, error);
    if (status != FB_OK)
        return status;
    status = look_in_place(work, error);
    if (status == FB_OK && work->stay_bytes == 0 && unlinkat(folder_fd, work->name, 0) != 0)
        status = fail_io(work->folder, "remove it", work->name, error);
    if (status == FB_OK && work->stay_bytes > 0 &&
        renameat(folder_fd, STAY_NAME, folder_fd, work->name) != 0)
        status = fail_io(work->folder, "replace it", work->name, error);
    fb_letter_folder_unlock(folder_fd);
    if (status == FB_OK && fsync(folder_fd) != 0)
        status = fail_io(work->folder, "sync the folder", "", error);
    return status;
}

static enum fb_status redrive_file(const struct folder *folder, const char *name,
                                   struct fb_error *error)
{
    struct work work = {.folder = folder, .name = name, .stay_fd = -1};
    const struct fb_redrive_source source = {
        .read = read_file, .keep = keep_in_file, .context = &work};
    const bool dry_run = folder->redrive->options->dry_run;
    bool changed = false;
    enum fb_status status = FB_OK;

    work.fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (work.fd < 0)
        return errno == ENOENT ? FB_OK : fail_io(folder, "open it", name, error);
    status = fb_redrive_source(folder->redrive, &source, &changed, error);
    if (status == FB_OK && !dry_run && (changed || work.stay_bytes == 0))
        status = replace_file(&work, error);
    if (work.stay_fd >= 0)
        close(work.stay_fd);
    if (!dry_run)
        (void)unlinkat(folder->fd, STAY_NAME, 0);
    close(work.fd);
    return status;
}

enum fb_status fb_redrive_files(struct fb_redrive *redrive, struct fb_error *error)
{
    struct folder folder = {.redrive = redrive};
    struct fb_letter_file *files = NULL;
    size_t count = 0;
    enum fb_status status = open_folder(&folder, error);

    if (status == FB_OK && !redrive->options->dry_run) {
        status = lock_out_others(&folder, error);
        if (status == FB_OK)
            status = close_open_files(&folder, error);
    }
    if (status == FB_OK)
        status = list(&folder, &files, &count, error);
    for (size_t i = 0; i < count && status == FB_OK; i++)
        if (files[i].number > 0 || redrive->options->dry_run)
            status = redrive_file(&folder, files[i].name, error);
    free(files);
    close_folder(&folder);
    return status == FB_NOT_FOUND ? FB_OK : status;
}
