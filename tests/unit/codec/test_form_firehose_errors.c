/* SPDX-License-Identifier: Apache-2.0 */
#include "form_feed.h"

static int as_errors(void **state)
{
    (void)state;
    read_as(FB_FORMAT_FIREHOSE_ERRORS);
    return 0;
}

static void add_base64(struct text *out, const char *bytes, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = 0;
        char four[5] = "====";

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < size ? (unsigned char)bytes[i + k] : 0);
        for (size_t k = 0; k < 4 && i + k <= size; k++)
            four[k] = alphabet[bits >> (18 - 6 * k) & 63];
        add(out, four);
    }
}

static struct text error_of(const char *bytes, size_t size)
{
    struct text text = {0};

    add(&text, "{\"errorCode\":\"Lambda.FunctionError\",\"rawData\":\"");
    add_base64(&text, bytes, size);
    add(&text, "\"}");
    return text;
}

/* `items` is what follows "put " for each record in rawData, or a reason. */
static void expect_raw(const char *bytes, size_t size, const char *const *outcomes, size_t count)
{
    struct text text = error_of(bytes, size);
    struct text expected = {0};

    add(&expected, "");
    for (size_t i = 0; i < count; i++) {
        char head[64];

        snprintf(head, sizeof head, "0+%zu %s", text.size, *outcomes[i] == '{' ? "put " : "");
        add(&expected, head);
        add(&expected, outcomes[i]);
        add(&expected, "\n");
    }
    if (count == 0)
        add(&expected, "passed over 1\n");
    expect_form(text.bytes, text.size, expected.bytes);
    free(expected.bytes);
    free(text.bytes);
}

static void what_a_producer_sent_is_the_record(void **state)
{
    static const char *const one[] = {"{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1.50\"}}"};
    static const char *const two[] = {"{\"id\":{\"S\":\"a\"}}", "{\"id\":{\"S\":\"b\"}}"};

    (void)state;
    expect_raw(BYTES("{\"id\":\"a\",\"n\":1.50}"), one, 1);
    expect_raw(BYTES(" {\"id\":\"a\"}\n{\"id\":\"b\"}\r\n"), two, 2);
    expect_raw(BYTES("{\"id\":\"a\"}{\"id\":\"b\"}"), two, 2);
}

static void what_is_no_record_in_raw_data_is_told_and_the_records_before_it_come(void **state)
{
    static const char *const malformed[] = {"malformed-json"};
    static const char *const one_and_malformed[] = {"{\"id\":{\"S\":\"a\"}}", "malformed-json"};
    static const char *const utf8[] = {"invalid-utf8"};
    static const char *const empty[] = {"wrong-form"};
    static const char *const missing_and_good[] = {"key-missing", "{\"id\":{\"S\":\"b\"}}"};

    (void)state;
    expect_raw(BYTES(""), empty, 1);
    expect_raw(BYTES(" \n"), empty, 1);
    expect_raw(BYTES("hello"), malformed, 1);
    expect_raw(BYTES("[{\"id\":\"a\"}]"), malformed, 1);
    expect_raw(BYTES("{\"id\":\"a\""), malformed, 1);
    expect_raw(BYTES("\0"), malformed, 1);
    expect_raw(BYTES("\x1f\x8b\x08"), malformed, 1);
    expect_raw(BYTES("{\"id\":\"a\"}\0"), one_and_malformed, 2);
    expect_raw(BYTES("{\"id\":\"a\"},{\"id\":\"b\"}"), one_and_malformed, 2);
    expect_raw(BYTES("{\"id\":\"\xff\"}"), utf8, 1);
    expect_raw(BYTES("{\"x\":1}{\"id\":\"b\"}"), missing_and_good, 2);
}

static void names_count_without_regard_to_case(void **state)
{
    (void)state;
    expect_text("{\"rawData\":\"eyJpZCI6ImEifQ==\"}", "0+30 put {\"id\":{\"S\":\"a\"}}\n");
    expect_text("{\"RAWDATA\":\"eyJpZCI6ImEifQ==\"}", "0+30 put {\"id\":{\"S\":\"a\"}}\n");
    expect_text("{\"rawdata\":\"eyJpZCI6ImEifQ==\",\"ErrorCode\":7}\n",
                "0+44 put {\"id\":{\"S\":\"a\"}}\n");
}

