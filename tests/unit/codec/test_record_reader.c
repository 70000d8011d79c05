/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include <time.h>

#define MAX_RECORD ((size_t)1 << 16)

static struct fb_record_reader *reader;

static int set_up(void **state)
{
    const struct fb_key_schema schema = id_schema();

    (void)state;
    return fb_record_reader_new(&(struct fb_record_reader_options){.schema = &schema,
                                                                   .hash_seed = 7,
                                                                   .max_record_size = MAX_RECORD},
                                &reader, NULL) == FB_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fb_record_reader_free(reader);
    return 0;
}

static void keep(const struct fb_record *record, void *userdata)
{
    describe(userdata, record);
}

/* The place of each record and, in brackets, its reason unless it is an item. */
static void keep_shape(const struct fb_record *record, void *userdata)
{
    struct text *shape = userdata;
    char line[128];

    snprintf(line, sizeof line, "%llu+%llu", (unsigned long long)record->offset_bytes,
             (unsigned long long)record->size_bytes);
    add(shape, line);
    if (record->reason != FB_DEAD_NONE) {
        snprintf(line, sizeof line, "(%s)", fb_dead_reason_name(record->reason));
        add(shape, line);
    }
    add(shape, " ");
}

static void expect_same_in_pieces(const char *bytes, size_t size)
{
    static const size_t pieces[] = {1, 2, 3, 7, 4096};
    struct text whole = {0};

    fb_record_reader_begin(reader);
    add(&whole, "");
    feed(reader, bytes, size, size + 1, keep, &whole);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct text split = {0};

        fb_record_reader_begin(reader);
        add(&split, "");
        feed(reader, bytes, size, pieces[i], keep, &split);
        assert_int_equal(split.size, whole.size);
        assert_memory_equal(split.bytes, whole.bytes, whole.size);
        free(split.bytes);
    }
    free(whole.bytes);
}

static void expect_bytes(const char *bytes, size_t size, const char *shape)
{
    struct text found = {0};

    fb_record_reader_begin(reader);
    add(&found, "");
    feed(reader, bytes, size, size + 1, keep_shape, &found);
    assert_string_equal(found.bytes, shape);
    free(found.bytes);
    expect_same_in_pieces(bytes, size);
}

static void expect(const char *bytes, const char *shape)
{
    expect_bytes(bytes, strlen(bytes), shape);
}

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

static void an_unclosed_record_does_not_swallow_the_next_line(void **state)
{
    (void)state;
    expect("{\"id\":\"a\n{\"id\":\"b\"}\n", "0+8(malformed-json) 9+10 ");
    expect("{\"id\":{\"x\":1\n{\"id\":\"b\"}\n{\"id\":\"c\"}", "0+12(malformed-json) 13+10 24+10 ");
    expect(" \t{\"id\":[1\r\n \t{\"id\":\"b\"}", "2+8(malformed-json) 14+10 ");
    expect("{\"id\":\"a\\\n{\"id\":\"b\"}\n", "0+9(malformed-json) 10+10 ");
    /* Two in a row. */
    expect("{\"id\":\"a\n{\"id\":\"b\n{\"id\":\"c\"}", "0+17(malformed-json) 18+10 ");
}

static void a_nested_object_of_a_bad_record_is_never_a_record(void **state)
{
    (void)state;
    expect("{\"l\":[\n{\"id\":\"a\"},\n{\"id\":\"b\"}\n],}\n{\"id\":\"c\"}",
           "0+33(malformed-json) 34+10 ");
    expect("{\"m\":\n{\"id\":\"a\"}\n,}{\"id\":\"c\"}", "0+19(malformed-json) 19+10 ");
    expect("1\n[{\"id\":\"a\"},\n{\"id\":\"b\"}\n]\n{\"id\":\"c\"}", "0+27(not-an-object) 28+10 ");
}

