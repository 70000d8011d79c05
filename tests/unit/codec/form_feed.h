/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the record forms share: bytes in any pieces, and what must come out of them. */
#ifndef FIREBRIDGE_TESTS_CODEC_FORM_FEED_H
#define FIREBRIDGE_TESTS_CODEC_FORM_FEED_H

#include "feed.h"

#define FORM_MAX_RECORD ((size_t)4 << 10)

/* A literal with its size, for bytes that may hold NUL. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* How the next object is to be read. */
static struct fb_form_options form;
static struct fb_key_schema form_schema;
static size_t form_max_record_size;

static inline void read_as(enum fb_format format)
{
    form = (struct fb_form_options){.format = format};
    form_schema = id_schema();
    form_max_record_size = FORM_MAX_RECORD;
}

static inline void delimit_with(const char *delimiter, size_t size)
{
    form.delimiter = delimiter;
    form.delimiter_size = size;
}

struct form_outcome {
    const char *bytes;
    struct text told;
    uint64_t number;
    uint64_t begin; /* of the record before */
    size_t dead;
    size_t items;
    uint64_t last_offset;
    uint64_t last_size;
    size_t last_text_size;
    enum fb_dead_reason last_reason;
    char last_message[160];
};

/* "offset+size put {item}", "offset+size delete {key}" or "offset+size reason", a line each. */
static inline void tell_record(const struct fb_record *record, void *userdata)
{
    struct form_outcome *outcome = userdata;
    char head[128];

    assert_int_equal(record->number, outcome->number++);
    assert_true(record->offset_bytes >= outcome->begin);
    assert_true(record->end_offset_bytes >= record->offset_bytes + record->size_bytes);
    if (record->size_bytes <= form_max_record_size)
        assert_int_equal(record->text_size, record->size_bytes);
    assert_true(record->text_size <= record->size_bytes);
    assert_memory_equal(record->text, outcome->bytes + record->offset_bytes, record->text_size);
    outcome->begin = record->offset_bytes;
    outcome->last_offset = record->offset_bytes;
    outcome->last_size = record->size_bytes;
    outcome->last_text_size = record->text_size;
    outcome->last_reason = record->reason;
    memcpy(outcome->last_message, record->message, sizeof outcome->last_message);
    snprintf(head, sizeof head, "%llu+%llu %s", (unsigned long long)record->offset_bytes,
             (unsigned long long)record->size_bytes,
             record->reason != FB_DEAD_NONE   ? fb_dead_reason_name(record->reason)
             : record->operation == FB_DELETE ? "delete "
                                              : "put ");
    add(&outcome->told, head);
    if (record->reason == FB_DEAD_NONE) {
        add_bytes(&outcome->told, record->item, record->item_size);
        outcome->items++;
    } else
        outcome->dead++;
    add(&outcome->told, "\n");
}

static inline struct fb_record_reader *new_form_reader(void)
{
    struct fb_record_reader *made = NULL;

    assert_int_equal(fb_record_reader_new(
                         &(struct fb_record_reader_options){.schema = &form_schema,
                                                            .hash_seed = 7,
                                                            .max_record_size = form_max_record_size,
                                                            .form = form},
                         &made, NULL),
                     FB_OK);
    return made;
}

/* What becomes of the bytes, fed in such pieces; the text is the caller's to free. */
static inline struct form_outcome read_form(struct fb_record_reader *made, const char *bytes,
                                            size_t size, size_t piece)
{
    struct form_outcome outcome = {.bytes = bytes};
    char tail[64];

    add(&outcome.told, "");
    fb_record_reader_begin(made);
    feed(made, bytes, size, piece, tell_record, &outcome);
    if (fb_record_reader_tally(made).passed_over > 0) {
        snprintf(tail, sizeof tail, "passed over %llu\n",
                 (unsigned long long)fb_record_reader_tally(made).passed_over);
        add(&outcome.told, tail);
    }
    return outcome;
}

/* The same, however it is fed; of the whole. */
static inline struct form_outcome read_form_any_way(const char *bytes, size_t size)
{
    static const size_t pieces[] = {1, 2, 3, 7, 4096};
    struct fb_record_reader *made = new_form_reader();
    struct form_outcome whole = read_form(made, bytes, size, size + 1);

    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct form_outcome split = read_form(made, bytes, size, pieces[i]);

        assert_string_equal(split.told.bytes, whole.told.bytes);
        assert_string_equal(split.last_message, whole.last_message);
        assert_int_equal(split.last_text_size, whole.last_text_size);
        free(split.told.bytes);
    }
    fb_record_reader_free(made);
    return whole;
}

/* An object that is left in the middle leaves nothing to the next one. */
static inline void expect_same_behind_any_part(const char *bytes, size_t size)
{
    struct fb_record_reader *made = new_form_reader();
    struct form_outcome alone = read_form(made, bytes, size, size);

    for (size_t part = 0; part <= size; part++) {
        struct form_outcome behind;
        struct fb_record ignored;
        size_t room;
        char *space;

        fb_record_reader_begin(made);
        assert_int_equal(fb_record_reader_space(made, &space, &room, NULL), FB_OK);
        assert_true(room >= part);
        memcpy(space, bytes, part);
        fb_record_reader_wrote(made, part);
        while (fb_record_reader_next(made, &ignored) == FB_OK)
            continue;
        behind = read_form(made, bytes, size, size);
        assert_string_equal(behind.told.bytes, alone.told.bytes);
        free(behind.told.bytes);
    }
    free(alone.told.bytes);
    fb_record_reader_free(made);
}

static inline void expect_form(const char *bytes, size_t size, const char *expected)
{
    struct form_outcome outcome = read_form_any_way(bytes, size);

    assert_string_equal(outcome.told.bytes, expected);
    free(outcome.told.bytes);
}

static inline void expect_text(const char *text, const char *expected)
{
    expect_form(text, strlen(text), expected);
}

/* One dead letter and nothing else, for this reason, with these words. */
static inline void expect_dead(const char *text, enum fb_dead_reason reason, const char *words)
{
    struct form_outcome outcome = read_form_any_way(text, strlen(text));

    assert_int_equal(outcome.items, 0);
    assert_int_equal(outcome.dead, 1);
    assert_string_equal(fb_dead_reason_name(outcome.last_reason), fb_dead_reason_name(reason));
    if (strstr(outcome.last_message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", outcome.last_message, words);
    free(outcome.told.bytes);
}

#endif
