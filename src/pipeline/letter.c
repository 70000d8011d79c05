/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/letter.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/time.h"

/* What is kept of an over-long record; the rest stays in S3. */
#define KEPT_BYTES_OF_OVERLONG 4096

/* ---- writing ---- */

/* Bytes as base64, NUL-terminated; the caller frees. NULL without memory. */
static char *to_base64(const char *bytes, size_t size)
{
    char *text = malloc(4 * ((size + 2) / 3) + 1);

    if (text != NULL)
        EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes, (int)size);
    return text;
}

/* S3 keys are UTF-8, but nothing may keep a letter from being kept. */
static json_t *text_or_printable(const char *text)
{
    json_t *value = json_string(text);
    char *copy;

    if (value != NULL || (copy = strdup(text)) == NULL)
        return value;
    fb_make_printable(copy);
    value = json_string(copy);
    free(copy);
    return value;
}

static json_t *make_line(const struct fb_letter_context *context,
                         const struct fb_dead_letter *letter, const char *bytes)
{
    char time[FB_TIME_TEXT_SIZE];

    fb_time_format_rfc3339(context->time_ms, time);
    return json_pack(
        "{s:{s:o, s:s, s:I}, s:s, s:s, s:s, s:I, s:I, s:s*, s:s*, s:s, s:o, s:s}", "id", "key",
        text_or_printable(letter->object->key), "etag", letter->object->etag, "record",
        (json_int_t)letter->record_number, "time", time, "stream", context->stream, "bucket",
        context->bucket, "offset", (json_int_t)letter->offset_bytes, "size",
        (json_int_t)letter->size_bytes, "format",
        letter->format == FB_FORMAT_AUTO ? NULL : fb_format_name(letter->format), "operation",
        letter->operation == FB_PUT ? NULL : fb_operation_name(letter->operation), "reason",
        letter->reason, "message", text_or_printable(letter->message), "bytes", bytes);
}

/* With a newline in place of the NUL. */
static char *dump(const json_t *line, size_t *ret_size)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);

    if (text == NULL)
        return NULL;
    *ret_size = strlen(text) + 1;
    text[*ret_size - 1] = '\n';
    return text;
}

char *fb_letter_format(const struct fb_letter_context *context, const struct fb_dead_letter *letter,
                       size_t *ret_size)
{
    bool whole = letter->text_size == letter->size_bytes;
    size_t kept = whole || letter->text_size < KEPT_BYTES_OF_OVERLONG ? letter->text_size
                                                                      : KEPT_BYTES_OF_OVERLONG;
    char *bytes = to_base64(letter->text, kept);
    json_t *line = bytes == NULL ? NULL : make_line(context, letter, bytes);
    char *text = NULL;

    if (line != NULL && !whole)
        json_object_set_new(line, "note",
                            json_string("only the first bytes are here; the rest is in S3, at "
                                        "this offset of the decompressed object"));
    if (line != NULL)
        text = dump(line, ret_size);
    json_decref(line);
    free(bytes);
    return text;
}

/* ---- reading ---- */

/* Strict (RFC 4648, section 4): EVP_DecodeBlock passes over blanks, and takes odd bits. */
static bool is_base64_of(const char *text, size_t size, const char *bytes, size_t bytes_size)
{
    char *again = to_base64(bytes, bytes_size);
    bool is_same = again != NULL && strlen(again) == size && memcmp(again, text, size) == 0;

    free(again);
    return is_same;
}

static enum fb_status decode(const char *text, size_t size, struct fb_letter *letter,
                             struct fb_error *error)
{
    const size_t padding = size < 2 ? 0 : (size_t)(text[size - 1] == '=') + (text[size - 2] == '=');
    int decoded;

