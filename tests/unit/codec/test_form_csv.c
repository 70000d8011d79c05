/* SPDX-License-Identifier: Apache-2.0 */
#include "form_feed.h"

static const char *const id_v[] = {"id", "v"};

static void columns_are(const char *const *names, size_t count)
{
    form.columns = names;
    form.column_count = count;
}

static int as_csv(void **state)
{
    (void)state;
    read_as(FB_FORMAT_CSV);
    return 0;
}

static void the_first_line_names_the_columns(void **state)
{
    (void)state;
    expect_text("id,v\na,1\nb,2\n", "5+3 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1\"}}\n"
                                    "9+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n"
                                    "passed over 1\n");
    expect_text("", "");
    expect_text("id,v", "passed over 1\n");
    expect_text("\xef\xbb\xbfid,v\na,1", "8+3 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1\"}}\n"
                                         "passed over 1\n");
    expect_text("\"id\",\"the \"\"v\"\"\"\na,1\n",
                "17+3 put {\"id\":{\"S\":\"a\"},\"the \\\"v\\\"\":{\"S\":\"1\"}}\n"
                "passed over 1\n");
}

static void a_head_that_comes_again_is_passed_over(void **state)
{
    (void)state;
    expect_text("id,v\na,1\nid,v\nb,2\n", "5+3 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1\"}}\n"
                                          "14+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n"
                                          "passed over 2\n");
}

static void the_conf_names_the_columns_and_the_first_line_is_a_row(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    expect_text("id,v\na,1\n", "0+4 put {\"id\":{\"S\":\"id\"},\"v\":{\"S\":\"v\"}}\n"
                               "5+3 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1\"}}\n");
}

static void lines_end_with_or_without_a_carriage_return(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    expect_text("a,1\r\n\r\n\n\"b\",\"2\"\r\nc,3\r\n",
                "0+3 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1\"}}\n"
                "8+7 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n"
                "17+3 put {\"id\":{\"S\":\"c\"},\"v\":{\"S\":\"3\"}}\n");
}

static void quotes_hold_separators_newlines_and_doubled_quotes(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    expect_text(
        "\"a,\n\"\"b\"\"\r\n\",\"\"\nb, 2 \n",
        "0+15 put {\"id\":{\"S\":\"a,\\u000a\\\"b\\\"\\u000d\\u000a\"},\"v\":{\"S\":\"\"}}\n"
        "16+5 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\" 2 \"}}\n");
    expect_text("\"\"\"\",\"\"\"\"\"\"\n",
                "0+11 put {\"id\":{\"S\":\"\\\"\"},\"v\":{\"S\":\"\\\"\\\"\"}}\n");
}

static void every_byte_of_a_field_stays(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    expect_form(
        BYTES("a,\0\t\\/\x7f\xc3\xa9\n"),
        "0+9 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"\\u0000\\u0009\\\\/\x7f\xc3\xa9\"}}\n");
    expect_dead("a,\xff", FB_DEAD_INVALID_UTF8, "of the JSON that it becomes");
    expect_text("a,\xff\nb,2\n", "0+3 invalid-utf8\n"
                                 "4+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n");
}

static void a_row_with_another_number_of_fields_is_a_dead_letter(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    expect_text("a\nb,1,2\nc,3\n\"d\"\n,\n", "0+1 malformed-row\n"
                                             "2+5 malformed-row\n"
                                             "8+3 put {\"id\":{\"S\":\"c\"},\"v\":{\"S\":\"3\"}}\n"
                                             "12+3 malformed-row\n"
                                             "16+1 key-empty\n");
    expect_dead("b,1,2", FB_DEAD_MALFORMED_ROW, "3 fields, where there are 2 columns");
}

static void a_misplaced_quote_costs_its_line_alone(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    expect_text("a,x\"y\nb,2\n", "0+5 malformed-row\n"
                                 "6+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n");
    expect_text("a,\"x\"y\r\nb,2\n", "0+6 malformed-row\n"
                                     "8+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n");
    expect_text("a,\"x\" \nb,2\n", "0+6 malformed-row\n"
                                   "7+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n");
    expect_text("a,\"x\"\ry\nb,2\n", "0+7 malformed-row\n"
                                     "8+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n");
    /* Behind the error quotes mean nothing any more. */
    expect_text("a,\"x\"y,\"z\nb,2\n", "0+9 malformed-row\n"
                                       "10+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n");
}

static void a_quote_that_is_never_closed_takes_the_rest(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    expect_text("a,1\nb,\"2\nc,3\n", "0+3 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1\"}}\n"
                                     "4+9 malformed-row\n");
    expect_dead("b,\"2\nc,3\n", FB_DEAD_MALFORMED_ROW, "never closed");
    expect_text("\"", "0+1 malformed-row\n");
}

