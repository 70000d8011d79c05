/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/record_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/transcode.h"
#include "firebridge/codec/validate.h"
#include "resync.h"
#include "window.h"

/* Of an over-long record so much is kept for its dead letter. */
#define HEAD_BYTES 4096

/* Beside a damaged region and the record that may begin behind it: one read. */
#define READ_BYTES ((size_t)64 << 10)

/* A region that is no record: what lies between two records becomes one dead letter. */
struct region {
    struct fb_resync resync;
    enum fb_dead_reason reason;
    char message[sizeof((struct fb_record *)0)->message];
    uint64_t begin; /* offsets in the object */
    uint64_t scanned;
    uint64_t content_end; /* behind its last byte that is no blank */
    size_t head_size;     /* over 0: its bytes are no longer in the window but in the head */
};

struct fb_record_reader {
    struct fb_window window;
    struct fb_transcoder *transcoder;
    struct fb_nesting nesting;
    size_t max_record_size;
    uint64_t number;
    size_t retry_at; /* bytes that must be there before a parse is tried again */
    bool finished;
    bool at_first_byte;
    bool in_region;
    struct region region;
    char *head;
    /*
     * What may still be spent on looking whether a record begins behind a newline. Each byte of
     * progress earns two, so that the looking stays linear in the input whatever it holds.
     */
    int64_t budget;
};

