/* SPDX-License-Identifier: Apache-2.0 */
#include "cutting.h"

static void records_are_cut_whatever_stands_between_them(void **state)
{
    (void)state;
    expect("", "");
    expect(" \r\n\t\n", "");
    expect("{\"id\":\"a\"}", "0+10 ");
    expect("{\"id\":\"a\"}{\"id\":\"b\"}", "0+10 10+10 ");
    expect("{\"id\":\"a\"}\n{\"id\":\"b\"}\n", "0+10 11+10 ");
    expect("\n\n{\"id\":\"a\"}\r\n\r\n  {\"id\":\"b\"}{\"id\":\"c\"}\n\n", "2+10 18+10 28+10 ");
    expect("{\n \"id\" : \"a\"\n}\n{\"id\":\"b\"}", "0+15 16+10 ");
}

static void a_byte_order_mark_is_passed_over_at_the_first_byte_only(void **state)
{
    (void)state;
    expect("\xef\xbb\xbf{\"id\":\"a\"}", "3+10 ");
    expect("\xef\xbb\xbf", "");
    expect("\xef\xbb", "0+2(malformed-json) ");
    expect("{\"id\":\"a\"}\xef\xbb\xbf{\"id\":\"b\"}", "0+10 10+3(malformed-json) 13+10 ");
}

static void a_bad_record_ends_where_its_brackets_do(void **state)
{
    (void)state;
    expect("{\"id\":\"a\",}{\"id\":\"b\"}", "0+11(malformed-json) 11+10 ");
    expect("{\"id\":\"a\" {\"id\":\"b\"}}{\"id\":\"c\"}", "0+21(malformed-json) 21+10 ");
    expect("{\"id\":x\"}{\"}{\"id\":\"b\"}", "0+12(malformed-json) 12+10 ");
    expect("{\"id\":x\"\\\"{\"}{\"id\":\"b\"}", "0+13(malformed-json) 13+10 ");
}

static void an_array_is_its_elements(void **state)
{
    (void)state;
    expect("[]", "");
    expect(" [ ] [\n] {\"id\":\"a\"}", "9+10 ");
    expect("[{\"id\":\"a\"},{\"id\":\"b\"}]", "1+10 12+10 ");
    expect("\xef\xbb\xbf[\n{\"id\":\"a\"},\n{\"id\":\"b\"}\n]\n{\"id\":\"c\"}[{\"id\":\"d\"}]",
           "5+10 17+10 30+10 41+10 ");
    expect("[{\"id\":\"a\"},5,\"x\",[{\"id\":\"b\"}],null ,{\"id\":\"c\"}]",
           "1+10 12+1(not-an-object) 14+3(not-an-object) 18+12(not-an-object) "
           "31+4(not-an-object) 37+10 ");
    expect("[{\"id\":\"a\"}", "1+10 11+0(malformed-json) ");
    expect("[{\"id\":\"a\"},{\"id\"", "1+10 12+5(malformed-json) 17+0(malformed-json) ");
    expect("[\n{\"id\":\"a\"}  \n :", "2+10 16+1(malformed-json) 17+0(malformed-json) ");
    /* The bracket behind the bad element closes the array. */
    expect("[{\"id\":\"a\"}, x]{\"id\":\"b\"}, ", "1+10 13+2(malformed-json) 15+10 "
                                                  "25+1(malformed-json) ");
}

static void a_broken_limit_ends_where_the_record_does(void **state)
{
    (void)state;
    expect("{\"id\":\"a\",\"n\":[1E400,{}]}{\"id\":\"b\"}", "0+25(number-range) 25+10 ");
    expect("{\"id\":\"\xff\"}{\"id\":\"b\"}", "0+10(invalid-utf8) 10+10 ");
    expect("{\"x\":1}{\"id\":\"b\"}", "0+7(key-missing) 7+10 ");
}

