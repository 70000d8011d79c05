/* SPDX-License-Identifier: Apache-2.0 */
/* Where a record begins and ends: JSON by its brackets, text as its form says. */
#include <stdio.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/transcode.h"
#include "record_reader_private.h"

/* ---- what is no record ---- */

static enum fb_status too_long(struct fb_record_reader *reader, size_t known, struct fb_record *ret)
{
    char message[80];

    snprintf(message, sizeof message, "a record over max_record_size = %zu bytes",
             reader->max_record_size);
    return fb_region_begin(reader, FB_DEAD_RECORD_TOO_LARGE, message, known, ret);
}

/* All that is left is sound up to its end: whatever it holds is a part of this record. */
static enum fb_status ends_inside(struct fb_record_reader *reader, struct fb_record *ret)
{
    const char *const text = fb_reader_here(reader);
    size_t size = fb_reader_available(reader);

    while (size > 1 && fb_is_blank(text[size - 1]))
        size--;
    return fb_reader_report_dead(reader, size, FB_DEAD_MALFORMED,
                                 "the object ends inside the record", ret);
}

/* The text that was looked at ends inside the record. */
static enum fb_status cut_off(struct fb_record_reader *reader, size_t looked_at,
                              struct fb_record *ret)
{
    if (looked_at == reader->max_text_size) {
        fb_reader_spend(reader, looked_at);
        return too_long(reader, 0, ret);
    }
    if (reader->finished)
        return ends_inside(reader, ret);
    fb_reader_want_twice(reader, looked_at);
    return FB_NEED_MORE;
}

static enum fb_status malformed(struct fb_record_reader *reader, const char *what, size_t at,
                                struct fb_record *ret)
{
    char message[128];

    snprintf(message, sizeof message, "%s, at byte %zu", what, at);
    fb_reader_spend(reader, at);
    return fb_region_begin(reader, FB_DEAD_MALFORMED, message, 0, ret);
}

/* ---- plain JSON: from the window to the transcoder ---- */

static enum fb_status plain_record(struct fb_record_reader *reader, struct fb_record *ret)
{
    char *const text = fb_reader_here(reader);
    const size_t had = fb_reader_available(reader);
    const size_t size = had < reader->max_record_size ? had : reader->max_record_size;
    struct fb_transcoded transcoded;
    enum fb_status status;
    char saved;

    if (!fb_reader_worth_parsing(reader, reader->window.begin))
        return FB_NEED_MORE;
    fb_transcoder_place(reader->transcoder, reader->object, NULL, reader->number,
                        reader->window.base + reader->window.begin);
    saved = text[size];
    text[size] = '\0';
    status = fb_transcode(reader->transcoder, text, size, &transcoded);
    text[size] = saved;
    if (status == FB_OK) {
        fb_reader_place_record(reader, 0, transcoded.size, ret);
        fb_reader_describe(&transcoded, ret);
        fb_reader_pass(reader, transcoded.size);
        return FB_OK;
    }
    if (status == FB_NEED_MORE)
        return cut_off(reader, size, ret);
    if (status != FB_INVALID)
        return status;
    return malformed(reader, transcoded.what, transcoded.at, ret);
}

/* ---- the forms of JSON ---- */

/* FB_OK when the JSON object here is whole and sound; otherwise as fb_record_reader_next. */
static enum fb_status validate_here(struct fb_record_reader *reader, struct fb_validated *ret,
                                    size_t *ret_looked_at)
{
    char *const text = fb_reader_here(reader);
    const size_t had = fb_reader_available(reader);
    const size_t size = had < reader->max_text_size ? had : reader->max_text_size;
    const char saved = text[size];
    enum fb_status status;

    text[size] = '\0';
    status = fb_json_validate(&reader->nesting, text, size, ret);
    text[size] = saved;
    *ret_looked_at = size;
    return status;
}

/* FB_OK with a dead letter, or with the text open. */
static enum fb_status open_json(struct fb_record_reader *reader, struct fb_record *ret)
{
    struct fb_validated validated;
    enum fb_status status;
    size_t looked_at;

    if (!fb_reader_worth_parsing(reader, reader->window.begin))
        return FB_NEED_MORE;
    status = validate_here(reader, &validated, &looked_at);
    if (status == FB_NEED_MORE)
        return cut_off(reader, looked_at, ret);
    if (status == FB_INVALID)
        return malformed(reader, validated.what, validated.end, ret);
    if (status != FB_OK)
        return status;
    /* Plain JSON is for the transcoder to judge. */
    if (validated.bad_utf8 && reader->form != &fb_form_json)
        return fb_reader_report_dead(reader, validated.end, FB_DEAD_INVALID_UTF8,
                                     "bytes that are not UTF-8, or a lone surrogate", ret);
    fb_reader_open(reader, validated.end);
    return reader->form->open(fb_reader_state(reader), fb_reader_here(reader), validated.end);
}

