/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/validate.h"

static bool reads(const struct fb_json_text *text, const char *expected)
{
    return text->size == strlen(expected) && memcmp(text->bytes, expected, text->size) == 0;
}

/* A cursor wants text that was validated, so the tests' texts must be. */
static char *valid(const char *text)
{
    char *copy = padded(text, strlen(text));
    struct fb_nesting nesting = {0};
    struct fb_validated validated;

    if (fb_json_validate(&nesting, copy, strlen(copy), &validated) != FB_OK)
        fail_msg("no JSON: %s", text);
    fb_nesting_done(&nesting);
    return copy;
}

static void members_come_in_their_order_with_their_names_raw(void **state)
{
    char *text = valid(" {\n\"a\" : \"x\\\"y\" ,\t\"\\u0062\":-1.5e2 , \"\" : [ ] }\r\n");
    struct fb_json_cursor cursor = fb_json_cursor_begin(text);
    struct fb_json_text name, value;

    (void)state;
    assert_true(fb_json_enter_object(&cursor));
    assert_true(fb_json_next_member(&cursor, &name));
    assert_true(reads(&name, "a"));
    assert_true(fb_json_take_string(&cursor, &value));
    assert_true(reads(&value, "x\\\"y"));
    assert_true(fb_json_next_member(&cursor, &name));
    assert_true(reads(&name, "\\u0062"));
    assert_true(fb_json_take_number(&cursor, &value));
    assert_true(reads(&value, "-1.5e2"));
    assert_true(fb_json_next_member(&cursor, &name));
    assert_true(reads(&name, ""));
    assert_true(fb_json_enter_array(&cursor));
    assert_false(fb_json_next_element(&cursor));
    assert_false(fb_json_next_member(&cursor, &name));
    assert_string_equal(cursor.at, "\r\n");
    free(text);
}

static void elements_come_one_by_one(void **state)
{
    char *text = valid("[1, 22 ,333\n,4]");
    struct fb_json_cursor cursor = fb_json_cursor_begin(text);
    struct fb_json_text number;
    size_t count = 0;

    (void)state;
    assert_true(fb_json_enter_array(&cursor));
    while (fb_json_next_element(&cursor)) {
        assert_true(fb_json_take_number(&cursor, &number));
        count++;
        assert_int_equal(number.size, count < 4 ? count : 1);
    }
    assert_int_equal(count, 4);
    assert_string_equal(cursor.at, "");
    free(text);
}

static void is_passed_over(const char *blanks, const char *value)
{
    char line[256];
    char *text;
    struct fb_json_cursor cursor;
    struct fb_json_text number;

    snprintf(line, sizeof line, "[%s%s%s,7]", blanks, value, blanks);
    text = valid(line);
    cursor = fb_json_cursor_begin(text);
    assert_true(fb_json_enter_array(&cursor));
    assert_true(fb_json_next_element(&cursor));
    fb_json_skip(&cursor);
    if (!fb_json_next_element(&cursor) || !fb_json_take_number(&cursor, &number) ||
        !reads(&number, "7"))
        fail_msg("what follows %s is lost", value);
    assert_false(fb_json_next_element(&cursor));
    free(text);
}

static void every_kind_of_value_can_be_skipped(void **state)
{
    static const char *const values[] = {
        "null",
        "true",
        "false",
        "0",
        "-0.5E+7",
        "\"\"",
        "\"]},{\\\"[\"",
        "\"\\\\\"",
        "\"16 plain bytes..\"",
        "\"16 plain bytes..and \xc3\xa4\xf0\x9f\x98\x80 and more of them\\u005d\"",
        "{}",
        "[]",
        "{ }",
        "[{\"a\":[\"}\",{\"]\":{\"b\":null}}]},[[]],\"\\\\\"]",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        is_passed_over("", values[i]);
        is_passed_over(" ", values[i]);
        is_passed_over("\r\n\t", values[i]);
    }
}

