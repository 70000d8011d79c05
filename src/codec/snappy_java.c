/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream of snappy-java (Xerial), which is what Firehose calls Snappy: a head of 16 bytes (the
 * magic, a version, the oldest compatible version), then blocks behind their lengths. A head may
 * come again between two blocks, where streams were concatenated.
 */
#include <stdlib.h>
#include <string.h>

#include "byte_order.h"
#include "snappy_block.h"

#define MAGIC      "\x82SNAPPY\0"
#define MAGIC_SIZE 8
#define HEAD_SIZE  16

/* Heads name the version of their writer, and the oldest whose readers can follow. */
#define VERSION_READ 1

/* The magic's first half as a length: no block is as long. */
#define MAGIC_AS_LENGTH 0x82534e41U

static enum fb_codec_match match(const unsigned char *first, size_t size)
{
    return fb_codec_match_magic(first, size, MAGIC, MAGIC_SIZE);
}

#if FB_HAVE_snappy

#define NAME "snappy"

struct stream {
    enum { IN_HEAD, AT_LENGTH, IN_BLOCK, GIVING } at;
    unsigned char head[HEAD_SIZE];
    size_t have;
    uint32_t block_size;
    struct fb_snappy_block block;
};

static enum fb_status begin(void **state, struct fb_error *error)
{
    struct stream *stream = *state;

    if (stream == NULL) {
        stream = calloc(1, sizeof *stream);
        if (stream == NULL)
            return fb_fail(error, FB_NO_MEMORY, "no memory to undo Snappy");
        fb_snappy_block_init(&stream->block);
        *state = stream;
    }
    fb_snappy_block_reset(&stream->block);
    stream->at = IN_HEAD;
    stream->have = 0;
    return FB_OK;
}

static enum fb_status in_head(struct stream *stream, struct fb_codec_io *io, uint64_t offset,
                              struct fb_error *error)
{
    uint32_t oldest;

    while (stream->have < HEAD_SIZE && io->in_size > 0) {
        stream->head[stream->have++] = (unsigned char)*io->in++;
        io->in_size--;
    }
    if (stream->have < HEAD_SIZE)
        return FB_OK;
    stream->have = 0;
    stream->at = AT_LENGTH;
    if (memcmp(stream->head, MAGIC, MAGIC_SIZE) != 0)
        return fb_fail(error, FB_CORRUPT,
                       NAME ": no head of a snappy-java stream, at compressed byte %llu",
                       (unsigned long long)offset);
    oldest = fb_be32(stream->head + MAGIC_SIZE + 4);
    if (oldest > VERSION_READ)
        return fb_fail(error, FB_CORRUPT,
                       NAME ": version %lu of the stream, for readers of version %lu or later; "
                            "this one reads version %d",
                       (unsigned long)fb_be32(stream->head + MAGIC_SIZE), (unsigned long)oldest,
                       VERSION_READ);
    return FB_OK;
}

static enum fb_status at_length(struct stream *stream, struct fb_codec_io *io, uint64_t offset,
                                struct fb_error *error)
{
    if (!fb_snappy_take_be32(stream->head, &stream->have, io, &stream->block_size))
        return FB_OK;
    if (stream->block_size == MAGIC_AS_LENGTH) {
        stream->have = 4;
        stream->at = IN_HEAD;
        return FB_OK;
    }
    stream->at = IN_BLOCK;
    return fb_snappy_block_check(NAME, stream->block_size, offset, error);
}

static enum fb_status in_block(struct stream *stream, struct fb_codec_io *io, uint64_t offset,
                               struct fb_error *error)
{
    bool whole = false;
    enum fb_status status =
        fb_snappy_block_collect(&stream->block, io, stream->block_size, &whole, error);

    if (status != FB_OK || !whole)
        return status;
    stream->at = GIVING;
    return fb_snappy_block_undo(&stream->block, NAME, 0, offset, error);
}

static enum fb_status step(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error)
{
    struct stream *stream = state;
    const char *const begin_in = io->in;
    enum fb_status status = FB_OK;

    while (status == FB_OK && (io->in_size > 0 || stream->at == GIVING)) {
        const uint64_t at = offset + (uint64_t)(io->in - begin_in);

        switch (stream->at) {
        case IN_HEAD:
            status = in_head(stream, io, at, error);
            break;
        case AT_LENGTH:
            status = at_length(stream, io, at, error);
            break;
        case IN_BLOCK:
            status = in_block(stream, io, at, error);
            break;
        case GIVING:
            if (!fb_snappy_block_give(&stream->block, io))
                return FB_OK;
            stream->at = AT_LENGTH;
        }
    }
    return status;
}

/* The form has no mark at its end: an object that was cut between two blocks looks whole. */
static enum fb_status finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct stream *stream = state;

    if (stream->at == AT_LENGTH && stream->have == 0)
        return FB_OK;
    return fb_fail(error, FB_CORRUPT, NAME ": the object is cut off at compressed byte %llu",
                   (unsigned long long)offset);
}

static void free_state(void *state)
{
    struct stream *stream = state;

    if (stream == NULL)
        return;
    fb_snappy_block_done(&stream->block);
    free(stream);
}

#define RUNS .step = step, .finish = finish, .free = free_state,

#else
#define RUNS
FB_CODEC_NOT_BUILT("Snappy", "libsnappy")
#endif

const struct fb_codec fb_codec_snappy_java = {.name = "snappy",
                                              .extensions = {".snappy"},
                                              .lacks = FB_SNAPPY_LACKS,
                                              .match = match,
                                              .begin = begin,
                                              RUNS};
