/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/poller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"

/*
 * How far back a poll looks: Firehose buffers for at most 15 min (900 s), so an object of the
 * hour before is still to come; the rest of the hour is for its delivery.
 */
#define FRESH_MS (INT64_C(60) * 60 * 1000)

/* Folders ahead of our clock: ours may be slow, and a folder's hour may begin any moment. */
#define AHEAD_MS (INT64_C(60) * 60 * 1000)

/* 1,000 keys of 1,024 bytes, their ETags, and what a generous server adds. */
#define PAGE_TEXT_MAX ((size_t)16 << 20)

/* A clock that was corrected by more than this during a sweep makes it no complete one. */
#define SKEW_TOLERATED_MS 60000

/* An object of the page; texts are offsets, since the page's memory may move as it grows. */
struct page_object {
    size_t key, etag;
    uint64_t size_bytes;
    int64_t key_time_ms, last_modified_ms;
};

struct page {
    struct fb_buffer text;
    struct page_object *objects;
    size_t count, capacity;
    size_t *keys; /* every key of the page, data or not */
    size_t key_count, key_capacity;
    bool past_end; /* a key behind the range's end was seen */
};

struct fb_poller {
    struct fb_poller_options options;
    struct fb_patience patience;
    struct fb_poller_counters counters;
    char what[512];
    struct page page;
    struct fb_state_listed *listed; /* the page as the state file wants it */
    const char **key_pointers;
    size_t listed_capacity, pointer_capacity;
    uint64_t left_out[FB_KEY_FOREIGN + 1], told_left_out[FB_KEY_FOREIGN + 1];

    bool backlog_listed;
    char *backlog_cursor;
    uint64_t backlog_objects, backlog_bytes;
    int64_t start_ms, last_sweep_start_ms, low_water_ms;
    int64_t next_poll_ms, next_sweep_ms; /* monotonic */

    /* The listing at hand. */
    const struct fb_layout_range *range;
    struct fb_layout_ranges *ranges;
};

/* --- the page -------------------------------------------------------------------------------- */

static void page_reset(struct page *page)
{
    fb_buffer_reset(&page->text);
    page->count = 0;
    page->key_count = 0;
    page->past_end = false;
}

static enum fb_status page_keep_text(struct page *page, const char *text, size_t *ret_offset)
{
    size_t offset = page->text.size;
    enum fb_status status = fb_buffer_append(&page->text, text, strlen(text) + 1);

    if (status == FB_OK)
        *ret_offset = offset;
    return status;
}

static enum fb_status grow(void **array, size_t *capacity, size_t needed, size_t element_size)
{
    size_t larger = *capacity < 1024 ? 1024 : *capacity * 2;
    void *moved;

    if (needed <= *capacity)
        return FB_OK;
    moved = realloc(*array, larger * element_size);
    if (moved == NULL)
        return FB_NO_MEMORY;
    *array = moved;
    *capacity = larger;
    return FB_OK;
}

static const char *page_text(const struct page *page, size_t offset)
{
    return page->text.bytes + offset;
}

static enum fb_status keep_key(struct page *page, const char *key, size_t *ret_offset)
{
    enum fb_status status = page_keep_text(page, key, ret_offset);

    if (status == FB_OK)
        status = grow((void **)&page->keys, &page->key_capacity, page->key_count + 1,
                      sizeof *page->keys);
    if (status == FB_OK)
        page->keys[page->key_count++] = *ret_offset;
    return status;
}

/* Whether the row of such an object is long gone because it had ended. */
static bool is_below_low_water(const struct fb_poller *poller, int64_t key_time_ms,
                               int64_t last_modified_ms)
{
    return poller->options.form == FB_LAYOUT_FIREHOSE && key_time_ms < poller->low_water_ms &&
           last_modified_ms < poller->low_water_ms;
}

static enum fb_status on_object(void *context, const struct fb_s3_listed *object)
{
    struct fb_poller *poller = context;
    struct page *page = &poller->page;
    struct page_object kept = {.size_bytes = object->size_bytes,
                               .last_modified_ms = object->last_modified_ms};
    enum fb_key_verdict verdict;
    enum fb_status status;

