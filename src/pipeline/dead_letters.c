/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/dead_letters.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firebridge/base/log.h"
#include "firebridge/base/time.h"

/* What is kept of an over-long record; the rest stays in S3. */
#define KEPT_BYTES_OF_OVERLONG 4096

struct fb_dead_letters {
    char *root;      /* of all streams */
    char *directory; /* the stream's own, in it */
    char *stream;
    char *bucket;
    struct fb_clock *clock;
    uint64_t max_letters, in_records;
    bool accept_all;

    pthread_mutex_t lock; /* guards what follows */
    int fd, directory_fd;
    char day[40]; /* of the open file: YYYYMMDD */
    bool unsynced, directory_unsynced;
    bool torn;                  /* the last line was not written whole */
    bool sync_failed;           /* what the kernel held back then may be lost */
    atomic_uint_fast64_t count; /* read without the lock */
    uint64_t *ring;             /* ordinals of the last max_letters letters, oldest at `oldest` */
    uint64_t oldest, ring_count;
};

static enum fb_status fail_io(struct fb_error *error, const char *what, const char *path)
{
    return fb_fail(error, FB_IO, "dead letters: cannot %s %s: %s", what, path, strerror(errno));
}

/* Makes it when it is not there, and then its entry in `parent` durable. */
static enum fb_status make_directory(const char *parent, const char *path, struct fb_error *error)
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

static enum fb_status open_directory(struct fb_dead_letters *letters, struct fb_error *error)
{
    char *parent = strdup(letters->root);
    enum fb_status status;

