/* SPDX-License-Identifier: Apache-2.0 */
#include "snappy_block.h"

#include <string.h>

#include "byte_order.h"

#if FB_HAVE_snappy

#include <snappy-c.h>

void fb_snappy_block_init(struct fb_snappy_block *block)
{
    fb_buffer_init(&block->packed, 2 * FB_SNAPPY_BLOCK_MAX);
    fb_buffer_init(&block->plain, FB_SNAPPY_BLOCK_MAX);
    block->given = 0;
}

void fb_snappy_block_done(struct fb_snappy_block *block)
{
    fb_buffer_done(&block->packed);
    fb_buffer_done(&block->plain);
}

void fb_snappy_block_reset(struct fb_snappy_block *block)
{
    fb_buffer_reset(&block->packed);
    fb_buffer_reset(&block->plain);
    block->given = 0;
}

enum fb_status fb_snappy_block_check(const char *form, uint64_t size, uint64_t offset,
                                     struct fb_error *error)
{
    if (size <= FB_SNAPPY_BLOCK_MAX)
        return FB_OK;
    return fb_fail(error, FB_CORRUPT,
                   "%s: a block that claims %llu bytes, at compressed byte %llu; over %zu none is "
                   "read",
                   form, (unsigned long long)size, (unsigned long long)offset, FB_SNAPPY_BLOCK_MAX);
}

enum fb_status fb_snappy_block_collect(struct fb_snappy_block *block, struct fb_codec_io *io,
                                       size_t size, bool *ret_whole, struct fb_error *error)
{
    const size_t wanted = size - block->packed.size;
    const size_t taken = io->in_size < wanted ? io->in_size : wanted;

    if (taken > 0 && fb_buffer_append(&block->packed, io->in, taken) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a block of Snappy");
    io->in += taken;
    io->in_size -= taken;
    *ret_whole = block->packed.size == size;
    return FB_OK;
}

static void begin_giving(struct fb_snappy_block *block, size_t size)
{
    block->plain.size = size;
    block->given = 0;
    fb_buffer_reset(&block->packed);
}

enum fb_status fb_snappy_block_undo(struct fb_snappy_block *block, const char *form, size_t skip,
                                    uint64_t offset, struct fb_error *error)
{
    const char *packed = block->packed.size == 0 ? "" : block->packed.bytes + skip;
    const size_t packed_size = block->packed.size - skip;
    size_t size = 0;
    enum fb_status status;

    if (snappy_uncompressed_length(packed, packed_size, &size) != SNAPPY_OK)
        return fb_fail(error, FB_CORRUPT, "%s: a damaged block before compressed byte %llu", form,
                       (unsigned long long)offset);
    status = fb_snappy_block_check(form, size, offset, error);
    if (status != FB_OK)
        return status;
    fb_buffer_reset(&block->plain);
    if (size > 0 && fb_buffer_reserve(&block->plain, size) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a block of Snappy");
    if (size > 0 && snappy_uncompress(packed, packed_size, block->plain.bytes, &size) != SNAPPY_OK)
        return fb_fail(error, FB_CORRUPT, "%s: a damaged block before compressed byte %llu", form,
                       (unsigned long long)offset);
    begin_giving(block, size);
    return FB_OK;
}

enum fb_status fb_snappy_block_keep(struct fb_snappy_block *block, size_t skip,
                                    struct fb_error *error)
{
    const size_t size = block->packed.size - skip;

    fb_buffer_reset(&block->plain);
    if (size > 0 && fb_buffer_append(&block->plain, block->packed.bytes + skip, size) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a block of Snappy");
    begin_giving(block, size);
    return FB_OK;
}

bool fb_snappy_block_give(struct fb_snappy_block *block, struct fb_codec_io *io)
{
    const size_t room = io->capacity - io->written;
    const size_t left = block->plain.size - block->given;
    const size_t size = left < room ? left : room;

    if (size > 0)
        memcpy(io->out + io->written, block->plain.bytes + block->given, size);
    io->written += size;
    block->given += size;
    return block->given == block->plain.size;
}

bool fb_snappy_take_be32(unsigned char head[4], size_t *have, struct fb_codec_io *io,
                         uint32_t *ret_number)
{
    while (*have < 4 && io->in_size > 0) {
        head[(*have)++] = (unsigned char)*io->in++;
        io->in_size--;
    }
    if (*have < 4)
        return false;
    *have = 0;
    *ret_number = fb_be32(head);
    return true;
}

#else
/* A translation unit is not to be empty. */
typedef int fb_no_snappy;
#endif
