/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
    [FB_OK] = "ok",
    [FB_CANCELED] = "canceled",
    [FB_NO_MEMORY] = "no-memory",
    [FB_TOO_LARGE] = "too-large",
    [FB_INVALID] = "invalid",
    [FB_UNSUPPORTED] = "unsupported",
    [FB_NOT_FOUND] = "not-found",
    [FB_DENIED] = "denied",
    [FB_EXPIRED] = "expired",
    [FB_THROTTLED] = "throttled",
    [FB_UNAVAILABLE] = "unavailable",
    [FB_CHANGED] = "changed",
    [FB_CONFLICT] = "conflict",
    [FB_CORRUPT] = "corrupt",
    [FB_IO] = "io",
    [FB_NEED_MORE] = "need-more",
    [FB_END] = "end",
};

const char *fb_status_name(enum fb_status status)
{
    if ((size_t)status >= sizeof status_names / sizeof *status_names)
        return "unknown";
    return status_names[status];
}

enum fb_status fb_fail(struct fb_error *error, enum fb_status status, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return status;
    *error = (struct fb_error){.status = status};
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    fb_make_printable(error->message);
    return status;
}

void fb_error_prefix(struct fb_error *error, const char *format, ...)
{
    char message[FB_ERROR_MESSAGE_SIZE];
    va_list arguments;
    size_t used;

    if (error == NULL)
        return;
    memcpy(message, error->message, sizeof message);
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    used = strlen(error->message);
    strncat(error->message, ": ", sizeof error->message - used - 1);
    used = strlen(error->message);
    strncat(error->message, message, sizeof error->message - used - 1);
    fb_make_printable(error->message);
}

/* Too long a form, a surrogate, or beyond U+10FFFF: told by the first two bytes. */
static bool is_out_of_range(const unsigned char *s)
{
    return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
           (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) || s[0] > 0xf4;
}

size_t fb_utf8_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return is_out_of_range(s) ? 0 : length;
}

void fb_make_printable(char *text)
{
    while (*text != '\0') {
        const unsigned char byte = (unsigned char)*text;
        const size_t length = fb_utf8_length(text);

        if (byte < 0x20 || byte == 0x7f || length == 0)
            *text = '?';
        text += length > 0 ? length : 1;
    }
}