    if (parent == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    status = make_directory(dirname(parent), letters->root, error);
    free(parent);
    if (status == FB_OK)
        status = make_directory(letters->root, letters->directory, error);
    if (status != FB_OK)
        return status;
    if (letters->directory_fd >= 0)
        close(letters->directory_fd);
    letters->directory_fd = open(letters->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (letters->directory_fd < 0)
        return fail_io(error, "open the folder", letters->directory);
    letters->directory_unsynced = true;
    return FB_OK;
}

enum fb_status fb_dead_letters_open(const struct fb_dead_letters_options *options,
                                    struct fb_dead_letters **ret_letters, struct fb_error *error)
{
    struct fb_dead_letters *letters = calloc(1, sizeof *letters);
    enum fb_status status;

    if (letters == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    letters->fd = -1;
    letters->directory_fd = -1;
    letters->clock = options->clock;
    letters->max_letters = options->max_letters;
    letters->in_records = options->in_records;
    letters->accept_all = options->accept_all || options->max_letters == 0;
    pthread_mutex_init(&letters->lock, NULL);
    letters->root = strdup(options->directory);
    letters->stream = strdup(options->stream);
    letters->bucket = strdup(options->bucket);
    if (asprintf(&letters->directory, "%s/%s", options->directory, options->stream) < 0)
        letters->directory = NULL;
    if (!letters->accept_all)
        letters->ring = calloc(letters->max_letters, sizeof *letters->ring);
    if (letters->root == NULL || letters->stream == NULL || letters->bucket == NULL ||
        letters->directory == NULL || (letters->ring == NULL && !letters->accept_all))
        status = fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    else
        status = open_directory(letters, error);
    if (status != FB_OK) {
        fb_dead_letters_close(letters);
        return status;
    }
    *ret_letters = letters;
    return FB_OK;
}

void fb_dead_letters_close(struct fb_dead_letters *letters)
{
    if (letters == NULL)
        return;
    if (letters->fd >= 0)
        close(letters->fd);
    if (letters->directory_fd >= 0)
        close(letters->directory_fd);
    pthread_mutex_destroy(&letters->lock);
    free(letters->root);
    free(letters->directory);
    free(letters->stream);
    free(letters->bucket);
    free(letters->ring);
    free(letters);
}

/* A crash may have cut the last line; the next letter must begin on one of its own. */
static enum fb_status close_torn_line(int fd, const char *path, struct fb_error *error)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last;

    if (size <= 0)
        return size == 0 ? FB_OK : fail_io(error, "read", path);
    if (pread(fd, &last, 1, size - 1) != 1)
        return fail_io(error, "read", path);
    if (last != '\n' && write(fd, "\n", 1) != 1)
        return fail_io(error, "write to", path);
    return FB_OK;
}

static enum fb_status open_file(struct fb_dead_letters *letters, const char *day,
                                struct fb_error *error)
{
    char name[64];
    enum fb_status status;
    int fd;

    snprintf(name, sizeof name, "dead-letters-%s.jsonl", day);
    fd = openat(letters->directory_fd, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                0600);
    if (fd < 0)
        return fail_io(error, "open a file in", letters->directory);
    status = close_torn_line(fd, letters->directory, error);
    if (status != FB_OK) {
        close(fd);
        return status;
    }
    letters->fd = fd;
    letters->directory_unsynced = true;
    snprintf(letters->day, sizeof letters->day, "%s", day);
    return FB_OK;
}

/*
 * After a failed fsync the kernel may have dropped what it could not write, and the next fsync
 * says nothing of it (fsync(2), "Errors"). So the first failure is the last word on this file.
 */
static enum fb_status sync_locked(struct fb_dead_letters *letters, struct fb_error *error)
{
    if (letters->sync_failed)
        return fb_fail(error, FB_CORRUPT,
                       "dead letters: %s could not be synced; restart firebridge when the disk is "
                       "well: the letters since the last checkpoint are written again",
                       letters->directory);
    if (letters->unsynced && fdatasync(letters->fd) != 0) {
        letters->sync_failed = true;
        return fail_io(error, "sync a file in", letters->directory);
    }
    letters->unsynced = false;
    if (letters->directory_unsynced && letters->fd >= 0) {
        if (fsync(letters->directory_fd) != 0)
            return fail_io(error, "sync the folder", letters->directory);
        letters->directory_unsynced = false;
    }
    return FB_OK;
}

/* Someone may have moved away the file, or the whole folder, while it was open. */
static bool is_in_place(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

/* One file a day, so that old ones can be moved away while the daemon runs. */
static enum fb_status choose_file(struct fb_dead_letters *letters, int64_t now_ms,
                                  struct fb_error *error)
{
    struct fb_civil civil;
    char day[40];

    fb_time_to_civil(now_ms, &civil);
    snprintf(day, sizeof day, "%04d%02d%02d", civil.year, civil.month, civil.day);
    if (letters->fd >= 0 && strcmp(day, letters->day) == 0 && is_in_place(letters->fd))
        return FB_OK;
    if (letters->fd >= 0) {
        enum fb_status status = sync_locked(letters, error);

        if (status != FB_OK)
            return status;
        close(letters->fd);
        letters->fd = -1;
    }
    if (!is_in_place(letters->directory_fd)) {
        enum fb_status status = open_directory(letters, error);

        if (status != FB_OK)
            return status;
    }
    return open_file(letters, day, error);
}

/* Bytes as base64, NUL-terminated; the caller frees. NULL without memory. */
static char *to_base64(const char *bytes, size_t size)
{
    char *text = malloc(4 * ((size + 2) / 3) + 1);

    if (text != NULL)
        EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes, (int)size);
    return text;
}

/* S3 keys are UTF-8, but nothing may keep a letter from being kept. */
static json_t *text_or_printable(const char *text)
{
    json_t *value = json_string(text);
    char *copy;

    if (value != NULL || (copy = strdup(text)) == NULL)
        return value;
    fb_make_printable(copy);
    value = json_string(copy);
    free(copy);
    return value;
}

static char *format_line(const struct fb_dead_letters *letters, const struct fb_dead_letter *letter,
                         int64_t now_ms)
{
    bool whole = letter->text_size == letter->size_bytes;
    size_t kept = whole || letter->text_size < KEPT_BYTES_OF_OVERLONG ? letter->text_size
                                                                      : KEPT_BYTES_OF_OVERLONG;
    char *bytes = to_base64(letter->text, kept);
    char now[FB_TIME_TEXT_SIZE];
    json_t *line = NULL;
    char *text = NULL;

    if (bytes == NULL)
        return NULL;
    fb_time_format_rfc3339(now_ms, now);
    line = json_pack("{s:{s:o, s:s, s:I}, s:s, s:s, s:s, s:I, s:I, s:s*, s:s, s:o, s:s}", "id",
                     "key", text_or_printable(letter->object->key), "etag", letter->object->etag,
                     "record", (json_int_t)letter->record_number, "time", now, "stream",
                     letters->stream, "bucket", letters->bucket, "offset",
                     (json_int_t)letter->offset_bytes, "size", (json_int_t)letter->size_bytes,
                     "operation",
                     letter->operation == FB_PUT ? NULL : fb_operation_name(letter->operation),
                     "reason",
                     letter->reason, "message", text_or_printable(letter->message), "bytes", bytes);
    if (line != NULL && !whole)
        json_object_set_new(line, "note",
                            json_string("only the first bytes are here; the rest is in S3, at "
                                        "this offset of the decompressed object"));
    if (line != NULL)
        text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(line);
    free(bytes);
    return text;
}

/* All of the line or, as far as the disk lets us, nothing of it. */
static enum fb_status append_line(struct fb_dead_letters *letters, char *text,
                                  struct fb_error *error)
{
    off_t before = lseek(letters->fd, 0, SEEK_END);
    size_t size = strlen(text);
    ssize_t written;

    if (letters->torn && write(letters->fd, "\n", 1) != 1)
        return fail_io(error, "write to a file in", letters->directory);
    letters->torn = false;
    text[size] = '\n'; /* in place of the NUL: one write, one line */
    written = write(letters->fd, text, size + 1);
    if (written == (ssize_t)(size + 1)) {
        letters->unsynced = true;
        return FB_OK;
    }
    if (written >= 0)
        errno = ENOSPC;
    fail_io(error, "write to a file in", letters->directory);
    letters->torn = written > 0 && (before < 0 || ftruncate(letters->fd, before) != 0);
    return FB_IO;
}

/* With the lock. Whether one more, with that ordinal, is too many. */
static bool is_too_many(const struct fb_dead_letters *letters, uint64_t ordinal)
{
    uint64_t before = letters->max_letters - 1;
    uint64_t first;

    if (letters->accept_all || letters->ring_count < before)
        return false;
    if (before == 0)
        return true;
    first = letters->oldest + letters->ring_count - before;
    return ordinal < letters->ring[first % letters->max_letters] + letters->in_records;
}

static void note_ordinal(struct fb_dead_letters *letters, uint64_t ordinal)
{
    atomic_fetch_add(&letters->count, 1);
    if (letters->accept_all)
        return;
    if (letters->ring_count == letters->max_letters) {
        letters->oldest = (letters->oldest + 1) % letters->max_letters;
        letters->ring_count--;
    }
    letters->ring[(letters->oldest + letters->ring_count) % letters->max_letters] = ordinal;
    letters->ring_count++;
}

static enum fb_status add_locked(struct fb_dead_letters *letters,
                                 const struct fb_dead_letter *letter, struct fb_error *error)
{
    int64_t now_ms = fb_realtime_ms(letters->clock);
    enum fb_status status;
    char *line;

    if (is_too_many(letters, letter->ordinal))
        return fb_fail(error, FB_CONFLICT,
                       "%llu dead letters within %llu records (max_dead_letters), the last: %s: "
                       "%s. The frontier has not moved past the first. Mend the conf or the "
                       "records, or go on with: firebridge run --accept-dead-letters",
                       (unsigned long long)letters->max_letters,
                       (unsigned long long)letters->in_records, letter->reason, letter->message);
    status = choose_file(letters, now_ms, error);
    if (status != FB_OK)
        return status;
    line = format_line(letters, letter, now_ms);
    if (line == NULL)
        return fb_fail(error, FB_IO, "dead letters: no memory for a line");
    status = append_line(letters, line, error);
    free(line);
    if (status == FB_OK)
        note_ordinal(letters, letter->ordinal);
    return status;
}

enum fb_status fb_dead_letters_add(struct fb_dead_letters *letters,
                                   const struct fb_dead_letter *letter, struct fb_error *error)
{
    enum fb_status status;

    pthread_mutex_lock(&letters->lock);
    status = add_locked(letters, letter, error);
    pthread_mutex_unlock(&letters->lock);
    return status;
}

enum fb_status fb_dead_letters_keep(struct fb_dead_letters *letters,
                                    const struct fb_dead_letter *letter,
                                    struct fb_patience *patience, struct fb_error *error)
{
    struct fb_error own = {0};
    enum fb_status status;

    for (;;) {
        status = fb_dead_letters_add(letters, letter, &own);
        if (status != FB_IO)
            break;
        status = fb_patience_wait(patience, &own);
        if (status != FB_OK)
            break;
    }
    if (status == FB_OK) {
        const bool is_put = letter->operation == FB_PUT;

        fb_patience_success(patience);
        fb_log_warning("stream %s: dead letter: %s record %llu (byte %llu)%s%s: %s: %s",
                       letters->stream, letter->object->key,
                       (unsigned long long)letter->record_number,
                       (unsigned long long)letter->offset_bytes, is_put ? "" : ", ",
                       is_put ? "" : fb_operation_name(letter->operation), letter->reason,
                       letter->message);
    } else if (error != NULL) {
        *error = own;
    }
    return status;
}

enum fb_status fb_dead_letters_sync(struct fb_dead_letters *letters, struct fb_error *error)
{
    enum fb_status status;

    pthread_mutex_lock(&letters->lock);
    status = sync_locked(letters, error);
    pthread_mutex_unlock(&letters->lock);
    return status;
}

uint64_t fb_dead_letters_undecided(struct fb_dead_letters *letters, uint64_t ordinal)
{
    uint64_t first = UINT64_MAX;

    if (letters->accept_all)
        return first;
    pthread_mutex_lock(&letters->lock);
    for (uint64_t i = 0; i < letters->ring_count; i++) {
        uint64_t at = letters->ring[(letters->oldest + i) % letters->max_letters];

        /* Rejections come a little out of order, so the smallest is looked for. */
        if (ordinal < at + letters->in_records && at < first)
            first = at;
    }
    pthread_mutex_unlock(&letters->lock);
    return first;
}

uint64_t fb_dead_letters_count(struct fb_dead_letters *letters)
{
    return atomic_load(&letters->count);
}
