/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the poller's parts share: poller.c decides what is due, poller_walk.c goes from folder to
 * folder, poller_list.c lists pages and stores them.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_POLLER_PRIVATE_H
#define FIREBRIDGE_SRC_PIPELINE_POLLER_PRIVATE_H

#include "firebridge/pipeline/poller.h"
#include "list_budget.h"
#include "partitions.h"
#include "poller_page.h"

/* One step of a walk: a range to be listed, or a partition whose ranges lie above it. */
struct fb_walk_step {
    struct fb_layout_range range; /* without a prefix when it is a partition */
    char *partition;              /* NULL: it is a range */
    char *after;                  /* the last key that was stored; NULL: none yet */
    char *token;                  /* of the page behind it; NULL: by `after` */
    bool listed;                  /* only what lies above it is still to be done */
    size_t parent;                /* the step that it came from; FB_WALK_TOP: none */
    int64_t complete_ms;          /* all that was there before is seen when the step is done */
};

#define FB_WALK_TOP SIZE_MAX

/*
 * A poll or a sweep under way: a stack of steps, done depth first, so that of all partitions only
 * one page's are in memory, and the ranges of one. It may rest between two pages for as long as it
 * likes.
 */
struct fb_walk {
    enum fb_listing listing;
    bool active;
    struct fb_walk_step *steps;
    size_t count, capacity;
    int64_t begin_ms, skew_ms; /* when it began, as S3 accepts it */
    int64_t begun_ms;          /* monotonic */
    int64_t complete_ms;
    bool waited; /* for the budget */
    bool holds;  /* its next page may hold what comes before what it has found */
    uint64_t left_out[FB_KEY_FOREIGN + 1];
};

/* How often a listing should come, and does. */
struct fb_pace {
    int64_t interval_ms, every_ms;
    bool stretched; /* one was late since the last complete sweep */
};

struct fb_poller {
    struct fb_poller_options options;
    struct fb_patience patience;
    struct fb_poller_counters own_counters, *counters;
    int64_t stream_id;
    char what[512];
    struct fb_page page;
    uint64_t told_left_out[FB_KEY_FOREIGN + 1];
    bool takeable; /* as on_takeable last said */
    bool whole;    /* no folder can be derived: each listing shows all there is */
    bool swept;    /* a sweep was complete since the start */

    char *root; /* what the first listing lists whole */
    bool backlog_listed;
    char *backlog_cursor;
    uint64_t backlog_objects, backlog_bytes;
    int64_t start_ms, last_sweep_start_ms, low_water_ms;
    int64_t next_ms[FB_LISTINGS]; /* when each is due; monotonic */
    int64_t hold_until_ms;        /* the first sweep holds everything up to then; monotonic */

    int64_t newest_modified_ms; /* that S3 has shown: a clock that cannot run ahead */

    struct fb_walk walks[FB_LISTINGS];
    struct fb_pace paces[FB_LISTINGS];
    struct fb_partitions partitions;
    struct fb_list_budget budget;
    bool is_budgeted;       /* not the first listing, nor `run --once` */
    int64_t told_times;     /* so many intervals late, as was told; 0: nothing was */
    int64_t late_ms;        /* when the last one was; monotonic */
    unsigned polls_in_turn; /* their calls since a sweep's last one */

    /* The page at hand. */
    const struct fb_layout_range *range;
    uint64_t *left_out;
    enum fb_listing listing;
    struct fb_s3_list_result result;
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

/*
 * The page of the range that the token stands for, or, without one, the page behind `after`. It is
 * asked for until it comes; poller->page and ->result have it.
 */
enum fb_status fb_poller_list_page(struct fb_poller *poller, const struct fb_layout_range *range,
                                   const char *after, const char *token,
                                   struct fb_error *error) FB_MUST_CHECK;

/* Whether another page follows the one at hand. */
bool fb_poller_has_more(const struct fb_poller *poller);

/* Stores the page at hand, which began behind `after`; its new_count says how many are new. */
enum fb_status fb_poller_store_page(struct fb_poller *poller, const char *after,
                                    struct fb_error *error) FB_MUST_CHECK;

/* Puts a copy of the page's last key in place of `*after`; the same when it has none. */
enum fb_status fb_poller_move_after(struct fb_poller *poller, char **after,
                                    struct fb_error *error) FB_MUST_CHECK;

/* Says whether what is pending may be taken up, when that changes. */
void fb_poller_set_takeable(struct fb_poller *poller, bool takeable);

/* Begins a walk over all that can hold objects of [from, to]. */
enum fb_status fb_walk_begin(struct fb_poller *poller, enum fb_listing listing, int64_t from_ms,
                             int64_t to_ms, struct fb_error *error) FB_MUST_CHECK;

/* Lists and stores one page more. Nothing is left to walk when its count is 0. */
enum fb_status fb_walk_page(struct fb_poller *poller, struct fb_walk *walk,
                            struct fb_error *error) FB_MUST_CHECK;

/* Ends it wherever it is. */
void fb_walk_end(struct fb_walk *walk);

/* The sweep holds back what is pending, or the poll does, or nobody: tells who wants to know. */
void fb_walk_tell_takeable(struct fb_poller *poller);

/* How often listings should come, and their budget. (poller_pace.c) */
void fb_poller_init_paces(struct fb_poller *poller);

/* A walk is at its end, or waits for the budget: where that makes listings late, it is said. */
void fb_poller_note_pace(struct fb_poller *poller, const struct fb_walk *walk, bool ended);

/* A sweep is complete: how many partitions there are. */
void fb_poller_note_partitions(struct fb_poller *poller);

#endif
