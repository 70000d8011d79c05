/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a lane may write, in write units a second: what the stream is allowed (fb_budget), and
 * what the table takes (fb_rate), found out as CUBIC finds out what a path carries (RFC 9438): a
 * throttle lowers the rate a little, and it climbs back quickly at first, carefully near the last
 * good one, and then beyond it, so that a table which grows is found out.
 *
 * Both are buckets that may be in debt: a call begins when the bucket is not empty, and takes what
 * it costs, whatever that is.
 *
 * Threads: a rate has one owner; a budget is any thread's. Time is passed in.
 */
#ifndef FIREBRIDGE_PIPELINE_RATE_H
#define FIREBRIDGE_PIPELINE_RATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fb_bucket {
    double units_per_s; /* 0: no limit */
    double units;       /* below 0: debt */
    int64_t at_ms;      /* when that was so */
};

struct fb_rate {
    struct fb_bucket bucket;
    double last_good;     /* at which it was throttled last; 0: never was */
    double fell_to;       /* ... and to which part of it that made it fall */
    int64_t fell_ms;      /* when it did last */
    int64_t throttled_ms; /* the same, less the time in which it was not in use */
    int64_t answered_ms;
    double spent[2]; /* units, in the last whole second and in this one */
    int64_t second_ms;
    bool is_searching; /* it was throttled, and no call went through since */
    bool is_held;      /* a call waited for the rate since the last answer */
};

void fb_rate_init(struct fb_rate *rate, int64_t now_ms);

/* When the next call may begin: now, or later. */
int64_t fb_rate_next_ms(struct fb_rate *rate, int64_t now_ms);

/* How many items of one unit the next call may carry, of `most`. */
size_t fb_rate_most_items(const struct fb_rate *rate, size_t most);

/* A call with so many units begins. */
void fb_rate_spend(struct fb_rate *rate, double units, int64_t now_ms);

/* ... and the table throttled some of it, or none. */
void fb_rate_answer(struct fb_rate *rate, bool throttled, int64_t now_ms);

/* Units a second; 0: nothing limits it. */
double fb_rate_limit(const struct fb_rate *rate);

/* What all lanes of a stream may consume together. */
struct fb_budget {
    pthread_mutex_t lock; /* guards the bucket */
    struct fb_bucket bucket;
};

void fb_budget_init(struct fb_budget *budget, unsigned units_per_s);
void fb_budget_done(struct fb_budget *budget);

/*
 * Takes `units` when the bucket is not empty, and returns now; or else returns when to ask again.
 * `budget` may be NULL: no limit.
 */
int64_t fb_budget_take(struct fb_budget *budget, double units, int64_t now_ms);

/* What was taken too little, or, below 0, too much. */
void fb_budget_correct(struct fb_budget *budget, double units);

#endif
