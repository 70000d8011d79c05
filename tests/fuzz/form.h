/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers of record forms share: whatever the pieces, the same records come out; they lie
 * in the object, in order and without overlap; between them is nothing but what may be there; an
 * item is JSON without repeated names, and has the table's key.
 *
 * Byte 0 of the input chooses the pieces; byte 1 the maximum of a record (bits 0 and 1), the
 * table's key (bit 2) and which of the fuzzer's options it is (the others).
 */
#ifndef FIREBRIDGE_TESTS_FUZZ_FORM_H
#define FIREBRIDGE_TESTS_FUZZ_FORM_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/record_reader.h"
#include "firebridge/codec/transcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define FUZZ_OPTIONS_MAX 4
#define FUZZ_SIZES       4
#define FUZZ_HEAD_MAX    ((size_t)4096) /* what is kept of a record that is too long */

/* One of the ways in which a fuzzer reads. */
struct fuzz_options {
    struct fb_form_options form;
    const char *between; /* the bytes that may stand between two records that are not passed over */
};

/* All that came out of an object, to be compared. */
struct fuzz_outcome {
    char *bytes;
    size_t size;
    size_t capacity;
};

/* What is being read, and how far it was seen. */
struct fuzz_object {
    const char *bytes;
    size_t size;
    size_t max_record_size;
    const struct fb_key_schema *schema;
    const char *between;

    bool has_checked_items; /* of the same bytes, read before */

    uint64_t number;
    uint64_t covered;
    uint64_t last_offset;
    uint64_t passed_over;
};

static const struct fb_key_schema fuzz_schemas[] = {
    {.attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1},
    {.attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING},
                    {.name = "n", .name_size = 1, .type = FB_KEY_NUMBER}},
     .count = 2},
};

static inline void fuzz_check(bool condition)
{
    if (!condition)
        abort();
}

/* ---- what came out ---- */

static inline void fuzz_add(struct fuzz_outcome *outcome, const void *bytes, size_t size)
{
    if (outcome->size + size > outcome->capacity) {
        outcome->capacity = (outcome->size + size) * 2;
        outcome->bytes = realloc(outcome->bytes, outcome->capacity);
        fuzz_check(outcome->bytes != NULL);
    }
    if (size > 0)
        memcpy(outcome->bytes + outcome->size, bytes, size);
    outcome->size += size;
}

static inline void fuzz_add_record(struct fuzz_outcome *outcome, const struct fb_record *record)
{
    const bool is_item = record->reason == FB_DEAD_NONE;
    const uint64_t head[] = {record->number,
                             record->offset_bytes,
                             record->size_bytes,
                             record->end_offset_bytes,
                             record->text_size,
                             record->reason,
                             is_item ? record->operation : 0,
                             is_item ? record->item_counted_bytes : 0,
                             is_item ? record->key_hash : 0};

    fuzz_add(outcome, head, sizeof head);
    fuzz_add(outcome, record->text, record->text_size);
    if (is_item) {
        fuzz_add(outcome, record->item, record->item_size);
        fuzz_add(outcome, record->key, record->key_size);
    } else
        fuzz_add(outcome, record->message, strlen(record->message));
}

static inline void fuzz_check_same(const struct fuzz_outcome *one, const struct fuzz_outcome *two)
{
    fuzz_check(one->size == two->size);
    fuzz_check(one->size == 0 || memcmp(one->bytes, two->bytes, one->size) == 0);
}

/* ---- one record ---- */

static inline void fuzz_check_keys(const struct fb_record *record, const json_t *item,
                                   const struct fb_key_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        const char type[] = {(char)schema->attributes[i].type, '\0'};

        fuzz_check(json_is_string(
            json_object_get(json_object_get(item, schema->attributes[i].name), type)));
    }
    fuzz_check(record->operation == FB_PUT || json_object_size(item) == schema->count);
}

