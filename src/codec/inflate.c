/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/inflate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define MAGIC_MAX 8

static enum fb_status none_begin(void **state, struct fb_error *error)
{
    (void)state;
    (void)error;
    return FB_OK;
}

static enum fb_status none_step(void *state, struct fb_codec_io *io, uint64_t offset,
                                struct fb_error *error)
{
    const size_t room = io->capacity - io->written;
    const size_t size = io->in_size < room ? io->in_size : room;

    (void)state;
    (void)offset;
    (void)error;
    if (size > 0)
        memcpy(io->out + io->written, io->in, size);
    io->in += size;
    io->in_size -= size;
    io->written += size;
    return FB_OK;
}

static enum fb_status none_finish(void *state, uint64_t offset, struct fb_error *error)
{
    (void)state;
    (void)offset;
    (void)error;
    return FB_OK;
}

static void none_free(void *state)
{
    (void)state;
}

static const struct fb_codec codec_none = {
    .name = "none",
    .magic = "",
    .begin = none_begin,
    .step = none_step,
    .finish = none_finish,
    .free = none_free,
};

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are literals and a part of a name */
/* Known by its first bytes, and refused by name rather than taken for malformed records. */
#define UNREAD(id, form, bytes)                                                                    \
    static enum fb_status id##_begin(void **state, struct fb_error *error)                         \
    {                                                                                              \
        (void)state;                                                                               \
        return fb_fail(error, FB_CORRUPT,                                                          \
                       "it is " form ", which this version does not read; deliver it as GZIP or "  \
                       "uncompressed");                                                            \
    }                                                                                              \
    static const struct fb_codec codec_##id = {                                                    \
        .name = form,                                                                              \
        .magic = bytes,                                                                            \
        .magic_size = sizeof bytes - 1,                                                            \
        .begin = id##_begin,                                                                       \
        .step = none_step,                                                                         \
        .finish = none_finish,                                                                     \
        .free = none_free,                                                                         \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

UNREAD(zip, "ZIP", "PK\x03\x04");
UNREAD(snappy_java, "Snappy (snappy-java)", "\x82SNAPPY");
UNREAD(snappy_framing, "Snappy (framing format)", "\xff\x06\x00\x00sNaP");
UNREAD(zstd, "Zstandard", "\x28\xb5\x2f\xfd");
UNREAD(parquet, "Parquet", "PAR1");

/* In this order: the last one fits everything. */
static const struct fb_codec *const codecs[] = {
    &fb_codec_gzip, &codec_zip,     &codec_snappy_java, &codec_snappy_framing,
    &codec_zstd,    &codec_parquet, &codec_none,
};

#define CODEC_COUNT (sizeof codecs / sizeof *codecs)

struct fb_inflate {
    const struct fb_codec *codec; /* NULL until the first bytes decided it */
    void *states[CODEC_COUNT];
    void *state;
    char first[MAGIC_MAX]; /* bytes that were taken before they sufficed to decide */
    size_t first_size;
    size_t first_used;
    uint64_t offset; /* compressed bytes that the codec used */
    bool failed;     /* `failure` is what every further step says */
    struct fb_error failure;
};

enum fb_status fb_inflate_new(struct fb_inflate **ret_inflate, struct fb_error *error)
{
    struct fb_inflate *inflate = calloc(1, sizeof *inflate);

