/* SPDX-License-Identifier: Apache-2.0 */
/* Listings, page by page, and what of them goes into the state file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "poller_private.h"

/* --- the page -------------------------------------------------------------------------------- */

/* Whether the row of such an object is long gone because it had ended. */
static bool is_below_low_water(const struct fb_poller *poller, int64_t key_time_ms,
                               int64_t last_modified_ms)
{
    return key_time_ms < poller->low_water_ms && last_modified_ms < poller->low_water_ms;
}

static enum fb_status on_object(void *context, const struct fb_s3_listed *object)
{
    struct fb_poller *poller = context;
    struct fb_page *page = &poller->page;
    struct fb_page_object kept = {.size_bytes = object->size_bytes,
                                  .last_modified_ms = object->last_modified_ms};
    enum fb_key_verdict verdict;
    enum fb_status status;

    if (page->past_end || (poller->range != NULL && poller->range->end != NULL &&
                           strcmp(object->key, poller->range->end) > 0)) {
        page->past_end = true;
        return FB_OK;
    }
    status = fb_page_keep_key(page, object->key, &kept.key);
    if (status != FB_OK)
        return status;
    verdict = fb_layout_judge(poller->options.layout, object->key, object->size_bytes,
                              object->storage_class);
    poller->left_out[verdict]++;
    if (object->last_modified_ms > poller->newest_modified_ms)
        poller->newest_modified_ms = object->last_modified_ms;
    if (verdict != FB_KEY_DATA)
        return FB_OK;
    if (object->last_modified_ms > page->newest_modified_ms)
        page->newest_modified_ms = object->last_modified_ms;
    kept.key_time_ms =
        fb_layout_key_time_ms(poller->options.layout, object->key, object->last_modified_ms);
    if ((kept.key_time_ms < poller->start_ms && kept.last_modified_ms < poller->start_ms) ||
        is_below_low_water(poller, kept.key_time_ms, kept.last_modified_ms))
        return FB_OK;
    return fb_page_keep_object(page, &kept, object->etag);
}

static enum fb_status on_prefix(void *context, const char *prefix)
{
    struct fb_poller *poller = context;

    return fb_page_keep_prefix(&poller->page, prefix);
}

/* --- calls ----------------------------------------------------------------------------------- */

int64_t fb_poller_skew_ms(const struct fb_poller *poller)
{
    struct fb_credentials_cache *cache = poller->options.client.credentials;

    return cache == NULL ? 0 : fb_credentials_cache_skew_ms(cache);
}

int64_t fb_poller_now_ms(const struct fb_poller *poller)
{
    return fb_realtime_ms(poller->options.clock) + fb_poller_skew_ms(poller);
}

static bool must_stop(const struct fb_poller *poller)
{
    return fb_stop_level(poller->options.stop) != FB_STOP_NOT;
}

/* A call that is made again must be within the budget too. */
static bool wait_for_budget(struct fb_poller *poller)
{
    struct fb_clock *clock = poller->options.clock;
    bool stopped = false;

    while (poller->is_budgeted && !stopped) {
        const int64_t wait_ms =
            fb_list_budget_wait_ms(&poller->budget, poller->listing, fb_monotonic_ms(clock));

        if (wait_ms == 0)
            break;
        stopped = fb_sleep_ms(clock, poller->options.stop, FB_STOP_DRAIN, wait_ms);
    }
    return !stopped;
}

/* Forgets a page's worth of counts: a page that is asked for again is counted again. */
static enum fb_status ask_for_page(struct fb_poller *poller,
                                   const struct fb_s3_list_request *request, struct fb_error *error)
{
    uint64_t left_out[FB_KEY_FOREIGN + 1];
    struct fb_s3_list_result result;
    enum fb_status status;

    if (must_stop(poller) || !wait_for_budget(poller))
        return FB_CANCELED;
    if (poller->is_budgeted)
        fb_list_budget_take(&poller->budget, poller->listing,
                            fb_monotonic_ms(poller->options.clock));
    memcpy(left_out, poller->left_out, sizeof left_out);
    fb_page_reset(&poller->page);
    atomic_fetch_add(&poller->counters->list_calls, 1);
    status = poller->options.list_page(&poller->options.client, request, &result, error);
    if (status == FB_OK) {
        poller->result = result;
        atomic_fetch_add(&poller->counters->pages, 1);
    } else {
        memcpy(poller->left_out, left_out, sizeof left_out);
    }
    return status;
}