static void numbers_are_numbers_where_the_conf_says_so(void **state)
{
    static const char *const numbers[] = {"v"};

    (void)state;
    columns_are(id_v, 2);
    form.number_columns = numbers;
    form.number_column_count = 1;
    expect_text("a,1.50\nb, -7 \nc,\nd,\"1e3\"\n",
                "0+6 put {\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"1.50\"}}\n"
                "7+6 put {\"id\":{\"S\":\"b\"},\"v\":{\"N\":\"-7\"}}\n"
                "14+2 put {\"id\":{\"S\":\"c\"}}\n"
                "17+7 put {\"id\":{\"S\":\"d\"},\"v\":{\"N\":\"1e3\"}}\n");
    expect_text("a,x\nb,007\nc,1 2\nd,0x1\ne,+1\nf,NaN\ng, \nh,1e999\n"
                "i,123456789012345678901234567890123456789\n",
                "0+3 malformed-row\n4+5 malformed-row\n10+5 malformed-row\n16+5 malformed-row\n"
                "22+4 malformed-row\n27+5 malformed-row\n33+3 malformed-row\n37+7 number-range\n"
                "45+41 number-precision\n");
    expect_dead("a,x", FB_DEAD_MALFORMED_ROW, "column v is no number");
}

static void a_number_may_be_the_key(void **state)
{
    static const char *const numbers[] = {"id"};

    (void)state;
    columns_are(id_v, 2);
    form.number_columns = numbers;
    form.number_column_count = 1;
    form_schema.attributes[0].type = FB_KEY_NUMBER;
    expect_text("7,x\n,x\n", "0+3 put {\"id\":{\"N\":\"7\"},\"v\":{\"S\":\"x\"}}\n"
                             "4+2 key-missing\n");
}

static void a_head_that_cannot_be_used_makes_every_row_a_dead_letter(void **state)
{
    static const char *const numbers[] = {"price"};

    (void)state;
    expect_text("id,\na,1\n", "0+3 malformed-row\n4+3 malformed-row\n");
    expect_dead("id,", FB_DEAD_MALFORMED_ROW, "a column without a name");
    expect_dead("id,v,id", FB_DEAD_MALFORMED_ROW, "names a column twice: id");
    form.number_columns = numbers;
    form.number_column_count = 1;
    expect_dead("id,v", FB_DEAD_MALFORMED_ROW, "lacks a column that `types` names");
}

/* Firehose writes no head: what looks like one is a record. */
static void a_first_line_without_the_tables_key_is_no_head(void **state)
{
    (void)state;
    expect_text("a,1\n", "0+3 malformed-row\n");
    expect_text("a,1\nb,2\na,1\n", "0+3 malformed-row\n4+3 malformed-row\n8+3 malformed-row\n");
    expect_dead("a,1", FB_DEAD_MALFORMED_ROW, "the head line lacks the table's key id");
    form_schema.attributes[1] = form_schema.attributes[0];
    form_schema.attributes[1].name[0] = 'a';
    form_schema.count = 2;
    expect_dead("v,id", FB_DEAD_MALFORMED_ROW, "the head line lacks the table's key ad");
    expect_text("ad,id\nx,y\n",
                "6+3 put {\"ad\":{\"S\":\"x\"},\"id\":{\"S\":\"y\"}}\npassed over 1\n");
}

static void an_object_whose_lines_end_with_returns_alone_is_not_all_head(void **state)
{
    (void)state;
    expect_dead("id,v\ra,1\rb,2\r", FB_DEAD_MALFORMED_ROW,
                "the head line has a carriage return inside");
    expect_text("id,\"v\r\n2\"\na,1\n",
                "10+3 put {\"id\":{\"S\":\"a\"},\"v\\u000d\\u000a2\":{\"S\":\"1\"}}\n"
                "passed over 1\n");
}

static void a_row_never_names_the_columns_for_a_head_that_is_lost(void **state)
{
    struct text text = {0};
    struct form_outcome outcome;

    (void)state;
    expect_text("i\"d,v\na,1\nb,2\n", "0+5 malformed-row\n6+3 malformed-row\n10+3 malformed-row\n");
    expect_text("\"id\"x,v\na,1\n", "0+7 malformed-row\n8+3 malformed-row\n");
    for (size_t over = 1; over < 40; over += 19) {
        text.size = 0;
        add(&text, "id,");
        add_times(&text, "v", FORM_MAX_RECORD - 3 + over);
        add(&text, "\na,1\nb,2\n");
        outcome = read_form_any_way(text.bytes, text.size);
        assert_int_equal(outcome.items, 0);
        assert_int_equal(outcome.dead, 3);
        assert_int_equal(outcome.last_reason, FB_DEAD_MALFORMED_ROW);
        free(outcome.told.bytes);
    }
    free(text.bytes);
}

