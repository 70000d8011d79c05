/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record reader: what it reports covers the object but for blanks, in order; pieces of any size
 * give the same; an item is JSON without repeated names.
 *
 * Byte 0 of the input chooses the pieces, byte 1 the maximum of a record.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/record_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

struct outcome {
    char *bytes;
    size_t size;
    size_t capacity;
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void add(struct outcome *outcome, const void *bytes, size_t size)
{
    if (outcome->size + size > outcome->capacity) {
        outcome->capacity = (outcome->size + size) * 2;
        outcome->bytes = realloc(outcome->bytes, outcome->capacity);
        check(outcome->bytes != NULL);
    }
    if (size > 0)
        memcpy(outcome->bytes + outcome->size, bytes, size);
    outcome->size += size;
}

static void add_record(struct outcome *outcome, const struct fb_record *record)
{
    const uint64_t head[] = {record->number,
                             record->offset_bytes,
                             record->size_bytes,
                             record->end_offset_bytes,
                             record->text_size,
                             record->reason,
                             record->reason == FB_DEAD_NONE ? record->item_counted_bytes : 0,
                             record->reason == FB_DEAD_NONE ? record->key_hash : 0};

    add(outcome, head, sizeof head);
    add(outcome, record->text, record->text_size);
    add(outcome, record->message, strlen(record->message));
    if (record->reason == FB_DEAD_NONE) {
        add(outcome, record->item, record->item_size);
        add(outcome, record->key, record->key_size);
    }
}

static void check_item(const struct fb_record *record)
{
    json_t *document;

    check(record->item_counted_bytes <= 409600);
    check(record->key_size <= FB_CANONICAL_KEY_MAX);
    /* jansson refuses a NUL in a name. */
    if (memmem(record->item, record->item_size, "\\u0000", 6) != NULL)
        return;
    document =
        json_loadb(record->item, record->item_size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    check(json_is_object(document));
    json_decref(document);
}

static void check_gap(const char *bytes, uint64_t from, uint64_t to)
{
    if (from == 0 && to >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        from = 3;
    for (; from < to; from++)
        check(bytes[from] == ' ' || bytes[from] == '\t' || bytes[from] == '\r' ||
              bytes[from] == '\n');
}

static void check_record(const struct fb_record *record, const char *bytes, size_t size,
                         size_t max_record_size)
{
    const uint64_t end = record->offset_bytes + record->size_bytes;

    check(record->size_bytes > 0 && end <= size && end == record->end_offset_bytes);
    check(record->text_size == record->size_bytes || record->size_bytes > max_record_size);
    check(memcmp(record->text, bytes + record->offset_bytes, record->text_size) == 0);
    if (record->reason == FB_DEAD_NONE)
        check_item(record);
}

static void read_all(struct fb_record_reader *reader, const char *bytes, size_t size, size_t piece,
                     size_t max_record_size, struct outcome *outcome)
{
    struct fb_record record;
    enum fb_status status = FB_NEED_MORE;
    uint64_t covered = 0;
    uint64_t number = 0;
    size_t fed = 0;

    fb_record_reader_begin(reader);
    while (status == FB_NEED_MORE) {
        char *space = NULL;
        size_t room = 0;

        check(fb_record_reader_space(reader, &space, &room, NULL) == FB_OK && room > 0);
        room = room < piece ? room : piece;
        room = room < size - fed ? room : size - fed;
        if (room > 0)
            memcpy(space, bytes + fed, room);
        fb_record_reader_wrote(reader, room);
        fed += room;
        if (room == 0)
            fb_record_reader_finish(reader);
        while ((status = fb_record_reader_next(reader, &record)) == FB_OK) {
            check(record.number == number++ && record.offset_bytes >= covered);
            check_gap(bytes, covered, record.offset_bytes);
            check_record(&record, bytes, size, max_record_size);
            covered = record.end_offset_bytes;
            add_record(outcome, &record);
        }
    }
    check(status == FB_END);
    check_gap(bytes, covered, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const struct fb_key_schema schema = {
        .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING},
                       {.name = "n", .name_size = 1, .type = FB_KEY_NUMBER}},
        .count = size > 1 && input[1] % 2 == 0 ? 1 : 2};
    struct fb_record_reader *reader = NULL;
    struct outcome whole = {0};
    struct outcome split = {0};
    size_t max_record_size;

    if (size < 2)
        return 0;
    max_record_size = input[1] < 128 ? (size_t)input[1] + 2 : (size_t)1 << 16;
    check(fb_record_reader_new(
              &(struct fb_record_reader_options){
                  .schema = &schema, .hash_seed = 42, .max_record_size = max_record_size},
              &reader, NULL) == FB_OK);
    read_all(reader, (const char *)input + 2, size - 2, size, max_record_size, &whole);
    read_all(reader, (const char *)input + 2, size - 2, (size_t)input[0] % 32 + 1, max_record_size,
             &split);
    check(whole.size == split.size);
    check(whole.size == 0 || memcmp(whole.bytes, split.bytes, whole.size) == 0);
    fb_record_reader_free(reader);
    free(whole.bytes);
    free(split.bytes);
    return 0;
}
