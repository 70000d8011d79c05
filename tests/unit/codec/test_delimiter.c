/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "../../../src/codec/delimiter.h"

static struct fb_delimiter delimiter_of(const char *bytes, size_t size)
{
    const struct fb_form_options options = {.delimiter = bytes, .delimiter_size = size};
    struct fb_delimiter delimiter;

    fb_delimiter_init(&delimiter, &options);
    return delimiter;
}

static void expect_cut(struct fb_delimiter *delimiter, const char *text, bool last, size_t size,
                       size_t next)
{
    struct fb_cut cut = {0};

    assert_int_equal(fb_delimiter_cut(delimiter, text, strlen(text), last, &cut), FB_OK);
    assert_int_equal(cut.size, size);
    assert_int_equal(cut.next, next);
}

static void a_line_ends_at_a_newline_when_no_delimiter_is_set(void **state)
{
    struct fb_delimiter newline = delimiter_of(NULL, 0);

    (void)state;
    expect_cut(&newline, "a\nb\n", false, 1, 2);
    expect_cut(&newline, "a\r\nb\n", false, 1, 3);
    expect_cut(&newline, "a\r\r\n", false, 2, 4);
    expect_cut(&newline, "\r\n", false, 0, 2);
    expect_cut(&newline, "\n", false, 0, 1);
    expect_cut(&newline, "a", true, 1, 1);
    expect_cut(&newline, "a\r", true, 2, 2);
}

static void a_carriage_return_stays_before_a_delimiter_that_is_set(void **state)
{
    struct fb_delimiter newline = delimiter_of("\n", 1);

    (void)state;
    expect_cut(&newline, "a\r\nb\n", false, 2, 3);
}

static void a_delimiter_that_comes_in_two_pieces_is_found(void **state)
{
    struct fb_delimiter delimiter = delimiter_of("<=>", 3);
    struct fb_cut cut = {0};

    (void)state;
    assert_int_equal(fb_delimiter_cut(&delimiter, "ab<", 3, false, &cut), FB_NEED_MORE);
    assert_int_equal(cut.next, 1);
    assert_int_equal(fb_delimiter_cut(&delimiter, "ab<=", 4, false, &cut), FB_NEED_MORE);
    assert_int_equal(cut.next, 2);
    expect_cut(&delimiter, "ab<=>", false, 2, 5);
    /* And nothing of it is remembered for the next line. */
    expect_cut(&delimiter, "<=>", false, 0, 3);
    expect_cut(&delimiter, "x<=", true, 3, 3);
}

static void what_is_passed_over_ends_before_its_delimiter(void **state)
{
    struct fb_delimiter newline = delimiter_of(NULL, 0);
    struct fb_delimiter delimiter = delimiter_of("<=>", 3);
    size_t behind = 9;

    (void)state;
    assert_int_equal(fb_delimiter_pass(&newline, "ab\r\nc", 5, false, &behind), 2);
    assert_int_equal(behind, 2);
    assert_int_equal(fb_delimiter_pass(&newline, "ab\r", 3, false, &behind), 2);
    assert_int_equal(behind, 0);
    assert_int_equal(fb_delimiter_pass(&newline, "ab\r", 3, true, &behind), 3);
    assert_int_equal(behind, 0);
    assert_int_equal(fb_delimiter_pass(&delimiter, "ab<=>c", 6, false, &behind), 2);
    assert_int_equal(behind, 3);
    assert_int_equal(fb_delimiter_pass(&delimiter, "ab<=", 4, false, &behind), 2);
    assert_int_equal(behind, 0);
    assert_int_equal(fb_delimiter_pass(&delimiter, "a", 1, false, &behind), 0);
    assert_int_equal(fb_delimiter_pass(&delimiter, "ab<=", 4, true, &behind), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_ends_at_a_newline_when_no_delimiter_is_set),
        cmocka_unit_test(a_carriage_return_stays_before_a_delimiter_that_is_set),
        cmocka_unit_test(a_delimiter_that_comes_in_two_pieces_is_found),
        cmocka_unit_test(what_is_passed_over_ends_before_its_delimiter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
