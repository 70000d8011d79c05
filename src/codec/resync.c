/* SPDX-License-Identifier: Apache-2.0 */
#include "resync.h"

#include <string.h>

/* What a byte means outside a string and inside; a byte of no meaning is skipped quickly. */
enum meaning {
    NONE,
    BLANK,
    NEWLINE,
    OPEN_OBJECT,
    OPEN_LIST,
    CLOSE_OBJECT,
    CLOSE_LIST,
    QUOTE,
    BEFORE_VALUE,
    BACKSLASH
};

static const unsigned char outside[256] = {
    [' '] = BLANK,       ['\t'] = BLANK,       ['\r'] = BLANK,       ['\n'] = NEWLINE,
    ['{'] = OPEN_OBJECT, ['['] = OPEN_LIST,    ['}'] = CLOSE_OBJECT, [']'] = CLOSE_LIST,
    ['"'] = QUOTE,       [':'] = BEFORE_VALUE, [','] = BEFORE_VALUE,
};

static const unsigned char inside[256] = {
    [' '] = BLANK,       ['\t'] = BLANK, ['\r'] = BLANK,     ['\n'] = NEWLINE,
    ['{'] = OPEN_OBJECT, ['"'] = QUOTE,  ['\\'] = BACKSLASH,
};

static void step_outside(struct fb_resync *resync, enum meaning meaning)
{
    if (meaning == OPEN_OBJECT || meaning == OPEN_LIST)
        resync->depth++;
    else if ((meaning == CLOSE_OBJECT || meaning == CLOSE_LIST) && resync->depth > 0)
        resync->depth--;
    else if (meaning == CLOSE_LIST)
        resync->closed_outer = true;
    else if (meaning == QUOTE)
        resync->in_string = true;
    if (meaning != BLANK && meaning != NEWLINE)
        resync->value_follows = meaning == BEFORE_VALUE || meaning == OPEN_LIST;
}

static void step_inside(struct fb_resync *resync, enum meaning meaning)
{
    if (resync->escaped)
        resync->escaped = false;
    else if (meaning == QUOTE)
        resync->in_string = false;
    else if (meaning == BACKSLASH)
        resync->escaped = true;
}

/* True behind the last byte of a delimiter. */
static bool ends_delimiter(struct fb_resync *resync, char c)
{
    const char *const delimiter = resync->delimiter;
    const size_t had = resync->matched;
    size_t matched = had;

    /* The longest beginning of the delimiter that what was met ends with. */
    while (matched > 0 &&
           (delimiter[matched] != c || memcmp(delimiter, delimiter + had - matched, matched) != 0))
        matched--;
    resync->matched = delimiter[matched] == c ? matched + 1 : 0;
    if (resync->matched < resync->delimiter_size)
        return false;
    resync->matched = 0;
    return true;
}

static void step(struct fb_resync *resync, enum meaning meaning)
{
    if (resync->in_string)
        step_inside(resync, meaning);
    else
        step_outside(resync, meaning);
    if (meaning == BLANK)
        resync->indent++;
    else if (meaning == NEWLINE) {
        resync->after_newline = true;
        resync->indent = 0;
    } else
        resync->after_newline = false;
}

bool fb_resync_find(struct fb_resync *resync, const char *text, size_t size, size_t *at)
{
    for (size_t i = *at; i < size; i++) {
        const unsigned char *meanings = resync->in_string ? inside : outside;
        const enum meaning meaning = meanings[(unsigned char)text[i]];
        const bool delimited = resync->delimiter != NULL && ends_delimiter(resync, text[i]);

        if (delimited) {
            step(resync, meaning);
            resync->after_newline = true;
            resync->indent = 0;
            continue;
        }
        if (meaning == NONE && !resync->escaped) {
            resync->after_newline = false;
            resync->value_follows = false;
            continue;
        }
        if (meaning == OPEN_OBJECT &&
            (resync->after_newline || fb_resync_at_top(resync) || fb_resync_is_odd(resync))) {
            *at = i;
            return true;
        }
        step(resync, meaning);
    }
    *at = size;
    return false;
}

void fb_resync_pass_bracket(struct fb_resync *resync)
{
    step(resync, OPEN_OBJECT);
}
