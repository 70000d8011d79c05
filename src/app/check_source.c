/* SPDX-License-Identifier: Apache-2.0 */
/* `check`, the source: whether it is listed, who else reads it, and what waits there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "firebridge/pipeline/layout.h"
#include "firebridge/state/ledger.h"

/* A listing of a stream that has no checkpoint yet ends after so many pages, or in its share of the
 * time. */
#define PAGES_MAX  200
#define LISTING_MS 4000

struct page {
    const struct fb_layout *layout;
    int64_t start_ms; /* objects with an older key time are not taken up */
    uint64_t verdicts[FB_KEY_FOREIGN + 1];
    char first[FB_S3_KEY_MAX_BYTES + 1]; /* data key */
    struct fb_backlog backlog;
};

static enum fb_status take_listed(void *context, const struct fb_s3_listed *object)
{
    struct page *page = context;
    enum fb_key_verdict verdict =
        fb_layout_judge(page->layout, object->key, object->size_bytes, object->storage_class);

    if (verdict == FB_KEY_DATA && page->verdicts[FB_KEY_DATA] == 0)
        snprintf(page->first, sizeof page->first, "%s", object->key);
    page->verdicts[verdict]++;
    if (verdict == FB_KEY_DATA) {
        const int64_t at_ms =
            fb_layout_key_time_ms(page->layout, object->key, object->last_modified_ms);

        if (at_ms >= page->start_ms)
            fb_backlog_take(&page->backlog, object, at_ms);
    }
    return FB_OK;
}

/* ", 3 excluded, 1 folder"; empty when nothing is left out. */
static void describe_left_out(const struct page *page, char *text, size_t size)
{
    size_t used = 0;

    *text = '\0';
    for (size_t i = FB_KEY_EXCLUDED; i <= FB_KEY_FOREIGN && used < size; i++) {
        int wrote = 0;

        if (page->verdicts[i] > 0)
            wrote = snprintf(text + used, size - used, "%s%" PRIu64 " %s",
                             used == 0 ? "; left out: " : ", ", page->verdicts[i],
                             fb_key_verdict_name((enum fb_key_verdict)i));
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void print_page(struct fb_check *check, const struct fb_conf_stream *stream,
                       const struct page *page, bool is_truncated)
{
    uint64_t objects = page->verdicts[FB_KEY_DATA];
    char left_out[256];

    describe_left_out(page, left_out, sizeof left_out);
    if (objects == 0)
        fb_check_find(check, FB_FINDING_WARN, "stream %s: %s has no object to read%s%s",
                      stream->name, stream->source, is_truncated ? " on its first page" : " yet",
                      left_out);
    else
        fb_check_find(check, FB_FINDING_OK,
                      "stream %s: %s has %" PRIu64 "%s object%s, the first is %s%s", stream->name,
                      stream->source, objects, is_truncated ? " or more" : "",
                      objects == 1 ? "" : "s", page->first, left_out);
}

/* Whether no daemon has ever worked at it here; a state file that cannot be read is told elsewhere.
 */
static bool has_no_checkpoint(const struct fb_check *check, const struct fb_conf_stream *stream)
{
    struct fb_ledger *ledger = NULL;
    enum fb_status status =
        check->state_dir == NULL
            ? FB_IO
            : fb_ledger_open(check->state_dir, stream->name, NULL, &ledger, NULL);

    fb_ledger_close(ledger);
    return status == FB_NOT_FOUND;
}

/* Each stream that is left may take as long, and half the time is for other calls. */
static int64_t end_of_listing_ms(const struct fb_check *check)
{
    const int64_t now_ms = fb_monotonic_ms(fb_clock_system());
    const int64_t share_ms =
        (check->deadline_ms - now_ms) / (2 * (int64_t)(check->streams_left + 1));

    return now_ms + (share_ms < LISTING_MS ? share_ms : LISTING_MS);
}

/* The pages behind the first. True when that was all. */
static bool list_on(const struct fb_check *check, struct fb_client *client,
                    struct fb_s3_list_request *request, struct fb_s3_list_result *result)
{
    const int64_t end_ms = end_of_listing_ms(check);

    for (unsigned i = 0; result->is_truncated && i < PAGES_MAX; i++) {
        char token[sizeof result->continuation_token];

        if (fb_monotonic_ms(fb_clock_system()) >= end_ms)
            return false;
        memcpy(token, result->continuation_token, sizeof token);
        request->continuation_token = token;
        if (fb_s3_list_page(client, request, result, NULL) != FB_OK)
            return false;
    }
    return !result->is_truncated;
}

static int64_t start_of(const struct fb_conf_stream *stream)
{
    if (stream->start_at == FB_START_NOW)
        return INT64_MAX;
    return stream->start_at == FB_START_TIME ? stream->start_at_ms : INT64_MIN;
}

static void list_source(struct fb_check *check, const struct fb_conf_stream *stream,
                        struct fb_client *client, const struct fb_layout *layout,
                        const struct fb_table *table)
{
    struct page *page = calloc(1, sizeof *page);
    struct fb_s3_list_request request = {.bucket = stream->bucket,
                                         .prefix = fb_layout_root(layout),
                                         .on_object = take_listed,
                                         .context = page};
    struct fb_s3_list_result result;
    struct fb_error error = {0};

    if (page == NULL) {
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: out of memory", stream->name);
        return;
    }
    page->layout = layout;
    page->start_ms = start_of(stream);
    fb_backlog_init(&page->backlog);
    if (fb_s3_list_page(client, &request, &result, &error) == FB_OK) {
        print_page(check, stream, page, result.is_truncated);
        if (page->start_ms != INT64_MAX && has_no_checkpoint(check, stream)) {
            const bool is_whole = list_on(check, client, &request, &result);

            fb_check_backlog(check, stream, client, layout, table, &page->backlog, is_whole);
        }
    } else {
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: listing %s: %s", stream->name,
                      stream->source, error.message);
    }
    free(page);
}

/* Up to the first expression. */
static size_t root_size(const char *prefix)
{
    const char *expression = strstr(prefix, "!{");

    return expression == NULL ? strlen(prefix) : (size_t)(expression - prefix);
}

/* Two that write the same objects into the same table do it twice, and in no order. */
static void check_others(struct fb_check *check, const struct fb_conf_stream *stream)
{
    const size_t root = root_size(stream->prefix);

    for (const struct fb_conf_stream *other = check->conf->streams; other < stream; other++) {
        const size_t other_root = root_size(other->prefix);

        if (strcmp(other->bucket, stream->bucket) == 0 &&
            strcmp(other->table, stream->table) == 0 &&
            strncmp(other->prefix, stream->prefix, root < other_root ? root : other_root) == 0)
            fb_check_find(check, FB_FINDING_WARN,
                          "stream %s: it may read objects of stream %s (%s), and both write to "
                          "table %s: each of them would be written twice, in no order",
                          stream->name, other->name, other->source, stream->table);
    }
}

void fb_check_source(struct fb_check *check, const struct fb_conf_stream *stream,
                     const struct fb_table *table)
{
    struct fb_layout *layout = NULL;
    struct fb_client client;
    struct fb_error error = {0};

    check_others(check, stream);
    if (!fb_check_client(check, stream, FB_SIDE_SOURCE, &client))
        return;
    if (fb_conf_layout(stream, &layout, &error) == FB_OK)
        list_source(check, stream, &client, layout, table);
    else
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: %s", stream->name, error.message);
    fb_layout_free(layout);
    fb_environment_client_done(&client);
}
