/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snappy's own framing format (google/snappy, framing_format.txt): chunks of a type, a length of 3
 * bytes, little endian, and, where they hold data, a masked CRC-32C of it.
 */
#include <stdlib.h>
#include <string.h>

#include "byte_order.h"
#include "snappy_block.h"

#define IDENTIFIER      "\xff\x06\0\0sNaPpY"
#define IDENTIFIER_SIZE 10

static enum fb_codec_match match(const unsigned char *first, size_t size)
{
    return fb_codec_match_magic(first, size, IDENTIFIER, IDENTIFIER_SIZE);
}

#if FB_HAVE_snappy

#define NAME            "snappy-framed"
#define CHUNK_PACKED    0x00
#define CHUNK_PLAIN     0x01
#define CHUNK_SKIPPED   0x80 /* and above, but the identifier */
#define CHUNK_IDENTIFY  0xff
#define CRC_SIZE        4
#define PLAIN_MAX       65536
#define CRC_MASK        0xa282ead8U
#define CRC32C_REVERSED 0x82f63b78U /* Castagnoli's polynomial, RFC 3720, B.4 */

struct frames {
    enum { AT_HEAD, IN_CHUNK, IN_SKIPPED, GIVING } at;
    unsigned char head[4];
    size_t have;
    unsigned type;
    size_t chunk_size;
    struct fb_snappy_block block;
    uint32_t table[256];
};

static void make_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ CRC32C_REVERSED : crc >> 1;
        table[i] = crc;
    }
}

static uint32_t masked_crc(const struct frames *frames, const char *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ frames->table[(crc ^ (unsigned char)bytes[i]) & 0xff];
    crc = ~crc;
    return (crc >> 15 | crc << 17) + CRC_MASK;
}

static enum fb_status begin(void **state, struct fb_error *error)
{
    struct frames *frames = *state;

    if (frames == NULL) {
        frames = calloc(1, sizeof *frames);
        if (frames == NULL)
            return fb_fail(error, FB_NO_MEMORY, "no memory to undo Snappy");
        fb_snappy_block_init(&frames->block);
        make_table(frames->table);
        *state = frames;
    }
    fb_snappy_block_reset(&frames->block);
    frames->at = AT_HEAD;
    frames->have = 0;
    return FB_OK;
}

static enum fb_status corrupt(const char *what, uint64_t offset, struct fb_error *error)
{
    return fb_fail(error, FB_CORRUPT, NAME ": %s, at compressed byte %llu", what,
                   (unsigned long long)offset);
}

static enum fb_status at_head(struct frames *frames, struct fb_codec_io *io, uint64_t offset,
                              struct fb_error *error)
{
    uint32_t head;

    if (frames->have == 0)
        fb_codec_pass_newlines(io);
    if (!fb_snappy_take_be32(frames->head, &frames->have, io, &head))
        return FB_OK;
    frames->type = head >> 24;
    frames->chunk_size =
        frames->head[1] | (size_t)frames->head[2] << 8 | (size_t)frames->head[3] << 16;
    if (frames->type == CHUNK_PACKED || frames->type == CHUNK_PLAIN) {
        frames->at = IN_CHUNK;
        /* snappy_max_compressed_length of what a chunk may hold is less than twice that. */
        if (frames->chunk_size < CRC_SIZE || frames->chunk_size > CRC_SIZE + 2 * PLAIN_MAX)
            return corrupt("a chunk of a size that none may have", offset, error);
    } else if (frames->type == CHUNK_IDENTIFY) {
        frames->at = IN_CHUNK;
        if (frames->chunk_size != IDENTIFIER_SIZE - 4)
            return corrupt("a damaged identifier", offset, error);
    } else if (frames->type < CHUNK_SKIPPED)
        return corrupt("a chunk of a type that may not be passed over", offset, error);
    else
        frames->at = IN_SKIPPED;
    return FB_OK;
}

static enum fb_status check_crc(struct frames *frames, uint32_t said, uint64_t offset,
                                struct fb_error *error)
{
    const struct fb_buffer *plain = &frames->block.plain;

    if (plain->size > PLAIN_MAX)
        return corrupt("a chunk of over 65536 bytes", offset, error);
    if (masked_crc(frames, plain->bytes, plain->size) != said)
        return corrupt("a chunk's checksum is wrong", offset, error);
    return FB_OK;
}

static enum fb_status in_chunk(struct frames *frames, struct fb_codec_io *io, uint64_t offset,
                               struct fb_error *error)
{
    struct fb_snappy_block *block = &frames->block;
    const unsigned char *packed;
    bool whole = false;
    uint32_t said;
    enum fb_status status = fb_snappy_block_collect(block, io, frames->chunk_size, &whole, error);

    if (status != FB_OK || !whole)
        return status;
    packed = (const unsigned char *)block->packed.bytes;
    if (frames->type == CHUNK_IDENTIFY) {
        whole = memcmp(packed, &IDENTIFIER[4], IDENTIFIER_SIZE - 4) == 0;
        fb_snappy_block_reset(block);
        frames->at = AT_HEAD;
        return whole ? FB_OK : corrupt("a damaged identifier", offset, error);
    }
    said = fb_le32(packed);
    if (frames->type == CHUNK_PACKED)
        status = fb_snappy_block_undo(block, NAME, CRC_SIZE, offset, error);
    else
        status = fb_snappy_block_keep(block, CRC_SIZE, error);
    if (status == FB_OK)
        status = check_crc(frames, said, offset, error);
    frames->at = GIVING;
    return status;
}

static void in_skipped(struct frames *frames, struct fb_codec_io *io)
{
    const size_t size = io->in_size < frames->chunk_size ? io->in_size : frames->chunk_size;

    io->in += size;
    io->in_size -= size;
    frames->chunk_size -= size;
    if (frames->chunk_size == 0)
        frames->at = AT_HEAD;
}

static enum fb_status step(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error)
{
    struct frames *frames = state;
    const char *const begin_in = io->in;
    enum fb_status status = FB_OK;

    while (status == FB_OK && (io->in_size > 0 || frames->at == GIVING)) {
        const uint64_t at = offset + (uint64_t)(io->in - begin_in);

        switch (frames->at) {
        case AT_HEAD:
            status = at_head(frames, io, at, error);
            break;
        case IN_CHUNK:
            status = in_chunk(frames, io, at, error);
            break;
        case IN_SKIPPED:
            in_skipped(frames, io);
            break;
        case GIVING:
            if (!fb_snappy_block_give(&frames->block, io))
                return FB_OK;
            frames->at = AT_HEAD;
        }
    }
    return status;
}

/* The form has no mark at its end: an object that was cut between two chunks looks whole. */
static enum fb_status finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct frames *frames = state;

    if ((frames->at == AT_HEAD && frames->have == 0) ||
        (frames->at == IN_SKIPPED && frames->chunk_size == 0))
        return FB_OK;
    return corrupt("the object is cut off", offset, error);
}

static void free_state(void *state)
{
    struct frames *frames = state;

    if (frames == NULL)
        return;
    fb_snappy_block_done(&frames->block);
    free(frames);
}

#define RUNS .step = step, .finish = finish, .free = free_state,

#else
#define RUNS
FB_CODEC_NOT_BUILT("Snappy", "libsnappy")
#endif

const struct fb_codec fb_codec_snappy_framing = {.name = "snappy-framed",
                                                 .encoding = "x-snappy-framed",
                                                 .extensions = {".sz"},
                                                 .lacks = FB_SNAPPY_LACKS,
                                                 .match = match,
                                                 .begin = begin,
                                                 RUNS};
