/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/inflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "codec.h"

/* Between one layer and the next. */
#define BETWEEN_BYTES ((size_t)64 << 10)

#define KEY_TAIL_BYTES 16

/* One form that is undone. Its input is the head, then the object's bytes or the layer's below. */
struct layer {
    const struct fb_codec *codec;
    void *states[FB_CODEC_COUNT_MAX];
    void *state;
    char head[FB_CODEC_FIRST_MAX]; /* the bytes that told the form */
    size_t head_begin, head_end;
    char *between; /* NULL for the outermost */
    size_t between_begin, between_end;
    uint64_t in_bytes, out_bytes;
    bool finished; /* it ended well */
    bool failed;
    struct fb_error failure;
};

struct fb_inflate {
    uint64_t max_expansion, max_inflated_size;
    unsigned max_layers;
    const struct fb_codec *fixed; /* the outermost, whatever the bytes look like */
    bool as_it_is;                /* compression = none */

    struct layer layers[FB_LAYERS_MAX];
    unsigned depth; /* layers in use */
    char encoding[32];
    char key_tail[KEY_TAIL_BYTES]; /* lower case */

    /* What comes out of the innermost layer: another one, or is this it? */
    bool decided;
    char first[FB_CODEC_FIRST_MAX];
    size_t first_begin, first_end;

    const char *input;
    size_t input_size;
    bool finished; /* no byte will follow */
    bool failed;   /* what no layer's failure says */
    struct fb_error failure;
};

/* ---- the table ---- */

static bool is_read(const struct fb_codec *codec)
{
    return codec->step != NULL || codec->lacks != NULL;
}

const char *fb_inflate_codec_name(size_t index)
{
    size_t at = 0;

    for (size_t i = 0; fb_codecs[i] != NULL; i++)
        if (is_read(fb_codecs[i]) && at++ == index)
            return fb_codecs[i]->name;
    return NULL;
}

bool fb_inflate_codec_is_built(size_t index)
{
    size_t at = 0;

    for (size_t i = 0; fb_codecs[i] != NULL; i++)
        if (is_read(fb_codecs[i]) && at++ == index)
            return fb_codecs[i]->lacks == NULL;
    return false;
}

static size_t index_of(const struct fb_codec *codec)
{
    size_t index = 0;

    while (fb_codecs[index] != codec)
        index++;
    return index;
}

static const struct fb_codec *find_by_name(const char *name)
{
    for (size_t i = 0; fb_codecs[i] != NULL; i++)
        if (is_read(fb_codecs[i]) && strcmp(fb_codecs[i]->name, name) == 0)
            return fb_codecs[i];
    return NULL;
}

/* ---- making ---- */

enum fb_status fb_inflate_new(const struct fb_inflate_options *options,
                              struct fb_inflate **ret_inflate, struct fb_error *error)
{
    struct fb_inflate *inflate;
    const bool as_it_is = options->compression != NULL && strcmp(options->compression, "none") == 0;
    const struct fb_codec *fixed = NULL;

