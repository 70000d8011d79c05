/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BatchExecuteStatement with PartiQL INSERTs, each on its own: one that finds its key taken, or is
 * refused, is no matter of the others (developer guide, "PartiQL insert statements for DynamoDB",
 * "Running batch operations with PartiQL"; API reference, "BatchStatementError").
 *
 *     INSERT INTO "table" VALUE {'name':?,...}
 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "firebridge/aws/aws_error.h"
#include "write_private.h"

#define STATEMENT_MAX_CHARACTERS 8192

#define STATEMENT_BEGIN "INSERT INTO \"%s\" VALUE {"
#define STATEMENT_EXTRA (sizeof STATEMENT_BEGIN + 1)
#define NAME_EXTRA      (sizeof "'':?," - 1)

/* An answer has a few hundred bytes a statement. */
#define ANSWER_MAX_BYTES ((size_t)256 * 1024)

/* What needs no escape, neither in PartiQL's quotes nor in JSON's. */
static bool is_plain(const struct fb_json_text *name)
{
    for (size_t i = 0; i < name->size; i++) {
        const unsigned char c = (unsigned char)name->bytes[i];

        if (c < 0x20 || c >= 0x7f || c == '\'' || c == '"' || c == '\\')
            return false;
    }
    return true;
}

bool fb_write_can_be_statement(const struct fb_write_target *target, const char *item,
                               size_t item_size)
{
    struct fb_json_cursor attributes = fb_json_cursor_begin(item);
    size_t size = STATEMENT_EXTRA + strlen(target->table);
    struct fb_json_text name;

    (void)item_size;
    if (strchr(target->table, ':') != NULL || !fb_json_enter_object(&attributes))
        return false;
    for (; fb_json_next_member(&attributes, &name); fb_json_skip(&attributes)) {
        size += name.size + NAME_EXTRA;
        if (size > STATEMENT_MAX_CHARACTERS || !is_plain(&name))
            return false;
    }
    return true;
}

static enum fb_status add_names(struct fb_buffer *body, const char *item)
{
    struct fb_json_cursor attributes = fb_json_cursor_begin(item);
    const char *glue = "'";
    struct fb_json_text name;
    enum fb_status status = FB_OK;

    (void)fb_json_enter_object(&attributes);
    for (; status == FB_OK && fb_json_next_member(&attributes, &name); fb_json_skip(&attributes)) {
        status = fb_buffer_append_text(body, glue);
        if (status == FB_OK)
            status = fb_buffer_append(body, name.bytes, name.size);
        if (status == FB_OK)
            status = fb_buffer_append_text(body, "':?");
        glue = ",'";
    }
    return status;
}

static enum fb_status add_values(struct fb_buffer *body, const char *item)
{
    struct fb_json_cursor attributes = fb_json_cursor_begin(item);
    const char *glue = "";
    struct fb_json_text name;
    enum fb_status status = FB_OK;

    (void)fb_json_enter_object(&attributes);
    while (status == FB_OK && fb_json_next_member(&attributes, &name)) {
        const char *const begin = attributes.at;

        fb_json_skip(&attributes);
        status = fb_buffer_append_text(body, glue);
        if (status == FB_OK)
            status = fb_buffer_append(body, begin, (size_t)(attributes.at - begin));
        glue = ",";
    }
    return status;
}

static enum fb_status add_statement(struct fb_buffer *body, const char *table, const char *item)
{
    enum fb_status status =
        fb_buffer_printf(body, "{\"Statement\":\"INSERT INTO \\\"%s\\\" VALUE {", table);

    if (status == FB_OK)
        status = add_names(body, item);
    if (status == FB_OK)
        status = fb_buffer_append_text(body, "}\",\"Parameters\":[");
    if (status == FB_OK)
        status = add_values(body, item);
    return status == FB_OK ? fb_buffer_append_text(body, "]}") : status;
}

static enum fb_status make_body(const struct fb_write_target *target,
                                const struct fb_batch_entry *entries, size_t count)
{
    struct fb_buffer *body = &target->scratch->body;
    enum fb_status status;

    fb_buffer_reset(body);
    status = fb_buffer_append_text(body, "{\"Statements\":[");
    for (size_t i = 0; i < count && status == FB_OK; i++) {
        if (i > 0)
            status = fb_buffer_append(body, ",", 1);
        if (status == FB_OK)
            status = add_statement(body, target->table, entries[i].item);
    }
    if (status != FB_OK)
        return status;
    return fb_buffer_append_text(body, target->wants_units ? "]," FB_WRITE_WANTS_UNITS "}" : "]}");
}

static void copy_text(const struct fb_json_text *text, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)(text->size < size ? text->size : size - 1), text->bytes);
    fb_make_printable(out);
}

