/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters as files: one open file a day, closed when it is large, all of them bounded. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firebridge/pipeline/letter_sink.h"
#include "letter_folder.h"

struct letter_files {
    struct fb_letter_sink sink; /* first */
    char *root;                 /* of all streams */
    char *folder;               /* the stream's own, in it */
    struct fb_clock *clock;
    uint64_t max_file_bytes, max_bytes;
    int fd, folder_fd;
    char name[FB_LETTER_NAME_SIZE]; /* of the open file */
    uint64_t file_bytes;            /* of the open file */
    uint64_t all_bytes;             /* of all files, or more: others may have taken some away */
    bool unsynced, folder_unsynced;
    bool torn;        /* the last line was not written whole */
    bool sync_failed; /* what the kernel held back then may be lost */
};

static enum fb_status fail_io(struct fb_error *error, const char *what, const char *path)
{
    return fb_fail(error, FB_IO, "dead letters: cannot %s %s: %s", what, path, strerror(errno));
}

/* Makes it when it is not there, and then its entry in `parent` durable. */
static enum fb_status make_folder(const char *parent, const char *path, struct fb_error *error)
{
    int fd;

    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? FB_OK : fail_io(error, "make the folder", path);
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        fail_io(error, "sync the folder", parent);
        if (fd >= 0)
            close(fd);
        return FB_IO;
    }
    close(fd);
    return FB_OK;
}

static enum fb_status open_folder(struct letter_files *files, struct fb_error *error)
{
    char *parent = strdup(files->root);
    enum fb_status status;

    if (parent == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    status = make_folder(dirname(parent), files->root, error);
    free(parent);
    if (status == FB_OK)
        status = make_folder(files->root, files->folder, error);
    if (status != FB_OK)
        return status;
    if (files->folder_fd >= 0)
        close(files->folder_fd);
    files->folder_fd = open(files->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->folder_fd < 0)
        return fail_io(error, "open the folder", files->folder);
    files->folder_unsynced = true;
    return FB_OK;
}

/* A crash may have cut the last line; the next letter must begin on one of its own. */
static enum fb_status close_torn_line(int fd, const char *path, off_t *ret_size,
                                      struct fb_error *error)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last = '\n';

    if (size < 0 || (size > 0 && pread(fd, &last, 1, size - 1) != 1))
        return fail_io(error, "read", path);
    if (last != '\n' && write(fd, "\n", 1) != 1)
        return fail_io(error, "write to", path);
    *ret_size = size + (last != '\n');
    return FB_OK;
}

static enum fb_status open_file(struct letter_files *files, const char *name,
                                struct fb_error *error)
{
    enum fb_status status;
    off_t size = 0;
    int fd;

    fd = openat(files->folder_fd, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_io(error, "open a file in", files->folder);
    status = close_torn_line(fd, files->folder, &size, error);
    if (status != FB_OK) {
        close(fd);
        return status;
    }
    files->fd = fd;
    files->torn = false;
    files->file_bytes = (uint64_t)size;
    files->folder_unsynced = true;
    snprintf(files->name, sizeof files->name, "%s", name);
    return FB_OK;
}

/*
 * After a failed fsync the kernel may have dropped what it could not write, and the next fsync
 * says nothing of it (fsync(2), "Errors"). So the first failure is the last word on this file.
 */
static enum fb_status sync_files(struct fb_letter_sink *sink, struct fb_error *error)
{
    struct letter_files *files = (struct letter_files *)sink;

