/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hadoop's block framing around Snappy (BlockCompressorStream): the length of a block as it was,
 * then chunks behind their lengths until they make up the block.
 *
 * There is no magic: it is known by lengths that fit one another. As blocks go, none is longer than
 * the 128 MiB that Firehose gathers for an object; no text begins so.
 */
#include <stdlib.h>
#include <string.h>

#include "byte_order.h"
#include "snappy_block.h"

/* A block's length, a chunk's length, and the chunk's own length as it was (a varint). */
#define LENGTHS_MAX 13

/* The first byte of a block's length. */
#define FIRST_MOST 0x08

/* Up to five bytes of seven bits, the lowest first; 0: not within `size`. */
static size_t take_varint(const unsigned char *p, size_t size, uint64_t *ret_number)
{
    *ret_number = 0;
    for (size_t i = 0; i < size && i < 5; i++) {
        *ret_number |= (uint64_t)(p[i] & 0x7f) << 7 * i;
        if (p[i] < 0x80)
            return i + 1;
    }
    return 0;
}

static enum fb_codec_match match(const unsigned char *first, size_t size)
{
    uint64_t plain;
    uint32_t block, chunk;

    if (first[0] > FIRST_MOST)
        return FB_MATCH_NO;
    /* The last of them may be as short as a byte. */
    if (size < LENGTHS_MAX && (size <= 8 || take_varint(first + 8, size - 8, &plain) == 0))
        return FB_MATCH_MORE;
    block = fb_be32(first);
    chunk = fb_be32(first + 4);
    if (take_varint(first + 8, size - 8, &plain) == 0 || block == 0 || chunk == 0 || plain == 0 ||
        plain > block || chunk > 32 + plain + plain / 6)
        return FB_MATCH_MAYBE;
    return FB_MATCH_YES;
}

#if FB_HAVE_snappy

#define NAME "hadoop-snappy"

struct blocks {
    enum { AT_BLOCK, AT_CHUNK, IN_CHUNK, GIVING } at;
    unsigned char head[4];
    size_t have;
    uint64_t block_left; /* bytes that are still to come of the block, as it was */
    uint32_t chunk_size;
    struct fb_snappy_block block;
};

static enum fb_status begin(void **state, struct fb_error *error)
{
    struct blocks *blocks = *state;

    if (blocks == NULL) {
        blocks = calloc(1, sizeof *blocks);
        if (blocks == NULL)
            return fb_fail(error, FB_NO_MEMORY, "no memory to undo Snappy");
        fb_snappy_block_init(&blocks->block);
        *state = blocks;
    }
    fb_snappy_block_reset(&blocks->block);
    blocks->at = AT_BLOCK;
    blocks->have = 0;
    return FB_OK;
}

static enum fb_status in_chunk(struct blocks *blocks, struct fb_codec_io *io, uint64_t offset,
                               struct fb_error *error)
{
    bool whole = false;
    enum fb_status status =
        fb_snappy_block_collect(&blocks->block, io, blocks->chunk_size, &whole, error);

    if (status != FB_OK || !whole)
        return status;
    status = fb_snappy_block_undo(&blocks->block, NAME, 0, offset, error);
    if (status != FB_OK)
        return status;
    if (blocks->block.plain.size > blocks->block_left)
        return fb_fail(error, FB_CORRUPT,
                       NAME ": a block is longer than it said, before compressed byte %llu",
                       (unsigned long long)offset);
    blocks->block_left -= blocks->block.plain.size;
    blocks->at = GIVING;
    return FB_OK;
}

static enum fb_status step(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error)
{
    struct blocks *blocks = state;
    const char *const begin_in = io->in;
    enum fb_status status = FB_OK;
    uint32_t length;

    while (status == FB_OK && (io->in_size > 0 || blocks->at == GIVING)) {
        const uint64_t at = offset + (uint64_t)(io->in - begin_in);

        switch (blocks->at) {
        case AT_BLOCK:
            if (!fb_snappy_take_be32(blocks->head, &blocks->have, io, &length))
                return FB_OK;
            blocks->block_left = length;
            blocks->at = length == 0 ? AT_BLOCK : AT_CHUNK;
            break;
        case AT_CHUNK:
            if (!fb_snappy_take_be32(blocks->head, &blocks->have, io, &blocks->chunk_size))
                return FB_OK;
            status = fb_snappy_block_check(NAME, blocks->chunk_size, at, error);
            blocks->at = blocks->chunk_size == 0 ? AT_CHUNK : IN_CHUNK;
            break;
        case IN_CHUNK:
            status = in_chunk(blocks, io, at, error);
            break;
        case GIVING:
            if (!fb_snappy_block_give(&blocks->block, io))
                return FB_OK;
            blocks->at = blocks->block_left == 0 ? AT_BLOCK : AT_CHUNK;
        }
    }
    return status;
}

/* The form has no mark at its end: an object that was cut between two blocks looks whole. */
static enum fb_status finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct blocks *blocks = state;

    if (blocks->at == AT_BLOCK && blocks->have == 0)
        return FB_OK;
    return fb_fail(error, FB_CORRUPT, NAME ": the object is cut off at compressed byte %llu",
                   (unsigned long long)offset);
}

static void free_state(void *state)
{
    struct blocks *blocks = state;

    if (blocks == NULL)
        return;
    fb_snappy_block_done(&blocks->block);
    free(blocks);
}

#define RUNS .step = step, .finish = finish, .free = free_state,

#else
#define RUNS
FB_CODEC_NOT_BUILT("Hadoop's Snappy", "libsnappy")
#endif

const struct fb_codec fb_codec_hadoop_snappy = {.name = "hadoop-snappy",
                                                .extensions = {".hsnappy", ".snappy"},
                                                .lacks = FB_SNAPPY_LACKS,
                                                .match = match,
                                                .begin = begin,
                                                RUNS};
