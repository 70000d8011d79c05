/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "firebridge/codec/transcode.h"

static struct fb_transcoder *transcoder;

static int set_up(void **state)
{
    const struct fb_key_schema schema = id_schema();

    (void)state;
    return fb_transcoder_new(&schema, 7, NULL, &transcoder) == FB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fb_transcoder_free(transcoder);
    return 0;
}

static enum fb_status transcode(const char *text, struct fb_transcoded *ret)
{
    char *copy = padded(text, strlen(text));
    const enum fb_status status = fb_transcode(transcoder, copy, strlen(text), ret);

    free(copy);
    return status;
}

static void expect_item(const char *text, const char *item, uint32_t counted)
{
    struct fb_transcoded result = {0};

    assert_int_equal(transcode(text, &result), FB_OK);
    if (result.reason != FB_DEAD_NONE)
        fail_msg("%s: %s", text, result.what);
    assert_int_equal(result.item_size, strlen(item));
    assert_memory_equal(result.item, item, result.item_size);
    assert_int_equal(result.size, strlen(text));
    if (counted > 0)
        assert_int_equal(result.item_counted_bytes, counted);
}

static void expect_reason(const char *text, enum fb_dead_reason reason)
{
    struct fb_transcoded result = {0};

    assert_int_equal(transcode(text, &result), FB_OK);
    if (result.reason != reason)
        fail_msg("%.60s: %s", text, fb_dead_reason_name(result.reason));
    assert_int_equal(result.size, strlen(text));
    assert_non_null(result.what);
}

static void every_type_becomes_its_attribute_value(void **state)
{
    (void)state;
    /* The sizes are DynamoDB Local's; "id" and "a" are 3. */
    expect_item("{\"id\":\"a\",\"v\":\"\"}", "{\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"\"}}", 4);
    expect_item("{\"id\":\"a\",\"v\":null}", "{\"id\":{\"S\":\"a\"},\"v\":{\"NULL\":true}}", 5);
    expect_item("{\"id\":\"a\",\"v\":true}", "{\"id\":{\"S\":\"a\"},\"v\":{\"BOOL\":true}}", 5);
    expect_item("{\"id\":\"a\",\"v\":false}", "{\"id\":{\"S\":\"a\"},\"v\":{\"BOOL\":false}}", 5);
    expect_item("{\"id\":\"a\",\"v\":-1.50}", "{\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"-1.50\"}}", 8);
    expect_item("{\"id\":\"a\",\"v\":[]}", "{\"id\":{\"S\":\"a\"},\"v\":{\"L\":[]}}", 7);
    expect_item("{\"id\":\"a\",\"v\":{}}", "{\"id\":{\"S\":\"a\"},\"v\":{\"M\":{}}}", 7);
    expect_item("{\"id\":\"a\",\"v\":[\"ab\",\"\"]}",
                "{\"id\":{\"S\":\"a\"},\"v\":{\"L\":[{\"S\":\"ab\"},{\"S\":\"\"}]}}", 11);
    expect_item("{\"id\":\"a\",\"v\":{\"kk\":\"ab\"}}",
                "{\"id\":{\"S\":\"a\"},\"v\":{\"M\":{\"kk\":{\"S\":\"ab\"}}}}", 12);
    expect_item("{\"id\":\"a\",\"v\":[[]]}", "{\"id\":{\"S\":\"a\"},\"v\":{\"L\":[{\"L\":[]}]}}",
                11);
    expect_item("{\"id\":\"a\",\"v\":{\"k\":{}}}",
                "{\"id\":{\"S\":\"a\"},\"v\":{\"M\":{\"k\":{\"M\":{}}}}}", 12);
}

static void blanks_fall_away_and_strings_pass_as_they_are(void **state)
{
    (void)state;
    expect_item("{ \"id\"\t:\n\"a\\u00e9\\/\xc3\xa9 \\ud83d\\ude00\" \r, \"l\" : [ 1 , 2 ] }",
                "{\"id\":{\"S\":\"a\\u00e9\\/\xc3\xa9 \\ud83d\\ude00\"},"
                "\"l\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]}}",
                2 + 1 + 2 + 1 + 2 + 1 + 4 + 1 + 3 + 3 + 3);
}