    if (page->past_end || (poller->range != NULL && poller->range->end != NULL &&
                           strcmp(object->key, poller->range->end) > 0)) {
        page->past_end = true;
        return FB_OK;
    }
    status = keep_key(page, object->key, &kept.key);
    if (status != FB_OK)
        return status;
    verdict = fb_layout_judge(poller->options.layout, object->key, object->size_bytes,
                              object->storage_class);
    poller->left_out[verdict]++;
    if (verdict != FB_KEY_DATA)
        return FB_OK;
    kept.key_time_ms =
        fb_layout_key_time_ms(poller->options.layout, object->key, object->last_modified_ms);
    if (kept.key_time_ms < poller->start_ms ||
        is_below_low_water(poller, kept.key_time_ms, kept.last_modified_ms))
        return FB_OK;
    status = page_keep_text(page, object->etag, &kept.etag);
    if (status == FB_OK)
        status =
            grow((void **)&page->objects, &page->capacity, page->count + 1, sizeof *page->objects);
    if (status == FB_OK)
        page->objects[page->count++] = kept;
    return status;
}

static enum fb_status on_prefix(void *context, const char *prefix)
{
    struct fb_poller *poller = context;

    return fb_layout_descend(poller->options.layout, poller->range, prefix, poller->ranges);
}

/* The page as the state file takes it; pointers hold until the page is reset. */
static enum fb_status make_listed(struct fb_poller *poller)
{
    const struct page *page = &poller->page;
    enum fb_status status = grow((void **)&poller->listed, &poller->listed_capacity, page->count,
                                 sizeof *poller->listed);

    if (status != FB_OK)
        return status;
    for (size_t i = 0; i < page->count; i++)
        poller->listed[i] = (struct fb_state_listed){
            .key = page_text(page, page->objects[i].key),
            .etag = page_text(page, page->objects[i].etag),
            .size_bytes = page->objects[i].size_bytes,
            .key_time_ms = page->objects[i].key_time_ms,
            .last_modified_ms = page->objects[i].last_modified_ms,
        };
    return FB_OK;
}

/* --- calls ----------------------------------------------------------------------------------- */

static int64_t skew_ms(const struct fb_poller *poller)
{
    struct fb_credentials_cache *cache = poller->options.client.credentials;

    return cache == NULL ? 0 : fb_credentials_cache_skew_ms(cache);
}

static int64_t now_ms(const struct fb_poller *poller)
{
    return fb_realtime_ms(poller->options.clock) + skew_ms(poller);
}

static bool must_stop(const struct fb_poller *poller)
{
    return fb_stop_level(poller->options.stop) != FB_STOP_NOT;
}

/* One page, asked for until it comes. A callback may have been called before a failure. */
static enum fb_status list_page(struct fb_poller *poller, const char *prefix, const char *after,
                                bool discover, struct fb_s3_list_result *ret_result,
                                struct fb_error *error)
{
    struct fb_s3_list_request request = {
        .bucket = poller->options.bucket,
        .prefix = prefix,
        .start_after = after,
        .delimiter = discover ? "/" : NULL,
        .on_object = on_object,
        .on_prefix = discover ? on_prefix : NULL,
        .context = poller,
    };
    struct fb_error own = {0};
    enum fb_status status;

    snprintf(poller->what, sizeof poller->what, "list s3://%.63s/%.400s", poller->options.bucket,
             prefix);
    for (;;) {
        if (must_stop(poller))
            return FB_CANCELED;
        page_reset(&poller->page);
        atomic_fetch_add(&poller->counters.list_calls, 1);
        status = poller->options.list_page(&poller->options.client, &request, ret_result, &own);
        if (status == FB_OK) {
            fb_patience_success(&poller->patience);
            return FB_OK;
        }
        if (status == FB_CANCELED)
            return status;
        status = fb_patience_wait(&poller->patience, &own);
        if (status != FB_OK) {
            if (error != NULL)
                *error = own;
            return status;
        }
    }
}

/* Asks the state file until it answers. */
typedef enum fb_status (*store_fn)(struct fb_poller *poller, const void *argument,
                                   struct fb_error *error);

static enum fb_status store(struct fb_poller *poller, store_fn call, const void *argument,
                            struct fb_error *error)
{
    struct fb_error own = {0};
    enum fb_status status;