    if (options->max_layers < 1 || options->max_layers > FB_LAYERS_MAX)
        return fb_fail(error, FB_INVALID, "max_layers must be 1 to %d", FB_LAYERS_MAX);
    if (options->max_expansion < 1)
        return fb_fail(error, FB_INVALID, "max_expansion must be at least 1");
    if (options->compression != NULL && !as_it_is) {
        fixed = find_by_name(options->compression);
        if (fixed == NULL)
            return fb_fail(error, FB_INVALID, "there is no compression \"%.40s\"",
                           options->compression);
    }
    inflate = calloc(1, sizeof *inflate);
    if (inflate == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory to inflate an object");
    inflate->max_expansion = options->max_expansion;
    inflate->max_inflated_size = options->max_inflated_size;
    inflate->max_layers = options->max_layers;
    inflate->fixed = fixed;
    inflate->as_it_is = as_it_is;
    fb_inflate_begin(inflate, NULL);
    *ret_inflate = inflate;
    return FB_OK;
}

void fb_inflate_free(struct fb_inflate *inflate)
{
    if (inflate == NULL)
        return;
    for (size_t i = 0; i < FB_LAYERS_MAX; i++) {
        for (size_t k = 0; fb_codecs[k] != NULL; k++)
            if (fb_codecs[k]->free != NULL)
                fb_codecs[k]->free(inflate->layers[i].states[k]);
        free(inflate->layers[i].between);
    }
    free(inflate);
}

static void fail(struct fb_inflate *inflate, const struct fb_error *error)
{
    inflate->failed = true;
    inflate->failure = *error;
}

/* The bytes in `first` become the new layer's head. */
static void push_layer(struct fb_inflate *inflate, const struct fb_codec *codec)
{
    struct layer *layer = &inflate->layers[inflate->depth];
    const size_t index = index_of(codec);
    struct fb_error error = {0};

    if (inflate->depth == inflate->max_layers) {
        fb_fail(&error, FB_CORRUPT,
                "over max_layers = %u compressions inside one another, the next is %s; raise it if "
                "that is right",
                inflate->max_layers, codec->name);
        fail(inflate, &error);
        return;
    }
    if (inflate->depth > 0 && layer->between == NULL)
        layer->between = malloc(BETWEEN_BYTES);
    if (inflate->depth > 0 && layer->between == NULL) {
        fb_fail(&error, FB_NO_MEMORY, "no memory to inflate an object");
        fail(inflate, &error);
        return;
    }
    if (codec->begin(&layer->states[index], &error) != FB_OK) {
        fail(inflate, &error);
        return;
    }
    layer->codec = codec;
    layer->state = layer->states[index];
    memcpy(layer->head, inflate->first, inflate->first_end);
    layer->head_begin = 0;
    layer->head_end = inflate->first_end;
    layer->between_begin = 0;
    layer->between_end = 0;
    layer->in_bytes = 0;
    layer->out_bytes = 0;
    layer->finished = false;
    layer->failed = false;
    inflate->depth++;
    inflate->first_end = 0;
}

static void take_hints(struct fb_inflate *inflate, const struct fb_inflate_hints *hints)
{
    const char *encoding = hints == NULL ? NULL : hints->content_encoding;
    const char *key = hints == NULL ? NULL : hints->key;
    size_t size = key == NULL ? 0 : strlen(key);

    snprintf(inflate->encoding, sizeof inflate->encoding, "%s", encoding == NULL ? "" : encoding);
    if (size >= KEY_TAIL_BYTES)
        key += size - (KEY_TAIL_BYTES - 1);
    snprintf(inflate->key_tail, sizeof inflate->key_tail, "%s", key == NULL ? "" : key);
}

void fb_inflate_begin(struct fb_inflate *inflate, const struct fb_inflate_hints *hints)
{
    inflate->depth = 0;
    inflate->decided = inflate->as_it_is;
    inflate->first_begin = 0;
    inflate->first_end = 0;
    inflate->input_size = 0;
    inflate->finished = false;
    inflate->failed = false;
    take_hints(inflate, hints);
    if (inflate->fixed != NULL)
        push_layer(inflate, inflate->fixed);
}

void fb_inflate_finish(struct fb_inflate *inflate)
{
    inflate->finished = true;
}

void fb_inflate_describe(const struct fb_inflate *inflate, char *ret_text, size_t size)
{
    size_t at = 0;

    snprintf(ret_text, size, "%s", inflate->decided ? "none" : "unknown");
    for (unsigned i = 0; i < inflate->depth && at < size; i++)
        at += (size_t)snprintf(ret_text + at, size - at, "%s%s", i == 0 ? "" : ", ",
                               inflate->layers[i].codec->name);
}

/* ---- running ---- */

static size_t take_raw(struct fb_inflate *inflate, char *out, size_t capacity)
{
    const size_t size = inflate->input_size < capacity ? inflate->input_size : capacity;

    if (size > 0)
        memcpy(out, inflate->input, size);
    inflate->input += size;
    inflate->input_size -= size;
    return size;
}

static enum fb_status check_limits(struct fb_inflate *inflate, struct layer *layer)
{
    if (layer->out_bytes > inflate->max_inflated_size)
        return fb_fail(
            &layer->failure, FB_CORRUPT,
            "%s: it inflates to over max_inflated_size = %llu bytes; raise it if that is "
            "right",
            layer->codec->name, (unsigned long long)inflate->max_inflated_size);
    if (layer->out_bytes > FB_EXPANSION_FLOOR_BYTES &&
        layer->out_bytes / inflate->max_expansion > layer->in_bytes)
        return fb_fail(
            &layer->failure, FB_CORRUPT,
            "%s: %llu bytes inflate to over %llu, more than max_expansion = %llu for one; "
            "raise it if that is right",
            layer->codec->name, (unsigned long long)layer->in_bytes,
            (unsigned long long)layer->out_bytes, (unsigned long long)inflate->max_expansion);
    return FB_OK;
}

/* One run of the codec over a piece of its input, and one byte too many at most. */
static enum fb_status step_over(struct fb_inflate *inflate, struct layer *layer, const char **in,
                                size_t *in_size, struct fb_codec_io *io)
{
    enum fb_status status;
    const size_t written = io->written;
    const size_t capacity = io->capacity;
    const uint64_t left = inflate->max_inflated_size - layer->out_bytes;

    if (io->capacity - written > left)
        io->capacity = written + (size_t)left + 1;
    io->in = *in;
    io->in_size = *in_size;
    status = layer->codec->step(layer->state, io, layer->in_bytes, &layer->failure);
    io->capacity = capacity;
    layer->in_bytes += *in_size - io->in_size;
    layer->out_bytes += io->written - written;
    *in = io->in;
    *in_size = io->in_size;
    if (status == FB_OK)
        status = check_limits(inflate, layer);
    if (layer->out_bytes > inflate->max_inflated_size)
        io->written--;
    layer->failed = status != FB_OK;
    return status;
}

static enum fb_status run_once(struct fb_inflate *inflate, struct layer *layer,
                               struct fb_codec_io *io)
{
    const char *in = layer->head + layer->head_begin;
    size_t in_size = layer->head_end - layer->head_begin;
    enum fb_status status;

