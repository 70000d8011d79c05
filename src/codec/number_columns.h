/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A column's value as the conf wants it: a string, or a number where `types` says so.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_NUMBER_COLUMNS_H
#define FIREBRIDGE_CODEC_NUMBER_COLUMNS_H

#include "firebridge/codec/form.h"
#include "json_writer.h"

bool fb_is_number_column(const struct fb_form_options *options, const char *name, size_t size);

/* Writes the member. An empty number is left out; false when the text is no number of JSON's. */
bool fb_write_column(struct fb_json_writer *writer, const struct fb_form_options *options,
                     const char *name, const char *text, size_t size);

/* The value behind a name that was written. False as above; an empty one must not come here. */
bool fb_write_number(struct fb_json_writer *writer, const char *text, size_t size);

#endif