static void read_text(struct fb_json_cursor object, const char *name, char *out, size_t size)
{
    struct fb_json_cursor value;
    struct fb_json_text text;

    if (fb_answer_find(object, name, strlen(name), &value) && fb_json_take_string(&value, &text))
        copy_text(&text, out, size);
}

/* What the code of a statement that failed means to its entry, or to the whole call. */
static enum fb_status judge(const struct fb_dynamodb_call *call, struct fb_json_cursor failure,
                            struct fb_batch_entry *entry, struct fb_error *error)
{
    struct fb_error one = {0};
    char message[160] = "";

    read_text(failure, "Code", one.code, sizeof one.code);
    read_text(failure, "Message", message, sizeof message);
    one.status = fb_aws_error_status(one.code, 400);
    one.http_status = 400;
    switch (fb_verdict_of(&one)) {
    case FB_DONE_BEFORE:
        entry->is_there = true;
        return FB_OK;
    case FB_REJECTED:
        entry->is_refused = true;
        snprintf(entry->refusal, sizeof entry->refusal, "%.30s: %.155s", one.code, message);
        return FB_OK;
    case FB_RETRY:
    case FB_RETRY_SLOWER:
        entry->unprocessed = true;
        return FB_OK;
    case FB_RETRY_REFRESHED:
    case FB_UNHEALTHY:
        break;
    }
    fb_fail(error, one.status, "%s of %.300s: %s: %s", call->operation, call->subject, one.code,
            message);
    if (error != NULL) {
        memcpy(error->code, one.code, sizeof error->code);
        error->http_status = 400;
    }
    return one.status;
}

static enum fb_status read_response(const struct fb_dynamodb_call *call, const char *table,
                                    struct fb_json_cursor response, struct fb_batch_entry *entry,
                                    struct fb_error *error)
{
    struct fb_json_cursor value;
    struct fb_json_text text;

    if (fb_answer_find(response, "TableName", strlen("TableName"), &value) &&
        fb_json_take_string(&value, &text) && !fb_answer_is_table(&text, table))
        return fb_dynamodb_call_refuse(call, error, "it is about another table");
    if (!fb_answer_find(response, "Error", strlen("Error"), &value) ||
        !fb_json_enter_object(&(struct fb_json_cursor){value.at}))
        return FB_OK;
    return judge(call, value, entry, error);
}

/* The responses stand in the order of the statements. */
static enum fb_status read_answer(struct fb_dynamodb_call *call,
                                  const struct fb_write_target *target,
                                  struct fb_batch_entry *entries, size_t count, double *ret_units,
                                  struct fb_error *error)
{
    struct fb_json_cursor responses;
    size_t read = 0;
    enum fb_status status = fb_answer_check(&call->answer);

    if (status == FB_NO_MEMORY)
        return fb_fail(error, status, "no memory for an answer");
    if (status != FB_OK ||
        !fb_answer_find(fb_json_cursor_begin(call->answer.bytes), "Responses", strlen("Responses"),
                        &responses) ||
        !fb_json_enter_array(&responses))
        return fb_dynamodb_call_refuse(call, error, "it has no responses");
    for (; fb_json_next_element(&responses); fb_json_skip(&responses)) {
        if (*responses.at != '{' || read == count)
            return fb_dynamodb_call_refuse(call, error, "it answers what was not asked");
        status = read_response(call, target->table, responses, &entries[read++], error);
        if (status != FB_OK)
            return status;
    }
    if (read < count)
        return fb_dynamodb_call_refuse(call, error, "it does not answer all statements");
    if (!fb_answer_units(fb_json_cursor_begin(call->answer.bytes), target->table, ret_units))
        return fb_dynamodb_call_refuse(call, error, "it is about another table");
    return FB_OK;
}

enum fb_status fb_write_inserts(struct fb_client *client, const struct fb_write_target *target,
                                struct fb_batch_entry *entries, size_t count, double *ret_units,
                                struct fb_error *error)
{
    struct fb_buffer *body = &target->scratch->body;
    struct fb_dynamodb_call call;
    struct iovec piece;
    enum fb_status status = make_body(target, entries, count);

    if (status == FB_TOO_LARGE)
        return fb_fail(error, status, "a batch of statements over %zu bytes", body->max_bytes);
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a batch of statements");
    status = fb_dynamodb_call_init(&call, client, "BatchExecuteStatement", target->table,
                                   ANSWER_MAX_BYTES, error);
    if (status != FB_OK)
        return status;
    piece = (struct iovec){body->bytes, body->size};
    status = fb_dynamodb_call_perform(&call, client, &piece, 1, error);
    if (status == FB_OK)
        status = read_answer(&call, target, entries, count, ret_units, error);
    fb_dynamodb_call_done(&call);
    return status;
}
