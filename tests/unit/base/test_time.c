/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/time.h"

static void rfc3339_is_read_with_fractions_and_offsets(void **state)
{
    static const struct {
        const char *text;
        int64_t time_ms; /* -1: refused */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-22T10:00:00Z", INT64_C(1795341600000)},
        {"2026-11-22T10:00:00.5Z", INT64_C(1795341600500)},
        {"2026-11-22T10:00:00.123456Z", INT64_C(1795341600123)},
        {"2026-11-22T11:00:00+01:00", INT64_C(1795341600000)},
        {"2026-11-22T04:30:00-05:30", INT64_C(1795341600000)},
        {"2026-11-22 10:00:00Z", INT64_C(1795341600000)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"2023-02-29T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-11-22T24:00:00Z", -1},
        {"2026-11-22T10:00:00", -1},
        {"2026-11-22T10:00:00.Z", -1},
        {"2026-11-22T10:00:00Zx", -1},
        {"2026-11-22T10:00:00+25:00", -1},
        {"2026-11-22", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ms = -1;
        enum fb_status status = fb_time_parse_rfc3339(cases[i].text, &time_ms);

        assert_int_equal(status, cases[i].time_ms < 0 ? FB_INVALID : FB_OK);
        assert_int_equal(time_ms, cases[i].time_ms);
    }
}

static void http_dates_are_read(void **state)
{
    int64_t time_ms = -1;

    (void)state;
    assert_int_equal(fb_time_parse_http_date("Sun, 22 Nov 2026 10:00:00 GMT", &time_ms), FB_OK);
    assert_int_equal(time_ms, INT64_C(1795341600000));
    assert_int_equal(fb_time_parse_http_date("Sun, 22 Nov 2026 10:00:00 CET", &time_ms),
                     FB_INVALID);
    assert_int_equal(fb_time_parse_http_date("Sun, 22 Foo 2026 10:00:00 GMT", &time_ms),
                     FB_INVALID);
    assert_int_equal(fb_time_parse_http_date("yesterday", &time_ms), FB_INVALID);
}

static void what_is_written_reads_as_the_same_time(void **state)
{
    (void)state;
    for (int64_t time_ms = 0; time_ms < INT64_C(4102444800000);
         time_ms += INT64_C(86400000) * 17 + 3601007) {
        char text[FB_TIME_TEXT_SIZE];
        int64_t read_ms = -1;

        fb_time_format_rfc3339(time_ms, text);
        assert_int_equal(fb_time_parse_rfc3339(text, &read_ms), FB_OK);
        assert_int_equal(read_ms, time_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_read_with_fractions_and_offsets),
        cmocka_unit_test(http_dates_are_read),
        cmocka_unit_test(what_is_written_reads_as_the_same_time),
    };

    return cmocka_run_group_tests_name("base/time", tests, NULL, NULL);
}