    if (files->sync_failed)
        return fb_fail(error, FB_CORRUPT,
                       "dead letters: %s could not be synced; restart firebridge when the disk is "
                       "well: the letters since the last checkpoint are written again",
                       files->folder);
    if (files->unsynced && fdatasync(files->fd) != 0) {
        files->sync_failed = true;
        return fail_io(error, "sync a file in", files->folder);
    }
    files->unsynced = false;
    if (files->folder_unsynced && files->fd >= 0) {
        if (fsync(files->folder_fd) != 0)
            return fail_io(error, "sync the folder", files->folder);
        files->folder_unsynced = false;
    }
    return FB_OK;
}

/* Someone may have moved the folder away while it was open. */
static bool is_folder_in_place(const struct letter_files *files)
{
    struct stat status;

    return fstat(files->folder_fd, &status) == 0 && status.st_nlink > 0;
}

/* With the lock. Whether the open file still has its name: `redrive` renames what it works on. */
static bool is_file_in_place(const struct letter_files *files)
{
    struct stat ours, named;

    return fstat(files->fd, &ours) == 0 &&
           fstatat(files->folder_fd, files->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* A failed sync is told for as long as the file is ours: its letters may be lost. */
static enum fb_status leave_file(struct letter_files *files, struct fb_error *error)
{
    enum fb_status status = sync_files(&files->sink, error);

    if (status != FB_OK)
        return status;
    close(files->fd);
    files->fd = -1;
    return FB_OK;
}

static bool has_outgrown(const struct letter_files *files, size_t size)
{
    return files->max_file_bytes > 0 && files->file_bytes > 0 &&
           files->file_bytes + size > files->max_file_bytes;
}

/* With the lock. One file a day, and a new one when it is large. */
static enum fb_status choose_file(struct letter_files *files, size_t size, struct fb_error *error)
{
    char name[FB_LETTER_NAME_SIZE];
    enum fb_status status = FB_OK;

    fb_letter_folder_open_name(fb_realtime_ms(files->clock), name);
    if (files->fd >= 0 && (strcmp(name, files->name) != 0 || !is_file_in_place(files)))
        status = leave_file(files, error);
    if (status == FB_OK && files->fd < 0)
        status = open_file(files, name, error);
    if (status != FB_OK || !has_outgrown(files, size))
        return status;
    status = leave_file(files, error);
    if (status == FB_OK)
        status = fb_letter_folder_close(files->folder_fd, name, error);
    return status == FB_OK ? open_file(files, name, error) : status;
}

static enum fb_status count_bytes(struct letter_files *files, struct fb_error *error)
{
    struct fb_letter_file *list = NULL;
    size_t count = 0;
    enum fb_status status = fb_letter_folder_list(files->folder_fd, &list, &count, error);

    if (status != FB_OK) {
        fb_error_prefix(error, "dead letters: %s", files->folder);
        return status;
    }
    files->all_bytes = 0;
    for (size_t i = 0; i < count; i++)
        files->all_bytes += list[i].size_bytes;
    free(list);
    return FB_OK;
}

static bool is_over(const struct letter_files *files, size_t size)
{
    return files->max_bytes > 0 && files->all_bytes > 0 &&
           files->all_bytes + size > files->max_bytes;
}

/* Counted anew before anything is refused: files may have been taken away, or redriven. */
static enum fb_status find_room(struct letter_files *files, size_t size, struct fb_error *error)
{
    enum fb_status status = is_over(files, size) ? count_bytes(files, error) : FB_OK;

    if (status != FB_OK || !is_over(files, size))
        return status;
    return fb_fail(error, FB_IO,
                   "dead letters: %s holds %llu bytes, and max_dead_letters_size is %llu. The "
                   "stream stands until there is room: run firebridge redrive, move files away, or "
                   "allow more",
                   files->folder, (unsigned long long)files->all_bytes,
                   (unsigned long long)files->max_bytes);
}

/* All of the line or, as far as the disk lets us, nothing of it. */
static enum fb_status append_line(struct letter_files *files, const char *line, size_t size,
                                  struct fb_error *error)
{
    ssize_t written;
    off_t before;

    if (files->torn && write(files->fd, "\n", 1) != 1)
        return fail_io(error, "write to a file in", files->folder);
    files->torn = false;
    before = lseek(files->fd, 0, SEEK_END); /* what closes a torn line stays */
    written = write(files->fd, line, size); /* one write, one line */
    if (written == (ssize_t)size) {
        files->unsynced = true;
        files->file_bytes += size;
        files->all_bytes += size;
        return FB_OK;
    }
    if (written >= 0)
        errno = ENOSPC;
    fail_io(error, "write to a file in", files->folder);
    files->torn = written > 0 && (before < 0 || ftruncate(files->fd, before) != 0);
    return FB_IO;
}

static enum fb_status add_to_files(struct fb_letter_sink *sink, const struct fb_dead_letter *letter,
                                   const char *line, size_t size, struct fb_error *error)
{
    struct letter_files *files = (struct letter_files *)sink;
    enum fb_status status = is_folder_in_place(files) ? FB_OK : open_folder(files, error);

    (void)letter;
    if (status != FB_OK)
        return status;
    if (fb_letter_folder_lock(files->folder_fd, error) != FB_OK) {
        if (error != NULL)
            error->status = FB_IO;
        fb_error_prefix(error, "dead letters: %s", files->folder);
        return FB_IO;
    }
    status = find_room(files, size, error);
    if (status == FB_OK)
        status = choose_file(files, size, error);
    if (status == FB_OK)
        status = append_line(files, line, size, error);
    fb_letter_folder_unlock(files->folder_fd);
    return status;
}

static uint64_t held_bytes(struct fb_letter_sink *sink)
{
    return ((const struct letter_files *)sink)->all_bytes;
}

static void free_files(struct fb_letter_sink *sink)
{
    struct letter_files *files = (struct letter_files *)sink;

    if (files->fd >= 0)
        close(files->fd);
    if (files->folder_fd >= 0)
        close(files->folder_fd);
    free(files->root);
    free(files->folder);
    free(files);
}

enum fb_status fb_letter_files_new(const struct fb_letter_files_options *options,
                                   struct fb_letter_sink **ret_sink, struct fb_error *error)
{
    struct letter_files *files = calloc(1, sizeof *files);
    enum fb_status status;

    if (files == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    files->sink = (struct fb_letter_sink){
        .add = add_to_files, .sync = sync_files, .held_bytes = held_bytes, .free = free_files};
    files->fd = -1;
    files->folder_fd = -1;
    files->clock = options->clock;
    files->max_file_bytes = options->max_file_bytes;
    files->max_bytes = options->max_bytes;
    files->root = strdup(options->root);
    if (asprintf(&files->folder, "%s/%s", options->root, options->stream) < 0)
        files->folder = NULL;
    if (files->root == NULL || files->folder == NULL)
        status = fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    else
        status = open_folder(files, error);
    if (status == FB_OK)
        status = count_bytes(files, error);
    if (status != FB_OK) {
        free_files(&files->sink);
        return status;
    }
    *ret_sink = &files->sink;
    return FB_OK;
}