/* As it is, it has the table's key: nothing needs to be made of it. */
static bool holds_key(const struct fb_record_reader *reader, struct fb_json_cursor record)
{
    size_t found = 0;
    struct fb_json_text name;

    (void)fb_json_enter_object(&record);
    for (; fb_json_next_member(&record, &name); fb_json_skip(&record))
        for (size_t i = 0; i < reader->schema.count; i++) {
            const struct fb_key_attribute *attribute = &reader->schema.attributes[i];

            if (fb_json_text_is(&name, attribute->name, attribute->name_size) &&
                *record.at != '{' && *record.at != '[')
                found++;
        }
    return reader->schema.count > 0 && found >= reader->schema.count;
}

/* The record is longer than most; true when it may be of a form that holds many in one. */
static bool widen(struct fb_record_reader *reader)
{
    char *const text = fb_reader_here(reader);
    const char saved = text[reader->max_record_size];
    size_t factor = 1;

    if (reader->max_text_size > reader->max_record_size)
        return false;
    text[reader->max_record_size] = '\0';
    for (size_t i = 0; fb_forms[i] != NULL; i++)
        if (fb_forms[i]->tell != NULL && fb_forms[i]->text_factor > factor &&
            strcasestr(text, fb_forms[i]->tell) != NULL)
            factor = fb_forms[i]->text_factor;
    text[reader->max_record_size] = saved;
    reader->max_text_size = factor * reader->max_record_size;
    return factor > 1;
}

/* FB_OK when the format stands, or this record tells nothing. */
static enum fb_status decide_format(struct fb_record_reader *reader)
{
    const struct fb_json_cursor record = fb_json_cursor_begin(fb_reader_here(reader));
    struct fb_validated validated;
    size_t looked_at;
    enum fb_status status;

    if (!fb_reader_worth_parsing(reader, reader->window.begin))
        return FB_NEED_MORE;
    do
        status = validate_here(reader, &validated, &looked_at);
    while (status == FB_NEED_MORE && looked_at == reader->max_text_size && widen(reader));
    if (status == FB_NEED_MORE && looked_at < reader->max_text_size && !reader->finished) {
        fb_reader_want_twice(reader, looked_at);
        return status;
    }
    reader->max_text_size = reader->max_record_size;
    if (status == FB_NO_MEMORY)
        return status;
    if (status != FB_OK)
        fb_reader_spend(reader, status == FB_INVALID ? validated.end : looked_at);
    if (status != FB_OK)
        return FB_OK;
    if (!holds_key(reader, record))
        for (size_t i = 0; fb_forms[i] != NULL; i++)
            if (fb_forms[i]->fits != NULL && reader->states[fb_forms[i]->format] != NULL &&
                fb_forms[i]->fits(record, &reader->schema)) {
                fb_reader_set_format(reader, fb_forms[i]->format);
                return FB_OK;
            }
    /* A damaged record of another form may have no look of it. */
    if (!validated.bad_utf8)
        fb_reader_set_format(reader, FB_FORMAT_JSON);
    return FB_OK;
}

/* ---- JSON, one value behind the other ---- */

static enum fb_status no_object(struct fb_record_reader *reader, struct fb_record *ret)
{
    const char c = *fb_reader_here(reader);
    struct fb_validated validated;
    size_t looked_at;
    enum fb_status status = FB_INVALID;

    /* Of an array, each element stands for itself. */
    if (reader->in_array && !fb_reader_worth_parsing(reader, reader->window.begin))
        return FB_NEED_MORE;
    if (reader->in_array)
        status = validate_here(reader, &validated, &looked_at);
    /* A number may go on. */
    if (status == FB_OK && validated.end == looked_at && !reader->finished)
        status = FB_NEED_MORE;
    if (status == FB_OK)
        return fb_reader_report_dead(reader, validated.end, FB_DEAD_NOT_AN_OBJECT,
                                     "a record must be a JSON object", ret);
    if (status == FB_NEED_MORE)
        return cut_off(reader, looked_at, ret);
    if (status == FB_NO_MEMORY)
        return status;
    if (c != '\0' && strchr("[\"-0123456789tfn", c) != NULL)
        return fb_region_begin(reader, FB_DEAD_NOT_AN_OBJECT, "a record must be a JSON object", 0,
                               ret);
    return fb_region_begin(reader, FB_DEAD_MALFORMED, "something that is no JSON, at byte 0", 0,
                           ret);
}

/* FB_OK when the conf's delimiter stands at `p`, FB_NEED_MORE when it may, FB_INVALID. */
static enum fb_status delimiter_at(const struct fb_record_reader *reader, const char *p)
{
    const struct fb_form_options *options = &reader->form_options;
    const size_t left = (size_t)(reader->window.bytes + reader->window.fill - p);
    const size_t size = left < options->delimiter_size ? left : options->delimiter_size;

