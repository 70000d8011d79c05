/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/codec/operation.h"
#include "firebridge/codec/version.h"

/* Behind a text may be read as much as json_text.h demands. */
static const char *with_slack(const char *text, char *out, size_t size)
{
    memset(out, 0, size);
    snprintf(out, size - 64, "%s", text);
    return out;
}

static void versions_are_in_order(void **state)
{
    /* Each is below the next; of one line all are equal. */
    static const char *const numbers[][3] = {
        {"-1E+3", "-1000", "-1000.0"},
        {"-1.5", "-15e-1", "-1.50"},
        {"0", "-0.0", "0e5"},
        {"1E-130", "0.1E-129", "10E-131"},
        {"9", "9.0", "0.9E1"},
        {"10", "1e1", "10.000"},
        {"10.0000000000000000000000000000000000001", "10.0000000000000000000000000000000000001",
         "1.00000000000000000000000000000000000001E1"},
        {"1764201600000", "1.7642016e12", "1764201600000.0"},
        {"1764201600001", "1764201600.001E3", "1764201600001"},
    };
    enum { COUNT = sizeof numbers / sizeof *numbers };
    char a[256], b[256], text[128];

    (void)state;
    for (size_t i = 0; i < 3 * COUNT; i++)
        for (size_t j = 0; j < 3 * COUNT; j++) {
            struct fb_version x, y;
            int order;

            snprintf(text, sizeof text, "{\"N\":\"%s\"}", numbers[i / 3][i % 3]);
            x = fb_version_of(with_slack(text, a, sizeof a), strlen(text));
            snprintf(text, sizeof text, "{\"N\":\"%s\"}", numbers[j / 3][j % 3]);
            y = fb_version_of(with_slack(text, b, sizeof b), strlen(text));
            order = fb_version_compare(&x, &y);
            assert_int_equal((order > 0) - (order < 0), (i / 3 > j / 3) - (i / 3 < j / 3));
        }
}

static void strings_are_compared_by_the_bytes_they_mean(void **state)
{
    static const char *const strings[][2] = {
        {"", ""},         {"\\u0000", "\\u0000"},  {"A", "\\u0041"},
        {"a", "\\u0061"}, {"a\\n", "a\\u000a"},    {"aa", "\\u0061a"},
        {"b", "b"},       {"\xc3\xa4", "\\u00e4"}, {"\xf0\x9f\x98\x80", "\\ud83d\\ude00"},
    };
    enum { COUNT = sizeof strings / sizeof *strings };
    char a[256], b[256], text[128];

    (void)state;
    for (size_t i = 0; i < 2 * COUNT; i++)
        for (size_t j = 0; j < 2 * COUNT; j++) {
            struct fb_version x, y;
            int order;

            snprintf(text, sizeof text, "{\"S\":\"%s\"}", strings[i / 2][i % 2]);
            x = fb_version_of(with_slack(text, a, sizeof a), strlen(text));
            snprintf(text, sizeof text, "{\"S\":\"%s\"}", strings[j / 2][j % 2]);
            y = fb_version_of(with_slack(text, b, sizeof b), strlen(text));
            order = fb_version_compare(&x, &y);
            assert_int_equal((order > 0) - (order < 0), (i / 2 > j / 2) - (i / 2 < j / 2));
        }
}

static void a_version_is_found_in_an_item(void **state)
{
    static const struct {
        const char *item;
        const char *found; /* NULL: none */
    } cases[] = {
        {"{\"v\":{\"N\":\"5\"}}", "{\"N\":\"5\"}"},
        {"{\"a\":{\"M\":{\"v\":{\"N\":\"1\"}}},\"v\":{\"S\":\"x\\\"y\"}}", "{\"S\":\"x\\\"y\"}"},
        {"{\"\\u0076\":{\"N\":\"5\"}}", "{\"N\":\"5\"}"},
        {"{\"v\":{\"BOOL\":true}}", NULL},
        {"{\"v\":{\"NULL\":true}}", NULL},
        {"{\"v\":{\"SS\":[\"x\"]}}", NULL},
        {"{\"v\":{\"L\":[]}}", NULL},
        {"{\"vv\":{\"N\":\"5\"},\"a\":{\"S\":\"\\\"v\\\":{\"}}", NULL},
        {"{}", NULL},
    };
    char item[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_version version;
        const bool found =
            fb_version_find(with_slack(cases[i].item, item, sizeof item), "v", 1, &version);

        assert_int_equal(found, cases[i].found != NULL);
        if (!found)
            continue;
        assert_int_equal(version.size, strlen(cases[i].found));
        assert_memory_equal(version.bytes, cases[i].found, version.size);
        assert_int_equal(version.type, cases[i].found[2]);
    }
}

static void every_operation_is_found_by_its_name(void **state)
{
    enum fb_operation found = FB_LEAVE_OUT;

    (void)state;
    for (int i = 0; i < FB_LEAVE_OUT; i++) {
        const char *name = fb_operation_name((enum fb_operation)i);

        assert_true(fb_operation_find(name, strlen(name), &found));
        assert_int_equal(found, i);
        assert_non_null(strstr(FB_OPERATION_NAMES, name));
        assert_false(fb_operation_find(name, strlen(name) - 1, &found));
    }
    assert_false(fb_operation_find("leave-out", 9, &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_in_order),
        cmocka_unit_test(strings_are_compared_by_the_bytes_they_mean),
        cmocka_unit_test(a_version_is_found_in_an_item),
        cmocka_unit_test(every_operation_is_found_by_its_name),
    };

    return cmocka_run_group_tests_name("codec/version", tests, NULL, NULL);
}
