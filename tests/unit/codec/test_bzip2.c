/* SPDX-License-Identifier: Apache-2.0 */
#include "inflating.h"

#define ONE   "{\"id\":\"a\"}"
#define OTHER "{\"id\":\"b\"}"

#if FB_HAVE_bzip2

#include <bzlib.h>

static void add_stream(struct text *text, int level, const char *content, size_t size)
{
    unsigned packed_size = (unsigned)(size + size / 100 + 600);
    char *packed = malloc(packed_size);

    assert_non_null(packed);
    assert_int_equal(BZ2_bzBuffToBuffCompress(packed, &packed_size, (char *)(uintptr_t)content,
                                              (unsigned)size, level, 0, 0),
                     BZ_OK);
    add_bytes(text, packed, packed_size);
    free(packed);
}

static void streams_are_one_object(void **state)
{
    struct text in = {0};

    (void)state;
    add_stream(&in, 9, ONE, 10);
    expect_good(&in, ONE);
    assert_string_equal(form(), "bzip2");
    add_stream(&in, 1, "", 0);
    add_stream(&in, 5, OTHER, 10);
    expect_good(&in, ONE OTHER);
    free(in.bytes);
}

/* Where Firehose adds a newline to records that are compressed themselves. */
static void newlines_between_streams_are_passed_over(void **state)
{
    struct text in = {0};

    (void)state;
    add_stream(&in, 9, ONE, 10);
    add(&in, "\n");
    expect_good(&in, ONE);
    add_stream(&in, 9, OTHER, 10);
    add(&in, "\r\n");
    expect_good(&in, ONE OTHER);
    free(in.bytes);
}

static void a_stream_of_nothing_is_empty(void **state)
{
    struct text in = {0};

    (void)state;
    add_stream(&in, 9, "", 0);
    expect_good(&in, "");
    assert_string_equal(form(), "bzip2");
    free(in.bytes);
}

static void a_stream_of_many_blocks_is_read(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 6000);
    add_stream(&in, 1, content.bytes, content.size); /* of 100,000 bytes each */
    expect_same(&in, &content);
    free(content.bytes);
    free(in.bytes);
}

static void a_cut_is_found_at_every_byte_but_between_streams(void **state)
{
    struct text content = {0};
    struct text in = {0};
    size_t seam;

    (void)state;
    add_lines(&content, 4);
    add_stream(&in, 1, content.bytes, 90);
    seam = in.size;
    add_stream(&in, 1, content.bytes + 90, content.size - 90);
    expect_cuts_are_found(&in, &content, &seam, 1);
    free(content.bytes);
    free(in.bytes);
}

/* The library gives a block before it has the block's checksum in view; then it says so. */
static void a_turned_bit_is_found_by_the_checksum(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 8);
    add_stream(&in, 1, content.bytes, content.size);
    expect_turned_bits_are_found(&in, &content);
    free(content.bytes);
    free(in.bytes);
}

static void a_turned_bit_costs_the_same_however_it_is_fed(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 8);
    add_times(&content, "a", 300);
    add_stream(&in, 1, content.bytes, content.size);
    expect_same_before_turned_bits(&in);
    free(content.bytes);
    free(in.bytes);
}

static void garbage_behind_a_stream_is_damage(void **state)
{
    struct text in = {0};

    (void)state;
    add_stream(&in, 1, ONE, 10);
    add(&in, "garbage");
    expect_damage(&in, ONE, "bzip2: what should be a stream is none");
    free(in.bytes);
}

/* "BZh9" alone may begin a line. */
static void text_that_begins_as_a_stream_does_is_text(void **state)
{
    struct text in = {0};

    (void)state;
    add(&in, "BZh9 is how it begins");
    expect_good(&in, "BZh9 is how it begins");
    assert_string_equal(form(), "none");
    free(in.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_one_object),
        cmocka_unit_test(newlines_between_streams_are_passed_over),
        cmocka_unit_test(a_stream_of_nothing_is_empty),
        cmocka_unit_test(a_stream_of_many_blocks_is_read),
        cmocka_unit_test(a_cut_is_found_at_every_byte_but_between_streams),
        cmocka_unit_test(a_turned_bit_is_found_by_the_checksum),
        cmocka_unit_test(a_turned_bit_costs_the_same_however_it_is_fed),
        cmocka_unit_test(garbage_behind_a_stream_is_damage),
        cmocka_unit_test(text_that_begins_as_a_stream_does_is_text),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else

static void without_its_library_it_is_refused_by_name(void **state)
{
    struct text in = {0};

    (void)state;
    add_bytes(&in, "BZh9\x31\x41\x59\x26\x53\x59rest", 14);
    expect_damage(&in, "", "it is bzip2, and this firebridge was built without libbz2");
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
