/* SPDX-License-Identifier: Apache-2.0 */
/* What a run folds into, and where it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/pipeline/run.h"

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};

static struct fb_mapping *mapping;
static struct fb_run *run;
static uint64_t next_number;

static int make_run(void **state)
{
    static const struct fb_map_assignment items[] = {
        {"id", "{id}", false},
        {"last", "{t}", false},
        {"n", "{n}", true},
        {"odd \"name\"", "{m}", true},
    };
    const struct fb_mapping_options options = {
        .items = items, .item_count = 4, .write = "add", .missing = FB_MAP_MISSING_DROP};
    struct fb_run_options run_options = {.table = "t", .schema = &schema, .max_bytes = 100000};

    (void)state;
    next_number = 0;
    if (fb_mapping_new(&options, 1, &mapping, NULL) != FB_OK)
        return -1;
    run_options.mapping = mapping;
    return fb_run_new(&run_options, &run, NULL) == FB_OK ? 0 : -1;
}

static int free_run(void **state)
{
    (void)state;
    fb_run_free(run);
    fb_mapping_free(mapping);
    return 0;
}

static enum fb_status take(enum fb_operation operation, const char *id, const char *item)
{
    char key[300];
    struct fb_record record = {
        .number = next_number,
        .offset_bytes = next_number * 100,
        .text = "{...}",
        .text_size = 5,
        .size_bytes = 5,
        .operation = operation,
        .item = item,
        .item_size = strlen(item),
        .key = key,
        .key_size = 3 + strlen(id),
        .key_hash = (unsigned char)id[0] % 7U,
    };
    enum fb_status status;

    snprintf(key, sizeof key, "S%c%c%s", 1, (char)strlen(id), id);
    status = fb_run_take(run, &record);
    next_number += status == FB_OK;
    return status;
}

static enum fb_status add(const char *id, const char *rest)
{
    char item[1000];

    snprintf(item, sizeof item, "{\"id\":{\"S\":\"%s\"}%s}", id, rest);
    return take(FB_ADD, id, item);
}

/* All actions of the fold, one a line. */
static void expect_actions(const char *expected)
{
    struct fb_transact_action actions[FB_RUN_MAX_KEYS];
    struct fb_buffer out;
    char text[8192] = "";
    size_t count = 0;

    fb_buffer_init(&out, 1 << 20);
    assert_int_equal(fb_run_compose(run, &out, actions, &count), FB_OK);
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s\n", (int)actions[i].size,
                 actions[i].text);
    assert_string_equal(text, expected);
    fb_buffer_done(&out);
}

static void additions_of_a_key_are_summed_and_the_last_is_set(void **state)
{
    (void)state;
    assert_int_equal(add("a", ",\"last\":{\"S\":\"x\"},\"n\":{\"N\":\"1\"}"), FB_OK);
    assert_int_equal(add("b", ",\"n\":{\"N\":\"0.1\"}"), FB_OK);
    assert_int_equal(add("a", ",\"last\":{\"M\":{\"y\":{\"S\":\"}\"}}},\"n\":{\"N\":\"2.50\"}"),
                     FB_OK);
    assert_int_equal(add("a", ",\"n\":{\"N\":\"-1e1\"},\"odd \\\"name\\\"\":{\"N\":\"7\"}"), FB_OK);
    expect_actions(
        "{\"Update\":{\"TableName\":\"t\",\"Key\":{\"id\":{\"S\":\"a\"}},\"UpdateExpression\":"
        "\"ADD "
        "#2 :2,#3 :3 SET #1=:1\",\"ExpressionAttributeNames\":{\"#1\":\"last\",\"#2\":\"n\",\"#3\":"
        "\"odd \\\"name\\\"\"},\"ExpressionAttributeValues\":{\":1\":{\"M\":{\"y\":{\"S\":\"}\"}}},"
        "\":2\":{\"N\":\"-6.5\"},\":3\":{\"N\":\"7\"}}}}\n"
        "{\"Update\":{\"TableName\":\"t\",\"Key\":{\"id\":{\"S\":\"b\"}},\"UpdateExpression\":"
        "\"ADD "
        "#2 "
        ":2\",\"ExpressionAttributeNames\":{\"#2\":\"n\"},\"ExpressionAttributeValues\":{\":2\":{"
        "\"N\":\"0.1\"}}}}\n");
    assert_int_equal(fb_run_fold_tally(run).items, 2);
    assert_int_equal(fb_run_fold_tally(run).records, 4);
}

