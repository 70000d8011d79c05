/* SPDX-License-Identifier: Apache-2.0 */
/* One page of a listing: fetched until it comes, judged and kept until it is stored. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "poller_private.h"

#define FAST_RETRY_MS INT64_C(200)
#define SLOW_RETRY_MS INT64_C(1000)

/* What fails for so long is told, even if it may mend itself. */
#define SILENT_MS INT64_C(60000)

/* In once mode: what a person must mend is not tried more often than this. */
#define HOPELESS_TRIES 3

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

static enum fb_status keep_text(struct fb_page *page, const char *text, size_t *ret_offset)
{
    size_t offset = page->text.size;
    enum fb_status status = fb_buffer_append(&page->text, text, strlen(text) + 1);

    if (status == FB_OK)
        *ret_offset = offset;
    return status;
}

static enum fb_status keep_offset(size_t **offsets, size_t *count, size_t *capacity, size_t offset)
{
    enum fb_status status = grow((void **)offsets, capacity, *count + 1, sizeof **offsets);

    if (status == FB_OK)
        (*offsets)[(*count)++] = offset;
    return status;
}

const char *fb_page_text(const struct fb_page *page, size_t offset)
{
    return page->text.bytes + offset;
}

const char *fb_page_last_key(const struct fb_page *page)
{
    return page->key_count > 0 ? fb_page_text(page, page->keys[page->key_count - 1]) : NULL;
}

