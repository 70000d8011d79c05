/* SPDX-License-Identifier: Apache-2.0 */
#include "form_feed.h"

#include "firebridge/codec/transcode.h"

static int as_items(void **state)
{
    (void)state;
    read_as(FB_FORMAT_DYNAMODB_JSON);
    return 0;
}

static int as_changes(void **state)
{
    (void)state;
    read_as(FB_FORMAT_DYNAMODB_STREAM);
    return 0;
}

/* The item goes on as it is. */
static void expect_put(const char *item)
{
    struct text expected = {0};
    char head[64];

    snprintf(head, sizeof head, "0+%zu put ", strlen(item));
    add(&expected, head);
    add(&expected, item);
    add(&expected, "\n");
    expect_text(item, expected.bytes);
    free(expected.bytes);
}

static void an_item_of_every_type_passes_as_it_is(void **state)
{
    static const char *const values[] = {
        "{\"S\":\"\"}",
        "{\"S\":\"\\u0041\\n\xc3\xa9\\ud83d\\ude00\"}",
        "{\"N\":\"0\"}",
        "{\"N\":\"-1.50E+3\"}",
        "{\"N\":\"12345678901234567890123456789012345678\"}",
        "{\"N\":\"1E-130\"}",
        "{\"N\":\"9.9999999999999999999999999999999999999E+125\"}",
        "{\"B\":\"\"}",
        "{\"B\":\"AA==\"}",
        "{\"B\":\"\\/\\/\\u002b\\/\"}",
        "{\"BOOL\":true}",
        "{\"BOOL\":false}",
        "{\"NULL\":true}",
        "{\"M\":{}}",
        "{\"M\":{\"x\":{\"M\":{\"y\":{\"L\":[]}}},\"z\":{\"S\":\"\"}}}",
        "{\"L\":[]}",
        "{\"L\":[{\"S\":\"a\"},{\"N\":\"1\"},{\"L\":[{\"NULL\":true}]}]}",
        "{\"SS\":[\"a\",\"\"]}",
        "{\"NS\":[\"1\",\"2.5\"]}",
        "{\"BS\":[\"AA==\",\"\"]}",
        " { \"\\u0053\" : \"x\" } ",
    };
    char item[256];

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        snprintf(item, sizeof item, "{\"id\":{\"S\":\"k\"},\"v\":%s}", values[i]);
        expect_put(item);
    }
}

