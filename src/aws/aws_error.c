/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/aws_error.h"

#include <expat.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* A signature has 64 hex digits, a request id at most 36 characters. */
#define SIGNATURE_HEX_RUN 40

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static const char *json_text(const json_t *root, const char *name)
{
    const char *text = json_string_value(json_object_get(root, name));

    return text == NULL ? "" : text;
}

/* {"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"..."} */
static void read_json(const char *body, size_t size, struct fb_aws_error *read)
{
    json_t *root = json_loadb(body, size, 0, NULL);
    const char *code = json_text(root, "__type");
    const char *message = json_text(root, "message");

    if (code[0] == '\0')
        code = json_text(root, "code");
    if (strrchr(code, '#') != NULL)
        code = strrchr(code, '#') + 1;
    if (message[0] == '\0')
        message = json_text(root, "Message");
    copy_text(read->code, sizeof read->code, code);
    copy_text(read->message, sizeof read->message, message);
    json_decref(root);
}

/* <Error><Code/><Message/><RequestId/></Error>, at whatever depth. */
struct xml_reading {
    XML_Parser parser;
    struct fb_aws_error *read;
    char *field;
    size_t field_size;
    bool is_html;
};

static void on_start(void *context, const char *name, const char **attributes)
{
    struct xml_reading *reading = context;
    struct fb_aws_error *read = reading->read;

    (void)attributes;
    reading->field = NULL;
    if (strcmp(name, "html") == 0 || strcmp(name, "HTML") == 0)
        reading->is_html = true;
    if (strcmp(name, "Code") == 0) {
        reading->field = read->code;
        reading->field_size = sizeof read->code;
    } else if (strcmp(name, "Message") == 0) {
        reading->field = read->message;
        reading->field_size = sizeof read->message;
    } else if (strcmp(name, "RequestId") == 0 || strcmp(name, "RequestID") == 0) {
        reading->field = read->request_id;
        reading->field_size = sizeof read->request_id;
    }
    if (reading->field != NULL)
        reading->field[0] = '\0';
}

static void on_end(void *context, const char *name)
{
    (void)name;
    ((struct xml_reading *)context)->field = NULL;
}

static void on_text(void *context, const char *text, int size)
{
    struct xml_reading *reading = context;
    size_t used, room;

    if (reading->field == NULL)
        return;
    used = strlen(reading->field);
    room = reading->field_size - 1 - used;
    if ((size_t)size < room)
        room = (size_t)size;
    memcpy(reading->field + used, text, room);
    reading->field[used + room] = '\0';
}

static void on_doctype(void *context, const char *name, const char *system, const char *public,
                       int has_internal_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    XML_StopParser(((struct xml_reading *)context)->parser, XML_FALSE);
}

/* What was read before an XML error counts: a document cut off after its code says enough. */
static void read_xml(const char *body, size_t size, struct fb_aws_error *read)
{
    struct xml_reading reading = {.parser = XML_ParserCreate(NULL), .read = read};

    if (reading.parser == NULL)
        return;
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, on_doctype);
    XML_Parse(reading.parser, body, (int)size, 1);
    /* An element that the end of the body cut through is half a word. */
    if (reading.field != NULL)
        reading.field[0] = '\0';
    if (reading.is_html)
        *read = (struct fb_aws_error){0};
    XML_ParserFree(reading.parser);
}

/* The server quotes what we signed, which names the session token: its sentence ends before that.
 */
static void cut_secrets(char *message)
{
    static const char *const begins[] = {"The Canonical String", "The canonical request",
                                         "Authorization=",       "AWS4-HMAC-SHA256",
                                         "Signature=",           "x-amz-security-token"};

    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        char *begin = strcasestr(message, begins[i]);

        if (begin != NULL)
            *begin = '\0';
    }
    for (char *s = message; *s != '\0'; s++) {
        size_t run = strspn(s, "0123456789abcdefABCDEF");

        if (run >= SIGNATURE_HEX_RUN)
            memset(s, '*', run);
        s += run == 0 ? 0 : run - 1;
    }
}

/* The sentence goes on behind it. */
static void cut_full_stop(char *message)
{
    size_t size = strlen(message);

    while (size > 0 && (message[size - 1] == '.' || message[size - 1] == ' '))
        message[--size] = '\0';
}

void fb_aws_error_read(const char *body, size_t size, struct fb_aws_error *ret_read)
{
    *ret_read = (struct fb_aws_error){0};
    while (size > 0 && strchr(" \t\r\n", *body) != NULL && *body != '\0') {
        body++;
        size--;
    }
    if (size == 0 || size > FB_AWS_ERROR_BODY_MAX_BYTES)
        return;
    if (body[0] == '{')
        read_json(body, size, ret_read);
    else if (body[0] == '<')
        read_xml(body, size, ret_read);
    cut_secrets(ret_read->message);
    cut_full_stop(ret_read->message);
    fb_make_printable(ret_read->code);
    fb_make_printable(ret_read->message);
}

/* What the server said, in its own words, or what there was instead of words. */
static void describe(const struct fb_http_response *response, size_t size,
                     const struct fb_aws_error *read, char *text, size_t text_size)
{
    if (read->message[0] != '\0')
        snprintf(text, text_size, "%s", read->message);
    else if (read->code[0] != '\0')
        text[0] = '\0';
    else if (size == 0)
        snprintf(text, text_size, "an empty answer");
    else
        snprintf(text, text_size, "an answer that is no AWS error (%s, %zu bytes)",
                 response->content_type[0] != '\0' ? response->content_type : "no content type",
                 size);
}

static void append_hint(struct fb_error *error, const char *hint, const char *more)
{
    size_t used = strlen(error->message);

    if (used > 0 && error->message[used - 1] == '.')
        used--;
    snprintf(error->message + used, sizeof error->message - used, "; %s%s", hint, more);
    fb_make_printable(error->message);
}

enum fb_status fb_aws_error_make(const struct fb_http_response *response, const char *body,
                                 size_t size, const char *operation, const char *subject,
                                 struct fb_error *error)
{
    struct fb_aws_error read;
    char said[600];
    const char *hint;
    enum fb_status status;

    fb_aws_error_read(body, size, &read);
    if (read.code[0] == '\0')
        copy_text(read.code, sizeof read.code, response->error_code);
    if (response->request_id[0] != '\0')
        copy_text(read.request_id, sizeof read.request_id, response->request_id);
    status = fb_aws_error_status(read.code, response->http_status);
    if (error == NULL)
        return status;
    describe(response, size, &read, said, sizeof said);
    hint = fb_aws_error_hint(read.code);
    fb_fail(error, status, "%s of %.300s: HTTP %ld%s%s%s%s", operation, subject,
            response->http_status, read.code[0] != '\0' ? " " : "", read.code,
            said[0] != '\0' ? ": " : "", said);
    if (response->bucket_region[0] != '\0' && response->http_status / 100 == 3)
        append_hint(error, "the bucket is in region ", response->bucket_region);
    if (hint != NULL)
        append_hint(error, hint, "");
    error->http_status = response->http_status;
    copy_text(error->code, sizeof error->code, read.code);
    copy_text(error->request_id, sizeof error->request_id, read.request_id);
    return status;
}
