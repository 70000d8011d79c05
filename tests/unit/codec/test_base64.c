/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "../../../src/codec/base64.h"

static void rfc_4648_section_10(void **state)
{
    static const struct {
        const char *text, *bytes;
    } cases[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"+/+/", "\xfb\xff\xbf"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[16];
        size_t size = 99;

        assert_true(fb_base64_decode(cases[i].text, strlen(cases[i].text), out, &size));
        assert_int_equal(size, strlen(cases[i].bytes));
        assert_memory_equal(out, cases[i].bytes, size);
        size = 99;
        assert_true(fb_base64_decode(cases[i].text, strlen(cases[i].text), NULL, &size));
        assert_int_equal(size, strlen(cases[i].bytes));
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const cases[] = {"A",
                                        "AA",
                                        "AAA",
                                        "=",
                                        "==",
                                        "====",
                                        "A===",
                                        "AA=A",
                                        "AAAA====",
                                        "AA==AAAA",
                                        "A=AA",
                                        "AB==",
                                        "AAB=",
                                        "A-_A",
                                        "AAA ",
                                        "AA\n=",
                                        "AAA.",
                                        "\xff"
                                        "AAA",
                                        "AAAA=",
                                        "AAA\"",
                                        " AAA"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[16];
        size_t size;

        assert_false(fb_base64_decode(cases[i], strlen(cases[i]), out, &size));
        assert_false(fb_base64_decode(cases[i], strlen(cases[i]), NULL, &size));
    }
}

/* One spelling for each run of bytes: four characters decode only as what encodes to them. */
static void each_run_of_bytes_has_one_spelling(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    size_t good = 0;

    (void)state;
    for (size_t i = 0; i < 65UL * 65; i++) {
        const char text[] = {alphabet[i / 65], alphabet[i % 65], '=', '='};
        size_t size;

        good += fb_base64_decode(text, sizeof text, NULL, &size);
    }
    assert_int_equal(good, 256);
    good = 0;
    for (size_t i = 0; i < 65UL * 65 * 65; i++) {
        const char text[] = {alphabet[i / 65 / 65], alphabet[i / 65 % 65], alphabet[i % 65], '='};
        size_t size;

        good += fb_base64_decode(text, sizeof text, NULL, &size) && size == 2;
    }
    assert_int_equal(good, 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_4648_section_10),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(each_run_of_bytes_has_one_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
