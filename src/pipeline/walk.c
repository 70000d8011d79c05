/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/walk.h"

#include <stdlib.h>
#include <string.h>

#include "poller_page.h"

/*
 * At least, and at least a folder's span, so that few are listed twice: a call for a day without
 * objects costs little, and within a day nobody minds that folders come by their names.
 */
#define WINDOW_MS (INT64_C(24) * 3600 * 1000)

struct fb_walk {
    struct fb_walk_options options;
    struct fb_page page;
    struct fb_layout_ranges ranges; /* of the window, by their names, once it is planned */
    bool is_planned;
    size_t range; /* at work */
    int64_t window_ms, window_end_ms;
    char *cursor;                  /* the last key shown in the window; NULL: none */
    struct fb_layout_ranges found; /* while folders are looked for */
    const struct fb_layout_range *parent;
};

/* ---- the window's folders ---- */

static enum fb_status on_prefix(void *context, const char *prefix)
{
    struct fb_walk *walk = context;

    return fb_layout_descend(walk->options.layout, walk->parent, prefix, &walk->found);
}

/* All folders right under the range's prefix, which may be ranges of the same kind again. */
static enum fb_status discover(struct fb_walk *walk, const struct fb_layout_range *range,
                               struct fb_error *error)
{
    struct fb_s3_list_result result = {0};
    enum fb_status status;

    do {
        char token[sizeof result.continuation_token];
        const struct fb_s3_list_request request = {
            .bucket = walk->options.bucket,
            .prefix = range->prefix,
            .continuation_token = result.continuation_token[0] == '\0' ? NULL : token,
            .delimiter = "/",
            .on_prefix = on_prefix,
            .context = walk,
        };

        memcpy(token, result.continuation_token, sizeof token);
        walk->parent = range;
        status = walk->options.list_page(&walk->options.client, &request, &result, error);
    } while (status == FB_OK && result.is_truncated && result.continuation_token[0] != '\0');
    return status;
}

static int by_name(const void *a, const void *b)
{
    const struct fb_layout_range *first = a, *second = b;

    return strcmp(first->prefix, second->prefix);
}

static enum fb_status find_folders(struct fb_walk *walk, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    size_t kept = 0;

    for (size_t i = 0; i < walk->found.count && status == FB_OK; i++) {
        /* A copy: descending may move the array. */
        const struct fb_layout_range range = walk->found.ranges[i];

        if (range.discover)
            status = discover(walk, &range, error);
    }
    for (size_t i = 0; i < walk->found.count; i++) {
        struct fb_layout_range *range = &walk->found.ranges[i];

        if (range->discover)
            free(range->prefix);
        else
            walk->found.ranges[kept++] = *range;
    }
    walk->found.count = kept;
    return status;
}

static enum fb_status plan_prefix(struct fb_walk *walk)
{
    struct fb_layout_range *range = calloc(1, sizeof *range);

    if (range != NULL)
        range->prefix = strdup(walk->options.prefix);
    if (range == NULL || range->prefix == NULL) {
        free(range);
        return FB_NO_MEMORY;
    }
    walk->found = (struct fb_layout_ranges){.ranges = range, .count = 1, .capacity = 1};
    return FB_OK;
}

/* The folders of the window, sorted, so that one key tells which of them are behind us. */
static enum fb_status plan(struct fb_walk *walk, struct fb_error *error)
{
    enum fb_status status;

    walk->found = (struct fb_layout_ranges){0};
    status = walk->options.prefix != NULL ? plan_prefix(walk)
                                          : fb_layout_plan(walk->options.layout, walk->window_ms,
                                                           walk->window_end_ms - 1, &walk->found);
    if (status != FB_OK)
        fb_fail(error, status, "no memory for a listing's plan");
    if (status == FB_OK)
        status = find_folders(walk, error);
    if (status != FB_OK) {
        fb_layout_ranges_done(&walk->found);
        return status;
    }
    if (walk->found.count > 1)
        qsort(walk->found.ranges, walk->found.count, sizeof *walk->found.ranges, by_name);
    walk->ranges = walk->found;
    walk->found = (struct fb_layout_ranges){0};
    walk->range = 0;
    walk->is_planned = true;
    return FB_OK;
}

static bool is_behind(const struct fb_layout_range *range, const char *cursor)
{
    return cursor != NULL && strcmp(range->prefix, cursor) < 0 &&
           strncmp(cursor, range->prefix, strlen(range->prefix)) != 0;
}

/* ---- windows ---- */

static void begin_window(struct fb_walk *walk, int64_t window_ms)
{
    const int64_t to_ms = walk->options.to_ms;
    const struct fb_layout *layout = walk->options.layout;
    int64_t length_ms = INT64_MAX;

    if (walk->options.in_order && !fb_layout_is_sequential(layout))
        length_ms =
            fb_layout_folder_ms(layout) > WINDOW_MS ? fb_layout_folder_ms(layout) : WINDOW_MS;
    fb_layout_ranges_done(&walk->ranges);
    walk->is_planned = false;
    walk->window_ms = window_ms;
    walk->window_end_ms = to_ms - window_ms > length_ms ? window_ms + length_ms : to_ms;
}

static void end_window(struct fb_walk *walk)
{
    free(walk->cursor);
    walk->cursor = NULL;
    begin_window(walk, walk->window_end_ms);
}

/* ---- pages ---- */

