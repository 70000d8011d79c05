/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/buffer.h"

static void it_grows_to_its_maximum_and_no_further(void **state)
{
    struct fb_buffer buffer;

    (void)state;
    fb_buffer_init(&buffer, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fb_buffer_append(&buffer, "x", 1), FB_OK);
    assert_int_equal(fb_buffer_append(&buffer, "x", 1), FB_TOO_LARGE);
    assert_int_equal(buffer.size, 100);
    assert_true(buffer.capacity <= 100);
    fb_buffer_reset(&buffer);
    assert_int_equal(fb_buffer_append(&buffer, "xy", 2), FB_OK);
    assert_memory_equal(buffer.bytes, "xy", 2);
    fb_buffer_done(&buffer);
}

static void text_is_formatted_behind_what_is_there(void **state)
{
    struct fb_buffer buffer;

    (void)state;
    fb_buffer_init(&buffer, 1000);
    assert_int_equal(fb_buffer_append_text(&buffer, "a="), FB_OK);
    assert_int_equal(fb_buffer_printf(&buffer, "%d;%s", 7, "b"), FB_OK);
    assert_int_equal(fb_buffer_terminate(&buffer), FB_OK);
    assert_string_equal(buffer.bytes, "a=7;b");
    assert_int_equal(buffer.size, 5);
    fb_buffer_done(&buffer);
}

static void nothing_is_appended_when_it_does_not_fit(void **state)
{
    struct fb_buffer buffer;

    (void)state;
    fb_buffer_init(&buffer, 4);
    assert_int_equal(fb_buffer_append(&buffer, "abc", 3), FB_OK);
    assert_int_equal(fb_buffer_printf(&buffer, "%s", "de"), FB_TOO_LARGE);
    assert_int_equal(fb_buffer_append(&buffer, "de", 2), FB_TOO_LARGE);
    assert_int_equal(buffer.size, 3);
    fb_buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_to_its_maximum_and_no_further),
        cmocka_unit_test(text_is_formatted_behind_what_is_there),
        cmocka_unit_test(nothing_is_appended_when_it_does_not_fit),
    };

    return cmocka_run_group_tests_name("base/buffer", tests, NULL, NULL);
}