/* A row of a given size, in whose quotes newlines, separators and quotes stand. */
static void add_row(struct text *text, size_t size)
{
    const size_t end = text->size + size;

    add(text, "a,\"");
    while (text->size + 10 < end)
        add(text, "x,\n\"\"b,9\n");
    while (text->size + 1 < end)
        add(text, "y");
    add(text, "\"");
}

static void an_over_long_row_is_one_dead_letter_up_to_its_own_end(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    for (size_t size = FORM_MAX_RECORD - 1; size < 3 * FORM_MAX_RECORD;
         size += size < FORM_MAX_RECORD + 40 ? 1 : 997) {
        struct text text = {0};
        struct form_outcome outcome;
        char behind[64];

        add_row(&text, size);
        add(&text, size % 2 == 0 ? "\n" : "\r\n");
        snprintf(behind, sizeof behind, "%zu+3 put", text.size);
        add(&text, "b,2\n");
        outcome = read_form_any_way(text.bytes, text.size);
        assert_int_equal(outcome.items + outcome.dead, 2);
        assert_non_null(strstr(outcome.told.bytes, behind));
        if (size > FORM_MAX_RECORD) {
            char expected[64];

            snprintf(expected, sizeof expected, "0+%zu record-too-large\n", size);
            assert_memory_equal(outcome.told.bytes, expected, strlen(expected));
        }
        free(outcome.told.bytes);
        free(text.bytes);
    }
}

static void a_small_max_record_size_keeps_no_more_than_itself(void **state)
{
    struct form_outcome outcome;

    (void)state;
    columns_are(id_v, 2);
    form_max_record_size = 40;
    outcome =
        read_form_any_way(BYTES("a,1234567890123456789012345678901234567890123456789\nb,2\n"));
    assert_string_equal(outcome.told.bytes,
                        "0+51 record-too-large\n"
                        "52+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n");
    free(outcome.told.bytes);
    outcome = read_form_any_way(BYTES("a,1234567890123456789012345678901234567890123456789\n"));
    assert_int_equal(outcome.last_text_size, 40);
    free(outcome.told.bytes);
}

static void a_row_may_have_any_number_of_fields(void **state)
{
    struct text text = {0};
    struct form_outcome outcome;

    (void)state;
    form_max_record_size = (size_t)1 << 20;
    add(&text, "id,v\n");
    add_times(&text, ",", 500000);
    outcome = read_form_any_way(text.bytes, text.size);
    assert_int_equal(outcome.last_reason, FB_DEAD_MALFORMED_ROW);
    assert_non_null(strstr(outcome.last_message, "500001 fields"));
    free(outcome.told.bytes);
    /* And so may a head, up to a limit. */
    for (size_t over = 0; over < 2; over++) {
        char name[32];

        text.size = 0;
        for (size_t i = 1; i < 4096 + over; i++) {
            snprintf(name, sizeof name, "c%zu,", i);
            add(&text, name);
        }
        add(&text, "id\n");
        add_times(&text, ",", 4095 + over);
        add(&text, "x\n");
        outcome = read_form_any_way(text.bytes, text.size);
        assert_int_equal(outcome.items, over == 0);
        free(outcome.told.bytes);
    }
    free(text.bytes);
}

static void another_delimiter_ends_a_row(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    delimit_with("||\n", 3);
    expect_text("a,1||\nb,\"x||\n\"||\nc,|\n|||\nd,4||",
                "0+3 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1\"}}\n"
                "6+8 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"x||\\u000a\"}}\n"
                "17+5 put {\"id\":{\"S\":\"c\"},\"v\":{\"S\":\"|\\u000a|\"}}\n"
                "25+5 put {\"id\":{\"S\":\"d\"},\"v\":{\"S\":\"4||\"}}\n");
    expect_text("a,x\"||\nb,2||\n", "0+4 malformed-row\n"
                                    "7+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n");
    delimit_with("\0", 1);
    expect_form(BYTES("a,1\0b,\"\0\"\0c,3"),
                "0+3 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1\"}}\n"
                "4+5 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"\\u0000\"}}\n"
                "10+3 put {\"id\":{\"S\":\"c\"},\"v\":{\"S\":\"3\"}}\n");
}

