/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of fields: CSV as RFC 4180 has it, and tab-separated values, where a tab ends a field and
 * nothing is quoted (IANA, text/tab-separated-values). The first row names the columns unless the
 * conf does; a later row with the same bytes is that head again, from a file that was appended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delimiter.h"
#include "firebridge/codec/json_text.h"
#include "form.h"
#include "json_writer.h"
#include "number_columns.h"

#define COLUMNS_MAX 4096
#define HEAD_MAX    ((size_t)256 << 10)

struct column {
    size_t at, size; /* in the names */
    bool is_number;
};

struct rows {
    const struct fb_form_options *options;
    const struct fb_key_schema *schema; /* NULL: a row need not hold the table's key itself */
    size_t max_record_size;
    struct fb_delimiter delimiter;
    char separator;
    bool quotes; /* fields may stand in them */

    /* Of the record that is being cut. */
    size_t looked_at;
    enum { AT_FIELD, IN_PLAIN, IN_QUOTES, AFTER_QUOTE, LOST } place;

    struct column columns[COLUMNS_MAX];
    size_t column_count;
    struct fb_buffer names;
    struct fb_buffer head; /* the first row's bytes */
    bool has_head;
    char head_fault[96]; /* why no row can be read; empty: they can */
    bool out_of_memory;

    struct fb_json_writer record;
    struct fb_buffer field; /* of one that has quotes inside */
    const char *text;
    size_t text_size;
    bool given;
};

static void free_state(void *state)
{
    struct rows *rows = state;

    if (rows == NULL)
        return;
    fb_buffer_done(&rows->names);
    fb_buffer_done(&rows->head);
    fb_buffer_done(&rows->field);
    fb_json_writer_done(&rows->record);
    free(rows);
}

static enum fb_status make(const struct fb_form_context *context, void **ret_state,
                           struct fb_error *error)
{
    const struct fb_form_options *options = context->options;
    const bool is_tsv = options->format == FB_FORMAT_TSV;
    struct rows *rows = calloc(1, sizeof *rows);

    if (rows == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a form");
    rows->options = options;
    rows->schema = context->is_mapped ? NULL : context->schema;
    rows->max_record_size = context->max_record_size;
    rows->quotes = !is_tsv;
    rows->separator = is_tsv ? '\t' : ',';
    if (options->field_separator != '\0')
        rows->separator = options->field_separator;
    fb_delimiter_init(&rows->delimiter, options);
    fb_buffer_init(&rows->names, HEAD_MAX);
    fb_buffer_init(&rows->head, HEAD_MAX);
    fb_buffer_init(&rows->field, context->max_record_size);
    fb_json_writer_init(&rows->record, FB_FORMED_FACTOR * context->max_record_size);
    *ret_state = rows;
    return FB_OK;
}

static void begin(void *state)
{
    struct rows *rows = state;

    rows->looked_at = 0;
    rows->delimiter.looked_at = 0;
    rows->place = AT_FIELD;
    rows->column_count = 0;
    rows->has_head = false;
    rows->out_of_memory = false;
    rows->head_fault[0] = '\0';
    fb_buffer_reset(&rows->names);
}

/* ---- the head's loss ---- */

static bool head_is(struct rows *rows, const char *what, const char *name, size_t size)
{
    snprintf(rows->head_fault, sizeof rows->head_fault, "the head line %s%.*s", what,
             (int)(size < 40 ? size : 40), name);
    return false;
}

/* A first row that cannot be read: the second one is not to name the columns in its stead. */
static void lose_head(struct rows *rows)
{
    if (rows->has_head || rows->options->column_count > 0)
        return;
    rows->has_head = true;
    fb_buffer_reset(&rows->head);
    (void)head_is(rows, "cannot be read", "", 0);
}

/* ---- cutting ---- */

static bool is_delimiter_at(const struct rows *rows, const char *p, const char *end)
{
    const size_t left = (size_t)(end - p);

    return left >= rows->delimiter.size &&
           memcmp(p, rows->delimiter.bytes, rows->delimiter.size) == 0;
}

/* Behind a closing quote a carriage return may come before the newline. */
static bool is_return(const struct rows *rows, const char *p, const char *end)
{
    return rows->delimiter.is_newline && *p == '\r' && (p + 1 == end || p[1] == '\n');
}

/* One byte that begins no delimiter; what is wrong with it, or NULL. */
static const char *step(struct rows *rows, const char *p, const char *end)
{
    if (rows->place == IN_QUOTES) {
        if (*p == '"')
            rows->place = AFTER_QUOTE;
    } else if (*p == rows->separator)
        rows->place = AT_FIELD;
    else if (*p == '"' && rows->place != IN_PLAIN)
        rows->place = IN_QUOTES;
    else if (*p == '"')
        return "a quote inside a field that does not begin with one";
    else if (rows->place == AFTER_QUOTE && !is_return(rows, p, end))
        return "something behind a field's closing quote";
    else if (rows->place == AT_FIELD)
        rows->place = IN_PLAIN;
    return NULL;
}

/*
 * Goes on at text[*at]. FB_OK: a delimiter stands at *at, outside quotes; FB_INVALID: *at is behind
 * what *ret_what names; FB_NEED_MORE: *at is at the end of what can be told.
 */
static enum fb_status scan(struct rows *rows, const char *text, size_t size, bool last, size_t *at,
                           const char **ret_what)
{
    const char *const end = text + size;
    /* What begins a delimiter, or stands behind a quote, is looked at whole. */
    const size_t ahead = last ? 0 : rows->delimiter.size;
    enum fb_status status = FB_NEED_MORE;
    const char *p = text + *at;

    for (; p < end && status == FB_NEED_MORE; p++) {
        if (rows->place != IN_QUOTES && is_delimiter_at(rows, p, end)) {
            status = FB_OK;
            break;
        }
        if ((size_t)(end - p) <= ahead)
            break;
        *ret_what = step(rows, p, end);
        if (*ret_what != NULL)
            status = FB_INVALID;
    }
    *at = (size_t)(p - text);
    return status;
}

/*
 * Of what scan looked at, how many bytes are the row's own whatever follows. A carriage return that
 * is held back is looked at again, which changes nothing; other delimiters scan sees whole.
 */
static size_t own_size(const struct rows *rows, const char *text, size_t size)
{
    return rows->delimiter.is_newline ? fb_delimiter_own(&rows->delimiter, text, size) : size;
}

static enum fb_status forget(struct rows *rows, enum fb_status status)
{
    rows->looked_at = 0;
    rows->place = AT_FIELD;
    return status;
}

static enum fb_status cut_quoted(struct rows *rows, const char *text, size_t size, bool last,
                                 struct fb_cut *ret_cut)
{
    const enum fb_status status = scan(rows, text, size, last, &rows->looked_at, &ret_cut->what);

