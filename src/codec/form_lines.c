/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of text: each is an item with the attribute `message`, and with what the groups of a
 * regular expression cut out of it.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delimiter.h"
#include "form.h"
#include "json_writer.h"
#include "number_columns.h"

#define GROUPS_MAX (FB_FIELDS_MAX + 1)

#define MESSAGE "message"

/* A pattern costs up to the square of a line's length. */
#define MATCHED_MAX ((size_t)16 << 10)

struct lines {
    const struct fb_form_options *options;
    struct fb_delimiter delimiter;
    struct fb_json_writer record;
    regex_t pattern;
    bool has_pattern;
    bool keeps_line; /* as `message`, unless a group is called so */
    const char *text;
    size_t text_size;
    bool given;
};

static void free_state(void *state)
{
    struct lines *lines = state;

    if (lines == NULL)
        return;
    if (lines->has_pattern)
        regfree(&lines->pattern);
    fb_json_writer_done(&lines->record);
    free(lines);
}

static enum fb_status make(const struct fb_form_context *context, void **ret_state,
                           struct fb_error *error)
{
    struct lines *lines = calloc(1, sizeof *lines);

    if (lines == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a form");
    lines->options = context->options;
    fb_delimiter_init(&lines->delimiter, context->options);
    fb_json_writer_init(&lines->record, FB_FORMED_FACTOR * context->max_record_size);
    if (context->options->pattern != NULL) {
        if (regcomp(&lines->pattern, context->options->pattern, REG_EXTENDED) != 0) {
            free_state(lines);
            return fb_fail(error, FB_INVALID, "the pattern cannot be compiled");
        }
        lines->has_pattern = true;
    }
    lines->keeps_line = true;
    for (size_t i = 0; i < context->options->field_count; i++)
        lines->keeps_line &= strcmp(context->options->fields[i], MESSAGE) != 0;
    *ret_state = lines;
    return FB_OK;
}

static void begin(void *state)
{
    struct lines *lines = state;

    lines->delimiter.looked_at = 0;
}

static enum fb_status cut(void *state, const char *text, size_t size, bool last,
                          struct fb_cut *ret_cut)
{
    struct lines *lines = state;

    return fb_delimiter_cut(&lines->delimiter, text, size, last, ret_cut);
}

static size_t pass(void *state, const char *text, size_t size, bool last,
                   size_t *ret_delimiter_size)
{
    struct lines *lines = state;

    return fb_delimiter_pass(&lines->delimiter, text, size, last, ret_delimiter_size);
}

static enum fb_status open_line(void *state, const char *text, size_t size)
{
    struct lines *lines = state;

    lines->text = text;
    lines->text_size = size;
    lines->given = false;
    return FB_OK;
}

static enum fb_status dead(struct fb_formed *ret, enum fb_dead_reason reason, const char *message)
{
    ret->kind = FB_FORMED_DEAD;
    ret->reason = reason;
    snprintf(ret->message, sizeof ret->message, "%s", message);
    return FB_OK;
}

/* Writes what the groups are. False when one that must be a number is none. */
static bool write_groups(struct lines *lines, const regmatch_t *groups, struct fb_formed *ret)
{
    const struct fb_form_options *options = lines->options;

    for (size_t i = 0; i < options->field_count; i++) {
        const regmatch_t *group = &groups[i + 1];

        if (group->rm_so < 0 || strcmp(options->fields[i], FB_FIELD_LEFT_OUT) == 0)
            continue;
        if (!fb_write_column(&lines->record, options, options->fields[i],
                             lines->text + group->rm_so, (size_t)(group->rm_eo - group->rm_so))) {
            snprintf(ret->message, sizeof ret->message, "field %.60s is no number",
                     options->fields[i]);
            return false;
        }
    }
    return true;
}

static enum fb_status next(void *state, struct fb_formed *ret)
{
    struct lines *lines = state;
    const bool has_pattern = lines->has_pattern;
    regmatch_t groups[GROUPS_MAX] = {{0}};
    enum fb_status status;

    if (lines->given)
        return FB_END;
    lines->given = true;
    ret->at = 0;
    ret->size = lines->text_size;
    ret->operation = FB_PUT;
    if (has_pattern && lines->text_size > MATCHED_MAX)
        return dead(ret, FB_DEAD_NO_MATCH, "a line over 16 KiB is not matched with a pattern");
    groups[0] = (regmatch_t){.rm_so = 0, .rm_eo = (regoff_t)lines->text_size};
    if (has_pattern && regexec(&lines->pattern, lines->text, GROUPS_MAX, groups, REG_STARTEND) != 0)
        return dead(ret, FB_DEAD_NO_MATCH, "the pattern does not match the line");
    fb_json_writer_begin(&lines->record);
    if (lines->keeps_line) {
        fb_json_writer_name(&lines->record, MESSAGE, strlen(MESSAGE));
        fb_json_writer_string(&lines->record, lines->text, lines->text_size);
    }
    if (has_pattern && !write_groups(lines, groups, ret)) {
        ret->kind = FB_FORMED_DEAD;
        ret->reason = FB_DEAD_MALFORMED_ROW;
        return FB_OK;
    }
    status = fb_json_writer_end(&lines->record, &ret->json, &ret->json_size);
    if (status == FB_TOO_LARGE)
        return dead(ret, FB_DEAD_RECORD_TOO_LARGE,
                    "the line's item is over 8 times max_record_size");
    ret->kind = FB_FORMED_JSON;
    return status;
}

const struct fb_form fb_form_lines = {
    .format = FB_FORMAT_LINES,
    .name = "lines",
    .framing = FB_FRAMING_TEXT,
    .make = make,
    .free = free_state,
    .begin = begin,
    .cut = cut,
    .pass = pass,
    .open = open_line,
    .next = next,
};
