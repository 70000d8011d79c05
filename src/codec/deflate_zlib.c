/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

/* Without it, zlib's interface is older than const. */
#define ZLIB_CONST
#include <zlib.h>

#include "deflate.h"

/* As inflateInit2 has it: 15 bits of window, and the wrapping as a sign or a summand. */
static const int window_bits[] = {
    [FB_WRAPPING_NONE] = -15,
    [FB_WRAPPING_ZLIB] = 15,
    [FB_WRAPPING_GZIP] = 15 + 16,
};

static enum fb_status begin(void **state, enum fb_wrapping wrapping)
{
    z_stream *stream = *state;

    if (stream != NULL)
        return inflateReset(stream) == Z_OK ? FB_OK : FB_NO_MEMORY;
    stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return FB_NO_MEMORY;
    if (inflateInit2(stream, window_bits[wrapping]) != Z_OK) {
        free(stream);
        return FB_NO_MEMORY;
    }
    *state = stream;
    return FB_OK;
}

static uInt clamp(size_t size)
{
    const size_t most = (uInt)-1;

    return (uInt)(size < most ? size : most);
}

static enum fb_status step(void *state, struct fb_codec_io *io, bool *ret_ended,
                           const char **ret_what)
{
    z_stream *stream = state;
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
    *ret_ended = result == Z_STREAM_END;
    /* Z_BUF_ERROR only says that there was nothing to do. */
    if (result == Z_OK || result == Z_BUF_ERROR || result == Z_STREAM_END)
        return FB_OK;
    if (result == Z_MEM_ERROR)
        return FB_NO_MEMORY;
    *ret_what = result == Z_NEED_DICT ? "it needs a dictionary"
                : stream->msg == NULL ? "damaged"
                                      : stream->msg;
    return FB_CORRUPT;
}

static void free_state(void *state)
{
    if (state == NULL)
        return;
    (void)inflateEnd(state);
    free(state);
}

const struct fb_deflate_engine fb_deflate_zlib = {"zlib", begin, step, free_state};
