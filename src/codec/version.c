/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/version.h"

#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/number.h"

/* The value inside a typed value's inner quotes. */
static bool open_version(struct fb_json_cursor value, char *ret_type, struct fb_json_text *ret_text)
{
    struct fb_json_text type;

    if (!fb_json_enter_object(&value) || !fb_json_next_member(&value, &type) || type.size != 1 ||
        (*type.bytes != 'N' && *type.bytes != 'S'))
        return false;
    *ret_type = *type.bytes;
    return fb_json_take_string(&value, ret_text);
}

bool fb_version_find(const char *item, const char *name, size_t name_size,
                     struct fb_version *ret_version)
{
    struct fb_json_cursor attributes = fb_json_cursor_begin(item);
    struct fb_json_text member, text;

    if (!fb_json_enter_object(&attributes))
        return false;
    for (; fb_json_next_member(&attributes, &member); fb_json_skip(&attributes)) {
        struct fb_json_cursor end = attributes;
        char type;

        if (!fb_json_text_is(&member, name, name_size))
            continue;
        if (!open_version(attributes, &type, &text))
            return false;
        fb_json_skip(&end);
        *ret_version = (struct fb_version){attributes.at, (size_t)(end.at - attributes.at), type};
        return true;
    }
    return false;
}

struct fb_version fb_version_of(const char *bytes, size_t size)
{
    struct fb_version version = {.bytes = bytes, .size = size};
    struct fb_json_text text;

    (void)open_version(fb_json_cursor_begin(bytes), &version.type, &text);
    return version;
}

/* The closing quote ends a number. */
static int compare_numbers(const struct fb_json_text *a, const struct fb_json_text *b)
{
    struct fb_number x = {.zero = true};
    struct fb_number y = {.zero = true};
    const char *at;

    (void)fb_number_scan(a->bytes, &x, &at);
    (void)fb_number_scan(b->bytes, &y, &at);
    return fb_number_compare(&x, &y);
}

int fb_version_compare(const struct fb_version *a, const struct fb_version *b)
{
    struct fb_json_text x = {NULL, 0};
    struct fb_json_text y = {NULL, 0};
    char type;

    (void)open_version(fb_json_cursor_begin(a->bytes), &type, &x);
    (void)open_version(fb_json_cursor_begin(b->bytes), &type, &y);
    return a->type == 'N' ? compare_numbers(&x, &y) : fb_json_text_compare(&x, &y);
}
