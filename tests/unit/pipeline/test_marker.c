/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/pipeline/marker.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

static const struct fb_key_schema by_string = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};
static const struct fb_key_schema by_two = {
    .attributes = {{.name = "p", .name_size = 1, .type = FB_KEY_STRING},
                   {.name = "s", .name_size = 1, .type = FB_KEY_BINARY}},
    .count = 2};
static const struct fb_key_schema by_number = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_NUMBER}}, .count = 1};

static struct fb_state_object object = {.key = (char *)"p/a\"b", .etag = (char *)"e1"};

static struct fb_markers markers(const struct fb_key_schema *schema)
{
    return (struct fb_markers){.stream = "views",
                               .bucket = "b",
                               .table = "t",
                               .schema = schema,
                               .ttl_attribute = "ttl",
                               .ttl_ms = 30 * DAY_MS};
}

static void expect_text(struct fb_buffer *text, const char *expected)
{
    assert_int_equal(fb_buffer_append(text, "", 1), FB_OK);
    assert_string_equal(text->bytes, expected);
    fb_buffer_done(text);
}

static void a_key_says_which_run_of_which_object_by_whom(void **state)
{
    const struct fb_markers one = markers(&by_string);
    const struct fb_markers two = markers(&by_two);
    struct fb_buffer text;

    (void)state;
    fb_buffer_init(&text, 4096);
    assert_int_equal(fb_marker_append_key(&one, &object, (struct fb_place){77, 2, 0, 0}, &text),
                     FB_OK);
    expect_text(&text, "{\"id\":{\"S\":\"firebridge|views|s3://b/p/a\\\"b|e1|77.2\"}}");
    fb_buffer_init(&text, 4096);
    assert_int_equal(fb_marker_append_key(&two, &object, (struct fb_place){0}, &text), FB_OK);
    expect_text(&text, "{\"p\":{\"S\":\"firebridge|views|s3://b/p/a\\\"b|e1\"},"
                       "\"s\":{\"B\":\"MC4w\"}}");
}

static void it_is_put_unless_it_is_there_and_expires(void **state)
{
    const struct fb_markers one = markers(&by_string);
    struct fb_buffer text;

    (void)state;
    fb_buffer_init(&text, 4096);
    assert_int_equal(fb_marker_append_put(&one, &object, (struct fb_place){0},
                                          (struct fb_place){900, 1, 0, 0}, INT64_C(1000000), &text),
                     FB_OK);
    expect_text(&text,
                "{\"Put\":{\"TableName\":\"t\",\"Item\":{\"id\":{\"S\":\"firebridge|views|s3://b/"
                "p/a\\\"b|e1|0.0\"},\"firebridge\":{\"S\":\"900.1\"},\"ttl\":{\"N\":\"2593000\"}},"
                "\"ConditionExpression\":\"attribute_not_exists(#key)\","
                "\"ExpressionAttributeNames\":{\"#key\":\"id\"}}}");
}

/* The longest that S3 and a conf allow still fit into a partition key. */
static void no_key_is_too_long(void **state)
{
    struct fb_markers one = markers(&by_string);
    char key[1025], name[65], bucket[64];
    struct fb_state_object longest = {.key = key, .etag = (char *)"d41d8cd98f00b204-10000"};
    struct fb_buffer text;

    (void)state;
    memset(key, 'k', sizeof key - 1);
    memset(name, 'n', sizeof name - 1);
    memset(bucket, 'b', sizeof bucket - 1);
    key[1024] = name[64] = bucket[63] = '\0';
    one.stream = name;
    one.bucket = bucket;
    fb_buffer_init(&text, 4096);
    assert_int_equal(fb_marker_append_key(
                         &one, &longest,
                         (struct fb_place){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT32_MAX}, &text),
                     FB_OK);
    assert_true(text.size < FB_PARTITION_KEY_MAX_BYTES);
    assert_non_null(strstr(text.bytes, "18446744073709551615.18446744073709551615."
                                       "18446744073709551615.ffffffff\"}}"));
    fb_buffer_done(&text);
}

static const struct {
    const char *item;
    enum fb_status status;
    struct fb_place end;
} items[] = {
    {"{\"firebridge\":{\"S\":\"0.1\"}}", FB_OK, {0, 1, 0, 0}},
    {"{\"id\":{\"S\":\"x\"},\"firebridge\":{\"S\":\"123456789012.7\"}}",
     FB_OK,
     {123456789012, 7, 0, 0}},
    {"{\"firebridge\":{\"S\":\"5.0.2.0000abcd\"}}", FB_OK, {5, 0, 2, 0xabcd}},
    {"{\"firebridge\":{\"S\":\"5.0.2\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"5.0.0.0000abcd\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"5.0.2.abcd\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"5.0.2.10000abcd\"}}", FB_CONFLICT, {0}},
    {"{}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"N\":\"5\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"5\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"5.\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\" 5.1\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"-5.1\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"5.1x\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"05.1\"}}", FB_CONFLICT, {0}},
    {"{\"firebridge\":{\"S\":\"99999999999999999999999.1\"}}", FB_CONFLICT, {0}},
};