/* S3 says InvalidArgument, 400, of a token that it does not know. */
static bool is_about_token(const struct fb_error *error)
{
    return error->http_status == 400 && fb_verdict_of(error) != FB_RETRY_SLOWER &&
           fb_verdict_of(error) != FB_RETRY_REFRESHED;
}

enum fb_status fb_poller_list_page(struct fb_poller *poller, const struct fb_layout_range *range,
                                   const char *after, const char *token, struct fb_error *error)
{
    struct fb_s3_list_request request = {
        .bucket = poller->options.bucket,
        .prefix = range->prefix,
        .start_after = token == NULL ? after : NULL,
        .continuation_token = token,
        .delimiter = range->discover ? "/" : NULL,
        .on_object = on_object,
        .on_prefix = range->discover ? on_prefix : NULL,
        .context = poller,
    };
    struct fb_error own = {0};
    enum fb_status status;

    snprintf(poller->what, sizeof poller->what, "list s3://%.63s/%.400s", poller->options.bucket,
             range->prefix);
    poller->range = range;
    for (;;) {
        status = ask_for_page(poller, &request, &own);
        if (status == FB_OK)
            break;
        if (status == FB_CANCELED)
            return status;
        if (request.continuation_token != NULL && is_about_token(&own)) {
            request.start_after = after;
            request.continuation_token = NULL;
        }
        status = fb_patience_wait(&poller->patience, &own);
        if (status == FB_OK)
            continue;
        if (error != NULL)
            *error = own;
        return status;
    }
    if (!fb_page_is_sorted(&poller->page, after))
        return fb_fail(error, FB_CORRUPT,
                       "%s: the keys are not in the order of their bytes; this S3 cannot be used",
                       poller->what);
    fb_patience_success(&poller->patience);
    return FB_OK;
}

bool fb_poller_has_more(const struct fb_poller *poller)
{
    return poller->result.is_truncated && !poller->page.past_end &&
           poller->result.continuation_token[0] != '\0';
}

enum fb_status fb_poller_store(struct fb_poller *poller, fb_poller_store_fn call,
                               const void *argument, struct fb_error *error)
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

enum fb_status fb_poller_move_after(struct fb_poller *poller, char **after, struct fb_error *error)
{
    const char *last = fb_page_last_key(&poller->page);
    char *copy;

    if (last == NULL)
        return FB_OK;
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
        poller->options.state, poller->stream_id, poller->page.listed, poller->page.count,
        poller->backlog_cursor == NULL ? "" : poller->backlog_cursor, *complete, error);
}

/* The time from which the first sweep must look back; before the first page. */
static enum fb_status store_backlog_begin(struct fb_poller *poller, const void *argument,
                                          struct fb_error *error)
{
    const int64_t *began_ms = argument;
    uint64_t pruned;

    return fb_state_sweep_complete(poller->options.state, poller->stream_id, *began_ms, 0, &pruned,
                                   error);
}

void fb_poller_set_takeable(struct fb_poller *poller, bool takeable)
{
    if (poller->takeable == takeable)
        return;
    poller->takeable = takeable;
    if (poller->options.on_takeable != NULL)
        poller->options.on_takeable(poller->options.context, takeable);
}

static enum fb_status list_backlog_page(struct fb_poller *poller, bool *ret_complete,
                                        struct fb_error *error)
{
    const struct fb_layout_range range = {.prefix = poller->root};
    char token[sizeof poller->result.continuation_token];
    enum fb_status status;
    bool complete;

    memcpy(token, poller->result.continuation_token, sizeof token);
    status = fb_poller_list_page(poller, &range, poller->backlog_cursor,
                                 token[0] != '\0' ? token : NULL, error);

