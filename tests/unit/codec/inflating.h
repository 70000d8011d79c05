/* SPDX-License-Identifier: Apache-2.0 */
/* What the compressions' tests share: an object fed and taken in pieces of every size. */
#ifndef FIREBRIDGE_TESTS_CODEC_INFLATING_H
#define FIREBRIDGE_TESTS_CODEC_INFLATING_H

#include <zlib.h>

#include "feed.h"
#include "firebridge/codec/inflate.h"

static struct fb_inflate *inflater;

static inline int set_up(void **state)
{
    static const struct fb_inflate_options options = {
        .max_expansion = 1000, .max_inflated_size = UINT64_MAX, .max_layers = 3};

    (void)state;
    return fb_inflate_new(&options, &inflater, NULL) == FB_OK ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    fb_inflate_free(inflater);
    return 0;
}

/* The forms that the last object turned out to be. */
static inline const char *form(void)
{
    static char text[64];

    fb_inflate_describe(inflater, text, sizeof text);
    return text;
}

static inline enum fb_status take_all(const char **p, size_t *left, size_t room, struct text *out,
                                      struct fb_error *error)
{
    static char buffer[1 << 16];
    size_t written = 1;

    while (written > 0) {
        const enum fb_status status =
            fb_inflate_step(inflater, p, left, buffer, room, &written, error);

        if (status != FB_OK)
            return status;
        add_bytes(out, buffer, written);
    }
    assert_int_equal(*left, 0);
    return FB_OK;
}

/* Feeds `piece` bytes at a time, takes up to `room`. The outcome is finish's, or the error's. */
static inline enum fb_status inflate_with(const struct fb_inflate_hints *hints,
                                          const struct text *in, size_t piece, size_t room,
                                          struct text *out, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    const char *p = NULL;
    size_t left = 0;

    fb_inflate_begin(inflater, hints);
    out->size = 0;
    add(out, "");
    for (size_t fed = 0; fed < in->size && status == FB_OK;) {
        const size_t size = in->size - fed < piece ? in->size - fed : piece;
        /* A copy of its own, so that a sanitizer sees a read behind it. */
        char *copy = malloc(size);

        assert_non_null(copy);
        memcpy(copy, in->bytes + fed, size);
        p = copy;
        left = size;
        fed += size;
        status = take_all(&p, &left, room, out, error);
        free(copy);
    }
    if (status != FB_OK)
        return status;
    p = NULL;
    left = 0;
    fb_inflate_finish(inflater);
    return take_all(&p, &left, room, out, error);
}

static inline enum fb_status inflate_whole(const struct text *in, struct text *out,
                                           struct fb_error *error)
{
    return inflate_with(NULL, in, SIZE_MAX, 1 << 16, out, error);
}

/* The same outcome however it is fed and taken; `message`: what the error must say, or NULL. */
static inline void expect_outcome(const struct text *in, enum fb_status status, const char *content,
                                  size_t size, const char *message)
{
    static const size_t pieces[] = {1, 2, 3, 7, 4096, SIZE_MAX};
    static const size_t rooms[] = {1, 3, 4096, 1 << 16};

    for (size_t i = 0; i < COUNT(pieces); i++)
        for (size_t k = 0; k < COUNT(rooms); k++) {
            struct fb_error error = {0};
            struct text out = {0};
            const enum fb_status found = inflate_with(NULL, in, pieces[i], rooms[k], &out, &error);

            if (found != status || (message != NULL && strstr(error.message, message) == NULL))
                fail_msg("pieces of %zu, room for %zu: %s, %s", pieces[i], rooms[k],
                         fb_status_name(found), error.message);
            assert_int_equal(out.size, size);
            assert_memory_equal(out.bytes, content, size);
            free(out.bytes);
        }
}

static inline void expect_good(const struct text *in, const char *content)
{
    expect_outcome(in, FB_OK, content, strlen(content), NULL);
}

static inline void expect_same(const struct text *in, const struct text *content)
{
    expect_outcome(in, FB_OK, content->bytes, content->size, NULL);
}

/* `content` is what is given before the damage is known. */
static inline void expect_damage(const struct text *in, const char *content, const char *message)
{
    expect_outcome(in, FB_CORRUPT, content, strlen(content), message);
}

/*
 * Cut off at every byte: only what it begins with is given, and damage is told, but at the places
 * where the form has no mark that more must come: `seams`, of `seam_count`.
 */
