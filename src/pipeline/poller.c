/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/poller.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "poller_private.h"

/* Firehose buffers for at most 15 min; the rest of the hour is for its delivery. */
#define FRESH_MS INT64_C(3600000)

/* Our clock may be slow, and the next folder may begin at any moment. */
#define AHEAD_MS INT64_C(3600000)

#define RETRY_CAP_MS INT64_C(60000)

/* A thousand keys of 1,024 bytes, their ETags, and what a generous server adds. */
#define PAGE_MAX_BYTES ((size_t)16 << 20)

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

static int64_t now_ms(const struct fb_poller *poller)
{
    return fb_realtime_ms(poller->options.clock);
}

/* A change of the state file, which a full disk may hold up. */
typedef enum fb_status (*store_fn)(struct fb_poller *poller, const void *argument,
                                   struct fb_error *error);

static enum fb_status store(struct fb_poller *poller, store_fn call, const void *argument,
                            struct fb_error *error)
{
    struct fb_error failure = {0};

    for (;;) {
        enum fb_status status = call(poller, argument, &failure);

        if (status == FB_OK) {
            fb_poller_succeeded(poller);
            return FB_OK;
        }
        if (status == FB_IO)
            status = fb_poller_endure(poller, FB_UNHEALTHY, &failure);
        if (status == FB_OK)
            continue;
        if (error != NULL)
            *error = failure;
        return status;
    }
}

/* What the page at hand tells the state file. */
struct page_end {
    const char *after; /* the key before the page; NULL: none */
    bool complete;
};

static enum fb_status store_objects(struct fb_poller *poller, const void *argument,
                                    struct fb_error *error)
{
    size_t added = 0;
    enum fb_status status;

    (void)argument;
    if (poller->page.object_count == 0)
        return FB_OK;
    status = fb_state_add_objects(poller->options.state, poller->stream_id, poller->page.listed,
                                  poller->page.object_count, &added, error);
    if (status != FB_OK || added == 0)
        return status;
    poller->counts.objects += added;
    if (poller->options.on_objects != NULL)
        poller->options.on_objects(poller->options.context);
    return FB_OK;
}

static bool is_sorted(const struct fb_page *page, const char *after)
{
    for (size_t i = 0; i < page->key_count; i++) {
        if (after != NULL && strcmp(after, page->key_texts[i]) >= 0)
            return false;
        after = page->key_texts[i];
    }
    return true;
}

static enum fb_status store_vanished(struct fb_poller *poller, const void *argument,
                                     struct fb_error *error)
{
    const struct page_end *end = argument;
    struct fb_page *page = &poller->page;

    if (fb_page_make_key_texts(page) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    /* A server that does not sort says nothing of what is not there. */
    if (!is_sorted(page, end->after) || (page->key_count == 0 && !end->complete))
        return FB_OK;
    return fb_state_prune_vanished(poller->options.state, poller->stream_id, end->after,
                                   end->complete ? NULL : fb_page_last_key(page), page->key_texts,
                                   page->key_count, error);
}

static enum fb_status store_backlog(struct fb_poller *poller, const void *argument,
                                    struct fb_error *error)
{
    const struct page_end *end = argument;
    enum fb_status status = fb_state_add_backlog(
        poller->options.state, poller->stream_id, poller->page.listed, poller->page.object_count,
        fb_page_last_key(&poller->page), end->complete, error);

    if (status == FB_OK)
        poller->counts.objects += poller->page.object_count;
    return status;
}

struct sweep_end {
    int64_t start_ms, prune_before_ms;
};

static enum fb_status store_sweep(struct fb_poller *poller, const void *argument,
                                  struct fb_error *error)
{
    const struct sweep_end *end = argument;
    uint64_t pruned = 0;
    enum fb_status status =
        fb_state_sweep_complete(poller->options.state, poller->stream_id, end->start_ms,
                                end->prune_before_ms, &pruned, error);

    if (status != FB_OK)
        return status;
    poller->last_sweep_start_ms = end->start_ms;
    if (pruned > 0)
        fb_log_debug("stream %s: %llu objects are done and too old to be listed again",
                     poller->options.stream, (unsigned long long)pruned);
    return FB_OK;
}

/* --- listings -------------------------------------------------------------------------------- */

static enum fb_status replace_text(char **text, const char *with, struct fb_error *error)
{
    char *copy = strdup(with);

    if (copy == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    free(*text);
    *text = copy;
    return FB_OK;
}

static enum fb_status store_page(struct fb_poller *poller, char **after, bool complete,
                                 struct fb_error *error)
{
    struct page_end end = {.after = *after, .complete = complete};
    enum fb_status status = fb_page_make_listed(&poller->page);

