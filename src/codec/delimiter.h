/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a line ends: at the delimiter, or, when none is set, at a newline with or without a
 * carriage return before it.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_DELIMITER_H
#define FIREBRIDGE_CODEC_DELIMITER_H

#include "form.h"

struct fb_delimiter {
    const char *bytes;
    size_t size;
    bool is_newline;  /* none is set */
    size_t looked_at; /* bytes of the record at work that hold no delimiter */
};

void fb_delimiter_init(struct fb_delimiter *delimiter, const struct fb_form_options *options);

/* The first delimiter in text[from..size), or NULL. */
const char *fb_delimiter_find(const struct fb_delimiter *delimiter, const char *text, size_t from,
                              size_t size);

/* The record at text[0] that ends with the delimiter at `at`. */
void fb_delimiter_end(const struct fb_delimiter *delimiter, const char *text, const char *at,
                      struct fb_cut *ret_cut);

/*
 * How many of the first `size` bytes, which hold no delimiter, are the record's own whatever
 * follows: the last of them may be a delimiter's first.
 */
size_t fb_delimiter_own(const struct fb_delimiter *delimiter, const char *text, size_t size);

/* As struct fb_form has `cut` and `pass`, of a record that is nothing but a line. */
enum fb_status fb_delimiter_cut(struct fb_delimiter *delimiter, const char *text, size_t size,
                                bool last, struct fb_cut *ret_cut) FB_MUST_CHECK;
size_t fb_delimiter_pass(struct fb_delimiter *delimiter, const char *text, size_t size, bool last,
                         size_t *ret_delimiter_size);

#endif