    for (;;) {
        status = call(poller, argument, &own);
        if (status == FB_OK) {
            fb_patience_success(&poller->patience);
            return FB_OK;
        }
        snprintf(poller->what, sizeof poller->what, "store what was listed");
        status = fb_patience_wait(&poller->patience, &own);
        if (status != FB_OK) {
            if (error != NULL)
                *error = own;
            return status;
        }
    }
}

static const char *last_key(const struct page *page)
{
    return page->key_count == 0 ? NULL : page_text(page, page->keys[page->key_count - 1]);
}

/* A copy of the page's last key, to go on behind it; NULL without memory. */
static enum fb_status move_after(struct fb_poller *poller, char **after, struct fb_error *error)
{
    const char *last = last_key(&poller->page);
    char *copy;

    if (last == NULL)
        return FB_OK;
    if (*after != NULL && strcmp(last, *after) <= 0)
        return fb_fail(error, FB_CORRUPT,
                       "%s: the pages are not in the order of their keys; this S3 cannot be used",
                       poller->what);
    copy = strdup(last);
    if (copy == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a key");
    free(*after);
    *after = copy;
    return FB_OK;
}

/* --- the backlog ----------------------------------------------------------------------------- */

static enum fb_status store_backlog(struct fb_poller *poller, const void *argument,
                                    struct fb_error *error)
{
    const bool *complete = argument;

    return fb_state_add_backlog(
        poller->options.state, poller->options.row->id, poller->listed, poller->page.count,
        poller->backlog_cursor == NULL ? "" : poller->backlog_cursor, *complete, error);
}

/* The time from which the first sweep must look back; before the first page. */
static enum fb_status store_backlog_begin(struct fb_poller *poller, const void *argument,
                                          struct fb_error *error)
{
    const int64_t *began_ms = argument;
    uint64_t pruned;

    return fb_state_sweep_complete(poller->options.state, poller->options.row->id, *began_ms, 0,
                                   &pruned, error);
}

static void backlog_is_listed(struct fb_poller *poller)
{
    poller->backlog_listed = true;
    if (poller->options.on_backlog_listed != NULL)
        poller->options.on_backlog_listed(poller->options.context);
}

static enum fb_status list_backlog_page(struct fb_poller *poller, bool *ret_complete,
                                        struct fb_error *error)
{
    struct fb_s3_list_result result;
    const char *after = poller->backlog_cursor;
    enum fb_status status;
    bool complete;

    if (after != NULL && after[0] == '\0')
        after = NULL;
    poller->range = NULL;
    status =
        list_page(poller, fb_layout_root(poller->options.layout), after, false, &result, error);
    if (status == FB_OK)
        status = move_after(poller, &poller->backlog_cursor, error);
    if (status == FB_OK && make_listed(poller) != FB_OK)
        status = fb_fail(error, FB_NO_MEMORY, "no memory for a page of a listing");
    if (status != FB_OK)
        return status;
    complete = !result.is_truncated || poller->page.key_count == 0;
    status = store(poller, store_backlog, &complete, error);
    if (status != FB_OK)
        return status;
    for (size_t i = 0; i < poller->page.count; i++)
        poller->backlog_bytes += poller->page.objects[i].size_bytes;
    poller->backlog_objects += poller->page.count;
    *ret_complete = complete;
    return FB_OK;
}

static enum fb_status list_backlog(struct fb_poller *poller, struct fb_error *error)
{
    int64_t began_ms = now_ms(poller);
    enum fb_status status = FB_OK;
    bool complete = false;