static const char *const reason_names[] = {
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

enum fb_status fb_record_reader_new(const struct fb_record_reader_options *options,
                                    struct fb_record_reader **ret_reader, struct fb_error *error)
{
    const size_t max_record_size = options->max_record_size;
    struct fb_record_reader *reader;

    if (!schema_is_sound(options->schema))
        return fb_fail(error, FB_INVALID, "a table has one or two key attributes with names");
    if (max_record_size < 2 || max_record_size > FB_TRANSCODE_TEXT_MAX)
        return fb_fail(error, FB_INVALID, "max_record_size must be 2 to %zu bytes",
                       FB_TRANSCODE_TEXT_MAX);
    reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a record reader");
    reader->max_record_size = max_record_size;
    reader->head = malloc(max_record_size < HEAD_BYTES ? HEAD_BYTES : max_record_size);
    if (reader->head == NULL ||
        fb_window_init(&reader->window, 2 * max_record_size + READ_BYTES) != FB_OK ||
        fb_transcoder_new(options->schema, options->hash_seed, &reader->transcoder) != FB_OK) {
        fb_record_reader_free(reader);
        return fb_fail(error, FB_NO_MEMORY, "no memory for a record reader");
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
    free(reader->head);
    free(reader);
}

static int64_t budget_cap(const struct fb_record_reader *reader)
{
    return 2 * (int64_t)reader->max_record_size;
}

void fb_record_reader_begin(struct fb_record_reader *reader)
{
    fb_window_reset(&reader->window, 0);
    fb_transcoder_shrink(reader->transcoder);
    reader->number = 0;
    reader->retry_at = 0;
    reader->finished = false;
    reader->at_first_byte = true;
    reader->in_region = false;
    reader->budget = budget_cap(reader);
}

enum fb_format fb_record_reader_format(const struct fb_record_reader *reader)
{
    (void)reader;
    return FB_FORMAT_JSON;
}

uint64_t fb_record_reader_passed_over(const struct fb_record_reader *reader)
{
    (void)reader;
    return 0;
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

/* ---- places ---- */

static size_t available(const struct fb_record_reader *reader)
{
    return reader->window.fill - reader->window.begin;
}

static size_t place(const struct fb_record_reader *reader, uint64_t offset)
{
    return (size_t)(offset - reader->window.base);
}

static uint64_t filled_to(const struct fb_record_reader *reader)
{
    return reader->window.base + reader->window.fill;
}

static void progress(struct fb_record_reader *reader, uint64_t size)
{
    const int64_t cap = budget_cap(reader);

    if (size >= (uint64_t)cap || reader->budget + 2 * (int64_t)size > cap)
        reader->budget = cap;
    else
        reader->budget += 2 * (int64_t)size;
}

/*
 * True when a parse over what is there, from window offset `from` on, is worth its while: each one
 * that fell short is tried again only with twice the bytes, which keeps the work linear.
 */
static bool worth_parsing(const struct fb_record_reader *reader, size_t from)
{
    return reader->finished || reader->window.fill - from >= reader->retry_at;
}

static void want_twice(struct fb_record_reader *reader, size_t had)
{
    reader->retry_at = 2 * had < reader->max_record_size ? 2 * had : reader->max_record_size;
    if (reader->retry_at <= had)
        reader->retry_at = had + 1;
}

/* ---- a region that is no record ---- */

static void begin_region(struct fb_record_reader *reader, enum fb_dead_reason reason)
{
    struct region *region = &reader->region;

    region->resync = (struct fb_resync){0};
    region->reason = reason;
    region->begin = reader->window.base + reader->window.begin;
    region->scanned = region->begin;
    region->content_end = region->begin;
    region->head_size = 0;
    reader->in_region = true;
    reader->retry_at = 0;
    /* The record that is known to be bad is not to be found again. */
    if (reader->window.bytes[reader->window.begin] == '{') {
        fb_resync_pass_bracket(&region->resync);
        region->scanned++;
        region->content_end++;
    }
}

/* Behind a record that parses: does what follows show that it is only a part of something? */
static enum fb_status look_behind(const char *text, size_t size, bool whole, size_t *end)
{
    const char *p = text + *end;

    while (p < text + size && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    if (p == text + size) {
        *end = size;
        return whole ? FB_OK : FB_NEED_MORE;
    }
    *end = (size_t)(p - text) + 1;
    return *p == ',' || *p == ']' || *p == '}' || *p == ':' ? FB_INVALID : FB_OK;
}

/* FB_OK when a record begins at the `{` that was scanned up to, FB_INVALID when none does. */
static enum fb_status try_candidate(struct fb_record_reader *reader)
{
    const size_t from = place(reader, reader->region.scanned);
    const char *const text = reader->window.bytes + from;
    const size_t had = reader->window.fill - from;
    const size_t size = had < reader->max_record_size ? had : reader->max_record_size;
    const bool whole = reader->finished || size == reader->max_record_size;
    const char saved = text[size];
    struct fb_validated validated = {.end = size};
    enum fb_status status;

    if (!worth_parsing(reader, from))
        return FB_NEED_MORE;
    reader->window.bytes[from + size] = '\0';
    status = fb_json_validate(&reader->nesting, text, size, &validated);
    reader->window.bytes[from + size] = saved;
    if (status == FB_OK)
        status = look_behind(text, size, whole, &validated.end);
    if (status == FB_NEED_MORE && whole)
        status = FB_INVALID;
    if (status == FB_NEED_MORE)
        want_twice(reader, had);
    else if (status != FB_NO_MEMORY) {
        reader->retry_at = 0;
        reader->budget -= (int64_t)validated.end;
    }
    return status;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes the bytes up to `offset` as the region's own. */
static void advance_region(struct fb_record_reader *reader, uint64_t offset)
{
    struct region *region = &reader->region;
    uint64_t end = offset;

    while (end > region->scanned && is_blank(reader->window.bytes[place(reader, end) - 1]))
        end--;
    if (end > region->scanned)
        region->content_end = end;
    progress(reader, offset - region->scanned);
    region->scanned = offset;
    if (region->head_size > 0)
        reader->window.begin = place(reader, offset);
}

/*
 * The scan outgrows a record: the region's bytes are set aside, those to come need not stay. If
 * nothing but blanks comes, the region ends with what is in the head.
 */
static void keep_head(struct fb_record_reader *reader)
{
    struct region *region = &reader->region;

    region->head_size = (size_t)(region->content_end - region->begin);
    memcpy(reader->head, reader->window.bytes + place(reader, region->begin), region->head_size);
    reader->window.begin = place(reader, region->scanned);
}

/* Scans on. FB_OK when the region ends at `scanned`, FB_NEED_MORE at the end of the window. */
static enum fb_status scan_region(struct fb_record_reader *reader)
{
    struct region *region = &reader->region;
    const uint64_t keep_to = region->begin + reader->max_record_size;

    for (;;) {
        const bool kept = region->head_size == 0;
        const uint64_t filled = filled_to(reader);
        const uint64_t limit = kept && keep_to < filled ? keep_to : filled;
        size_t at = place(reader, region->scanned);
        const bool found =
            fb_resync_find(&region->resync, reader->window.bytes, place(reader, limit), &at);
        enum fb_status status = FB_INVALID;

        advance_region(reader, reader->window.base + at);
        if (!found && region->scanned == filled)
            return FB_NEED_MORE;
        if (!found) {
            keep_head(reader);
            continue;
        }
        if (fb_resync_at_top(&region->resync))
            return FB_OK;
        if (reader->budget > 0)
            status = try_candidate(reader);
        if (status != FB_INVALID)
            return status;
        fb_resync_pass_bracket(&region->resync);
        advance_region(reader, region->scanned + 1);
    }
}

static void report_region(struct fb_record_reader *reader, struct fb_record *ret)
{
    const struct region *region = &reader->region;
    const uint64_t size = region->content_end - region->begin;

    *ret = (struct fb_record){
        .number = reader->number++,
        .offset_bytes = region->begin,
        .size_bytes = size,
        .end_offset_bytes = region->content_end,
        .text = reader->head,
        .text_size = region->head_size,
        .reason = region->reason,
    };
    if (region->head_size == 0) {
        ret->text = reader->window.bytes + place(reader, region->begin);
        ret->text_size = (size_t)size;
    } else if (size > reader->max_record_size && ret->text_size > HEAD_BYTES)
        ret->text_size = HEAD_BYTES;
    memcpy(ret->message, region->message, sizeof ret->message);
    reader->window.begin = place(reader, region->scanned);
    reader->in_region = false;
    reader->retry_at = 0;
}

static enum fb_status next_in_region(struct fb_record_reader *reader, struct fb_record *ret)
{
    const enum fb_status status = scan_region(reader);

    if (status != FB_OK && !(status == FB_NEED_MORE && reader->finished))
        return status;
    report_region(reader, ret);
    return FB_OK;
}

static enum fb_status bad_region(struct fb_record_reader *reader, enum fb_dead_reason reason,
                                 const char *message, struct fb_record *ret)
{
    begin_region(reader, reason);
    snprintf(reader->region.message, sizeof reader->region.message, "%s", message);
    return next_in_region(reader, ret);
}

static enum fb_status no_object(struct fb_record_reader *reader, struct fb_record *ret)
{
    const char c = reader->window.bytes[reader->window.begin];

    if (c != '\0' && strchr("[\"-0123456789tfn", c) != NULL)
        return bad_region(reader, FB_DEAD_NOT_AN_OBJECT, "a record must be a JSON object", ret);
    return bad_region(reader, FB_DEAD_MALFORMED, "something that is no JSON, at byte 0", ret);
}

/* ---- records ---- */

static enum fb_status report_record(struct fb_record_reader *reader,
                                    const struct fb_transcoded *transcoded, struct fb_record *ret)
{
    const uint64_t offset = reader->window.base + reader->window.begin;

    ret->number = reader->number++;
    ret->offset_bytes = offset;
    ret->size_bytes = transcoded->size;
    ret->end_offset_bytes = offset + transcoded->size;
    ret->text = reader->window.bytes + reader->window.begin;
    ret->text_size = transcoded->size;
    ret->reason = transcoded->reason;
    ret->message[0] = '\0';
    if (transcoded->name != NULL)
        snprintf(ret->message, sizeof ret->message, "%s: %.100s", transcoded->what,
                 transcoded->name);
    else if (transcoded->reason != FB_DEAD_NONE)
        snprintf(ret->message, sizeof ret->message, "%s, at byte %zu", transcoded->what,
                 transcoded->at);
    ret->operation = FB_PUT;
    ret->item = transcoded->item;
    ret->item_size = transcoded->item_size;
    ret->item_counted_bytes = transcoded->item_counted_bytes;
    ret->key = transcoded->key;
    ret->key_size = transcoded->key_size;
    ret->key_hash = transcoded->key_hash;
    reader->window.begin += transcoded->size;
    reader->retry_at = 0;
    progress(reader, transcoded->size);
    return FB_OK;
}

/* The text that was looked at ends inside the record. */
static enum fb_status cut_off(struct fb_record_reader *reader, size_t looked_at,
                              struct fb_record *ret)
{
    if (looked_at == reader->max_record_size) {
        char message[80];

        snprintf(message, sizeof message, "a record over max_record_size = %zu bytes",
                 reader->max_record_size);
        return bad_region(reader, FB_DEAD_RECORD_TOO_LARGE, message, ret);
    }
    if (reader->finished)
        return bad_region(reader, FB_DEAD_MALFORMED, "the object ends inside the record", ret);
    want_twice(reader, looked_at);
    return FB_NEED_MORE;
}

static enum fb_status next_record(struct fb_record_reader *reader, struct fb_record *ret)
{
    char *const text = reader->window.bytes + reader->window.begin;
    const size_t had = available(reader);
    const size_t size = had < reader->max_record_size ? had : reader->max_record_size;
    struct fb_transcoded transcoded;
    char message[128];
    enum fb_status status;
    char saved;

    if (!worth_parsing(reader, reader->window.begin))
        return FB_NEED_MORE;
    saved = text[size];
    text[size] = '\0';
    status = fb_transcode(reader->transcoder, text, size, &transcoded);
    text[size] = saved;
    if (status == FB_OK)
        return report_record(reader, &transcoded, ret);
    if (status == FB_NEED_MORE)
        return cut_off(reader, size, ret);
    if (status != FB_INVALID)
        return status;
    snprintf(message, sizeof message, "%s, at byte %zu", transcoded.what, transcoded.at);
    return bad_region(reader, FB_DEAD_MALFORMED, message, ret);
}

/* True when the first bytes are no byte order mark, or it is passed over. */
static bool pass_byte_order_mark(struct fb_record_reader *reader)
{
    static const char mark[3] = {'\xef', '\xbb', '\xbf'};
    const size_t size = available(reader) < sizeof mark ? available(reader) : sizeof mark;

    if (memcmp(reader->window.bytes + reader->window.begin, mark, size) == 0) {
        if (size < sizeof mark && !reader->finished)
            return false;
        if (size == sizeof mark)
            reader->window.begin += sizeof mark;
    }
    reader->at_first_byte = false;
    return true;
}

enum fb_status fb_record_reader_next(struct fb_record_reader *reader, struct fb_record *ret_record)
{
    const char *text;
    const char *p;

    if (reader->in_region)
        return next_in_region(reader, ret_record);
    if (reader->at_first_byte && !pass_byte_order_mark(reader))
        return FB_NEED_MORE;
    text = reader->window.bytes + reader->window.begin;
    p = fb_text_skip_blanks(text);
    reader->window.begin += (size_t)(p - text);
    if (p != text)
        reader->retry_at = 0;
    progress(reader, (uint64_t)(p - text));
    if (available(reader) == 0)
        return reader->finished ? FB_END : FB_NEED_MORE;
    if (*p != '{')
        return no_object(reader, ret_record);
    return next_record(reader, ret_record);
}