    letter->text = calloc(1, size / 4 * 3 + 1);
    if (letter->text == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a dead letter");
    decoded = size > INT32_MAX ? -1
                               : EVP_DecodeBlock((unsigned char *)letter->text,
                                                 (const unsigned char *)text, (int)size);
    if (decoded < (int)padding ||
        !is_base64_of(text, size, letter->text, (size_t)decoded - padding))
        return fb_fail(error, FB_INVALID, "its \"bytes\" are no base64");
    letter->text_size = (size_t)decoded - padding;
    letter->text[letter->text_size] = '\0';
    return FB_OK;
}

static bool take_format(const char *name, enum fb_format *ret_format)
{
    for (int i = 0; name != NULL && i < FB_FORMAT_COUNT; i++)
        if (strcmp(fb_format_name((enum fb_format)i), name) == 0) {
            *ret_format = (enum fb_format)i;
            return true;
        }
    return name == NULL;
}

static enum fb_status take_members(struct fb_letter *letter, const char **ret_bytes,
                                   size_t *ret_bytes_size, struct fb_error *error)
{
    json_int_t record = 0, offset = 0, size = 0;
    const char *time = NULL, *format = NULL;
    json_error_t fault;

    letter->format = FB_FORMAT_AUTO;
    if (json_unpack_ex(letter->root, &fault, 0,
                       "{s:{s:s, s:s, s:I}, s:s, s:s, s:I, s:I, s?s, s:s, s:s%}", "id", "key",
                       &letter->key, "etag", &letter->etag, "record", &record, "bucket",
                       &letter->bucket, "time", &time, "offset", &offset, "size", &size, "format",
                       &format, "reason", &letter->reason, "bytes", ret_bytes, ret_bytes_size) != 0)
        return fb_fail(error, FB_INVALID, "it is no dead letter: %.100s", fault.text);
    if (record < 0 || offset < 0 || size < 0)
        return fb_fail(error, FB_INVALID, "it is no dead letter: a number below zero");
    if (fb_time_parse_rfc3339(time, &letter->time_ms) != FB_OK)
        return fb_fail(error, FB_INVALID, "its \"time\" is none");
    if (!take_format(format, &letter->format))
        return fb_fail(error, FB_INVALID, "its \"format\" is none: %.32s", format);
    letter->record_number = (uint64_t)record;
    letter->offset_bytes = (uint64_t)offset;
    letter->size_bytes = (uint64_t)size;
    return FB_OK;
}

enum fb_status fb_letter_parse(const char *line, size_t size, struct fb_letter *ret_letter,
                               struct fb_error *error)
{
    struct fb_letter letter = {0};
    const char *bytes = "";
    size_t bytes_size = 0;
    json_error_t fault;
    enum fb_status status;

    letter.root = json_loadb(line, size, JSON_REJECT_DUPLICATES, &fault);
    if (letter.root == NULL)
        status = fb_fail(error, FB_INVALID, "it is no JSON object: %.100s", fault.text);
    else
        status = take_members(&letter, &bytes, &bytes_size, error);
    if (status == FB_OK)
        status = decode(bytes, bytes_size, &letter, error);
    if (status == FB_OK && letter.text_size > letter.size_bytes)
        status = fb_fail(error, FB_INVALID, "it has more bytes than its \"size\"");
    if (status == FB_OK)
        *ret_letter = letter;
    else
        fb_letter_done(&letter);
    return status;
}

char *fb_letter_retell(const char *line, size_t size, const char *reason, const char *message,
                       int64_t redriven_ms, size_t *ret_size)
{
    json_t *root = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    char redriven[FB_TIME_TEXT_SIZE];
    char *text = NULL;

    fb_time_format_rfc3339(redriven_ms, redriven);
    if (json_object_set_new(root, "reason", json_string(reason)) == 0 &&
        json_object_set_new(root, "message", text_or_printable(message)) == 0 &&
        json_object_set_new(root, "redriven", json_string(redriven)) == 0)
        text = dump(root, ret_size);
    json_decref(root);
    return text;
}

void fb_letter_done(struct fb_letter *letter)
{
    json_decref(letter->root);
    free(letter->text);
    *letter = (struct fb_letter){0};
}