static inline void fuzz_check_item(const struct fb_record *record,
                                   const struct fb_key_schema *schema)
{
    json_t *item;
    json_t *value;
    const char *name;

    fuzz_check(record->item_counted_bytes <= FB_ITEM_MAX_BYTES);
    fuzz_check(record->key_size > 0 && record->key_size <= FB_CANONICAL_KEY_MAX);
    /* jansson refuses a NUL in a name. */
    if (memmem(record->item, record->item_size, "\\u0000", 6) != NULL)
        return;
    item =
        json_loadb(record->item, record->item_size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    fuzz_check(json_is_object(item));
    json_object_foreach(item, name, value)
    {
        fuzz_check(json_object_size(value) == 1);
    }
    fuzz_check_keys(record, item, schema);
    json_decref(item);
}

static inline void fuzz_check_between(const struct fuzz_object *object, uint64_t from, uint64_t to)
{
    if (from == 0 && to >= 3 && memcmp(object->bytes, "\xef\xbb\xbf", 3) == 0)
        from = 3;
    for (; from < to; from++)
        fuzz_check(object->bytes[from] != '\0' &&
                   strchr(object->between, object->bytes[from]) != NULL);
}

/* Several records may be parts of a larger one, which all of them end with. */
static inline bool fuzz_is_part(const struct fb_record *record)
{
    return record->end_offset_bytes != record->offset_bytes + record->size_bytes;
}

/* Of a record that is too long, some of it is there. */
static inline void fuzz_check_text_size(const struct fuzz_object *object,
                                        const struct fb_record *record)
{
    const size_t max = object->max_record_size;

    if (record->text_size == record->size_bytes)
        fuzz_check(record->text_size <= max || record->text_size <= FUZZ_HEAD_MAX);
    else {
        fuzz_check(record->text_size < record->size_bytes && record->size_bytes > max);
        fuzz_check(record->text_size <= FUZZ_HEAD_MAX);
        fuzz_check(record->text_size >= (max < FUZZ_HEAD_MAX ? max : FUZZ_HEAD_MAX));
    }
}

static inline void fuzz_check_record(struct fuzz_object *object, const struct fb_record *record,
                                     uint64_t passed_over)
{
    const uint64_t end = record->offset_bytes + record->size_bytes;
    const bool is_next = record->end_offset_bytes == object->covered && record->number > 0;

    fuzz_check(record->number == object->number);
    fuzz_check(end <= record->end_offset_bytes && record->end_offset_bytes <= object->size);
    fuzz_check(record->offset_bytes >= (is_next ? object->last_offset : object->covered));
    if (!is_next && !fuzz_is_part(record) && passed_over == object->passed_over)
        fuzz_check_between(object, object->covered, record->offset_bytes);
    fuzz_check_text_size(object, record);
    fuzz_check(memcmp(record->text, object->bytes + record->offset_bytes, record->text_size) == 0);
    if (record->reason != FB_DEAD_NONE)
        fuzz_check(record->message[0] != '\0');
    else if (!object->has_checked_items)
        fuzz_check_item(record, object->schema);
    object->number++;
    object->covered = record->end_offset_bytes;
    object->last_offset = record->offset_bytes;
    object->passed_over = passed_over;
}

/* ---- a whole object ---- */

static inline size_t fuzz_feed(struct fb_record_reader *reader, const char *bytes, size_t size,
                               size_t piece)
{
    char *space = NULL;
    size_t room = 0;

    fuzz_check(fb_record_reader_space(reader, &space, &room, NULL) == FB_OK && room > 0);
    room = room < piece ? room : piece;
    room = room < size ? room : size;
    if (room > 0)
        memcpy(space, bytes, room);
    fb_record_reader_wrote(reader, room);
    if (room == 0)
        fb_record_reader_finish(reader);
    return room;
}

static inline void fuzz_read(struct fb_record_reader *reader, struct fuzz_object object,
                             size_t piece, struct fuzz_outcome *outcome)
{
    enum fb_status status = FB_NEED_MORE;
    uint64_t end[2];
    size_t fed = 0;

    outcome->size = 0;
    fb_record_reader_begin(reader);
    while (status == FB_NEED_MORE) {
        struct fb_record record;

        fed += fuzz_feed(reader, object.bytes + fed, object.size - fed, piece);
        while ((status = fb_record_reader_next(reader, &record)) == FB_OK) {
            fuzz_check_record(&object, &record, fb_record_reader_tally(reader).passed_over);
            fuzz_add_record(outcome, &record);
        }
    }
    fuzz_check(status == FB_END);
    end[0] = fb_record_reader_tally(reader).passed_over;
    end[1] = fb_record_reader_format(reader);
    fuzz_add(outcome, end, sizeof end);
    if (end[0] == object.passed_over)
        fuzz_check_between(&object, object.covered, object.size);
}

static inline struct fb_record_reader *fuzz_reader(const struct fuzz_options *options,
                                                   size_t option_count, unsigned choice,
                                                   struct fuzz_object *object)
{
    static const size_t sizes[FUZZ_SIZES] = {24, 100, 700, (size_t)1 << 16};
    static struct fb_record_reader *readers[FUZZ_OPTIONS_MAX][2][FUZZ_SIZES];
    const size_t option = (choice >> 3) % option_count;
    struct fb_record_reader **reader = &readers[option][choice >> 2 & 1][choice & 3];

    object->between = options[option].between;
    object->max_record_size = sizes[choice & 3];
    object->schema = &fuzz_schemas[choice >> 2 & 1];
    if (*reader == NULL)
        fuzz_check(
            fb_record_reader_new(
                &(struct fb_record_reader_options){.schema = object->schema,
                                                   .hash_seed = 42,
                                                   .max_record_size = object->max_record_size,
                                                   .form = options[option].form},
                reader, NULL) == FB_OK);
    return *reader;
}

static inline int fuzz_form(const struct fuzz_options *options, size_t option_count,
                            const uint8_t *input, size_t size)
{
    static struct fuzz_outcome whole;
    static struct fuzz_outcome split;
    struct fuzz_object object = {0};
    struct fb_record_reader *reader;

    if (size < 2)
        return 0;
    object.bytes = (const char *)input + 2;
    object.size = size - 2;
    reader = fuzz_reader(options, option_count, input[1], &object);
    fuzz_read(reader, object, size, &whole);
    object.has_checked_items = true;
    fuzz_read(reader, object, (size_t)input[0] % 32 + 1, &split);
    fuzz_check_same(&whole, &split);
    return 0;
}

/* JSON has blanks, and what arrays are written with. */
#define FUZZ_BETWEEN_JSON " \t\r\n,[]"

/* Of JSON, with nothing else to choose. */
static inline int fuzz_json_form(enum fb_format format, const uint8_t *input, size_t size)
{
    const struct fuzz_options options = {{.format = format}, FUZZ_BETWEEN_JSON};

    return fuzz_form(&options, 1, input, size);
}

#endif
