/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/codec/form.h"

static const char *const names[] = {"a", "b", "-", "-", "a"};
static const char *const unknown[] = {"a", "price"};

#define NAMES(list, size)   .list##s = names, .list##_count = (size)
#define NUMBERS(list, size) .number_columns = (list), .number_column_count = (size)

static void what_goes_together_is_taken(void **state)
{
    static const struct fb_form_options good[] = {
        {.format = FB_FORMAT_AUTO},
        {.format = FB_FORMAT_AUTO, .unwrap_message = true},
        {.format = FB_FORMAT_JSON, .delimiter = "\0\1", .delimiter_size = 2},
        {.format = FB_FORMAT_CLOUDWATCH_LOGS, .unwrap_message = true},
        {.format = FB_FORMAT_CSV},
        {.format = FB_FORMAT_CSV, .field_separator = ';', NAMES(column, 2), NUMBERS(names, 2)},
        {.format = FB_FORMAT_CSV, NUMBERS(unknown, 2)},
        {.format = FB_FORMAT_CSV, .delimiter = "\r\n", .delimiter_size = 2},
        {.format = FB_FORMAT_TSV, NAMES(column, 2)},
        {.format = FB_FORMAT_LINES},
        {.format = FB_FORMAT_LINES, .delimiter = "[", .delimiter_size = 1},
        {.format = FB_FORMAT_LINES, .pattern = "^a"},
        {.format = FB_FORMAT_LINES, .pattern = "(a)(b)\\\\1(c)(d)", NAMES(field, 4)},
        {.format = FB_FORMAT_LINES, .pattern = "(a)", NAMES(field, 1), NUMBERS(names, 1)},
        {.format = FB_FORMAT_LINES, .pattern = "[](((]|[^]]|[[:alpha:](]|\\(|[{9999}]{255}{15}"},
        {.format = FB_FORMAT_LINES, .pattern = "([0-9]{1,3}[.])([a-f]{2,})+", NAMES(field, 2)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct fb_error error = {0};

        if (fb_form_options_check(&good[i], &error) != FB_OK)
            fail_msg("case %zu: %s", i, error.message);
    }
}

static const struct {
    struct fb_form_options options;
    const char *message;
} bad[] = {
    {{.format = FB_FORMAT_TSV, .field_separator = ';'},
     "field_separator is for format = csv, and format is tsv"},
    {{.format = FB_FORMAT_AUTO, NAMES(column, 1)},
     "columns is for format = csv or tsv, and format is auto"},
    {{.format = FB_FORMAT_JSON, NUMBERS(names, 1)},
     "types is for format = csv, tsv or lines, and format is json"},
    {{.format = FB_FORMAT_CSV, .pattern = "a"}, "pattern is for format = lines, and format is csv"},
    {{.format = FB_FORMAT_CSV, NAMES(field, 1)}, "fields is for format = lines, and format is csv"},
    {{.format = FB_FORMAT_JSON, .unwrap_message = true},
     "unwrap is for format = cloudwatch-logs or auto, and format is json"},
    {{.format = FB_FORMAT_CSV, .delimiter = "12345678901234567", .delimiter_size = 17},
     "delimiter: over 16 bytes"},
    {{.format = FB_FORMAT_CSV, NAMES(column, 5)}, "columns has \"-\" twice"},
    {{.format = FB_FORMAT_LINES, .pattern = "(1)(2)(3)(4)(5)", NAMES(field, 5)},
     "fields has \"a\" twice"},
    {{.format = FB_FORMAT_CSV, NUMBERS(names, 5)}, "types has \"-\" twice"},
    {{.format = FB_FORMAT_CSV, NAMES(column, 2), NUMBERS(unknown, 2)},
     "types has \"price\", which is none of the columns"},
    {{.format = FB_FORMAT_LINES, NUMBERS(unknown, 1)},
     "types has \"a\", which is none of the fields"},
    {{.format = FB_FORMAT_LINES, NAMES(field, 1)}, "fields is set, but no pattern to cut them out"},
    {{.format = FB_FORMAT_LINES, .pattern = "(a)\\1", NAMES(field, 1)},
     "pattern: a reference back, like \\1, is not for POSIX extended regular expressions"},
    {{.format = FB_FORMAT_LINES, .pattern = "(a"}, "pattern: Unmatched ( or \\("},
    {{.format = FB_FORMAT_LINES, .pattern = "(a)(b)", NAMES(field, 1)},
     "pattern has 2 groups, and fields has 1 name; name every group, with - for one to leave out"},
    {{.format = FB_FORMAT_LINES, .pattern = "(a)"},
     "pattern has 1 group, and fields has 0 names; name every group, with - for one to leave out"},
    {{.format = FB_FORMAT_CSV, .field_separator = '"'},
     "field_separator: a quote or the end of a line separates no fields"},
    {{.format = FB_FORMAT_CSV, .field_separator = '\n'},
     "field_separator: a quote or the end of a line separates no fields"},
    {{.format = FB_FORMAT_AUTO, .delimiter = "{,", .delimiter_size = 2},
     "delimiter: it begins with a bracket, as records of JSON themselves do"},
    {{.format = FB_FORMAT_CSV, .delimiter = "|,", .delimiter_size = 2},
     "delimiter: it holds what separates fields"},
    {{.format = FB_FORMAT_TSV, .delimiter = "\t", .delimiter_size = 1},
     "delimiter: it holds what separates fields"},
    {{.format = FB_FORMAT_CSV, .delimiter = "\"\n", .delimiter_size = 2},
     "delimiter: a quote ends no row of csv"},
};

static void what_does_not_go_together_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fb_error error = {0};

        assert_int_equal(fb_form_options_check(&bad[i].options, &error), FB_INVALID);
        assert_string_equal(error.message, bad[i].message);
    }
}

static void a_pattern_with_too_many_groups_is_refused(void **state)
{
    char pattern[2 * (FB_FIELDS_MAX + 1) + 1] = "";
    const struct fb_form_options options = {.format = FB_FORMAT_LINES, .pattern = pattern};
    struct fb_error error = {0};

    (void)state;
    for (int i = 0; i <= FB_FIELDS_MAX; i++)
        strcat(pattern, "()");
    assert_int_equal(fb_form_options_check(&options, &error), FB_INVALID);
    assert_string_equal(error.message, "pattern: over 63 groups");
}

/* regcomp would take the memory, or the stack, that it asks for. */
static void a_pattern_that_would_not_fit_memory_is_refused(void **state)
{
    static const char *const patterns[] = {
        "((x{1,255}){1,255}){1,255}",
        "x{255}{255}",
        "(((((((((((((x+)+)+)+)+)+)+)+)+)+)+)+)+)",
        "((x{99,}){99,})",
    };

    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const struct fb_form_options options = {.format = FB_FORMAT_LINES, .pattern = patterns[i]};
        struct fb_error error = {0};

        assert_int_equal(fb_form_options_check(&options, &error), FB_INVALID);
        assert_string_equal(error.message, "pattern: too large, it has over 4000 parts with its "
                                           "repetitions written out");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_together_is_taken),
        cmocka_unit_test(what_does_not_go_together_is_named),
        cmocka_unit_test(a_pattern_with_too_many_groups_is_refused),
        cmocka_unit_test(a_pattern_that_would_not_fit_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
