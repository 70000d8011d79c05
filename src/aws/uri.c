/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/uri.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/base/hex.h"

#define PARAM_MAX 16

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

enum fb_status fb_uri_append_encoded(struct fb_buffer *buffer, const char *text, size_t size,
                                     bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";
    enum fb_status status = fb_buffer_reserve(buffer, size);

    for (size_t i = 0; i < size && status == FB_OK; i++) {
        unsigned char c = (unsigned char)text[i];

        if (is_unreserved(c) || (keep_slash && c == '/'))
            status = fb_buffer_append(buffer, &text[i], 1);
        else
            status = fb_buffer_append(buffer, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
    return status;
}

/* An encoded parameter: where its name and value lie in the scratch buffer. */
struct encoded_param {
    size_t name, value; /* offsets of NUL-terminated texts */
};

static enum fb_status append_encoded_text(struct fb_buffer *buffer, const char *text)
{
    enum fb_status status = fb_uri_append_encoded(buffer, text, strlen(text), false);

    return status == FB_OK ? fb_buffer_append(buffer, "", 1) : status;
}

static int compare(const char *base, const struct encoded_param *a, const struct encoded_param *b)
{
    int order = strcmp(base + a->name, base + b->name);

    return order != 0 ? order : strcmp(base + a->value, base + b->value);
}

static void sort(const char *base, struct encoded_param *params, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct encoded_param moving = params[i];
        size_t to = i;

        for (; to > 0 && compare(base, &moving, &params[to - 1]) < 0; to--)
            params[to] = params[to - 1];
        params[to] = moving;
    }
}

static enum fb_status encode_all(struct fb_buffer *scratch, const struct fb_uri_param *params,
                                 size_t count, struct encoded_param *ret_encoded)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < count && status == FB_OK; i++) {
        ret_encoded[i].name = scratch->size;
        status = append_encoded_text(scratch, params[i].name);
        ret_encoded[i].value = scratch->size;
        if (status == FB_OK)
            status = append_encoded_text(scratch, params[i].value);
    }
    return status;
}

enum fb_status fb_uri_append_query(struct fb_buffer *buffer, const struct fb_uri_param *params,
                                   size_t count)
{
    struct encoded_param encoded[PARAM_MAX];
    struct fb_buffer scratch;
    enum fb_status status;

    if (count > PARAM_MAX)
        return FB_TOO_LARGE;
    fb_buffer_init(&scratch, 64 * 1024);
    status = encode_all(&scratch, params, count, encoded);
    if (status == FB_OK)
        sort(scratch.bytes, encoded, count);
    for (size_t i = 0; i < count && status == FB_OK; i++)
        status =
            fb_buffer_printf(buffer, "%s%s=%s", i > 0 ? "&" : "", scratch.bytes + encoded[i].name,
                             scratch.bytes + encoded[i].value);
    fb_buffer_done(&scratch);
    return status;
}

enum fb_status fb_uri_decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        int high, low;

        if (*from != '%') {
            *to++ = *from == '+' ? ' ' : *from;
            continue;
        }
        high = fb_hex_value(from[1]);
        low = high < 0 ? -1 : fb_hex_value(from[2]);
        if (low < 0 || (high == 0 && low == 0))
            return FB_CORRUPT;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return FB_OK;
}
