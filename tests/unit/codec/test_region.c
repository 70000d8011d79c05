/* SPDX-License-Identifier: Apache-2.0 */
#include "cutting.h"

#include <time.h>

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

/* Firehose joins records without anything between, unless the sender ends each with a newline. */
static void a_damaged_record_takes_none_of_those_joined_to_it_along(void **state)
{
    static const struct {
        const char *bad;
        size_t taken; /* of those behind it */
    } cases[] = {
        {"{\"id\":\"x", 0},
        {"{\"id\":\"x\\", 0},
        {"{\"id\":\"x\"", 0},
        {"{\"id\":12", 0},
        {"{\"id", 0},
        {"{\"n\":{\"a\":1}", 0},
        {"{\"n\":[{\"a\":1}", 0},
        {"{\"id\":\"x\"y\"}", 0},
        {"{\"id\":\"\"x\"}", 0},
        {"{", 0},

        {"x\"", 0},
        {"{\"s\":\"{}{\",\"n", 0},
        {"{\"s\":x,\"t\":\"{}{", 0},
        {"{\"id\":", 1},
        {"{\"id\":\"x\",", 1},
        {"{\"id\":[", 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text text = {0};
        struct text shape = {0};
        const size_t size = strlen(cases[i].bad) + 10 * cases[i].taken;
        char line[64];

        add(&text, "{\"id\":\"a\"}");
        add(&text, cases[i].bad);
        add_times(&text, "{\"id\":\"b\"}", 50);
        snprintf(line, sizeof line, "0+10 10+%zu(malformed-json) ", size);
        add(&shape, line);
        for (size_t at = 10 + size; at < text.size; at += 10) {
            snprintf(line, sizeof line, "%zu+10 ", at);
            add(&shape, line);
        }
        expect_bytes(text.bytes, text.size, shape.bytes);
        free(text.bytes);
        free(shape.bytes);
    }
    expect("\"{\"id\":\"b\"} {\"id\":\"c\"}\n", "0+1(not-an-object) 1+10 12+10 ");
    expect("{\"id{\"id\":\"b\"}{\"id", "0+4(malformed-json) 4+10 14+4(malformed-json) ");
}

static void objects_that_lack_a_comma_between_them_are_no_records(void **state)
{
    (void)state;
    expect("{\"l\":[{\"id\":\"n\"}{\"id\":\"n\"}]}{\"id\":\"b\"}", "0+28(malformed-json) 28+10 ");
    expect("{\"l\":[{\"id\":\"n\"}{\"id\":\"n\"}{\"id\":\"n\"},{}]}{\"id\":\"b\"}",
           "0+41(malformed-json) 41+10 ");
    expect("[{\"l\":[{\"id\":\"n\"}{\"id\":\"n\"}{\"id\":\"n\"}]},{\"id\":\"b\"}]",
           "1+38(malformed-json) 40+10 ");
    /* Nor those of a string whose text says so. */
    expect("{\"id\":x,\"s\":\"{}{\\\"id\\\":1}{}\"}{\"id\":\"b\"}", "0+29(malformed-json) 29+10 ");
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

static void count_one(const struct fb_record *record, void *userdata)
{
    size_t *count = userdata;

    (void)record;
    (*count)++;
}

/* Each looks like a record up to the end: were all tried, the work would be quadratic. */
static void looking_for_records_stays_linear_on_hostile_input(void **state)
{
    static const char *const hostile[] = {"{\"a\":\n", "\"{\"a\":[{", "{\"{\"a\":[[",
                                          "1{\"a\":{}} ["};

    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct text text = {0};
        struct timespec begin;
        struct timespec end;
        size_t count = 0;

        add_times(&text, hostile[i], ((size_t)8 << 20) / strlen(hostile[i]));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        fb_record_reader_begin(reader);
        feed(reader, text.bytes, text.size, 65536, count_one, &count);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        assert_in_range(count, 1, 8);
        /* 8 MB take some 0.1 s; were every place tried, it would be half an hour. */
        assert_true(end.tv_sec - begin.tv_sec < 30);
        free(text.bytes);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unclosed_record_does_not_swallow_the_next_line),
        cmocka_unit_test(a_nested_object_of_a_bad_record_is_never_a_record),
        cmocka_unit_test(what_stands_deeper_than_a_bad_record_is_never_a_record),
        cmocka_unit_test(a_damaged_record_takes_none_of_those_joined_to_it_along),
        cmocka_unit_test(objects_that_lack_a_comma_between_them_are_no_records),
        cmocka_unit_test(a_bad_element_hides_only_what_may_be_its_own),
        cmocka_unit_test(what_is_no_object_is_a_dead_letter_up_to_the_next_record),
        cmocka_unit_test(an_over_long_record_hides_no_nested_object_as_a_record),
        cmocka_unit_test(a_nested_object_of_just_max_record_size_is_never_a_record),
        cmocka_unit_test(looking_for_records_stays_linear_on_hostile_input),
        cmocka_unit_test(parses_in_vain_stay_linear_on_hostile_elements),
    };

    return cmocka_run_group_tests_name("codec/region", tests, set_up, tear_down);
}