static void a_value_that_dynamodb_does_not_have_is_refused(void **state)
{
    static const struct {
        const char *value;
        enum fb_dead_reason reason;
        const char *words;
    } cases[] = {
        {"\"plain\"", FB_DEAD_WRONG_FORM, "without a type"},
        {"1", FB_DEAD_WRONG_FORM, "without a type"},
        {"null", FB_DEAD_WRONG_FORM, "without a type"},
        {"[]", FB_DEAD_WRONG_FORM, "without a type"},
        {"{}", FB_DEAD_WRONG_FORM, "without a type"},
        {"{\"X\":\"a\"}", FB_DEAD_WRONG_FORM, "does not have"},
        {"{\"s\":\"a\"}", FB_DEAD_WRONG_FORM, "does not have"},
        {"{\"S\":\"a\",\"N\":\"1\"}", FB_DEAD_WRONG_FORM, "two types"},
        {"{\"S\":\"a\",\"S\":\"b\"}", FB_DEAD_WRONG_FORM, "two types"},
        {"{\"L\":[],\"S\":\"b\"}", FB_DEAD_WRONG_FORM, "two types"},
        {"{\"M\":{\"x\":{\"S\":\"a\"}},\"S\":\"b\"}", FB_DEAD_WRONG_FORM, "two types"},
        {"{\"SS\":[\"a\"],\"S\":\"b\"}", FB_DEAD_WRONG_FORM, "two types"},
        {"{\"BOOL\":true,\"S\":\"b\"}", FB_DEAD_WRONG_FORM, "two types"},
        {"{\"S\":1}", FB_DEAD_WRONG_FORM, "is a string"},
        {"{\"S\":null}", FB_DEAD_WRONG_FORM, "is a string"},
        {"{\"N\":1}", FB_DEAD_WRONG_FORM, "is a string"},
        {"{\"B\":[]}", FB_DEAD_WRONG_FORM, "is a string"},
        {"{\"N\":\"\"}", FB_DEAD_WRONG_FORM, "no number"},
        {"{\"N\":\"x\"}", FB_DEAD_WRONG_FORM, "no number"},
        {"{\"N\":\"1 \"}", FB_DEAD_WRONG_FORM, "no number"},
        {"{\"N\":\"0x10\"}", FB_DEAD_WRONG_FORM, "no number"},
        {"{\"N\":\"\\u0031\"}", FB_DEAD_WRONG_FORM, "no number"},
        {"{\"N\":\"NaN\"}", FB_DEAD_WRONG_FORM, "no number"},
        {"{\"N\":\"1E126\"}", FB_DEAD_NUMBER_RANGE, "1E-130"},
        {"{\"N\":\"1E-131\"}", FB_DEAD_NUMBER_RANGE, "1E-130"},
        {"{\"N\":\"123456789012345678901234567890123456789\"}", FB_DEAD_NUMBER_PRECISION, "38"},
        {"{\"B\":\"A\"}", FB_DEAD_WRONG_FORM, "no base64"},
        {"{\"B\":\"AA=\"}", FB_DEAD_WRONG_FORM, "no base64"},
        {"{\"B\":\"AB==\"}", FB_DEAD_WRONG_FORM, "no base64"},
        {"{\"B\":\"A-_A\"}", FB_DEAD_WRONG_FORM, "no base64"},
        {"{\"B\":\"AA==\\n\"}", FB_DEAD_WRONG_FORM, "no base64"},
        {"{\"BOOL\":\"true\"}", FB_DEAD_WRONG_FORM, "true or false"},
        {"{\"BOOL\":null}", FB_DEAD_WRONG_FORM, "true or false"},
        {"{\"BOOL\":1}", FB_DEAD_WRONG_FORM, "true or false"},
        {"{\"NULL\":false}", FB_DEAD_WRONG_FORM, "NULL is true"},
        {"{\"NULL\":null}", FB_DEAD_WRONG_FORM, "NULL is true"},
        {"{\"M\":[]}", FB_DEAD_WRONG_FORM, "an M is an object"},
        {"{\"M\":\"x\"}", FB_DEAD_WRONG_FORM, "an M is an object"},
        {"{\"L\":{}}", FB_DEAD_WRONG_FORM, "an L is an array"},
        {"{\"M\":{\"x\":1}}", FB_DEAD_WRONG_FORM, "without a type"},
        {"{\"M\":{\"\":{\"S\":\"a\"}}}", FB_DEAD_EMPTY_NAME, "empty attribute name"},
        {"{\"M\":{\"x\":{\"S\":\"a\"},\"\\u0078\":{\"S\":\"b\"}}}", FB_DEAD_WRONG_FORM, "twice"},
        {"{\"L\":[{\"S\":\"a\"},\"b\"]}", FB_DEAD_WRONG_FORM, "without a type"},
        {"{\"SS\":[]}", FB_DEAD_WRONG_FORM, "empty set"},
        {"{\"SS\":{}}", FB_DEAD_WRONG_FORM, "list of strings"},
        {"{\"SS\":[1]}", FB_DEAD_WRONG_FORM, "is a string"},
        {"{\"NS\":[\"x\"]}", FB_DEAD_WRONG_FORM, "no number"},
        {"{\"NS\":[\"1\",\"1E999\"]}", FB_DEAD_NUMBER_RANGE, "1E-130"},
        {"{\"BS\":[\"x\"]}", FB_DEAD_WRONG_FORM, "no base64"},
        {"{\"S\":\"\xff\"}", FB_DEAD_INVALID_UTF8, "UTF-8"},
        {"{\"S\":\"\\ud800\"}", FB_DEAD_INVALID_UTF8, "UTF-8"},
    };
    char item[256];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(item, sizeof item, "{\"id\":{\"S\":\"k\"},\"v\":%s}", cases[i].value);
        expect_dead(item, cases[i].reason, cases[i].words);
    }
}

static void an_export_is_a_line_for_each_item(void **state)
{
    (void)state;
    expect_text("{\"Item\":{\"id\":{\"S\":\"a\"}}}\n{\"Item\": {\"id\":{\"S\":\"b\"}} }\n",
                "0+25 put {\"id\":{\"S\":\"a\"}}\n"
                "26+27 put {\"id\":{\"S\":\"b\"}}\n");
}

static void an_incremental_export_puts_and_deletes(void **state)
{
    (void)state;
    expect_text(
        "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"1\"}},"
        "\"Keys\":{\"id\":{\"S\":\"a\"}},\"NewImage\":{\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"1\"}}}\n"
        "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"2\"}},"
        "\"Keys\":{\"id\":{\"S\":\"b\"}},\"OldImage\":{\"id\":{\"S\":\"b\"}}}\n",
        "0+113 put {\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"1\"}}\n"
        "114+99 delete {\"id\":{\"S\":\"b\"}}\n");
}

