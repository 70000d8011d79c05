/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include <zlib.h>

#include "firebridge/codec/object_reader.h"

#define RECORDS 40

static struct fb_object_reader *make_reader(enum fb_format format)
{
    const struct fb_key_schema schema = id_schema();
    const struct fb_object_reader_options options = {
        .schema = &schema,
        .max_record_size = 1 << 20,
        .inflate = {.max_expansion = 1000, .max_inflated_size = UINT64_MAX, .max_layers = 3},
        .form = {.format = format},
    };
    struct fb_object_reader *reader = NULL;

    assert_int_equal(fb_object_reader_new(&options, &reader, NULL), FB_OK);
    return reader;
}

static void compress_gzip(struct text *text)
{
    const size_t capacity = text->size + 1024;
    char *out = malloc(capacity);
    z_stream stream = {0};

    assert_non_null(out);
    assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)text->bytes;
    stream.avail_in = (uInt)text->size;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    text->size = 0;
    add_bytes(text, out, capacity - stream.avail_out);
    deflateEnd(&stream);
    free(out);
}

/* Feeds pieces of `piece` bytes, and counts the records until the reader says how it ends. */
static enum fb_status read_all(struct fb_object_reader *reader, const struct text *object,
                               size_t piece, size_t *ret_records)
{
    struct fb_error error = {0};
    struct fb_record record;
    enum fb_status status = FB_NEED_MORE;
    bool finished = false;

    *ret_records = 0;
    fb_object_reader_begin(reader, NULL);
    for (size_t fed = 0; status == FB_NEED_MORE;) {
        const size_t size = object->size - fed < piece ? object->size - fed : piece;

        assert_false(finished);
        fb_object_reader_feed(reader, object->bytes + fed, size);
        fed += size;
        finished = size == 0;
        if (finished)
            fb_object_reader_finish(reader);
        while ((status = fb_object_reader_next(reader, &record, &error)) == FB_OK) {
            assert_int_equal(record.reason, FB_DEAD_NONE);
            assert_int_equal(record.number, *ret_records);
            (*ret_records)++;
        }
    }
    if (status == FB_CORRUPT)
        assert_string_not_equal(error.message, "");
    assert_int_equal(fb_object_reader_next(reader, &record, &error), status);
    return status;
}

/* Records that grow, so that each waits for bytes in a window of its own size. */
static void make_object(struct text *text, const char *head, const char *tail, const char *between)
{
    for (size_t i = 0; i < RECORDS; i++) {
        add(text, i == 0 ? "" : between);
        add(text, head);
        add_times(text, "0123456789abcdef", i * i + 1);
        add(text, tail);
    }
}

static void what_is_whole_before_the_damage_is_given_however_it_is_fed(void **state)
{
    static const size_t pieces[] = {1, 7, 4096, 1 << 20};
    static const struct {
        enum fb_format format;
        const char *first, *head, *tail, *between;
    } cases[] = {
        {FB_FORMAT_AUTO, "", "{\"id\":\"k\",\"v\":\"", "\"}", ""},
        {FB_FORMAT_JSON, "", "{\"id\":\"k\",\"v\":\"", "\"}", "\n"},
        {FB_FORMAT_JSON, "[", "{\"id\":\"k\",\"v\":\"", "\"}", ","},
        {FB_FORMAT_DYNAMODB_JSON, "", "{\"id\":{\"S\":\"k\"},\"v\":{\"S\":\"", "\"}}", "\n"},
        {FB_FORMAT_FIREHOSE_ERRORS, "", "{\"rawData\":\"eyJpZCI6IjEifQ==\",\"v\":\"", "\"}", "\n"},
        {FB_FORMAT_CSV, "id,v\n", "k,", "\n", ""},
        {FB_FORMAT_CSV, "id,v\n", "k,\"", "\"\r\n", ""},
        {FB_FORMAT_TSV, "id\tv\n", "k\t", "\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fb_object_reader *reader = make_reader(cases[i].format);
        struct text object = {0};

        add(&object, cases[i].first);
        make_object(&object, cases[i].head, cases[i].tail, cases[i].between);
        compress_gzip(&object);
        object.size--; /* of the length behind the content */
        for (size_t k = 0; k < COUNT(pieces); k++) {
            size_t records;

            assert_int_equal(read_all(reader, &object, pieces[k], &records), FB_CORRUPT);
            assert_int_equal(records, RECORDS);
        }
        free(object.bytes);
        fb_object_reader_free(reader);
    }
}

static void a_record_that_the_damage_cuts_is_not_given(void **state)
{
    static const size_t pieces[] = {1, 7, 4096, 1 << 20};
    struct fb_object_reader *reader = make_reader(FB_FORMAT_JSON);
    struct text object = {0};

    (void)state;
    make_object(&object, "{\"id\":\"k\",\"v\":\"", "\"}", "\n");
    object.size--; /* the last bracket */
    compress_gzip(&object);
    object.size--;
    for (size_t k = 0; k < COUNT(pieces); k++) {
        size_t records;

        assert_int_equal(read_all(reader, &object, pieces[k], &records), FB_CORRUPT);
        assert_int_equal(records, RECORDS - 1);
    }
    free(object.bytes);
    fb_object_reader_free(reader);
}

#define CASE(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_whole_before_the_damage_is_given_however_it_is_fed),
        CASE(a_record_that_the_damage_cuts_is_not_given),
    };

    return cmocka_run_group_tests_name("codec/damage", tests, NULL, NULL);
}
