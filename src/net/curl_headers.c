/* SPDX-License-Identifier: Apache-2.0 */
#include "curl_headers.h"

#include <string.h>
#include <strings.h>

#include "firebridge/base/secret.h"

#define TEXT_MAX_BYTES ((size_t)256 * 1024)

void curl_headers_init(struct curl_headers *headers)
{
    fb_buffer_init(&headers->text, TEXT_MAX_BYTES);
}

void curl_headers_done(struct curl_headers *headers)
{
    fb_buffer_done(&headers->text);
}

void curl_headers_wipe(struct curl_headers *headers)
{
    fb_secret_buffer_wipe(&headers->text);
}

static bool has_header(const struct fb_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return true;
    return false;
}

/* "name: value" and its NUL, behind what is there. */
static enum fb_status append_header(struct fb_buffer *to, const char *name, const char *value)
{
    /* curl's way to send a header without a value is a semicolon; without either it sends none. */
    const char *between = value == NULL ? ":" : value[0] == '\0' ? ";" : ": ";
    enum fb_status status = fb_buffer_append_text(to, name);

    if (status == FB_OK)
        status = fb_buffer_append_text(to, between);
    if (status == FB_OK && value != NULL)
        status = fb_buffer_append_text(to, value);
    return status == FB_OK ? fb_buffer_append(to, "", 1) : status;
}

/* At once, so that growing leaves no copy of a token behind. */
static enum fb_status reserve_text(struct fb_buffer *text, const struct fb_http_request *request)
{
    size_t size = 64; /* what is removed */

    for (size_t i = 0; i < request->header_count; i++)
        size += strlen(request->headers[i].name) + strlen(request->headers[i].value) + 3;
    return fb_buffer_reserve(text, size);
}

/* The request's headers, and the removal of those that curl would add by itself. */
enum fb_status curl_headers_make(struct curl_headers *headers,
                                 const struct fb_http_request *request)
{
    static const char *const unasked[] = {"Accept", "Content-Type", "Expect"};
    struct fb_buffer *text = &headers->text;
    enum fb_status status;
    size_t count = 0;
    char *line;

    fb_buffer_reset(text);
    if (request->header_count > CURL_HEADER_MAX - sizeof unasked / sizeof *unasked)
        return FB_TOO_LARGE;
    status = reserve_text(text, request);
    for (size_t i = 0; i < sizeof unasked / sizeof *unasked && status == FB_OK; i++)
        if (!has_header(request, unasked[i])) {
            status = append_header(text, unasked[i], NULL);
            count++;
        }
    for (size_t i = 0; i < request->header_count && status == FB_OK; i++, count++)
        status = append_header(text, request->headers[i].name, request->headers[i].value);
    /* Linked when the text will not move any more. */
    line = text->bytes;
    for (size_t i = 0; i < count && status == FB_OK; i++) {
        headers->list[i] = (struct curl_slist){line, i + 1 < count ? &headers->list[i + 1] : NULL};
        line += strlen(line) + 1;
    }
    return status;
}
