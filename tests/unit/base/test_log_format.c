/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "firebridge/base/log_line.h"
#include "firebridge/base/status.h"

#define NOW_MS INT64_C(1795341600005) /* 2026-11-22T10:00:00.005Z */

static char output[FB_LOG_OUTPUT_SIZE];

static struct fb_log_line letter(const char *text, const char *object)
{
    return (struct fb_log_line){
        .level = FB_LOG_WARNING,
        .kind = &fb_event_kinds[FB_EVENT_DEAD_LETTER],
        .text = text,
        .values = {[FB_FIELD_STREAM] = "a",
                   [FB_FIELD_OBJECT] = object,
                   [FB_FIELD_RECORD] = "4294967297",
                   [FB_FIELD_CODE_FILE] = "src/x.c",
                   [FB_FIELD_CODE_LINE] = "7",
                   [FB_FIELD_CODE_FUNC] = "f"},
    };
}

static void plain_lines_have_time_level_and_text(void **state)
{
    const struct fb_log_line line = letter("stream a: no", "key");
    size_t size = fb_log_format_plain(&line, NOW_MS, output);

    (void)state;
    assert_string_equal(output, "2026-11-22T10:00:00.005Z warning stream a: no\n");
    assert_int_equal(size, strlen(output));
    fb_log_format_prefixed(&line, NOW_MS, output);
    assert_string_equal(output, "<4>stream a: no\n");
}

static void a_json_line_has_what_the_event_has(void **state)
{
    const struct fb_log_line line = letter("stream a: \"no\"", "k\\e\ny\xc2\x9b");
    size_t size = fb_log_format_json(&line, NOW_MS, output);

    (void)state;
    output[size] = '\0';
    assert_string_equal(
        output,
        "{\"time\":\"2026-11-22T10:00:00.005Z\",\"level\":\"warning\",\"event\":\"dead-letter\","
        "\"message_id\":\"0be39ee49eaf46409772e724398d236c\","
        "\"message\":\"stream a: "
        "\\\"no\\\"\",\"stream\":\"a\",\"object\":\"k\\\\e\\u000ay\\u009b\","
        "\"record\":4294967297,\"code_file\":\"src/x.c\",\"code_line\":7,"
        "\"code_func\":\"f\"}\n");
}

static void a_line_of_debug_is_no_event(void **state)
{
    const struct fb_log_line line = {.level = FB_LOG_DEBUG, .text = "x"};
    size_t size = fb_log_format_json(&line, NOW_MS, output);

    (void)state;
    output[size] = '\0';
    assert_string_equal(
        output, "{\"time\":\"2026-11-22T10:00:00.005Z\",\"level\":\"debug\",\"message\":\"x\"}\n");
}

/* jansson refuses what is no UTF-8, and controls that are not escaped. */
static void expect_json(const struct fb_log_line *line)
{
    size_t size = fb_log_format_json(line, NOW_MS, output);
    json_error_t error;
    json_t *parsed = json_loadb(output, size - 1, JSON_REJECT_DUPLICATES, &error);

    if (parsed == NULL)
        fail_msg("%s at %d: %.*s", error.text, error.position, (int)size, output);
    assert_null(memchr(output, '\n', size - 1));
    assert_int_equal(output[size - 1], '\n');
    json_decref(parsed);
}

static void a_json_line_is_valid_whatever_bytes_a_key_holds(void **state)
{
    static const char *const odd[] = {
        "\xff\xfe",     "\xc3",         "\xc0\x80",         "\xed\xa0\x80", "\xe0\x80\x80",
        "\xf4\x90\x80", "\xf0\x80\x80", "\xf0\x9f\x94\xa5", "\x01\x1f\x7f", "a\"b\\c\r\n\t",
    };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        const struct fb_log_line line = letter("x", odd[i]);

        expect_json(&line);
    }
    for (int first = 1; first < 256; first++)
        for (int second = 1; second < 256; second++) {
            const char key[] = {(char)first, (char)second, 'a', '\0'};
            const struct fb_log_line line = letter("x", key);

            expect_json(&line);
        }
}

static void bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
    const struct fb_log_line line = letter("x", "a\xff\xc3\xa9");
    size_t size = fb_log_format_json(&line, NOW_MS, output);

    (void)state;
    output[size] = '\0';
    assert_non_null(strstr(output, "\"object\":\"a\\ufffd\xc3\xa9\""));
}

static void the_longest_line_is_whole(void **state)
{
    char text[FB_LOG_TEXT_SIZE], key[1025];
    struct fb_log_line line;

    (void)state;
    memset(text, '"', sizeof text - 1);
    memset(key, '\x01', sizeof key - 1);
    text[sizeof text - 1] = key[sizeof key - 1] = '\0';
    line = letter(text, key);
    expect_json(&line);
    assert_non_null(memmem(output, sizeof output, "\"object\":\"\\u0001", 16));
}

static void what_does_not_fit_is_left_out_and_the_line_stays_json(void **state)
{
    char *key = malloc(FB_LOG_OUTPUT_SIZE);
    struct fb_log_line line;

    (void)state;
    assert_non_null(key);
    for (size_t size = FB_LOG_OUTPUT_SIZE / 8; size < FB_LOG_OUTPUT_SIZE; size += 7) {
        memset(key, 'k', size);
        key[size] = '\0';
        line = letter("x", key);
        expect_json(&line);
    }
    free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_have_time_level_and_text),
        cmocka_unit_test(a_json_line_has_what_the_event_has),
        cmocka_unit_test(a_line_of_debug_is_no_event),
        cmocka_unit_test(a_json_line_is_valid_whatever_bytes_a_key_holds),
        cmocka_unit_test(bytes_that_are_no_utf8_become_replacement_characters),
        cmocka_unit_test(the_longest_line_is_whole),
        cmocka_unit_test(what_does_not_fit_is_left_out_and_the_line_stays_json),
    };

    return cmocka_run_group_tests_name("base/log_format", tests, NULL, NULL);
}
