/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by zlib: members one behind the other are one object (RFC 1952, 2.2), zeros behind the last
 * one are the padding of a block device.
 */
#include <stdlib.h>

/* Without it, zlib's interface is older than const. */
#define ZLIB_CONST
#include <zlib.h>

#include "codec.h"

#define GZIP_ONLY      (15 + 16)
#define GZIP_ID1       0x1f
#define GZIP_HEAD_SIZE 10

struct gzip {
    z_stream stream;
    bool ready;
    uint64_t members; /* complete ones */
    enum { IN_MEMBER, BETWEEN, IN_PADDING } at;
};

static enum fb_status gzip_begin(void **state, struct fb_error *error)
{
    struct gzip *gzip = *state;

    if (gzip == NULL) {
        gzip = calloc(1, sizeof *gzip);
        if (gzip == NULL)
            return fb_fail(error, FB_NO_MEMORY, "no memory to inflate gzip");
        *state = gzip;
    }
    if (!gzip->ready && inflateInit2(&gzip->stream, GZIP_ONLY) != Z_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory to inflate gzip");
    gzip->ready = true;
    gzip->members = 0;
    gzip->at = IN_MEMBER;
    if (inflateReset(&gzip->stream) != Z_OK)
        return fb_fail(error, FB_NO_MEMORY, "zlib cannot begin anew");
    return FB_OK;
}

static enum fb_status damaged(const struct gzip *gzip, int result, uint64_t offset,
                              struct fb_error *error)
{
    const char *what = gzip->stream.msg == NULL ? "damaged" : gzip->stream.msg;

    if (result == Z_MEM_ERROR)
        return fb_fail(error, FB_NO_MEMORY, "no memory to inflate gzip");
    if (result == Z_NEED_DICT)
        what = "it needs a dictionary";
    /* A head that is none, behind a good member, is something else than a member. */
    if (gzip->members > 0 && gzip->stream.total_in < GZIP_HEAD_SIZE)
        return fb_fail(error, FB_CORRUPT,
                       "gzip: trailing garbage behind member %llu, at compressed byte %llu",
                       (unsigned long long)gzip->members, (unsigned long long)offset);
    return fb_fail(error, FB_CORRUPT, "gzip: %s, at compressed byte %llu", what,
                   (unsigned long long)offset);
}

static uInt clamp(size_t size)
{
    const size_t most = (uInt)-1;

    return (uInt)(size < most ? size : most);
}

static enum fb_status inflate_member(struct gzip *gzip, struct fb_codec_io *io, uint64_t offset,
                                     struct fb_error *error)
{
    z_stream *stream = &gzip->stream;
    const uInt in_size = clamp(io->in_size);
    const uInt room = clamp(io->capacity - io->written);
    int result;

    stream->next_in = (const Bytef *)io->in;
    stream->avail_in = in_size;
    stream->next_out = (Bytef *)(io->out + io->written);
    stream->avail_out = room;
    result = inflate(stream, Z_NO_FLUSH);
    io->in += in_size - stream->avail_in;
    io->in_size -= in_size - stream->avail_in;
    io->written += room - stream->avail_out;
    if (result == Z_STREAM_END) {
        gzip->members++;
        gzip->at = BETWEEN;
        return FB_OK;
    }
    /* Z_BUF_ERROR only says that there was nothing to do. */
    if (result == Z_OK || result == Z_BUF_ERROR)
        return FB_OK;
    return damaged(gzip, result, offset + (in_size - stream->avail_in), error);
}

/* Behind a member: another one, padding, or what must not be there. */
static enum fb_status between_members(struct gzip *gzip, struct fb_codec_io *io, uint64_t offset,
                                      struct fb_error *error)
{
    const unsigned char c = (unsigned char)*io->in;

    if (c == GZIP_ID1 && gzip->at == BETWEEN) {
        gzip->at = IN_MEMBER;
        if (inflateReset(&gzip->stream) != Z_OK)
            return fb_fail(error, FB_NO_MEMORY, "zlib cannot begin anew");
        return FB_OK;
    }
    if (c != 0)
        return fb_fail(error, FB_CORRUPT,
                       "gzip: trailing garbage behind member %llu, at compressed byte %llu",
                       (unsigned long long)gzip->members, (unsigned long long)offset);
    gzip->at = IN_PADDING;
    io->in++;
    io->in_size--;
    return FB_OK;
}

static enum fb_status gzip_step(void *state, struct fb_codec_io *io, uint64_t offset,
                                struct fb_error *error)
{
    struct gzip *gzip = state;
    const char *const begin = io->in;

    for (;;) {
        const size_t in_before = io->in_size;
        const size_t written_before = io->written;
        const uint64_t at = offset + (uint64_t)(io->in - begin);
        enum fb_status status;

        if (gzip->at != IN_MEMBER && io->in_size == 0)
            return FB_OK;
        if (gzip->at == IN_MEMBER)
            status = inflate_member(gzip, io, at, error);
        else
            status = between_members(gzip, io, at, error);
        if (status != FB_OK || io->written == io->capacity)
            return status;
        if (gzip->at == IN_MEMBER && io->in_size == in_before && io->written == written_before &&
            (io->in_size == 0 || gzip->stream.total_in > 0))
            return FB_OK;
    }
}

static enum fb_status gzip_finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct gzip *gzip = state;

    if (gzip->at != IN_MEMBER)
        return FB_OK;
    return fb_fail(error, FB_CORRUPT,
                   "gzip: the object is cut off inside member %llu, at compressed byte %llu",
                   (unsigned long long)gzip->members + 1, (unsigned long long)offset);
}

static void gzip_free(void *state)
{
    struct gzip *gzip = state;

    if (gzip == NULL)
        return;
    if (gzip->ready)
        (void)inflateEnd(&gzip->stream);
    free(gzip);
}

static enum fb_codec_match gzip_match(const unsigned char *first, size_t size)
{
    return fb_codec_match_magic(first, size, "\x1f\x8b", 2);
}

const struct fb_codec fb_codec_gzip = {
    .name = "gzip",
    .encoding = "gzip",
    .extensions = {".gz"},
    .match = gzip_match,
    .begin = gzip_begin,
    .step = gzip_step,
    .finish = gzip_finish,
    .free = gzip_free,
};
