/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip and zlib. Members one behind the other are one object (RFC 1952, 2.2). Zeros behind the last
 * one are the padding of a block device; newlines behind a member are what Firehose adds to records
 * that are members.
 */
#include <stdlib.h>

#include "deflate.h"

#define GZIP_ID1       0x1f
#define GZIP_HEAD_SIZE 10

struct members {
    const char *name;
    const struct fb_deflate_engine *engine;
    enum fb_wrapping wrapping;
    void *stream;
    uint64_t complete;
    uint64_t member_bytes; /* of the one at work, compressed */
    enum { IN_MEMBER, BETWEEN, IN_PADDING } at;
};

static enum fb_status begin_member(struct members *members, struct fb_error *error)
{
    if (members->engine->begin(&members->stream, members->wrapping) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory to inflate %s", members->name);
    members->member_bytes = 0;
    members->at = IN_MEMBER;
    return FB_OK;
}

static enum fb_status begin(void **state, const char *name, const struct fb_deflate_engine *engine,
                            enum fb_wrapping wrapping, struct fb_error *error)
{
    struct members *members = *state;

    if (members == NULL)
        members = calloc(1, sizeof *members);
    if (members == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory to inflate %s", name);
    *state = members;
    members->name = name;
    members->engine = engine;
    members->wrapping = wrapping;
    members->complete = 0;
    return begin_member(members, error);
}

static enum fb_status garbage(const struct members *members, uint64_t offset,
                              struct fb_error *error)
{
    return fb_fail(
        error, FB_CORRUPT, "%s: trailing garbage behind member %llu, at compressed byte %llu",
        members->name, (unsigned long long)members->complete, (unsigned long long)offset);
}

static enum fb_status in_member(struct members *members, struct fb_codec_io *io, uint64_t offset,
                                struct fb_error *error)
{
    const size_t before = io->in_size;
    const char *what = NULL;
    bool ended = false;
    const enum fb_status status = members->engine->step(members->stream, io, &ended, &what);

    offset += before - io->in_size;
    members->member_bytes += before - io->in_size;
    if (ended && status == FB_OK) {
        members->complete++;
        members->at = BETWEEN;
    }
    if (status == FB_NO_MEMORY)
        return fb_fail(error, status, "no memory to inflate %s", members->name);
    /* A head that is none, behind a good member, is something else than a member. */
    if (status != FB_OK && members->complete > 0 && members->member_bytes <= GZIP_HEAD_SIZE)
        return garbage(members, offset, error);
    if (status != FB_OK)
        return fb_fail(error, FB_CORRUPT, "%s: %s, at compressed byte %llu", members->name, what,
                       (unsigned long long)offset);
    return FB_OK;
}

static bool begins_member(const struct members *members, unsigned char c)
{
    return members->wrapping == FB_WRAPPING_GZIP ? c == GZIP_ID1 : (c & 0x0f) == 8;
}

/* Behind a member: another one, newlines, padding, or what must not be there. */
static enum fb_status between_members(struct members *members, struct fb_codec_io *io,
                                      uint64_t offset, struct fb_error *error)
{
    const unsigned char c = (unsigned char)*io->in;

    if (members->at == BETWEEN && begins_member(members, c))
        return begin_member(members, error);
    if (c == 0)
        members->at = IN_PADDING;
    else if (members->at == IN_PADDING || (c != '\n' && c != '\r'))
        return garbage(members, offset, error);
    io->in++;
    io->in_size--;
    return FB_OK;
}

static enum fb_status step(void *state, struct fb_codec_io *io, uint64_t offset,
                           struct fb_error *error)
{
    struct members *members = state;
    const char *const begin_in = io->in;

    for (;;) {
        const size_t in_before = io->in_size;
        const size_t written_before = io->written;
        const uint64_t at = offset + (uint64_t)(io->in - begin_in);
        const bool inside = members->at == IN_MEMBER;
        enum fb_status status;

        if (!inside && io->in_size == 0)
            return FB_OK;
        if (inside)
            status = in_member(members, io, at, error);
        else
            status = between_members(members, io, at, error);
        if (status != FB_OK || io->written == io->capacity)
            return status;
        if (inside && members->at == IN_MEMBER && io->in_size == in_before &&
            io->written == written_before)
            return FB_OK;
    }
}

static enum fb_status finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct members *members = state;

    if (members->at != IN_MEMBER)
        return FB_OK;
    return fb_fail(
        error, FB_CORRUPT, "%s: the object is cut off inside member %llu, at compressed byte %llu",
        members->name, (unsigned long long)members->complete + 1, (unsigned long long)offset);
}

static void free_state(void *state)
{
    struct members *members = state;

    if (members == NULL)
        return;
    members->engine->free(members->stream);
    free(members);
}

static enum fb_codec_match gzip_match(const unsigned char *first, size_t size)
{
    return fb_codec_match_magic(first, size, "\x1f\x8b", 2);
}

/* RFC 1950, 2.2: method 8, and a multiple of 31. `x^` (78 5e) is text as well. */
static enum fb_codec_match zlib_match(const unsigned char *first, size_t size)
{
    if ((first[0] & 0x0f) != 8 || first[0] >> 4 > 7)
        return FB_MATCH_NO;
    if (size < 2)
        return FB_MATCH_MORE;
    if ((first[0] << 8 | first[1]) % 31 != 0 || (first[1] & 0x20) != 0)
        return FB_MATCH_NO;
    return first[0] == 'x' && first[1] != '^' ? FB_MATCH_YES : FB_MATCH_MAYBE;
}

static enum fb_status gzip_begin(void **state, struct fb_error *error)
{
    return begin(state, "gzip", &fb_deflate_for_gzip, FB_WRAPPING_GZIP, error);
}

static enum fb_status gzip_by_zlib_begin(void **state, struct fb_error *error)
{
    return begin(state, "gzip", &fb_deflate_zlib, FB_WRAPPING_GZIP, error);
}

static enum fb_status zlib_begin(void **state, struct fb_error *error)
{
    return begin(state, "zlib", &fb_deflate_zlib, FB_WRAPPING_ZLIB, error);
}

const struct fb_codec fb_codec_gzip = {
    .name = "gzip",
    .encoding = "gzip",
    .extensions = {".gz"},
    .match = gzip_match,
    .begin = gzip_begin,
    .step = step,
    .finish = finish,
    .free = free_state,
};

const struct fb_codec fb_codec_gzip_by_zlib = {
    .name = "gzip",
    .match = gzip_match,
    .begin = gzip_by_zlib_begin,
    .step = step,
    .finish = finish,
    .free = free_state,
};

const struct fb_codec fb_codec_zlib = {
    .name = "zlib",
    .encoding = "deflate",
    .extensions = {".zz", ".zlib"},
    .match = zlib_match,
    .begin = zlib_begin,
    .step = step,
    .finish = finish,
    .free = free_state,
};