static void numbers_pass_as_text(void **state)
{
    (void)state;
    expect_item("{\"id\":\"a\",\"v\":[0.1000,1E+2,-0,12345678901234567890123456789012345678]}",
                "{\"id\":{\"S\":\"a\"},\"v\":{\"L\":[{\"N\":\"0.1000\"},{\"N\":\"1E+2\"},"
                "{\"N\":\"-0\"},{\"N\":\"12345678901234567890123456789012345678\"}]}}",
                0);
}

static void of_a_repeated_name_the_last_one_wins_at_every_depth(void **state)
{
    (void)state;
    expect_item("{\"id\":\"a\",\"x\":1,\"id\":\"b\",\"y\":2,\"x\":3}",
                "{\"id\":{\"S\":\"b\"},\"y\":{\"N\":\"2\"},\"x\":{\"N\":\"3\"}}", 9);
    expect_item("{\"id\":\"a\",\"m\":{\"k\":[1,2],\"k\":{\"q\":1,\"q\":2},\"k\":\"z\"}}",
                "{\"id\":{\"S\":\"a\"},\"m\":{\"M\":{\"k\":{\"S\":\"z\"}}}}",
                3 + 1 + 3 + 1 + 1 + 1);
    expect_item("{\"id\":\"a\",\"l\":[{\"q\":1,\"q\":2}]}",
                "{\"id\":{\"S\":\"a\"},\"l\":{\"L\":[{\"M\":{\"q\":{\"N\":\"2\"}}}]}}", 0);
}

static void names_are_compared_after_unescaping(void **state)
{
    (void)state;
    expect_item("{\"id\":\"a\",\"\\u0069d\":\"b\"}", "{\"\\u0069d\":{\"S\":\"b\"}}", 3);
    expect_item("{\"id\":\"a\",\"\xc3\xa9\":1,\"\\u00e9\":2}",
                "{\"id\":{\"S\":\"a\"},\"\\u00e9\":{\"N\":\"2\"}}", 3 + 2 + 2);
    expect_item("{\"id\":\"a\",\"A\":1,\"a\":2}",
                "{\"id\":{\"S\":\"a\"},\"A\":{\"N\":\"1\"},\"a\":{\"N\":\"2\"}}", 9);
}

static void a_nested_key_name_is_no_key(void **state)
{
    (void)state;
    expect_reason("{\"v\":{\"id\":\"a\"}}", FB_DEAD_KEY_MISSING);
    expect_item("{\"id\":\"a\",\"v\":{\"id\":1}}",
                "{\"id\":{\"S\":\"a\"},\"v\":{\"M\":{\"id\":{\"N\":\"1\"}}}}", 0);
}

/* Members of many objects at once, some in the table and some not, each name twice. */
static void many_repeated_names_in_nested_objects_are_found(void **state)
{
    struct text text = {0};
    struct text item = {0};
    char member[64];

    (void)state;
    add(&text, "{\"id\":\"a\"");
    add(&item, "{\"id\":{\"S\":\"a\"}");
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++) {
            snprintf(member, sizeof member, ",\"n%d\":{\"n1\":%d,\"n1\":%d}", i, i, round);
            add(&text, member);
            if (i % 100 == 0)
                for (int k = 0; k < 80; k++) {
                    snprintf(member, sizeof member, "%s\"k%d\":%d", k == 0 ? ",\"z\":{" : ",",
                             k % 40, k);
                    add(&text, member);
                }
            add(&text, i % 100 == 0 ? "}" : "");
        }
    for (int i = 0; i < 3000; i++) {
        snprintf(member, sizeof member, ",\"n%d\":{\"M\":{\"n1\":{\"N\":\"1\"}}}", i);
        add(&item, member);
    }
    /* The last "z" stands behind n2900's second place. */
    item.size = (size_t)(strstr(item.bytes, ",\"n2901\"") - item.bytes);
    add(&item, ",\"z\":{\"M\":{");
    for (int k = 40; k < 80; k++) {
        snprintf(member, sizeof member, "%s\"k%d\":{\"N\":\"%d\"}", k == 40 ? "" : ",", k - 40, k);
        add(&item, member);
    }
    add(&item, "}}");
    for (int i = 2901; i < 3000; i++) {
        snprintf(member, sizeof member, ",\"n%d\":{\"M\":{\"n1\":{\"N\":\"1\"}}}", i);
        add(&item, member);
    }
    add(&text, "}");
    add(&item, "}");
    expect_item(text.bytes, item.bytes, 0);
    free(text.bytes);
    free(item.bytes);
}