static void what_stands_deeper_than_a_bad_record_is_never_a_record(void **state)
{
    (void)state;
    /* Cut behind a nested object. */
    expect("{\n \"id\": \"a\",\n \"l\": [\n  {\"id\": \"n\"}\n{\n \"id\": \"b\"\n}\n",
           "0+35(malformed-json) 36+14 ");
    /* A comma is missing behind it. */
    expect("{\n \"l\": [\n  {\"id\": \"n\"}\n  x\n ]\n}\n{\"id\":\"b\"}",
           "0+32(malformed-json) 33+10 ");
    /* The bad one does not begin a line. */
    expect("{\"id\":\"a\"}{\"l\":[\n  {\"id\":\"n\"}\n{\"id\":\"b\"}",
           "0+10 10+19(malformed-json) 30+10 ");
    expect("{\"id\":[1\r\n \t{\"id\":\"n\"}", "0+22(malformed-json) ");
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

static void a_bad_element_hides_only_what_may_be_its_own(void **state)
{
    (void)state;
    expect("[{\"id\":1 2,\"l\":[{\"id\":\"n\"}]},{\"id\":\"a\"}]", "1+27(malformed-json) 29+10 ");
    /* An open string: the next line with the same indent is the next element. */
    expect("[\n {\"id\":\"x},\n {\"id\":\"a\"},\n {\"id\":\"b\"}\n]", "3+9(malformed-json) 15+10 "
                                                                      "28+10 ");
    /* One that stands deeper may be a part of it. */
    expect("[\n {\"id\":\"x,\"l\":[\n  {\"id\":\"n\"},\n  {\"id\":\"n\"}]},\n {\"id\":\"b\"}\n]",
           "3+43(malformed-json) 49+10 ");
}

static void what_is_no_object_is_a_dead_letter_up_to_the_next_record(void **state)
{
    (void)state;
    expect("1{\"id\":\"a\"}", "0+1(not-an-object) 1+10 ");
    expect("\"{\"{\"id\":\"a\"}", "0+3(not-an-object) 3+10 ");
    expect("null\n-1\n{\"id\":\"a\"}", "0+7(not-an-object) 8+10 ");
    expect("<html>\n{\"id\":\"a\"}", "0+6(malformed-json) 7+10 ");
    expect("{\"id\":\"a\"},{\"id\":\"b\"}", "0+10 10+1(malformed-json) 11+10 ");
    expect("}}{\"id\":\"a\"}", "0+2(malformed-json) 2+10 ");
    expect_bytes("\0\0{\"id\":\"a\"}\0", 13, "0+2(malformed-json) 2+10 12+1(malformed-json) ");
    expect_bytes("{\"id\":\"\0\"}{\"id\":\"b\"}", 20, "0+10(malformed-json) 10+10 ");
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

struct too_large {
    uint64_t offset;
    uint64_t size;
    size_t text_size;
    enum fb_dead_reason reason;
    size_t count;
};

static void keep_first(const struct fb_record *record, void *userdata)
{
    struct too_large *first = userdata;

    if (first->count++ == 0)
        *first = (struct too_large){record->offset_bytes, record->size_bytes, record->text_size,
                                    record->reason, 1};
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

static void an_over_long_record_hides_no_nested_object_as_a_record(void **state)
{
    struct text text = {0};
    struct text found = {0};
    char expected[128];

    (void)state;
    add(&text, "{\"l\":[\n");
    while (text.size < 3 * MAX_RECORD)
        add(&text, "{\"id\":\"a\"}\n,\n");
    add(&text, "{\"id\":\"a\"}\n]}");
    snprintf(expected, sizeof expected, "0+%zu(record-too-large) %zu+10 ", text.size, text.size);
    add(&text, "{\"id\":\"b\"}");
    expect_bytes(text.bytes, text.size, expected);
    free(text.bytes);
    free(found.bytes);
}

/* What follows the nested object is beyond what is looked at. */
static void a_nested_object_of_just_max_record_size_is_never_a_record(void **state)
{
    struct text text = {0};
    char expected[128];
    size_t nested;

    (void)state;
    add(&text, "{\"v\":\"");
    add_times(&text, "x", MAX_RECORD / 2);
    add(&text, "\",\"l\":[\n");
    nested = text.size;
    add(&text, "{\"id\":\"");
    add_times(&text, "x", nested + MAX_RECORD - 2 - text.size);
    add(&text, "\"}\n]}");
    snprintf(expected, sizeof expected, "0+%zu(record-too-large) %zu+10 ", text.size, text.size);
    add(&text, "{\"id\":\"b\"}");
    expect_bytes(text.bytes, text.size, expected);
    free(text.bytes);
}

/* Each line looks like a record up to the end: were all tried, the work would be quadratic. */
static void looking_for_records_stays_linear_on_hostile_lines(void **state)
{
    struct text text = {0};
    struct too_large first = {0};
    struct timespec begin;
    struct timespec end;

    (void)state;
    add_times(&text, "{\"a\":\n", ((size_t)8 << 20) / 6);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    fb_record_reader_begin(reader);
    feed(reader, text.bytes, text.size, 65536, keep_first, &first);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    assert_int_equal(first.count, 1);
    assert_int_equal(first.size, text.size - 1);
    /* 8 MB take some 0.1 s; were every line tried, it would be half an hour. */
    assert_true(end.tv_sec - begin.tv_sec < 30);
    free(text.bytes);
}

static void count_one(const struct fb_record *record, void *userdata)
{
    size_t *count = userdata;

    (void)record;
    (*count)++;
}

/* Every other line may be an element of the array, and behind each comes what is parsed in vain. */
static void parses_in_vain_stay_linear_on_hostile_elements(void **state)
{
    static const char *const lines[] = {"{\"a\":[\n{\"id\":\"x\"},\n", "[\n{\"id\":\"x\"},\n",
                                        "{\"messageType\":[\n{\"\xff\":1},\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct text text = {0};
        size_t count = 0;

        add(&text, "[\n");
        add_times(&text, lines[i], ((size_t)2 << 20) / strlen(lines[i]));
        fb_record_reader_begin(reader);
        feed(reader, text.bytes, text.size, 65536, count_one, &count);
        /* A dead letter and an item, at most, for each time that max_record_size was parsed. */
        assert_true(count < 8 * text.size / MAX_RECORD);
        free(text.bytes);
    }
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
        cmocka_unit_test(an_unclosed_record_does_not_swallow_the_next_line),
        cmocka_unit_test(a_nested_object_of_a_bad_record_is_never_a_record),
        cmocka_unit_test(what_stands_deeper_than_a_bad_record_is_never_a_record),
        cmocka_unit_test(an_array_is_its_elements),
        cmocka_unit_test(a_bad_element_hides_only_what_may_be_its_own),
        cmocka_unit_test(what_is_no_object_is_a_dead_letter_up_to_the_next_record),
        cmocka_unit_test(a_broken_limit_ends_where_the_record_does),
        cmocka_unit_test(a_truncated_last_record_is_malformed),
        cmocka_unit_test(a_record_has_max_record_size_to_the_byte),
        cmocka_unit_test(a_line_of_16_mb_is_one_dead_letter_in_constant_memory),
        cmocka_unit_test(
            before_its_first_record_tells_the_form_a_reader_waits_only_for_what_may_be_larger),
        cmocka_unit_test(a_region_of_just_max_record_size_keeps_its_text_over_any_blanks),
        cmocka_unit_test(an_over_long_record_hides_no_nested_object_as_a_record),
        cmocka_unit_test(a_nested_object_of_just_max_record_size_is_never_a_record),
        cmocka_unit_test(looking_for_records_stays_linear_on_hostile_lines),
        cmocka_unit_test(parses_in_vain_stay_linear_on_hostile_elements),
        cmocka_unit_test(a_reader_goes_from_object_to_object),
        cmocka_unit_test(a_wrong_schema_or_size_is_refused),
        cmocka_unit_test(the_same_bytes_give_the_same_records_however_they_are_fed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
