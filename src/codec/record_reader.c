/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/record_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/transcode.h"
#include "firebridge/codec/version.h"
#include "record_reader_private.h"

/* Beside a damaged region and the record that may begin behind it: one read. */
#define READ_BYTES ((size_t)64 << 10)

static const char *const reason_names[FB_DEAD_REASON_COUNT] = {
    [FB_DEAD_NONE] = "none",
    [FB_DEAD_MALFORMED] = "malformed-json",
    [FB_DEAD_NOT_AN_OBJECT] = "not-an-object",
    [FB_DEAD_INVALID_UTF8] = "invalid-utf8",
    [FB_DEAD_RECORD_TOO_LARGE] = "record-too-large",
    [FB_DEAD_ITEM_TOO_LARGE] = "item-too-large",
    [FB_DEAD_TOO_DEEP] = "too-deep",
    [FB_DEAD_NUMBER_PRECISION] = "number-precision",
    [FB_DEAD_NUMBER_RANGE] = "number-range",
    [FB_DEAD_EMPTY_NAME] = "empty-attribute-name",
    [FB_DEAD_NAME_TOO_LONG] = "attribute-name-too-long",
    [FB_DEAD_KEY_MISSING] = "key-missing",
    [FB_DEAD_KEY_TYPE] = "key-type",
    [FB_DEAD_KEY_EMPTY] = "key-empty",
    [FB_DEAD_KEY_TOO_LONG] = "key-too-long",
    [FB_DEAD_REJECTED] = "rejected",
    [FB_DEAD_WRONG_FORM] = "wrong-form",
    [FB_DEAD_MALFORMED_ROW] = "malformed-row",
    [FB_DEAD_NO_MATCH] = "no-match",
    [FB_DEAD_MAPPING] = "mapping",
    [FB_DEAD_JQ] = "jq",
    [FB_DEAD_VERSION] = "version",
};

const char *fb_dead_reason_name(enum fb_dead_reason reason)
{
    if ((size_t)reason >= sizeof reason_names / sizeof *reason_names)
        return "unknown";
    return reason_names[reason];
}

/* ---- making and feeding ---- */

static bool schema_is_sound(const struct fb_key_schema *schema)
{
    if (schema->count > 2)
        return false;
    for (size_t i = 0; i < schema->count; i++)
        if (schema->attributes[i].name_size < 1 ||
            schema->attributes[i].name_size > FB_KEY_NAME_MAX)
            return false;
    return true;
}

/* `auto` may turn out to be any form of JSON. */
static bool may_be(const struct fb_record_reader *reader, const struct fb_form *form)
{
    const enum fb_format format = reader->form_options.format;

    if (format != FB_FORMAT_AUTO)
        return form->format == format;
    return form->framing == FB_FRAMING_JSON && !(form->gives_items && reader->mapping != NULL);
}

/* *ret_factor: how many times max_record_size the longest text of theirs may be. */
static enum fb_status make_forms(struct fb_record_reader *reader, uint64_t hash_seed,
                                 size_t *ret_factor, struct fb_error *error)
{
    const struct fb_form_context context = {
        .options = &reader->form_options,
        .schema = &reader->schema,
        .hash_seed = hash_seed,
        .max_record_size = reader->max_record_size,
        .is_mapped = reader->mapping != NULL,
    };
    enum fb_status status = FB_OK;

    for (size_t i = 0; fb_forms[i] != NULL && status == FB_OK; i++) {
        if (!may_be(reader, fb_forms[i]))
            continue;
        if (fb_forms[i]->text_factor > *ret_factor)
            *ret_factor = fb_forms[i]->text_factor;
        status = fb_forms[i]->make(&context, &reader->states[fb_forms[i]->format], error);
    }
    return status;
}

static enum fb_status make_parts(struct fb_record_reader *reader, uint64_t hash_seed,
                                 struct fb_error *error)
{
    const size_t max = reader->max_record_size;
    size_t factor = 1;
    enum fb_status status = make_forms(reader, hash_seed, &factor, error);

    if (status == FB_OK)
        status = fb_reader_jq_new(reader, error);
    if (status != FB_OK)
        return status;
    reader->head = malloc(max < FB_HEAD_BYTES ? FB_HEAD_BYTES : max);
    if (reader->head == NULL ||
        fb_window_init(&reader->window, (factor + 1) * max + READ_BYTES) != FB_OK ||
        fb_transcoder_new(&reader->schema, hash_seed, reader->mapping, &reader->transcoder) !=
            FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a record reader");
    return FB_OK;
}

enum fb_status fb_record_reader_new(const struct fb_record_reader_options *options,
                                    struct fb_record_reader **ret_reader, struct fb_error *error)
{
    const size_t max_record_size = options->max_record_size;
    struct fb_record_reader *reader;
    enum fb_status status;

