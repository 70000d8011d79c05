/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_line_gives_the_letter_again(void **state)
{
    static struct fb_state_object object = {.key = "a/\xf0\x9f\x94\xa5\n\"b\"", .etag = "e1"};
    const struct fb_letter_context context = {
        .stream = "s", .bucket = "b", .time_ms = 1795341600123};
    const struct fb_dead_letter letter = {.object = &object,
                                          .record_number = 7,
                                          .offset_bytes = 70,
                                          .size_bytes = 6,
                                          .format = FB_FORMAT_CSV,
                                          .reason = "key-missing",
                                          .message = "no \"id\"",
                                          .text = "a,\0\xff\n,",
                                          .text_size = 6};
    struct fb_letter read;
    size_t size = 0;
    char *line = fb_letter_format(&context, &letter, &size);

    (void)state;
    assert_non_null(line);
    assert_int_equal(line[size - 1], '\n');
    assert_null(memchr(line, '\n', size - 1));
    assert_int_equal(fb_letter_parse(line, size - 1, &read, NULL), FB_OK);
    assert_string_equal(read.key, object.key);
    assert_string_equal(read.etag, "e1");
    assert_string_equal(read.reason, "key-missing");
    assert_string_equal(read.bucket, "b");
    assert_int_equal(read.record_number, 7);
    assert_int_equal(read.offset_bytes, 70);
    assert_int_equal(read.size_bytes, 6);
    assert_int_equal(read.time_ms, 1795341600123);
    assert_int_equal(read.format, FB_FORMAT_CSV);
    assert_int_equal(read.text_size, 6);
    assert_memory_equal(read.text, letter.text, 6);
    fb_letter_done(&read);
    free(line);
}

static void of_an_over_long_record_the_first_bytes_are_there(void **state)
{
    static struct fb_state_object object = {.key = "k", .etag = "e"};
    const struct fb_letter_context context = {.stream = "s", .bucket = "b"};
    const struct fb_dead_letter letter = {.object = &object,
                                          .size_bytes = 9000,
                                          .reason = "record-too-large",
                                          .message = "m",
                                          .text = "abc",
                                          .text_size = 3};
    struct fb_letter read;
    size_t size = 0;
    char *line = fb_letter_format(&context, &letter, &size);

    (void)state;
    assert_non_null(line);
    assert_int_equal(fb_letter_parse(line, size - 1, &read, NULL), FB_OK);
    assert_int_equal(read.size_bytes, 9000);
    assert_int_equal(read.text_size, 3);
    fb_letter_done(&read);
    free(line);
}

#define LINE(id, rest)                                                                             \
    "{\"id\":{" id "},\"bucket\":\"b\",\"time\":\"2026-11-22T10:00:00Z\",\"reason\":\"r\","        \
    "\"message\":\"m\"," rest "}"
#define ID "\"key\":\"k\",\"etag\":\"e\",\"record\":1"

static void a_letter_that_failed_again_has_the_new_reason_and_all_else(void **state)
{
    static const char line[] = "{\"id\":{\"record\":1},\"reason\":\"old\",\"message\":\"m\","
                               "\"mine\":\"stays\",\"bytes\":\"YQ==\"}";
    size_t size = 0;
    char *told = fb_letter_retell(line, strlen(line), "new", "n\xff", 1795341600000, &size);

    (void)state;
    assert_non_null(told);
    assert_int_equal(told[size - 1], '\n');
    told[size - 1] = '\0';
    assert_string_equal(told, "{\"id\":{\"record\":1},\"reason\":\"new\",\"message\":\"n?\","
                              "\"mine\":\"stays\",\"bytes\":\"YQ==\","
                              "\"redriven\":\"2026-11-22T10:00:00Z\"}");
    free(told);
    assert_null(fb_letter_retell("[1]", 3, "new", "n", 0, &size));
    assert_null(fb_letter_retell("{", 1, "new", "n", 0, &size));
}

static void what_is_no_letter_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *line, *reason;
    } cases[] = {
        {"", "no JSON object"},
        {"{\"id\":{\"key\":\"to", "no JSON object"},
        {"[]", "no dead letter"},
        {"{}", "no dead letter"},
        {LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"YQ==\"") "x", "no JSON object"},
        {LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"YQ==\",\"size\":1"), "no JSON object"},
        {LINE("\"key\":\"k\",\"etag\":\"e\",\"record\":-1",
              "\"offset\":0,\"size\":1,\"bytes\":\"YQ==\""),
         "below zero"},
        {LINE("\"key\":5,\"etag\":\"e\",\"record\":1",
              "\"offset\":0,\"size\":1,\"bytes\":\"YQ==\""),
         "no dead letter"},
        {LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"YR==\""), "no base64"},
        {LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"YQ\""), "no base64"},
        {LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\" YQ==\""), "no base64"},
        {LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"=\""), "no base64"},
        {LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"====\""), "no base64"},
        {LINE(ID, "\"offset\":0,\"size\":0,\"bytes\":\"YQ==\""), "more bytes"},
        {LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"YQ==\",\"format\":\"x\""), "format"},
    };
    struct fb_error error;
    struct fb_letter read;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fb_letter_parse(cases[i].line, strlen(cases[i].line), &read, &error),
                         FB_INVALID);
        if (strstr(error.message, cases[i].reason) == NULL)
            fail_msg("%s: %s", cases[i].line, error.message);
    }
    assert_int_equal(fb_letter_parse(LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"YQ==\""),
                                     strlen(LINE(ID, "\"offset\":0,\"size\":1,\"bytes\":\"YQ==\"")),
                                     &read, &error),
                     FB_OK);
    fb_letter_done(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_gives_the_letter_again),
        cmocka_unit_test(of_an_over_long_record_the_first_bytes_are_there),
        cmocka_unit_test(a_letter_that_failed_again_has_the_new_reason_and_all_else),
        cmocka_unit_test(what_is_no_letter_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests_name("pipeline/letter", tests, NULL, NULL);
}
