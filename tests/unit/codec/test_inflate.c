/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every compression: how it is found out, forms inside one another, limits. */
#include "inflating.h"

#define ONE "{\"id\":\"a\"}"
#define MIB ((size_t)1 << 20)

static void add_zlib(struct text *text, const char *content, size_t size)
{
    add_packed(text, ZLIB, 6, Z_DEFAULT_STRATEGY, content, size);
}

static void add_wrapped(struct text *text, unsigned times)
{
    struct text inner = {0};

    if (times == 0) {
        add(text, ONE);
        return;
    }
    add_wrapped(&inner, times - 1);
    add_gzip(text, inner.bytes, inner.size);
    free(inner.bytes);
}

/* ---- no compression ---- */

static void plain_bytes_pass(void **state)
{
    struct text in = {0};

    (void)state;
    add(&in, ONE);
    expect_good(&in, ONE);
    assert_string_equal(form(), "none");
    in.size = 0;
    add(&in, "\x1fplain all the same");
    expect_good(&in, "\x1fplain all the same");
    in.size = 0;
    add(&in, "\x1f");
    expect_good(&in, "\x1f");
    free(in.bytes);
}

static void an_empty_object_is_empty_whatever_it_should_be(void **state)
{
    const struct text in = {.bytes = NULL, .size = 0};

    (void)state;
    expect_good(&in, "");
    assert_string_equal(form(), "none");
    for (size_t i = 0; fb_inflate_codec_name(i) != NULL; i++) {
        const struct fb_inflate_options fixed = {.compression = fb_inflate_codec_name(i),
                                                 .max_expansion = 1000,
                                                 .max_inflated_size = UINT64_MAX,
                                                 .max_layers = 3};
        struct fb_inflate *const detecting = inflater;
        struct fb_error error = {0};
        struct text out = {0};

        if (!fb_inflate_codec_is_built(i))
            continue;
        assert_int_equal(fb_inflate_new(&fixed, &inflater, NULL), FB_OK);
        assert_int_equal(inflate_with(NULL, &in, 1, 1, &out, &error), FB_OK);
        fb_inflate_free(inflater);
        inflater = detecting;
        free(out.bytes);
    }
}

static void the_reader_goes_from_object_to_object(void **state)
{
    struct text in = {0};
    struct text out = {0};

    (void)state;
    for (unsigned depth = 0; depth < 4; depth++) {
        in.size = 0;
        add_wrapped(&in, depth);
        expect_good(&in, ONE);
        /* Left in the middle, as a damaged one is. */
        in.size -= 5;
        assert_int_equal(inflate_whole(&in, &out, NULL), depth == 0 ? FB_OK : FB_CORRUPT);
        in.size += 5;
        expect_good(&in, ONE);
    }
    free(in.bytes);
    free(out.bytes);
}

/* ---- what is it? ---- */

/* A zlib stream of this level begins as text may: it takes a word for it. */
static void add_doubtful(struct text *text)
{
    add_packed(text, ZLIB, 2, Z_DEFAULT_STRATEGY, ONE, 10);
    assert_memory_equal(text->bytes, "x^", 2);
}

static void expect_form(const struct fb_inflate_hints *hints, const struct text *in,
                        const char *expected)
{
    struct fb_error error = {0};
    struct text out = {0};

    (void)inflate_with(hints, in, 1, 4096, &out, &error);
    assert_string_equal(form(), expected);
    free(out.bytes);
}