    if (!schema_is_sound(options->schema))
        return fb_fail(error, FB_INVALID, "a table has one or two key attributes with names");
    if (max_record_size < 2 || max_record_size > FB_TRANSCODE_TEXT_MAX)
        return fb_fail(error, FB_INVALID, "max_record_size must be 2 to %zu bytes",
                       FB_TRANSCODE_TEXT_MAX);
    status = fb_form_options_check(&options->form, error);
    if (status != FB_OK)
        return status;
    if (options->mapping != NULL)
        status = fb_format_check_mapping(options->form.format, error);
    if (status != FB_OK)
        return status;
    reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a record reader");
    reader->max_record_size = max_record_size;
    reader->schema = *options->schema;
    reader->form_options = options->form;
    reader->mapping = options->mapping;
    status = make_parts(reader, options->hash_seed, error);
    if (status != FB_OK) {
        fb_record_reader_free(reader);
        return status;
    }
    fb_record_reader_begin(reader);
    *ret_reader = reader;
    return FB_OK;
}

void fb_record_reader_free(struct fb_record_reader *reader)
{
    if (reader == NULL)
        return;
    fb_window_done(&reader->window);
    fb_transcoder_free(reader->transcoder);
    fb_nesting_done(&reader->nesting);
    for (size_t i = 0; fb_forms[i] != NULL; i++)
        fb_forms[i]->free(reader->states[fb_forms[i]->format]);
    fb_reader_jq_free(reader);
    free(reader->head);
    free(reader);
}

static int64_t budget_cap(const struct fb_record_reader *reader)
{
    return 2 * (int64_t)reader->max_text_size;
}

void fb_reader_set_format(struct fb_record_reader *reader, enum fb_format format)
{
    reader->format = format;
    reader->form = fb_form_of(format);
    if (reader->form == NULL && reader->jq != NULL)
        reader->form = &fb_form_json;
    reader->max_text_size = reader->max_record_size;
    if (reader->form == NULL)
        return;
    if (reader->form->text_factor > 1)
        reader->max_text_size *= reader->form->text_factor;
    reader->form->begin(fb_reader_state(reader));
}

void fb_record_reader_begin(struct fb_record_reader *reader)
{
    fb_window_reset(&reader->window, 0);
    fb_transcoder_shrink(reader->transcoder);
    reader->number = 0;
    reader->tally = (struct fb_record_tally){0};
    reader->mismatches_before = fb_transcoder_mismatches(reader->transcoder);
    reader->object = NULL;
    reader->retry_at = 0;
    reader->finished = false;
    reader->cut_off = false;
    reader->at_first_byte = true;
    reader->is_open = false;
    reader->in_array = false;
    reader->line_indent = 0;
    reader->in_region = false;
    fb_reader_jq_begin(reader);
    fb_reader_set_format(reader, reader->form_options.format);
    reader->budget = budget_cap(reader);
}

void fb_record_reader_place(struct fb_record_reader *reader, uint64_t number, uint64_t offset_bytes)
{
    reader->number = number;
    reader->window.base = offset_bytes;
}

uint64_t fb_record_reader_number(const struct fb_record_reader *reader)
{
    return reader->number;
}

void fb_record_reader_describe_object(struct fb_record_reader *reader,
                                      const struct fb_map_object *object)
{
    reader->object = object;
}

enum fb_format fb_record_reader_format(const struct fb_record_reader *reader)
{
    return reader->format;
}

const struct fb_error *fb_record_reader_error(const struct fb_record_reader *reader)
{
    return fb_reader_jq_error(reader);
}

struct fb_record_tally fb_record_reader_tally(const struct fb_record_reader *reader)
{
    struct fb_record_tally tally = reader->tally;

