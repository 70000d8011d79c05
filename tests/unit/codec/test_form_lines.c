/* SPDX-License-Identifier: Apache-2.0 */
#include "form_feed.h"

static int as_lines(void **state)
{
    (void)state;
    read_as(FB_FORMAT_LINES);
    form_schema = (struct fb_key_schema){
        .attributes = {{.name = "message", .name_size = 7, .type = FB_KEY_STRING}}, .count = 1};
    return 0;
}

static void pattern_is(const char *pattern, const char *const *fields, size_t count)
{
    form.pattern = pattern;
    form.fields = fields;
    form.field_count = count;
}

static void each_line_is_an_item_with_its_message(void **state)
{
    (void)state;
    expect_text("", "");
    expect_text("\n\r\n\n", "");
    expect_text("one\ntwo\r\n\n three \nfour", "0+3 put {\"message\":{\"S\":\"one\"}}\n"
                                               "4+3 put {\"message\":{\"S\":\"two\"}}\n"
                                               "10+7 put {\"message\":{\"S\":\" three \"}}\n"
                                               "18+4 put {\"message\":{\"S\":\"four\"}}\n");
    expect_text(" \n\xef\xbb\xbf{\n", "0+1 put {\"message\":{\"S\":\" \"}}\n"
                                      "2+4 put {\"message\":{\"S\":\"\xef\xbb\xbf{\"}}\n");
}

static void every_byte_of_a_line_stays(void **state)
{
    (void)state;
    expect_form(
        BYTES("a\0\"\\\t\x1b\r\xc3\xa9/\n"),
        "0+10 put {\"message\":{\"S\":\"a\\u0000\\\"\\\\\\u0009\\u001b\\u000d\xc3\xa9/\"}}\n");
    expect_text("\xff\ngood\n\xed\xa0\x80\n", "0+1 invalid-utf8\n"
                                              "2+4 put {\"message\":{\"S\":\"good\"}}\n"
                                              "7+3 invalid-utf8\n");
}

static void a_pattern_cuts_fields_out_of_a_line(void **state)
{
    static const char *const fields[] = {"who", "when", "rest"};

    (void)state;
    pattern_is("^([a-z]+) ([0-9]+)( .*)?$", fields, 3);
    expect_text("ann 17\nbob 3 x y\n",
                "0+6 put {\"message\":{\"S\":\"ann 17\"},\"who\":{\"S\":\"ann\"},"
                "\"when\":{\"S\":\"17\"}}\n"
                "7+9 put {\"message\":{\"S\":\"bob 3 x y\"},\"who\":{\"S\":\"bob\"},"
                "\"when\":{\"S\":\"3\"},\"rest\":{\"S\":\" x y\"}}\n");
    expect_text("ann 17\nANN\ncy 1\n", "0+6 put {\"message\":{\"S\":\"ann 17\"},"
                                       "\"who\":{\"S\":\"ann\"},\"when\":{\"S\":\"17\"}}\n"
                                       "7+3 no-match\n"
                                       "11+4 put {\"message\":{\"S\":\"cy 1\"},"
                                       "\"who\":{\"S\":\"cy\"},\"when\":{\"S\":\"1\"}}\n");
}

static void a_pattern_sees_bytes_behind_nul(void **state)
{
    static const char *const fields[] = {"last"};

    (void)state;
    pattern_is("([a-z])$", fields, 1);
    expect_form(BYTES("A\0b\nc\0C\n"),
                "0+3 put {\"message\":{\"S\":\"A\\u0000b\"},\"last\":{\"S\":\"b\"}}\n"
                "4+3 no-match\n");
}

static void a_field_is_a_number_where_the_conf_says_so(void **state)
{
    static const char *const fields[] = {"size"};

    (void)state;
    pattern_is("^([^ ]*) .*$", fields, 1);
    form.number_columns = fields;
    form.number_column_count = 1;
    expect_text("12 a\n - b\n- c\n",
                "0+4 put {\"message\":{\"S\":\"12 a\"},\"size\":{\"N\":\"12\"}}\n"
                "5+4 put {\"message\":{\"S\":\" - b\"}}\n"
                "10+3 malformed-row\n");
    expect_dead("x y", FB_DEAD_MALFORMED_ROW, "field size is no number");
}