    if (inflate == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory to inflate an object");
    *ret_inflate = inflate;
    return FB_OK;
}

void fb_inflate_free(struct fb_inflate *inflate)
{
    if (inflate == NULL)
        return;
    for (size_t i = 0; i < CODEC_COUNT; i++)
        codecs[i]->free(inflate->states[i]);
    free(inflate);
}

void fb_inflate_reset(struct fb_inflate *inflate)
{
    inflate->codec = NULL;
    inflate->state = NULL;
    inflate->first_size = 0;
    inflate->first_used = 0;
    inflate->offset = 0;
    inflate->failed = false;
}

const char *fb_inflate_form(const struct fb_inflate *inflate)
{
    return inflate->codec == NULL ? "unknown" : inflate->codec->name;
}

/* Compares as far as there are bytes. */
static bool may_be(const struct fb_codec *codec, const char *first, size_t size)
{
    assert(codec != NULL);
    return memcmp(codec->magic, first, size < codec->magic_size ? size : codec->magic_size) == 0;
}

/* The codec whose magic the first bytes are, or NULL when more of them must decide. */
static size_t choose(const struct fb_inflate *inflate)
{
    for (size_t i = 0; i < CODEC_COUNT; i++)
        if (may_be(codecs[i], inflate->first, inflate->first_size))
            return inflate->first_size < codecs[i]->magic_size ? CODEC_COUNT : i;
    return CODEC_COUNT;
}

/* Takes bytes until they decide the form. Without enough of them the codec stays NULL. */
static enum fb_status detect(struct fb_inflate *inflate, const char **input, size_t *input_size,
                             struct fb_error *error)
{
    while (inflate->codec == NULL && *input_size > 0) {
        enum fb_status status;
        size_t chosen;

        inflate->first[inflate->first_size++] = *(*input)++;
        --*input_size;
        chosen = choose(inflate);
        if (chosen == CODEC_COUNT)
            continue;
        status = codecs[chosen]->begin(&inflate->states[chosen], error);
        if (status != FB_OK)
            return status;
        inflate->codec = codecs[chosen];
        inflate->state = inflate->states[chosen];
    }
    return FB_OK;
}

/* A codec's failure waits until what was written before it has been taken. */
static enum fb_status run(struct fb_inflate *inflate, struct fb_codec_io *io)
{
    const size_t before = io->in_size;
    const enum fb_status status =
        inflate->codec->step(inflate->state, io, inflate->offset, &inflate->failure);

    inflate->offset += before - io->in_size;
    inflate->failed = status != FB_OK;
    return status;
}

/* The bytes that decided the form come before the input. */
static enum fb_status run_first(struct fb_inflate *inflate, struct fb_codec_io *io)
{
    struct fb_codec_io first = *io;
    enum fb_status status;

    first.in = inflate->first + inflate->first_used;
    first.in_size = inflate->first_size - inflate->first_used;
    if (first.in_size == 0)
        return FB_OK;
    status = run(inflate, &first);
    inflate->first_used = inflate->first_size - first.in_size;
    io->written = first.written;
    return status;
}

enum fb_status fb_inflate_step(struct fb_inflate *inflate, const char **input, size_t *input_size,
                               char *out, size_t capacity, size_t *ret_written,
                               struct fb_error *error)
{
    struct fb_codec_io io = {.out = out, .capacity = capacity};
    enum fb_status status = FB_OK;

    if (!inflate->failed)
        status = detect(inflate, input, input_size, error);
    if (status != FB_OK)
        return status;
    io.in = *input;
    io.in_size = *input_size;
    if (inflate->codec != NULL && !inflate->failed) {
        status = run_first(inflate, &io);
        if (status == FB_OK && io.written < capacity)
            (void)run(inflate, &io);
    }
    *input = io.in;
    *input_size = io.in_size;
    if (inflate->failed && io.written == 0) {
        if (error != NULL)
            *error = inflate->failure;
        return inflate->failure.status;
    }
    *ret_written = io.written;
    return FB_OK;
}

enum fb_status fb_inflate_finish(struct fb_inflate *inflate, struct fb_error *error)
{
    if (inflate->failed) {
        if (error != NULL)
            *error = inflate->failure;
        return inflate->failure.status;
    }
    if (inflate->codec != NULL)
        return inflate->codec->finish(inflate->state, inflate->offset, error);
    if (inflate->first_size > 0)
        return fb_fail(error, FB_CORRUPT,
                       "the object is cut off inside its first %d bytes, which tell its form",
                       (int)inflate->first_size + 1);
    return FB_OK;
}
