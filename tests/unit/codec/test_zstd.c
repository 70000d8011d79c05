/* SPDX-License-Identifier: Apache-2.0 */
#include "inflating.h"

#define ONE   "{\"id\":\"a\"}"
#define OTHER "{\"id\":\"b\"}"
#define MAGIC "\x28\xb5\x2f\xfd"

#if FB_HAVE_libzstd

#include <zstd.h>

/* As a stream whose length nobody knew, with a checksum behind it. */
static void add_frame(struct text *stream, int level, int window_log, const char *content,
                      size_t size)
{
    ZSTD_CCtx *packer = ZSTD_createCCtx();
    ZSTD_inBuffer in = {content, size, 0};
    char buffer[4096];
    bool ended = false;

    assert_non_null(packer);
    ZSTD_CCtx_setParameter(packer, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(packer, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(packer, ZSTD_c_checksumFlag, 1);
    while (!ended) {
        /* At the end only, so that the frame's head cannot tell its length. */
        const ZSTD_EndDirective mode = in.pos < size ? ZSTD_e_continue : ZSTD_e_end;
        ZSTD_outBuffer out = {buffer, sizeof buffer, 0};
        const size_t left = ZSTD_compressStream2(packer, &out, &in, mode);

        assert_false(ZSTD_isError(left));
        ended = mode == ZSTD_e_end && left == 0;
        add_bytes(stream, buffer, out.pos);
    }
    ZSTD_freeCCtx(packer);
}

/* RFC 8878, 3.1.2: sixteen magics. */
static void add_skippable(struct text *stream, unsigned which, const char *bytes, size_t size)
{
    add_le(stream, 0x184d2a50 + which, 4);
    add_le(stream, size, 4);
    add_bytes(stream, bytes, size);
}

static void frames_are_one_object(void **state)
{
    struct text in = {0};

    (void)state;
    add_frame(&in, 3, 0, ONE, 10);
    expect_good(&in, ONE);
    assert_string_equal(form(), "zstd");
    add_frame(&in, 3, 0, "", 0);
    add_frame(&in, 19, 0, OTHER, 10);
    expect_good(&in, ONE OTHER);
    free(in.bytes);
}

/* Where Firehose adds a newline to records that are compressed themselves. */
static void newlines_between_frames_are_passed_over(void **state)
{
    struct text in = {0};

    (void)state;
    add_frame(&in, 3, 0, ONE, 10);
    add(&in, "\n");
    expect_good(&in, ONE);
    add_frame(&in, 3, 0, OTHER, 10);
    add(&in, "\r\n");
    expect_good(&in, ONE OTHER);
    free(in.bytes);
}

static void every_level_up_to_19_is_read(void **state)
{
    struct text content = {0};

    (void)state;
    add_lines(&content, 400);
    add_times(&content, "the same again and again ", 2000);
    for (int level = 1; level <= 19; level += 6) {
        struct text in = {0};

        add_frame(&in, level, 0, content.bytes, content.size);
        expect_same(&in, &content);
        free(in.bytes);
    }
    free(content.bytes);
}

static void skippable_frames_are_passed_over(void **state)
{
    struct text in = {0};

    (void)state;
    for (unsigned which = 0; which < 16; which++)
        add_skippable(&in, which, "any" MAGIC, which % 8);
    expect_good(&in, "");
    assert_string_equal(form(), "zstd");
    add_frame(&in, 3, 0, ONE, 10);
    add_skippable(&in, 7, "thing", 5);
    add_frame(&in, 3, 0, OTHER, 10);
    add_skippable(&in, 0, "", 0);
    expect_good(&in, ONE OTHER);
    free(in.bytes);
}

static void a_cut_is_found_at_every_byte_but_between_frames(void **state)
{
    struct text content = {0};
    struct text in = {0};
    size_t seam;

    (void)state;
    add_lines(&content, 4);
    add_frame(&in, 3, 0, content.bytes, 90);
    seam = in.size;
    add_frame(&in, 3, 0, content.bytes + 90, content.size - 90);
    expect_cuts_are_found(&in, &content, &seam, 1);
    free(content.bytes);
    free(in.bytes);
}

static void a_turned_bit_is_found_by_the_checksum(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 8);
    add_frame(&in, 3, 0, content.bytes, content.size);
    expect_turned_bits_are_found(&in, &content);
    free(content.bytes);
    free(in.bytes);
}

/* The library alone would keep what was ready when it met the damage. */
static void what_is_good_before_damage_is_the_same_however_it_is_fed(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 8000); /* of 128 KiB is a block */
    add_frame(&in, 1, 0, content.bytes, content.size);
    for (size_t i = 1; i < 8; i++) {
        static const size_t sizes[][2] = {{7, 300}, {4096, 1 << 16}, {SIZE_MAX, 1 << 16}};
        const size_t at = i * in.size / 8;
        struct text expected = {0};

        memset(in.bytes + at, 0xff, 8);
        assert_int_equal(inflate_with(NULL, &in, 1, 4096, &expected, NULL), FB_CORRUPT);
        assert_true(expected.size > 0 || i < 4);
        for (size_t k = 0; k < COUNT(sizes); k++) {
            struct text out = {0};

            assert_int_equal(inflate_with(NULL, &in, sizes[k][0], sizes[k][1], &out, NULL),
                             FB_CORRUPT);
            assert_int_equal(out.size, expected.size);
            assert_memory_equal(out.bytes, expected.bytes, out.size);
            free(out.bytes);
        }
        in.size = 0;
        add_frame(&in, 1, 0, content.bytes, content.size);
        free(expected.bytes);
    }
    free(content.bytes);
    free(in.bytes);
}

