/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/aws/uri.h"

static void only_unreserved_characters_stay(void **state)
{
    char all[256], expected[1024] = "";
    struct fb_buffer buffer;

    (void)state;
    fb_buffer_init(&buffer, 4096);
    for (int c = 1; c < 256; c++) {
        bool stays = c < 128 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-._~/",
                                       c) != NULL;

        all[c - 1] = (char)c;
        snprintf(expected + strlen(expected), 4, stays ? "%c" : "%%%02X", c);
    }
    assert_int_equal(fb_uri_append_encoded(&buffer, all, 255, true), FB_OK);
    assert_int_equal(fb_buffer_terminate(&buffer), FB_OK);
    assert_string_equal(buffer.bytes, expected);
    fb_buffer_reset(&buffer);
    assert_int_equal(fb_uri_append_encoded(&buffer, "/", 1, false), FB_OK);
    assert_memory_equal(buffer.bytes, "%2F", 3);
    fb_buffer_done(&buffer);
}

static void parameters_are_sorted_by_encoded_name_and_value(void **state)
{
    static const struct fb_uri_param params[] = {
        {"b", "2"}, {"Param-3", "x"}, {"Param", "z"}, {"b", "10"}, {"\xe1\x88\xb4", ""}, {"a", "="},
    };
    struct fb_buffer buffer;

    (void)state;
    fb_buffer_init(&buffer, 4096);
    assert_int_equal(fb_uri_append_query(&buffer, params, 6), FB_OK);
    assert_string_equal(buffer.bytes, "%E1%88%B4=&Param=z&Param-3=x&a=%3D&b=10&b=2");
    assert_int_equal(fb_uri_append_query(&buffer, params, 17), FB_TOO_LARGE);
    fb_buffer_done(&buffer);
}

static void decoding_undoes_what_s3_encodes(void **state)
{
    static const struct {
        const char *encoded, *decoded; /* NULL: refused */
    } cases[] = {
        {"a+b%2Bc%20d", "a b+c d"},
        {"%e1%88%B4", "\xe1\x88\xb4"},
        {"", ""},
        {"%41%", NULL},
        {"%4", NULL},
        {"%4g", NULL},
        {"%00", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];

        snprintf(text, sizeof text, "%s", cases[i].encoded);
        if (cases[i].decoded == NULL) {
            assert_int_equal(fb_uri_decode(text), FB_CORRUPT);
        } else {
            assert_int_equal(fb_uri_decode(text), FB_OK);
            assert_string_equal(text, cases[i].decoded);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_unreserved_characters_stay),
        cmocka_unit_test(parameters_are_sorted_by_encoded_name_and_value),
        cmocka_unit_test(decoding_undoes_what_s3_encodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
