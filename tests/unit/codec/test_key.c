/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

static void append(struct fb_buffer *key, enum fb_key_type type, const char *text)
{
    assert_int_equal(fb_key_append_canonical(key, type, text, strlen(text)), FB_OK);
}

static bool same_key(enum fb_key_type type, const char *a, const char *b)
{
    struct fb_buffer one;
    struct fb_buffer other;
    bool same;

    fb_buffer_init(&one, 65536);
    fb_buffer_init(&other, 65536);
    append(&one, type, a);
    append(&other, type, b);
    same = one.size == other.size && memcmp(one.bytes, other.bytes, one.size) == 0;
    fb_buffer_done(&one);
    fb_buffer_done(&other);
    return same;
}

static void the_form_is_type_length_and_bytes(void **state)
{
    struct fb_buffer key;

    (void)state;
    fb_buffer_init(&key, FB_CANONICAL_KEY_MAX);
    append(&key, FB_KEY_STRING, "a\\u00e9");
    append(&key, FB_KEY_NUMBER, "12.50");
    assert_int_equal(key.size, 3 + 3 + 3 + 6);
    assert_memory_equal(key.bytes,
                        "S\0\3a\xc3\xa9N\0\6"
                        "125E-1",
                        key.size);
    fb_buffer_done(&key);
}

static void numbers_compare_as_numbers(void **state)
{
    (void)state;
    assert_true(same_key(FB_KEY_NUMBER, "1", "1.0"));
    assert_true(same_key(FB_KEY_NUMBER, "1", "10e-1"));
    assert_true(same_key(FB_KEY_NUMBER, "0", "-0.0e7"));
    assert_false(same_key(FB_KEY_NUMBER, "1", "-1"));
    assert_false(same_key(FB_KEY_NUMBER, "1", "10"));
}

static void strings_compare_after_unescaping(void **state)
{
    (void)state;
    assert_true(same_key(FB_KEY_STRING, "\\u0061/", "a\\/"));
    assert_true(same_key(FB_KEY_STRING, "\\ud83d\\ude00", "\xf0\x9f\x98\x80"));
    assert_false(same_key(FB_KEY_STRING, "a", "A"));
    assert_false(same_key(FB_KEY_STRING, "1", "1.0"));
}

static void what_is_no_number_is_refused(void **state)
{
    struct fb_buffer key;

    (void)state;
    fb_buffer_init(&key, FB_CANONICAL_KEY_MAX);
    assert_int_equal(fb_key_append_canonical(&key, FB_KEY_NUMBER, "1x", 2), FB_INVALID);
    assert_int_equal(fb_key_append_canonical(&key, FB_KEY_NUMBER, "1E400", 5), FB_INVALID);
    assert_int_equal(key.size, 0);
    fb_buffer_done(&key);
}

static void the_hash_depends_on_seed_size_and_every_byte(void **state)
{
    char bytes[64] = {0};

    (void)state;
    for (size_t size = 0; size < sizeof bytes; size++) {
        const uint64_t hash = fb_key_hash(1, bytes, size);

        assert_int_equal(fb_key_hash(1, bytes, size), hash);
        assert_int_not_equal(fb_key_hash(2, bytes, size), hash);
        assert_int_not_equal(fb_key_hash(1, bytes, size + 1), hash);
        for (size_t at = 0; at < size; at++) {
            bytes[at] = 1;
            assert_int_not_equal(fb_key_hash(1, bytes, size), hash);
            bytes[at] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_type_length_and_bytes),
        cmocka_unit_test(numbers_compare_as_numbers),
        cmocka_unit_test(strings_compare_after_unescaping),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(the_hash_depends_on_seed_size_and_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