static void add_nested(struct text *text, const char *open, const char *close, size_t levels,
                       const char *core)
{
    text->size = 0;
    add(text, "{\"id\":\"a\",\"v\":");
    add_times(text, open, levels);
    add(text, core);
    add_times(text, close, levels);
    add(text, "}");
}

/* DynamoDB Local takes 31 lists or maps in an attribute and refuses 32. */
static void nesting_goes_to_32_levels(void **state)
{
    struct fb_transcoded result;
    struct text text = {0};

    (void)state;
    add_nested(&text, "[", "]", 31, "1");
    assert_int_equal(transcode(text.bytes, &result), FB_OK);
    assert_int_equal(result.reason, FB_DEAD_NONE);
    add_nested(&text, "{\"a\":", "}", 31, "{}");
    expect_reason(text.bytes, FB_DEAD_TOO_DEEP);
    add_nested(&text, "[", "]", 32, "");
    expect_reason(text.bytes, FB_DEAD_TOO_DEEP);
    add_nested(&text, "{\"a\":", "}", 30, "{}");
    assert_int_equal(transcode(text.bytes, &result), FB_OK);
    assert_int_equal(result.reason, FB_DEAD_NONE);
    add_nested(&text, "[", "]", 100000, "{}");
    expect_reason(text.bytes, FB_DEAD_TOO_DEEP);
    text.bytes[text.size - 5] = '\0';
    assert_int_equal(transcode(text.bytes, &result), FB_NEED_MORE);
    free(text.bytes);
}

static void an_item_has_400_kb_to_the_byte(void **state)
{
    struct fb_transcoded result;
    struct text text = {0};

    (void)state;
    add(&text, "{\"id\":\"a\",\"v\":\"");
    add_times(&text, "x", FB_ITEM_MAX_BYTES - 4);
    add(&text, "\"}");
    assert_int_equal(transcode(text.bytes, &result), FB_OK);
    assert_int_equal(result.reason, FB_DEAD_NONE);
    assert_int_equal(result.item_counted_bytes, FB_ITEM_MAX_BYTES);
    text.size -= 2;
    add(&text, "x\"}");
    expect_reason(text.bytes, FB_DEAD_ITEM_TOO_LARGE);
    /* What a later member replaces does not count. */
    text.size -= 1;
    add(&text, ",\"v\":1}");
    assert_int_equal(transcode(text.bytes, &result), FB_OK);
    assert_int_equal(result.reason, FB_DEAD_NONE);
    assert_int_equal(result.item_counted_bytes, 3 + 1 + 2);
    free(text.bytes);
}

static void attribute_names_have_1_to_65535_bytes(void **state)
{
    struct fb_transcoded result;
    struct text text = {0};

    (void)state;
    expect_reason("{\"id\":\"a\",\"\":1}", FB_DEAD_EMPTY_NAME);
    expect_reason("{\"id\":\"a\",\"v\":{\"\":1}}", FB_DEAD_EMPTY_NAME);
    add(&text, "{\"id\":\"a\",\"");
    add_times(&text, "\\u00e9", 32767);
    add(&text, "x\":1}");
    assert_int_equal(transcode(text.bytes, &result), FB_OK);
    assert_int_equal(result.reason, FB_DEAD_NONE);
    text.size -= 4;
    add(&text, "x\":1}");
    expect_reason(text.bytes, FB_DEAD_NAME_TOO_LONG);
    free(text.bytes);
}

