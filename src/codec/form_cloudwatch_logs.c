/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subscription of CloudWatch Logs delivers ("Real-time processing of log data with
 * subscriptions", CloudWatch Logs user guide): a JSON object with some members about where the logs
 * come from, and in `logEvents` the events. Each event becomes a record with the members of both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/validate.h"
#include "form.h"
#include "json_writer.h"

/* The most that is kept of a message beside its events. */
#define ENVELOPE_MAX ((size_t)64 << 10)

struct logs {
    bool unwraps;
    struct fb_json_writer envelope; /* the members that all records share */
    struct fb_json_writer record;
    struct fb_buffer message; /* unescaped */
    struct fb_nesting nesting;

    const char *text;
    size_t text_size;
    bool is_wrong; /* it is no such message */
    bool is_control;
    bool envelope_is_too_large;
    bool at_event; /* `events` stands at an array's element, or at its end */
    struct fb_json_cursor events;
    const char *shared;
    size_t shared_size;
};

static enum fb_status make(const struct fb_form_context *context, void **ret_state,
                           struct fb_error *error)
{
    struct logs *logs = calloc(1, sizeof *logs);

    if (logs == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a form");
    logs->unwraps = context->options->unwrap_message;
    fb_json_writer_init(&logs->envelope, ENVELOPE_MAX);
    fb_json_writer_init(&logs->record, context->max_record_size);
    fb_buffer_init(&logs->message, context->max_record_size + FB_TEXT_SLACK);
    *ret_state = logs;
    return FB_OK;
}

static void free_state(void *state)
{
    struct logs *logs = state;

    if (logs == NULL)
        return;
    fb_json_writer_done(&logs->envelope);
    fb_json_writer_done(&logs->record);
    fb_buffer_done(&logs->message);
    fb_nesting_done(&logs->nesting);
    free(logs);
}

static void begin(void *state)
{
    (void)state;
}

static bool is(const struct fb_json_text *text, const char *word)
{
    return fb_json_text_is(text, word, strlen(word));
}

/* Copies a member as it is. */
static void copy_member(struct fb_json_writer *writer, const struct fb_json_text *name,
                        struct fb_json_cursor *value)
{
    const char *const begins = value->at;

    fb_json_skip(value);
    fb_json_writer_raw_name(writer, name->bytes, name->size);
    fb_json_writer_raw(writer, begins, (size_t)(value->at - begins));
}

static void take_type(struct logs *logs, struct fb_json_cursor *value)
{
    struct fb_json_text type;

    if (!fb_json_take_string(value, &type)) {
        fb_json_skip(value);
        return;
    }
    logs->is_control = is(&type, "CONTROL_MESSAGE");
    logs->is_wrong = !logs->is_control && !is(&type, "DATA_MESSAGE");
}

static enum fb_status open_message(void *state, const char *text, size_t size)
{
    struct logs *logs = state;
    struct fb_json_cursor cursor = fb_json_cursor_begin(text);
    struct fb_json_text name;
    enum fb_status status;

    logs->text = text;
    logs->text_size = size;
    logs->is_wrong = true;
    logs->is_control = false;
    logs->at_event = false;
    fb_json_writer_begin(&logs->envelope);
    (void)fb_json_enter_object(&cursor);
    while (fb_json_next_member(&cursor, &name)) {
        if (is(&name, "messageType"))
            take_type(logs, &cursor);
        else if (is(&name, "logEvents") && *cursor.at == '[') {
            logs->events = cursor;
            logs->at_event = true;
            fb_json_skip(&cursor);
        } else
            copy_member(&logs->envelope, &name, &cursor);
    }
    if (logs->at_event)
        (void)fb_json_enter_array(&logs->events);
    else
        logs->is_wrong |= !logs->is_control;
    status = fb_json_writer_end(&logs->envelope, &logs->shared, &logs->shared_size);
    logs->envelope_is_too_large = status == FB_TOO_LARGE;
    return status == FB_TOO_LARGE ? FB_OK : status;
}

static enum fb_status dead(struct fb_formed *ret, enum fb_dead_reason reason, const char *message)
{
    ret->kind = FB_FORMED_DEAD;
    ret->reason = reason;
    snprintf(ret->message, sizeof ret->message, "%s", message);
    return FB_OK;
}

/* Members of a JSON object, without the brackets around them. */
struct members {
    bool are_there; /* perhaps none, but there is the object */
    const char *text;
    size_t size;
};

/* The members of a message that is itself a JSON object. FB_OK, FB_NO_MEMORY. */
static enum fb_status unwrap(struct logs *logs, const struct fb_json_text *text,
                             struct members *ret_members)
{
    struct fb_buffer *message = &logs->message;
    struct fb_validated validated;
    const char *begins;
    enum fb_status status;

    *ret_members = (struct members){0};
    fb_buffer_reset(message);
    status = fb_buffer_reserve(message, text->size + FB_TEXT_SLACK);
    if (status != FB_OK)
        return status == FB_TOO_LARGE ? FB_OK : status;
    message->size = fb_text_unescape(text->bytes, text->size, message->bytes);
    memset(message->bytes + message->size, 0, FB_TEXT_SLACK);
    begins = fb_text_skip_blanks(message->bytes);
    if (*begins != '{')
        return FB_OK;
    status = fb_json_validate(&logs->nesting, begins,
                              (size_t)(message->bytes + message->size - begins), &validated);
    if (status == FB_NO_MEMORY)
        return status;
    if (status != FB_OK || validated.bad_utf8 ||
        fb_text_skip_blanks(begins + validated.end) != message->bytes + message->size)
        return FB_OK;
    *ret_members = (struct members){true, begins + 1, validated.end - 2};
    if (*fb_text_skip_blanks(begins + 1) == '}')
        ret_members->size = 0;
    return FB_OK;
}

/* FB_OK, FB_NO_MEMORY. The cursor stands at an object. */
static enum fb_status write_event(struct logs *logs, struct fb_json_cursor event)
{
    struct fb_json_writer *record = &logs->record;
    struct members members = {0};
    struct fb_json_text name;
    enum fb_status status = FB_OK;

    fb_json_writer_begin(record);
    fb_json_writer_raw_members(record, logs->shared + 1, logs->shared_size - 2);
    (void)fb_json_enter_object(&event);
    while (status == FB_OK && fb_json_next_member(&event, &name)) {
        struct fb_json_cursor value = event;
        struct fb_json_text message;

        if (logs->unwraps && is(&name, "message") && fb_json_take_string(&value, &message)) {
            status = unwrap(logs, &message, &members);
            if (members.are_there) {
                fb_json_skip(&event);
                continue;
            }
        }
        copy_member(record, &name, &event);
    }
    /* Last, so that they win over what is called the same. */
    fb_json_writer_raw_members(record, members.text, members.size);
    return status;
}

static enum fb_status form_event(struct logs *logs, struct fb_formed *ret)
{
    const struct fb_json_cursor event = logs->events;
    enum fb_status status;

    fb_json_skip(&logs->events);
    ret->at = (size_t)(event.at - logs->text);
    ret->size = (size_t)(logs->events.at - event.at);
    if (*event.at != '{')
        return dead(ret, FB_DEAD_WRONG_FORM, "a log event must be a JSON object");
    if (logs->envelope_is_too_large)
        return dead(ret, FB_DEAD_RECORD_TOO_LARGE,
                    "what its message says beside the events is over 64 KiB");
    status = write_event(logs, event);
    if (status == FB_OK)
        status = fb_json_writer_end(&logs->record, &ret->json, &ret->json_size);
    if (status == FB_TOO_LARGE)
        return dead(ret, FB_DEAD_RECORD_TOO_LARGE,
                    "a log event over max_record_size with what its message says");
    ret->kind = FB_FORMED_JSON;
    return status;
}

static enum fb_status next(void *state, struct fb_formed *ret)
{
    struct logs *logs = state;

    ret->operation = FB_PUT;
    if (logs->is_wrong) {
        logs->is_wrong = false;
        logs->at_event = false;
        ret->at = 0;
        ret->size = logs->text_size;
        return dead(ret, FB_DEAD_WRONG_FORM,
                    "no message of CloudWatch Logs: messageType must be DATA_MESSAGE, with "
                    "logEvents, or CONTROL_MESSAGE");
    }
    if (!logs->at_event || logs->is_control || !fb_json_next_element(&logs->events))
        return FB_END;
    return form_event(logs, ret);
}

static bool fits(struct fb_json_cursor record, const struct fb_key_schema *schema)
{
    struct fb_json_text name, type;
    bool has_type = false;
    bool has_events = false;

    (void)schema;
    (void)fb_json_enter_object(&record);
    while (fb_json_next_member(&record, &name)) {
        struct fb_json_cursor value = record;

        has_events |= is(&name, "logEvents") && *value.at == '[';
        if (is(&name, "messageType") && fb_json_take_string(&value, &type))
            has_type = is(&type, "DATA_MESSAGE") || is(&type, "CONTROL_MESSAGE");
        fb_json_skip(&record);
    }
    return has_type && has_events;
}

const struct fb_form fb_form_cloudwatch_logs = {
    .format = FB_FORMAT_CLOUDWATCH_LOGS,
    .name = "cloudwatch-logs",
    .framing = FB_FRAMING_JSON,
    .text_factor = 8,
    .tell = "\"messageType\"",
    .fits = fits,
    .make = make,
    .free = free_state,
    .begin = begin,
    .open = open_message,
    .next = next,
};
