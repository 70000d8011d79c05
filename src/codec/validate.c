/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/validate.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/number.h"

#define NESTING_AT_FIRST 64
#define NESTING_KEPT     4096

struct scan {
    const char *text;
    const char *end;
    const char *p;
    struct fb_nesting *nesting;
    struct fb_validated result;
};

void fb_nesting_done(struct fb_nesting *nesting)
{
    free(nesting->bits);
    *nesting = (struct fb_nesting){0};
}

static enum fb_status grow(struct fb_nesting *nesting)
{
    const size_t capacity = nesting->capacity == 0 ? NESTING_AT_FIRST : nesting->capacity * 2;
    uint8_t *bits = realloc(nesting->bits, capacity);

    if (bits == NULL)
        return FB_NO_MEMORY;
    nesting->bits = bits;
    nesting->capacity = capacity;
    return FB_OK;
}

static enum fb_status push(struct fb_nesting *nesting, bool object)
{
    const size_t byte = nesting->depth / 8;
    const uint8_t bit = (uint8_t)(1U << nesting->depth % 8);

    if (byte == nesting->capacity && grow(nesting) != FB_OK)
        return FB_NO_MEMORY;
    nesting->bits[byte] =
        (uint8_t)(object ? nesting->bits[byte] | bit : nesting->bits[byte] & ~bit);
    nesting->depth++;
    return FB_OK;
}

static bool in_object(const struct fb_nesting *nesting)
{
    const size_t top = nesting->depth - 1;

    return nesting->depth > 0 && (nesting->bits[top / 8] >> top % 8 & 1) != 0;
}

static enum fb_status wrong(struct scan *scan, const char *at, const char *what)
{
    if (at == scan->end)
        return FB_NEED_MORE;
    scan->result.end = (size_t)(at - scan->text);
    scan->result.what = what;
    return FB_INVALID;
}

/* Behind the opening quote. */
static enum fb_status string(struct scan *scan)
{
    char ignored[FB_TEXT_BLOCK];

    for (;;) {
        const size_t plain = fb_text_copy_plain(ignored, scan->p);
        struct fb_text_special special;
        enum fb_text_verdict verdict;

        scan->p += plain;
        if (plain == FB_TEXT_BLOCK)
            continue;
        if (*scan->p == '"')
            break;
        verdict = fb_text_special(scan->p, scan->end, &special);
        if (verdict == FB_TEXT_CUT)
            return FB_NEED_MORE;
        if (verdict == FB_TEXT_BAD)
            return wrong(scan, special.at, "a character that no string may hold");
        if (verdict == FB_TEXT_BAD_UTF8 && !scan->result.bad_utf8) {
            scan->result.bad_utf8 = true;
            scan->result.bad_utf8_at = (size_t)(scan->p - scan->text);
        }
        scan->p += special.size;
    }
    scan->p++;
    return FB_OK;
}

static enum fb_status literal(struct scan *scan, const char *word)
{
    for (; *word != '\0'; word++, scan->p++)
        if (*scan->p != *word)
            return wrong(scan, scan->p, "a word that is no value");
    return FB_OK;
}

static enum fb_status number(struct scan *scan)
{
    struct fb_number ignored;
    const char *at;
    const char *end = fb_number_scan(scan->p, &ignored, &at);

    if (end == NULL)
        return wrong(scan, at, "a malformed number");
    scan->p = end;
    return FB_OK;
}

/* An opening bracket counts as a value whose members follow. */
static enum fb_status value(struct scan *scan)
{
    switch (*scan->p) {
    case '"':
        scan->p++;
        return string(scan);
    case '{':
    case '[':
        return push(scan->nesting, *scan->p++ == '{');
    case 't':
        return literal(scan, "true");
    case 'f':
        return literal(scan, "false");
    case 'n':
        return literal(scan, "null");
    case '-':
        return number(scan);
    default:
        if (*scan->p >= '0' && *scan->p <= '9')
            return number(scan);
        return wrong(scan, scan->p, "a value is missing");
    }
}

static enum fb_status name(struct scan *scan)
{
    enum fb_status status;

    if (*scan->p != '"')
        return wrong(scan, scan->p, "a member's name is missing");
    scan->p++;
    status = string(scan);
    if (status != FB_OK)
        return status;
    scan->p = fb_text_skip_blanks(scan->p);
    if (*scan->p != ':')
        return wrong(scan, scan->p, "a colon is missing");
    scan->p = fb_text_skip_blanks(scan->p + 1);
    return FB_OK;
}

static bool at_closing_bracket(const struct scan *scan)
{
    return scan->nesting->depth > 0 && *scan->p == (in_object(scan->nesting) ? '}' : ']');
}

static enum fb_status name_and_value(struct scan *scan)
{
    enum fb_status status = in_object(scan->nesting) ? name(scan) : FB_OK;

    return status == FB_OK ? value(scan) : status;
}

static enum fb_status whole(struct scan *scan)
{
    scan->p = fb_text_skip_blanks(scan->p);
    for (;;) {
        const size_t depth = scan->nesting->depth;
        const enum fb_status status = name_and_value(scan);

        if (status != FB_OK)
            return status;
        if (scan->nesting->depth > depth) {
            scan->p = fb_text_skip_blanks(scan->p);
            if (!at_closing_bracket(scan))
                continue;
        } else if (depth > 0)
            scan->p = fb_text_skip_blanks(scan->p);
        while (at_closing_bracket(scan)) {
            scan->p++;
            if (--scan->nesting->depth > 0)
                scan->p = fb_text_skip_blanks(scan->p);
        }
        if (scan->nesting->depth == 0)
            return FB_OK;
        if (*scan->p != ',')
            return wrong(scan, scan->p, "a comma or a closing bracket is missing");
        scan->p = fb_text_skip_blanks(scan->p + 1);
    }
}

enum fb_status fb_json_validate(struct fb_nesting *nesting, const char *text, size_t size,
                                struct fb_validated *ret_validated)
{
    struct scan scan = {.text = text, .end = text + size, .p = text, .nesting = nesting};
    enum fb_status status;

    nesting->depth = 0;
    status = whole(&scan);
    if (status == FB_OK)
        scan.result.end = (size_t)(scan.p - text);
    if (status == FB_OK || status == FB_INVALID)
        *ret_validated = scan.result;
    if (nesting->capacity > NESTING_KEPT)
        fb_nesting_done(nesting);
    return status;
}
