/* SPDX-License-Identifier: Apache-2.0 */
/* gzip and zlib, and that both engines read the same. */
#include "inflating.h"

#include "../../../src/codec/codec.h"

#define ONE   "{\"id\":\"a\"}"
#define OTHER "{\"id\":\"b\"}"

/* ---- members ---- */

static void members_are_one_object(void **state)
{
    struct text in = {0};

    (void)state;
    add_gzip(&in, ONE, 10);
    expect_good(&in, ONE);
    assert_string_equal(form(), "gzip");
    add_gzip(&in, "", 0);
    add_gzip(&in, OTHER, 10);
    expect_good(&in, ONE OTHER);
    free(in.bytes);
}

static void zeros_behind_the_last_member_are_padding(void **state)
{
    struct text in = {0};

    (void)state;
    add_gzip(&in, ONE, 10);
    add_bytes(&in, "\0\0\0\0", 4);
    expect_good(&in, ONE);
    add_gzip(&in, OTHER, 10);
    expect_damage(&in, ONE, "trailing garbage behind member 1");
    free(in.bytes);
}

/* Firehose puts a newline behind each record, and a record of CloudWatch Logs is a member. */
static void newlines_may_stand_between_members(void **state)
{
    struct text in = {0};

    (void)state;
    add_gzip(&in, ONE, 10);
    add(&in, "\n");
    add_gzip(&in, OTHER, 10);
    add(&in, "\r\n");
    expect_good(&in, ONE OTHER);
    free(in.bytes);
}

static void garbage_behind_a_member_is_named(void **state)
{
    static const char *const garbage[] = {"x", "\x1fxyz01234567890", "\x1f\x8b\x07zzzzzzzzzzzzz",
                                          "\n{\"id\":\"x\"}"};

    (void)state;
    for (size_t i = 0; i < COUNT(garbage); i++) {
        struct text in = {0};

        add_gzip(&in, ONE, 10);
        add(&in, garbage[i]);
        expect_damage(&in, ONE, "gzip: trailing garbage behind member 1");
        free(in.bytes);
    }
}

/* RFC 1952, 2.3: extra field, name, comment, and the head's own checksum. */
static void every_field_of_a_head_is_passed_over(void **state)
{
    for (unsigned flags = 0; flags < 32; flags++) {
        struct text packed = {0};
        struct text in = {0};

        (void)state;
        add_gzip(&packed, ONE, 10);
        add_bytes(&in, "\x1f\x8b\x08", 3);
        add_le(&in, flags, 1);
        add_bytes(&in, "\x01\x02\x03\x04\x00\xff", 6);
        if ((flags & 4) != 0)
            add_bytes(&in, "\x06\0ab\x02\0xy", 8);
        if ((flags & 8) != 0)
            add_bytes(&in, "records.json", 13);
        if ((flags & 16) != 0)
            add_bytes(&in, "no comment", 11);
        if ((flags & 2) != 0)
            add_le(&in, crc32(0, (const Bytef *)in.bytes, (uInt)in.size) & 0xffff, 2);
        add_bytes(&in, packed.bytes + 10, packed.size - 10);
        expect_good(&in, ONE);
        free(packed.bytes);
        free(in.bytes);
    }
}

/* ---- damage ---- */

static void a_cut_is_found_at_every_byte(void **state)
{
    struct text content = {0};
    struct text in = {0};
    size_t seam;

    (void)state;
    add_lines(&content, 3);
    add_gzip(&in, content.bytes, 60);
    seam = in.size;
    add_gzip(&in, content.bytes + 60, content.size - 60);
    expect_cuts_are_found(&in, &content, &seam, 1);
    free(in.bytes);
    free(content.bytes);
}

static void a_turned_bit_is_found_wherever_it_is(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 8);
    add_gzip(&in, content.bytes, content.size);
    expect_turned_bits_are_found(&in, &content);
    free(in.bytes);
    free(content.bytes);
}

static void a_turned_bit_costs_the_same_however_it_is_fed(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 5);
    add_times(&content, "0123456789", 30);
    add_gzip(&in, content.bytes, content.size);
    expect_same_before_turned_bits(&in);
    free(content.bytes);
    free(in.bytes);
}

static void a_wrong_checksum_or_size_is_found_behind_good_bytes(void **state)
{
    struct text in = {0};

    (void)state;
    add_gzip(&in, ONE, 10);
    for (size_t i = 1; i <= 8; i++) {
        in.bytes[in.size - i] ^= 1;
        expect_damage(&in, ONE, i > 4 ? "incorrect data check" : "gzip: incorrect");
        in.bytes[in.size - i] ^= 1;
    }
    in.bytes[2] = 9;
    expect_damage(&in, "", "compressed byte");
    free(in.bytes);
}