    ret_cut->next = rows->looked_at;
    if (status == FB_OK) {
        fb_delimiter_end(&rows->delimiter, text, text + rows->looked_at, ret_cut);
        return forget(rows, FB_OK);
    }
    rows->looked_at = 0;
    if (status == FB_INVALID) {
        rows->place = LOST;
        return FB_INVALID;
    }
    if (!last) {
        rows->looked_at = ret_cut->next;
        ret_cut->next = own_size(rows, text, ret_cut->next);
        return FB_NEED_MORE;
    }
    ret_cut->size = size;
    ret_cut->what = "a quote that is never closed";
    return rows->place == IN_QUOTES ? FB_INVALID : forget(rows, FB_OK);
}

static enum fb_status cut(void *state, const char *text, size_t size, bool last,
                          struct fb_cut *ret_cut)
{
    struct rows *rows = state;
    enum fb_status status;

    status = rows->quotes ? cut_quoted(rows, text, size, last, ret_cut)
                          : fb_delimiter_cut(&rows->delimiter, text, size, last, ret_cut);
    if (status == FB_INVALID || (status == FB_OK && ret_cut->size > rows->max_record_size))
        lose_head(rows);
    return status;
}

/* A row that is too long may go on inside quotes: a newline there is not its end. */
static size_t pass(void *state, const char *text, size_t size, bool last,
                   size_t *ret_delimiter_size)
{
    struct rows *rows = state;
    enum fb_status status = FB_INVALID;
    const char *what;
    size_t own = 0;

    lose_head(rows);
    *ret_delimiter_size = 0;
    rows->looked_at = 0;
    if (rows->quotes && rows->place != LOST) {
        struct fb_cut cut = {0};

        status = scan(rows, text, size, last, &own, &what);
        if (status == FB_OK) {
            fb_delimiter_end(&rows->delimiter, text, text + own, &cut);
            *ret_delimiter_size = cut.next - cut.size;
            own = cut.size;
        } else if (status == FB_INVALID)
            rows->place = LOST;
        else if (!last)
            own = own_size(rows, text, own);
    }
    if (status == FB_INVALID)
        own +=
            fb_delimiter_pass(&rows->delimiter, text + own, size - own, last, ret_delimiter_size);
    if (*ret_delimiter_size > 0 || last)
        (void)forget(rows, FB_OK);
    return own;
}

/* ---- fields ---- */

/* The field at `p`, behind its quote, in `field`; returns where its closing quote is. */
static const char *unquote(struct fb_buffer *field, const char *p, const char *end)
{
    fb_buffer_reset(field);
    for (;;) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const size_t size = (size_t)((quote == NULL ? end : quote) - p);

        /* open_row made room for a whole row. */
        memcpy(field->bytes + field->size, p, size);
        field->size += size;
        if (quote == NULL || quote + 1 == end || quote[1] != '"')
            return quote == NULL ? end : quote;
        field->bytes[field->size++] = '"';
        p = quote + 2;
    }
}

