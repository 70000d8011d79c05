/* SPDX-License-Identifier: Apache-2.0 */
#include "form_feed.h"

static int as_logs(void **state)
{
    (void)state;
    read_as(FB_FORMAT_CLOUDWATCH_LOGS);
    return 0;
}

#define DATA(events) "{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logEvents\":[" events "]}"
#define CONTROL                                                                                    \
    "{\"messageType\":\"CONTROL_MESSAGE\",\"owner\":\"C\",\"logEvents\":[{\"id\":\"\","            \
    "\"message\":\"CWL CONTROL MESSAGE: Checking health of destination Firehose.\"}]}"

static void each_event_is_an_item_with_its_messages_members(void **state)
{
    (void)state;
    expect_text("{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"123456789012\",\"logGroup\":\"g\","
                "\"logStream\":\"s\",\"subscriptionFilters\":[\"f\"],\"logEvents\":["
                "{\"id\":\"a\",\"timestamp\":1,\"message\":\"x\\ny\"},"
                "{\"id\":\"b\",\"timestamp\":2,\"message\":\"\"}]}",
                "125+41 put {\"owner\":{\"S\":\"123456789012\"},\"logGroup\":{\"S\":\"g\"},"
                "\"logStream\":{\"S\":\"s\"},\"subscriptionFilters\":{\"L\":[{\"S\":\"f\"}]},"
                "\"id\":{\"S\":\"a\"},\"timestamp\":{\"N\":\"1\"},\"message\":{\"S\":\"x\\ny\"}}\n"
                "167+37 put {\"owner\":{\"S\":\"123456789012\"},\"logGroup\":{\"S\":\"g\"},"
                "\"logStream\":{\"S\":\"s\"},\"subscriptionFilters\":{\"L\":[{\"S\":\"f\"}]},"
                "\"id\":{\"S\":\"b\"},\"timestamp\":{\"N\":\"2\"},\"message\":{\"S\":\"\"}}\n");
}

static void members_behind_the_events_belong_to_them_too(void **state)
{
    (void)state;
    expect_text("{\"logEvents\":[{\"id\":\"a\"}],\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\"}",
                "14+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"}}\n");
}

static void messages_come_one_behind_the_other(void **state)
{
    (void)state;
    expect_text(DATA("{\"id\":\"a\"}") DATA("{\"id\":\"b\"}") "\n" DATA("{\"id\":\"c\"}"),
                "55+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"}}\n"
                "122+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"b\"}}\n"
                "190+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"c\"}}\n");
}

static void a_control_message_is_counted_and_passed_over(void **state)
{
    (void)state;
    expect_text(CONTROL, "passed over 1\n");
    expect_text(CONTROL DATA("{\"id\":\"a\"}") CONTROL DATA(""),
                "198+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"}}\npassed over 3\n");
    expect_text("{\"messageType\":\"CONTROL_MESSAGE\"}", "passed over 1\n");
}

static void what_is_no_message_of_cloudwatch_is_refused(void **state)
{
    (void)state;
    expect_dead("{}", FB_DEAD_WRONG_FORM, "no message of CloudWatch Logs");
    expect_dead("{\"id\":\"a\"}", FB_DEAD_WRONG_FORM, "no message of CloudWatch Logs");
    expect_dead("{\"logEvents\":[{\"id\":\"a\"}]}", FB_DEAD_WRONG_FORM, "messageType");
    expect_dead("{\"messageType\":\"DATA_MESSAGE\"}", FB_DEAD_WRONG_FORM, "logEvents");
    expect_dead("{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":{}}", FB_DEAD_WRONG_FORM,
                "logEvents");
    expect_dead("{\"messageType\":\"OTHER\",\"logEvents\":[{\"id\":\"a\"}]}", FB_DEAD_WRONG_FORM,
                "messageType");
    expect_dead("{\"messageType\":7,\"logEvents\":[{\"id\":\"a\"}]}", FB_DEAD_WRONG_FORM,
                "messageType");
}