static void a_field_may_be_the_key(void **state)
{
    static const char *const fields[] = {"id"};

    (void)state;
    form_schema = id_schema();
    pattern_is("^id=([^ ]*)", fields, 1);
    expect_text("id=7 x\nid= x\nno\n",
                "0+6 put {\"message\":{\"S\":\"id=7 x\"},\"id\":{\"S\":\"7\"}}\n"
                "7+5 key-empty\n"
                "13+2 no-match\n");
}

static void a_pattern_that_cannot_be_compiled_is_refused(void **state)
{
    struct fb_record_reader *none = NULL;
    struct fb_error error = {0};

    (void)state;
    pattern_is("(", NULL, 0);
    assert_int_equal(fb_record_reader_new(&(struct fb_record_reader_options){.schema = &form_schema,
                                                                             .hash_seed = 7,
                                                                             .max_record_size = 100,
                                                                             .form = form},
                                          &none, &error),
                     FB_INVALID);
    assert_null(none);
    assert_non_null(strstr(error.message, "pattern"));
}

static void a_line_over_16_kib_is_not_matched(void **state)
{
    static const char *const fields[] = {"all"};
    struct text text = {0};

    (void)state;
    pattern_is("^(x*)$", fields, 1);
    form_max_record_size = (size_t)64 << 10;
    form_schema.count = 0;
    for (size_t over = 0; over < 2; over++) {
        struct form_outcome outcome;

        text.size = 0;
        add_times(&text, "x", ((size_t)16 << 10) + over);
        outcome = read_form_any_way(text.bytes, text.size);
        assert_int_equal(outcome.last_reason, over == 0 ? FB_DEAD_NONE : FB_DEAD_NO_MATCH);
        free(outcome.told.bytes);
    }
    free(text.bytes);
}

static void a_line_has_max_record_size_to_the_byte(void **state)
{
    (void)state;
    form_schema.count = 0;
    for (size_t size = FORM_MAX_RECORD - 100; size < FORM_MAX_RECORD + 60; size++) {
        static const char *const ends[] = {"\n", "\r\n", ""};

        for (size_t end = 0; end < COUNT(ends); end++) {
            struct text text = {0};
            struct form_outcome outcome;

            add(&text, *ends[end] == '\0' ? "" : "first\n");
            add_times(&text, "x", size);
            add(&text, ends[end]);
            outcome = read_form_any_way(text.bytes, text.size);
            assert_int_equal(outcome.last_size, size);
            assert_int_equal(outcome.last_reason,
                             size <= FORM_MAX_RECORD ? FB_DEAD_NONE : FB_DEAD_RECORD_TOO_LARGE);
            assert_int_equal(outcome.last_text_size,
                             size <= FORM_MAX_RECORD ? size : FORM_MAX_RECORD);
            free(outcome.told.bytes);
            free(text.bytes);
        }
    }
}

static void a_line_may_need_an_escape_for_each_byte(void **state)
{
    struct text text = {0};
    struct form_outcome outcome;

    (void)state;
    form_schema.count = 0;
    add_times(&text, "\x01", FORM_MAX_RECORD);
    outcome = read_form_any_way(text.bytes, text.size);
    assert_int_equal(outcome.items, 1);
    assert_int_equal(outcome.last_size, FORM_MAX_RECORD);
    free(outcome.told.bytes);
    free(text.bytes);
}