static void page_reset(struct fb_page *page)
{
    fb_buffer_reset(&page->text);
    page->object_count = 0;
    page->key_count = 0;
    page->prefix_count = 0;
    page->newest_modified_ms = 0;
    page->past_end = false;
    memset(page->left_out, 0, sizeof page->left_out);
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

enum fb_status fb_page_make_listed(struct fb_page *page)
{
    enum fb_status status = grow((void **)&page->listed, &page->listed_capacity, page->object_count,
                                 sizeof *page->listed);

    if (status != FB_OK)
        return status;
    for (size_t i = 0; i < page->object_count; i++)
        page->listed[i] = (struct fb_state_listed){
            .key = fb_page_text(page, page->objects[i].key),
            .etag = fb_page_text(page, page->objects[i].etag),
            .size_bytes = page->objects[i].size_bytes,
            .key_time_ms = page->objects[i].key_time_ms,
            .last_modified_ms = page->objects[i].last_modified_ms,
        };
    return FB_OK;
}

enum fb_status fb_page_make_key_texts(struct fb_page *page)
{
    enum fb_status status = grow((void **)&page->key_texts, &page->key_text_capacity,
                                 page->key_count, sizeof *page->key_texts);

    for (size_t i = 0; i < page->key_count && status == FB_OK; i++)
        page->key_texts[i] = fb_page_text(page, page->keys[i]);
    return status;
}

/* What the callbacks of one call need. */
struct call {
    struct fb_poller *poller;
    const struct fb_layout_range *range;
};

static bool is_wanted(const struct fb_poller *poller, const struct fb_page_object *object)
{
    if (object->key_time_ms < poller->start_ms)
        return false;
    return poller->whole || object->key_time_ms >= poller->low_water_ms ||
           object->last_modified_ms >= poller->low_water_ms;
}

static enum fb_status keep_object(struct fb_poller *poller, const struct fb_s3_listed *listed,
                                  size_t key)
{
    struct fb_page *page = &poller->page;
    struct fb_page_object object = {
        .key = key,
        .size_bytes = listed->size_bytes,
        .key_time_ms =
            fb_layout_key_time_ms(poller->options.layout, listed->key, listed->last_modified_ms),
        .last_modified_ms = listed->last_modified_ms,
    };
    enum fb_status status;

    if (!is_wanted(poller, &object))
        return FB_OK;
    status = keep_text(page, listed->etag, &object.etag);
    if (status == FB_OK)
        status = grow((void **)&page->objects, &page->object_capacity, page->object_count + 1,
                      sizeof *page->objects);
    if (status == FB_OK)
        page->objects[page->object_count++] = object;
    return status;
}

static enum fb_status on_object(void *context, const struct fb_s3_listed *listed)
{
    const struct call *call = context;
    struct fb_poller *poller = call->poller;
    struct fb_page *page = &poller->page;
    enum fb_key_verdict verdict;
    enum fb_status status;
    size_t key;

    if (call->range->end != NULL && strcmp(listed->key, call->range->end) > 0)
        page->past_end = true;
    if (page->past_end)
        return FB_OK;
    status = keep_text(page, listed->key, &key);
    if (status == FB_OK)
        status = keep_offset(&page->keys, &page->key_count, &page->key_capacity, key);
    if (status != FB_OK)
        return status;
    verdict = fb_layout_judge(poller->options.layout, listed->key, listed->size_bytes,
                              listed->storage_class);
    page->left_out[verdict]++;
    if (verdict != FB_KEY_DATA)
        return FB_OK;
    if (listed->last_modified_ms > page->newest_modified_ms)
        page->newest_modified_ms = listed->last_modified_ms;
    return keep_object(poller, listed, key);
}

/* Objects beside the folders of a discover listing are none that Firehose made. */
static enum fb_status on_prefix(void *context, const char *prefix)
{
    struct fb_page *page = &((const struct call *)context)->poller->page;
    size_t offset;
    enum fb_status status = keep_text(page, prefix, &offset);

    if (status == FB_OK)
        status = keep_offset(&page->prefixes, &page->prefix_count, &page->prefix_capacity, offset);
    return status;
}

void fb_poller_succeeded(struct fb_poller *poller)
{
    if (poller->unhealthy && poller->options.on_health != NULL)
        poller->options.on_health(poller->options.context, FB_RETRY, NULL);
    poller->failing = false;
    poller->unhealthy = false;
    poller->refreshed = false;
    poller->hopeless_tries = 0;
    fb_backoff_reset(&poller->backoff);
}

static bool gives_up(const struct fb_poller *poller, int64_t failing_ms)
{
    return poller->once && (poller->hopeless_tries >= HOPELESS_TRIES ||
                            failing_ms >= poller->options.once_patience_ms);
}

enum fb_status fb_poller_endure(struct fb_poller *poller, enum fb_verdict verdict,
                                const struct fb_error *failure)
{
    const struct fb_poller_options *options = &poller->options;
    int64_t now_ms = fb_monotonic_ms(options->clock), wait_ms;
    bool hopeless = verdict == FB_UNHEALTHY || verdict == FB_REJECTED ||
                    (verdict == FB_RETRY_REFRESHED && poller->refreshed);

    if (!poller->failing)
        poller->failing_since_ms = now_ms;
    poller->failing = true;
    if (verdict == FB_RETRY_REFRESHED && !poller->refreshed) {
        poller->refreshed = true;
        return FB_OK;
    }
    if (hopeless)
        poller->hopeless_tries++;
    if (hopeless || now_ms - poller->failing_since_ms >= SILENT_MS) {
        poller->unhealthy = true;
        if (options->on_health != NULL)
            options->on_health(options->context, hopeless ? FB_UNHEALTHY : verdict, failure);
    }
    if (gives_up(poller, now_ms - poller->failing_since_ms))
        return failure->status;
    poller->backoff.base_ms = verdict == FB_RETRY ? FAST_RETRY_MS : SLOW_RETRY_MS;
    wait_ms = fb_backoff_next_ms(&poller->backoff, &poller->random);
    fb_log_debug("stream %s: listing is tried again in %lld ms: %s", options->stream,
                 (long long)wait_ms, failure->message);
    return fb_sleep_ms(options->clock, options->stop, FB_STOP_DRAIN, wait_ms) ? FB_CANCELED : FB_OK;
}

static enum fb_status call_once(struct fb_poller *poller, const struct fb_listing *listing,
                                struct fb_s3_list_result *result, struct fb_error *error)
{
    struct call call = {.poller = poller, .range = listing->range};
    struct fb_s3_list_request request = {
        .bucket = poller->options.bucket,
        .prefix = listing->range->prefix,
        .start_after = listing->start_after,
        .continuation_token = listing->token[0] != '\0' ? listing->token : NULL,
        .delimiter = listing->range->discover ? "/" : NULL,
        .on_object = listing->range->discover ? NULL : on_object,
        .on_prefix = listing->range->discover ? on_prefix : NULL,
        .context = &call,
    };
    enum fb_status status;

    page_reset(&poller->page);
    poller->counts.list_calls++;
    *error = (struct fb_error){0};
    status = poller->options.io.list_page(poller->options.io.client, &request, result, error);
    if (status != FB_OK && error->status == FB_OK)
        status = fb_fail(error, status, "cannot keep a page of the listing (%s)",
                         fb_status_name(status));
    return status;
}

static enum fb_status fetch(struct fb_poller *poller, struct fb_listing *listing,
                            struct fb_s3_list_result *result, struct fb_error *error)
{
    struct fb_error failure;

    for (;;) {
        enum fb_verdict verdict;
        enum fb_status status;

        if (fb_stop_level(poller->options.stop) >= FB_STOP_DRAIN)
            return FB_CANCELED;
        status = call_once(poller, listing, result, &failure);
        if (status == FB_OK || status == FB_CANCELED)
            return status;
        fb_error_prefix(&failure, "cannot list s3://%.63s/%.300s", poller->options.bucket,
                        listing->range->prefix);
        verdict = poller->options.io.verdict_of(&failure);
        status = fb_poller_endure(poller, verdict, &failure);
        if (status != FB_OK) {
            if (error != NULL)
                *error = failure;
            return status;
        }
        /* A token that S3 no longer knows: from the range's start. */
        if (verdict == FB_REJECTED)
            listing->token[0] = '\0';
    }
}

enum fb_status fb_poller_fetch(struct fb_poller *poller, struct fb_listing *listing,
                               struct fb_error *error)
{
    struct fb_s3_list_result result = {0};
    enum fb_status status = fetch(poller, listing, &result, error);

    if (status != FB_OK)
        return status;
    fb_poller_succeeded(poller);
    memcpy(listing->token, result.continuation_token, sizeof listing->token);
    listing->is_last = !result.is_truncated || poller->page.past_end || listing->token[0] == '\0';
    for (int i = 0; i <= FB_KEY_FOREIGN; i++)
        poller->left_out[i] += poller->page.left_out[i];
    if (poller->page.newest_modified_ms > poller->newest_modified_ms)
        poller->newest_modified_ms = poller->page.newest_modified_ms;
    return FB_OK;
}