/* ---- both engines ---- */

static enum fb_status run_codec(const struct fb_codec *codec, const struct text *in, size_t piece,
                                size_t room, struct text *out)
{
    struct fb_error error = {0};
    void *codec_state = NULL;
    char *buffer = malloc(room);
    uint64_t offset = 0;
    enum fb_status status = codec->begin(&codec_state, &error);

    assert_non_null(buffer);
    while (status == FB_OK && offset <= in->size) {
        const size_t left = in->size - (size_t)offset;
        struct fb_codec_io io = {.in = in->bytes + offset,
                                 .in_size = left < piece ? left : piece,
                                 .out = buffer,
                                 .capacity = room};
        const char *const begin = io.in;

        status = codec->step(codec_state, &io, offset, &error);
        offset += (uint64_t)(io.in - begin);
        add_bytes(out, buffer, io.written);
        if (status == FB_OK && io.written == 0 && offset == in->size) {
            status = codec->finish(codec_state, offset, &error);
            break;
        }
    }
    codec->free(codec_state);
    free(buffer);
    return status;
}

static void expect_both_engines_agree(const struct text *in, const struct text *content)
{
    static const struct fb_codec *const codecs[] = {&fb_codec_gzip, &fb_codec_gzip_by_zlib};
    static const size_t sizes[][2] = {{1, 1},       {1, 4096}, {2, 3},        {3, 2},
                                      {7, 1 << 16}, {4096, 7}, {SIZE_MAX, 1}, {SIZE_MAX, 1 << 16}};

    for (size_t i = 0; i < COUNT(codecs); i++)
        for (size_t k = 0; k < COUNT(sizes); k++) {
            struct text out = {0};

            assert_int_equal(run_codec(codecs[i], in, sizes[k][0], sizes[k][1], &out), FB_OK);
            assert_int_equal(out.size, content->size);
            assert_memory_equal(out.bytes, content->bytes, content->size);
            free(out.bytes);
        }
}

static void both_engines_read_every_level_and_strategy(void **state)
{
    struct text content = {0};

    (void)state;
    add_lines(&content, 1500);
    add_times(&content, "the same again and again ", 4000);
    add_lines(&content, 1500);
    for (int level = 0; level <= 9; level++)
        for (int strategy = Z_DEFAULT_STRATEGY; strategy <= Z_FIXED; strategy++) {
            struct text in = {0};

            if (level % 3 != 0 && strategy != Z_DEFAULT_STRATEGY)
                continue;
            add_packed(&in, GZIP, level, strategy, content.bytes, content.size / 2);
            add_packed(&in, GZIP, level, strategy, content.bytes + content.size / 2,
                       content.size - content.size / 2);
            expect_both_engines_agree(&in, &content);
            free(in.bytes);
        }
    free(content.bytes);
}

/* Whichever bit is turned, `like` says what is good; the engine of this build is fed in all ways.
 */
static void expect_the_same_good_bytes(const struct fb_codec *like, struct text *in)
{
    static const size_t sizes[][2] = {{1, 1}, {7, 300}, {SIZE_MAX, 1}, {SIZE_MAX, 1 << 16}};

    for (size_t bit = 0; bit < 8 * in->size; bit++) {
        struct text expected = {0};
        enum fb_status status;

        add(&expected, "");
        in->bytes[bit / 8] = (char)(in->bytes[bit / 8] ^ 1 << bit % 8);
        status = run_codec(like, in, 100, 100, &expected);
        for (size_t i = 0; i < COUNT(sizes); i++) {
            struct text out = {0};

            add(&out, "");
            assert_int_equal(run_codec(&fb_codec_gzip, in, sizes[i][0], sizes[i][1], &out), status);
            assert_int_equal(out.size, expected.size);
            assert_memory_equal(out.bytes, expected.bytes, out.size);
            free(out.bytes);
        }
        in->bytes[bit / 8] = (char)(in->bytes[bit / 8] ^ 1 << bit % 8);
        free(expected.bytes);
    }
}

/* ISA-L alone counts bytes as written that it never wrote, and loses others. */
static void what_is_good_before_damage_is_the_same_however_it_is_fed(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 20);
    add_times(&content, "the same again and again ", 40);
    add_packed(&in, GZIP, 6, Z_FIXED, content.bytes, content.size);
    expect_the_same_good_bytes(&fb_codec_gzip_by_zlib, &in);
    /* Codes of its own that are damaged: zlib refuses some of them a few bytes earlier. */
    in.size = 0;
    add_gzip(&in, content.bytes, content.size);
    expect_the_same_good_bytes(&fb_codec_gzip, &in);
    free(in.bytes);
    free(content.bytes);
}