static void magic_bytes_come_before_what_is_said(void **state)
{
    static const struct fb_inflate_hints hints[] = {
        {.content_encoding = "zstd", .key = "p/records.bz2"},
        {.content_encoding = "deflate", .key = "p/records.snappy"},
        {.content_encoding = "identity", .key = "p/records.json"},
        {.content_encoding = "", .key = ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(hints); i++) {
        struct text in = {0};

        add_gzip(&in, ONE, 10);
        expect_form(&hints[i], &in, "gzip");
        in.size = 0;
        add(&in, ONE);
        expect_form(&hints[i], &in, "none");
        free(in.bytes);
    }
}

static void what_is_said_decides_where_bytes_leave_a_doubt(void **state)
{
    static const struct {
        struct fb_inflate_hints hints;
        const char *form;
    } cases[] = {
        {{NULL, NULL}, "none"},
        {{"gzip", "p/records.json"}, "none"},
        {{"deflate", "p/records.json"}, "zlib"},
        {{"Deflate", NULL}, "zlib"},
        {{NULL, "p/records.zlib"}, "zlib"},
        {{"", "p/a-rather-long-name-of-records.ZZ"}, "zlib"},
        {{NULL, "zz"}, "none"},
    };
    struct text in = {0};

    (void)state;
    add_doubtful(&in);
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_form(&cases[i].hints, &in, cases[i].form);
    free(in.bytes);
}

static void an_object_that_ends_before_it_is_sure_is_what_it_is_said_to_be(void **state)
{
    const struct fb_inflate_hints hints = {.key = "p/records.zip"};
    const struct text in = {.bytes = (char[]){"PK\3"}, .size = 3};
    struct fb_error error = {0};
    struct text out = {0};

    (void)state;
    assert_int_equal(inflate_with(&hints, &in, 1, 10, &out, &error), FB_CORRUPT);
    assert_non_null(strstr(error.message, "zip: the archive is cut off"));
    assert_string_equal(out.bytes, "");
    assert_int_equal(inflate_with(NULL, &in, 1, 10, &out, &error), FB_OK);
    assert_string_equal(out.bytes, "PK\3");
    free(out.bytes);
}

static void only_the_option_overrides_the_bytes(void **state)
{
    static const struct {
        const char *compression;
        const char *begin; /* of the message; NULL: as it is */
    } cases[] = {
        {"none", NULL},
        {"zlib", "zlib: "},
        {"zip", "zip: "},
    };
    struct fb_inflate *const detecting = inflater;
    struct text in = {0};

    (void)state;
    add_gzip(&in, ONE, 10);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct fb_inflate_options fixed = {.compression = cases[i].compression,
                                                 .max_expansion = 1000,
                                                 .max_inflated_size = UINT64_MAX,
                                                 .max_layers = 3};

        assert_int_equal(fb_inflate_new(&fixed, &inflater, NULL), FB_OK);
        if (cases[i].begin == NULL)
            expect_same(&in, &in);
        else
            expect_damage(&in, "", cases[i].begin);
        fb_inflate_free(inflater);
    }
    inflater = detecting;
    free(in.bytes);
}

static void forms_that_are_no_records_are_refused_by_name(void **state)
{
    static const char *const cases[][2] = {
        {"PAR1\x15\x04\x15", "Parquet"}, {"ORC\x01\x02", "ORC"}, {"Obj\x01\x04\x14", "Avro"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text in = {0};

        add(&in, cases[i][0]);
        expect_damage(&in, "", cases[i][1]);
        free(in.bytes);
    }
}

/* ---- layers ---- */

static void three_forms_may_stand_inside_one_another(void **state)
{
    struct text gzip = {0};
    struct text in = {0};

    (void)state;
    add_wrapped(&gzip, 2);
    expect_good(&gzip, ONE);
    assert_string_equal(form(), "gzip, gzip");
    add_zlib(&in, gzip.bytes, gzip.size);
    expect_good(&in, ONE);
    assert_string_equal(form(), "zlib, gzip, gzip");
    free(gzip.bytes);
    free(in.bytes);
}

static void a_fourth_form_is_refused(void **state)
{
    struct text in = {0};

    (void)state;
    add_wrapped(&in, 4);
    expect_damage(&in, "",
                  "over max_layers = 3 compressions inside one another, the next is gzip; raise "
                  "it if that is right");
    free(in.bytes);
}

/* CloudWatch Logs: Firehose's own gzip around a member for each record. */
static void members_inside_a_layer_are_one_object_too(void **state)
{
    struct text inner = {0};
    struct text in = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        add_gzip(&inner, ONE, 10);
    add_gzip(&in, inner.bytes, inner.size / 2);
    add_gzip(&in, inner.bytes + inner.size / 2, inner.size - inner.size / 2);
    expect_good(&in, ONE ONE ONE ONE ONE);
    assert_string_equal(form(), "gzip, gzip");
    free(inner.bytes);
    free(in.bytes);
}

static void damage_in_a_layer_comes_behind_what_was_good(void **state)
{
    struct text content = {0};
    struct text inner = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 50);
    add_gzip(&inner, content.bytes, content.size);
    add(&inner, "garbage");
    add_gzip(&in, inner.bytes, inner.size);
    expect_outcome(&in, FB_CORRUPT, content.bytes, content.size, "trailing garbage behind member");
    inner.size -= 7;
    in.size = 0;
    add_gzip(&in, inner.bytes, inner.size);
    in.bytes[in.size - 8] ^= 1;
    expect_outcome(&in, FB_CORRUPT, content.bytes, content.size, "incorrect data check");
    free(content.bytes);
    free(inner.bytes);
    free(in.bytes);
}

/* ---- limits ---- */

static void with_limits(uint64_t max_expansion, uint64_t max_inflated_size)
{
    const struct fb_inflate_options limits = {
        .max_expansion = max_expansion, .max_inflated_size = max_inflated_size, .max_layers = 3};

    assert_int_equal(fb_inflate_new(&limits, &inflater, NULL), FB_OK);
}

