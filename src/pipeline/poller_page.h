/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of a listing, kept until it is stored. Private to the poller.
 *
 * Texts are offsets, since the page's memory may move as it grows.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_POLLER_PAGE_H
#define FIREBRIDGE_SRC_PIPELINE_POLLER_PAGE_H

#include <stdbool.h>

#include "firebridge/base/buffer.h"
#include "firebridge/state/state.h"

struct fb_page_object {
    size_t key, etag;
    uint64_t size_bytes;
    int64_t key_time_ms, last_modified_ms;
};

struct fb_page {
    struct fb_buffer text;
    struct fb_page_object *objects; /* those to be stored */
    size_t count, capacity;
    size_t new_count; /* of them, that the state file did not know */
    size_t *keys;     /* every key of the page */
    size_t key_count, key_capacity;
    bool past_end;              /* a key behind the range's end was seen */
    int64_t newest_modified_ms; /* of its data; 0: it has none */
    size_t *prefixes;           /* the folders that a delimiter showed */
    size_t prefix_count, prefix_capacity;

    struct fb_state_listed *listed; /* the objects, by fb_page_make_listed */
    size_t listed_capacity;
    const char **key_texts; /* the keys, by fb_page_make_key_texts */
    size_t text_capacity;
};

void fb_page_init(struct fb_page *page);
void fb_page_done(struct fb_page *page);
void fb_page_reset(struct fb_page *page);

enum fb_status fb_page_keep_key(struct fb_page *page, const char *key,
                                size_t *ret_offset) FB_MUST_CHECK;
enum fb_status fb_page_keep_prefix(struct fb_page *page, const char *prefix) FB_MUST_CHECK;

/* The one of that number, until the page is reset. */
const char *fb_page_prefix(const struct fb_page *page, size_t number);

enum fb_status fb_page_keep_object(struct fb_page *page, const struct fb_page_object *object,
                                   const char *etag) FB_MUST_CHECK;

/* The last key, whatever it was; NULL: the page has none. */
const char *fb_page_last_key(const struct fb_page *page);

/* Whether the keys rise, and behind `after` (NULL: whatever it is). */
bool fb_page_is_sorted(const struct fb_page *page, const char *after);

/* Fill `listed` and `key_texts`; both hold until the page is reset. */
enum fb_status fb_page_make_listed(struct fb_page *page) FB_MUST_CHECK;
enum fb_status fb_page_make_key_texts(struct fb_page *page) FB_MUST_CHECK;

#endif
