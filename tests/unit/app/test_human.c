/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/app/human.h"
#include "../../../src/app/window.h"

static void bytes_have_the_unit_that_reads_best(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"},
                 {1023, "1023 B"},
                 {1024, "1.0 KiB"},
                 {12897485, "12.3 MiB"},
                 {1048575, "1.0 MiB"},
                 {UINT64_C(5368709120), "5.0 GiB"},
                 {UINT64_MAX, "16.0 EiB"}};
    char text[FB_HUMAN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(fb_human_bytes(cases[i].bytes, text), cases[i].text);
}

static void durations_have_two_units_at_most(void **state)
{
    static const struct {
        int64_t duration_ms;
        const char *text;
    } cases[] = {{-5000, "0 s"},       {999, "0 s"},        {59999, "59 s"},
                 {60000, "1 min"},     {3599999, "59 min"}, {7500000, "2 h 5 min"},
                 {86400000, "1 d 0 h"}};
    char text[FB_HUMAN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(fb_human_duration(cases[i].duration_ms, text), cases[i].text);
    (void)fb_human_duration(INT64_MAX, text);
}

static void counts_are_cut_into_thousands(void **state)
{
    char text[FB_HUMAN_SIZE];

    (void)state;
    assert_string_equal(fb_human_count(0, text), "0");
    assert_string_equal(fb_human_count(999, text), "999");
    assert_string_equal(fb_human_count(1000, text), "1,000");
    assert_string_equal(fb_human_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static void a_text_is_cut_and_has_no_controls(void **state)
{
    char text[6];

    (void)state;
    assert_string_equal(fb_human_text(NULL, text, sizeof text), "-");
    assert_string_equal(fb_human_text("a\x1b\xc2\x9b", text, sizeof text), "a???");
    assert_string_equal(fb_human_text("1234\xc3\xa9", text, sizeof text), "1234?");
}

static void look(struct fb_window *window, int64_t now_ms, uint64_t records)
{
    const uint64_t values[FB_WINDOW_VALUES] = {[FB_WINDOW_RECORDS] = records};

    fb_window_look(window, now_ms, values);
}

static void a_rate_is_that_of_the_last_minute(void **state)
{
    struct fb_window window = {0};

    (void)state;
    assert_true(fb_window_rate(&window, FB_WINDOW_RECORDS) == 0);
    look(&window, 1000, 0);
    assert_true(fb_window_rate(&window, FB_WINDOW_RECORDS) == 0);
    look(&window, 1500, 99); /* too soon after the last */
    look(&window, 3000, 200);
    assert_true(fb_window_rate(&window, FB_WINDOW_RECORDS) == 100);
    for (int64_t i = 2; i < 100; i++)
        look(&window, 1000 + 2000 * i, 200);
    assert_true(fb_window_rate(&window, FB_WINDOW_RECORDS) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_the_unit_that_reads_best),
        cmocka_unit_test(durations_have_two_units_at_most),
        cmocka_unit_test(counts_are_cut_into_thousands),
        cmocka_unit_test(a_text_is_cut_and_has_no_controls),
        cmocka_unit_test(a_rate_is_that_of_the_last_minute),
    };

    return cmocka_run_group_tests_name("app/human", tests, NULL, NULL);
}
