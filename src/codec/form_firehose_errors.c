/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Firehose writes under its error output prefix ("Handle data delivery failures", Data
 * Firehose developer guide): JSON objects whose rawData is, in base64, what a producer sent. That
 * is read again, as one or many JSON records. The names' case differs from failure to failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/validate.h"
#include "form.h"

/* Base64 makes four bytes of three, and the error itself takes little. */
#define TEXT_FACTOR 2

struct errors {
    struct fb_buffer unescaped; /* rawData without JSON's escapes, where it has some */
    struct fb_buffer raw;
    struct fb_nesting nesting;
    size_t text_size;
    const char *wrong; /* why there is nothing to read; NULL when there is */
    const char *at;    /* in raw */
    bool told;
};

static enum fb_status make(const struct fb_form_context *context, void **ret_state,
                           struct fb_error *error)
{
    struct errors *errors = calloc(1, sizeof *errors);

    if (errors == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a form");
    fb_buffer_init(&errors->unescaped, TEXT_FACTOR * context->max_record_size + FB_TEXT_SLACK);
    fb_buffer_init(&errors->raw, TEXT_FACTOR * context->max_record_size + FB_TEXT_SLACK);
    *ret_state = errors;
    return FB_OK;
}

static void free_state(void *state)
{
    struct errors *errors = state;

    if (errors == NULL)
        return;
    fb_buffer_done(&errors->unescaped);
    fb_buffer_done(&errors->raw);
    fb_nesting_done(&errors->nesting);
    free(errors);
}

static void begin(void *state)
{
    (void)state;
}

/* The names that are asked for have no escape, whatever their case. */
static bool is(const struct fb_json_text *text, const char *word)
{
    return text->size == strlen(word) && strncasecmp(text->bytes, word, text->size) == 0;
}

static bool find_raw(struct fb_json_cursor record, struct fb_json_text *ret_raw, bool *ret_coded)
{
    struct fb_json_text name;
    bool found = false;

    *ret_coded = false;
    (void)fb_json_enter_object(&record);
    while (fb_json_next_member(&record, &name)) {
        struct fb_json_cursor value = record;

        if (is(&name, "rawData"))
            found = fb_json_take_string(&value, ret_raw);
        *ret_coded |= is(&name, "errorCode") || is(&name, "lastErrorCode");
        fb_json_skip(&record);
    }
    return found;
}

static enum fb_status decode(struct errors *errors, const struct fb_json_text *text)
{
    const bool has_escapes = memchr(text->bytes, '\\', text->size) != NULL;
    const char *coded = text->bytes;
    size_t size = text->size;
    enum fb_status status;

    fb_buffer_reset(&errors->raw);
    status = fb_buffer_reserve(&errors->raw, size + FB_TEXT_SLACK);
    if (status == FB_OK && has_escapes) {
        fb_buffer_reset(&errors->unescaped);
        status = fb_buffer_reserve(&errors->unescaped, size + FB_TEXT_SLACK);
    }
    if (status != FB_OK)
        return status;
    if (has_escapes) {
        size = fb_text_unescape(text->bytes, size, errors->unescaped.bytes);
        coded = errors->unescaped.bytes;
    }
    if (!fb_base64_decode(coded, size, errors->raw.bytes, &errors->raw.size))
        errors->wrong = "its rawData is no base64";
    else {
        memset(errors->raw.bytes + errors->raw.size, 0, FB_TEXT_SLACK);
        errors->at = errors->raw.bytes;
        if (fb_text_skip_blanks(errors->at) == errors->raw.bytes + errors->raw.size)
            errors->wrong = "its rawData is empty";
    }
    return FB_OK;
}

static enum fb_status open_error(void *state, const char *text, size_t size)
{
    struct errors *errors = state;
    struct fb_json_text raw;
    bool has_code;

    errors->text_size = size;
    errors->wrong = NULL;
    errors->told = false;
    if (!find_raw(fb_json_cursor_begin(text), &raw, &has_code)) {
        errors->wrong = "no error record of Firehose: it has no rawData";
        return FB_OK;
    }
    return decode(errors, &raw);
}

static enum fb_status dead(struct errors *errors, struct fb_formed *ret, enum fb_dead_reason reason,
                           const char *message)
{
    errors->told = true;
    ret->kind = FB_FORMED_DEAD;
    ret->reason = reason;
    snprintf(ret->message, sizeof ret->message, "%s", message);
    return FB_OK;
}

static enum fb_status next(void *state, struct fb_formed *ret)
{
    struct errors *errors = state;
    struct fb_validated validated;
    enum fb_status status;
    const char *end;

    ret->at = 0;
    ret->size = errors->text_size;
    ret->operation = FB_PUT;
    if (errors->told)
        return FB_END;
    if (errors->wrong != NULL)
        return dead(errors, ret, FB_DEAD_WRONG_FORM, errors->wrong);
    end = errors->raw.bytes + errors->raw.size;
    errors->at = fb_text_skip_blanks(errors->at);
    if (errors->at == end)
        return FB_END;
    if (errors->raw.size >= 2 && memcmp(errors->raw.bytes, "\x1f\x8b", 2) == 0)
        return dead(errors, ret, FB_DEAD_MALFORMED,
                    "its rawData is gzip; what is inside must be delivered again as an object");
    if (*errors->at != '{')
        return dead(errors, ret, FB_DEAD_MALFORMED, "its rawData has something that is no record");
    status = fb_json_validate(&errors->nesting, errors->at, (size_t)(end - errors->at), &validated);
    if (status == FB_NO_MEMORY)
        return status;
    if (status != FB_OK)
        return dead(errors, ret, FB_DEAD_MALFORMED, "its rawData has a record that is no JSON");
    ret->kind = FB_FORMED_JSON;
    ret->json = errors->at;
    ret->json_size = validated.end;
    errors->at += validated.end;
    return FB_OK;
}

static bool fits(struct fb_json_cursor record, const struct fb_key_schema *schema)
{
    struct fb_json_text raw;
    bool has_code;

    (void)schema;
    return find_raw(record, &raw, &has_code) && has_code;
}

const struct fb_form fb_form_firehose_errors = {
    .format = FB_FORMAT_FIREHOSE_ERRORS,
    .name = "firehose-errors",
    .is_envelope = true,
    .framing = FB_FRAMING_JSON,
    .text_factor = TEXT_FACTOR,
    .tell = "\"rawData\"",
    .fits = fits,
    .make = make,
    .free = free_state,
    .begin = begin,
    .open = open_error,
    .next = next,
};