static void an_event_that_is_none_costs_itself_alone(void **state)
{
    (void)state;
    expect_text(DATA("{\"id\":\"a\"},7,[{\"id\":\"n\"}],{\"id\":8},{\"id\":\"b\"}"),
                "55+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"}}\n"
                "66+1 wrong-form\n"
                "68+12 wrong-form\n"
                "81+8 key-type\n"
                "90+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"b\"}}\n");
}

static void a_message_that_is_an_object_is_merged_in_when_the_conf_says_so(void **state)
{
    (void)state;
    expect_text(DATA("{\"id\":\"a\",\"message\":\"{\\\"x\\\":1}\"}"),
                "55+32 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"},"
                "\"message\":{\"S\":\"{\\\"x\\\":1}\"}}\n");
    form.unwrap_message = true;
    expect_text(DATA("{\"id\":\"a\",\"message\":\" {\\\"x\\\":[1.50,\\\"\\\\\\\"\\u00e9\\\"]} \"}"),
                "55+54 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"},"
                "\"x\":{\"L\":[{\"N\":\"1.50\"},{\"S\":\"\\\"\xc3\xa9\"}]}}\n");
    /* Without a member there is nothing to merge, but it is an object. */
    expect_text(DATA("{\"message\":\"{}\",\"id\":\"a\"},{\"message\":\"{ }\",\"id\":\"b\"}"),
                "55+25 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"}}\n"
                "81+26 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"b\"}}\n");
}

static void a_message_that_is_no_object_stays_a_string(void **state)
{
    static const char *const messages[] = {
        "",
        " ",
        "plain",
        "7",
        "null",
        "[1]",
        "{",
        "{}x",
        "{} {}",
        "{\\\"x\\\":}",
        "{\\\"x\\\":1",
        "\\\"{}\\\"",
        "{\\u0000}",
        "{}\\u0000",
    };

    (void)state;
    form.unwrap_message = true;
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct form_outcome outcome;
        struct text text = {0};

        add(&text, "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"a\",\"message\":\"");
        add(&text, messages[i]);
        add(&text, "\"}]}");
        outcome = read_form_any_way(text.bytes, text.size);
        assert_int_equal(outcome.items, 1);
        assert_non_null(strstr(outcome.told.bytes, "\"message\":{\"S\":"));
        free(outcome.told.bytes);
        free(text.bytes);
    }
    expect_text(DATA("{\"id\":\"a\",\"message\":{\"x\":1}},{\"id\":\"b\",\"message\":null}"),
                "55+28 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"},"
                "\"message\":{\"M\":{\"x\":{\"N\":\"1\"}}}}\n"
                "84+25 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"b\"},"
                "\"message\":{\"NULL\":true}}\n");
}

static void a_messages_own_members_win(void **state)
{
    (void)state;
    form.unwrap_message = true;
    expect_text(DATA("{\"id\":\"a\",\"message\":\"{\\\"id\\\":\\\"m\\\",\\\"owner\\\":2}\"}"),
                "55+49 put {\"id\":{\"S\":\"m\"},\"owner\":{\"N\":\"2\"}}\n");
    expect_text(DATA("{\"id\":\"a\",\"owner\":\"event\"}"),
                "55+26 put {\"id\":{\"S\":\"a\"},\"owner\":{\"S\":\"event\"}}\n");
}

static void a_message_may_hold_many_records_of_max_record_size(void **state)
{
    struct text text = {0};
    struct form_outcome outcome;
    char event[64];

    (void)state;
    add(&text, "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"0\"}");
    for (int i = 1; text.size < 7 * FORM_MAX_RECORD; i++) {
        snprintf(event, sizeof event, ",{\"id\":\"%d\"}", i);
        add(&text, event);
    }
    add(&text, "]}");
    outcome = read_form_any_way(text.bytes, text.size);
    assert_int_equal(outcome.dead, 0);
    assert_true(outcome.items > 1000);
    free(outcome.told.bytes);
    free(text.bytes);
}

