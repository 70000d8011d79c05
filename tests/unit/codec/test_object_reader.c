/* SPDX-License-Identifier: Apache-2.0 */
#include "inflating.h"

#include "firebridge/codec/object_reader.h"

static struct fb_object_reader *reader;

static int make_reader(void **state)
{
    const struct fb_key_schema schema = id_schema();
    const struct fb_object_reader_options options = {
        .schema = &schema,
        .max_record_size = 1 << 16,
        .inflate = {.max_expansion = 1000, .max_inflated_size = UINT64_MAX, .max_layers = 3},
    };

    (void)state;
    return fb_object_reader_new(&options, &reader, NULL) == FB_OK ? 0 : -1;
}

static int free_reader(void **state)
{
    (void)state;
    fb_object_reader_free(reader);
    return 0;
}

/* Up to what is no record; each one is to be an item. */
static enum fb_status take_items(size_t *count, struct fb_error *error)
{
    struct fb_record record;
    enum fb_status status;

    while ((status = fb_object_reader_next(reader, &record, error)) == FB_OK) {
        assert_int_equal(record.number, *count);
        assert_int_equal(record.reason, FB_DEAD_NONE);
        ++*count;
    }
    return status;
}

static enum fb_status count_items(const struct text *in, size_t piece, size_t *count,
                                  struct fb_error *error)
{
    enum fb_status status = FB_NEED_MORE;

    *count = 0;
    fb_object_reader_begin(reader, NULL);
    for (size_t fed = 0; fed < in->size && status == FB_NEED_MORE; fed += piece) {
        fb_object_reader_feed(reader, in->bytes + fed,
                              in->size - fed < piece ? in->size - fed : piece);
        status = take_items(count, error);
    }
    if (status != FB_NEED_MORE)
        return status;
    fb_object_reader_finish(reader);
    return take_items(count, error);
}

static void expect_items(const struct text *in, size_t count, const char *damage)
{
    static const size_t pieces[] = {1, 2, 3, 7, 4096};

    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct fb_error error = {0};
        size_t found;
        enum fb_status status = count_items(in, pieces[i], &found, &error);

        assert_int_equal(found, count);
        assert_int_equal(status, damage == NULL ? FB_END : FB_CORRUPT);
        for (int again = 0; damage != NULL && again < 2; again++) {
            assert_non_null(strstr(error.message, damage));
            error = (struct fb_error){0};
            assert_int_equal(take_items(&found, &error), FB_CORRUPT);
            assert_int_equal(found, count);
        }
    }
}

/* Also the last one, which a reader that waits for more would not look at again. */
static void all_records_before_the_damage_come_and_none_that_it_cut(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        struct text content = {0};
        struct text in = {0};

        add(&content, "");
        add_lines(&content, count);
        add_gzip(&in, content.bytes, content.size);
        expect_items(&in, count, NULL);
        add(&in, "garbage");
        expect_items(&in, count, "trailing garbage");
        in.size = 0;
        add(&content, "{\"id\":\"cut");
        add_gzip(&in, content.bytes, content.size);
        in.bytes[in.size - 6] ^= 1;
        expect_items(&in, count, "incorrect data check");
        free(content.bytes);
        free(in.bytes);
    }
}

/* Nobody knows how it went on. */
static void a_line_that_ends_with_the_damage_is_none(void **state)
{
    const struct fb_object_reader_options options = {
        .schema = &(struct fb_key_schema){.count = 0},
        .max_record_size = 1 << 16,
        .inflate = {.max_expansion = 1000, .max_inflated_size = UINT64_MAX, .max_layers = 3},
        .form = {.format = FB_FORMAT_LINES},
    };
    struct fb_object_reader *const other = reader;
    struct text in = {0};

    (void)state;
    assert_int_equal(fb_object_reader_new(&options, &reader, NULL), FB_OK);
    add_gzip(&in, "one\ntwo\nthr", 11);
    expect_items(&in, 3, NULL);
    in.bytes[in.size - 6] ^= 1;
    expect_items(&in, 2, "incorrect data check");
    fb_object_reader_free(reader);
    reader = other;
    free(in.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_records_before_the_damage_come_and_none_that_it_cut),
        cmocka_unit_test(a_line_that_ends_with_the_damage_is_none),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