static void a_size_is_given_to_the_last_byte_and_no_further(void **state)
{
    struct fb_inflate *const other = inflater;
    struct text content = {0};
    struct text in = {0};
    struct text out = {0};
    struct fb_error error = {0};

    (void)state;
    add_times(&content, "0123456789", 100);
    add_gzip(&in, content.bytes, content.size);
    with_limits(1000, 1000);
    expect_same(&in, &content);
    fb_inflate_free(inflater);
    with_limits(1000, 999);
    expect_outcome(&in, FB_CORRUPT, content.bytes, 999, NULL);
    assert_int_equal(inflate_with(NULL, &in, 7, 10, &out, &error), FB_CORRUPT);
    assert_string_equal(
        error.message,
        "gzip: it inflates to over max_inflated_size = 999 bytes; raise it if that is "
        "right");
    /* What is not compressed has no such limit. */
    expect_same(&content, &content);
    fb_inflate_free(inflater);
    inflater = other;
    free(content.bytes);
    free(in.bytes);
    free(out.bytes);
}

/* Feeds `in` and counts what comes, without keeping it. */
static uint64_t count_inflated(const struct text *in, struct fb_error *error)
{
    static char buffer[1 << 16];
    const char *p = in->bytes;
    size_t left = in->size;
    size_t written = 1;
    uint64_t total = 0;

    fb_inflate_begin(inflater, NULL);
    while (written > 0 &&
           fb_inflate_step(inflater, &p, &left, buffer, sizeof buffer, &written, error) == FB_OK)
        total += written;
    return total;
}

static void an_expansion_is_refused_over_the_floor_only(void **state)
{
    struct fb_inflate *const other = inflater;
    char *zeros = calloc(1, 96 * MIB);
    struct fb_error error = {0};
    struct text small = {0};
    struct text large = {0};
    uint64_t total;

    (void)state;
    assert_non_null(zeros);
    add_gzip(&small, zeros, 64 * MIB);
    add_gzip(&large, zeros, 96 * MIB);
    with_limits(100, UINT64_MAX);
    assert_int_equal(count_inflated(&small, &error), 64 * MIB);
    assert_int_equal(error.status, FB_OK);
    total = count_inflated(&large, &error);
    assert_in_range(total, 64 * MIB, 64 * MIB + (1 << 16));
    assert_int_equal(error.status, FB_CORRUPT);
    assert_non_null(strstr(error.message, "more than max_expansion = 100 for one"));
    fb_inflate_free(inflater);
    with_limits(1100, UINT64_MAX); /* deflate makes at most 1032 of one */
    error = (struct fb_error){0};
    assert_int_equal(count_inflated(&large, &error), 96 * MIB);
    assert_int_equal(error.status, FB_OK);
    fb_inflate_free(inflater);
    inflater = other;
    free(zeros);
    free(small.bytes);
    free(large.bytes);
}

static void options_that_cannot_be_are_refused(void **state)
{
    static const struct {
        struct fb_inflate_options options;
        const char *message;
    } cases[] = {
        {{"lzma", 1000, 1000, 3}, "there is no compression \"lzma\""},
        {{"parquet", 1000, 1000, 3}, "there is no compression \"parquet\""},
        {{NULL, 1000, 1000, 0}, "max_layers must be 1 to 8"},
        {{NULL, 1000, 1000, 9}, "max_layers must be 1 to 8"},
        {{NULL, 0, 1000, 3}, "max_expansion must be at least 1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fb_inflate *none = NULL;
        struct fb_error error = {0};

        assert_int_equal(fb_inflate_new(&cases[i].options, &none, &error), FB_INVALID);
        assert_string_equal(error.message, cases[i].message);
        assert_null(none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_bytes_pass),
        cmocka_unit_test(an_empty_object_is_empty_whatever_it_should_be),
        cmocka_unit_test(the_reader_goes_from_object_to_object),
        cmocka_unit_test(magic_bytes_come_before_what_is_said),
        cmocka_unit_test(what_is_said_decides_where_bytes_leave_a_doubt),
        cmocka_unit_test(an_object_that_ends_before_it_is_sure_is_what_it_is_said_to_be),
        cmocka_unit_test(only_the_option_overrides_the_bytes),
        cmocka_unit_test(forms_that_are_no_records_are_refused_by_name),
        cmocka_unit_test(three_forms_may_stand_inside_one_another),
        cmocka_unit_test(a_fourth_form_is_refused),
        cmocka_unit_test(members_inside_a_layer_are_one_object_too),
        cmocka_unit_test(damage_in_a_layer_comes_behind_what_was_good),
        cmocka_unit_test(a_size_is_given_to_the_last_byte_and_no_further),
        cmocka_unit_test(an_expansion_is_refused_over_the_floor_only),
        cmocka_unit_test(options_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
