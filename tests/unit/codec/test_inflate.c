/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include <zlib.h>

#include "firebridge/codec/inflate.h"

static struct fb_inflate *inflater;

static const struct fb_inflate_options options = {
    .max_expansion = 1000, .max_inflated_size = UINT64_MAX, .max_layers = 3};

static const char *form(void)
{
    static char text[64];

    fb_inflate_describe(inflater, text, sizeof text);
    return text;
}

static enum fb_status take_all(const char **p, size_t *left, size_t room, struct text *out,
                               struct fb_error *error)
{
    char buffer[4096];
    size_t written = 1;

    while (written > 0) {
        const enum fb_status status =
            fb_inflate_step(inflater, p, left, buffer, room, &written, error);

        if (status != FB_OK)
            return status;
        add_bytes(out, buffer, written);
    }
    assert_int_equal(*left, 0);
    return FB_OK;
}

static int set_up(void **state)
{
    (void)state;
    return fb_inflate_new(&options, &inflater, NULL) == FB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fb_inflate_free(inflater);
    return 0;
}

static void add_member(struct text *text, const char *content, size_t size)
{
    const size_t capacity = size + 1024;
    char *out = malloc(capacity);
    z_stream stream = {0};

    assert_non_null(out);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)content;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    add_bytes(text, out, capacity - stream.avail_out);
    deflateEnd(&stream);
    free(out);
}

/* Feeds pieces of `piece` bytes, takes pieces of `room`. The outcome is finish's, or the error's.
 */
static enum fb_status run(const struct text *in, size_t piece, size_t room, struct text *out,
                          struct fb_error *error)
{
    enum fb_status status = FB_OK;

    fb_inflate_begin(inflater, NULL);
    out->size = 0;
    add(out, "");
    for (size_t fed = 0; fed < in->size && status == FB_OK;) {
        const char *p = in->bytes + fed;
        size_t left = in->size - fed < piece ? in->size - fed : piece;

        fed += left;
        status = take_all(&p, &left, room, out, error);
    }
    if (status == FB_OK) {
        const char *p = NULL;
        size_t left = 0;

        fb_inflate_finish(inflater);
        status = take_all(&p, &left, room, out, error);
    }
    return status;
}

static void expect(const struct text *in, enum fb_status status, const char *content,
                   const char *message)
{
    static const size_t sizes[] = {1, 2, 3, 7, 4096};

    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < COUNT(sizes); k++) {
            struct fb_error error = {0};
            struct text out = {0};

            assert_int_equal(run(in, sizes[i], sizes[k], &out, &error), status);
            if (message != NULL && strstr(error.message, message) == NULL)
                fail_msg("%s", error.message);
            assert_string_equal(out.bytes, content);
            free(out.bytes);
        }
}

static void plain_bytes_pass(void **state)
{
    struct text in = {0};

    (void)state;
    add(&in, "{\"id\":\"a\"}");
    expect(&in, FB_OK, "{\"id\":\"a\"}", NULL);
    assert_string_equal(form(), "none");
    in.size = 0;
    add(&in, "\x1fplain all the same");
    expect(&in, FB_OK, "\x1fplain all the same", NULL);
    in.size = 0;
    expect(&in, FB_OK, "", NULL);
    assert_string_equal(form(), "none");
    add(&in, "\x1f");
    expect(&in, FB_OK, "\x1f", NULL);
    free(in.bytes);
}

static void gzip_members_are_one_object(void **state)
{
    struct text in = {0};

    (void)state;
    add_member(&in, "{\"id\":\"a\"}", 10);
    expect(&in, FB_OK, "{\"id\":\"a\"}", NULL);
    assert_string_equal(form(), "gzip");
    add_member(&in, "", 0);
    add_member(&in, "{\"id\":\"b\"}", 10);
    expect(&in, FB_OK, "{\"id\":\"a\"}{\"id\":\"b\"}", NULL);
    add_bytes(&in, "\0\0\0\0", 4);
    expect(&in, FB_OK, "{\"id\":\"a\"}{\"id\":\"b\"}", NULL);
    free(in.bytes);
}

static void garbage_behind_a_member_is_named(void **state)
{
    static const char *const garbage[] = {"x", "\x1fxyz01234567890", "\x1f\x8b\x07zzzzzzzzzzzzz"};

    (void)state;
    for (size_t i = 0; i < COUNT(garbage); i++) {
        struct text in = {0};

        add_member(&in, "{\"id\":\"a\"}", 10);
        add(&in, garbage[i]);
        expect(&in, FB_CORRUPT, "{\"id\":\"a\"}", "trailing garbage behind member 1");
        free(in.bytes);
    }
}

static void a_cut_off_object_is_damaged_wherever_it_is_cut(void **state)
{
    struct text in = {0};

    (void)state;
    add_member(&in, "{\"id\":\"a\"}", 10);
    while (in.size > 2) {
        struct fb_error error = {0};
        struct text out = {0};

        in.size--;
        assert_int_equal(run(&in, 5, 100, &out, &error), FB_CORRUPT);
        assert_non_null(strstr(error.message, "cut off"));
        free(out.bytes);
    }
    free(in.bytes);
}

static void a_wrong_checksum_is_found_behind_good_bytes(void **state)
{
    struct text in = {0};

    (void)state;
    add_member(&in, "{\"id\":\"a\"}", 10);
    in.bytes[in.size - 6] ^= 1;
    expect(&in, FB_CORRUPT, "{\"id\":\"a\"}", "incorrect data check");
    in.bytes[in.size - 6] ^= 1;
    in.bytes[2] = 9;
    expect(&in, FB_CORRUPT, "", "compressed byte");
    free(in.bytes);
}

static void a_large_object_streams_through_small_buffers(void **state)
{
    struct text content = {0};
    struct text in = {0};
    struct text out = {0};
    char line[64];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        snprintf(line, sizeof line, "{\"id\":\"%d\"}\n", i);
        add(&content, line);
    }
    add_member(&in, content.bytes, content.size);
    assert_int_equal(run(&in, 1000, 777, &out, NULL), FB_OK);
    assert_int_equal(out.size, content.size);
    assert_memory_equal(out.bytes, content.bytes, content.size);
    free(content.bytes);
    free(in.bytes);
    free(out.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_bytes_pass),
        cmocka_unit_test(gzip_members_are_one_object),
        cmocka_unit_test(garbage_behind_a_member_is_named),
        cmocka_unit_test(a_cut_off_object_is_damaged_wherever_it_is_cut),
        cmocka_unit_test(a_wrong_checksum_is_found_behind_good_bytes),
        cmocka_unit_test(a_large_object_streams_through_small_buffers),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
