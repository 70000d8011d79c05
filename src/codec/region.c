/* SPDX-License-Identifier: Apache-2.0 */
/* What lies between two records and is none: passed over, and told as one dead letter. */
#include <stdio.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "record_reader_private.h"

static size_t place(const struct fb_record_reader *reader, uint64_t offset)
{
    return (size_t)(offset - reader->window.base);
}

static uint64_t filled_to(const struct fb_record_reader *reader)
{
    return reader->window.base + reader->window.fill;
}

static bool is_text(const struct fb_record_reader *reader)
{
    return reader->form != NULL && reader->form->framing == FB_FRAMING_TEXT;
}

/*
 * An element of an array stands where the damaged one stood; deeper ones are its own. At a line's
 * begin, what looks like an array's may be none at all: a `[` was a part of the damage.
 */
static bool may_be_element(const struct fb_region *region, char behind)
{
    if (region->resync.indent == region->indent)
        return behind == ',' || behind == ']' || behind == '\0';
    return behind == '\0' && region->resync.indent == 0;
}

/* What stands deeper than the damaged record is likely its own, unless an array says what it is. */
static bool may_be_nested(const struct fb_record_reader *reader)
{
    const struct fb_region *region = &reader->region;
    const uint64_t indent = region->indent == FB_NO_INDENT ? 0 : region->indent;

    return !reader->in_array && region->resync.indent > indent;
}

/* What is looked at of the text behind the place that was scanned up to. */
struct view {
    const char *text;
    size_t size;   /* max_text_size at most */
    bool is_last;  /* the object ends with it */
    bool is_whole; /* for no more bytes is waited */
};

/* Behind a record that parses: does what follows show that it is only a part of something? */
static enum fb_status look_behind(const struct fb_record_reader *reader, const struct view *view,
                                  size_t *end)
{
    const char *const text = view->text;
    const char *p = text + *end;
    bool is_part;

    while (p < text + view->size && fb_is_blank(*p))
        p++;
    if (p == text + view->size) {
        *end = view->size;
        if (!view->is_whole)
            return FB_NEED_MORE;
        if (!view->is_last || (reader->in_array && !may_be_element(&reader->region, '\0')))
            return FB_INVALID;
        return FB_OK;
    }
    *end = (size_t)(p - text) + 1;
    is_part = *p == ',' || *p == ']' || *p == '}' || *p == ':';
    /* No array has two elements without a comma between them: these are records. */
    if (reader->in_array)
        is_part = *p != '{' && !may_be_element(&reader->region, *p);
    return is_part ? FB_INVALID : FB_OK;
}

/* Behind a newline: a record that parses, and nothing shows that it is a part of something. */
static enum fb_status try_line(struct fb_record_reader *reader, const struct view *view,
                               size_t *ret_looked_at)
{
    struct fb_validated validated = {.end = view->size};
    enum fb_status status = fb_json_validate(&reader->nesting, view->text, view->size, &validated);

    if (status == FB_OK)
        status = look_behind(reader, view, &validated.end);
    *ret_looked_at = validated.end;
    return status;
}

/* The text of a sound string holds no other object: a quote in it is behind a backslash. */
static bool is_empty_object(const struct view *view)
{
    return *fb_text_skip_blanks(view->text + 1) == '}';
}

/*
 * Where no JSON has a `{`: records, one behind the other without anything between, up to where the
 * object ends, or the next damaged one begins, or beyond what a record may have. Nested objects are
 * no such chain: behind the last one a comma or a bracket follows. So where one run of bytes is
 * damaged, the chain holds no part of the damaged record.
 */
static enum fb_status try_chain(struct fb_record_reader *reader, const struct view *view,
                                size_t *ret_looked_at)
{
    const char *const end = view->text + view->size;
    const char *p = view->text;
    enum fb_status status = is_empty_object(view) ? FB_INVALID : FB_OK;

    while (status == FB_OK && p < end && *p == '{') {
        struct fb_validated validated = {.end = (size_t)(end - p)};

        status = fb_json_validate(&reader->nesting, p, (size_t)(end - p), &validated);
        *ret_looked_at = (size_t)(p - view->text) + validated.end;
        if (status == FB_OK)
            p = fb_text_skip_blanks(p + validated.end);
    }
    if (status == FB_NO_MEMORY || p == view->text)
        return status;
    if ((status == FB_NEED_MORE || p == end) && !view->is_whole)
        return FB_NEED_MORE;
    if (p < end)
        return *p == '{' ? FB_OK : FB_INVALID;
    return view->is_last && !reader->in_array ? FB_OK : FB_INVALID;
}

/* FB_OK when a record begins at the `{` that was scanned up to, FB_INVALID when none does. */
static enum fb_status try_candidate(struct fb_record_reader *reader)
{
    const bool is_line = reader->region.resync.after_newline;
    const size_t from = place(reader, reader->region.scanned);
    char *const text = reader->window.bytes + from;
    const size_t had = reader->window.fill - from;
    const bool is_more = had > reader->max_text_size;
    const struct view view = {
        .text = text,
        .size = is_more ? reader->max_text_size : had,
        .is_last = !is_more && reader->finished,
        .is_whole = is_more || reader->finished,
    };
    const char saved = text[view.size];
    size_t looked_at = 0;
    enum fb_status status;

    if (is_line && may_be_nested(reader))
        return FB_INVALID;
    if (!fb_reader_worth_parsing(reader, from))
        return FB_NEED_MORE;
    text[view.size] = '\0';
    status = (is_line ? try_line : try_chain)(reader, &view, &looked_at);
    text[view.size] = saved;
    if (status == FB_NEED_MORE && view.is_whole)
        status = FB_INVALID;
    if (status == FB_NEED_MORE)
        fb_reader_want_twice(reader, had);
    else if (status != FB_NO_MEMORY) {
        reader->retry_at = 0;
        fb_reader_spend(reader, looked_at);
    }
    return status;
}

