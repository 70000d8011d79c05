/* SPDX-License-Identifier: Apache-2.0 */
#include "json_writer.h"

#include <string.h>

#include "firebridge/codec/json_text.h"

void fb_json_writer_init(struct fb_json_writer *writer, size_t max_bytes)
{
    fb_buffer_init(&writer->text, max_bytes + FB_TEXT_SLACK);
}

void fb_json_writer_done(struct fb_json_writer *writer)
{
    fb_buffer_done(&writer->text);
}

static void append(struct fb_json_writer *writer, const char *bytes, size_t size)
{
    if (writer->status == FB_OK && size > 0)
        writer->status = fb_buffer_append(&writer->text, bytes, size);
}

void fb_json_writer_begin(struct fb_json_writer *writer)
{
    fb_buffer_reset(&writer->text);
    writer->status = FB_OK;
    writer->is_empty = true;
    append(writer, "{", 1);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static void append_escaped(struct fb_json_writer *writer, const char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t begin = 0;

    append(writer, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        const char control[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        const char quoted[] = {'\\', (char)c};

        if (is_plain(c))
            continue;
        append(writer, bytes + begin, i - begin);
        if (c < 0x20)
            append(writer, control, sizeof control);
        else
            append(writer, quoted, sizeof quoted);
        begin = i + 1;
    }
    append(writer, bytes + begin, size - begin);
    append(writer, "\"", 1);
}

static void separate(struct fb_json_writer *writer)
{
    if (!writer->is_empty)
        append(writer, ",", 1);
    writer->is_empty = false;
}

void fb_json_writer_name(struct fb_json_writer *writer, const char *name, size_t size)
{
    separate(writer);
    append_escaped(writer, name, size);
    append(writer, ":", 1);
}

void fb_json_writer_raw_name(struct fb_json_writer *writer, const char *name, size_t size)
{
    separate(writer);
    append(writer, "\"", 1);
    append(writer, name, size);
    append(writer, "\":", 2);
}

void fb_json_writer_string(struct fb_json_writer *writer, const char *bytes, size_t size)
{
    append_escaped(writer, bytes, size);
}

void fb_json_writer_raw(struct fb_json_writer *writer, const char *json, size_t size)
{
    append(writer, json, size);
}

void fb_json_writer_raw_members(struct fb_json_writer *writer, const char *json, size_t size)
{
    if (size == 0)
        return;
    separate(writer);
    append(writer, json, size);
}

enum fb_status fb_json_writer_end(struct fb_json_writer *writer, const char **ret_text,
                                  size_t *ret_size)
{
    append(writer, "}", 1);
    if (writer->status == FB_OK)
        writer->status = fb_buffer_reserve(&writer->text, FB_TEXT_SLACK);
    if (writer->status != FB_OK)
        return writer->status;
    memset(writer->text.bytes + writer->text.size, 0, FB_TEXT_SLACK);
    *ret_text = writer->text.bytes;
    *ret_size = writer->text.size;
    return FB_OK;
}
