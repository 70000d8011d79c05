/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t whole_pages(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (size + page - 1) / page * page;
}

void *fb_secret_new(size_t size)
{
    size_t pages = whole_pages(size);
    void *secret = mmap(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (secret == MAP_FAILED)
        return NULL;
    /* As they are used: most of the room for a token never is. */
    (void)mlock2(secret, pages, MLOCK_ONFAULT);
    (void)madvise(secret, pages, MADV_DONTDUMP);
    return secret;
}

void fb_secret_free(void *secret, size_t size)
{
    size_t pages = whole_pages(size);

    if (secret == NULL)
        return;
    OPENSSL_cleanse(secret, pages);
    (void)munmap(secret, pages);
}

enum fb_status fb_secret_buffer_init(struct fb_buffer *buffer, size_t max_bytes)
{
    char *bytes = fb_secret_new(max_bytes + FB_SECRET_SLACK);

    if (bytes == NULL)
        return FB_NO_MEMORY;
    *buffer = (struct fb_buffer){.bytes = bytes, .capacity = max_bytes, .max_bytes = max_bytes};
    return FB_OK;
}

void fb_secret_buffer_done(struct fb_buffer *buffer)
{
    fb_secret_free(buffer->bytes, buffer->max_bytes + FB_SECRET_SLACK);
    *buffer = (struct fb_buffer){0};
}

void fb_secret_buffer_wipe(struct fb_buffer *buffer)
{
    if (buffer->size > 0)
        OPENSSL_cleanse(buffer->bytes, buffer->size);
    fb_buffer_reset(buffer);
}

/* A file's size, and a byte more, that tells the end from a file that grows meanwhile. */
static size_t room_for(int fd, size_t max_bytes)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size < max_bytes)
        return (size_t)status.st_size + 1;
    return max_bytes + 1;
}

static enum fb_status read_all(struct fb_buffer *buffer, int fd, const char *path,
                               struct fb_error *error)
{
    for (;;) {
        size_t room = buffer->max_bytes - buffer->size;
        ssize_t got;

        if (room == 0)
            return fb_fail(error, FB_TOO_LARGE, "%s has more than %zu bytes", path,
                           buffer->max_bytes - 1);
        got = read(fd, buffer->bytes + buffer->size, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fb_fail(error, FB_IO, "%s cannot be read: %s", path, strerror(errno));
        if (got == 0)
            return FB_OK;
        buffer->size += (size_t)got;
    }
}

enum fb_status fb_secret_read_file(const char *path, size_t max_bytes, struct fb_buffer *ret_buffer,
                                   struct fb_error *error)
{
    /* A FIFO without a writer would hold up everything: it counts as empty. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct fb_buffer buffer = {0};
    enum fb_status status;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return fb_fail(error, FB_NOT_FOUND, "%s does not exist", path);
    if (fd < 0)
        return fb_fail(error, FB_IO, "%s cannot be read: %s", path, strerror(errno));
    status = fb_secret_buffer_init(&buffer, room_for(fd, max_bytes));
    if (status == FB_OK)
        status = read_all(&buffer, fd, path, error);
    else
        fb_fail(error, status, "no memory to read %s", path);
    close(fd);
    if (status == FB_OK)
        *ret_buffer = buffer;
    else
        fb_secret_buffer_done(&buffer);
    return status;
}