    if (status != FB_OK)
        return fb_fail(error, status, "out of memory");
    status = store(poller, store_objects, NULL, error);
    if (status == FB_OK && poller->whole)
        status = store(poller, store_vanished, &end, error);
    if (status == FB_OK && poller->page.key_count > 0)
        status = replace_text(after, fb_page_last_key(&poller->page), error);
    return status;
}

static enum fb_status list_objects(struct fb_poller *poller, const struct fb_layout_range *range,
                                   struct fb_error *error)
{
    struct fb_listing listing = {.range = range, .start_after = range->start_after};
    enum fb_status status = FB_OK;
    char *after = NULL;

    while (status == FB_OK && !listing.is_last) {
        bool first = listing.token[0] == '\0';

        status = fb_poller_fetch(poller, &listing, error);
        if (status == FB_OK && first) {
            free(after);
            after = NULL;
        }
        if (status == FB_OK)
            status = store_page(poller, &after, listing.is_last, error);
    }
    free(after);
    return status;
}

static enum fb_status list_ranges(struct fb_poller *poller, const struct fb_layout_ranges *ranges,
                                  struct fb_error *error);

/* What the page's folders lead to, listed before the next page is asked for. */
static enum fb_status list_discovered(struct fb_poller *poller, const struct fb_layout_range *range,
                                      struct fb_error *error)
{
    struct fb_layout_ranges below = {0};
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < poller->page.prefix_count && status == FB_OK; i++)
        status = fb_layout_descend(poller->options.layout, range,
                                   fb_page_text(&poller->page, poller->page.prefixes[i]), &below);
    if (status != FB_OK)
        fb_fail(error, status, "cannot plan a listing below %.300s", range->prefix);
    else
        status = list_ranges(poller, &below, error);
    fb_layout_ranges_done(&below);
    return status;
}

static enum fb_status list_discover(struct fb_poller *poller, const struct fb_layout_range *range,
                                    struct fb_error *error)
{
    struct fb_listing listing = {.range = range};
    enum fb_status status = FB_OK;

    while (status == FB_OK && !listing.is_last) {
        status = fb_poller_fetch(poller, &listing, error);
        if (status == FB_OK)
            status = list_discovered(poller, range, error);
    }
    return status;
}

static enum fb_status list_ranges(struct fb_poller *poller, const struct fb_layout_ranges *ranges,
                                  struct fb_error *error)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < ranges->count && status == FB_OK; i++) {
        const struct fb_layout_range *range = &ranges->ranges[i];

        status = range->discover ? list_discover(poller, range, error)
                                 : list_objects(poller, range, error);
    }
    return status;
}

static enum fb_status list_span(struct fb_poller *poller, int64_t from_ms, int64_t to_ms,
                                struct fb_error *error)
{
    struct fb_layout_ranges ranges = {0};
    enum fb_status status = fb_layout_plan(poller->options.layout, from_ms, to_ms, &ranges);

    memset(poller->left_out, 0, sizeof poller->left_out);
    if (status != FB_OK)
        fb_fail(error, status, "cannot plan the listing of stream %s", poller->options.stream);
    else
        status = list_ranges(poller, &ranges, error);
    fb_layout_ranges_done(&ranges);
    return status;
}

/* --- what is due ----------------------------------------------------------------------------- */

/* The range of the first listing: the whole root, or its part from start_ms on if that is one. */
static enum fb_status plan_backlog(const struct fb_poller *poller, struct fb_layout_ranges *ranges)
{
    const struct fb_layout *layout = poller->options.layout;
    enum fb_status status = FB_OK;

    if (poller->start_ms > 0)
        status = fb_layout_plan(layout, poller->start_ms,
                                later(poller->start_ms, now_ms(poller)) + AHEAD_MS, ranges);
    if (status != FB_OK || (ranges->count == 1 && !ranges->ranges[0].discover))
        return status;
    fb_layout_ranges_done(ranges);
    ranges->ranges = calloc(1, sizeof *ranges->ranges);
    if (ranges->ranges == NULL)
        return FB_NO_MEMORY;
    ranges->count = ranges->capacity = 1;
    ranges->ranges[0].prefix = strdup(fb_layout_root(layout));
    return ranges->ranges[0].prefix != NULL ? FB_OK : FB_NO_MEMORY;
}

