/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for the forms together: which one `auto` takes, arrays at the top, delimiters. */
#include "form_feed.h"

#define ITEM_A "put {\"id\":{\"S\":\"a\"}}\n"
#define ITEM_B "put {\"id\":{\"S\":\"b\"}}\n"
#define ITEM_C "put {\"id\":{\"S\":\"c\"}}\n"

static int as_auto(void **state)
{
    (void)state;
    read_as(FB_FORMAT_AUTO);
    return 0;
}

static enum fb_format format_of(const char *text, size_t piece)
{
    struct fb_record_reader *made = new_form_reader();
    struct form_outcome outcome = read_form(made, text, strlen(text), piece);
    const enum fb_format format = fb_record_reader_format(made);

    free(outcome.told.bytes);
    fb_record_reader_free(made);
    return format;
}

static void each_format_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(fb_format_name(FB_FORMAT_AUTO), "auto");
    assert_string_equal(fb_format_name(FB_FORMAT_LINES), "lines");
    for (int i = 0; i < FB_FORMAT_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(fb_format_name((enum fb_format)i),
                                    fb_format_name((enum fb_format)k));
}

static void auto_takes_the_form_of_the_first_record(void **state)
{
    static const struct {
        const char *text;
        enum fb_format format;
    } cases[] = {
        {"", FB_FORMAT_AUTO},
        {"garbage", FB_FORMAT_AUTO},
        {"{\"id\":", FB_FORMAT_AUTO},
        {"{\"id\":\"a\"}", FB_FORMAT_JSON},
        {"{}", FB_FORMAT_JSON},
        {"{\"x\":1}{\"Item\":{\"id\":{\"S\":\"a\"}}}", FB_FORMAT_JSON},
        {"garbage\n{\"Item\":{\"id\":{\"S\":\"a\"}}}", FB_FORMAT_DYNAMODB_JSON},
        {"[{\"Item\":{\"id\":{\"S\":\"a\"}}}]", FB_FORMAT_DYNAMODB_JSON},
        {"{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}", FB_FORMAT_DYNAMODB_JSON},
        {"{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"1\"}},\"Keys\":{\"id\":{\"S\":\"a\"}}}",
         FB_FORMAT_DYNAMODB_JSON},
        {"{\"eventName\":\"REMOVE\",\"dynamodb\":{\"Keys\":{\"id\":{\"S\":\"a\"}}}}",
         FB_FORMAT_DYNAMODB_STREAM},
        {"{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[]}", FB_FORMAT_CLOUDWATCH_LOGS},
        {"{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[]}", FB_FORMAT_CLOUDWATCH_LOGS},
        {"{\"messageType\":\"OTHER\",\"logEvents\":[]}", FB_FORMAT_JSON},
        {"{\"rawData\":\"\",\"errorCode\":\"x\"}", FB_FORMAT_FIREHOSE_ERRORS},
        {"{\"rawData\":\"\",\"LASTERRORCODE\":\"x\"}", FB_FORMAT_FIREHOSE_ERRORS},
        {"{\"rawData\":\"\"}", FB_FORMAT_JSON},
        /* Though it is a dead letter, for a string that is not UTF-8. */
        {"{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"message\":\"\\ud83d\"}]}",
         FB_FORMAT_CLOUDWATCH_LOGS},
        {"{\"rawData\":\"\",\"errorCode\":\"\xff\"}", FB_FORMAT_FIREHOSE_ERRORS},
        {"{\"x\":\"\xff\"}{\"Item\":{\"id\":{\"S\":\"a\"}}}", FB_FORMAT_DYNAMODB_JSON},
        /* As it is, it has the table's key: it is a record of the user's own. */
        {"{\"id\":\"a\",\"rawData\":\"\",\"errorCode\":\"x\"}", FB_FORMAT_JSON},
        {"{\"id\":\"a\",\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[]}", FB_FORMAT_JSON},
        {"{\"id\":\"a\",\"Item\":{\"x\":{\"S\":\"a\"}}}", FB_FORMAT_JSON},
        /* Values that only look typed. */
        {"{\"x\":{\"S\":\"a\",\"N\":\"1\"}}", FB_FORMAT_JSON},
        {"{\"x\":{\"s\":\"a\"}}", FB_FORMAT_JSON},
        {"{\"x\":{\"S\":\"a\"},\"y\":1}", FB_FORMAT_JSON},
    };
    static const size_t pieces[] = {1, 3, 4096};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(pieces); k++)
            assert_int_equal(format_of(cases[i].text, pieces[k]), cases[i].format);
}

