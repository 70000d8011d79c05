/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "firebridge/base/log.h"

static void a_failure_is_one_printable_sentence(void **state)
{
    struct fb_error error;

    (void)state;
    assert_int_equal(fb_fail(&error, FB_IO, "a\nb\x01%s", "\xff\xc3\xa9"), FB_IO);
    assert_string_equal(error.message, "a?b??\xc3\xa9");
    assert_int_equal(error.status, FB_IO);
    fb_error_prefix(&error, "while %s", "testing");
    assert_string_equal(error.message, "while testing: a?b??\xc3\xa9");
    assert_int_equal(fb_fail(NULL, FB_IO, "x"), FB_IO);
    fb_error_prefix(NULL, "x");
}

static void a_message_cut_in_a_character_stays_printable(void **state)
{
    struct fb_error error;
    char text[2000];

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof error.message - 2, "\xf0\x9f\x94\xa5", 4);
    text[sizeof text - 1] = '\0';
    fb_fail(&error, FB_IO, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_int_equal(error.message[sizeof error.message - 2], '?');
}

static void what_a_terminal_obeys_is_not_printed(void **state)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"\x1b[2J\x7f", "?[2J?"},                       /* C0, DEL */
        {"a\xc2\x80z\xc2\x9bz\xc2\x9fz", "a??z??z??z"}, /* C1; U+009B is CSI */
        {"\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9"},       /* behind C1 */
        {"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", "????????"},
        {"\xe2\x80\x8d\xe2\x80\x90", "\xe2\x80\x8d\xe2\x80\x90"}, /* a joiner, a hyphen */
        {"\xe2\x80\xa8\xe2\x80\xae\xe2\x80\xaf", "??????\xe2\x80\xaf"},
        {"\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa", "\xe2\x81\xa5??????\xe2\x81\xaa"},
        {"\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5"},
        {"\x9b\xe2\x80", "???"}, /* no UTF-8 */
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "%s", cases[i].text);
        fb_make_printable(text);
        assert_string_equal(text, cases[i].printed);
    }
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int i = FB_OK; i <= FB_END; i++)
        assert_string_not_equal(fb_status_name((enum fb_status)i), "unknown");
    assert_string_equal(fb_status_name((enum fb_status)(FB_END + 1)), "unknown");
}

static int stderr_pipe[2], stderr_saved;

static void begin_capture(void)
{
    stderr_saved = dup(STDERR_FILENO);
    assert_int_equal(pipe2(stderr_pipe, O_NONBLOCK), 0);
    dup2(stderr_pipe[1], STDERR_FILENO);
}

/* What was written to stderr since. */
static const char *end_capture(void)
{
    static char text[4096];
    ssize_t used;

    dup2(stderr_saved, STDERR_FILENO);
    used = read(stderr_pipe[0], text, sizeof text - 1);
    text[used < 0 ? 0 : used] = '\0';
    close(stderr_saved);
    close(stderr_pipe[0]);
    close(stderr_pipe[1]);
    return text;
}

static const char *told(enum fb_log_style style, const char *message)
{
    fb_log_set_style(style);
    begin_capture();
    fb_log_event(FB_EVENT_OBJECT_DAMAGED, FB_ABOUT(.stream = "a"), "%s", message);
    fb_log_debug("never");
    return end_capture();
}

static void a_line_is_one_line_whatever_a_key_holds(void **state)
{
    (void)state;
    if (access("/run/systemd/journal/socket", F_OK) != 0)
        assert_string_equal(told(FB_LOG_STYLE_JOURNAL, "key a\nb"), "<3>stream a: key a?b\n");
    assert_non_null(strstr(told(FB_LOG_STYLE_PLAIN, "x"), "Z error   stream a: x\n"));
    assert_non_null(strstr(told(FB_LOG_STYLE_JSON, "a\nb"), "\"message\":\"stream a: a?b\""));
}

static void an_event_says_what_it_is_about_and_where_it_is_told(void **state)
{
    const struct fb_error error = {
        .status = FB_DENIED, .code = "AccessDenied", .request_id = "R1", .message = "no"};
    const uint64_t record = 0;
    const char *text;

    (void)state;
    fb_log_set_style(FB_LOG_STYLE_JSON);
    begin_capture();
    fb_log_event(FB_EVENT_OBJECT_DAMAGED,
                 FB_ABOUT(.stream = "s", .object = "k", .record = &record, .error = &error), "x");
    text = end_capture();
    assert_non_null(strstr(text, "\"event\":\"object-damaged\""));
    assert_non_null(strstr(text, "\"stream\":\"s\",\"object\":\"k\",\"record\":0,"
                                 "\"error_code\":\"AccessDenied\",\"request_id\":\"R1\","
                                 "\"code_file\":\"" __FILE__ "\",\"code_line\":"));
    assert_non_null(strstr(text, "\"code_func\":\"an_event_says_what_it_is_about_and_where"));
}

static void an_error_without_a_code_of_aws_has_one_of_ours(void **state)
{
    const struct fb_error error = {.status = FB_IO, .message = "disk"};
    const char *text;

    (void)state;
    fb_log_set_style(FB_LOG_STYLE_JSON);
    begin_capture();
    fb_log_event(FB_EVENT_START_FAILED, FB_ABOUT(.error = &error), "x");
    text = end_capture();
    assert_non_null(strstr(text, "\"error_code\":\"io\",\"code_file\""));
}

static void the_level_is_changed_while_it_runs(void **state)
{
    (void)state;
    fb_log_set_style(FB_LOG_STYLE_PLAIN);
    begin_capture();
    fb_log_set_level(FB_LOG_ERROR);
    fb_log_event(FB_EVENT_READY, NULL, "one");
    fb_log_set_level(FB_LOG_DEBUG);
    fb_log_event(FB_EVENT_READY, NULL, "two");
    fb_log_debug("three");
    fb_log_set_level(FB_LOG_INFO);
    {
        const char *text = end_capture();

        assert_null(strstr(text, "one"));
        assert_non_null(strstr(text, "info    two\n"));
        assert_non_null(strstr(text, "debug   three\n"));
    }
}

static void what_was_folded_comes_at_the_end(void **state)
{
    const char *text;

    (void)state;
    fb_log_set_style(FB_LOG_STYLE_PLAIN);
    begin_capture();
    for (int i = 0; i < 5; i++)
        fb_log_event(FB_EVENT_DEAD_LETTER, FB_ABOUT(.stream = "f"), "letter %d", i);
    fb_log_tick();
    fb_log_flush();
    text = end_capture();
    assert_non_null(strstr(text, "stream f: letter 0\n"));
    assert_null(strstr(text, "letter 1"));
    assert_non_null(strstr(text, "stream f: letter 4 (and 3 more like it within a minute)\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_one_printable_sentence),
        cmocka_unit_test(a_message_cut_in_a_character_stays_printable),
        cmocka_unit_test(what_a_terminal_obeys_is_not_printed),
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(a_line_is_one_line_whatever_a_key_holds),
        cmocka_unit_test(an_event_says_what_it_is_about_and_where_it_is_told),
        cmocka_unit_test(an_error_without_a_code_of_aws_has_one_of_ours),
        cmocka_unit_test(the_level_is_changed_while_it_runs),
        cmocka_unit_test(what_was_folded_comes_at_the_end),
    };

    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