static enum fb_status list_backlog_range(struct fb_poller *poller,
                                         const struct fb_layout_range *range,
                                         struct fb_error *error)
{
    struct fb_listing listing = {.range = range, .start_after = range->start_after};
    enum fb_status status = FB_OK;

    if (poller->backlog_cursor != NULL &&
        (range->start_after == NULL || strcmp(poller->backlog_cursor, range->start_after) > 0))
        listing.start_after = poller->backlog_cursor;
    while (status == FB_OK && !listing.is_last) {
        struct page_end end;

        status = fb_poller_fetch(poller, &listing, error);
        if (status != FB_OK)
            break;
        if (fb_page_make_listed(&poller->page) != FB_OK)
            return fb_fail(error, FB_NO_MEMORY, "out of memory");
        end = (struct page_end){.complete = listing.is_last};
        status = store(poller, store_backlog, &end, error);
    }
    return status;
}

static void tell_backlog(const struct fb_poller *poller)
{
    struct fb_state_counts counts;

    if (fb_state_count(poller->options.state, poller->stream_id, &counts, NULL) != FB_OK)
        return;
    fb_log_info("stream %s: s3://%s/%s holds %llu objects of %llu bytes to begin with",
                poller->options.stream, poller->options.bucket,
                fb_layout_root(poller->options.layout), (unsigned long long)counts.pending,
                (unsigned long long)counts.pending_bytes);
}

/*
 * Objects that come while the first listing runs, however often it is resumed, may lie behind its
 * cursor. So its beginning counts as the last sweep, from which the first real one looks back.
 */
static enum fb_status begin_backlog(struct fb_poller *poller, struct fb_error *error)
{
    const struct sweep_end begin = {.start_ms = now_ms(poller), .prune_before_ms = INT64_MIN};

    if (poller->last_sweep_start_ms != 0)
        return FB_OK;
    return store(poller, store_sweep, &begin, error);
}

static enum fb_status list_backlog(struct fb_poller *poller, struct fb_error *error)
{
    struct fb_layout_ranges ranges = {0};
    enum fb_status status = begin_backlog(poller, error);

    if (status != FB_OK)
        return status;
    poller->low_water_ms = INT64_MIN;
    status = plan_backlog(poller, &ranges);
    if (status != FB_OK)
        fb_fail(error, status, "cannot plan the listing of stream %s", poller->options.stream);
    else
        status = list_backlog_range(poller, &ranges.ranges[0], error);
    fb_layout_ranges_done(&ranges);
    if (status != FB_OK)
        return status;
    poller->backlog_listed = true;
    tell_backlog(poller);
    if (poller->options.on_objects != NULL)
        poller->options.on_objects(poller->options.context);
    return FB_OK;
}

static void tell_left_out(struct fb_poller *poller)
{
    const uint64_t *now = poller->left_out;
    bool changed = false;

    for (int i = FB_KEY_DATA + 1; i <= FB_KEY_FOREIGN; i++)
        changed = changed || now[i] != poller->counts.left_out[i];
    memcpy(poller->counts.left_out, now, sizeof poller->counts.left_out);
    poller->counts.left_out[FB_KEY_DATA] = 0;
    if (changed)
        fb_log_info(
            "stream %s: left out of what is listed: %llu excluded, %llu error outputs, "
            "%llu folder markers, %llu archived, %llu not of the prefix",
            poller->options.stream, (unsigned long long)now[FB_KEY_EXCLUDED],
            (unsigned long long)now[FB_KEY_ERROR_OUTPUT], (unsigned long long)now[FB_KEY_FOLDER],
            (unsigned long long)now[FB_KEY_UNREADABLE], (unsigned long long)now[FB_KEY_FOREIGN]);
}

/* Where a sweep that begins now must begin to look. */
static int64_t sweep_bound_ms(const struct fb_poller *poller)
{
    int64_t bound_ms =
        earlier(poller->last_sweep_start_ms, now_ms(poller)) - poller->options.lookback_ms;

    return later(later(bound_ms, poller->start_ms), 0);
}

static void set_low_water(struct fb_poller *poller)
{
    poller->low_water_ms = fb_layout_floor_ms(poller->options.layout, sweep_bound_ms(poller));
}

static int64_t prune_bound_ms(const struct fb_poller *poller, int64_t bound_ms)
{
    int64_t shown_ms = poller->newest_modified_ms - poller->options.lookback_ms;

    if (poller->whole || shown_ms <= 0)
        return INT64_MIN;
    return fb_layout_floor_ms(poller->options.layout, earlier(bound_ms, shown_ms));
}

