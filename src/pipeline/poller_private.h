/* SPDX-License-Identifier: Apache-2.0 */
/* What the poller's parts share: poller.c decides what is due, poller_list.c lists and stores. */
#ifndef FIREBRIDGE_SRC_PIPELINE_POLLER_PRIVATE_H
#define FIREBRIDGE_SRC_PIPELINE_POLLER_PRIVATE_H

#include "firebridge/pipeline/poller.h"
#include "poller_page.h"

struct fb_poller {
    struct fb_poller_options options;
    struct fb_patience patience;
    struct fb_poller_counters counters;
    int64_t stream_id;
    char what[512];
    struct fb_page page;
    uint64_t left_out[FB_KEY_FOREIGN + 1], told_left_out[FB_KEY_FOREIGN + 1];
    bool takeable; /* as on_takeable last said */
    bool whole;    /* no folder can be derived: each listing shows all there is */

    char *root; /* what the first listing lists whole */
    bool backlog_listed;
    char *backlog_cursor;
    uint64_t backlog_objects, backlog_bytes;
    int64_t start_ms, last_sweep_start_ms, low_water_ms;
    int64_t next_poll_ms, next_sweep_ms; /* monotonic */

    int64_t newest_modified_ms; /* that S3 has shown: a clock that cannot run ahead */

    /* The listing at hand. */
    const struct fb_layout_range *range;
    struct fb_layout_ranges *ranges;
    struct fb_s3_list_result result; /* of its last page */
};

/* A call of the state file, made until it succeeds or the patience gives up. */
typedef enum fb_status (*fb_poller_store_fn)(struct fb_poller *poller, const void *argument,
                                             struct fb_error *error);

enum fb_status fb_poller_store(struct fb_poller *poller, fb_poller_store_fn call,
                               const void *argument, struct fb_error *error) FB_MUST_CHECK;

/* The clock as S3 accepts it: ours plus the skew that signing has learnt. */
int64_t fb_poller_now_ms(const struct fb_poller *poller);
int64_t fb_poller_skew_ms(const struct fb_poller *poller);

/* Lists the whole root prefix into the backlog, from its cursor on. */
enum fb_status fb_poller_list_backlog(struct fb_poller *poller,
                                      struct fb_error *error) FB_MUST_CHECK;

/* No backlog: start_at = now or a time; the first sweep begins there. */
enum fb_status fb_poller_skip_backlog(struct fb_poller *poller,
                                      struct fb_error *error) FB_MUST_CHECK;

/* Lists and stores all that can hold objects of [from, to]. */
enum fb_status fb_poller_list_span(struct fb_poller *poller, int64_t from_ms, int64_t to_ms,
                                   struct fb_error *error) FB_MUST_CHECK;

void fb_poller_set_takeable(struct fb_poller *poller, bool takeable);

#endif