static void each_object_has_its_own_form(void **state)
{
    static const char typed[] = "{\"Item\":{\"id\":{\"S\":\"a\"}}}";
    static const char plain[] = "{\"id\":\"a\"}";
    struct fb_record_reader *made = new_form_reader();

    (void)state;
    for (int i = 0; i < 4; i++) {
        const char *text = i % 2 == 0 ? typed : plain;
        struct form_outcome outcome = read_form(made, text, strlen(text), 4096);

        assert_int_equal(outcome.items, 1);
        assert_int_equal(fb_record_reader_format(made),
                         i % 2 == 0 ? FB_FORMAT_DYNAMODB_JSON : FB_FORMAT_JSON);
        free(outcome.told.bytes);
    }
    fb_record_reader_free(made);
}

static void an_object_that_is_left_in_the_middle_leaves_nothing_behind(void **state)
{
    static const struct {
        enum fb_format format;
        const char *text;
    } cases[] = {
        {FB_FORMAT_AUTO, "[{\"Item\":{\"id\":{\"S\":\"a\"}}},\n {\"Item\":\n{\"id\":}}]\n"},
        {FB_FORMAT_JSON, "{\"id\":\"a\"}{\"id\":[\n{\"id\":\"b\"}\nx\n{\"id\":\"c\"}"},
        {FB_FORMAT_CLOUDWATCH_LOGS,
         "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"a\"},{\"id\":\"b\"}]}"},
        {FB_FORMAT_DYNAMODB_JSON, "{\"id\":{\"S\":\"a\"}}{\"id\":{\"S\":\"b\"}}"},
        {FB_FORMAT_DYNAMODB_STREAM,
         "{\"eventName\":\"REMOVE\",\"dynamodb\":{\"Keys\":{\"id\":{\"S\":\"a\"}}}}"},
        {FB_FORMAT_FIREHOSE_ERRORS, "{\"rawData\":\"eyJpZCI6ImEifXsiaWQiOiJhIn0=\"}"},
        {FB_FORMAT_CSV, "id,v\na,\"x\ny\"\nb\"x,2\nc,\"3\"\r\nd,\"open"},
        {FB_FORMAT_TSV, "id\na\nb\r\nlonger than the head\n"},
        {FB_FORMAT_LINES, "one\r\ntwo\nlonger than the first"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        read_as(cases[i].format);
        expect_same_behind_any_part(cases[i].text, strlen(cases[i].text));
    }
    read_as(FB_FORMAT_LINES);
    form_max_record_size = 4;
    delimit_with("=-=", 3);
    expect_same_behind_any_part(BYTES("a=-=1234567890=-=b"));
}

/* ---- arrays at the top ---- */

static void an_array_is_its_elements_in_every_form_of_json(void **state)
{
    (void)state;
    expect_text("[]", "");
    expect_text("[]\n[ ]", "");
    expect_text("[{\"id\":\"a\"},{\"id\":\"b\"}]", "1+10 " ITEM_A "12+10 " ITEM_B);
    expect_text("[{\"id\":\"a\"}]\n[{\"id\":\"b\"}]", "1+10 " ITEM_A "14+10 " ITEM_B);
    expect_text("[{\"id\":\"a\"}][{\"id\":\"b\"}]{\"id\":\"c\"}",
                "1+10 " ITEM_A "13+10 " ITEM_B "24+10 " ITEM_C);
    expect_text("[{\"Item\":{\"id\":{\"S\":\"a\"}}},{\"Item\":{\"id\":{\"S\":\"b\"}}}]",
                "1+25 " ITEM_A "27+25 " ITEM_B);
    read_as(FB_FORMAT_FIREHOSE_ERRORS);
    expect_text("[{\"rawData\":\"eyJpZCI6ImEifQ==\"}]", "1+30 " ITEM_A);
    read_as(FB_FORMAT_CLOUDWATCH_LOGS);
    expect_text("[{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"a\"}]}]",
                "44+10 " ITEM_A);
}

static void an_element_that_is_none_costs_itself_alone(void **state)
{
    (void)state;
    expect_text("[{\"id\":\"a\"},[{\"id\":\"n\"}],7,{\"id\":\"b\"}]",
                "1+10 " ITEM_A "12+12 not-an-object\n25+1 not-an-object\n27+10 " ITEM_B);
    expect_text("[[[]],{\"id\":\"b\"}]", "1+4 not-an-object\n6+10 " ITEM_B);
    expect_text("[{\"id\":\"a\"},{\"id\":x},{\"id\":\"b\"}]",
                "1+10 " ITEM_A "12+8 malformed-json\n21+10 " ITEM_B);
    expect_text("[\n {\"id\":\"a\"},\n {\"id\":\"x},\n {\"id\":\"b\"}\n]\n{\"id\":\"c\"}",
                "3+10 " ITEM_A "16+9 malformed-json\n28+10 " ITEM_B "41+10 " ITEM_C);
}

/* All there is, up to its end, is sound: no nested object stands for itself. */
static void a_record_that_is_cut_off_is_one_dead_letter(void **state)
{
    (void)state;
    expect_text("{\"id\":\"a\"}\n{\"id\":\"b\",\"l\":[\n  {\"id\":\"n\"}\n",
                "0+10 " ITEM_A "11+28 malformed-json\n");
    expect_text("{\"m\":\n{\"id\":\"n\"}", "0+16 malformed-json\n");
    expect_text("[{\"m\":\n{\"id\":\"n\"}", "1+16 malformed-json\n17+0 malformed-json\n");
}

static void a_bracket_that_is_damage_opens_no_array(void **state)
{
    (void)state;
    expect_text("{\"id\":\"a\"}[{\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n",
                "0+10 " ITEM_A "11+1 malformed-json\n13+10 " ITEM_B "24+10 " ITEM_C
                "35+0 malformed-json\n");
    expect_text("[{\n{\"id\":\"b\"}\n", "1+1 malformed-json\n3+10 " ITEM_B "14+0 malformed-json\n");
}

static void an_array_that_is_cut_off_is_reported(void **state)
{
    (void)state;
    expect_text("[", "1+0 malformed-json\n");
    expect_text("[{\"id\":\"a\"}", "1+10 " ITEM_A "11+0 malformed-json\n");
    expect_text("[{\"id\":\"a\"},{\"id",
                "1+10 " ITEM_A "12+4 malformed-json\n16+0 malformed-json\n");
}

static void an_array_may_be_as_long_as_it_likes(void **state)
{
    struct text text = {0};
    struct form_outcome outcome;
    char element[64];

    (void)state;
    add(&text, "[");
    for (int i = 0; text.size < 100 * FORM_MAX_RECORD; i++) {
        snprintf(element, sizeof element, "%s{\"id\":\"%d\"}", i == 0 ? "" : ",\n", i);
        add(&text, element);
    }
    add(&text, "]");
    outcome = read_form_any_way(text.bytes, text.size);
    assert_int_equal(outcome.dead, 0);
    assert_true(outcome.items > 10000);
    free(outcome.told.bytes);
    free(text.bytes);
}

/* ---- delimiters between JSON ---- */

static void a_delimiter_may_stand_between_records(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } delimiters[] = {{BYTES("|")},
                      {BYTES("\0")},
                      {BYTES("\x1e")},
                      {BYTES("--\n")},
                      {BYTES("\n--\n")},
                      {BYTES("\n\n")},
                      {BYTES("\r\n==\r\n")},
                      {BYTES(" ; ")},
                      {BYTES(",")},
                      {BYTES("a{")},
                      {BYTES("0123456789abcdef")}};

    (void)state;
    for (size_t i = 0; i < COUNT(delimiters); i++) {
        const size_t size = delimiters[i].size;
        struct text text = {0};
        char expected[200];

        delimit_with(delimiters[i].bytes, size);
        add(&text, "{\"id\":\"a\"}");
        add_bytes(&text, delimiters[i].bytes, size);
        add(&text, "\n{\"id\":\"b\"}\n \n");
        add_bytes(&text, delimiters[i].bytes, size);
        add_bytes(&text, delimiters[i].bytes, size);
        add(&text, "{\"id\":\"c\"}");
        add_bytes(&text, delimiters[i].bytes, size);
        snprintf(expected, sizeof expected, "0+10 %s%zu+10 %s%zu+10 %s", ITEM_A, 11 + size, ITEM_B,
                 24 + 3 * size, ITEM_C);
        expect_form(text.bytes, text.size, expected);
        free(text.bytes);
    }
}