static void a_key_is_checked_for_type_and_length(void **state)
{
    struct fb_transcoded result;
    struct text text = {0};

    (void)state;
    expect_reason("{}", FB_DEAD_KEY_MISSING);
    expect_reason("{\"Id\":\"a\"}", FB_DEAD_KEY_MISSING);
    expect_reason("{\"id\":1}", FB_DEAD_KEY_TYPE);
    expect_reason("{\"id\":null}", FB_DEAD_KEY_TYPE);
    expect_reason("{\"id\":[\"a\"]}", FB_DEAD_KEY_TYPE);
    expect_reason("{\"id\":\"\"}", FB_DEAD_KEY_EMPTY);
    expect_reason("{\"id\":\"a\",\"id\":true}", FB_DEAD_KEY_TYPE);
    add(&text, "{\"id\":\"");
    add_times(&text, "\\u006b", 2048);
    add(&text, "\"}");
    assert_int_equal(transcode(text.bytes, &result), FB_OK);
    assert_int_equal(result.reason, FB_DEAD_NONE);
    assert_int_equal(result.key_size, 3 + 2048);
    assert_memory_equal(result.key, "S\x08\0kkkk", 7);
    text.size -= 2;
    add(&text, "k\"}");
    expect_reason(text.bytes, FB_DEAD_KEY_TOO_LONG);
    free(text.bytes);
}

static void a_sort_key_may_be_a_number_and_no_binary_key_can_come(void **state)
{
    struct fb_key_schema schema = id_schema();
    struct fb_transcoder *other = NULL;
    struct fb_transcoded result;
    char *text = padded("{\"ts\":12.50,\"id\":\"a\"}", 21);

    (void)state;
    schema.count = 2;
    schema.attributes[1] =
        (struct fb_key_attribute){.name = "ts", .name_size = 2, .type = FB_KEY_NUMBER};
    assert_int_equal(fb_transcoder_new(&schema, 7, NULL, &other), FB_OK);
    assert_int_equal(fb_transcode(other, text, 21, &result), FB_OK);
    assert_int_equal(result.reason, FB_DEAD_NONE);
    assert_int_equal(result.key_size, 4 + 3 + 6);
    assert_memory_equal(result.key,
                        "S\0\1aN\0\6"
                        "125E-1",
                        result.key_size);
    assert_int_equal(result.key_hash, fb_key_hash(7, result.key, result.key_size));
    fb_transcoder_free(other);
    schema.count = 1;
    schema.attributes[0].type = FB_KEY_BINARY;
    assert_int_equal(fb_transcoder_new(&schema, 7, NULL, &other), FB_OK);
    assert_int_equal(fb_transcode(other, text, 21, &result), FB_OK);
    assert_int_equal(result.reason, FB_DEAD_KEY_TYPE);
    fb_transcoder_free(other);
    free(text);
}

static void a_sort_key_string_has_1024_bytes_at_most(void **state)
{
    struct fb_key_schema schema = id_schema();
    struct fb_transcoder *other = NULL;
    struct fb_transcoded result;
    struct text text = {0};
    char *copy;

    (void)state;
    schema.count = 2;
    schema.attributes[1] =
        (struct fb_key_attribute){.name = "r", .name_size = 1, .type = FB_KEY_STRING};
    assert_int_equal(fb_transcoder_new(&schema, 7, NULL, &other), FB_OK);
    add(&text, "{\"id\":\"a\",\"r\":\"");
    add_times(&text, "q", 1024);
    for (int i = 0; i < 2; i++) {
        add(&text, "\"}");
        copy = padded(text.bytes, text.size);
        assert_int_equal(fb_transcode(other, copy, text.size, &result), FB_OK);
        assert_int_equal(result.reason, i == 0 ? FB_DEAD_NONE : FB_DEAD_KEY_TOO_LONG);
        free(copy);
        text.size -= 2;
        add(&text, "q");
    }
    free(text.bytes);
    fb_transcoder_free(other);
}