static void an_over_long_line_is_one_dead_letter_with_its_first_bytes_and_its_length(void **state)
{
    static const struct {
        const char *filling, *end;
    } cases[] = {{"x", "\n"},    {"x", "\r\n"}, {" ", "\n"},   {"\t", "\r\n"},
                 {"\r", "\r\n"}, {" \r", "\n"}, {"{\"", "\n"}, {"\xff", "\n"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t times = FORM_MAX_RECORD + 1; times < 5 * FORM_MAX_RECORD; times += 4099) {
            struct text text = {0};
            char expected[160];
            size_t size;

            add(&text, "first\n");
            add_times(&text, cases[i].filling, times);
            size = text.size - 6;
            /* The last carriage return before the newline belongs to it. */
            if (text.bytes[text.size - 1] == '\r' && cases[i].end[0] == '\n')
                size--;
            add(&text, cases[i].end);
            snprintf(expected, sizeof expected,
                     "0+5 put {\"message\":{\"S\":\"first\"}}\n6+%zu record-too-large\n"
                     "%zu+4 put {\"message\":{\"S\":\"last\"}}\n",
                     size, text.size);
            add(&text, "last\n");
            expect_form(text.bytes, text.size, expected);
            free(text.bytes);
        }
}

static void another_delimiter_ends_a_line(void **state)
{
    (void)state;
    delimit_with("--", 2);
    expect_text("a\n--b---c--", "0+2 put {\"message\":{\"S\":\"a\\u000a\"}}\n"
                                "4+1 put {\"message\":{\"S\":\"b\"}}\n"
                                "7+2 put {\"message\":{\"S\":\"-c\"}}\n");
    expect_text("----a-", "4+2 put {\"message\":{\"S\":\"a-\"}}\n");
    delimit_with("\0\0", 2);
    expect_form(BYTES("a\0b\0\0\0c"), "0+3 put {\"message\":{\"S\":\"a\\u0000b\"}}\n"
                                      "5+2 put {\"message\":{\"S\":\"\\u0000c\"}}\n");
    delimit_with("\r\n", 2);
    expect_text("a\nb\r\r\nc\r", "0+4 put {\"message\":{\"S\":\"a\\u000ab\\u000d\"}}\n"
                                 "6+2 put {\"message\":{\"S\":\"c\\u000d\"}}\n");
}

/* The delimiter's pieces stand where the reader's own limits are. */
static void a_delimiter_is_found_behind_a_line_of_any_length(void **state)
{
    static const char delimiter[] = "=0123456789abcd=";

    (void)state;
    form_max_record_size = 64;
    delimit_with(delimiter, sizeof delimiter - 1);
    for (size_t size = 1; size < 300; size++) {
        struct text text = {0};
        char expected[300];
        char *p = expected;

        add_times(&text, "=", size);
        p += size <= 64
                 ? snprintf(p, 200, "0+%zu put {\"message\":{\"S\":\"%s\"}}\n", size, text.bytes)
                 : snprintf(p, 200, "0+%zu record-too-large\n", size);
        add(&text, delimiter);
        snprintf(p, 90, "%zu+1 put {\"message\":{\"S\":\"b\"}}\n", text.size);
        add(&text, "b");
        add(&text, delimiter);
        if (size <= 20 || size > 64)
            expect_form(text.bytes, text.size, expected);
        free(text.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_line_is_an_item_with_its_message, as_lines),
        cmocka_unit_test_setup(every_byte_of_a_line_stays, as_lines),
        cmocka_unit_test_setup(a_pattern_cuts_fields_out_of_a_line, as_lines),
        cmocka_unit_test_setup(a_pattern_sees_bytes_behind_nul, as_lines),
        cmocka_unit_test_setup(a_field_is_a_number_where_the_conf_says_so, as_lines),
        cmocka_unit_test_setup(a_field_may_be_the_key, as_lines),
        cmocka_unit_test_setup(a_pattern_that_cannot_be_compiled_is_refused, as_lines),
        cmocka_unit_test_setup(a_line_over_16_kib_is_not_matched, as_lines),
        cmocka_unit_test_setup(a_line_has_max_record_size_to_the_byte, as_lines),
        cmocka_unit_test_setup(a_line_may_need_an_escape_for_each_byte, as_lines),
        cmocka_unit_test_setup(
            an_over_long_line_is_one_dead_letter_with_its_first_bytes_and_its_length, as_lines),
        cmocka_unit_test_setup(another_delimiter_ends_a_line, as_lines),
        cmocka_unit_test_setup(a_delimiter_is_found_behind_a_line_of_any_length, as_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