static void an_over_long_quoted_row_ends_with_a_delimiter_of_several_bytes(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    delimit_with("ab", 2);
    form_max_record_size = 24;
    expect_form(BYTES("\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"aby,2ab"),
                "0+56 record-too-large\n"
                "58+3 put {\"id\":{\"S\":\"y\"},\"v\":{\"S\":\"2\"}}\n");
}

static void another_separator_ends_a_field(void **state)
{
    (void)state;
    columns_are(id_v, 2);
    form.field_separator = ';';
    expect_text("a;1,5\n\"b;\";2\n", "0+5 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1,5\"}}\n"
                                     "6+6 put {\"id\":{\"S\":\"b;\"},\"v\":{\"S\":\"2\"}}\n");
}

static void tsv_knows_no_quotes(void **state)
{
    (void)state;
    read_as(FB_FORMAT_TSV);
    expect_text("id\tv\na\t\"1\nb\t2\"3,\r\nc\t\n",
                "5+4 put {\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"\\\"1\"}}\n"
                "10+6 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\\\"3,\"}}\n"
                "18+2 put {\"id\":{\"S\":\"c\"},\"v\":{\"S\":\"\"}}\n"
                "passed over 1\n");
}

static void an_over_long_line_of_tsv_ends_with_its_line(void **state)
{
    struct text text = {0};
    char expected[128];

    (void)state;
    read_as(FB_FORMAT_TSV);
    columns_are(id_v, 2);
    add(&text, "a\t\"");
    /* Blanks are bytes of a row as all others are. */
    add_times(&text, " ", 2 * FORM_MAX_RECORD);
    snprintf(expected, sizeof expected,
             "0+%zu record-too-large\n%zu+3 put {\"id\":{\"S\":\"b\"},\"v\":{\"S\":\"2\"}}\n",
             text.size, text.size + 1);
    add(&text, "\nb\t2\n");
    expect_form(text.bytes, text.size, expected);
    free(text.bytes);
}

/* Random mixtures of what rows are made of: however they are fed, the outcome is the same. */
static void the_same_bytes_give_the_same_rows_however_they_are_fed(void **state)
{
    static const char *const parts[] = {"a",    ",",    "\"",    "\n",  "\r",
                                        "\r\n", "\"\"", "b,2\n", "\xff"};
    unsigned random = 1;

    (void)state;
    columns_are(id_v, 2);
    form_max_record_size = 40;
    for (int i = 0; i < 2000; i++) {
        struct text text = {0};
        struct form_outcome outcome;

        add(&text, "");
        for (int k = 0; k < 1 + i / 10; k++) {
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
        cmocka_unit_test_setup(the_first_line_names_the_columns, as_csv),
        cmocka_unit_test_setup(a_head_that_comes_again_is_passed_over, as_csv),
        cmocka_unit_test_setup(the_conf_names_the_columns_and_the_first_line_is_a_row, as_csv),
        cmocka_unit_test_setup(lines_end_with_or_without_a_carriage_return, as_csv),
        cmocka_unit_test_setup(quotes_hold_separators_newlines_and_doubled_quotes, as_csv),
        cmocka_unit_test_setup(every_byte_of_a_field_stays, as_csv),
        cmocka_unit_test_setup(a_row_with_another_number_of_fields_is_a_dead_letter, as_csv),
        cmocka_unit_test_setup(a_misplaced_quote_costs_its_line_alone, as_csv),
        cmocka_unit_test_setup(a_quote_that_is_never_closed_takes_the_rest, as_csv),
        cmocka_unit_test_setup(numbers_are_numbers_where_the_conf_says_so, as_csv),
        cmocka_unit_test_setup(a_number_may_be_the_key, as_csv),
        cmocka_unit_test_setup(a_head_that_cannot_be_used_makes_every_row_a_dead_letter, as_csv),
        cmocka_unit_test_setup(a_first_line_without_the_tables_key_is_no_head, as_csv),
        cmocka_unit_test_setup(an_object_whose_lines_end_with_returns_alone_is_not_all_head,
                               as_csv),
        cmocka_unit_test_setup(a_row_never_names_the_columns_for_a_head_that_is_lost, as_csv),
        cmocka_unit_test_setup(an_over_long_row_is_one_dead_letter_up_to_its_own_end, as_csv),
        cmocka_unit_test_setup(a_small_max_record_size_keeps_no_more_than_itself, as_csv),
        cmocka_unit_test_setup(a_row_may_have_any_number_of_fields, as_csv),
        cmocka_unit_test_setup(another_delimiter_ends_a_row, as_csv),
        cmocka_unit_test_setup(an_over_long_quoted_row_ends_with_a_delimiter_of_several_bytes,
                               as_csv),
        cmocka_unit_test_setup(another_separator_ends_a_field, as_csv),
        cmocka_unit_test_setup(tsv_knows_no_quotes, as_csv),
        cmocka_unit_test_setup(an_over_long_line_of_tsv_ends_with_its_line, as_csv),
        cmocka_unit_test_setup(the_same_bytes_give_the_same_rows_however_they_are_fed, as_csv),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