static enum fb_status on_object(void *context, const struct fb_s3_listed *object)
{
    struct fb_walk *walk = context;
    const struct fb_layout *layout = walk->options.layout;
    const struct fb_layout_range *range = &walk->ranges.ranges[walk->range];
    struct fb_page_object kept = {.size_bytes = object->size_bytes,
                                  .last_modified_ms = object->last_modified_ms};
    enum fb_status status;

    if (walk->page.past_end || (range->end != NULL && strcmp(object->key, range->end) > 0)) {
        walk->page.past_end = true;
        return FB_OK;
    }
    status = fb_page_keep_key(&walk->page, object->key, &kept.key);
    if (status != FB_OK)
        return status;
    kept.key_time_ms = fb_layout_key_time_ms(layout, object->key, object->last_modified_ms);
    if (kept.key_time_ms < walk->window_ms || kept.key_time_ms >= walk->window_end_ms ||
        (walk->options.is_key && strcmp(object->key, walk->options.prefix) != 0) ||
        fb_layout_judge(layout, object->key, object->size_bytes, object->storage_class) !=
            FB_KEY_DATA)
        return FB_OK;
    return fb_page_keep_object(&walk->page, &kept, object->etag);
}

static const char *start_of(const struct fb_layout_range *range, const char *cursor)
{
    if (cursor == NULL || (range->start_after != NULL && strcmp(cursor, range->start_after) < 0))
        return range->start_after;
    return cursor;
}

static enum fb_status keep_cursor(struct fb_walk *walk, struct fb_error *error)
{
    const char *last = fb_page_last_key(&walk->page);
    char *copy;

    if (last == NULL)
        return FB_OK;
    copy = strdup(last);
    if (copy == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a key");
    free(walk->cursor);
    walk->cursor = copy;
    return FB_OK;
}

/* By the key before, not by a token: S3 may have forgotten that by the time the next is due. */
static enum fb_status list(struct fb_walk *walk, bool *ret_more, struct fb_error *error)
{
    const struct fb_layout_range *range = &walk->ranges.ranges[walk->range];
    const char *start_after = start_of(range, walk->cursor);
    const struct fb_s3_list_request request = {
        .bucket = walk->options.bucket,
        .prefix = range->prefix,
        .start_after = start_after,
        .max_keys = walk->options.is_key ? 1 : 0,
        .on_object = on_object,
        .context = walk,
    };
    struct fb_s3_list_result result = {0};
    enum fb_status status;

    fb_page_reset(&walk->page);
    status = walk->options.list_page(&walk->options.client, &request, &result, error);
    if (status != FB_OK)
        return status;
    if (!fb_page_is_sorted(&walk->page, start_after))
        return fb_fail(error, FB_CORRUPT,
                       "the keys of s3://%.63s/%.400s are not in the order of their bytes; this S3 "
                       "cannot be used",
                       walk->options.bucket, range->prefix);
    if (result.is_truncated && walk->page.key_count == 0 && !walk->page.past_end)
        return fb_fail(error, FB_CORRUPT,
                       "s3://%.63s/%.400s: S3 says that more follows, and shows "
                       "nothing",
                       walk->options.bucket, range->prefix);
    if (fb_page_make_listed(&walk->page) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a page of a listing");
    status = keep_cursor(walk, error);
    *ret_more = result.is_truncated && !walk->page.past_end && !walk->options.is_key;
    return status;
}

enum fb_status fb_walk_next(struct fb_walk *walk, struct fb_walk_page *ret_page,
                            struct fb_error *error)
{
    enum fb_status status = FB_OK;
    bool more = false;

    if (walk->window_ms >= walk->options.to_ms)
        return FB_END;
    if (!walk->is_planned)
        status = plan(walk, error);
    if (status != FB_OK)
        return status;
    while (walk->range < walk->ranges.count &&
           is_behind(&walk->ranges.ranges[walk->range], walk->cursor))
        walk->range++;
    fb_page_reset(&walk->page);
    /* A folder without a key behind the place is no page: the place would be the same. */
    while (walk->range < walk->ranges.count && walk->page.key_count == 0) {
        status = list(walk, &more, error);
        if (status != FB_OK)
            return status;
        walk->range += more ? 0 : 1;
    }
    if (walk->range >= walk->ranges.count)
        end_window(walk);
    *ret_page = (struct fb_walk_page){
        .objects = walk->page.listed,
        .count = walk->page.count,
        .window_ms = walk->window_ms,
        .cursor = walk->cursor,
    };
    return FB_OK;
}

/* ---- the module ---- */

enum fb_status fb_walk_new(const struct fb_walk_options *options, struct fb_walk **ret_walk,
                           struct fb_error *error)
{
    struct fb_walk *walk = calloc(1, sizeof *walk);

    if (walk == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a walk");
    walk->options = *options;
    fb_page_init(&walk->page);
    if (options->cursor != NULL) {
        walk->cursor = strdup(options->cursor);
        if (walk->cursor == NULL) {
            fb_walk_free(walk);
            return fb_fail(error, FB_NO_MEMORY, "no memory for a walk");
        }
    }
    walk->options.cursor = NULL;
    begin_window(walk,
                 options->window_ms > options->from_ms ? options->window_ms : options->from_ms);
    *ret_walk = walk;
    return FB_OK;
}

void fb_walk_free(struct fb_walk *walk)
{
    if (walk == NULL)
        return;
    fb_layout_ranges_done(&walk->ranges);
    fb_page_done(&walk->page);
    free(walk->cursor);
    free(walk);
}
