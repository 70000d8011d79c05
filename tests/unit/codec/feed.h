/* SPDX-License-Identifier: Apache-2.0 */
/* What the codec's tests share: padded text, and a reader fed in pieces whose records are kept. */
#ifndef FIREBRIDGE_TESTS_CODEC_FEED_H
#define FIREBRIDGE_TESTS_CODEC_FEED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/record_reader.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A copy that ends as json_text.h demands. */
static inline char *padded(const char *text, size_t size)
{
    char *copy = calloc(1, size + FB_TEXT_SLACK + 1);

    assert_non_null(copy);
    memcpy(copy, text, size);
    return copy;
}

/* One key attribute "id", a string. */
static inline struct fb_key_schema id_schema(void)
{
    return (struct fb_key_schema){
        .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};
}

/* A text that is built up; freed by the caller. */
struct text {
    char *bytes;
    size_t size;
    size_t capacity;
};

static inline void add_bytes(struct text *text, const char *bytes, size_t size)
{
    while (text->size + size + 1 > text->capacity) {
        text->capacity = text->capacity == 0 ? 4096 : text->capacity * 2;
        text->bytes = realloc(text->bytes, text->capacity);
        assert_non_null(text->bytes);
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

static inline void add(struct text *text, const char *bytes)
{
    add_bytes(text, bytes, strlen(bytes));
}

static inline void add_times(struct text *text, const char *bytes, size_t times)
{
    for (size_t i = 0; i < times; i++)
        add(text, bytes);
}

/* Writes "number offset+size->end reason item text" for each record, a line each. */
static inline void describe(struct text *out, const struct fb_record *record)
{
    char head[256];

    snprintf(head, sizeof head, "%llu %llu+%llu->%llu %s ", (unsigned long long)record->number,
             (unsigned long long)record->offset_bytes, (unsigned long long)record->size_bytes,
             (unsigned long long)record->end_offset_bytes, fb_dead_reason_name(record->reason));
    add(out, head);
    if (record->reason == FB_DEAD_NONE) {
        snprintf(head, sizeof head, "%u %016llx ", record->item_counted_bytes,
                 (unsigned long long)record->key_hash);
        add(out, head);
        add_bytes(out, record->item, record->item_size);
        add_bytes(out, record->key, record->key_size);
    } else
        add(out, record->message);
    add(out, " <");
    add_bytes(out, record->text, record->text_size);
    add(out, ">\n");
}

typedef void (*record_fn)(const struct fb_record *record, void *userdata);

/* Feeds `size` bytes in pieces and calls `fn` for every record. */
static inline void feed(struct fb_record_reader *reader, const char *bytes, size_t size,
                        size_t piece, record_fn fn, void *userdata)
{
    struct fb_record record;
    enum fb_status status = FB_NEED_MORE;
    size_t fed = 0;

    while (status == FB_NEED_MORE) {
        size_t room = 0;
        char *space = NULL;

        assert_int_equal(fb_record_reader_space(reader, &space, &room, NULL), FB_OK);
        assert_true(room > 0);
        if (room > piece)
            room = piece;
        if (room > size - fed)
            room = size - fed;
        if (room > 0)
            memcpy(space, bytes + fed, room);
        fb_record_reader_wrote(reader, room);
        fed += room;
        if (room == 0)
            fb_record_reader_finish(reader);
        while ((status = fb_record_reader_next(reader, &record)) == FB_OK)
            fn(&record, userdata);
    }
    assert_int_equal(status, FB_END);
}

#endif