static void a_record_that_neither_adds_nor_sets_is_no_action(void **state)
{
    (void)state;
    assert_int_equal(add("a", ""), FB_OK);
    expect_actions("");
}

static void of_puts_and_deletes_the_later_counts_and_an_addition_ends_the_run(void **state)
{
    (void)state;
    assert_int_equal(take(FB_PUT, "a", "{\"id\":{\"S\":\"a\"},\"x\":{\"N\":\"1\"}}"), FB_OK);
    assert_int_equal(take(FB_DELETE, "a", "{\"id\":{\"S\":\"a\"}}"), FB_OK);
    assert_int_equal(take(FB_DELETE, "b", "{\"id\":{\"S\":\"b\"}}"), FB_OK);
    assert_int_equal(take(FB_PUT, "b", "{\"id\":{\"S\":\"b\"}}"), FB_OK);
    assert_int_equal(fb_run_fold_tally(run).by_operation[FB_DELETE], 1);
    assert_int_equal(add("a", ",\"n\":{\"N\":\"1\"}"), FB_TOO_LARGE);
    assert_int_equal(add("c", ",\"n\":{\"N\":\"1\"}"), FB_OK);
    assert_int_equal(take(FB_PUT, "c", "{\"id\":{\"S\":\"c\"}}"), FB_TOO_LARGE);
    expect_actions("{\"Delete\":{\"TableName\":\"t\",\"Key\":{\"id\":{\"S\":\"a\"}}}}\n"
                   "{\"Put\":{\"TableName\":\"t\",\"Item\":{\"id\":{\"S\":\"b\"}}}}\n"
                   "{\"Update\":{\"TableName\":\"t\",\"Key\":{\"id\":{\"S\":\"c\"}},"
                   "\"UpdateExpression\":\"ADD #2 :2\",\"ExpressionAttributeNames\":{\"#2\":\"n\"},"
                   "\"ExpressionAttributeValues\":{\":2\":{\"N\":\"1\"}}}}\n");
}

static void a_run_has_as_many_keys_as_a_transaction_beside_the_marker(void **state)
{
    char id[8];

    (void)state;
    for (unsigned i = 0; i < FB_RUN_MAX_KEYS; i++) {
        snprintf(id, sizeof id, "%u", i);
        assert_int_equal(add(id, ",\"n\":{\"N\":\"1\"}"), FB_OK);
    }
    assert_int_equal(add("98", ",\"n\":{\"N\":\"1\"}"), FB_OK);
    assert_int_equal(add("99", ",\"n\":{\"N\":\"1\"}"), FB_TOO_LARGE);
    assert_int_equal(fb_run_count(run), FB_RUN_MAX_KEYS + 1);
    fb_run_clear(run);
    assert_int_equal(add("99", ",\"n\":{\"N\":\"1\"}"), FB_OK);
}

/* The record is left to DynamoDB, which has another number to add it to. */
static void a_sum_over_38_digits_ends_the_run_and_leaves_what_it_was(void **state)
{
    (void)state;
    assert_int_equal(add("a", ",\"n\":{\"N\":\"1e37\"},\"odd \\\"name\\\"\":{\"N\":\"1\"}"), FB_OK);
    assert_int_equal(add("a", ",\"n\":{\"N\":\"1\"},\"odd \\\"name\\\"\":{\"N\":\"1e-40\"}"),
                     FB_TOO_LARGE);
    expect_actions(
        "{\"Update\":{\"TableName\":\"t\",\"Key\":{\"id\":{\"S\":\"a\"}},\"UpdateExpression\":"
        "\"ADD "
        "#2 :2,#3 :3\",\"ExpressionAttributeNames\":{\"#2\":\"n\",\"#3\":\"odd \\\"name\\\"\"},"
        "\"ExpressionAttributeValues\":{\":2\":{\"N\":\"10000000000000000000000000000000000000\"},"
        "\":3\":{\"N\":\"1\"}}}}\n");
}

