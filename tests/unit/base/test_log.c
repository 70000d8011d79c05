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

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int i = FB_OK; i <= FB_END; i++)
        assert_string_not_equal(fb_status_name((enum fb_status)i), "unknown");
    assert_string_equal(fb_status_name((enum fb_status)(FB_END + 1)), "unknown");
}

/* What fb_log wrote to stderr. */
static void capture(enum fb_log_style style, const char *message, char *text, size_t size)
{
    int pipes[2], saved = dup(STDERR_FILENO);
    ssize_t used;

    assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
    dup2(pipes[1], STDERR_FILENO);
    fb_log_set_style(style);
    fb_log_warning("%s", message);
    fb_log_debug("never");
    dup2(saved, STDERR_FILENO);
    used = read(pipes[0], text, size - 1);
    text[used < 0 ? 0 : used] = '\0';
    close(saved);
    close(pipes[0]);
    close(pipes[1]);
}

static void a_line_is_one_line_whatever_a_key_holds(void **state)
{
    char text[4096];

    (void)state;
    capture(FB_LOG_STYLE_JOURNAL, "key a\nb", text, sizeof text);
    assert_string_equal(text, "<4>key a?b\n");
    capture(FB_LOG_STYLE_PLAIN, "x", text, sizeof text);
    assert_non_null(strstr(text, "Z warning x\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_one_printable_sentence),
        cmocka_unit_test(a_message_cut_in_a_character_stays_printable),
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(a_line_is_one_line_whatever_a_key_holds),
    };

    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
