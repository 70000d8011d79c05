/* SPDX-License-Identifier: Apache-2.0 */
#include "deflate.h"

#if FB_HAVE_libisal

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "gzip_head.h"

struct isal {
    struct inflate_state inflate;
    struct fb_gzip_head head;
};

static enum fb_status begin(void **state, enum fb_wrapping wrapping)
{
    struct isal *isal = *state;

    (void)wrapping;
    if (isal == NULL) {
        isal = malloc(sizeof *isal);
        if (isal == NULL)
            return FB_NO_MEMORY;
        isal_inflate_init(&isal->inflate);
        *state = isal;
    } else
        isal_inflate_reset(&isal->inflate);
    isal->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER;
    fb_gzip_head_begin(&isal->head);
    return FB_OK;
}

static uint32_t clamp(size_t size)
{
    return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

static const char *what_of(int result)
{
    switch (result) {
    case ISAL_INVALID_BLOCK:
        return "invalid block";
    case ISAL_INVALID_SYMBOL:
        return "invalid code";
    case ISAL_INVALID_LOOKBACK:
        return "invalid distance too far back";
    case ISAL_INCORRECT_CHECKSUM:
        return "incorrect data check";
    default:
        return "damaged";
    }
}

static enum fb_status body(struct inflate_state *inflate, struct fb_codec_io *io, bool *ret_ended,
                           const char **ret_what)
{
    const uint32_t in_size = clamp(io->in_size);
    const uint32_t room = clamp(io->capacity - io->written);
    int result;

    /* Its interface is older than const; the input is only read. */
    inflate->next_in = (uint8_t *)io->in;
    inflate->avail_in = in_size;
    inflate->next_out = (uint8_t *)io->out + io->written;
    inflate->avail_out = room;
    result = isal_inflate(inflate);
    io->in += in_size - inflate->avail_in;
    io->in_size -= in_size - inflate->avail_in;
    io->written += room - inflate->avail_out;
    *ret_ended = inflate->block_state == ISAL_BLOCK_FINISH;
    /* Over 0 it says that there is more to come. */
    if (result >= ISAL_DECOMP_OK)
        return FB_OK;
    *ret_what = what_of(result);
    return FB_CORRUPT;
}

static enum fb_status step(void *state, struct fb_codec_io *io, bool *ret_ended,
                           const char **ret_what)
{
    struct isal *isal = state;

    *ret_ended = false;
    if (fb_gzip_head_step(&isal->head, io) != FB_OK) {
        *ret_what = "incorrect header check";
        return FB_CORRUPT;
    }
    if (isal->head.at != FB_GZIP_HEAD_WHOLE)
        return FB_OK;
    return body(&isal->inflate, io, ret_ended, ret_what);
}

const struct fb_deflate_engine fb_deflate_isal = {"ISA-L", begin, step, free};

#else
/* A translation unit is not to be empty. */
typedef int fb_no_isal;
#endif
