/* SPDX-License-Identifier: Apache-2.0 */
#include "poller_page.h"

#include <stdlib.h>
#include <string.h>

/* 1,000 keys of 1,024 bytes, their ETags, and what a generous server adds. */
#define TEXT_MAX_BYTES ((size_t)16 << 20)

void fb_page_init(struct fb_page *page)
{
    *page = (struct fb_page){0};
    fb_buffer_init(&page->text, TEXT_MAX_BYTES);
}

void fb_page_done(struct fb_page *page)
{
    fb_buffer_done(&page->text);
    free(page->objects);
    free(page->keys);
    free(page->prefixes);
    free(page->listed);
    free(page->key_texts);
}

void fb_page_reset(struct fb_page *page)
{
    fb_buffer_reset(&page->text);
    page->count = 0;
    page->new_count = 0;
    page->key_count = 0;
    page->prefix_count = 0;
    page->newest_modified_ms = 0;
    page->past_end = false;
}

static const char *text_at(const struct fb_page *page, size_t offset)
{
    return page->text.bytes + offset;
}

static enum fb_status keep_text(struct fb_page *page, const char *text, size_t *ret_offset)
{
    size_t offset = page->text.size;
    enum fb_status status = fb_buffer_append(&page->text, text, strlen(text) + 1);

    if (status == FB_OK)
        *ret_offset = offset;
    return status;
}

/* `array` with room for `needed` elements; NULL without memory, and then it is what it was. */
static void *grown(void *array, size_t *capacity, size_t needed, size_t element_size)
{
    size_t larger = *capacity < 1024 ? 1024 : *capacity * 2;
    void *moved;

    if (needed <= *capacity && array != NULL)
        return array;
    if (larger < needed)
        larger = needed;
    moved = realloc(array, larger * element_size);
    if (moved != NULL)
        *capacity = larger;
    return moved;
}

/* Keeps a text and its offset in one of the page's arrays. */
static enum fb_status keep_in(struct fb_page *page, const char *text, size_t **offsets,
                              size_t *count, size_t *capacity)
{
    size_t offset;
    enum fb_status status = keep_text(page, text, &offset);
    size_t *moved;

    if (status != FB_OK)
        return status;
    moved = grown(*offsets, capacity, *count + 1, sizeof *moved);
    if (moved == NULL)
        return FB_NO_MEMORY;
    *offsets = moved;
    moved[(*count)++] = offset;
    return FB_OK;
}

enum fb_status fb_page_keep_key(struct fb_page *page, const char *key, size_t *ret_offset)
{
    enum fb_status status = keep_in(page, key, &page->keys, &page->key_count, &page->key_capacity);

    if (status == FB_OK)
        *ret_offset = page->keys[page->key_count - 1];
    return status;
}

enum fb_status fb_page_keep_prefix(struct fb_page *page, const char *prefix)
{
    return keep_in(page, prefix, &page->prefixes, &page->prefix_count, &page->prefix_capacity);
}

const char *fb_page_prefix(const struct fb_page *page, size_t number)
{
    return text_at(page, page->prefixes[number]);
}

enum fb_status fb_page_keep_object(struct fb_page *page, const struct fb_page_object *object,
                                   const char *etag)
{
    struct fb_page_object kept = *object;
    enum fb_status status = keep_text(page, etag, &kept.etag);
    struct fb_page_object *objects;

    if (status != FB_OK)
        return status;
    objects = grown(page->objects, &page->capacity, page->count + 1, sizeof *objects);
    if (objects == NULL)
        return FB_NO_MEMORY;
    page->objects = objects;
    page->objects[page->count++] = kept;
    return FB_OK;
}

const char *fb_page_last_key(const struct fb_page *page)
{
    return page->key_count == 0 ? NULL : text_at(page, page->keys[page->key_count - 1]);
}

bool fb_page_is_sorted(const struct fb_page *page, const char *after)
{
    for (size_t i = 0; i < page->key_count; i++) {
        const char *key = text_at(page, page->keys[i]);

        if (after != NULL && strcmp(key, after) <= 0)
            return false;
        after = key;
    }
    return true;
}

enum fb_status fb_page_make_listed(struct fb_page *page)
{
    struct fb_state_listed *listed =
        grown(page->listed, &page->listed_capacity, page->count, sizeof *listed);

    if (listed == NULL)
        return FB_NO_MEMORY;
    page->listed = listed;
    for (size_t i = 0; i < page->count; i++)
        listed[i] = (struct fb_state_listed){
            .key = text_at(page, page->objects[i].key),
            .etag = text_at(page, page->objects[i].etag),
            .size_bytes = page->objects[i].size_bytes,
            .key_time_ms = page->objects[i].key_time_ms,
            .last_modified_ms = page->objects[i].last_modified_ms,
        };
    return FB_OK;
}

enum fb_status fb_page_make_key_texts(struct fb_page *page)
{
    const char **texts =
        grown(page->key_texts, &page->text_capacity, page->key_count, sizeof *texts);

    if (texts == NULL)
        return FB_NO_MEMORY;
    page->key_texts = texts;
    for (size_t i = 0; i < page->key_count; i++)
        texts[i] = text_at(page, page->keys[i]);
    return FB_OK;
}
