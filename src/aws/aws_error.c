/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/aws_error.h"

#include <ctype.h>
#include <expat.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "firebridge/aws/endpoint.h"

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

/* Of JSON that breaks off: a member that stands there whole counts all the same. */
static void scan_member(const char *body, size_t size, const char *begin, char *to, size_t to_size)
{
    const char *from = memmem(body, size, begin, strlen(begin));
    const char *end;

    if (from == NULL)
        return;
    from += strlen(begin);
    end = memchr(from, '"', size - (size_t)(from - body));
    if (end != NULL && (size_t)(end - from) < to_size)
        snprintf(to, to_size, "%.*s", (int)(end - from), from);
}

/* "com.amazonaws.dynamodb.v20120810#ThrottlingException:http://..." names but the middle. */
static void cut_code(char *code)
{
    const char *hash = strrchr(code, '#');

    if (hash != NULL)
        memmove(code, hash + 1, strlen(hash));
    code[strcspn(code, ":")] = '\0';
}

/* {"__type":"...","message":"..."}, with a capital here and there. */
static void read_json(const char *body, size_t size, struct fb_aws_error *read)
{
    json_t *root = json_loadb(body, size, 0, NULL);
    const char *code = json_text(root, "__type");
    const char *message = json_text(root, "message");
    char whole[256] = "";

    if (code[0] == '\0')
        code = json_text(root, "code");
    if (message[0] == '\0')
        message = json_text(root, "Message");
    copy_text(whole, sizeof whole, code);
    if (root == NULL)
        scan_member(body, size, "\"__type\":\"", whole, sizeof whole);
    cut_code(whole);
    copy_text(read->code, sizeof read->code, whole);
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

struct xml_field {
    const char *name;
    size_t offset, size;
};

#define XML_FIELD(name, member)                                                                    \
    {                                                                                              \
        name, offsetof(struct fb_aws_error, member), sizeof((struct fb_aws_error *)NULL)->member   \
    }

static const struct xml_field xml_fields[] = {
    XML_FIELD("Code", code),
    XML_FIELD("Message", message),
    XML_FIELD("RequestId", request_id),
    XML_FIELD("RequestID", request_id),
    XML_FIELD("HostId", extended_id),
    XML_FIELD("Region", region),
};

static void on_start(void *context, const char *name, const char **attributes)
{
    struct xml_reading *reading = context;

    (void)attributes;
    reading->field = NULL;
    if (strcasecmp(name, "html") == 0)
        reading->is_html = true;
    for (size_t i = 0; i < sizeof xml_fields / sizeof *xml_fields; i++)
        if (strcmp(name, xml_fields[i].name) == 0) {
            reading->field = (char *)reading->read + xml_fields[i].offset;
            reading->field_size = xml_fields[i].size;
            reading->field[0] = '\0';
        }
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

/* What is more than a word is no code and no id, but somebody's sentence. */
static void keep_word(char *text, const char *extra)
{
    for (const char *s = text; *s != '\0'; s++)
        if (!isalnum((unsigned char)*s) && strchr(extra, *s) == NULL) {
            text[0] = '\0';
            return;
        }
}

static void keep_words(struct fb_aws_error *read)
{
    keep_word(read->code, "."); /* KMS.DisabledException */
    keep_word(read->request_id, "-");
    keep_word(read->extended_id, "-_+/="); /* base64 */
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
    keep_words(ret_read);
    fb_make_printable(ret_read->message);
    if (fb_endpoint_check_region(ret_read->region, NULL) != FB_OK)
        ret_read->region[0] = '\0';
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

static void append(struct fb_error *error, const char *format, ...) FB_PRINTF(2, 3);

static void append(struct fb_error *error, const char *format, ...)
{
    size_t used = strlen(error->message);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->message + used, sizeof error->message - used, format, arguments);
    va_end(arguments);
    fb_make_printable(error->message);
}

/* AWS often names the action itself, and it may be another: kms:Decrypt of a GetObject. */
static void append_denial(struct fb_error *error, const char *said, const char *operation,
                          const char *subject)
{
    static const char begin[] = "not authorized to perform: ";
    const char *named = strstr(said, begin);
    const char *action = fb_aws_error_action(operation);

    if (named != NULL) {
        named += sizeof begin - 1;
        append(error, "; the credentials in use lack %.*s", (int)strcspn(named, " "), named);
        return; /* on which resource, it has said, too */
    }
    append(error, "; the credentials in use lack %s on %.300s",
           action == NULL ? "a permission" : action, subject);
}

static void append_advice(struct fb_error *error, const char *said, const char *operation,
                          const char *subject)
{
    const char *hint = fb_aws_error_hint(error->code, said);

    if (fb_aws_error_is_denial(error))
        append_denial(error, said, operation, subject);
    if (error->bucket_region[0] != '\0' && fb_aws_error_is_elsewhere(error))
        append(error, "; the bucket is in region %s", error->bucket_region);
    if (hint != NULL)
        append(error, "; %s", hint);
    if (error->request_id[0] != '\0')
        append(error, " (request %s%s%s)", error->request_id,
               error->extended_id[0] == '\0' ? "" : ", ", error->extended_id);
}

/* The head knows better: a proxy may have put a page of its own behind it. */
static void take_head(const struct fb_http_response *response, struct fb_aws_error *read)
{
    if (read->code[0] == '\0')
        copy_text(read->code, sizeof read->code, response->error_code);
    if (response->request_id[0] != '\0')
        copy_text(read->request_id, sizeof read->request_id, response->request_id);
    if (response->extended_id[0] != '\0')
        copy_text(read->extended_id, sizeof read->extended_id, response->extended_id);
    if (fb_endpoint_check_region(response->bucket_region, NULL) == FB_OK)
        copy_text(read->region, sizeof read->region, response->bucket_region);
    keep_words(read);
}

enum fb_status fb_aws_error_make(const struct fb_http_response *response, const char *body,
                                 size_t size, const char *operation, const char *subject,
                                 struct fb_error *error)
{
    struct fb_aws_error read;
    char said[600];
    enum fb_status status;

    fb_aws_error_read(body, size, &read);
    take_head(response, &read);
    status = fb_aws_error_status(read.code, response->http_status);
    if (error == NULL)
        return status;
    describe(response, size, &read, said, sizeof said);
    fb_fail(error, status, "%s of %.300s: HTTP %ld%s%s%s%s", operation, subject,
            response->http_status, read.code[0] != '\0' ? " " : "", read.code,
            said[0] != '\0' ? ": " : "", said);
    error->http_status = response->http_status;
    copy_text(error->code, sizeof error->code, read.code);
    copy_text(error->request_id, sizeof error->request_id, read.request_id);
    copy_text(error->extended_id, sizeof error->extended_id, read.extended_id);
    copy_text(error->bucket_region, sizeof error->bucket_region, read.region);
    append_advice(error, said, operation, subject);
    return status;
}
