/* SPDX-License-Identifier: Apache-2.0 */
#include "letter_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firebridge/base/time.h"

enum fb_status fb_letter_folder_lock(int folder_fd, struct fb_error *error)
{
    if (flock(folder_fd, LOCK_EX | LOCK_NB) == 0)
        return FB_OK;
    if (errno == EWOULDBLOCK)
        return fb_fail(error, FB_CONFLICT, "another process works in the folder");
    return fb_fail(error, FB_IO, "cannot lock the folder: %s", strerror(errno));
}

void fb_letter_folder_unlock(int folder_fd)
{
    (void)flock(folder_fd, LOCK_UN);
}

void fb_letter_folder_open_name(int64_t now_ms, char ret_name[FB_LETTER_NAME_SIZE])
{
    struct fb_civil civil;

    fb_time_to_civil(now_ms, &civil);
    snprintf(ret_name, FB_LETTER_NAME_SIZE, "dead-letters-%04d%02d%02d.jsonl", civil.year,
             civil.month, civil.day);
}

/* Digits at *text, which moves on behind them and `end`. */
static bool take_number(const char **text, const char *end, unsigned *ret_number)
{
    char *behind;
    unsigned long number;

    if (**text < '0' || **text > '9')
        return false;
    number = strtoul(*text, &behind, 10);
    if (number > UINT32_MAX || strncmp(behind, end, strlen(end)) != 0)
        return false;
    *text = behind + strlen(end);
    *ret_number = (unsigned)number;
    return true;
}

/* Exactly the names that the above and close make: written again, they are the same. */
static bool take_name(const char *name, struct fb_letter_file *ret_file)
{
    static const char begin[] = "dead-letters-";
    const char *p = name + strlen(begin);
    bool is_closed;

    *ret_file = (struct fb_letter_file){0};
    if (strncmp(name, begin, strlen(begin)) != 0)
        return false;
    is_closed = take_number(&p, ".", &ret_file->day) &&
                take_number(&p, ".jsonl", &ret_file->number) && ret_file->number > 0;
    if (is_closed)
        snprintf(ret_file->name, sizeof ret_file->name, "dead-letters-%08u.%04u.jsonl",
                 ret_file->day, ret_file->number);
    else
        snprintf(ret_file->name, sizeof ret_file->name, "dead-letters-%08u.jsonl", ret_file->day);
    if (!is_closed)
        ret_file->number = 0;
    return strcmp(ret_file->name, name) == 0;
}

static int compare(const void *a, const void *b)
{
    const struct fb_letter_file *one = a;
    const struct fb_letter_file *two = b;

    if (one->day != two->day)
        return one->day < two->day ? -1 : 1;
    /* The open file comes behind the closed ones of its day: 0 wraps to the largest. */
    if (one->number != two->number)
        return one->number - 1 < two->number - 1 ? -1 : 1;
    return 0;
}

static enum fb_status add_entry(int folder_fd, const char *name, struct fb_letter_file **files,
                                size_t *count)
{
    struct fb_letter_file file;
    struct fb_letter_file *grown;
    struct stat status;

    if (!take_name(name, &file) || fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode))
        return FB_OK;
    file.size_bytes = (uint64_t)status.st_size;
    grown = reallocarray(*files, *count + 1, sizeof *grown);
    if (grown == NULL)
        return FB_NO_MEMORY;
    grown[(*count)++] = file;
    *files = grown;
    return FB_OK;
}

enum fb_status fb_letter_folder_list(int folder_fd, struct fb_letter_file **ret_files,
                                     size_t *ret_count, struct fb_error *error)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct fb_letter_file *files = NULL;
    const struct dirent *entry;
    size_t count = 0;
    enum fb_status status = FB_OK;

    if (folder == NULL) {
        status = fb_fail(error, FB_IO, "cannot read the folder: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    /* readdir is safe where each thread has a DIR of its own (readdir(3), ATTRIBUTES). */
    while (status == FB_OK && (entry = readdir(folder)) != NULL) /* NOLINT(concurrency-mt-unsafe) */
        status = add_entry(folder_fd, entry->d_name, &files, &count);
    closedir(folder);
    if (status != FB_OK) {
        free(files);
        return fb_fail(error, status, "no memory for the names of files");
    }
    if (count > 0)
        qsort(files, count, sizeof *files, compare);
    *ret_files = files;
    *ret_count = count;
    return FB_OK;
}

enum fb_status fb_letter_folder_close(int folder_fd, const char *open_name, struct fb_error *error)
{
    struct fb_letter_file open_file;
    struct fb_letter_file *files = NULL;
    char closed[FB_LETTER_NAME_SIZE];
    unsigned number = 1;
    size_t count = 0;
    enum fb_status status = fb_letter_folder_list(folder_fd, &files, &count, error);

    if (status != FB_OK)
        return status;
    if (!take_name(open_name, &open_file))
        status = fb_fail(error, FB_INVALID, "%s is no file of dead letters", open_name);
    for (size_t i = 0; i < count; i++)
        if (files[i].day == open_file.day && files[i].number >= number)
            number = files[i].number + 1;
    free(files);
    if (status != FB_OK)
        return status;
    snprintf(closed, sizeof closed, "dead-letters-%08u.%04u.jsonl", open_file.day, number);
    if (renameat(folder_fd, open_name, folder_fd, closed) != 0)
        return fb_fail(error, FB_IO, "cannot rename %s: %s", open_name, strerror(errno));
    return FB_OK;
}