    if (size == 0 || memcmp(p, options->delimiter, size) != 0)
        return FB_INVALID;
    return size == options->delimiter_size ? FB_OK : FB_NEED_MORE;
}

static void pass_delimiter(struct fb_record_reader *reader)
{
    const struct fb_form_options *options = &reader->form_options;

    fb_reader_pass(reader, options->delimiter_size);
    if (options->delimiter[options->delimiter_size - 1] == '\n')
        reader->line_indent = 0;
}

/* Up to what is none, or begins a delimiter; the first one is none's beginning. */
static void pass_blanks(struct fb_record_reader *reader)
{
    const char *const text = fb_reader_here(reader);
    const uint64_t indent = reader->line_indent;
    const char *p = text + 1;
    const char *line;

    while (fb_is_blank(*p) && delimiter_at(reader, p) == FB_INVALID)
        p++;
    line = p;
    while (line > text && line[-1] != '\n')
        line--;
    fb_reader_pass(reader, (size_t)(p - text));
    if (line > text)
        reader->line_indent = (size_t)(p - line);
    else if (indent != FB_NO_INDENT)
        reader->line_indent = indent + (size_t)(p - text);
}

/* What may stand between two records. False when more bytes must tell. */
static bool pass_between(struct fb_record_reader *reader)
{
    while (fb_reader_available(reader) > 0) {
        const char c = *fb_reader_here(reader);
        const enum fb_status delimiter = delimiter_at(reader, fb_reader_here(reader));

        if (delimiter == FB_NEED_MORE && !reader->finished)
            return false;
        if (delimiter == FB_OK)
            pass_delimiter(reader);
        else if (fb_is_blank(c))
            pass_blanks(reader);
        else if (reader->in_array && c == ',')
            fb_reader_pass(reader, 1);
        else if (c == (reader->in_array ? ']' : '[')) {
            fb_reader_pass(reader, 1);
            reader->in_array = !reader->in_array;
        } else
            break;
    }
    return true;
}

static enum fb_status end_of_json(struct fb_record_reader *reader, struct fb_record *ret)
{
    if (!reader->finished)
        return FB_NEED_MORE;
    if (!reader->in_array)
        return FB_END;
    reader->in_array = false;
    return fb_reader_report_dead(reader, 0, FB_DEAD_MALFORMED, "the object ends inside an array",
                                 ret);
}

enum fb_status fb_reader_cut_json(struct fb_record_reader *reader, struct fb_record *ret)
{
    enum fb_status status = FB_OK;

    if (!pass_between(reader))
        return FB_NEED_MORE;
    if (fb_reader_available(reader) == 0)
        return end_of_json(reader, ret);
    if (*fb_reader_here(reader) != '{')
        return no_object(reader, ret);
    if (reader->format == FB_FORMAT_AUTO)
        status = decide_format(reader);
    if (status != FB_OK)
        return status;
    return reader->form == NULL ? plain_record(reader, ret) : open_json(reader, ret);
}

/* ---- text, one line behind the other ---- */

enum fb_status fb_reader_cut_text(struct fb_record_reader *reader, struct fb_record *ret)
{
    const size_t most = reader->max_text_size + FB_DELIMITER_MAX_BYTES + 1;
    const size_t had = fb_reader_available(reader);
    const size_t size = had < most ? had : most;
    struct fb_cut cut = {0};
    enum fb_status status;

    if (had == 0)
        return reader->finished ? FB_END : FB_NEED_MORE;
    status = reader->form->cut(fb_reader_state(reader), fb_reader_here(reader), size,
                               reader->finished && size == had, &cut);
    if (status == FB_INVALID)
        return fb_region_begin(reader, FB_DEAD_MALFORMED_ROW, cut.what, cut.next, ret);
    if (status == FB_NEED_MORE)
        return size == most ? too_long(reader, cut.next, ret) : FB_NEED_MORE;
    if (status != FB_OK)
        return status;
    if (cut.size > reader->max_record_size) {
        char message[80];

        snprintf(message, sizeof message, "a record over max_record_size = %zu bytes",
                 reader->max_record_size);
        status = fb_reader_report_dead(reader, cut.size, FB_DEAD_RECORD_TOO_LARGE, message, ret);
        fb_reader_pass(reader, cut.next - cut.size);
        return status;
    }
    fb_reader_open(reader, cut.next);
    if (cut.size > 0)
        return reader->form->open(fb_reader_state(reader), fb_reader_here(reader), cut.size);
    reader->is_open = false;
    fb_reader_pass(reader, cut.next);
    return FB_OK;
}
