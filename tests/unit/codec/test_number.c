/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "firebridge/codec/number.h"

#define ONES_37 "1111111111111111111111111111111111111"
#define ONES_38 ONES_37 "1"

/* Every counted size and every refusal as DynamoDB Local 1.25 answered it. */
struct number_case {
    const char *text;
    enum fb_dead_reason reason;
    uint32_t counted;
};

static void limits_and_sizes_are_dynamodbs(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0, 1},
        {"-0", 0, 1},
        {"0.0", 0, 1},
        {"-0.0", 0, 1},
        {"0E400", 0, 1},
        {"0e-400", 0, 1},
        {"0E2147483647", 0, 1},
        {"0E2147483648", FB_DEAD_NUMBER_RANGE, 0},
        {"0E-2147483647", 0, 1},
        {"0.0E-2147483647", FB_DEAD_NUMBER_RANGE, 0},
        {"0e99999999999999999999", FB_DEAD_NUMBER_RANGE, 0},
        {"1", 0, 2},
        {"-1", 0, 3},
        {"10", 0, 2},
        {"12", 0, 2},
        {"100", 0, 2},
        {"123", 0, 3},
        {"1234", 0, 3},
        {"12345", 0, 4},
        {"-12345", 0, 5},
        {"1.5", 0, 3},
        {"10.5", 0, 3},
        {"0.1", 0, 2},
        {"0.01", 0, 2},
        {"0.001", 0, 2},
        {"0.0012", 0, 2},
        {"0.00123", 0, 3},
        {"0.011", 0, 3},
        {"123.4", 0, 4},
        {"12.34", 0, 3},
        {"1e5", 0, 2},
        {"1.23e5", 0, 3},
        {"1200", 0, 2},
        {"12000", 0, 3},
        {"1001", 0, 3},
        {"10001", 0, 4},
        {"100.001", 0, 5},
        {ONES_37, 0, 20},
        {ONES_38, 0, 20},
        {"-" ONES_38, 0, 21},
        {ONES_38 "0", 0, 21},
        {ONES_38 "1", FB_DEAD_NUMBER_PRECISION, 0},
        {"0.0000000000" ONES_38, 0, 20},
        {"1.00000000000000000000000000000000000000000000000000", 0, 2},
        {"1.000000000000000000000000000000000000000000000000001", FB_DEAD_NUMBER_PRECISION, 0},
        {"1234567890123456789012345678901234567890E-1", FB_DEAD_NUMBER_PRECISION, 0},
        {"1E125", 0, 2},
        {"9.9999999999999999999999999999999999999E125", 0, 20},
        {"9.99999999999999999999999999999999999999E125", FB_DEAD_NUMBER_PRECISION, 0},
        {"1E126", FB_DEAD_NUMBER_RANGE, 0},
        {"10E125", FB_DEAD_NUMBER_RANGE, 0},
        {"0.00001E130", 0, 2},
        {"12300000E120", FB_DEAD_NUMBER_RANGE, 0},
        {"1E400", FB_DEAD_NUMBER_RANGE, 0},
        {"1e99999999999999999999", FB_DEAD_NUMBER_RANGE, 0},
        {"1e0000000000000000000000000125", 0, 2},
        {"1E-130", 0, 2},
        {"-1E-130", 0, 3},
        {"1E-129", 0, 2},
        {"1.1E-130", 0, 3},
        {"10E-131", 0, 2},
        {"0.9E-130", FB_DEAD_NUMBER_RANGE, 0},
        {"9.9E-131", FB_DEAD_NUMBER_RANGE, 0},
        {"1E-131", FB_DEAD_NUMBER_RANGE, 0},
        {"1e-99999999999999999999", FB_DEAD_NUMBER_RANGE, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fb_number number;
        const char *at;
        const char *end = fb_number_scan(cases[i].text, &number, &at);

        if (end == NULL || *end != '\0' || fb_number_check(&number) != cases[i].reason)
            fail_msg("%s", cases[i].text);
        if (cases[i].reason == 0 && fb_number_counted_bytes(&number) != cases[i].counted)
            fail_msg("%s counts %u", cases[i].text, fb_number_counted_bytes(&number));
    }
}

static void the_grammar_is_rfc_8259s(void **state)
{
    static const struct {
        const char *text;
        size_t at; /* of the byte that is wrong */
    } bad[] = {{"", 0},   {"-", 1},   {"+1", 0},  {".5", 0}, {"1.", 2},   {"1.e5", 2},
               {"1e", 2}, {"1e+", 3}, {"-.5", 1}, {"-a", 1}, {"1.5E-", 5}};
    struct fb_number number;
    const char *at;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (fb_number_scan(bad[i].text, &number, &at) != NULL)
            fail_msg("%s", bad[i].text);
        assert_int_equal(at - bad[i].text, bad[i].at);
    }
    /* A zero ends where a digit follows; what follows is not its business. */
    assert_string_equal(fb_number_scan("01", &number, &at), "1");
    assert_string_equal(fb_number_scan("-0x", &number, &at), "x");
    assert_string_equal(fb_number_scan("1.5e+7,", &number, &at), ",");
}

static void all_spellings_of_a_value_have_one_canonical_form(void **state)
{
    static const struct {
        const char *text;
        const char *canonical;
    } cases[] = {
        {"1", "1E0"},
        {"1.0", "1E0"},
        {"10e-1", "1E0"},
        {"0.1e1", "1E0"},
        {"100", "1E2"},
        {"1E2", "1E2"},
        {"-120.50", "-1205E-1"},
        {"-1205e-1", "-1205E-1"},
        {"0", "0"},
        {"-0", "0"},
        {"0.000", "0"},
        {"0E9", "0"},
        {"0.00123", "123E-5"},
        {"123e-5", "123E-5"},
        {"1E-130", "1E-130"},
        {ONES_38 "E87", ONES_38 "E87"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[FB_NUMBER_CANONICAL_MAX + 1];
        struct fb_number number;
        const char *at;

        assert_non_null(fb_number_scan(cases[i].text, &number, &at));
        out[fb_number_canonical(&number, out)] = '\0';
        assert_string_equal(out, cases[i].canonical);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_and_sizes_are_dynamodbs),
        cmocka_unit_test(the_grammar_is_rfc_8259s),
        cmocka_unit_test(all_spellings_of_a_value_have_one_canonical_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
