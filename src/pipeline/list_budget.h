/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many LIST calls an hour may be made, shared by polls and sweeps. Private to the poller. Pure:
 * the time is a parameter.
 *
 * In no hour are more made than the budget. A twelfth of it may be made at once, and the rest comes
 * back evenly. Polls have three quarters and come first; a quarter is the sweeps' own, so that late
 * objects are found whatever polls cost. What one of them leaves, the other has.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_LIST_BUDGET_H
#define FIREBRIDGE_SRC_PIPELINE_LIST_BUDGET_H

#include <stdint.h>

enum fb_listing { FB_LISTING_POLL, FB_LISTING_SWEEP };

#define FB_LISTINGS 2

struct fb_list_budget {
    double most[FB_LISTINGS];   /* calls at once */
    double left[FB_LISTINGS];   /* of them; below zero: what a failing S3 made us overdraw */
    double per_ms[FB_LISTINGS]; /* so many come back */
    int64_t refilled_ms;        /* monotonic */
};

/* `per_hour` is 12 at least: a call of each kind at once. */
void fb_list_budget_init(struct fb_list_budget *budget, uint64_t per_hour, int64_t now_ms);

/* How long until such a call may be made; 0: now. */
int64_t fb_list_budget_wait_ms(struct fb_list_budget *budget, enum fb_listing listing,
                               int64_t now_ms);

/* One is made. */
void fb_list_budget_take(struct fb_list_budget *budget, enum fb_listing listing, int64_t now_ms);

#endif