static void what_is_no_typed_item_is_refused(void **state)
{
    (void)state;
    expect_dead("{\"id\":\"a\"}", FB_DEAD_WRONG_FORM, "without a type");
    expect_dead("{\"Item\":\"a\"}", FB_DEAD_WRONG_FORM, "without a type");
    expect_dead("{\"Item\":{\"id\":{\"S\":\"a\"},\"v\":{\"SS\":[]}}}", FB_DEAD_WRONG_FORM,
                "an empty set, at byte 34");
    expect_dead("{\"Item\":{}}", FB_DEAD_WRONG_FORM, "without a type");
    expect_dead("{\"id\":{\"S\":\"a\"},\"id\":{\"S\":\"b\"}}", FB_DEAD_WRONG_FORM, "twice");
    expect_dead("{}", FB_DEAD_KEY_MISSING, "missing");
}

static void the_key_must_be_there_as_the_table_has_it(void **state)
{
    struct text long_key = {0};

    (void)state;
    expect_dead("{\"v\":{\"S\":\"a\"}}", FB_DEAD_KEY_MISSING, "missing: id");
    expect_dead("{\"id\":{\"N\":\"1\"}}", FB_DEAD_KEY_TYPE, "another type: id");
    expect_dead("{\"id\":{\"M\":{}}}", FB_DEAD_KEY_TYPE, "another type: id");
    expect_dead("{\"id\":{\"SS\":[\"a\"]}}", FB_DEAD_KEY_TYPE, "another type: id");
    expect_dead("{\"id\":{\"S\":\"\"}}", FB_DEAD_KEY_EMPTY, "empty: id");
    expect_dead("{\"m\":{\"M\":{\"id\":{\"S\":\"a\"}}}}", FB_DEAD_KEY_MISSING, "missing: id");
    for (size_t over = 0; over < 2; over++) {
        long_key.size = 0;
        add(&long_key, "{\"id\":{\"S\":\"");
        add_times(&long_key, "k", 2048 + over);
        add(&long_key, "\"}}");
        if (over == 0)
            expect_put(long_key.bytes);
        else
            expect_dead(long_key.bytes, FB_DEAD_KEY_TOO_LONG, "too long: id");
    }
    free(long_key.bytes);
}

static void add_base64_zeros(struct text *text, size_t bytes)
{
    add_times(text, "AAAA", bytes / 3);
    add(text, bytes % 3 == 0 ? "" : bytes % 3 == 1 ? "AA==" : "AAA=");
}

static void both_key_attributes_may_be_binary_and_as_long_as_can_be(void **state)
{
    (void)state;
    form_schema =
        (struct fb_key_schema){.attributes = {{.name = "p", .name_size = 1, .type = FB_KEY_BINARY},
                                              {.name = "s", .name_size = 1, .type = FB_KEY_BINARY}},
                               .count = 2};
    form_max_record_size = (size_t)16 << 10;
    for (size_t over = 0; over < 3; over++) {
        struct text text = {0};

        add(&text, "{\"p\":{\"B\":\"");
        add_base64_zeros(&text, 2048 + (over == 1));
        add(&text, "\"},\"s\":{\"B\":\"");
        add_base64_zeros(&text, 1024 + (over == 2));
        add(&text, "\"}}");
        if (over == 0)
            expect_put(text.bytes);
        else
            expect_dead(text.bytes, FB_DEAD_KEY_TOO_LONG, over == 1 ? ": p" : ": s");
        free(text.bytes);
    }
    expect_dead("{\"p\":{\"B\":\"\"},\"s\":{\"B\":\"AA==\"}}", FB_DEAD_KEY_EMPTY, ": p");
    expect_dead("{\"p\":{\"B\":\"AA==\"}}", FB_DEAD_KEY_MISSING, ": s");
}

struct keys {
    uint64_t hashes[8];
    uint32_t counted[8];
    size_t count;
};

static void keep_key(const struct fb_record *record, void *userdata)
{
    struct keys *keys = userdata;

    assert_int_equal(record->reason, FB_DEAD_NONE);
    keys->counted[keys->count] = record->item_counted_bytes;
    keys->hashes[keys->count++] = record->key_hash;
}

static struct keys keys_of(const char *text)
{
    struct fb_record_reader *made = new_form_reader();
    struct keys keys = {0};

