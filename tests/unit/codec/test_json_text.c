/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

static void the_vector_form_agrees_with_its_plain_twin(void **state)
{
    char text[64];
    char out[64];
    char out_c[64];

    (void)state;
    for (size_t at = 0; at < FB_TEXT_BLOCK; at++)
        for (int byte = 0; byte < 256; byte++)
            for (size_t second = at; second < FB_TEXT_BLOCK; second += 5) {
                memset(text, 'x', sizeof text);
                text[second] = '"';
                text[at] = (char)byte;
                assert_int_equal(fb_text_copy_plain(out, text), fb_text_copy_plain_c(out_c, text));
                assert_memory_equal(out, text, FB_TEXT_BLOCK);
                assert_memory_equal(out_c, text, FB_TEXT_BLOCK);
            }
}

static void a_block_is_plain_up_to_its_first_special_byte(void **state)
{
    char out[FB_TEXT_BLOCK];

    (void)state;
    assert_int_equal(fb_text_copy_plain_c(out, "0123456789abcdef"), 16);
    assert_int_equal(fb_text_copy_plain(out, "0123456789abcdef"), 16);
    assert_int_equal(fb_text_copy_plain(out, "01234\"6789abcdef"), 5);
    assert_int_equal(fb_text_copy_plain(out, "0123456\\89abcdef"), 7);
    assert_int_equal(fb_text_copy_plain(out, "\xc3\xa9 456789abcdef"), 0);
    assert_int_equal(fb_text_copy_plain(out, "0123456789abcd\n "), 14);
    assert_int_equal(fb_text_copy_plain(out, "\x7f~ !#[]{}:,'/^_`"), 16);
}

struct special_case {
    const char *text;
    enum fb_text_verdict verdict;
    size_t size;
    size_t decoded_size;
};

static void escapes_and_sequences_are_judged(void **state)
{
    static const struct special_case cases[] = {
        {"\\n", FB_TEXT_GOOD, 2, 1},
        {"\\/", FB_TEXT_GOOD, 2, 1},
        {"\\u0041", FB_TEXT_GOOD, 6, 1},
        {"\\u00e9", FB_TEXT_GOOD, 6, 2},
        {"\\u0000", FB_TEXT_GOOD, 6, 1},
        {"\\uFFFF", FB_TEXT_GOOD, 6, 3},
        {"\\ud83d\\ude00", FB_TEXT_GOOD, 12, 4},
        {"\\uDBFF\\uDFFF", FB_TEXT_GOOD, 12, 4},
        {"\xc3\xa9", FB_TEXT_GOOD, 2, 2},
        {"\xe2\x82\xac", FB_TEXT_GOOD, 3, 3},
        {"\xf0\x9f\x98\x80", FB_TEXT_GOOD, 4, 4},
        {"\xf4\x8f\xbf\xbf", FB_TEXT_GOOD, 4, 4},
        {"\xee\x80\x80", FB_TEXT_GOOD, 3, 3},
        {"\\", FB_TEXT_CUT, 0, 0},
        {"\\u", FB_TEXT_CUT, 0, 0},
        {"\\u00e", FB_TEXT_CUT, 0, 0},
        {"\\ud83d", FB_TEXT_CUT, 0, 0},
        {"\\ud83d\\", FB_TEXT_CUT, 0, 0},
        {"\\ud83d\\ude0", FB_TEXT_CUT, 0, 0},
        {"\xc3", FB_TEXT_CUT, 0, 0},
        {"\xf0\x9f\x98", FB_TEXT_CUT, 0, 0},
        {"", FB_TEXT_CUT, 0, 0},
        {"\\x", FB_TEXT_BAD, 0, 0},
        {"\\u00g0", FB_TEXT_BAD, 0, 0},
        {"\\U0041", FB_TEXT_BAD, 0, 0},
        {"\n", FB_TEXT_BAD, 0, 0},
        {"\x1f", FB_TEXT_BAD, 0, 0},
        {"\\ud83d\"", FB_TEXT_BAD_UTF8, 6, 3},
        {"\\ud83dx", FB_TEXT_BAD_UTF8, 6, 3},
        {"\\ud83d\\n", FB_TEXT_BAD_UTF8, 6, 3},
        {"\\ud83d\\u0041", FB_TEXT_BAD_UTF8, 6, 3},
        {"\\ud83d\\ud83d", FB_TEXT_BAD_UTF8, 6, 3},
        {"\\ude00", FB_TEXT_BAD_UTF8, 6, 3},
        {"\x80", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xc0\xaf", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xc1\xbf", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xe0\x9f\xbf", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xed\xa0\x80", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xf0\x8f\xbf\xbf", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xf4\x90\x80\x80", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xf5\x80\x80\x80", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xff", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xc3\"", FB_TEXT_BAD_UTF8, 1, 1},
        {"\xe2\x82x", FB_TEXT_BAD_UTF8, 2, 1},
        {"\xf0\x9f\x98\"", FB_TEXT_BAD_UTF8, 3, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = padded(cases[i].text, strlen(cases[i].text));
        struct fb_text_special special = {0};

        if (fb_text_special(text, text + strlen(text), &special) != cases[i].verdict)
            fail_msg("case %zu", i);
        if (cases[i].size > 0) {
            assert_int_equal(special.size, cases[i].size);
            assert_int_equal(special.decoded_size, cases[i].decoded_size);
        }
        free(text);
    }
}

static void unescaping_gives_utf8(void **state)
{
    const char text[] = "a\\u00e9\\n\\ud83d\\ude00\\u20ac\\\\\\\"\xc3\xa9z";
    char out[sizeof text];
    const size_t size = fb_text_unescape(text, sizeof text - 1, out);

    (void)state;
    assert_int_equal(size, strlen("a\xc3\xa9\n\xf0\x9f\x98\x80\xe2\x82\xac\\\"\xc3\xa9z"));
    assert_memory_equal(out, "a\xc3\xa9\n\xf0\x9f\x98\x80\xe2\x82\xac\\\"\xc3\xa9z", size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_form_agrees_with_its_plain_twin),
        cmocka_unit_test(a_block_is_plain_up_to_its_first_special_byte),
        cmocka_unit_test(escapes_and_sequences_are_judged),
        cmocka_unit_test(unescaping_gives_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
