/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three stream forms of Snappy share: compressed blocks, each collected whole, undone by
 * libsnappy, and given out as there is room. A block's memory grows with the bytes that really
 * come, never with what a length claims.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_SNAPPY_BLOCK_H
#define FIREBRIDGE_CODEC_SNAPPY_BLOCK_H

#include "codec.h"
#include "firebridge/base/buffer.h"

#define FB_SNAPPY_BLOCK_MAX ((size_t)4 << 20)

struct fb_snappy_block {
    struct fb_buffer packed;
    struct fb_buffer plain;
    size_t given; /* of plain */
};

void fb_snappy_block_init(struct fb_snappy_block *block);
void fb_snappy_block_done(struct fb_snappy_block *block);
void fb_snappy_block_reset(struct fb_snappy_block *block);

/* FB_CORRUPT when a block of that many bytes, packed or not, is not read. */
enum fb_status fb_snappy_block_check(const char *form, uint64_t size, uint64_t offset,
                                     struct fb_error *error) FB_MUST_CHECK;

/* Collects up to `size` bytes; *ret_whole: all are there. FB_NO_MEMORY. */
enum fb_status fb_snappy_block_collect(struct fb_snappy_block *block, struct fb_codec_io *io,
                                       size_t size, bool *ret_whole,
                                       struct fb_error *error) FB_MUST_CHECK;

/* Undoes what was collected from byte `skip` on; then it is to be given. FB_CORRUPT. */
enum fb_status fb_snappy_block_undo(struct fb_snappy_block *block, const char *form, size_t skip,
                                    uint64_t offset, struct fb_error *error) FB_MUST_CHECK;

/* Takes what was collected from byte `skip` on as it is; then it is to be given. */
enum fb_status fb_snappy_block_keep(struct fb_snappy_block *block, size_t skip,
                                    struct fb_error *error) FB_MUST_CHECK;

/* True when there is nothing left to give. */
bool fb_snappy_block_give(struct fb_snappy_block *block, struct fb_codec_io *io);

/* Collects the 4 bytes of a big-endian number in `head`. */
bool fb_snappy_take_be32(unsigned char head[4], size_t *have, struct fb_codec_io *io,
                         uint32_t *ret_number);

#if FB_HAVE_snappy
#define FB_SNAPPY_LACKS NULL
#else
#define FB_SNAPPY_LACKS "libsnappy"
#endif

#endif