static enum fb_status sweep(struct fb_poller *poller, struct fb_error *error)
{
    struct sweep_end end = {.start_ms = now_ms(poller)};
    int64_t bound_ms = sweep_bound_ms(poller);
    enum fb_status status;

    set_low_water(poller);
    status = list_span(poller, bound_ms, later(end.start_ms, bound_ms) + AHEAD_MS, error);
    if (status != FB_OK)
        return status;
    /* A whole listing is its own proof; its begin matters to nobody. */
    if (!poller->whole) {
        end.prune_before_ms = prune_bound_ms(poller, bound_ms);
        status = store(poller, store_sweep, &end, error);
        if (status != FB_OK)
            return status;
    }
    poller->counts.sweeps++;
    tell_left_out(poller);
    return FB_OK;
}

static enum fb_status poll_fresh(struct fb_poller *poller, struct fb_error *error)
{
    int64_t begin_ms = now_ms(poller);
    enum fb_status status;

    set_low_water(poller);
    status = list_span(poller, begin_ms - FRESH_MS, begin_ms + AHEAD_MS, error);
    if (status == FB_OK)
        poller->counts.polls++;
    return status;
}

enum fb_status fb_poller_step(struct fb_poller *poller, int64_t *ret_wait_ms,
                              struct fb_error *error)
{
    const struct fb_poller_options *options = &poller->options;
    int64_t begin_ms = fb_monotonic_ms(options->clock), wait_ms;
    enum fb_status status = FB_OK;

    if (fb_stop_level(options->stop) >= FB_STOP_DRAIN)
        return FB_CANCELED;
    if (!poller->backlog_listed) {
        status = list_backlog(poller, error);
    } else if (begin_ms >= poller->next_sweep_ms ||
               (poller->whole && begin_ms >= poller->next_poll_ms)) {
        status = sweep(poller, error);
        poller->next_sweep_ms = begin_ms + options->sweep_interval_ms;
        poller->next_poll_ms = begin_ms + options->poll_interval_ms;
    } else if (begin_ms >= poller->next_poll_ms) {
        status = poll_fresh(poller, error);
        poller->next_poll_ms = begin_ms + options->poll_interval_ms;
    }
    if (status != FB_OK)
        return status;
    wait_ms =
        earlier(poller->next_poll_ms, poller->next_sweep_ms) - fb_monotonic_ms(options->clock);
    *ret_wait_ms = later(wait_ms, 0);
    return FB_OK;
}

enum fb_status fb_poller_run(struct fb_poller *poller, struct fb_error *error)
{
    for (;;) {
        int64_t wait_ms = 0;
        enum fb_status status = fb_poller_step(poller, &wait_ms, error);

        if (status != FB_OK)
            return status;
        if (fb_sleep_ms(poller->options.clock, poller->options.stop, FB_STOP_DRAIN, wait_ms))
            return FB_CANCELED;
    }
}

enum fb_status fb_poller_run_once(struct fb_poller *poller, struct fb_error *error)
{
    enum fb_status status = FB_OK;

    poller->once = true;
    if (!poller->backlog_listed)
        status = list_backlog(poller, error);
    return status == FB_OK ? sweep(poller, error) : status;
}

enum fb_status fb_poller_new(const struct fb_poller_options *options, struct fb_poller **ret_poller,
                             struct fb_error *error)
{
    const struct fb_stream_row *row = options->row;
    struct fb_poller *poller = calloc(1, sizeof *poller);

    if (poller == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    poller->options = *options;
    poller->options.row = NULL;
    poller->stream_id = row->id;
    poller->whole = fb_layout_is_whole(options->layout);
    poller->backoff.cap_ms = RETRY_CAP_MS;
    fb_random_init(&poller->random, options->seed);
    fb_buffer_init(&poller->page.text, PAGE_MAX_BYTES);
    poller->backlog_listed = row->backlog_listed;
    poller->start_ms = row->start_ms;
    poller->last_sweep_start_ms = row->last_sweep_start_ms;
    if (row->backlog_cursor != NULL) {
        enum fb_status status = replace_text(&poller->backlog_cursor, row->backlog_cursor, error);

        if (status != FB_OK) {
            fb_poller_free(poller);
            return status;
        }
    }
    *ret_poller = poller;
    return FB_OK;
}

void fb_poller_free(struct fb_poller *poller)
{
    if (poller == NULL)
        return;
    fb_page_done(&poller->page);
    free(poller->backlog_cursor);
    free(poller);
}

const struct fb_poller_counts *fb_poller_counts(const struct fb_poller *poller)
{
    return &poller->counts;
}