    tally.mismatches = fb_transcoder_mismatches(reader->transcoder) - reader->mismatches_before;
    return tally;
}

enum fb_status fb_record_reader_space(struct fb_record_reader *reader, char **ret_space,
                                      size_t *ret_size, struct fb_error *error)
{
    const enum fb_status status = fb_window_space(&reader->window, ret_space, ret_size);

    if (status != FB_OK)
        return fb_fail(error, status, "no room for more bytes of the object: %s",
                       fb_status_name(status));
    return FB_OK;
}

void fb_record_reader_wrote(struct fb_record_reader *reader, size_t size)
{
    fb_window_wrote(&reader->window, size);
}

void fb_record_reader_finish(struct fb_record_reader *reader)
{
    reader->finished = true;
}

void fb_record_reader_cut_off(struct fb_record_reader *reader)
{
    reader->cut_off = true;
}

/* ---- places ---- */

void fb_reader_progress(struct fb_record_reader *reader, uint64_t size)
{
    const int64_t cap = budget_cap(reader);

    if (size >= (uint64_t)cap || reader->budget + 2 * (int64_t)size > cap)
        reader->budget = cap;
    else
        reader->budget += 2 * (int64_t)size;
}

bool fb_reader_worth_parsing(const struct fb_record_reader *reader, size_t from)
{
    return reader->finished || reader->cut_off || reader->window.fill - from >= reader->retry_at;
}

void fb_reader_want_twice(struct fb_record_reader *reader, size_t had)
{
    reader->retry_at = 2 * had < reader->max_text_size ? 2 * had : reader->max_text_size;
    if (reader->retry_at <= had)
        reader->retry_at = had + 1;
}

void fb_reader_pass(struct fb_record_reader *reader, size_t size)
{
    reader->window.begin += size;
    reader->retry_at = 0;
    reader->line_indent = FB_NO_INDENT;
    fb_reader_progress(reader, size);
}

/* ---- what becomes of a record ---- */

void fb_reader_describe(const struct fb_transcoded *transcoded, struct fb_record *ret)
{
    ret->operation = transcoded->is_left_out ? FB_LEAVE_OUT : transcoded->operation;
    ret->reason = transcoded->reason;
    ret->message[0] = '\0';
    if (transcoded->name != NULL)
        snprintf(ret->message, sizeof ret->message, "%s: %.100s", transcoded->what,
                 transcoded->name);
    else if (transcoded->reason != FB_DEAD_NONE)
        snprintf(ret->message, sizeof ret->message, "%s, at byte %zu", transcoded->what,
                 transcoded->at);
    ret->item = transcoded->item;
    ret->item_size = transcoded->item_size;
    ret->item_counted_bytes = transcoded->item_counted_bytes;
    ret->key = transcoded->key;
    ret->key_size = transcoded->key_size;
    ret->key_hash = transcoded->key_hash;
}

size_t fb_reader_kept_size(const struct fb_record_reader *reader, uint64_t size)
{
    if (size <= reader->max_record_size)
        return (size_t)size;
    return reader->max_record_size < FB_HEAD_BYTES ? reader->max_record_size : FB_HEAD_BYTES;
}

void fb_reader_place_record(struct fb_record_reader *reader, size_t at, size_t size,
                            struct fb_record *ret)
{
    ret->number = reader->number++;
    ret->offset_bytes = reader->window.base + reader->window.begin + at;
    ret->part = 0;
    ret->output = 0;
    ret->size_bytes = size;
    ret->end_offset_bytes = ret->offset_bytes + size;
    ret->text = fb_reader_here(reader) + at;
    ret->text_size = fb_reader_kept_size(reader, size);
    ret->format = reader->format;
    ret->is_followed = false;
    ret->operation = FB_PUT;
}

enum fb_status fb_reader_report_dead(struct fb_record_reader *reader, size_t size,
                                     enum fb_dead_reason reason, const char *message,
                                     struct fb_record *ret)
{
    fb_reader_place_record(reader, 0, size, ret);
    ret->reason = reason;
    snprintf(ret->message, sizeof ret->message, "%s", message);
    fb_reader_pass(reader, size);
    return FB_OK;
}

/* ---- what a form makes of it ---- */

void fb_reader_open(struct fb_record_reader *reader, size_t size)
{
    reader->is_open = true;
    reader->parts = 0;
    reader->open_size = size;
}

/* The record that is kept is not the JSON in which the place is. */
static void tell_place_in_formed(struct fb_record *ret)
{
    const size_t size = strlen(ret->message);

    snprintf(ret->message + size, sizeof ret->message - size, " of the JSON that it becomes");
}

void fb_reader_place_formed(struct fb_record_reader *reader, const struct fb_formed *formed,
                            struct fb_record *ret)
{
    fb_reader_place_record(reader, formed->at, formed->size, ret);
    ret->part = reader->parts++;
    ret->end_offset_bytes = reader->window.base + reader->window.begin + reader->open_size;
    ret->operation = formed->operation;
}

enum fb_status fb_reader_transcode_formed(struct fb_record_reader *reader,
                                          const struct fb_formed *formed, struct fb_record *ret)
{
    struct fb_transcoded transcoded;
    enum fb_status status;

    fb_transcoder_place(reader->transcoder, reader->object,
                        reader->form->is_envelope ? fb_reader_here(reader) : NULL, ret->number,
                        ret->offset_bytes);
    /* Text was measured as it was cut. */
    if (reader->form->framing != FB_FRAMING_TEXT && formed->json_size > reader->max_record_size) {
        ret->reason = FB_DEAD_RECORD_TOO_LARGE;
        snprintf(ret->message, sizeof ret->message,
                 "the record that it becomes is over max_record_size = %zu bytes",
                 reader->max_record_size);
        return FB_OK;
    }
    status = fb_transcode(reader->transcoder, formed->json, formed->json_size, &transcoded);
    if (status == FB_NO_MEMORY)
        return status;
    if (status != FB_OK)
        transcoded = (struct fb_transcoded){
            .reason = FB_DEAD_MALFORMED, .what = transcoded.what, .at = transcoded.at};
    fb_reader_describe(&transcoded, ret);
    if (transcoded.reason != FB_DEAD_NONE && transcoded.name == NULL && formed->json != ret->text)
        tell_place_in_formed(ret);
    return FB_OK;
}

enum fb_status fb_reader_next_formed(struct fb_record_reader *reader, struct fb_record *ret)
{
    struct fb_formed formed;
    enum fb_status status;