static void a_value_of_another_kind_is_not_taken(void **state)
{
    static const struct {
        const char *text;
        char kind;
    } cases[] = {{"\"1\"", '"'}, {"1", '1'},    {"-1", '1'},   {"{}", '{'},
                 {"[]", '['},    {"true", 't'}, {"null", 't'}, {"false", 't'}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = valid(cases[i].text);
        const struct fb_json_cursor begin = fb_json_cursor_begin(text);
        struct fb_json_cursor cursor = begin;
        struct fb_json_text ignored;

        assert_int_equal(fb_json_take_string(&cursor, &ignored), cases[i].kind == '"');
        assert_int_equal(cursor.at == begin.at, cases[i].kind != '"');
        cursor = begin;
        assert_int_equal(fb_json_take_number(&cursor, &ignored), cases[i].kind == '1');
        assert_int_equal(cursor.at == begin.at, cases[i].kind != '1');
        cursor = begin;
        assert_int_equal(fb_json_enter_object(&cursor), cases[i].kind == '{');
        assert_int_equal(cursor.at == begin.at, cases[i].kind != '{');
        cursor = begin;
        assert_int_equal(fb_json_enter_array(&cursor), cases[i].kind == '[');
        assert_int_equal(cursor.at == begin.at, cases[i].kind != '[');
        free(text);
    }
}

static void no_depth_is_too_deep(void **state)
{
    const size_t depth = 1000000;
    char *text = calloc(1, 2 * depth + 2 + FB_TEXT_SLACK);
    struct fb_json_cursor cursor;

    (void)state;
    assert_non_null(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = ' ';
    cursor = fb_json_cursor_begin(text);
    fb_json_skip(&cursor);
    assert_ptr_equal(cursor.at, text + 2 * depth);
    free(text);
}

static void a_copied_cursor_comes_back_to_its_value(void **state)
{
    char *text = valid("{\"a\":{\"b\":\"c\"},\"d\":1}");
    struct fb_json_cursor cursor = fb_json_cursor_begin(text);
    struct fb_json_cursor copy;
    struct fb_json_text name;

    (void)state;
    assert_true(fb_json_enter_object(&cursor));
    assert_true(fb_json_next_member(&cursor, &name));
    copy = cursor;
    fb_json_skip(&cursor);
    assert_true(fb_json_next_member(&cursor, &name));
    assert_true(reads(&name, "d"));
    assert_true(fb_json_enter_object(&copy));
    assert_true(fb_json_next_member(&copy, &name));
    assert_true(reads(&name, "b"));
    free(text);
}

static void texts_compare_by_what_they_mean(void **state)
{
    static const struct {
        const char *raw, *bytes;
        bool same;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"id", "id", true},
        {"id", "ID", false},
        {"id", "i", false},
        {"i", "id", false},
        {"\\u0069d", "id", true},
        {"i\\u0064", "id", true},
        {"i\\u0064", "i", false},
        {"a\\/b", "a/b", true},
        {"\\\"\\\\\\n", "\"\\\n", true},
        {"\\u00e4", "\xc3\xa4", true},
        {"\xc3\xa4", "\xc3\xa4", true},
        {"\\u00e4", "\xc3", false},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80", true},
        {"\\\\u0069d", "id", false},
        {"\\\\u0069d", "\\u0069d", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *raw = padded(cases[i].raw, strlen(cases[i].raw));
        const struct fb_json_text text = {raw, strlen(raw)};

        if (fb_json_text_is(&text, cases[i].bytes, strlen(cases[i].bytes)) != cases[i].same)
            fail_msg("\"%s\" against %s", cases[i].raw, cases[i].bytes);
        free(raw);
    }
}

static void a_nul_is_a_character_like_any_other(void **state)
{
    char *raw = padded("a\\u0000b", 8);
    const struct fb_json_text text = {raw, 8};

    (void)state;
    assert_true(fb_json_text_is(&text, "a\0b", 3));
    assert_false(fb_json_text_is(&text, "a", 1));
    assert_false(fb_json_text_is(&text, "a\0c", 3));
    free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_their_order_with_their_names_raw),
        cmocka_unit_test(elements_come_one_by_one),
        cmocka_unit_test(every_kind_of_value_can_be_skipped),
        cmocka_unit_test(a_value_of_another_kind_is_not_taken),
        cmocka_unit_test(no_depth_is_too_deep),
        cmocka_unit_test(a_copied_cursor_comes_back_to_its_value),
        cmocka_unit_test(texts_compare_by_what_they_mean),
        cmocka_unit_test(a_nul_is_a_character_like_any_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