static void a_truncated_last_record_is_malformed(void **state)
{
    (void)state;
    expect("{\"id\":\"a\"}{\"id\":", "0+10 10+6(malformed-json) ");
    expect("{", "0+1(malformed-json) ");
    expect("{\"id\":\"a", "0+8(malformed-json) ");
    expect("{\"id\":1 \n\n", "0+7(malformed-json) ");
}

static void a_record_has_max_record_size_to_the_byte(void **state)
{
    struct text text = {0};
    struct too_large first;

    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        text.size = 0;
        first = (struct too_large){0};
        add(&text, "{\"id\":\"a\",\"v\":\"");
        add_times(&text, "x", MAX_RECORD - text.size - 2 + extra);
        add(&text, "\"}{\"id\":\"b\"}");
        fb_record_reader_begin(reader);
        feed(reader, text.bytes, text.size, 4096, keep_first, &first);
        assert_int_equal(first.count, 2);
        assert_int_equal(first.size, MAX_RECORD + extra);
        assert_int_equal(first.reason, extra == 0 ? FB_DEAD_NONE : FB_DEAD_RECORD_TOO_LARGE);
        assert_int_equal(first.text_size, extra == 0 ? MAX_RECORD : 4096);
        expect_same_in_pieces(text.bytes, text.size);
    }
    free(text.bytes);
}

static void a_line_of_16_mb_is_one_dead_letter_in_constant_memory(void **state)
{
    const size_t line_size = (size_t)16 << 20;
    struct text begin = {0};
    struct text middle = {0};
    struct text end = {0};
    struct too_large first = {0};
    struct fb_record record;
    size_t largest = 0;

    (void)state;
    add(&begin, "{\"v\":\"");
    add_times(&begin, "x", 4096 - begin.size);
    add_times(&middle, "x", 4096);
    add(&end, "\"}{\"id\":\"b\"}\n");
    fb_record_reader_begin(reader);
    for (size_t fed = 0; fed <= line_size; fed += 4096) {
        const struct text *piece = fed == 0 ? &begin : fed < line_size ? &middle : &end;
        size_t room = 0;
        char *space = NULL;

        assert_int_equal(fb_record_reader_space(reader, &space, &room, NULL), FB_OK);
        assert_true(room >= piece->size);
        largest = room > largest ? room : largest;
        memcpy(space, piece->bytes, piece->size);
        fb_record_reader_wrote(reader, piece->size);
        while (fb_record_reader_next(reader, &record) == FB_OK)
            keep_first(&record, &first);
    }
    fb_record_reader_finish(reader);
    while (fb_record_reader_next(reader, &record) == FB_OK)
        keep_first(&record, &first);
    assert_int_equal(first.count, 2);
    assert_int_equal(first.offset, 0);
    assert_int_equal(first.size, line_size + 2);
    assert_int_equal(first.text_size, 4096);
    assert_int_equal(first.reason, FB_DEAD_RECORD_TOO_LARGE);
    assert_true(largest <= 4 * MAX_RECORD);
    free(begin.bytes);
    free(middle.bytes);
    free(end.bytes);
}

/* Of Firehose's errors a record may be larger: its rawData is coded. */
static void
before_its_first_record_tells_the_form_a_reader_waits_only_for_what_may_be_larger(void **state)
{
    static const struct {
        const char *begin;
        enum fb_dead_reason reason;
    } cases[] = {
        {"{\"errorCode\":\"X\",\"rawData\":\"", FB_DEAD_MALFORMED},
        {"{\"errorCode\":\"X\",\"anyData\":\"", FB_DEAD_RECORD_TOO_LARGE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text text = {0};
        struct too_large first = {0};

        add(&text, cases[i].begin);
        add_times(&text, "eHh4", MAX_RECORD / 4);
        add(&text, "\"}");
        fb_record_reader_begin(reader);
        feed(reader, text.bytes, text.size, 1000, keep_first, &first);
        assert_int_equal(first.count, 1);
        assert_int_equal(first.reason, cases[i].reason);
        expect_same_in_pieces(text.bytes, text.size);
        free(text.bytes);
    }
}

static void a_region_of_just_max_record_size_keeps_its_text_over_any_blanks(void **state)
{
    struct text text = {0};
    struct too_large first = {0};

    (void)state;
    add_times(&text, "x", MAX_RECORD);
    add_times(&text, "\n ", MAX_RECORD * 2);
    add(&text, "{\"id\":\"b\"}");
    fb_record_reader_begin(reader);
    feed(reader, text.bytes, text.size, 1000, keep_first, &first);
    assert_int_equal(first.count, 2);
    assert_int_equal(first.size, MAX_RECORD);
    assert_int_equal(first.text_size, MAX_RECORD);
    free(text.bytes);
}

static void a_reader_goes_from_object_to_object(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        expect("{\"id\":\"unfinished", "0+17(malformed-json) ");
        expect("{\"id\":\"a\"}", "0+10 ");
    }
}

