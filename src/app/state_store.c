/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/state_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "firebridge/aws/s3.h"
#include "firebridge/state/backup.h"

#define PIECE_BYTES (64 * 1024)

/* S3 goes silent for seconds now and then. */
#define STALL_TIMEOUT_MS 30000

static enum fb_status fail_errno(const char *path, const char *what, struct fb_error *error)
{
    return fb_fail(error, FB_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

/* The copy, and the same in gzip. */
struct paths {
    char *plain, *packed;
};

static void paths_done(struct paths *paths)
{
    if (paths->plain != NULL)
        unlink(paths->plain);
    if (paths->packed != NULL)
        unlink(paths->packed);
    free(paths->plain);
    free(paths->packed);
}

static enum fb_status paths_init(struct paths *paths, const char *directory, const char *what,
                                 struct fb_error *error)
{
    *paths = (struct paths){0};
    if (asprintf(&paths->plain, "%s/firebridge.db.%s", directory, what) < 0)
        paths->plain = NULL;
    if (asprintf(&paths->packed, "%s/firebridge.db.%s.gz", directory, what) < 0)
        paths->packed = NULL;
    if (paths->plain == NULL || paths->packed == NULL) {
        paths_done(paths);
        fb_fail(error, FB_NO_MEMORY, "out of memory");
        return FB_NO_MEMORY;
    }
    unlink(paths->plain); /* what a crash left */
    unlink(paths->packed);
    return FB_OK;
}

static enum fb_status copy_to_gzip(int from, gzFile to, const struct paths *paths,
                                   struct fb_error *error)
{
    char piece[PIECE_BYTES / 4];
    ssize_t size;

    while ((size = read(from, piece, sizeof piece)) > 0)
        if (gzwrite(to, piece, (unsigned)size) != (int)size)
            return fail_errno(paths->packed, "write", error);
    return size == 0 ? FB_OK : fail_errno(paths->plain, "read", error);
}

static enum fb_status pack(const struct paths *paths, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    int from = open(paths->plain, O_RDONLY | O_CLOEXEC);
    int fd = open(paths->packed, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    gzFile to = fd >= 0 ? gzdopen(fd, "wb6") : NULL;

    if (from < 0 || to == NULL)
        status = fail_errno(paths->packed, "make", error);
    else
        status = copy_to_gzip(from, to, paths, error);
    if (to != NULL) {
        if (gzclose(to) != Z_OK && status == FB_OK)
            status = fail_errno(paths->packed, "write", error);
    } else if (fd >= 0) {
        close(fd);
    }
    if (from >= 0)
        close(from);
    return status;
}

/* Mapped, so that its pages are the kernel's to take back. */
static enum fb_status put_file(const struct fb_state_store *store, const char *path,
                               uint64_t *ret_bytes, struct fb_error *error)
{
    struct fb_s3_put_request request = {
        .bucket = store->bucket, .key = store->key, .content_type = "application/gzip"};
    enum fb_status status;
    struct stat file;
    void *bytes = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &file) == 0)
        bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        status = fail_errno(path, "read", error);
    } else {
        request.bytes = bytes;
        request.size = (size_t)file.st_size;
        status = fb_s3_put(store->client, &request, error);
        munmap(bytes, request.size);
    }
    if (fd >= 0)
        close(fd);
    if (status == FB_OK)
        *ret_bytes = request.size;
    return status;
}

enum fb_status fb_state_store_put(const struct fb_state_store *store, uint64_t *ret_bytes,
                                  struct fb_error *error)
{
    struct paths paths;
    enum fb_status status = paths_init(&paths, store->directory, "backup", error);

    if (status != FB_OK)
        return status;
    status = fb_state_backup(store->directory, paths.plain, error);
    if (status == FB_OK)
        status = pack(&paths, error);
    unlink(paths.plain); /* its room is not needed any more */
    if (status == FB_OK)
        status = put_file(store, paths.packed, ret_bytes, error);
    paths_done(&paths);
    return status;
}

static enum fb_status take_piece(void *context, const struct fb_http_response *response,
                                 const char *bytes, size_t size)
{
    (void)response;
    return fwrite(bytes, 1, size, context) == size ? FB_OK : FB_IO;
}

static enum fb_status fetch(const struct fb_state_store *store, const char *path,
                            struct fb_error *error)
{
    FILE *file = fopen(path, "wxe");
    const struct fb_s3_get_request request = {
        .bucket = store->bucket,
        .key = store->key,
        .size_bytes = UINT64_MAX,
        .stall_timeout_ms = STALL_TIMEOUT_MS,
        .sink = take_piece,
        .context = file,
    };
    enum fb_status status;

    if (file == NULL)
        return fail_errno(path, "make", error);
    status = fb_s3_get(store->client, &request, error);
    if (status == FB_IO)
        status = fail_errno(path, "write", error);
    if (fclose(file) != 0 && status == FB_OK)
        status = fail_errno(path, "write", error);
    return status;
}

static enum fb_status unpack(const struct fb_state_store *store, const struct paths *paths,
                             struct fb_error *error)
{
    char piece[PIECE_BYTES / 4];
    enum fb_status status = FB_OK;
    gzFile from = gzopen(paths->packed, "rbe");
    FILE *to = fopen(paths->plain, "wxe");
    int size = 0;

    if (from == NULL || to == NULL)
        status = fail_errno(paths->plain, "make", error);
    while (status == FB_OK && (size = gzread(from, piece, sizeof piece)) > 0)
        if (fwrite(piece, 1, (size_t)size, to) != (size_t)size)
            status = fail_errno(paths->plain, "write", error);
    if (status == FB_OK && size < 0)
        status = fb_fail(error, FB_CORRUPT, "s3://%s/%s is damaged: it cannot be inflated",
                         store->bucket, store->key);
    /* A gzip that is cut off ends without an error but here. */
    if (from != NULL && gzclose(from) != Z_OK && status == FB_OK)
        status = fb_fail(error, FB_CORRUPT, "s3://%s/%s is cut off", store->bucket, store->key);
    if (to != NULL && fclose(to) != 0 && status == FB_OK)
        status = fail_errno(paths->plain, "write", error);
    return status;
}

enum fb_status fb_state_store_get(const struct fb_state_store *store, char **ret_path,
                                  struct fb_error *error)
{
    struct paths paths;
    enum fb_status status = paths_init(&paths, store->directory, "fetched", error);

    if (status != FB_OK)
        return status;
    status = fetch(store, paths.packed, error);
    if (status == FB_OK)
        status = unpack(store, &paths, error);
    if (status == FB_OK) {
        *ret_path = paths.plain;
        paths.plain = NULL;
    }
    paths_done(&paths);
    return status;
}