static void a_delimiter_inside_a_string_is_none(void **state)
{
    (void)state;
    delimit_with("|", 1);
    expect_text("{\"id\":\"|{|\"}|{\"id\":\"b\"}|", "0+12 put {\"id\":{\"S\":\"|{|\"}}\n"
                                                    "13+10 " ITEM_B);
    delimit_with("}{", 2);
    expect_text("{\"id\":\"}{\"}}{{\"id\":\"b\"}", "0+11 put {\"id\":{\"S\":\"}{\"}}\n"
                                                   "13+10 " ITEM_B);
}

static void a_part_of_a_delimiter_at_the_end_is_told(void **state)
{
    (void)state;
    delimit_with("--", 2);
    expect_text("{\"id\":\"a\"}-", "0+10 " ITEM_A "10+1 not-an-object\n");
    delimit_with("\n--\n", 4);
    expect_text("{\"id\":\"a\"}\n", "0+10 " ITEM_A);
    expect_text("{\"id\":\"a\"}\n--", "0+10 " ITEM_A "11+2 not-an-object\n");
}

static void a_delimiter_that_no_string_holds_is_a_second_chance_as_a_newline_is(void **state)
{
    (void)state;
    delimit_with("\x1e", 1);
    expect_text("{\"id\":\"a\x1e{\"id\":\"b\"}\x1e{\"id\":\"c\"}",
                "0+9 malformed-json\n9+10 " ITEM_B "20+10 " ITEM_C);
    delimit_with("\0", 1);
    expect_form(BYTES("{\"id\":{\"x\0{\"id\":\"b\"}\0{\"id\":\"c\"}"),
                "0+10 malformed-json\n10+10 " ITEM_B "21+10 " ITEM_C);
    delimit_with("==\x1f==\x1f", 6);
    expect_text("{\"id\":\"a===\x1f==\x1f{\"id\":\"b\"}", "0+15 malformed-json\n15+10 " ITEM_B);
    /* A string of the damaged record may hold this one. */
    delimit_with("|", 1);
    expect_text("{\"id\":x,\"m\":\"|{}|\"}|{\"id\":\"b\"}", "0+20 malformed-json\n20+10 " ITEM_B);
}

