/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fb_buffer_init(struct fb_buffer *buffer, size_t max_bytes)
{
    *buffer = (struct fb_buffer){.max_bytes = max_bytes};
}

void fb_buffer_done(struct fb_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct fb_buffer){.max_bytes = buffer->max_bytes};
}

enum fb_status fb_buffer_reserve(struct fb_buffer *buffer, size_t extra_bytes)
{
    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
    char *bytes;

    if (extra_bytes <= buffer->capacity - buffer->size)
        return FB_OK;
    if (extra_bytes > buffer->max_bytes - buffer->size)
        return FB_TOO_LARGE;
    while (capacity - buffer->size < extra_bytes && capacity <= buffer->max_bytes / 2)
        capacity *= 2;
    if (capacity - buffer->size < extra_bytes || capacity > buffer->max_bytes)
        capacity = buffer->max_bytes;
    bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return FB_NO_MEMORY;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return FB_OK;
}

enum fb_status fb_buffer_append(struct fb_buffer *buffer, const void *bytes, size_t size)
{
    enum fb_status status = fb_buffer_reserve(buffer, size);

    if (status != FB_OK || size == 0)
        return status;
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    return FB_OK;
}

enum fb_status fb_buffer_append_text(struct fb_buffer *buffer, const char *text)
{
    return fb_buffer_append(buffer, text, strlen(text));
}

enum fb_status fb_buffer_printf(struct fb_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    enum fb_status status;
    int needed;

    va_start(arguments, format);
    needed = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (needed < 0)
        return FB_INVALID;
    status = fb_buffer_reserve(buffer, (size_t)needed + 1);
    if (status != FB_OK)
        return status;
    va_start(arguments, format);
    vsnprintf(buffer->bytes + buffer->size, (size_t)needed + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)needed;
    return FB_OK;
}

enum fb_status fb_buffer_terminate(struct fb_buffer *buffer)
{
    enum fb_status status = fb_buffer_reserve(buffer, 1);

    if (status == FB_OK)
        buffer->bytes[buffer->size] = '\0';
    return status;
}
