/* SPDX-License-Identifier: Apache-2.0 */
/* Zstandard (RFC 8878) by libzstd: frames one behind the other, skippable ones among them. */
#include "codec.h"

#define WINDOW_LOG_MAX 23 /* 8 MiB: what levels up to 19 need; the window is memory */

/* RFC 8878, 3.1.1 and 3.1.2: a frame's magic, and the sixteen of skippable frames. */
static enum fb_codec_match match(const unsigned char *first, size_t size)
{
    const enum fb_codec_match frame = fb_codec_match_magic(first, size, "\x28\xb5\x2f\xfd", 4);

    if (frame != FB_MATCH_NO || (first[0] & 0xf0) != 0x50)
        return frame;
    if (size == 1)
        return FB_MATCH_MORE;
    return fb_codec_match_magic(first + 1, size - 1, "\x2a\x4d\x18", 3);
}

#if FB_HAVE_libzstd

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define ZSTD_LACKS NULL

/* RFC 8878, 3.1.1: what tells how long a frame's head is, and the head of a block. */
#define FRAME_HEAD_SIZE 5
#define BLOCK_HEAD_SIZE 3

struct frames {
    ZSTD_DStream *stream;
    bool between;  /* frames: nothing is missing */
    bool is_empty; /* the library has nothing ready */
    size_t wanted; /* bytes that it says it needs for its next step */
};

static enum fb_status begin(void **state, struct fb_error *error)
{
    struct frames *frames = *state;

    if (frames == NULL) {
        frames = calloc(1, sizeof *frames);
        if (frames == NULL)
            return fb_fail(error, FB_NO_MEMORY, "no memory to undo Zstandard");
        *state = frames;
        frames->stream = ZSTD_createDStream();
    }
    if (frames->stream == NULL ||
        ZSTD_isError(ZSTD_DCtx_reset(frames->stream, ZSTD_reset_session_only)) ||
        ZSTD_isError(ZSTD_DCtx_setParameter(frames->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return fb_fail(error, FB_NO_MEMORY, "no memory to undo Zstandard");
    frames->between = true;
    frames->is_empty = true;
    frames->wanted = FRAME_HEAD_SIZE;
    return FB_OK;
}

static enum fb_status failed(size_t result, uint64_t offset, struct fb_error *error)
{
    const ZSTD_ErrorCode code = ZSTD_getErrorCode(result);

    if (code == ZSTD_error_memory_allocation)
        return fb_fail(error, FB_NO_MEMORY, "no memory to undo Zstandard");
    if (code == ZSTD_error_frameParameter_windowTooLarge)
        return fb_fail(error, FB_CORRUPT,
                       "zstd: it needs a window of over %d MiB of memory, as `zstd --long` and "
                       "`--ultra` make it, at compressed byte %llu",
                       1 << (WINDOW_LOG_MAX - 20), (unsigned long long)offset);
    return fb_fail(error, FB_CORRUPT, "zstd: %s, at compressed byte %llu",
                   ZSTD_getErrorName(result), (unsigned long long)offset);
}

/*
 * On an error the library keeps to itself what it had ready. So it has no more than a block at a
 * time, without the next one's head, and nothing more before it has given all of that.
 */
static size_t next_size(const struct frames *frames, const struct fb_codec_io *io)
{
    size_t size = frames->wanted;

    if (!frames->is_empty)
        return 0;
    if (size > BLOCK_HEAD_SIZE)
        size -= BLOCK_HEAD_SIZE;
    return size < io->in_size ? size : io->in_size;
}

static enum fb_status step(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error)
{
    struct frames *frames = state;
    const char *const begin_in = io->in;

    while (io->written < io->capacity && (io->in_size > 0 || !frames->is_empty)) {
        ZSTD_inBuffer in = {io->in, next_size(frames, io), 0};
        ZSTD_outBuffer out = {io->out, io->capacity, io->written};
        const size_t result = ZSTD_decompressStream(frames->stream, &out, &in);

        if (ZSTD_isError(result))
            return failed(result, offset + (uint64_t)(io->in - begin_in), error);
        frames->between = result == 0;
        frames->wanted = result == 0 ? FRAME_HEAD_SIZE : result;
        frames->is_empty = result == 0 || out.pos == io->written;
        io->in += in.pos;
        io->in_size -= in.pos;
        io->written = out.pos;
    }
    return FB_OK;
}

static enum fb_status finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct frames *frames = state;

    if (frames->between)
        return FB_OK;
    return fb_fail(error, FB_CORRUPT, "zstd: the object is cut off at compressed byte %llu",
                   (unsigned long long)offset);
}

static void free_state(void *state)
{
    struct frames *frames = state;

    if (frames == NULL)
        return;
    ZSTD_freeDStream(frames->stream);
    free(frames);
}

#define RUNS .step = step, .finish = finish, .free = free_state,

#else
#define ZSTD_LACKS "libzstd"
#define RUNS
FB_CODEC_NOT_BUILT("Zstandard", "libzstd")
#endif

const struct fb_codec fb_codec_zstd = {.name = "zstd",
                                       .encoding = "zstd",
                                       .extensions = {".zst", ".zstd"},
                                       .lacks = ZSTD_LACKS,
                                       .match = match,
                                       .begin = begin,
                                       RUNS};