/* ---- any bytes at all ---- */

/* Random mixtures of what records are made of: however they are fed, the outcome is the same. */
static void the_same_bytes_give_the_same_records_in_every_form(void **state)
{
    static const char *const parts[] = {
        "{\"id\":\"a\"}",
        "\n{\"id\":\"b\"}\n",
        "{\"Item\":{\"id\":{\"S\":\"a\"}}}",
        "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[",
        "{\"rawData\":\"eyJpZCI6ImEifQ==\"}",
        "{\"id\":",
        "\n",
        "\n  ",
        "\r",
        "\"",
        "{",
        "}",
        "[",
        "]",
        "]}",
        ",",
        "\\",
        " ",
        "\x1e",
        "=",
        "\xff",
        "1",
        "\t",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "                                        ",
    };
    static const char *const delimiters[] = {"", "\x1e", "=\n=", "  ", "=="};
    unsigned random = 1;

    (void)state;
    for (unsigned i = 0; i < 3600; i++) {
        const char *delimiter = delimiters[i / 9 % COUNT(delimiters)];
        struct text text = {0};
        struct form_outcome outcome;

        read_as((enum fb_format)(i % FB_FORMAT_COUNT));
        form_max_record_size = 16 + i % 80;
        delimit_with(delimiter, strlen(delimiter));
        add(&text, "");
        for (unsigned k = 0; k < 1 + i / 40; k++) {
            random = random * 1103515245 + 12345;
            add(&text, parts[(random >> 16) % COUNT(parts)]);
        }
        outcome = read_form_any_way(text.bytes, text.size);
        free(outcome.told.bytes);
        free(text.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_format_has_a_name, as_auto),
        cmocka_unit_test_setup(auto_takes_the_form_of_the_first_record, as_auto),
        cmocka_unit_test_setup(each_object_has_its_own_form, as_auto),
        cmocka_unit_test_setup(an_object_that_is_left_in_the_middle_leaves_nothing_behind, as_auto),
        cmocka_unit_test_setup(an_array_is_its_elements_in_every_form_of_json, as_auto),
        cmocka_unit_test_setup(an_element_that_is_none_costs_itself_alone, as_auto),
        cmocka_unit_test_setup(a_record_that_is_cut_off_is_one_dead_letter, as_auto),
        cmocka_unit_test_setup(a_bracket_that_is_damage_opens_no_array, as_auto),
        cmocka_unit_test_setup(an_array_that_is_cut_off_is_reported, as_auto),
        cmocka_unit_test_setup(an_array_may_be_as_long_as_it_likes, as_auto),
        cmocka_unit_test_setup(a_delimiter_may_stand_between_records, as_auto),
        cmocka_unit_test_setup(a_delimiter_inside_a_string_is_none, as_auto),
        cmocka_unit_test_setup(a_part_of_a_delimiter_at_the_end_is_told, as_auto),
        cmocka_unit_test_setup(a_delimiter_that_no_string_holds_is_a_second_chance_as_a_newline_is,
                               as_auto),
        cmocka_unit_test(the_same_bytes_give_the_same_records_in_every_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