static void memory_ends_a_run_but_never_its_first_record(void **state)
{
    char *item = malloc(120000);
    unsigned taken = 0;

    (void)state;
    assert_non_null(item);
    memset(item, ' ', 120000);
    memcpy(item, "{\"id\":{\"S\":\"a\"}", 15);
    strcpy(item + 119990, "}");
    assert_int_equal(take(FB_PUT, "a", item), FB_OK);
    assert_int_equal(add("b", ",\"n\":{\"N\":\"1\"}"), FB_TOO_LARGE);
    fb_run_clear(run);
    while (add("b", ",\"n\":{\"N\":\"1\"}") == FB_OK)
        taken++;
    assert_in_range(taken, 300, 1000);
    free(item);
}

static void a_part_is_folded_anew_without_what_is_settled(void **state)
{
    struct fb_record record;

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(add(i % 2 == 0 ? "a" : "b", ",\"n\":{\"N\":\"1\"}"), FB_OK);
    fb_run_drop(run, 2);
    assert_int_equal(fb_run_fold(run, 1, 4), 4);
    assert_int_equal(fb_run_fold_tally(run).items, 1);
    assert_int_equal(fb_run_fold_tally(run).records, 2);
    record = fb_run_record(run, 3);
    assert_int_equal(record.number, 3);
    assert_int_equal(record.offset_bytes, 300);
    assert_memory_equal(record.text, "{...}", 5);
}

/* What cancels itself out in the whole need not do so in a part. */
static void a_part_may_end_before_the_whole_does(void **state)
{
    (void)state;
    assert_int_equal(add("a", ",\"n\":{\"N\":\"1e37\"}"), FB_OK);
    assert_int_equal(add("a", ",\"n\":{\"N\":\"-1e37\"}"), FB_OK);
    assert_int_equal(add("a", ",\"n\":{\"N\":\"1e-9\"}"), FB_OK);
    assert_int_equal(fb_run_fold(run, 0, 3), 3);
    assert_int_equal(fb_run_fold(run, 1, 3), 2);
    assert_int_equal(fb_run_fold(run, 2, 3), 3);
}

static void a_record_is_at_fault_when_its_action_is_made_of_it_alone(void **state)
{
    struct fb_transact_action actions[FB_RUN_MAX_KEYS];
    struct fb_buffer out;
    size_t count = 0;

    (void)state;
    assert_int_equal(add("a", ",\"n\":{\"N\":\"1\"}"), FB_OK);
    assert_int_equal(add("b", ""), FB_OK);
    assert_int_equal(add("c", ",\"n\":{\"N\":\"1\"}"), FB_OK);
    assert_int_equal(add("a", ",\"n\":{\"N\":\"1\"}"), FB_OK);
    fb_buffer_init(&out, 1 << 20);
    assert_int_equal(fb_run_compose(run, &out, actions, &count), FB_OK);
    assert_int_equal(count, 2);
    actions[0].is_refused = true;
    actions[1].is_refused = true;
    assert_false(fb_run_is_at_fault(run, actions, 0));
    assert_false(fb_run_is_at_fault(run, actions, 1));
    assert_true(fb_run_is_at_fault(run, actions, 2));
    assert_false(fb_run_is_at_fault(run, actions, 3));
    actions[1].is_refused = false;
    assert_false(fb_run_is_at_fault(run, actions, 2));
    fb_buffer_done(&out);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_run, free_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(additions_of_a_key_are_summed_and_the_last_is_set),
        CASE(a_record_that_neither_adds_nor_sets_is_no_action),
        CASE(of_puts_and_deletes_the_later_counts_and_an_addition_ends_the_run),
        CASE(a_run_has_as_many_keys_as_a_transaction_beside_the_marker),
        CASE(a_sum_over_38_digits_ends_the_run_and_leaves_what_it_was),
        CASE(memory_ends_a_run_but_never_its_first_record),
        CASE(a_part_is_folded_anew_without_what_is_settled),
        CASE(a_part_may_end_before_the_whole_does),
        CASE(a_record_is_at_fault_when_its_action_is_made_of_it_alone),
    };

    return cmocka_run_group_tests_name("pipeline/run", tests, NULL, NULL);
}