    if (status == FB_OK && fb_page_make_listed(&poller->page) != FB_OK)
        status = fb_fail(error, FB_NO_MEMORY, "no memory for a page of a listing");
    /* Last: what failed is listed again from the same place. */
    if (status == FB_OK)
        status = fb_poller_move_after(poller, &poller->backlog_cursor, error);
    if (status != FB_OK)
        return status;
    complete = !fb_poller_has_more(poller);
    status = fb_poller_store(poller, store_backlog, &complete, error);
    if (status != FB_OK)
        return status;
    for (size_t i = 0; i < poller->page.count; i++)
        poller->backlog_bytes += poller->page.objects[i].size_bytes;
    poller->backlog_objects += poller->page.count;
    *ret_complete = complete;
    return FB_OK;
}

enum fb_status fb_poller_list_backlog(struct fb_poller *poller, struct fb_error *error)
{
    int64_t began_ms = fb_poller_now_ms(poller);
    uint64_t left_out[FB_KEY_FOREIGN + 1] = {0};
    enum fb_status status = FB_OK;
    bool complete = false;

    if (poller->last_sweep_start_ms == 0) {
        status = fb_poller_store(poller, store_backlog_begin, &began_ms, error);
        if (status != FB_OK)
            return status;
        poller->last_sweep_start_ms = began_ms;
    }
    poller->result = (struct fb_s3_list_result){0};
    poller->left_out = left_out;
    while (!complete) {
        status = list_backlog_page(poller, &complete, error);
        if (status != FB_OK)
            return status;
        if (poller->backlog_objects > 0 && atomic_load(&poller->counters->list_calls) % 100 == 0)
            fb_log_event(FB_EVENT_LISTING_GOES_ON, FB_ABOUT(.stream = poller->options.stream),
                         "%llu objects listed so far", (unsigned long long)poller->backlog_objects);
    }
    fb_log_event(FB_EVENT_BACKLOG_LISTED, FB_ABOUT(.stream = poller->options.stream),
                 "s3://%s/%s holds %llu objects of %llu bytes to begin with",
                 poller->options.bucket, fb_layout_root(poller->options.layout),
                 (unsigned long long)poller->backlog_objects,
                 (unsigned long long)poller->backlog_bytes);
    poller->backlog_listed = true;
    poller->hold_until_ms = 0;
    fb_poller_set_takeable(poller, true);
    return FB_OK;
}

/* With start_at = now or a time there is no backlog; the first sweep begins at that time. */
enum fb_status fb_poller_skip_backlog(struct fb_poller *poller, struct fb_error *error)
{
    bool complete = true;
    enum fb_status status;

    fb_page_reset(&poller->page);
    status = fb_poller_store(poller, store_backlog, &complete, error);
    if (status == FB_OK)
        poller->backlog_listed = true;
    return status;
}

/* --- pages of a walk -------------------------------------------------------------------------- */

static enum fb_status store_objects(struct fb_poller *poller, const void *argument,
                                    struct fb_error *error)
{
    enum fb_status status;

    (void)argument;
    poller->page.new_count = 0;
    status = fb_state_add_objects(poller->options.state, poller->stream_id, poller->page.listed,
                                  poller->page.count, &poller->page.new_count, error);
    if (status == FB_OK && poller->page.new_count > 0) {
        atomic_fetch_add(&poller->counters->objects, poller->page.new_count);
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
    struct fb_page *page = &poller->page;

    if (fb_page_make_key_texts(page) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a page of a listing");
    return fb_state_prune_vanished(poller->options.state, poller->stream_id, shown->after,
                                   shown->up_to, page->key_texts, page->key_count, error);
}

enum fb_status fb_poller_store_page(struct fb_poller *poller, const char *after,
                                    struct fb_error *error)
{
    bool more = fb_poller_has_more(poller);
    struct shown shown = {.after = after, .up_to = more ? fb_page_last_key(&poller->page) : NULL};
    enum fb_status status = FB_OK;

    if (fb_page_make_listed(&poller->page) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a page of a listing");
    if (poller->page.count > 0)
        status = fb_poller_store(poller, store_objects, NULL, error);
    if (status == FB_OK && poller->whole && (!more || shown.up_to != NULL))
        status = fb_poller_store(poller, store_vanished, &shown, error);
    return status;
}
