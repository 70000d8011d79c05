/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/json_cursor.h"

#include <string.h>

#include "firebridge/codec/json_text.h"

/* The longest escape: a pair of surrogates. */
#define ESCAPE_MAX_BYTES 12

/* From behind the opening quote to the closing one. */
static const char *closing_quote(const char *p)
{
    for (;;) {
        char ignored[FB_TEXT_BLOCK];

        p += fb_text_copy_plain(ignored, p);
        if (*p == '"')
            return p;
        p += *p == '\\' ? 2 : 1;
    }
}

static const char *behind_scalar(const char *p)
{
    return p + strcspn(p, ",]} \n\r\t");
}

/* Between the brackets only strings can hide a bracket; all else passes byte by byte. */
static const char *behind_brackets(const char *p)
{
    size_t depth = 0;

    do {
        if (*p == '"')
            p = closing_quote(p + 1);
        else if (*p == '{' || *p == '[')
            depth++;
        else if (*p == '}' || *p == ']')
            depth--;
        p++;
    } while (depth > 0);
    return p;
}

struct fb_json_cursor fb_json_cursor_begin(const char *text)
{
    return (struct fb_json_cursor){fb_text_skip_blanks(text)};
}

void fb_json_skip(struct fb_json_cursor *cursor)
{
    const char *p = cursor->at;

    if (*p == '"')
        cursor->at = closing_quote(p + 1) + 1;
    else if (*p == '{' || *p == '[')
        cursor->at = behind_brackets(p);
    else
        cursor->at = behind_scalar(p);
}

bool fb_json_take_string(struct fb_json_cursor *cursor, struct fb_json_text *ret_text)
{
    const char *const begin = cursor->at + 1;
    const char *end;

    if (*cursor->at != '"')
        return false;
    end = closing_quote(begin);
    *ret_text = (struct fb_json_text){begin, (size_t)(end - begin)};
    cursor->at = end + 1;
    return true;
}

bool fb_json_take_number(struct fb_json_cursor *cursor, struct fb_json_text *ret_text)
{
    const char *const begin = cursor->at;

    if (*begin != '-' && (*begin < '0' || *begin > '9'))
        return false;
    cursor->at = behind_scalar(begin);
    *ret_text = (struct fb_json_text){begin, (size_t)(cursor->at - begin)};
    return true;
}

static bool enter(struct fb_json_cursor *cursor, char bracket)
{
    if (*cursor->at != bracket)
        return false;
    cursor->at++;
    return true;
}

bool fb_json_enter_object(struct fb_json_cursor *cursor)
{
    return enter(cursor, '{');
}

bool fb_json_enter_array(struct fb_json_cursor *cursor)
{
    return enter(cursor, '[');
}

/* Behind the opening bracket or behind a value; no value begins with a comma. */
static bool next(struct fb_json_cursor *cursor, char closing)
{
    const char *p = fb_text_skip_blanks(cursor->at);

    if (*p == closing) {
        cursor->at = p + 1;
        return false;
    }
    if (*p == ',')
        p = fb_text_skip_blanks(p + 1);
    cursor->at = p;
    return true;
}

bool fb_json_next_member(struct fb_json_cursor *cursor, struct fb_json_text *ret_name)
{
    const char *p;

    if (!next(cursor, '}') || !fb_json_take_string(cursor, ret_name))
        return false;
    p = fb_text_skip_blanks(cursor->at);
    cursor->at = fb_text_skip_blanks(p + 1);
    return true;
}

bool fb_json_next_element(struct fb_json_cursor *cursor)
{
    return next(cursor, ']');
}

bool fb_json_text_is(const struct fb_json_text *text, const char *bytes, size_t size)
{
    const char *p = text->bytes;
    const char *const end = p + text->size;
    const char *const bytes_end = bytes + size;

    while (p < end) {
        struct fb_text_special special = {.size = 1};
        char meaning[ESCAPE_MAX_BYTES];
        size_t meant = 1;

        meaning[0] = *p;
        if (*p == '\\') {
            if (fb_text_special(p, end, &special) != FB_TEXT_GOOD)
                return false;
            meant = fb_text_unescape(p, special.size, meaning);
        }
        if (meant > (size_t)(bytes_end - bytes) || memcmp(meaning, bytes, meant) != 0)
            return false;
        p += special.size;
        bytes += meant;
    }
    return bytes == bytes_end;
}

/* The next byte that a string means, 0 to 255; -1 at its end. */
struct meant {
    const char *at, *end;
    char bytes[FB_TEXT_BLOCK];
    size_t size, next;
};

static int next_byte(struct meant *meant)
{
    struct fb_text_special special;

    if (meant->next < meant->size)
        return (unsigned char)meant->bytes[meant->next++];
    if (meant->at == meant->end)
        return -1;
    if (*meant->at != '\\')
        return (unsigned char)*meant->at++;
    if (fb_text_special(meant->at, meant->end, &special) != FB_TEXT_GOOD)
        return -1;
    meant->size = fb_text_unescape(meant->at, special.size, meant->bytes);
    meant->next = 1;
    meant->at += special.size;
    return (unsigned char)meant->bytes[0];
}

int fb_json_text_compare(const struct fb_json_text *a, const struct fb_json_text *b)
{
    const size_t shorter = a->size < b->size ? a->size : b->size;
    struct meant left = {.at = a->bytes, .end = a->bytes + a->size};
    struct meant right = {.at = b->bytes, .end = b->bytes + b->size};

    if (memchr(a->bytes, '\\', a->size) == NULL && memchr(b->bytes, '\\', b->size) == NULL) {
        const int order = memcmp(a->bytes, b->bytes, shorter);

        return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
    }
    for (;;) {
        const int x = next_byte(&left);
        const int y = next_byte(&right);

        if (x != y || x < 0)
            return x - y;
    }
}
