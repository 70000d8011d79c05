/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"

#define CAPACITY_AT_FIRST ((size_t)128 << 10)
#define CAPACITY_KEPT     ((size_t)256 << 10)

/* Less room than this is not worth a read, and more touches memory that nobody needs. */
#define ROOM_WANTED ((size_t)32 << 10)
#define ROOM_MAX    ((size_t)256 << 10)

enum fb_status fb_window_init(struct fb_window *window, size_t max_bytes)
{
    size_t capacity = max_bytes < CAPACITY_AT_FIRST ? max_bytes : CAPACITY_AT_FIRST;

    *window = (struct fb_window){.max_bytes = max_bytes};
    window->bytes = calloc(1, capacity + FB_TEXT_SLACK);
    if (window->bytes == NULL)
        return FB_NO_MEMORY;
    window->capacity = capacity;
    return FB_OK;
}

void fb_window_done(struct fb_window *window)
{
    free(window->bytes);
    *window = (struct fb_window){0};
}

static enum fb_status resize(struct fb_window *window, size_t capacity)
{
    char *bytes = realloc(window->bytes, capacity + FB_TEXT_SLACK);

    if (bytes == NULL)
        return FB_NO_MEMORY;
    /* What the vector forms read behind the end is nothing to act on, but it is to be defined. */
    memset(bytes + capacity, 0, FB_TEXT_SLACK);
    window->bytes = bytes;
    window->capacity = capacity;
    return FB_OK;
}

void fb_window_reset(struct fb_window *window, uint64_t offset)
{
    window->begin = 0;
    window->fill = 0;
    window->base = offset;
    /* Without memory for less, it stays as large as it is. */
    if (window->capacity > CAPACITY_KEPT)
        (void)!resize(window, CAPACITY_AT_FIRST);
    window->bytes[0] = '\0';
}

static void compact(struct fb_window *window)
{
    const size_t kept = window->fill - window->begin;

    memmove(window->bytes, window->bytes + window->begin, kept + 1);
    window->base += window->begin;
    window->begin = 0;
    window->fill = kept;
}

/* What is used up of a window that grew goes as soon as that costs no more than was read. */
static bool is_worth_compacting(const struct fb_window *window)
{
    return window->begin > CAPACITY_KEPT && window->begin >= window->fill - window->begin;
}

enum fb_status fb_window_space(struct fb_window *window, char **ret_space, size_t *ret_size)
{
    size_t room;

    if (window->begin == window->fill || window->capacity - window->fill < ROOM_WANTED ||
        is_worth_compacting(window))
        compact(window);
    if (window->capacity - window->fill < ROOM_WANTED && window->capacity < window->max_bytes) {
        const size_t doubled = window->capacity * 2;

        if (resize(window, doubled < window->max_bytes ? doubled : window->max_bytes) != FB_OK)
            return FB_NO_MEMORY;
    }
    if (window->capacity == window->fill)
        return FB_TOO_LARGE;
    *ret_space = window->bytes + window->fill;
    room = window->capacity - window->fill;
    *ret_size = room < ROOM_MAX ? room : ROOM_MAX;
    return FB_OK;
}

void fb_window_wrote(struct fb_window *window, size_t size)
{
    window->fill += size;
    window->bytes[window->fill] = '\0';
}