static void a_wrong_schema_or_size_is_refused(void **state)
{
    struct fb_key_schema schema = id_schema();
    struct fb_record_reader *none = NULL;
    struct fb_error error = {0};

    (void)state;
    assert_int_equal(fb_record_reader_new(&(struct fb_record_reader_options){.schema = &schema,
                                                                             .hash_seed = 0,
                                                                             .max_record_size = 1},
                                          &none, &error),
                     FB_INVALID);
    schema.count = 3;
    assert_int_equal(fb_record_reader_new(
                         &(struct fb_record_reader_options){
                             .schema = &schema, .hash_seed = 0, .max_record_size = 100},
                         &none, &error),
                     FB_INVALID);
    assert_null(none);
    assert_string_equal(fb_dead_reason_name(FB_DEAD_REJECTED), "rejected");
    assert_string_equal(fb_dead_reason_name(FB_DEAD_MALFORMED), "malformed-json");
}

/* Random mixtures of pieces of records: however they are fed, the outcome is the same. */
static void the_same_bytes_give_the_same_records_however_they_are_fed(void **state)
{
    static const char *const parts[] = {"{\"id\":\"a\"}",
                                        "{\"id\":",
                                        "\n",
                                        "\"",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        "\\",
                                        " ",
                                        "\xc3\xa9",
                                        "\xff",
                                        "1",
                                        "{\"id\":\"b\",\"n\":{\"x\":[1,2,{\"y\":\"z\"}]}}",
                                        "\n{\"id\":\"c\"}\n",
                                        "{\"id\":\"\\ud800\"}",
                                        "tru",
                                        "e5",
                                        "{\"n\":1E999}"};
    unsigned random = 1;

    (void)state;
    for (int i = 0; i < 400; i++) {
        struct text text = {0};

        add(&text, "");
        for (int k = 0; k < 1 + i / 8; k++) {
            random = random * 1103515245 + 12345;
            add(&text, parts[(random >> 16) % COUNT(parts)]);
        }
        expect_same_in_pieces(text.bytes, text.size);
        free(text.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_cut_whatever_stands_between_them),
        cmocka_unit_test(a_byte_order_mark_is_passed_over_at_the_first_byte_only),
        cmocka_unit_test(a_bad_record_ends_where_its_brackets_do),
        cmocka_unit_test(an_array_is_its_elements),
        cmocka_unit_test(a_broken_limit_ends_where_the_record_does),
        cmocka_unit_test(a_truncated_last_record_is_malformed),
        cmocka_unit_test(a_record_has_max_record_size_to_the_byte),
        cmocka_unit_test(a_line_of_16_mb_is_one_dead_letter_in_constant_memory),
        cmocka_unit_test(
            before_its_first_record_tells_the_form_a_reader_waits_only_for_what_may_be_larger),
        cmocka_unit_test(a_region_of_just_max_record_size_keeps_its_text_over_any_blanks),
        cmocka_unit_test(a_reader_goes_from_object_to_object),
        cmocka_unit_test(a_wrong_schema_or_size_is_refused),
        cmocka_unit_test(the_same_bytes_give_the_same_records_however_they_are_fed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
