/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over JSON that fb_json_validate has found whole, for whoever wants a few values out of a
 * large text: nothing is checked again, copied or allocated, and no depth is too deep.
 *
 * A cursor stands at a value. Each value must be used up, once: skipped, taken, or entered and
 * its members or elements gone through to the end. To come back to a value, copy the cursor.
 * `text` as json_text.h demands it.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_JSON_CURSOR_H
#define FIREBRIDGE_CODEC_JSON_CURSOR_H

#include <stdbool.h>
#include <stddef.h>

struct fb_json_cursor {
    const char *at;
};

/* A string inside its quotes, escapes and all, or a number as it is spelled. */
struct fb_json_text {
    const char *bytes;
    size_t size;
};

/* At the value that `text` is. */
struct fb_json_cursor fb_json_cursor_begin(const char *text);

void fb_json_skip(struct fb_json_cursor *cursor);

/* False, and the cursor stays, when it is another kind of value. */
bool fb_json_take_string(struct fb_json_cursor *cursor, struct fb_json_text *ret_text);
bool fb_json_take_number(struct fb_json_cursor *cursor, struct fb_json_text *ret_text);
bool fb_json_enter_object(struct fb_json_cursor *cursor);
bool fb_json_enter_array(struct fb_json_cursor *cursor);

/* True at the next member's or element's value; false, behind the bracket, when there is none. */
bool fb_json_next_member(struct fb_json_cursor *cursor, struct fb_json_text *ret_name);
bool fb_json_next_element(struct fb_json_cursor *cursor);

/* Below, equal to or above 0, by the bytes that two strings mean. */
int fb_json_text_compare(const struct fb_json_text *a, const struct fb_json_text *b);

/* Whether a string means these bytes, however it is escaped. */
bool fb_json_text_is(const struct fb_json_text *text, const char *bytes, size_t size);

#endif
