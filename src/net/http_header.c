/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/net/http_header.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Longer lines carry nothing that is looked at here. */
#define LINE_MAX_BYTES 8192

struct slice {
    const char *bytes;
    size_t size;
};

struct field {
    const char *name;
    size_t name_size;
    size_t offset;
    size_t capacity;
    char ends_at; /* the value counts up to here; '\0': all of it */
};

#define FIELD(header, member, end)                                                                 \
    {                                                                                              \
        header, sizeof(header) - 1, offsetof(struct fb_http_response, member),                     \
            sizeof((struct fb_http_response *)NULL)->member, end                                   \
    }

static const struct field fields[] = {
    FIELD("etag", etag, '\0'),
    FIELD("x-amzn-requestid", request_id, '\0'),
    FIELD("x-amz-request-id", request_id, '\0'),
    FIELD("x-amz-id-2", extended_id, '\0'),
    FIELD("x-amz-crc32", crc32, '\0'),
    FIELD("content-range", content_range, '\0'),
    FIELD("content-type", content_type, '\0'),
    FIELD("content-encoding", content_encoding, '\0'),
    FIELD("date", date, '\0'),
    FIELD("x-amz-bucket-region", bucket_region, '\0'),
    FIELD("x-amz-error-code", error_code, '\0'),
    FIELD("x-amzn-errortype", error_code, ':'),
};

static struct slice trimmed(const char *bytes, size_t size)
{
    while (size > 0 && isspace((unsigned char)bytes[0])) {
        bytes++;
        size--;
    }
    while (size > 0 && isspace((unsigned char)bytes[size - 1]))
        size--;
    return (struct slice){bytes, size};
}

static bool slice_is(const struct slice *slice, const char *text, size_t size)
{
    return size == slice->size && strncasecmp(slice->bytes, text, size) == 0;
}

static void take_status_line(struct fb_http_response *response, const char *line, size_t size)
{
    const char *space = memchr(line, ' ', size);
    long status = 0;

    *response = (struct fb_http_response){.content_length = UINT64_MAX};
    if (space == NULL)
        return;
    for (const char *s = space + 1; s < line + size && s < space + 4; s++) {
        if (!isdigit((unsigned char)*s))
            return;
        status = status * 10 + (*s - '0');
    }
    response->http_status = status;
}

static void take_content_length(struct fb_http_response *response, struct slice value)
{
    uint64_t length = 0;

    if (value.size == 0 || value.size > 18)
        return;
    for (size_t i = 0; i < value.size; i++) {
        if (!isdigit((unsigned char)value.bytes[i]))
            return;
        length = length * 10 + (uint64_t)(value.bytes[i] - '0');
    }
    response->content_length = length;
}

static void take_field(struct fb_http_response *response, const struct field *field,
                       struct slice value)
{
    char *to = (char *)response + field->offset;
    const char *end =
        field->ends_at == '\0' ? NULL : memchr(value.bytes, field->ends_at, value.size);

    if (end != NULL)
        value = trimmed(value.bytes, (size_t)(end - value.bytes));
    if (value.size >= field->capacity || memchr(value.bytes, '\0', value.size) != NULL)
        return;
    memcpy(to, value.bytes, value.size);
    to[value.size] = '\0';
}

void fb_http_header_take(struct fb_http_response *response, const char *line, size_t size)
{
    const char *colon;
    struct slice name, value;

    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        take_status_line(response, line, size);
        return;
    }
    colon = memchr(line, ':', size);
    if (colon == NULL || size > LINE_MAX_BYTES)
        return;
    name = trimmed(line, (size_t)(colon - line));
    value = trimmed(colon + 1, size - (size_t)(colon + 1 - line));
    if (slice_is(&name, "content-length", sizeof "content-length" - 1))
        take_content_length(response, value);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (slice_is(&name, fields[i].name, fields[i].name_size))
            take_field(response, &fields[i], value);
}