    if (poller->last_sweep_start_ms == 0) {
        status = store(poller, store_backlog_begin, &began_ms, error);
        if (status != FB_OK)
            return status;
        poller->last_sweep_start_ms = began_ms;
    }
    while (!complete) {
        status = list_backlog_page(poller, &complete, error);
        if (status != FB_OK)
            return status;
        if (poller->backlog_objects > 0 && atomic_load(&poller->counters.list_calls) % 100 == 0)
            fb_log_info("stream %s: %llu objects listed so far", poller->options.stream,
                        (unsigned long long)poller->backlog_objects);
    }
    fb_log_info("stream %s: s3://%s/%s holds %llu objects of %llu bytes to begin with",
                poller->options.stream, poller->options.bucket,
                fb_layout_root(poller->options.layout), (unsigned long long)poller->backlog_objects,
                (unsigned long long)poller->backlog_bytes);
    backlog_is_listed(poller);
    return FB_OK;
}

/* With start_at = now or a time there is no backlog; the first sweep begins at that time. */
static enum fb_status skip_backlog(struct fb_poller *poller, struct fb_error *error)
{
    bool complete = true;
    enum fb_status status;

    page_reset(&poller->page);
    status = store(poller, store_backlog, &complete, error);
    if (status == FB_OK)
        backlog_is_listed(poller);
    return status;
}

/* --- polls and sweeps ------------------------------------------------------------------------ */

static enum fb_status store_objects(struct fb_poller *poller, const void *argument,
                                    struct fb_error *error)
{
    size_t found = 0;
    enum fb_status status;

    (void)argument;
    status = fb_state_add_objects(poller->options.state, poller->options.row->id, poller->listed,
                                  poller->page.count, &found, error);
    if (status == FB_OK && found > 0) {
        atomic_fetch_add(&poller->counters.objects, found);
        if (poller->options.on_objects != NULL)
            poller->options.on_objects(poller->options.context);
    }
    return status;
}

/* What one page of a complete listing says of rows whose objects are gone. */
struct shown {
    const char *after, *up_to;
};

static enum fb_status store_vanished(struct fb_poller *poller, const void *argument,
                                     struct fb_error *error)
{
    const struct shown *shown = argument;
    const struct page *page = &poller->page;