static void slashes_of_base64_may_be_escaped(void **state)
{
    (void)state;
    /* Its base64 has a slash. */
    expect_text("{\"rawData\":\"eyJpZCI6Ij8\\/PiJ9\"}", "0+31 put {\"id\":{\"S\":\"?\?>\"}}\n");
    expect_text("{\"rawData\":\"eyJpZCI6Ij8\\u002fPiJ9\"}", "0+35 put {\"id\":{\"S\":\"?\?>\"}}\n");
}

static void what_is_no_error_record_is_refused(void **state)
{
    (void)state;
    expect_dead("{}", FB_DEAD_WRONG_FORM, "no rawData");
    expect_dead("{\"id\":\"a\"}", FB_DEAD_WRONG_FORM, "no rawData");
    expect_dead("{\"rawData\":7}", FB_DEAD_WRONG_FORM, "no rawData");
    expect_dead("{\"rawData\":{}}", FB_DEAD_WRONG_FORM, "no rawData");
    expect_dead("{\"x\":{\"rawData\":\"eyJpZCI6ImEifQ==\"}}", FB_DEAD_WRONG_FORM, "no rawData");
    expect_dead("{\"rawData\":\"eyJpZCI6ImEifQ\"}", FB_DEAD_WRONG_FORM, "no base64");
    expect_dead("{\"rawData\":\"eyJpZCI6ImEifQ==\\n\"}", FB_DEAD_WRONG_FORM, "no base64");
}

static void what_a_producer_sent_is_bounded_too(void **state)
{
    struct text record = {0};
    struct text text;
    struct form_outcome outcome;

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        record.size = 0;
        add(&record, "{\"id\":\"a\",\"v\":\"");
        add_times(&record, "x", FORM_MAX_RECORD - record.size - 2 + over);
        add(&record, "\"}");
        text = error_of(record.bytes, record.size);
        outcome = read_form_any_way(text.bytes, text.size);
        assert_int_equal(outcome.last_reason, over == 0 ? FB_DEAD_NONE : FB_DEAD_RECORD_TOO_LARGE);
        assert_int_equal(outcome.last_size, text.size);
        assert_int_equal(outcome.last_text_size, FORM_MAX_RECORD);
        free(outcome.told.bytes);
        free(text.bytes);
    }
    free(record.bytes);
}

static void an_over_long_error_is_one_dead_letter(void **state)
{
    struct text text = {0};
    char expected[160];

    (void)state;
    add(&text, "{\"errorCode\":\"x\",\"rawData\":\"");
    add_times(&text, "AAAA", 3 * FORM_MAX_RECORD);
    add(&text, "\"}");
    snprintf(expected, sizeof expected,
             "0+%zu record-too-large\n%zu+30 put {\"id\":{\"S\":\"a\"}}\n", text.size,
             text.size + 1);
    add(&text, "\n{\"rawData\":\"eyJpZCI6ImEifQ==\"}");
    expect_form(text.bytes, text.size, expected);
    free(text.bytes);
}

static void a_damaged_error_hides_no_other(void **state)
{
    (void)state;
    expect_text("{\"rawData\":\"eyJpZ\n{\"rawData\":\"eyJpZCI6ImEifQ==\"}{\"rawData\":x}"
                "{\"rawData\":\"eyJpZCI6ImEifQ==\"}",
                "0+17 malformed-json\n"
                "18+30 put {\"id\":{\"S\":\"a\"}}\n"
                "48+13 malformed-json\n"
                "61+30 put {\"id\":{\"S\":\"a\"}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_a_producer_sent_is_the_record, as_errors),
        cmocka_unit_test_setup(what_is_no_record_in_raw_data_is_told_and_the_records_before_it_come,
                               as_errors),
        cmocka_unit_test_setup(names_count_without_regard_to_case, as_errors),
        cmocka_unit_test_setup(slashes_of_base64_may_be_escaped, as_errors),
        cmocka_unit_test_setup(what_is_no_error_record_is_refused, as_errors),
        cmocka_unit_test_setup(what_a_producer_sent_is_bounded_too, as_errors),
        cmocka_unit_test_setup(an_over_long_error_is_one_dead_letter, as_errors),
        cmocka_unit_test_setup(a_damaged_error_hides_no_other, as_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
