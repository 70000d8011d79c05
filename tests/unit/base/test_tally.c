/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/tally.h"

static void words_are_counted_each_on_its_own(void **state)
{
    struct fb_tally tally;
    struct fb_tally_view view;

    (void)state;
    fb_tally_init(&tally);
    fb_tally_add(&tally, "put", 25);
    fb_tally_add(&tally, "delete", 1);
    fb_tally_add(&tally, "put", 5);
    fb_tally_view(&tally, &view);
    assert_int_equal(view.row_count, 2);
    assert_int_equal(fb_tally_view_count(&view, "put"), 30);
    assert_int_equal(fb_tally_view_count(&view, "delete"), 1);
    assert_int_equal(fb_tally_view_count(&view, "pu"), 0);
    assert_int_equal(fb_tally_view_sum(&view), 31);
    fb_tally_done(&tally);
}

static void words_without_end_fill_the_rows_and_then_count_as_other(void **state)
{
    struct fb_tally tally;
    struct fb_tally_view view;
    char word[32];

    (void)state;
    fb_tally_init(&tally);
    for (int i = 0; i < 1000; i++) {
        snprintf(word, sizeof word, "Code%d", i);
        fb_tally_add(&tally, word, 1);
    }
    fb_tally_view(&tally, &view);
    assert_int_equal(view.row_count, FB_TALLY_MAX_ROWS);
    assert_int_equal(fb_tally_view_count(&view, FB_TALLY_OTHER), 1000 - (FB_TALLY_MAX_ROWS - 1));
    assert_int_equal(fb_tally_view_sum(&view), 1000);
    fb_tally_done(&tally);
}

static void a_long_word_is_cut_and_found_again(void **state)
{
    struct fb_tally_view view = {.row_count = 0};
    char word[200];

    (void)state;
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    fb_tally_view_add(&view, word, 1);
    fb_tally_view_add(&view, word, 1);
    assert_int_equal(view.row_count, 1);
    assert_int_equal(strlen(view.rows[0].word), FB_TALLY_WORD_SIZE - 1);
    assert_int_equal(fb_tally_view_count(&view, word), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_counted_each_on_its_own),
        cmocka_unit_test(words_without_end_fill_the_rows_and_then_count_as_other),
        cmocka_unit_test(a_long_word_is_cut_and_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
