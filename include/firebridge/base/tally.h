/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts by a word: a code of AWS, a reason, an operation. Bounded: what comes when all rows are
 * taken counts as "other".
 *
 * Threads: any. The lock guards the rows; for what happens once a call, not once a record.
 */
#ifndef FIREBRIDGE_BASE_TALLY_H
#define FIREBRIDGE_BASE_TALLY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define FB_TALLY_MAX_ROWS  32
#define FB_TALLY_WORD_SIZE 64
#define FB_TALLY_OTHER     "other"

struct fb_tally_row {
    char word[FB_TALLY_WORD_SIZE]; /* cut where it is longer */
    uint64_t count;
};

struct fb_tally_view {
    size_t row_count;
    struct fb_tally_row rows[FB_TALLY_MAX_ROWS]; /* in the order in which they came */
};

struct fb_tally {
    pthread_mutex_t lock;
    struct fb_tally_view view;
};

void fb_tally_init(struct fb_tally *tally);
void fb_tally_done(struct fb_tally *tally);

void fb_tally_add(struct fb_tally *tally, const char *word, uint64_t count);
void fb_tally_view(struct fb_tally *tally, struct fb_tally_view *ret_view);

/* The same on a view of one's own. */
void fb_tally_view_add(struct fb_tally_view *view, const char *word, uint64_t count);

/* 0: there is no such word. */
uint64_t fb_tally_view_count(const struct fb_tally_view *view, const char *word);
uint64_t fb_tally_view_sum(const struct fb_tally_view *view);

#endif
