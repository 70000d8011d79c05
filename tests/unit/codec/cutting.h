/* SPDX-License-Identifier: Apache-2.0 */
/* Where a record reader cuts its records: the place of each, however the text is fed. */
#ifndef FIREBRIDGE_TESTS_CODEC_CUTTING_H
#define FIREBRIDGE_TESTS_CODEC_CUTTING_H

#include "feed.h"

#define MAX_RECORD ((size_t)1 << 16)

static struct fb_record_reader *reader;

static inline int set_up(void **state)
{
    const struct fb_key_schema schema = id_schema();

    (void)state;
    return fb_record_reader_new(&(struct fb_record_reader_options){.schema = &schema,
                                                                   .hash_seed = 7,
                                                                   .max_record_size = MAX_RECORD},
                                &reader, NULL) == FB_OK
               ? 0
               : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    fb_record_reader_free(reader);
    return 0;
}

static inline void keep(const struct fb_record *record, void *userdata)
{
    describe(userdata, record);
}

/* The place of each record and, in brackets, its reason unless it is an item. */
static inline void keep_shape(const struct fb_record *record, void *userdata)
{
    struct text *shape = userdata;
    char line[128];

    snprintf(line, sizeof line, "%llu+%llu", (unsigned long long)record->offset_bytes,
             (unsigned long long)record->size_bytes);
    add(shape, line);
    if (record->reason != FB_DEAD_NONE) {
        snprintf(line, sizeof line, "(%s)", fb_dead_reason_name(record->reason));
        add(shape, line);
    }
    add(shape, " ");
}

static inline void expect_same_in_pieces(const char *bytes, size_t size)
{
    static const size_t pieces[] = {1, 2, 3, 7, 4096};
    struct text whole = {0};

    fb_record_reader_begin(reader);
    add(&whole, "");
    feed(reader, bytes, size, size + 1, keep, &whole);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct text split = {0};

        fb_record_reader_begin(reader);
        add(&split, "");
        feed(reader, bytes, size, pieces[i], keep, &split);
        assert_int_equal(split.size, whole.size);
        assert_memory_equal(split.bytes, whole.bytes, whole.size);
        free(split.bytes);
    }
    free(whole.bytes);
}

static inline void expect_bytes(const char *bytes, size_t size, const char *shape)
{
    struct text found = {0};

    fb_record_reader_begin(reader);
    add(&found, "");
    feed(reader, bytes, size, size + 1, keep_shape, &found);
    assert_string_equal(found.bytes, shape);
    free(found.bytes);
    expect_same_in_pieces(bytes, size);
}

static inline void expect(const char *bytes, const char *shape)
{
    expect_bytes(bytes, strlen(bytes), shape);
}

struct too_large {
    uint64_t offset;
    uint64_t size;
    size_t text_size;
    enum fb_dead_reason reason;
    size_t count;
};

static inline void keep_first(const struct fb_record *record, void *userdata)
{
    struct too_large *first = userdata;

    if (first->count++ == 0)
        *first = (struct too_large){record->offset_bytes, record->size_bytes, record->text_size,
                                    record->reason, 1};
}

#endif
