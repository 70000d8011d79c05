/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/status.h"

#include <stdarg.h>
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

/* A character of up to three bytes, which all controls are. */
static uint32_t code_of(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;

    if (length == 1)
        return s[0];
    if (length == 2)
        return (s[0] & 0x1fU) << 6 | (s[1] & 0x3fU);
    return (s[0] & 0x0fU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
}

uint16_t fb_utf8_control(const char *text, size_t length)
{
    /* C0, DEL and C1, which terminals obey (ECMA-48); what ends a line, and what turns its
     * direction (Unicode's Bidi_Control), so that a line shows another text than it has. */
    static const struct {
        uint16_t first, last;
    } controls[] = {{0x01, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},
                    {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    const uint32_t code = length == 0 || length > 3 ? 0 : code_of(text, length);

    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        if (code >= controls[i].first && code <= controls[i].last)
            return (uint16_t)code;
    return 0;
}

bool fb_is_printable(const char *text, size_t *ret_size)
{
    const size_t length = fb_utf8_length(text);

    *ret_size = length > 0 ? length : 1;
    return length > 0 && fb_utf8_control(text, length) == 0;
}

void fb_make_printable(char *text)
{
    size_t size;

    for (; *text != '\0'; text += size)
        if (!fb_is_printable(text, &size))
            memset(text, '?', size);
}
