/* SPDX-License-Identifier: Apache-2.0 */
#include "delimiter.h"

#include <string.h>

void fb_delimiter_init(struct fb_delimiter *delimiter, const struct fb_form_options *options)
{
    delimiter->is_newline = options->delimiter_size == 0;
    delimiter->bytes = delimiter->is_newline ? "\n" : options->delimiter;
    delimiter->size = delimiter->is_newline ? 1 : options->delimiter_size;
    delimiter->looked_at = 0;
}

const char *fb_delimiter_find(const struct fb_delimiter *delimiter, const char *text, size_t from,
                              size_t size)
{
    return memmem(text + from, size - from, delimiter->bytes, delimiter->size);
}

void fb_delimiter_end(const struct fb_delimiter *delimiter, const char *text, const char *at,
                      struct fb_cut *ret_cut)
{
    ret_cut->size = (size_t)(at - text);
    ret_cut->next = ret_cut->size + delimiter->size;
    if (delimiter->is_newline && ret_cut->size > 0 && at[-1] == '\r')
        ret_cut->size--;
}

size_t fb_delimiter_own(const struct fb_delimiter *delimiter, const char *text, size_t size)
{
    if (delimiter->is_newline)
        return size > 0 && text[size - 1] == '\r' ? size - 1 : size;
    return size < delimiter->size ? 0 : size - (delimiter->size - 1);
}

enum fb_status fb_delimiter_cut(struct fb_delimiter *delimiter, const char *text, size_t size,
                                bool last, struct fb_cut *ret_cut)
{
    const char *at = fb_delimiter_find(delimiter, text, delimiter->looked_at, size);

    if (at == NULL && !last) {
        delimiter->looked_at = fb_delimiter_own(delimiter, text, size);
        ret_cut->next = delimiter->looked_at;
        return FB_NEED_MORE;
    }
    delimiter->looked_at = 0;
    if (at != NULL)
        fb_delimiter_end(delimiter, text, at, ret_cut);
    else
        *ret_cut = (struct fb_cut){.size = size, .next = size};
    return FB_OK;
}

size_t fb_delimiter_pass(struct fb_delimiter *delimiter, const char *text, size_t size, bool last,
                         size_t *ret_delimiter_size)
{
    const char *at = fb_delimiter_find(delimiter, text, 0, size);
    struct fb_cut cut = {0};

    delimiter->looked_at = 0;
    *ret_delimiter_size = 0;
    if (at == NULL)
        return last ? size : fb_delimiter_own(delimiter, text, size);
    fb_delimiter_end(delimiter, text, at, &cut);
    *ret_delimiter_size = cut.next - cut.size;
    return cut.size;
}