static void the_first_broken_limit_in_the_text_is_the_reason(void **state)
{
    (void)state;
    expect_reason("{\"v\":1E400,\"\":1,\"w\":\"\\ud800\"}", FB_DEAD_NUMBER_RANGE);
    expect_reason("{\"\":1E400}", FB_DEAD_EMPTY_NAME);
    expect_reason("{\"w\":\"\\ud800\",\"v\":1E400}", FB_DEAD_INVALID_UTF8);
    expect_reason("{\"w\":\"\xff\"}", FB_DEAD_INVALID_UTF8);
    expect_reason("{\"\\udc00\":1}", FB_DEAD_INVALID_UTF8);
    expect_reason("{\"v\":123456789012345678901234567890123456789}", FB_DEAD_NUMBER_PRECISION);
}

static void malformed_wins_over_a_broken_limit(void **state)
{
    struct fb_transcoded result;

    (void)state;
    assert_int_equal(transcode("{\"v\":1E400,}", &result), FB_INVALID);
    assert_int_equal(result.at, 11);
    assert_int_equal(transcode("{\"v\":1 2}", &result), FB_INVALID);
    assert_int_equal(result.at, 7);
    assert_int_equal(transcode("{\"v\":01}", &result), FB_INVALID);
    assert_int_equal(transcode("{\"v\":tru}", &result), FB_INVALID);
    assert_int_equal(transcode("{\"v\":\"a\nb\"}", &result), FB_INVALID);
    assert_int_equal(transcode("{\"v\":[1}", &result), FB_INVALID);
    assert_int_equal(transcode("{\"v\"}", &result), FB_INVALID);
    assert_int_equal(transcode("{,}", &result), FB_INVALID);
    assert_int_equal(transcode("{\"a\":1,}", &result), FB_INVALID);
    assert_int_equal(transcode("{\"a\":[1,]}", &result), FB_INVALID);
}

/* Wherever the text ends inside a record, more is asked for: never a wrong verdict. */
static void every_beginning_of_a_record_needs_more(void **state)
{
    static const char *const records[] = {
        "{\"id\":\"a\\u00e9\\ud83d\\ude00\xf0\x9f\x98\x80\",\"n\":-1.5e+10,\"l\":[true,false,null,"
        "{}],\"m\":{\"k\":\"0123456789abcdef0123456789\"}}",
        "{\"id\":\"a\",\"n\":1E400,\"l\":[[[[]]]],\"\\ud800\":\"\xff\"}",
        "{\"n\":1234567890123456789012345678901234567890,\"\":tru",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(records); i++)
        for (size_t size = 1; size < strlen(records[i]); size++) {
            char *text = padded(records[i], size);
            struct fb_transcoded result;

            if (fb_transcode(transcoder, text, size, &result) != FB_NEED_MORE)
                fail_msg("record %zu cut at %zu", i, size);
            free(text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_becomes_its_attribute_value),
        cmocka_unit_test(blanks_fall_away_and_strings_pass_as_they_are),
        cmocka_unit_test(numbers_pass_as_text),
        cmocka_unit_test(of_a_repeated_name_the_last_one_wins_at_every_depth),
        cmocka_unit_test(names_are_compared_after_unescaping),
        cmocka_unit_test(a_nested_key_name_is_no_key),
        cmocka_unit_test(many_repeated_names_in_nested_objects_are_found),
        cmocka_unit_test(nesting_goes_to_32_levels),
        cmocka_unit_test(an_item_has_400_kb_to_the_byte),
        cmocka_unit_test(attribute_names_have_1_to_65535_bytes),
        cmocka_unit_test(a_key_is_checked_for_type_and_length),
        cmocka_unit_test(a_sort_key_may_be_a_number_and_no_binary_key_can_come),
        cmocka_unit_test(a_sort_key_string_has_1024_bytes_at_most),
        cmocka_unit_test(the_first_broken_limit_in_the_text_is_the_reason),
        cmocka_unit_test(malformed_wins_over_a_broken_limit),
        cmocka_unit_test(every_beginning_of_a_record_needs_more),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
