/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers of codecs share: whatever the pieces, the same bytes come out and the same
 * verdict. Byte 0 of the input chooses the pieces, byte 1 the room.
 */
#ifndef FIREBRIDGE_TESTS_FUZZ_CODEC_H
#define FIREBRIDGE_TESTS_FUZZ_CODEC_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A bomb ends here; both runs end at the same byte. */
#define OUT_MAX ((size_t)1 << 18)

static inline void fuzz_check(bool condition)
{
    if (!condition)
        abort();
}

static inline enum fb_status fuzz_run(struct fb_inflate *inflate, const char *bytes, size_t size,
                                      size_t piece, size_t room, char *out, size_t *ret_size)
{
    bool finished = false;
    struct fb_error error;

    fb_inflate_begin(inflate, NULL);
    *ret_size = 0;
    while (!finished) {
        const char *p = bytes;
        size_t left = size < piece ? size : piece;
        const size_t given = left;
        size_t written = 1;

        finished = size == 0;
        if (finished)
            fb_inflate_finish(inflate);
        while (written > 0) {
            const size_t free_bytes = OUT_MAX - *ret_size;
            enum fb_status status;

            if (free_bytes == 0)
                return FB_TOO_LARGE;
            status = fb_inflate_step(inflate, &p, &left, out + *ret_size,
                                     room < free_bytes ? room : free_bytes, &written, &error);
            if (status != FB_OK)
                return status;
            *ret_size += written;
        }
        fuzz_check(left == 0 && p == bytes + given);
        bytes += given;
        size -= given;
    }
    return FB_OK;
}

/* `compression` as fb_inflate_options has it. */
static inline int fuzz_codec(const char *compression, const uint8_t *input, size_t size)
{
    static char whole[OUT_MAX];
    static char split[OUT_MAX];
    static struct fb_inflate *inflate;
    const struct fb_inflate_options options = {.compression = compression,
                                               .max_expansion = 1000,
                                               .max_inflated_size = UINT64_MAX,
                                               .max_layers = 3};
    size_t whole_size;
    size_t split_size;
    enum fb_status status;

    if (size < 2)
        return 0;
    if (inflate == NULL)
        fuzz_check(fb_inflate_new(&options, &inflate, NULL) == FB_OK);
    status =
        fuzz_run(inflate, (const char *)input + 2, size - 2, size, OUT_MAX, whole, &whole_size);
    fuzz_check(fuzz_run(inflate, (const char *)input + 2, size - 2, (size_t)input[0] + 1,
                        (size_t)input[1] + 1, split, &split_size) == status);
    /* libzstd keeps the last part of a block that does not fit its frame's length to itself. */
    if (status == FB_CORRUPT && (compression == NULL || strcmp(compression, "zstd") == 0))
        whole_size = split_size = whole_size < split_size ? whole_size : split_size;
    fuzz_check(whole_size == split_size && memcmp(whole, split, whole_size) == 0);
    return 0;
}

#endif