    fb_record_reader_begin(made);
    feed(made, text, strlen(text), 4096, keep_key, &keys);
    fb_record_reader_free(made);
    return keys;
}

/* Else two items of one key could go through two lanes. */
static void spellings_of_one_key_are_one_key(void **state)
{
    struct keys keys;

    (void)state;
    form_schema.attributes[0].type = FB_KEY_NUMBER;
    keys = keys_of("{\"id\":{\"N\":\"10\"}}{\"id\":{\"N\":\"1e1\"}}{\"id\":{\"N\":\"10.0\"}}"
                   "{\"id\":{\"N\":\"1\"}}");
    assert_int_equal(keys.hashes[0], keys.hashes[1]);
    assert_int_equal(keys.hashes[0], keys.hashes[2]);
    assert_true(keys.hashes[0] != keys.hashes[3]);
    form_schema.attributes[0].type = FB_KEY_STRING;
    keys = keys_of("{\"id\":{\"S\":\"A\"}}{\"\\u0069d\":{\"S\":\"\\u0041\"}}");
    assert_int_equal(keys.hashes[0], keys.hashes[1]);
}

static void an_item_is_counted_as_plain_json_is(void **state)
{
    static const struct {
        const char *typed, *plain;
    } pairs[] = {
        {"{\"id\":{\"S\":\"a\"}}", "{\"id\":\"a\"}"},
        {"{\"id\":{\"S\":\"a\"},\"n\\u00e9\":{\"N\":\"-12.345\"}}",
         "{\"id\":\"a\",\"n\\u00e9\":-12.345}"},
        {"{\"id\":{\"S\":\"\\ud83d\\ude00\"},\"b\":{\"BOOL\":true},\"z\":{\"NULL\":true}}",
         "{\"id\":\"\\ud83d\\ude00\",\"b\":true,\"z\":null}"},
        {"{\"id\":{\"S\":\"a\"},\"m\":{\"M\":{\"x\":{\"L\":[{\"N\":\"1\"},{\"L\":[]}]},"
         "\"y\":{\"M\":{}}}}}",
         "{\"id\":\"a\",\"m\":{\"x\":[1,[]],\"y\":{}}}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct keys typed, plain;

        read_as(FB_FORMAT_DYNAMODB_JSON);
        typed = keys_of(pairs[i].typed);
        read_as(FB_FORMAT_JSON);
        plain = keys_of(pairs[i].plain);
        assert_int_equal(typed.counted[0], plain.counted[0]);
        assert_int_equal(typed.hashes[0], plain.hashes[0]);
    }
    read_as(FB_FORMAT_DYNAMODB_JSON);
    /* 2 + 1, and names and values of the sets; a binary counts as decoded. */
    assert_int_equal(keys_of("{\"id\":{\"S\":\"a\"},\"b\":{\"B\":\"AAAA\"}}").counted[0],
                     3 + 1 + 3);
    assert_int_equal(keys_of("{\"id\":{\"S\":\"a\"},\"s\":{\"SS\":[\"xx\",\"\"]}}").counted[0],
                     3 + 1 + 2);
    assert_int_equal(
        keys_of("{\"id\":{\"S\":\"a\"},\"s\":{\"BS\":[\"AA==\",\"AAA=\"]}}").counted[0], 3 + 1 + 3);
}

static void an_item_has_400_kb_to_the_byte(void **state)
{
    (void)state;
    form_max_record_size = (size_t)1 << 20;
    for (size_t over = 0; over < 2; over++) {
        struct text text = {0};
        struct form_outcome outcome;

        add(&text, "{\"id\":{\"S\":\"k\"},\"v\":{\"S\":\"");
        add_times(&text, "x", FB_ITEM_MAX_BYTES - 4 + over);
        add(&text, "\"}}");
        outcome = read_form_any_way(text.bytes, text.size);
        assert_int_equal(outcome.last_reason, over == 0 ? FB_DEAD_NONE : FB_DEAD_ITEM_TOO_LARGE);
        free(outcome.told.bytes);
        free(text.bytes);
    }
}

static void a_binary_too_large_for_any_item_is_refused_by_name(void **state)
{
    struct text text = {0};
    struct form_outcome outcome;

    (void)state;
    form_max_record_size = (size_t)1 << 20;
    add(&text, "{\"id\":{\"S\":\"k\"},\"v\":{\"B\":\"");
    add_times(&text, "AAAA", 300000);
    add(&text, "\"}}");
    outcome = read_form_any_way(text.bytes, text.size);
    assert_int_equal(outcome.last_reason, FB_DEAD_ITEM_TOO_LARGE);
    free(outcome.told.bytes);
    free(text.bytes);
}

/* Levels as DynamoDB has them: an item's own map is the first, as in plain JSON. */
static void nesting_goes_to_32_levels(void **state)
{
    (void)state;
    for (size_t deep = 30; deep < 34; deep++) {
        struct text text = {0};
        struct form_outcome outcome;

        add(&text, "{\"id\":{\"S\":\"k\"},\"v\":");
        for (size_t i = 1; i < deep; i++)
            add(&text, i % 2 == 0 ? "{\"L\":[" : "{\"M\":{\"x\":");
        add(&text, "{\"NULL\":true}");
        for (size_t i = deep - 1; i > 0; i--)
            add(&text, i % 2 == 0 ? "]}" : "}}");
        add(&text, "}");
        outcome = read_form_any_way(text.bytes, text.size);
        assert_int_equal(outcome.last_reason, deep <= 32 ? FB_DEAD_NONE : FB_DEAD_TOO_DEEP);
        free(outcome.told.bytes);
        free(text.bytes);
    }
}

static void many_attributes_are_told_apart(void **state)
{
    struct text text = {0};
    char member[64];
    struct form_outcome outcome;

    (void)state;
    form_max_record_size = (size_t)1 << 20;
    add(&text, "{\"id\":{\"S\":\"k\"}");
    for (int i = 0; i < 5000; i++) {
        snprintf(member, sizeof member, ",\"a%d\":{\"N\":\"%d\"}", i, i);
        add(&text, member);
    }
    add(&text, "}");
    outcome = read_form_any_way(text.bytes, text.size);
    assert_int_equal(outcome.items, 1);
    free(outcome.told.bytes);
    text.size--;
    add(&text, ",\"a17\":{\"N\":\"1\"}}");
    outcome = read_form_any_way(text.bytes, text.size);
    assert_int_equal(outcome.last_reason, FB_DEAD_WRONG_FORM);
    free(outcome.told.bytes);
    free(text.bytes);
}

#define CHANGE(name, inside) "{\"eventName\":\"" name "\",\"dynamodb\":{" inside "}}"
#define KEYS_A               "\"Keys\":{\"id\":{\"S\":\"a\"}}"
#define OLD_A                "\"OldImage\":{\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"0\"}}"
#define NEW_A                "\"NewImage\":{\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"1\"}}"

static void changes_are_puts_and_deletes_in_their_order(void **state)
{
    (void)state;
    expect_text(CHANGE("INSERT", KEYS_A "," NEW_A) "\n" CHANGE("MODIFY", OLD_A "," NEW_A "," KEYS_A)
                    CHANGE("REMOVE", KEYS_A "," OLD_A) CHANGE("REMOVE", KEYS_A),
                "0+101 put {\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"1\"}}\n"
                "102+143 put {\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"1\"}}\n"
                "245+101 delete {\"id\":{\"S\":\"a\"}}\n"
                "346+59 delete {\"id\":{\"S\":\"a\"}}\n");
}

static void what_is_no_change_is_refused(void **state)
{
    (void)state;
    expect_dead(CHANGE("UPDATE", KEYS_A "," NEW_A), FB_DEAD_WRONG_FORM, "no change record");
    expect_dead(CHANGE("insert", KEYS_A "," NEW_A), FB_DEAD_WRONG_FORM, "no change record");
    expect_dead("{\"dynamodb\":{" KEYS_A "," NEW_A "}}", FB_DEAD_WRONG_FORM, "no change record");
    expect_dead("{\"eventName\":7,\"dynamodb\":{" KEYS_A "}}", FB_DEAD_WRONG_FORM,
                "no change record");
    expect_dead("{\"eventName\":\"REMOVE\",\"dynamodb\":[]}", FB_DEAD_WRONG_FORM,
                "no change record");
    expect_dead(CHANGE("INSERT", NEW_A), FB_DEAD_WRONG_FORM, "no change record");
    expect_dead(CHANGE("REMOVE", "\"Keys\":{}"), FB_DEAD_WRONG_FORM, "no change record");
    expect_dead(CHANGE("INSERT", KEYS_A), FB_DEAD_WRONG_FORM, "without NewImage");
    expect_dead(CHANGE("MODIFY", KEYS_A "," OLD_A), FB_DEAD_WRONG_FORM, "without NewImage");
    expect_dead(CHANGE("INSERT", KEYS_A ",\"NewImage\":{\"id\":{\"S\":\"b\"}}"), FB_DEAD_WRONG_FORM,
                "another key");
    expect_dead(CHANGE("INSERT", KEYS_A ",\"NewImage\":{\"v\":{\"S\":\"b\"}}"), FB_DEAD_KEY_MISSING,
                "missing: id");
    expect_dead(CHANGE("INSERT", KEYS_A ",\"NewImage\":[]"), FB_DEAD_WRONG_FORM, "an object");
    expect_dead(CHANGE("REMOVE", "\"Keys\":{\"id\":{\"S\":\"a\"},\"x\":{\"S\":\"a\"}}"),
                FB_DEAD_WRONG_FORM, "none of this table");
    expect_dead(CHANGE("REMOVE", "\"Keys\":{\"x\":{\"S\":\"a\"}}"), FB_DEAD_WRONG_FORM,
                "none of this table");
    expect_dead(CHANGE("REMOVE", "\"Keys\":{\"id\":{\"N\":\"1\"}}"), FB_DEAD_KEY_TYPE, "id");
}

static void without_a_schema_the_keys_are_taken_as_they_are(void **state)
{
    (void)state;
    form_schema.count = 0;
    expect_text(CHANGE("REMOVE", KEYS_A), "0+59 delete {\"id\":{\"S\":\"a\"}}\n");
}

static void an_over_long_change_is_one_dead_letter(void **state)
{
    struct text text = {0};
    char expected[160];

    (void)state;
    add(&text, "{\"eventName\":\"INSERT\",\"dynamodb\":{" KEYS_A ",\"NewImage\":{");
    while (text.size < 4 * FORM_MAX_RECORD)
        add(&text, "\"v\":{\"M\":{\"id\":{\"S\":\"n\"}}},\n");
    add(&text, "\"v\":{\"S\":\"\"}}}}");
    snprintf(expected, sizeof expected, "0+%zu record-too-large\n%zu+59 delete %s\n", text.size,
             text.size, "{\"id\":{\"S\":\"a\"}}");
    add(&text, CHANGE("REMOVE", KEYS_A));
    expect_form(text.bytes, text.size, expected);
    free(text.bytes);
}

static void a_damaged_change_hides_no_other(void **state)
{
    (void)state;
    expect_text(CHANGE("REMOVE", KEYS_A) "{\"eventName\":\"INSERT\",\"dyn\n" CHANGE(
                    "REMOVE", KEYS_A) "\n{\"eventName\":}" CHANGE("REMOVE", KEYS_A),
                "0+59 delete {\"id\":{\"S\":\"a\"}}\n"
                "59+26 malformed-json\n"
                "86+59 delete {\"id\":{\"S\":\"a\"}}\n"
                "146+14 malformed-json\n"
                "160+59 delete {\"id\":{\"S\":\"a\"}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_item_of_every_type_passes_as_it_is, as_items),
        cmocka_unit_test_setup(a_value_that_dynamodb_does_not_have_is_refused, as_items),
        cmocka_unit_test_setup(an_export_is_a_line_for_each_item, as_items),
        cmocka_unit_test_setup(an_incremental_export_puts_and_deletes, as_items),
        cmocka_unit_test_setup(what_is_no_typed_item_is_refused, as_items),
        cmocka_unit_test_setup(the_key_must_be_there_as_the_table_has_it, as_items),
        cmocka_unit_test_setup(both_key_attributes_may_be_binary_and_as_long_as_can_be, as_items),
        cmocka_unit_test_setup(spellings_of_one_key_are_one_key, as_items),
        cmocka_unit_test_setup(an_item_is_counted_as_plain_json_is, as_items),
        cmocka_unit_test_setup(an_item_has_400_kb_to_the_byte, as_items),
        cmocka_unit_test_setup(a_binary_too_large_for_any_item_is_refused_by_name, as_items),
        cmocka_unit_test_setup(nesting_goes_to_32_levels, as_items),
        cmocka_unit_test_setup(many_attributes_are_told_apart, as_items),
        cmocka_unit_test_setup(changes_are_puts_and_deletes_in_their_order, as_changes),
        cmocka_unit_test_setup(what_is_no_change_is_refused, as_changes),
        cmocka_unit_test_setup(without_a_schema_the_keys_are_taken_as_they_are, as_changes),
        cmocka_unit_test_setup(an_over_long_change_is_one_dead_letter, as_changes),
        cmocka_unit_test_setup(a_damaged_change_hides_no_other, as_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
