/* SPDX-License-Identifier: Apache-2.0 */
#include "resync.h"

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
    BACKSLASH
};

static const unsigned char outside[256] = {
    [' '] = BLANK,        ['\t'] = BLANK,      ['\r'] = BLANK,
    ['\n'] = NEWLINE,     ['{'] = OPEN_OBJECT, ['['] = OPEN_LIST,
    ['}'] = CLOSE_OBJECT, [']'] = CLOSE_LIST,  ['"'] = QUOTE,
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

        if (meaning == NONE && !resync->escaped) {
            resync->after_newline = false;
            continue;
        }
        if (meaning == OPEN_OBJECT && (resync->after_newline || fb_resync_at_top(resync))) {
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
