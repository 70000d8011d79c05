/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/json_text.h"

#include <stdbool.h>

#include "firebridge/base/hex.h"

/* The four digits at `p`; on failure `*ret_at` is the byte that is none, perhaps the end. */
static bool hex4(const char *p, uint32_t *ret_value, const char **ret_at)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        int digit = fb_hex_value(p[i]);

        if (digit < 0) {
            *ret_at = p + i;
            return false;
        }
        value = value << 4 | (uint32_t)digit;
    }
    *ret_value = value;
    return true;
}

static size_t utf8_size(uint32_t code_point)
{
    return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

/* Behind a first surrogate: is the second one there? FB_TEXT_BAD_UTF8 when it is not. */
static enum fb_text_verdict second_surrogate(const char *p, const char *end, uint32_t *ret_low)
{
    const char *at = p;

    if (p[0] != '\\' || p[1] != 'u') {
        at = p[0] == '\\' ? p + 1 : p;
        return at == end ? FB_TEXT_CUT : FB_TEXT_BAD_UTF8;
    }
    if (!hex4(p + 2, ret_low, &at))
        return at == end ? FB_TEXT_CUT : FB_TEXT_BAD_UTF8;
    return *ret_low >= 0xdc00 && *ret_low <= 0xdfff ? FB_TEXT_GOOD : FB_TEXT_BAD_UTF8;
}

static enum fb_text_verdict unicode_escape(const char *p, const char *end,
                                           struct fb_text_special *ret)
{
    enum fb_text_verdict verdict = FB_TEXT_GOOD;
    uint32_t high = 0;
    uint32_t low = 0;

    if (!hex4(p + 2, &high, &ret->at))
        return ret->at == end ? FB_TEXT_CUT : FB_TEXT_BAD;
    ret->size = 6;
    ret->code_point = high;
    if (high >= 0xdc00 && high <= 0xdfff)
        verdict = FB_TEXT_BAD_UTF8;
    else if (high >= 0xd800 && high <= 0xdbff) {
        verdict = second_surrogate(p + 6, end, &low);
        if (verdict == FB_TEXT_GOOD) {
            ret->size = 12;
            ret->code_point = 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));
        }
    }
    ret->decoded_size = utf8_size(ret->code_point);
    return verdict;
}

static enum fb_text_verdict escape(const char *p, const char *end, struct fb_text_special *ret)
{
    static const char meaning[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    const char c = meaning[(unsigned char)p[1]];

    if (p[1] == 'u')
        return unicode_escape(p, end, ret);
    if (c == '\0') {
        ret->at = p + 1;
        return ret->at == end ? FB_TEXT_CUT : FB_TEXT_BAD;
    }
    ret->size = 2;
    ret->decoded_size = 1;
    ret->code_point = (uint32_t)c;
    return FB_TEXT_GOOD;
}

/* The Unicode Standard, table 3-7: the second byte's range shuts out overlong forms, surrogates
 * and what lies over U+10FFFF. */
static void second_byte_range(unsigned char first, unsigned char *ret_low, unsigned char *ret_high)
{
    *ret_low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *ret_high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
}

static enum fb_text_verdict sequence(const char *p, const char *end, struct fb_text_special *ret)
{
    const unsigned char first = (unsigned char)*p;
    const size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    unsigned char low;
    unsigned char high;

    ret->size = 1;
    ret->decoded_size = 1;
    if (first < 0xc2 || first > 0xf4)
        return FB_TEXT_BAD_UTF8;
    second_byte_range(first, &low, &high);
    ret->code_point = first & (0xffU >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        const unsigned char c = (unsigned char)p[i];

        if (c < low || c > high) {
            ret->size = i;
            return p + i == end ? FB_TEXT_CUT : FB_TEXT_BAD_UTF8;
        }
        ret->code_point = ret->code_point << 6 | (c & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    ret->size = size;
    ret->decoded_size = size;
    return FB_TEXT_GOOD;
}

enum fb_text_verdict fb_text_special(const char *p, const char *end, struct fb_text_special *ret)
{
    ret->at = p;
    if (*p == '\\')
        return escape(p, end, ret);
    if ((unsigned char)*p >= 0x80)
        return sequence(p, end, ret);
    return p == end ? FB_TEXT_CUT : FB_TEXT_BAD;
}

static size_t encode(uint32_t c, char *out)
{
    const size_t size = utf8_size(c);

    if (size == 1) {
        out[0] = (char)c;
        return 1;
    }
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)((size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0) | c);
    return size;
}

size_t fb_text_unescape(const char *text, size_t size, char *out)
{
    const char *const end = text + size;
    char *const begin = out;

    while (text < end) {
        const char *stop = memchr(text, '\\', (size_t)(end - text));
        const size_t plain = (size_t)((stop == NULL ? end : stop) - text);
        struct fb_text_special special;

        memcpy(out, text, plain);
        out += plain;
        text += plain;
        if (stop == NULL || fb_text_special(text, end, &special) != FB_TEXT_GOOD)
            break;
        out += encode(special.code_point, out);
        text += special.size;
    }
    return (size_t)(out - begin);
}