    if (in_size > 0) {
        status = step_over(inflate, layer, &in, &in_size, io);
        layer->head_begin = layer->head_end - in_size;
    } else if (layer == inflate->layers)
        status = step_over(inflate, layer, &inflate->input, &inflate->input_size, io);
    else {
        in = layer->between + layer->between_begin;
        in_size = layer->between_end - layer->between_begin;
        status = step_over(inflate, layer, &in, &in_size, io);
        layer->between_begin = layer->between_end - in_size;
    }
    return status;
}

static size_t left_over(const struct fb_inflate *inflate, const struct layer *layer)
{
    if (layer->head_begin < layer->head_end)
        return layer->head_end - layer->head_begin;
    if (layer == inflate->layers)
        return inflate->input_size;
    return layer->between_end - layer->between_begin;
}

/*
 * Runs the layers up to number `top`. FB_OK with nothing written: all input is used, or, when
 * inflate->finished, that was all. The failure of a layer comes when all that was good before it
 * has been through the layers above.
 */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as there are layers */
static enum fb_status run(struct fb_inflate *inflate, unsigned top, struct fb_codec_io *io,
                          struct fb_error *error)
{
    struct layer *layer = &inflate->layers[top];

    while (!layer->failed && !layer->finished) {
        enum fb_status status = run_once(inflate, layer, io);
        struct fb_codec_io below = {.out = layer->between, .capacity = BETWEEN_BYTES};

        if (io->written > 0)
            return FB_OK;
        if (status != FB_OK || left_over(inflate, layer) > 0)
            continue;
        if (top > 0) {
            status = run(inflate, top - 1, &below, error);
            if (status != FB_OK)
                return status;
        }
        layer->between_begin = 0;
        layer->between_end = below.written;
        if (below.written > 0)
            continue;
        if (!inflate->finished)
            return FB_OK;
        /* Of no bytes at all, an object is empty whatever it should be. */
        layer->failed = layer->in_bytes > 0 && layer->codec->finish(layer->state, layer->in_bytes,
                                                                    &layer->failure) != FB_OK;
        layer->finished = !layer->failed;
    }
    if (!layer->failed)
        return FB_OK;
    if (error != NULL)
        *error = layer->failure;
    return layer->failure.status;
}

/* What comes out of the innermost layer, or the object's bytes as they are. */
static enum fb_status take(struct fb_inflate *inflate, struct fb_codec_io *io,
                           struct fb_error *error)
{
    if (inflate->depth > 0)
        return run(inflate, inflate->depth - 1, io, error);
    io->written = take_raw(inflate, io->out, io->capacity);
    return FB_OK;
}

/* ---- detection ---- */

static bool is_said_to_be(const struct fb_inflate *inflate, const struct fb_codec *codec)
{
    const size_t tail = strlen(inflate->key_tail);

    if (inflate->depth > 0)
        return false;
    if (codec->encoding != NULL && strcasecmp(codec->encoding, inflate->encoding) == 0)
        return true;
    for (size_t i = 0; i < 3 && codec->extensions[i] != NULL; i++) {
        const size_t size = strlen(codec->extensions[i]);

        if (size <= tail && strcasecmp(inflate->key_tail + tail - size, codec->extensions[i]) == 0)
            return true;
    }
    return false;
}

/* FB_MATCH_YES with the codec, FB_MATCH_MORE, or FB_MATCH_NO. */
static enum fb_codec_match choose(const struct fb_inflate *inflate, bool all,
                                  const struct fb_codec **ret_codec)
{
    enum fb_codec_match verdict = FB_MATCH_NO;

    for (size_t i = 0; fb_codecs[i] != NULL && inflate->first_end > 0; i++) {
        const struct fb_codec *codec = fb_codecs[i];
        const enum fb_codec_match match =
            codec->match((const unsigned char *)inflate->first, inflate->first_end);

        if (match == FB_MATCH_YES) {
            *ret_codec = codec;
            return match;
        }
        if (match == FB_MATCH_MORE && !all)
            verdict = FB_MATCH_MORE;
        /* What ends before it is sure is what it is said to be. */
        if ((match == FB_MATCH_MAYBE || (match == FB_MATCH_MORE && all)) &&
            verdict == FB_MATCH_NO && is_said_to_be(inflate, codec)) {
            *ret_codec = codec;
            verdict = FB_MATCH_YES;
        }
    }
    return verdict;
}

/* Takes bytes until they decide. Where more must come, `decided` stays false. */
static enum fb_status decide(struct fb_inflate *inflate, struct fb_error *error)
{
    while (!inflate->decided && !inflate->failed) {
        struct fb_codec_io io = {.out = inflate->first + inflate->first_end,
                                 .capacity = FB_CODEC_FIRST_MAX - inflate->first_end};
        const struct fb_codec *codec = NULL;
        enum fb_status status = take(inflate, &io, error);
        bool all;

        if (status != FB_OK && inflate->first_end == 0)
            return status;
        inflate->first_end += io.written;
        all = inflate->first_end == FB_CODEC_FIRST_MAX || status != FB_OK ||
              (io.written == 0 && inflate->finished);
        if (io.written == 0 && !all)
            return FB_OK;
        switch (choose(inflate, all, &codec)) {
        case FB_MATCH_YES:
            push_layer(inflate, codec);
            break;
        case FB_MATCH_MORE:
            break;
        default:
            inflate->decided = true;
        }
    }
    return FB_OK;
}

enum fb_status fb_inflate_step(struct fb_inflate *inflate, const char **input, size_t *input_size,
                               char *out, size_t capacity, size_t *ret_written,
                               struct fb_error *error)
{
    struct fb_codec_io io = {.out = out, .capacity = capacity};
    enum fb_status status;

    inflate->input = *input;
    inflate->input_size = *input_size;
    status = decide(inflate, error);
    if (status == FB_OK && inflate->failed) {
        if (error != NULL)
            *error = inflate->failure;
        status = inflate->failure.status;
    }
    if (status == FB_OK && inflate->decided && inflate->first_begin < inflate->first_end) {
        const size_t left = inflate->first_end - inflate->first_begin;

        io.written = left < capacity ? left : capacity;
        memcpy(out, inflate->first + inflate->first_begin, io.written);
        inflate->first_begin += io.written;
    } else if (status == FB_OK && inflate->decided)
        status = take(inflate, &io, error);
    *input = inflate->input;
    *input_size = inflate->input_size;
    *ret_written = io.written;
    return status;
}