static void a_turned_bit_costs_the_same_however_it_is_fed(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 8);
    add_frame(&in, 3, 0, content.bytes, content.size);
    /* A block that is stored, and one that is a byte over and over. */
    add_frame(&in, 3, 0, "\x8a\xf1\x33", 3);
    content.size = 0;
    add_times(&content, "a", 2000);
    add_frame(&in, 3, 0, content.bytes, content.size);
    expect_same_before_turned_bits(&in);
    free(content.bytes);
    free(in.bytes);
}

static void garbage_behind_a_frame_is_damage(void **state)
{
    struct text in = {0};

    (void)state;
    add_frame(&in, 3, 0, ONE, 10);
    add(&in, "garbage");
    expect_damage(&in, ONE, "zstd: ");
    free(in.bytes);
}

/* A window is memory: 8 MiB are the most that levels up to 19 need. */
static void a_window_over_8_mib_is_refused_and_one_of_8_mib_is_not(void **state)
{
    struct text content = {0};
    struct text in = {0};
    struct text out = {0};
    struct fb_error error = {0};

    (void)state;
    add_lines(&content, 400);
    add_frame(&in, 3, 23, content.bytes, content.size);
    expect_same(&in, &content);
    for (int window_log = 24; window_log <= 30; window_log += 3) {
        in.size = 0;
        add_frame(&in, 3, window_log, content.bytes, content.size);
        assert_int_equal(inflate_whole(&in, &out, &error), FB_CORRUPT);
        assert_non_null(strstr(error.message, "zstd: it needs a window of over 8 MiB of memory, "
                                              "as `zstd --long` and `--ultra` make it"));
        assert_int_equal(out.size, 0);
    }
    free(content.bytes);
    free(in.bytes);
    free(out.bytes);
}

static void it_may_stand_in_gzip(void **state)
{
    struct text inner = {0};
    struct text in = {0};

    (void)state;
    add_frame(&inner, 3, 0, ONE, 10);
    add_gzip(&in, inner.bytes, inner.size);
    expect_good(&in, ONE);
    assert_string_equal(form(), "gzip, zstd");
    free(inner.bytes);
    free(in.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_one_object),
        cmocka_unit_test(newlines_between_frames_are_passed_over),
        cmocka_unit_test(every_level_up_to_19_is_read),
        cmocka_unit_test(skippable_frames_are_passed_over),
        cmocka_unit_test(a_cut_is_found_at_every_byte_but_between_frames),
        cmocka_unit_test(a_turned_bit_is_found_by_the_checksum),
        cmocka_unit_test(what_is_good_before_damage_is_the_same_however_it_is_fed),
        cmocka_unit_test(a_turned_bit_costs_the_same_however_it_is_fed),
        cmocka_unit_test(garbage_behind_a_frame_is_damage),
        cmocka_unit_test(a_window_over_8_mib_is_refused_and_one_of_8_mib_is_not),
        cmocka_unit_test(it_may_stand_in_gzip),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else

static void without_its_library_it_is_refused_by_name(void **state)
{
    struct text in = {0};

    (void)state;
    add(&in, MAGIC "rest");
    expect_damage(&in, "", "it is Zstandard, and this firebridge was built without libzstd");
    free(in.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_its_library_it_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#endif
