/* SPDX-License-Identifier: Apache-2.0 */
/* bzip2 by libbz2: streams one behind the other. */
#include <string.h>

#include "codec.h"

/* "BZh", a level, and how a block begins, or the end of a stream without any: no text begins so. */
static enum fb_codec_match match(const unsigned char *first, size_t size)
{
    const enum fb_codec_match head = fb_codec_match_magic(first, size, "BZh", 3);
    enum fb_codec_match block;

    if (head != FB_MATCH_YES)
        return head;
    if (size < 5)
        return FB_MATCH_MORE;
    block = fb_codec_match_magic(first + 4, size - 4, "\x31\x41\x59\x26\x53\x59", 6);
    if (block != FB_MATCH_NO)
        return block;
    return fb_codec_match_magic(first + 4, size - 4, "\x17\x72\x45\x38\x50\x90", 6);
}

#if FB_HAVE_bzip2

#include <bzlib.h>
#include <stdlib.h>

#define BZIP2_LACKS NULL

/* Its quick way forgets, where a block is damaged, what the call at work has written; this one,
 * which takes more time and less memory, does not. */
#define SMALL 1

struct streams {
    bz_stream stream;
    bool ready; /* the library holds a stream */
    bool between;
};

static enum fb_status begin(void **state, struct fb_error *error)
{
    struct streams *streams = *state;

    if (streams == NULL)
        streams = calloc(1, sizeof *streams);
    if (streams == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory to undo bzip2");
    *state = streams;
    if (streams->ready)
        (void)BZ2_bzDecompressEnd(&streams->stream);
    streams->ready = false;
    streams->between = true;
    return FB_OK;
}

static enum fb_status begin_stream(struct streams *streams, struct fb_error *error)
{
    if (streams->ready)
        (void)BZ2_bzDecompressEnd(&streams->stream);
    memset(&streams->stream, 0, sizeof streams->stream);
    streams->ready = BZ2_bzDecompressInit(&streams->stream, 0, SMALL) == BZ_OK;
    streams->between = false;
    return streams->ready ? FB_OK : fb_fail(error, FB_NO_MEMORY, "no memory to undo bzip2");
}

static unsigned clamp(size_t size)
{
    return size < UINT32_MAX ? (unsigned)size : UINT32_MAX;
}

static enum fb_status undo(struct streams *streams, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error)
{
    bz_stream *stream = &streams->stream;
    const unsigned in_size = clamp(io->in_size);
    const unsigned room = clamp(io->capacity - io->written);
    int result;

    /* Its interface is older than const; the input is only read. */
    stream->next_in = (char *)io->in;
    stream->avail_in = in_size;
    stream->next_out = io->out + io->written;
    stream->avail_out = room;
    result = BZ2_bzDecompress(stream);
    io->in += in_size - stream->avail_in;
    io->in_size -= in_size - stream->avail_in;
    io->written += room - stream->avail_out;
    streams->between = result == BZ_STREAM_END;
    if (result == BZ_OK || result == BZ_STREAM_END)
        return FB_OK;
    if (result == BZ_MEM_ERROR)
        return fb_fail(error, FB_NO_MEMORY, "no memory to undo bzip2");
    return fb_fail(error, FB_CORRUPT, "bzip2: %s, before compressed byte %llu",
                   result == BZ_DATA_ERROR_MAGIC ? "what should be a stream is none" : "damaged",
                   (unsigned long long)(offset + in_size - stream->avail_in));
}

static enum fb_status step(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error)
{
    struct streams *streams = state;
    const char *const begin_in = io->in;
    size_t in_before, written_before;
    enum fb_status status = FB_OK;

    do {
        in_before = io->in_size;
        written_before = io->written;
        if (streams->between)
            fb_codec_pass_newlines(io);
        if (streams->between && io->in_size == 0)
            return FB_OK;
        if (streams->between)
            status = begin_stream(streams, error);
        if (status == FB_OK)
            status = undo(streams, io, offset + (uint64_t)(io->in - begin_in), error);
    } while (status == FB_OK && io->written < io->capacity &&
             (io->in_size != in_before || io->written != written_before));
    return status;
}

static enum fb_status finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct streams *streams = state;

    if (streams->between)
        return FB_OK;
    return fb_fail(error, FB_CORRUPT, "bzip2: the object is cut off at compressed byte %llu",
                   (unsigned long long)offset);
}

static void free_state(void *state)
{
    struct streams *streams = state;

    if (streams == NULL)
        return;
    if (streams->ready)
        (void)BZ2_bzDecompressEnd(&streams->stream);
    free(streams);
}

#define RUNS .step = step, .finish = finish, .free = free_state,

#else
#define BZIP2_LACKS "libbz2"
#define RUNS
FB_CODEC_NOT_BUILT("bzip2", "libbz2")
#endif

const struct fb_codec fb_codec_bzip2 = {.name = "bzip2",
                                        .encoding = "bzip2",
                                        .extensions = {".bz2"},
                                        .lacks = BZIP2_LACKS,
                                        .match = match,
                                        .begin = begin,
                                        RUNS};