    if (fb_reader_has_output(reader))
        return fb_reader_next_output(reader, ret);
    status = reader->form->next(fb_reader_state(reader), &formed);
    if (status == FB_END) {
        reader->tally.passed_over += reader->parts == 0;
        reader->is_open = false;
        fb_reader_pass(reader, reader->open_size);
    }
    if (status != FB_OK)
        return status;
    fb_reader_place_formed(reader, &formed, ret);
    switch (formed.kind) {
    case FB_FORMED_JSON:
        return reader->jq == NULL ? fb_reader_transcode_formed(reader, &formed, ret)
                                  : fb_reader_run_jq(reader, &formed, ret);
    case FB_FORMED_ITEM:
        fb_reader_describe(&formed.item, ret);
        ret->operation = formed.operation;
        break;
    case FB_FORMED_DEAD:
        ret->reason = formed.reason;
        memcpy(ret->message, formed.message, sizeof formed.message);
    }
    return FB_OK;
}

/* ---- the next one ---- */

/* True when the first bytes are no byte order mark, or it is passed over. */
static bool pass_byte_order_mark(struct fb_record_reader *reader)
{
    static const char mark[3] = {'\xef', '\xbb', '\xbf'};
    const size_t size =
        fb_reader_available(reader) < sizeof mark ? fb_reader_available(reader) : sizeof mark;

    if (memcmp(reader->window.bytes + reader->window.begin, mark, size) == 0) {
        if (size < sizeof mark && !reader->finished)
            return false;
        if (size == sizeof mark)
            reader->window.begin += sizeof mark;
    }
    reader->at_first_byte = false;
    return true;
}

static enum fb_status next(struct fb_record_reader *reader, struct fb_record *ret_record)
{
    const uint64_t number = reader->number;
    enum fb_status status;

    if (reader->in_region)
        return fb_region_next(reader, ret_record);
    if (reader->at_first_byte && !pass_byte_order_mark(reader))
        return FB_NEED_MORE;
    for (;;) {
        if (reader->is_open) {
            status = fb_reader_next_formed(reader, ret_record);
            if (status != FB_END)
                return status;
        } else {
            const bool is_text = reader->form != NULL && reader->form->framing == FB_FRAMING_TEXT;

            status = is_text ? fb_reader_cut_text(reader, ret_record)
                             : fb_reader_cut_json(reader, ret_record);
            if (status != FB_OK || reader->number != number)
                return status;
        }
    }
}

/* Where the version of an item stands, without which it cannot be written. */
static void find_version(const char *name, struct fb_record *record)
{
    struct fb_version version;

    if (!fb_version_find(record->item, name, strlen(name), &version)) {
        record->reason = FB_DEAD_VERSION;
        snprintf(record->message, sizeof record->message,
                 "the item has no number or string in its version_attribute %.80s", name);
        return;
    }
    record->version_at = (uint32_t)(version.bytes - record->item);
    record->version_size = (uint32_t)version.size;
}

enum fb_status fb_record_reader_next(struct fb_record_reader *reader, struct fb_record *ret_record)
{
    enum fb_status status = next(reader, ret_record);

    while (status == FB_OK && ret_record->operation == FB_LEAVE_OUT) {
        reader->tally.left_out += !ret_record->is_followed;
        status = next(reader, ret_record);
    }
    if (status == FB_OK && ret_record->operation == FB_NEWER && ret_record->reason == FB_DEAD_NONE)
        find_version(fb_mapping_version_attribute(reader->mapping), ret_record);
    return status;
}