static void an_over_long_message_is_one_dead_letter(void **state)
{
    struct text text = {0};
    char expected[160];

    (void)state;
    add(&text, "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"0\"}");
    while (text.size < 9 * FORM_MAX_RECORD)
        add(&text, ",\n{\"id\":\"x\"}");
    add(&text, "]}");
    snprintf(expected, sizeof expected,
             "0+%zu record-too-large\n%zu+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"}}\n",
             text.size, text.size + 55);
    add(&text, DATA("{\"id\":\"a\"}"));
    expect_form(text.bytes, text.size, expected);
    free(text.bytes);
}

static void an_over_long_event_costs_itself_alone(void **state)
{
    struct text text = {0};
    char expected[160];

    (void)state;
    add(&text, "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"");
    add_times(&text, "x", 2 * FORM_MAX_RECORD);
    add(&text, "\"},{\"id\":\"a\"}]}");
    snprintf(expected, sizeof expected,
             "43+%zu record-too-large\n%zu+10 put {\"id\":{\"S\":\"a\"}}\n",
             2 * FORM_MAX_RECORD + 9, 2 * FORM_MAX_RECORD + 9 + 44);
    expect_form(text.bytes, text.size, expected);
    free(text.bytes);
}

static void too_much_beside_the_events_makes_each_of_them_a_dead_letter(void **state)
{
    struct text text = {0};
    struct form_outcome outcome;

    (void)state;
    form_max_record_size = (size_t)256 << 10;
    add(&text, "{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"");
    add_times(&text, "x", (size_t)65 << 10);
    add(&text, "\",\"logEvents\":[{\"id\":\"a\"},{\"id\":\"b\"}]}");
    outcome = read_form_any_way(text.bytes, text.size);
    assert_int_equal(outcome.dead, 2);
    assert_int_equal(outcome.last_reason, FB_DEAD_RECORD_TOO_LARGE);
    free(outcome.told.bytes);
    free(text.bytes);
}

static void a_damaged_message_hides_no_other(void **state)
{
    (void)state;
    expect_text(DATA("{\"id\":\"a\"}") "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":"
                                       "\"n\"}\n" DATA("{\"id\":\"b\"}"),
                "55+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"a\"}}\n"
                "67+53 malformed-json\n"
                "176+10 put {\"owner\":{\"S\":\"1\"},\"id\":{\"S\":\"b\"}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_event_is_an_item_with_its_messages_members, as_logs),
        cmocka_unit_test_setup(members_behind_the_events_belong_to_them_too, as_logs),
        cmocka_unit_test_setup(messages_come_one_behind_the_other, as_logs),
        cmocka_unit_test_setup(a_control_message_is_counted_and_passed_over, as_logs),
        cmocka_unit_test_setup(what_is_no_message_of_cloudwatch_is_refused, as_logs),
        cmocka_unit_test_setup(an_event_that_is_none_costs_itself_alone, as_logs),
        cmocka_unit_test_setup(a_message_that_is_an_object_is_merged_in_when_the_conf_says_so,
                               as_logs),
        cmocka_unit_test_setup(a_message_that_is_no_object_stays_a_string, as_logs),
        cmocka_unit_test_setup(a_messages_own_members_win, as_logs),
        cmocka_unit_test_setup(a_message_may_hold_many_records_of_max_record_size, as_logs),
        cmocka_unit_test_setup(an_over_long_message_is_one_dead_letter, as_logs),
        cmocka_unit_test_setup(an_over_long_event_costs_itself_alone, as_logs),
        cmocka_unit_test_setup(too_much_beside_the_events_makes_each_of_them_a_dead_letter,
                               as_logs),
        cmocka_unit_test_setup(a_damaged_message_hides_no_other, as_logs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