static void only_a_marker_is_read_as_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        json_t *item = json_loads(items[i].item, 0, NULL);
        const struct fb_markers one = markers(&by_string);
        struct fb_place end = {0};

        assert_non_null(item);
        if (fb_marker_read(&one, item, &end, NULL) != items[i].status)
            fail_msg("%s", items[i].item);
        if (items[i].status == FB_OK) {
            assert_int_equal(end.offset_bytes, items[i].end.offset_bytes);
            assert_int_equal(end.part, items[i].end.part);
            assert_int_equal(end.output, items[i].end.output);
            assert_int_equal(end.program, items[i].end.program);
        }
        json_decref(item);
    }
}

/* In a table of their own, that is: elsewhere they go with the table. */
static void a_marker_of_what_was_added_to_another_table_is_told(void **state)
{
    static const struct {
        const char *target_arn;
        int64_t created_ms;
        const char *item;
        enum fb_status status;
    } cases[] = {
        {"arn:t", 5, "{\"firebridge_table\":{\"S\":\"arn:t 5\"},", FB_OK},
        {"arn:t", 5, "{", FB_OK},
        {"arn:t", 6, "{\"firebridge_table\":{\"S\":\"arn:t 5\"},", FB_CONFLICT},
        {"arn:u", 5, "{\"firebridge_table\":{\"S\":\"arn:t 5\"},", FB_CONFLICT},
        {"arn:t", 5, "{\"firebridge_table\":{\"N\":\"5\"},", FB_CONFLICT},
        {NULL, 5, "{\"firebridge_table\":{\"S\":\"arn:t 5\"},", FB_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_markers one = markers(&by_string);
        struct fb_place end = {0};
        struct fb_buffer text;
        json_t *item;

        one.target_arn = cases[i].target_arn;
        one.target_created_ms = cases[i].created_ms;
        fb_buffer_init(&text, 4096);
        assert_int_equal(fb_buffer_append_text(&text, cases[i].item), FB_OK);
        assert_int_equal(fb_buffer_append_text(&text, "\"firebridge\":{\"S\":\"7.1\"}}"), FB_OK);
        item = json_loadb(text.bytes, text.size, 0, NULL);
        assert_non_null(item);
        if (fb_marker_read(&one, item, &end, NULL) != cases[i].status)
            fail_msg("%s", cases[i].item);
        json_decref(item);
        fb_buffer_done(&text);
    }
}

static void a_marker_in_a_table_of_its_own_says_what_was_added_to(void **state)
{
    struct fb_markers one = markers(&by_string);
    struct fb_buffer text;

    (void)state;
    one.target_arn = "arn:t";
    one.target_created_ms = 5;
    fb_buffer_init(&text, 4096);
    assert_int_equal(fb_marker_append_put(&one, &object, (struct fb_place){0},
                                          (struct fb_place){900, 1, 0, 0}, 0, &text),
                     FB_OK);
    assert_int_equal(fb_buffer_append(&text, "", 1), FB_OK);
    assert_non_null(strstr(text.bytes, "\"firebridge_table\":{\"S\":\"arn:t 5\"}"));
    fb_buffer_done(&text);
}

static void a_table_that_cannot_hold_markers_is_refused(void **state)
{
    struct fb_markers of[] = {markers(&by_string), markers(&by_two), markers(&by_number),
                              markers(&by_string)};
    struct fb_error error;

    (void)state;
    of[3].ttl_attribute = "id";
    assert_int_equal(fb_markers_check(&of[0], &error), FB_OK);
    assert_int_equal(fb_markers_check(&of[1], &error), FB_OK);
    assert_int_equal(fb_markers_check(&of[2], &error), FB_UNSUPPORTED);
    assert_non_null(strstr(error.message, "marker_table"));
    assert_int_equal(fb_markers_check(&of[3], &error), FB_UNSUPPORTED);
}

static void a_records_key_that_looks_like_a_markers_is_known(void **state)
{
    static const struct fb_key_schema by_binary = {
        .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_BINARY}}, .count = 1};

    (void)state;
    assert_true(fb_marker_owns_key(&by_string,
                                   "S\0\x0d"
                                   "firebridge|xy",
                                   16));
    assert_false(fb_marker_owns_key(&by_string,
                                    "S\0\x0a"
                                    "firebridge",
                                    13));
    assert_false(fb_marker_owns_key(&by_string,
                                    "S\0\x0d"
                                    "Firebridge|xy",
                                    16));
    /* base64 of "firebridge|" and of "firebird" */
    assert_true(fb_marker_owns_key(&by_binary,
                                   "B\0\x10"
                                   "ZmlyZWJyaWRnZXw=",
                                   19));
    assert_false(fb_marker_owns_key(&by_binary,
                                    "B\0\x0c"
                                    "ZmlyZWJpcmQ=",
                                    15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_says_which_run_of_which_object_by_whom),
        cmocka_unit_test(it_is_put_unless_it_is_there_and_expires),
        cmocka_unit_test(no_key_is_too_long),
        cmocka_unit_test(only_a_marker_is_read_as_one),
        cmocka_unit_test(a_marker_of_what_was_added_to_another_table_is_told),
        cmocka_unit_test(a_marker_in_a_table_of_its_own_says_what_was_added_to),
        cmocka_unit_test(a_table_that_cannot_hold_markers_is_refused),
        cmocka_unit_test(a_records_key_that_looks_like_a_markers_is_known),
    };

    return cmocka_run_group_tests_name("pipeline/marker", tests, NULL, NULL);
}
