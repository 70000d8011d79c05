/* SPDX-License-Identifier: Apache-2.0 */
#include "deflate.h"

#if FB_HAVE_libisal

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

#include "gzip_head.h"

/* What is kept to be gone through again, and so how often all of the library's state is copied. */
#define TRAIL_BYTES ((size_t)64 << 10)

/* More than a byte of input gives: four times 258. */
#define READY_BYTES 4096

/*
 * Where a stream is damaged, ISA-L counts bytes as written that it never wrote, and loses others
 * that it had ready. So the last good state is kept with the input since: on an error that input is
 * gone through again byte by byte, which gives just what is good.
 */
struct isal {
    struct inflate_state inflate;
    struct fb_gzip_head head;

    struct inflate_state kept;
    bool is_fresh; /* instead: what is kept is a stream's begin */
    unsigned char trail[TRAIL_BYTES];
    size_t trail_size;
    uint64_t given; /* bytes since */

    const char *what;   /* unless NULL: it is damaged so, and the trail is gone through again */
    bool is_over;       /* and was, to its end */
    size_t unused_from; /* what the failed call had of it begins here */
    size_t trail_at;
    uint64_t again;                   /* bytes that were given before */
    unsigned char ready[READY_BYTES]; /* what the last byte of the trail gave */
    size_t ready_at, ready_size;
};

static void restart(struct isal *isal)
{
    isal_inflate_reset(&isal->inflate);
    isal->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER;
}

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
    }
    restart(isal);
    fb_gzip_head_begin(&isal->head);
    isal->is_fresh = true;
    isal->trail_size = 0;
    isal->given = 0;
    isal->what = NULL;
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

/* One call of the library. False on an error. Over 0 it only says that there is more to come. */
static bool run(struct inflate_state *inflate, uint8_t *in, uint32_t *in_size, void *out,
                uint32_t *room, int *ret_result)
{
    inflate->next_in = in;
    inflate->avail_in = *in_size;
    inflate->next_out = out;
    inflate->avail_out = *room;
    *ret_result = isal_inflate(inflate);
    *in_size -= inflate->avail_in;
    *room -= inflate->avail_out;
    return *ret_result >= ISAL_DECOMP_OK;
}

/* The next byte of the trail, and all that it gives. */
static void run_again(struct isal *isal)
{
    uint32_t size = isal->trail_at < isal->trail_size ? 1 : 0;
    uint32_t room = sizeof isal->ready;
    int ignored;

    isal->is_over =
        !run(&isal->inflate, isal->trail + isal->trail_at, &size, isal->ready, &room, &ignored) ||
        (size == 0 && room == 0);
    isal->trail_at += size;
    isal->ready_at = 0;
    isal->ready_size = room;
}

/* Of the input that the failed call had, what comes before the damage is used. */
static void use_up_to_damage(const struct isal *isal, struct fb_codec_io *io)
{
    size_t size = isal->trail_at > isal->unused_from ? isal->trail_at - isal->unused_from : 0;

    if (size > io->in_size)
        size = io->in_size;
    io->in += size;
    io->in_size -= size;
}

/* Goes through the trail again, and gives what is good before the damage. */
static enum fb_status give_good(struct isal *isal, struct fb_codec_io *io, const char **ret_what)
{
    for (;;) {
        const size_t room = io->capacity - io->written;
        size_t size = isal->ready_size - isal->ready_at;
        const size_t dropped = size < isal->again ? size : (size_t)isal->again;

        isal->ready_at += dropped;
        isal->again -= dropped;
        size -= dropped;
        size = size < room ? size : room;
        if (size > 0)
            memcpy(io->out + io->written, isal->ready + isal->ready_at, size);
        isal->ready_at += size;
        io->written += size;
        if (isal->ready_at < isal->ready_size)
            return FB_OK;
        if (isal->is_over)
            break;
        run_again(isal);
    }
    use_up_to_damage(isal, io);
    *ret_what = isal->what;
    return FB_CORRUPT;
}

/* Once the library has nothing ready. */
static void keep_state(struct isal *isal)
{
    isal->kept = isal->inflate;
    isal->is_fresh = false;
    isal->trail_size = 0;
    isal->given = 0;
}

/* The last call failed: back to what is kept. */
static void go_back(struct isal *isal, int result)
{
    isal->what = what_of(result);
    isal->is_over = false;
    isal->trail_at = 0;
    isal->ready_at = 0;
    isal->ready_size = 0;
    isal->again = isal->given;
    if (isal->is_fresh)
        restart(isal);
    else
        isal->inflate = isal->kept;
}

/* What fits the trail is used, and what that gives is given. */
static enum fb_status pass(struct isal *isal, struct fb_codec_io *io, bool *ret_ended,
                           const char **ret_what)
{
    const size_t most = TRAIL_BYTES - isal->trail_size;
    const uint32_t offered = (uint32_t)(io->in_size < most ? io->in_size : most);
    uint32_t room = clamp(io->capacity - io->written);
    uint32_t used = offered;
    int result;

    if (offered > 0)
        memcpy(isal->trail + isal->trail_size, io->in, offered);
    isal->unused_from = isal->trail_size;
    if (!run(&isal->inflate, isal->trail + isal->trail_size, &used, io->out + io->written, &room,
             &result)) {
        isal->trail_size += offered;
        go_back(isal, result);
        return give_good(isal, io, ret_what);
    }
    isal->trail_size += used;
    io->in += used;
    io->in_size -= used;
    io->written += room;
    isal->given += room;
    *ret_ended = isal->inflate.block_state == ISAL_BLOCK_FINISH;
    return FB_OK;
}

static enum fb_status body(struct isal *isal, struct fb_codec_io *io, bool *ret_ended,
                           const char **ret_what)
{
    const size_t written = io->written;
    enum fb_status status = FB_OK;

    if (isal->trail_size == TRAIL_BYTES) {
        status = pass(isal, io, ret_ended, ret_what);
        if (status != FB_OK || *ret_ended || io->written > written)
            return status;
        keep_state(isal);
    }
    return pass(isal, io, ret_ended, ret_what);
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
    if (isal->what != NULL)
        return give_good(isal, io, ret_what);
    return body(isal, io, ret_ended, ret_what);
}

const struct fb_deflate_engine fb_deflate_isal = {"ISA-L", begin, step, free};

#else
/* A translation unit is not to be empty. */
typedef int fb_no_isal;
#endif
