/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON object as text, member by member, in a buffer that is used again. What goes over the
 * buffer's maximum is not written, and `too_large` says so.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_JSON_WRITER_H
#define FIREBRIDGE_CODEC_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "firebridge/base/buffer.h"

struct fb_json_writer {
    struct fb_buffer text;
    bool is_empty; /* no member yet */
    enum fb_status status;
};

void fb_json_writer_init(struct fb_json_writer *writer, size_t max_bytes);
void fb_json_writer_done(struct fb_json_writer *writer);

void fb_json_writer_begin(struct fb_json_writer *writer);

/* The name is bytes, to be escaped; or as JSON has it inside its quotes. */
void fb_json_writer_name(struct fb_json_writer *writer, const char *name, size_t size);
void fb_json_writer_raw_name(struct fb_json_writer *writer, const char *name, size_t size);

/* The value of the name before: bytes, to be escaped; or JSON as it is. */
void fb_json_writer_string(struct fb_json_writer *writer, const char *bytes, size_t size);
void fb_json_writer_raw(struct fb_json_writer *writer, const char *json, size_t size);

/* Members as they are, without the brackets around them. */
void fb_json_writer_raw_members(struct fb_json_writer *writer, const char *json, size_t size);

/*
 * FB_OK with the text, which ends as json_text.h demands; FB_TOO_LARGE, FB_NO_MEMORY. It stays
 * until the next begin.
 */
enum fb_status fb_json_writer_end(struct fb_json_writer *writer, const char **ret_text,
                                  size_t *ret_size) FB_MUST_CHECK;

#endif