/* Of what is gone through again there is only so much: here the damage comes far behind it. */
static void damage_in_a_large_object_is_no_other(void **state)
{
    static const size_t sizes[][2] = {{1000, 777}, {65536, 1 << 17}, {SIZE_MAX, 4096}};
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 20000);
    add_gzip(&in, content.bytes, content.size);
    assert_true(in.size > 3 << 16);
    for (size_t at = in.size / 9; at < in.size; at += in.size / 9) {
        struct text expected = {0};
        enum fb_status status;

        in.bytes[at] ^= 0x10;
        status = run_codec(&fb_codec_gzip_by_zlib, &in, 4096, 4096, &expected);
        for (size_t i = 0; i < COUNT(sizes); i++) {
            struct text out = {0};

            assert_int_equal(run_codec(&fb_codec_gzip, &in, sizes[i][0], sizes[i][1], &out),
                             status);
            assert_int_equal(out.size, expected.size);
            assert_memory_equal(out.bytes, expected.bytes, out.size);
            free(out.bytes);
        }
        in.bytes[at] ^= 0x10;
        free(expected.bytes);
    }
    free(in.bytes);
    free(content.bytes);
}

/* ---- zlib ---- */

static void zlibs_own_wrapping_is_read(void **state)
{
    static const int levels[] = {0, 1, 6, 9}; /* each has a head of its own */
    struct text content = {0};

    (void)state;
    add_lines(&content, 400);
    for (size_t i = 0; i < COUNT(levels); i++) {
        const struct fb_inflate_hints hints = {.content_encoding = "deflate"};
        struct text in = {0};
        struct text out = {0};

        add_packed(&in, ZLIB, levels[i], Z_DEFAULT_STRATEGY, content.bytes, content.size);
        assert_int_equal(inflate_with(&hints, &in, 1000, 1000, &out, NULL), FB_OK);
        assert_string_equal(form(), "zlib");
        assert_int_equal(out.size, content.size);
        assert_memory_equal(out.bytes, content.bytes, content.size);
        free(out.bytes);
        free(in.bytes);
    }
    free(content.bytes);
}

static void zlib_is_fed_and_damaged_as_gzip_is(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 30);
    add_packed(&in, ZLIB, 6, Z_DEFAULT_STRATEGY, content.bytes, content.size);
    expect_same(&in, &content);
    expect_cuts_are_found(&in, &content, NULL, 0);
    in.bytes[in.size - 1] ^= 1;
    expect_outcome(&in, FB_CORRUPT, content.bytes, content.size, "zlib: incorrect data check");
    in.bytes[in.size - 1] ^= 1;
    add(&in, "{}");
    expect_outcome(&in, FB_CORRUPT, content.bytes, content.size, "trailing garbage");
    free(in.bytes);
    free(content.bytes);
}

/* `x^` begins a level of zlib's, and may begin a line of text. */
static void text_that_looks_like_zlib_is_text(void **state)
{
    struct text in = {0};

    (void)state;
    add(&in, "x^2 + y^2");
    expect_good(&in, "x^2 + y^2");
    assert_string_equal(form(), "none");
    free(in.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_one_object),
        cmocka_unit_test(zeros_behind_the_last_member_are_padding),
        cmocka_unit_test(newlines_may_stand_between_members),
        cmocka_unit_test(garbage_behind_a_member_is_named),
        cmocka_unit_test(every_field_of_a_head_is_passed_over),
        cmocka_unit_test(a_cut_is_found_at_every_byte),
        cmocka_unit_test(a_turned_bit_is_found_wherever_it_is),
        cmocka_unit_test(a_turned_bit_costs_the_same_however_it_is_fed),
        cmocka_unit_test(a_wrong_checksum_or_size_is_found_behind_good_bytes),
        cmocka_unit_test(both_engines_read_every_level_and_strategy),
        cmocka_unit_test(what_is_good_before_damage_is_the_same_however_it_is_fed),
        cmocka_unit_test(damage_in_a_large_object_is_no_other),
        cmocka_unit_test(zlibs_own_wrapping_is_read),
        cmocka_unit_test(zlib_is_fed_and_damaged_as_gzip_is),
        cmocka_unit_test(text_that_looks_like_zlib_is_text),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
