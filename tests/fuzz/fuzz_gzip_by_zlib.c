/* SPDX-License-Identifier: Apache-2.0 */
/* gzip by zlib, as it is where ISA-L is not there; what both take for good is the same. */
#include "../../src/codec/codec.h"
#include "codec.h"

static enum fb_status take(void *state, struct fb_codec_io *io, struct fuzz_pieces pieces,
                           struct fuzz_out *out)
{
    enum fb_status status = FB_OK;

    do {
        struct fb_error error;

        io->out = out->bytes + out->size;
        io->capacity = fuzz_room(pieces, out);
        io->written = 0;
        if (io->capacity == 0)
            return FB_TOO_LARGE;
        status = fb_codec_gzip_by_zlib.step(state, io, 0, &error);
        fuzz_check(io->written <= io->capacity);
        out->size += io->written;
    } while (status == FB_OK && (io->in_size > 0 || io->written == io->capacity));
    return status;
}

static enum fb_status undo(const char *bytes, size_t size, struct fuzz_pieces pieces,
                           struct fuzz_out *out)
{
    static void *state;
    enum fb_status status = FB_OK;

    fuzz_check(fb_codec_gzip_by_zlib.begin(&state, NULL) == FB_OK);
    out->size = 0;
    while (size > 0 && status == FB_OK) {
        struct fb_codec_io io = {.in = bytes, .in_size = size < pieces.in ? size : pieces.in};
        const size_t given = io.in_size;

        status = take(state, &io, pieces, out);
        bytes += given;
        size -= given;
    }
    if (status != FB_OK)
        return status;
    return fb_codec_gzip_by_zlib.finish(state, 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const struct fb_inflate_options options = {.compression = "gzip",
                                                      .max_expansion = 1000,
                                                      .max_inflated_size = UINT64_MAX,
                                                      .max_layers = 1};
    static struct fuzz_out other;
    const struct fuzz_out *out;

    if (size < 2)
        return 0;
    if (fuzz_inflater == NULL)
        fuzz_check(fb_inflate_new(&options, &fuzz_inflater, NULL) == FB_OK);
    if (fuzz_in_pieces(undo, input, size, &out) == FB_OK &&
        fuzz_undo_by_inflate((const char *)input + 2, size - 2, (struct fuzz_pieces){size, OUT_MAX},
                             &other) == FB_OK)
        fuzz_check(out->size == other.size && memcmp(out->bytes, other.bytes, out->size) == 0);
    return 0;
}
