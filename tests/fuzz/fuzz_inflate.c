/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflate: whatever the pieces, the same bytes come out and the same verdict. Byte 0 of the input
 * chooses the pieces, byte 1 the room.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A bomb ends here; both runs end at the same byte. */
#define OUT_MAX ((size_t)1 << 18)

static void check(bool condition)
{
    if (!condition)
        abort();
}

static enum fb_status run(struct fb_inflate *inflate, const char *bytes, size_t size, size_t piece,
                          size_t room, char *out, size_t *ret_size)
{
    struct fb_error error;

    fb_inflate_reset(inflate);
    *ret_size = 0;
    while (size > 0) {
        const char *p = bytes;
        size_t left = size < piece ? size : piece;
        const size_t given = left;
        size_t written = 1;

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
        check(left == 0 && p == bytes + given);
        bytes += given;
        size -= given;
    }
    return fb_inflate_finish(inflate, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static char whole[OUT_MAX];
    static char split[OUT_MAX];
    struct fb_inflate *inflate = NULL;
    size_t whole_size;
    size_t split_size;
    enum fb_status status;

    if (size < 2)
        return 0;
    check(fb_inflate_new(&inflate, NULL) == FB_OK);
    status = run(inflate, (const char *)input + 2, size - 2, size, OUT_MAX, whole, &whole_size);
    check(run(inflate, (const char *)input + 2, size - 2, (size_t)input[0] + 1,
              (size_t)input[1] + 1, split, &split_size) == status);
    check(whole_size == split_size && memcmp(whole, split, whole_size) == 0);
    fb_inflate_free(inflate);
    return 0;
}