    if (grow((void **)&poller->key_pointers, &poller->pointer_capacity, page->key_count,
             sizeof *poller->key_pointers) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a page of a listing");
    for (size_t i = 0; i < page->key_count; i++)
        poller->key_pointers[i] = page_text(page, page->keys[i]);
    return fb_state_prune_vanished(poller->options.state, poller->options.row->id, shown->after,
                                   shown->up_to, poller->key_pointers, page->key_count, error);
}

/* Stores the page at hand. `after`: where it began; *ret_more: another page follows. */
static enum fb_status store_page(struct fb_poller *poller, const char *after, bool is_truncated,
                                 bool *ret_more, struct fb_error *error)
{
    bool more = is_truncated && !poller->page.past_end && poller->page.key_count > 0;
    struct shown shown = {.after = after, .up_to = more ? last_key(&poller->page) : NULL};
    enum fb_status status = FB_OK;

    if (make_listed(poller) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a page of a listing");
    if (poller->page.count > 0)
        status = store(poller, store_objects, NULL, error);
    if (status == FB_OK && poller->options.form == FB_LAYOUT_FLAT)
        status = store(poller, store_vanished, &shown, error);
    *ret_more = more;
    return status;
}

static enum fb_status list_range(struct fb_poller *poller, const struct fb_layout_range *range,
                                 struct fb_error *error)
{
    char *after = range->start_after == NULL ? NULL : strdup(range->start_after);
    enum fb_status status = FB_OK;
    bool more = true;

    if (range->start_after != NULL && after == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a key");
    while (more && status == FB_OK) {
        struct fb_s3_list_result result;

        poller->range = range;
        status = list_page(poller, range->prefix, after, range->discover, &result, error);
        if (status == FB_OK)
            status = store_page(poller, after, result.is_truncated, &more, error);
        if (status == FB_OK)
            status = move_after(poller, &after, error);
    }
    poller->range = NULL;
    free(after);
    return status;
}

/* Lists what can hold objects of [from, to]. */
static enum fb_status list_span(struct fb_poller *poller, int64_t from_ms, int64_t to_ms,
                                struct fb_error *error)
{
    struct fb_layout_ranges ranges = {0};
    enum fb_status status = fb_layout_plan(poller->options.layout, from_ms, to_ms, &ranges);

    if (status != FB_OK)
        fb_fail(error, status, "no memory for a listing's plan");
    poller->ranges = &ranges;
    memset(poller->left_out, 0, sizeof poller->left_out);
    for (size_t i = 0; i < ranges.count && status == FB_OK; i++) {
        /* A copy: descending may move the array. */
        struct fb_layout_range range = ranges.ranges[i];

        status = list_range(poller, &range, error);
    }
    poller->ranges = NULL;
    fb_layout_ranges_done(&ranges);
    return status;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t sweep_from_ms(const struct fb_poller *poller, int64_t begin_ms)
{
    int64_t from_ms;

    if (poller->last_sweep_start_ms == 0)
        return poller->start_ms > 0 ? poller->start_ms : begin_ms - poller->options.lookback_ms;
    from_ms = earlier(poller->last_sweep_start_ms, begin_ms) - poller->options.lookback_ms;
    return from_ms > 0 ? from_ms : 0;
}

static void tell_left_out(struct fb_poller *poller)
{
    for (int i = 0; i <= FB_KEY_FOREIGN; i++)
        atomic_store(&poller->counters.left_out[i], poller->left_out[i]);
    if (memcmp(poller->left_out + 1, poller->told_left_out + 1,
               sizeof poller->left_out - sizeof *poller->left_out) == 0)
        return;
    memcpy(poller->told_left_out, poller->left_out, sizeof poller->left_out);
    fb_log_info("stream %s: left out of the listing: %llu by exclude, %llu error outputs, %llu "
                "folder markers, %llu archived, %llu that are not of the prefix",
                poller->options.stream, (unsigned long long)poller->left_out[FB_KEY_EXCLUDED],
                (unsigned long long)poller->left_out[FB_KEY_ERROR_OUTPUT],
                (unsigned long long)poller->left_out[FB_KEY_FOLDER],
                (unsigned long long)poller->left_out[FB_KEY_UNREADABLE],
                (unsigned long long)poller->left_out[FB_KEY_FOREIGN]);
}

struct sweep_end {
    int64_t begin_ms, low_water_ms;
};

static enum fb_status store_sweep(struct fb_poller *poller, const void *argument,
                                  struct fb_error *error)
{
    const struct sweep_end *end = argument;
    uint64_t pruned = 0;
    enum fb_status status =
        fb_state_sweep_complete(poller->options.state, poller->options.row->id, end->begin_ms,
                                end->low_water_ms, &pruned, error);

    if (status == FB_OK)
        fb_log_debug("stream %s: sweep complete, %llu old rows removed", poller->options.stream,
                     (unsigned long long)pruned);
    return status;
}

/* A sweep counts as complete when every page came and the clock was right all the while. */
static enum fb_status sweep(struct fb_poller *poller, struct fb_error *error)
{
    int64_t skew_before_ms = skew_ms(poller);
    struct sweep_end end = {.begin_ms = now_ms(poller), .low_water_ms = 0};
    enum fb_status status =
        list_span(poller, sweep_from_ms(poller, end.begin_ms), end.begin_ms + AHEAD_MS, error);

    if (status != FB_OK)
        return status;
    if (llabs((long long)(skew_ms(poller) - skew_before_ms)) > SKEW_TOLERATED_MS)
        return sweep(poller, error);
    if (poller->options.form == FB_LAYOUT_FIREHOSE)
        end.low_water_ms = end.begin_ms - poller->options.lookback_ms;
    if (end.low_water_ms < poller->low_water_ms)
        end.low_water_ms = poller->low_water_ms;
    status = store(poller, store_sweep, &end, error);
    if (status != FB_OK)
        return status;
    poller->last_sweep_start_ms = end.begin_ms;
    poller->low_water_ms = end.low_water_ms;
    atomic_fetch_add(&poller->counters.sweeps, 1);
    tell_left_out(poller);
    return FB_OK;
}

static enum fb_status poll_fresh(struct fb_poller *poller, struct fb_error *error)
{
    int64_t begin_ms = now_ms(poller);
    enum fb_status status = list_span(poller, begin_ms - FRESH_MS, begin_ms + AHEAD_MS, error);

    if (status == FB_OK)
        atomic_fetch_add(&poller->counters.polls, 1);
    return status;
}

static enum fb_status ensure_backlog(struct fb_poller *poller, struct fb_error *error)
{
    if (poller->backlog_listed)
        return FB_OK;
    if (poller->start_ms > 0 && poller->options.form == FB_LAYOUT_FIREHOSE)
        return skip_backlog(poller, error);
    return list_backlog(poller, error);
}

/* --- the module ------------------------------------------------------------------------------ */

enum fb_status fb_poller_step(struct fb_poller *poller, int64_t *ret_wait_ms,
                              struct fb_error *error)
{
    const struct fb_poller_options *options = &poller->options;
    int64_t begin_ms = fb_monotonic_ms(options->clock);
    bool flat = options->form == FB_LAYOUT_FLAT;
    enum fb_status status = ensure_backlog(poller, error);

    if (status != FB_OK)
        return status;
    if (begin_ms >= poller->next_sweep_ms || (flat && begin_ms >= poller->next_poll_ms)) {
        status = sweep(poller, error);
        poller->next_sweep_ms = begin_ms + options->sweep_interval_ms;
        poller->next_poll_ms = begin_ms + options->poll_interval_ms;
    } else if (begin_ms >= poller->next_poll_ms) {
        status = poll_fresh(poller, error);
        poller->next_poll_ms = begin_ms + options->poll_interval_ms;
    }
    if (status != FB_OK)
        return status;
    *ret_wait_ms =
        earlier(poller->next_poll_ms, poller->next_sweep_ms) - fb_monotonic_ms(options->clock);
    if (*ret_wait_ms < 0)
        *ret_wait_ms = 0;
    return FB_OK;
}

enum fb_status fb_poller_run(struct fb_poller *poller, struct fb_error *error)
{
    const struct fb_poller_options *options = &poller->options;
    struct fb_error own = {0};
    enum fb_status status;
    int64_t wait_ms = 0;

    do {
        status = fb_poller_step(poller, &wait_ms, &own);
        if (status == FB_OK) {
            if (fb_sleep_ms(options->clock, options->stop, FB_STOP_DRAIN, wait_ms))
                status = FB_CANCELED;
        } else if (status != FB_CANCELED) {
            /* A listing that makes no sense, or no memory: a person may mend it. */
            status = fb_patience_wait(&poller->patience, &own);
        }
    } while (status == FB_OK);
    if (status != FB_CANCELED && error != NULL)
        *error = own;
    return status;
}

enum fb_status fb_poller_run_once(struct fb_poller *poller, struct fb_error *error)
{
    enum fb_status status = ensure_backlog(poller, error);

    return status == FB_OK ? sweep(poller, error) : status;
}

enum fb_status fb_poller_new(const struct fb_poller_options *options, struct fb_poller **ret_poller,
                             struct fb_error *error)
{
    struct fb_poller *poller = calloc(1, sizeof *poller);
    const struct fb_stream_row *row = options->row;

    if (poller == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a poller");
    poller->options = *options;
    poller->options.patience.what = poller->what;
    fb_patience_init(&poller->patience, &poller->options.patience, options->seed);
    fb_buffer_init(&poller->page.text, PAGE_TEXT_MAX);
    poller->backlog_listed = row->backlog_listed;
    poller->backlog_objects = row->backlog_objects;
    poller->backlog_bytes = row->backlog_bytes;
    poller->start_ms = row->start_ms;
    poller->last_sweep_start_ms = row->last_sweep_start_ms;
    poller->low_water_ms = row->low_water_ms;
    if (row->backlog_cursor != NULL) {
        poller->backlog_cursor = strdup(row->backlog_cursor);
        if (poller->backlog_cursor == NULL) {
            fb_poller_free(poller);
            return fb_fail(error, FB_NO_MEMORY, "no memory for a poller");
        }
    }
    if (poller->backlog_listed)
        backlog_is_listed(poller);
    *ret_poller = poller;
    return FB_OK;
}

void fb_poller_free(struct fb_poller *poller)
{
    if (poller == NULL)
        return;
    fb_buffer_done(&poller->page.text);
    free(poller->page.objects);
    free(poller->page.keys);
    free(poller->listed);
    free(poller->key_pointers);
    free(poller->backlog_cursor);
    free(poller);
}

const struct fb_poller_counters *fb_poller_counters(const struct fb_poller *poller)
{
    return &poller->counters;
}