static bool is_between(const struct fb_record_reader *reader, char c)
{
    return fb_is_blank(c) || (reader->in_array && c == ',');
}

/* Takes the bytes up to `offset` as the region's own. */
static void advance_region(struct fb_record_reader *reader, uint64_t offset)
{
    struct fb_region *region = &reader->region;
    uint64_t end = offset;

    while (end > region->scanned &&
           is_between(reader, reader->window.bytes[place(reader, end) - 1]))
        end--;
    if (end > region->scanned)
        region->content_end = end;
    fb_reader_progress(reader, offset - region->scanned);
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
    struct fb_region *region = &reader->region;
    const uint64_t size = region->scanned - region->begin;

    region->head_size = size < reader->max_record_size ? (size_t)size : reader->max_record_size;
    memcpy(reader->head, reader->window.bytes + place(reader, region->begin), region->head_size);
    reader->window.begin = place(reader, region->scanned);
}

/* Of text: the bytes up to `content_end` are the region's own, a delimiter behind them is not. */
static void advance_text(struct fb_record_reader *reader, uint64_t content_end, uint64_t offset)
{
    struct fb_region *region = &reader->region;

    region->content_end = content_end;
    fb_reader_progress(reader, offset - region->scanned);
    region->scanned = offset;
    if (region->head_size > 0)
        reader->window.begin = place(reader, offset);
}

/* Scans up to `limit`. True when something of interest stands at `scanned`. */
static bool find(struct fb_record_reader *reader, uint64_t limit)
{
    const uint64_t begin = reader->region.scanned;
    size_t at = place(reader, begin);
    size_t delimiter_size = 0;
    uint64_t content_end;
    bool found;

    if (!is_text(reader)) {
        found =
            fb_resync_find(&reader->region.resync, reader->window.bytes, place(reader, limit), &at);
        advance_region(reader, reader->window.base + at);
        return found;
    }
    content_end =
        begin + reader->form->pass(fb_reader_state(reader), reader->window.bytes + at,
                                   (size_t)(limit - begin),
                                   reader->finished && limit == filled_to(reader), &delimiter_size);
    advance_text(reader, content_end, content_end + delimiter_size);
    return delimiter_size > 0;
}

/* Scans on. FB_OK when the region ends at `scanned`, FB_NEED_MORE at the end of the window. */
static enum fb_status scan_region(struct fb_record_reader *reader)
{
    struct fb_region *region = &reader->region;
    /* The last bytes of text are not told from a delimiter's first. */
    const uint64_t keep_to = region->begin + reader->max_record_size + FB_DELIMITER_MAX_BYTES;

    for (;;) {
        const uint64_t filled = filled_to(reader);
        uint64_t limit = filled;
        enum fb_status status = FB_INVALID;
        bool found;

        if (region->head_size == 0 && region->scanned >= keep_to)
            keep_head(reader);
        if (region->head_size == 0 && keep_to < filled)
            limit = keep_to;
        found = find(reader, limit);
        if (!found && limit == filled)
            return FB_NEED_MORE;
        if (!found) {
            keep_head(reader);
            continue;
        }
        if (is_text(reader) || fb_resync_at_top(&region->resync))
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
    const struct fb_region *region = &reader->region;
    const uint64_t size = region->content_end - region->begin;

    *ret = (struct fb_record){
        .number = reader->number++,
        .offset_bytes = region->begin,
        .size_bytes = size,
        .end_offset_bytes = region->content_end,
        .text = reader->head,
        .text_size = fb_reader_kept_size(reader, size),
        .format = reader->format,
        .reason = region->reason,
    };
    if (region->head_size == 0)
        ret->text = reader->window.bytes + place(reader, region->begin);
    memcpy(ret->message, region->message, sizeof ret->message);
    reader->window.begin = place(reader, region->scanned);
    reader->in_region = false;
    reader->in_array = reader->in_array && !region->resync.closed_outer;
    reader->retry_at = 0;
}

enum fb_status fb_region_next(struct fb_record_reader *reader, struct fb_record *ret_record)
{
    const enum fb_status status = scan_region(reader);

    if (status != FB_OK && !(status == FB_NEED_MORE && reader->finished))
        return status;
    report_region(reader, ret_record);
    return FB_OK;
}

static struct fb_resync begin_resync(const struct fb_record_reader *reader)
{
    const struct fb_form_options *options = &reader->form_options;
    struct fb_resync resync = {0};

    for (size_t i = 0; i < options->delimiter_size; i++)
        if ((unsigned char)options->delimiter[i] < 0x20) {
            resync.delimiter = options->delimiter;
            resync.delimiter_size = options->delimiter_size;
        }
    return resync;
}

enum fb_status fb_region_begin(struct fb_record_reader *reader, enum fb_dead_reason reason,
                               const char *message, size_t known, struct fb_record *ret_record)
{
    struct fb_region *region = &reader->region;

    region->resync = begin_resync(reader);
    region->reason = reason;
    region->begin = reader->window.base + reader->window.begin;
    region->scanned = region->begin;
    region->content_end = region->begin;
    region->head_size = 0;
    region->indent = reader->line_indent;
    snprintf(region->message, sizeof region->message, "%s", message);
    reader->in_region = true;
    reader->retry_at = 0;
    if (is_text(reader))
        advance_text(reader, region->begin + known, region->begin + known);
    /* The record that is known to be bad is not to be found again. */
    else if (reader->window.bytes[reader->window.begin] == '{') {
        fb_resync_pass_bracket(&region->resync);
        region->scanned++;
        region->content_end++;
    }
    return fb_region_next(reader, ret_record);
}
