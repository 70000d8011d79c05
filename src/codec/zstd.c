/* SPDX-License-Identifier: Apache-2.0 */
/* Zstandard (RFC 8878) by libzstd: frames one behind the other, skippable ones among them. */
#include "codec.h"
#include "firebridge/base/buffer.h"

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
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define ZSTD_LACKS NULL

#define BLOCK_HEAD_SIZE 3
#define BLOCK_MAX       ((size_t)128 << 10)

/* A call looks for the magics of formats before RFC 8878 in its own input, wherever that begins. */
#define MAGIC_SIZE 4

/*
 * A call that fails forgets what it wrote. So each has one block, or one head, and no good block is
 * lost with a damaged one; and it has it whole, so that what is lost does not depend on how the
 * bytes were fed.
 */
struct frames {
    ZSTD_DStream *stream;
    bool between;           /* frames: nothing is missing */
    size_t wanted;          /* the next call's input */
    struct fb_buffer piece; /* of which not all is there yet */
    size_t frame_bytes;     /* that were used of the frame at work */
    bool may_hold; /* output that there was no room for: it is taken before a call has input */
};

/* A stream keeps the buffers of what it read before, and takes damage for good that fits them: so
 * each object has one of its own. */
static enum fb_status begin(void **state, struct fb_error *error)
{
    struct frames *frames = *state;

    if (frames == NULL) {
        frames = calloc(1, sizeof *frames);
        if (frames == NULL)
            return fb_fail(error, FB_NO_MEMORY, "no memory to undo Zstandard");
        fb_buffer_init(&frames->piece, BLOCK_MAX);
        *state = frames;
    }
    ZSTD_freeDStream(frames->stream);
    frames->stream = ZSTD_createDStream();
    if (frames->stream == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(frames->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return fb_fail(error, FB_NO_MEMORY, "no memory to undo Zstandard");
    fb_buffer_reset(&frames->piece);
    frames->between = true;
    frames->wanted = 1;
    frames->frame_bytes = 0;
    frames->may_hold = false;
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

/* `hint`: as ZSTD_decompressStream returns it: a block and the next one's head; 0 behind a frame.
 */
static void take_hint(struct frames *frames, size_t used, size_t hint)
{
    frames->between = hint == 0;
    frames->frame_bytes = hint == 0 ? 0 : frames->frame_bytes + used;
    frames->wanted = hint > BLOCK_HEAD_SIZE ? hint - BLOCK_HEAD_SIZE : hint;
    if (frames->frame_bytes < MAGIC_SIZE)
        frames->wanted = 1;
}

/* The next call's input: a piece that is there, or one that was collected. False: it is not whole.
 * What is passed over may be longer than a block; it has no output to forget. */
static bool take_piece(struct frames *frames, const struct fb_codec_io *io, ZSTD_inBuffer *ret)
{
    const size_t wanted = frames->wanted;

    if (frames->may_hold)
        *ret = (ZSTD_inBuffer){"", 0, 0};
    else if (frames->piece.size > 0)
        *ret = (ZSTD_inBuffer){frames->piece.bytes, frames->piece.size, 0};
    else
        *ret = (ZSTD_inBuffer){io->in, io->in_size < wanted ? io->in_size : wanted, 0};
    return frames->may_hold || ret->size == wanted || (wanted > BLOCK_MAX && ret->size > 0);
}

static enum fb_status collect(struct frames *frames, struct fb_codec_io *io, struct fb_error *error)
{
    const size_t left = frames->wanted - frames->piece.size;
    const size_t size = io->in_size < left ? io->in_size : left;

    if (fb_buffer_append(&frames->piece, io->in, size) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory to undo Zstandard");
    io->in += size;
    io->in_size -= size;
    return FB_OK;
}

static void use(struct frames *frames, struct fb_codec_io *io, const ZSTD_inBuffer *in)
{
    if (in->src == io->in) {
        io->in += in->pos;
        io->in_size -= in->pos;
    } else if (in->pos > 0) {
        frames->piece.size -= in->pos;
        memmove(frames->piece.bytes, frames->piece.bytes + in->pos, frames->piece.size);
    }
}

static enum fb_status step(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error)
{
    struct frames *frames = state;
    const char *const begin_in = io->in;
    ZSTD_outBuffer out = {io->out, io->capacity, io->written};
    ZSTD_inBuffer in;
    enum fb_status status = FB_OK;

    while (status == FB_OK && out.pos < out.size) {
        size_t result;

        if (frames->between && frames->piece.size == 0)
            fb_codec_pass_newlines(io);
        if (!take_piece(frames, io, &in)) {
            if (io->in_size == 0)
                break;
            status = collect(frames, io, error);
            continue;
        }
        result = ZSTD_decompressStream(frames->stream, &out, &in);
        use(frames, io, &in);
        frames->may_hold = result != 0 && out.pos == out.size;
        if (ZSTD_isError(result))
            status = failed(result, offset + (uint64_t)(io->in - begin_in), error);
        else
            take_hint(frames, in.pos, result);
    }
    io->written = out.pos;
    return status;
}

static enum fb_status finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct frames *frames = state;

    if (frames->between && frames->piece.size == 0)
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
    fb_buffer_done(&frames->piece);
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
