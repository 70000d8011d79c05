/* SPDX-License-Identifier: Apache-2.0 */
/* What the poller's two halves share: one page of a listing, and how it is fetched. */
#ifndef FIREBRIDGE_SRC_PIPELINE_POLLER_PRIVATE_H
#define FIREBRIDGE_SRC_PIPELINE_POLLER_PRIVATE_H

#include "firebridge/base/backoff.h"
#include "firebridge/base/buffer.h"
#include "firebridge/pipeline/poller.h"

/* An object of the page. Its texts are offsets, since the page's memory moves as it grows. */
struct fb_page_object {
    size_t key, etag;
    uint64_t size_bytes;
    int64_t key_time_ms, last_modified_ms;
};

struct fb_page {
    struct fb_buffer text;
    struct fb_page_object *objects; /* to be stored */
    size_t *keys;                   /* of all that was shown, data or not */
    size_t *prefixes;               /* of a discover listing */
    struct fb_state_listed *listed; /* the objects as the state file takes them */
    const char **key_texts;
    size_t object_count, object_capacity;
    size_t key_count, key_capacity;
    size_t prefix_count, prefix_capacity;
    size_t listed_capacity, key_text_capacity;
    uint64_t left_out[FB_KEY_FOREIGN + 1];
    int64_t newest_modified_ms;
    bool past_end; /* the range's end was passed */
};

struct fb_poller {
    struct fb_poller_options options;
    int64_t stream_id;
    bool whole, once;
    struct fb_page page;
    struct fb_poller_counts counts;
    uint64_t left_out[FB_KEY_FOREIGN + 1]; /* of the listing at hand */

    struct fb_backoff backoff;
    struct fb_random random;
    bool failing, unhealthy, refreshed;
    int64_t failing_since_ms; /* monotonic */
    unsigned hopeless_tries;

    bool backlog_listed;
    char *backlog_cursor;
    int64_t start_ms, last_sweep_start_ms;
    int64_t low_water_ms;
    int64_t newest_modified_ms;          /* that S3 has shown since we began */
    int64_t next_poll_ms, next_sweep_ms; /* monotonic */
};

/* Where a listing stands. */
struct fb_listing {
    const struct fb_layout_range *range;
    const char *start_after;
    char token[sizeof((struct fb_s3_list_result *)0)->continuation_token];
    bool is_last; /* no page follows the one at hand */
};

/* Reads the next page into poller->page, trying until it comes or the poller gives up. */
enum fb_status fb_poller_fetch(struct fb_poller *poller, struct fb_listing *listing,
                               struct fb_error *error) FB_MUST_CHECK;

/* After a failure: FB_OK once it is time to try again, else what to give up with. */
enum fb_status fb_poller_endure(struct fb_poller *poller, enum fb_verdict verdict,
                                const struct fb_error *failure) FB_MUST_CHECK;
void fb_poller_succeeded(struct fb_poller *poller);

/* The page's objects as the state file takes them, at page->listed. */
enum fb_status fb_page_make_listed(struct fb_page *page) FB_MUST_CHECK;
enum fb_status fb_page_make_key_texts(struct fb_page *page) FB_MUST_CHECK;
const char *fb_page_text(const struct fb_page *page, size_t offset);
const char *fb_page_last_key(const struct fb_page *page); /* or NULL */
void fb_page_done(struct fb_page *page);

#endif
