/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers of codecs share: whatever the pieces, the same bytes come out and the same
 * verdict, and no byte is written outside the room. Byte 0 of the input chooses the pieces, byte 1
 * the room.
 */
#ifndef FIREBRIDGE_TESTS_FUZZ_CODEC_H
#define FIREBRIDGE_TESTS_FUZZ_CODEC_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A bomb ends here, both runs at the same byte; it is more than any window of deflate. */
#ifndef OUT_MAX
#define OUT_MAX ((size_t)1 << 17)
#endif

/* Behind so much output the room is all there is: a bomb in rooms of one byte would take long. */
#define OUT_IN_SMALL_ROOMS ((size_t)1 << 12)

struct fuzz_pieces {
    size_t in, out;
};

struct fuzz_out {
    bool is_cut_gzip; /* that is what was wrong */
    size_t size;
    char bytes[OUT_MAX];
};

/* Undoes a whole object. FB_TOO_LARGE when there is more than OUT_MAX. */
typedef enum fb_status (*fuzz_undo_fn)(const char *bytes, size_t size, struct fuzz_pieces pieces,
                                       struct fuzz_out *out);

static inline void fuzz_check(bool condition)
{
    if (!condition)
        abort();
}

static inline size_t fuzz_room(struct fuzz_pieces pieces, const struct fuzz_out *out)
{
    const size_t left = OUT_MAX - out->size;
    const size_t room = out->size < OUT_IN_SMALL_ROOMS ? pieces.out : OUT_MAX;

    return room < left ? room : left;
}

/* There ISA-L may keep up to two bytes to itself, by where the pieces ended (deflate.h). */
static inline bool fuzz_is_cut_gzip(const struct fb_error *error)
{
    return strstr(error->message, "gzip: the object is cut off") != NULL;
}

static inline enum fb_status fuzz_take(struct fb_inflate *inflate, const char **bytes, size_t *size,
                                       struct fuzz_pieces pieces, struct fuzz_out *out)
{
    enum fb_status status = FB_OK;
    size_t written = 1;

    while (status == FB_OK && written > 0) {
        const size_t room = fuzz_room(pieces, out);
        struct fb_error error;

        if (room == 0)
            return FB_TOO_LARGE;
        status =
            fb_inflate_step(inflate, bytes, size, out->bytes + out->size, room, &written, &error);
        fuzz_check(written <= room);
        out->size += written;
        out->is_cut_gzip = status == FB_CORRUPT && fuzz_is_cut_gzip(&error);
    }
    return status;
}

/* A failure stays, and nothing comes behind it. */
static inline void fuzz_check_failure(struct fb_inflate *inflate, enum fb_status failure)
{
    const char *bytes = "";
    size_t size = 0;
    size_t written = 0;
    char byte;

    fuzz_check(fb_inflate_step(inflate, &bytes, &size, &byte, 1, &written, NULL) == failure);
    fuzz_check(written == 0);
}

static inline enum fb_status fuzz_inflate(struct fb_inflate *inflate, const char *bytes,
                                          size_t size, struct fuzz_pieces pieces,
                                          struct fuzz_out *out)
{
    enum fb_status status = FB_OK;
    bool finished = false;

    fb_inflate_begin(inflate, NULL);
    out->size = 0;
    while (!finished && status == FB_OK) {
        const char *p = bytes;
        const size_t given = size < pieces.in ? size : pieces.in;
        size_t left = given;

        finished = size == 0;
        if (finished)
            fb_inflate_finish(inflate);
        status = fuzz_take(inflate, &p, &left, pieces, out);
        fuzz_check(status != FB_OK || (left == 0 && p == bytes + given));
        bytes += given;
        size -= given;
    }
    if (status != FB_OK && status != FB_TOO_LARGE)
        fuzz_check_failure(inflate, status);
    return status;
}

/* Returns the verdict; what came out is in *ret_out. */
static inline enum fb_status fuzz_in_pieces(fuzz_undo_fn undo, const uint8_t *input, size_t size,
                                            const struct fuzz_out **ret_out)
{
    static struct fuzz_out whole;
    static struct fuzz_out split;
    const char *const bytes = (const char *)input + 2;
    const struct fuzz_pieces all = {size, OUT_MAX};
    const struct fuzz_pieces pieces = {(size_t)input[0] + 1, (size_t)input[1] + 1};
    const enum fb_status status = undo(bytes, size - 2, all, &whole);

    fuzz_check(undo(bytes, size - 2, pieces, &split) == status);
    fuzz_check(whole.size == split.size || whole.is_cut_gzip || split.is_cut_gzip);
    fuzz_check(
        memcmp(whole.bytes, split.bytes, whole.size < split.size ? whole.size : split.size) == 0);
    *ret_out = &whole;
    return status;
}

static struct fb_inflate *fuzz_inflater;

static inline enum fb_status fuzz_undo_by_inflate(const char *bytes, size_t size,
                                                  struct fuzz_pieces pieces, struct fuzz_out *out)
{
    return fuzz_inflate(fuzz_inflater, bytes, size, pieces, out);
}

/* `compression` as fb_inflate_options has it; where it says one, there are no others inside. */
static inline int fuzz_codec(const char *compression, const uint8_t *input, size_t size)
{
    const struct fb_inflate_options options = {.compression = compression,
                                               .max_expansion = 1000,
                                               .max_inflated_size = UINT64_MAX,
                                               .max_layers = compression == NULL ? 3 : 1};
    const struct fuzz_out *out;

    if (size < 2)
        return 0;
    if (fuzz_inflater == NULL)
        fuzz_check(fb_inflate_new(&options, &fuzz_inflater, NULL) == FB_OK);
    (void)fuzz_in_pieces(fuzz_undo_by_inflate, input, size, &out);
    return 0;
}

#endif