static inline void expect_cuts_are_found(const struct text *in, const struct text *content,
                                         const size_t *seams, size_t seam_count)
{
    for (size_t size = 1; size < in->size; size++) {
        const struct text cut = {.bytes = in->bytes, .size = size};
        struct fb_error error = {0};
        struct text out = {0};
        const struct fb_inflate_hints hints = {0};
        const enum fb_status status = inflate_with(&hints, &cut, 5, 100, &out, &error);
        bool is_seam = strcmp(form(), "none") == 0; /* its first bytes tell nothing */

        for (size_t i = 0; i < seam_count; i++)
            is_seam |= seams[i] == size;
        if (status != (is_seam ? FB_OK : FB_CORRUPT))
            fail_msg("cut off at %zu of %zu: %s", size, in->size, fb_status_name(status));
        if (strcmp(form(), "none") != 0) {
            assert_true(out.size <= content->size);
            assert_memory_equal(out.bytes, content->bytes, out.size);
        }
        free(out.bytes);
    }
}

/* Where a checksum covers the content: whichever bit is turned, nothing wrong passes for good. */
static inline void expect_turned_bits_are_found(struct text *in, const struct text *content)
{
    for (size_t bit = 0; bit < 8 * in->size; bit++) {
        struct fb_error error = {0};
        struct text out = {0};

        in->bytes[bit / 8] = (char)(in->bytes[bit / 8] ^ 1 << bit % 8);
        if (inflate_whole(in, &out, &error) == FB_OK && strcmp(form(), "none") != 0 &&
            (out.size != content->size || memcmp(out.bytes, content->bytes, out.size) != 0))
            fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
        in->bytes[bit / 8] = (char)(in->bytes[bit / 8] ^ 1 << bit % 8);
        free(out.bytes);
    }
}

/*
 * Whichever bit is turned: what comes before the damage, and that it is damage, does not depend on
 * how the object is fed. Of gzip that is cut off the last bytes may be there or not (deflate.h).
 */
static inline void expect_same_before_turned_bits(struct text *in)
{
    for (size_t bit = 0; bit < 8 * in->size; bit++) {
        struct fb_error errors[2] = {0};
        struct text outs[2] = {0};
        enum fb_status status;
        bool is_cut_off;

        in->bytes[bit / 8] = (char)(in->bytes[bit / 8] ^ 1 << bit % 8);
        status = inflate_with(NULL, in, 1, 1, &outs[0], &errors[0]);
        if (inflate_whole(in, &outs[1], &errors[1]) != status)
            fail_msg("bit %zu of byte %zu: %s, %s", bit % 8, bit / 8, errors[0].message,
                     errors[1].message);
        is_cut_off = strstr(errors[1].message, "cut off inside member") != NULL;
        if (!is_cut_off && (outs[0].size != outs[1].size ||
                            memcmp(outs[0].bytes, outs[1].bytes, outs[0].size) != 0))
            fail_msg("bit %zu of byte %zu: %zu and %zu bytes before the damage", bit % 8, bit / 8,
                     outs[0].size, outs[1].size);
        in->bytes[bit / 8] = (char)(in->bytes[bit / 8] ^ 1 << bit % 8);
        free(outs[0].bytes);
        free(outs[1].bytes);
    }
}

/* ---- making ---- */

/* Records of JSON whose numbers look random. */
static inline void add_lines(struct text *text, size_t count)
{
    uint64_t random = 88172645463325252U;
    char line[96];

    for (size_t i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        snprintf(line, sizeof line, "{\"id\":\"%zu\",\"v\":%llu,\"P\":\"PK\"}\n", i,
                 (unsigned long long)random);
        add(text, line);
    }
}

#define BARE (-15)
#define ZLIB 15
#define GZIP (15 + 16)

/* Appends what zlib makes of it; `wrapping` is one of the three above. */
static inline void add_packed(struct text *text, int wrapping, int level, int strategy,
                              const char *content, size_t size)
{
    z_stream stream = {0};
    size_t capacity;
    char *out;

    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, wrapping, 8, strategy), Z_OK);
    capacity = deflateBound(&stream, size);
    out = malloc(capacity);
    assert_non_null(out);
    stream.next_in = (Bytef *)(uintptr_t)content;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    add_bytes(text, out, capacity - stream.avail_out);
    deflateEnd(&stream);
    free(out);
}

static inline void add_gzip(struct text *text, const char *content, size_t size)
{
    add_packed(text, GZIP, 6, Z_DEFAULT_STRATEGY, content, size);
}

static inline void add_le(struct text *text, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        add_bytes(text, (const char[]){(char)(number >> 8 * i)}, 1);
}

static inline void add_be(struct text *text, uint64_t number, size_t size)
{
    for (size_t i = size; i-- > 0;)
        add_bytes(text, (const char[]){(char)(number >> 8 * i)}, 1);
}

#endif