/* The field at `*text`, which moves on behind its separator; false at the row's end. */
static bool next_field(struct rows *rows, const char **text, const char *end, const char **ret,
                       size_t *ret_size)
{
    const char *p = *text;
    const bool is_quoted = rows->quotes && p < end && *p == '"';
    const char *separator;

    if (p > end)
        return false;
    *ret = p;
    if (is_quoted) {
        p = unquote(&rows->field, p + 1, end);
        *ret = rows->field.bytes;
    }
    separator = memchr(p, rows->separator, (size_t)(end - p));
    *ret_size = is_quoted ? rows->field.size : (size_t)((separator == NULL ? end : separator) - p);
    *text = separator == NULL ? end + 1 : separator + 1;
    return true;
}

/* ---- the head ---- */

/* For want of memory no row is dead: the object is read again. */
static bool head_cannot_be_kept(struct rows *rows, enum fb_status status)
{
    rows->out_of_memory |= status == FB_NO_MEMORY;
    return head_is(rows, "is over 256 KiB", "", 0);
}

static int compare_names(const void *a, const void *b, void *names)
{
    const struct column *one = a;
    const struct column *two = b;
    const size_t size = one->size < two->size ? one->size : two->size;
    const int order = memcmp((char *)names + one->at, (char *)names + two->at, size);

    if (order != 0)
        return order;
    return one->size < two->size ? -1 : one->size > two->size;
}

static bool names_differ(struct rows *rows)
{
    struct column *sorted;
    bool good = true;

    if (rows->column_count < 2)
        return true;
    sorted = malloc(rows->column_count * sizeof *sorted);
    if (sorted == NULL)
        return head_cannot_be_kept(rows, FB_NO_MEMORY);
    memcpy(sorted, rows->columns, rows->column_count * sizeof *sorted);
    qsort_r(sorted, rows->column_count, sizeof *sorted, compare_names, rows->names.bytes);
    for (size_t i = 1; i < rows->column_count && good; i++)
        if (compare_names(&sorted[i - 1], &sorted[i], rows->names.bytes) == 0)
            good = head_is(rows, "names a column twice: ", rows->names.bytes + sorted[i].at,
                           sorted[i].size);
    free(sorted);
    return good;
}

static bool add_column(struct rows *rows, const char *name, size_t size)
{
    struct column *column = &rows->columns[rows->column_count];
    enum fb_status status;

    if (rows->column_count == COLUMNS_MAX)
        return head_is(rows, "has over 4096 columns", "", 0);
    if (size == 0)
        return head_is(rows, "has a column without a name", "", 0);
    *column =
        (struct column){rows->names.size, size, fb_is_number_column(rows->options, name, size)};
    status = fb_buffer_append(&rows->names, name, size);
    if (status != FB_OK)
        return head_cannot_be_kept(rows, status);
    rows->column_count++;
    return true;
}

static bool has_column(const struct rows *rows, const char *name, size_t size)
{
    for (size_t i = 0; i < rows->column_count; i++)
        if (rows->columns[i].size == size &&
            memcmp(rows->names.bytes + rows->columns[i].at, name, size) == 0)
            return true;
    return false;
}

/* A first line without them is likely a row, and would be lost as a head. */
static bool names_the_key(struct rows *rows)
{
    for (size_t i = 0; rows->schema != NULL && i < rows->schema->count; i++) {
        const struct fb_key_attribute *key = &rows->schema->attributes[i];

        if (!has_column(rows, key->name, key->name_size))
            return head_is(rows, "lacks the table's key ", key->name, key->name_size);
    }
    return true;
}

/* Where lines end with carriage returns alone, the head would be all of the object. */
static bool is_one_line(struct rows *rows, const char *name, size_t size)
{
    const bool was_quoted = name == rows->field.bytes;

    return was_quoted || memchr(name, '\r', size) == NULL ||
           head_is(rows, "has a carriage return inside", "", 0);
}

static void take_names(struct rows *rows, const char *text, size_t size)
{
    const char *const end = text + size;
    const char *name;
    size_t name_size;
    size_t numbers = 0;
    bool good = true;

    while (good && next_field(rows, &text, end, &name, &name_size))
        good = is_one_line(rows, name, name_size) && add_column(rows, name, name_size);
    for (size_t i = 0; i < rows->column_count; i++)
        numbers += rows->columns[i].is_number;
    if (good && names_differ(rows) && names_the_key(rows) &&
        numbers < rows->options->number_column_count)
        (void)head_is(rows, "lacks a column that `types` names", "", 0);
}

