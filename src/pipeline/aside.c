/* SPDX-License-Identifier: Apache-2.0 */
#include "aside.h"

#include <stdlib.h>

#define PLACES_AT_FIRST 64

enum fb_status fb_aside_reserve(struct fb_aside *aside, size_t count)
{
    const size_t capacity = aside->capacity * 2 + PLACES_AT_FIRST;
    struct fb_write **heap;

    if (count <= aside->capacity)
        return FB_OK;
    heap = realloc(aside->heap, capacity * sizeof *heap);
    if (heap == NULL)
        return FB_NO_MEMORY;
    aside->heap = heap;
    aside->capacity = capacity;
    return FB_OK;
}

void fb_aside_done(struct fb_aside *aside)
{
    free(aside->heap);
    *aside = (struct fb_aside){0};
}

static void sift_up(struct fb_aside *aside, size_t at)
{
    struct fb_write *write = aside->heap[at];

    while (at > 0 && aside->heap[(at - 1) / 2]->due_ms > write->due_ms) {
        aside->heap[at] = aside->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    aside->heap[at] = write;
}

static void sift_down(struct fb_aside *aside, size_t at)
{
    struct fb_write *write = aside->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < aside->count && aside->heap[child + 1]->due_ms < aside->heap[child]->due_ms)
            child++;
        if (child >= aside->count || aside->heap[child]->due_ms >= write->due_ms)
            break;
        aside->heap[at] = aside->heap[child];
        at = child;
    }
    aside->heap[at] = write;
}

void fb_aside_put(struct fb_aside *aside, struct fb_write *write)
{
    write->is_aside = true;
    aside->heap[aside->count] = write;
    sift_up(aside, aside->count++);
}

int64_t fb_aside_next_ms(const struct fb_aside *aside)
{
    return aside->count > 0 ? aside->heap[0]->due_ms : INT64_MAX;
}

struct fb_write *fb_aside_take(struct fb_aside *aside, int64_t now_ms)
{
    struct fb_write *first;

    if (fb_aside_next_ms(aside) > now_ms)
        return NULL;
    first = aside->heap[0];
    first->is_aside = false;
    aside->heap[0] = aside->heap[--aside->count];
    if (aside->count > 0)
        sift_down(aside, 0);
    return first;
}