static void take_conf(struct rows *rows)
{
    for (size_t i = 0; i < rows->options->column_count; i++)
        (void)add_column(rows, rows->options->columns[i], strlen(rows->options->columns[i]));
}

/* ---- rows ---- */

/* True when the row is the head, or the head once more. */
static bool take_head(struct rows *rows, const char *text, size_t size)
{
    enum fb_status status;

    if (rows->options->column_count > 0) {
        if (rows->column_count == 0)
            take_conf(rows);
        return false;
    }
    if (rows->has_head)
        return rows->head_fault[0] == '\0' && rows->head.size == size &&
               memcmp(rows->head.bytes, text, size) == 0;
    rows->has_head = true;
    fb_buffer_reset(&rows->head);
    status = fb_buffer_append(&rows->head, text, size);
    if (status == FB_OK)
        take_names(rows, text, size);
    else
        (void)head_cannot_be_kept(rows, status);
    return rows->head_fault[0] == '\0';
}

static enum fb_status open_row(void *state, const char *text, size_t size)
{
    struct rows *rows = state;
    enum fb_status status;

    fb_buffer_reset(&rows->field);
    status = fb_buffer_reserve(&rows->field, size);
    if (status != FB_OK)
        return status;
    rows->text = text;
    rows->text_size = size;
    rows->given = take_head(rows, text, size);
    return rows->out_of_memory ? FB_NO_MEMORY : FB_OK;
}

static enum fb_status dead(struct fb_formed *ret, enum fb_dead_reason reason)
{
    ret->kind = FB_FORMED_DEAD;
    ret->reason = reason;
    return FB_OK;
}

static bool write_row(struct rows *rows, struct fb_formed *ret)
{
    const char *text = rows->text;
    const char *const end = text + rows->text_size;
    const char *field;
    size_t field_size;
    size_t count = 0;

    for (; next_field(rows, &text, end, &field, &field_size); count++) {
        const struct column *column;
        const char *name;

        if (count >= rows->column_count)
            continue;
        column = &rows->columns[count];
        name = rows->names.bytes + column->at;
        if (column->is_number && field_size == 0)
            continue;
        fb_json_writer_name(&rows->record, name, column->size);
        if (!column->is_number)
            fb_json_writer_string(&rows->record, field, field_size);
        else if (!fb_write_number(&rows->record, field, field_size)) {
            snprintf(ret->message, sizeof ret->message, "column %.*s is no number",
                     (int)(column->size < 60 ? column->size : 60), name);
            return false;
        }
    }
    if (count != rows->column_count)
        snprintf(ret->message, sizeof ret->message, "%zu fields, where there are %zu columns",
                 count, rows->column_count);
    return count == rows->column_count;
}

static enum fb_status next(void *state, struct fb_formed *ret)
{
    struct rows *rows = state;
    enum fb_status status;

    if (rows->given)
        return FB_END;
    rows->given = true;
    ret->at = 0;
    ret->size = rows->text_size;
    ret->operation = FB_PUT;
    if (rows->head_fault[0] != '\0') {
        snprintf(ret->message, sizeof ret->message, "%s", rows->head_fault);
        return dead(ret, FB_DEAD_MALFORMED_ROW);
    }
    fb_json_writer_begin(&rows->record);
    if (!write_row(rows, ret))
        return dead(ret, FB_DEAD_MALFORMED_ROW);
    status = fb_json_writer_end(&rows->record, &ret->json, &ret->json_size);
    if (status == FB_TOO_LARGE) {
        snprintf(ret->message, sizeof ret->message,
                 "the row's item is over 8 times max_record_size");
        return dead(ret, FB_DEAD_RECORD_TOO_LARGE);
    }
    ret->kind = FB_FORMED_JSON;
    return status;
}

const struct fb_form fb_form_csv = {
    .format = FB_FORMAT_CSV,
    .name = "csv",
    .framing = FB_FRAMING_TEXT,
    .make = make,
    .free = free_state,
    .begin = begin,
    .cut = cut,
    .pass = pass,
    .open = open_row,
    .next = next,
};

const struct fb_form fb_form_tsv = {
    .format = FB_FORMAT_TSV,
    .name = "tsv",
    .framing = FB_FRAMING_TEXT,
    .make = make,
    .free = free_state,
    .begin = begin,
    .cut = cut,
    .pass = pass,
    .open = open_row,
    .next = next,
};
