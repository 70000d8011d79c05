/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of an event that folds, for each stream: the first is written at once, then one a minute, the
 * last one, with how many more there were.
 *
 * Memory: what is held is one line for each event and stream that came within the last minute.
 * Where there is none left a line is written unfolded; none is ever lost.
 * Threads: one at a time. Time is passed in.
 */
#ifndef FIREBRIDGE_BASE_LOG_FOLD_H
#define FIREBRIDGE_BASE_LOG_FOLD_H

#include "firebridge/base/log_line.h"

struct fb_log_held;

typedef void (*fb_log_write_fn)(void *context, const struct fb_log_line *line);

struct fb_log_fold {
    struct fb_log_held *held[FB_EVENT_COUNT];
    fb_log_write_fn write;
    void *context;
};

/* Writes the line, or holds it. */
void fb_log_fold_put(struct fb_log_fold *fold, const struct fb_log_line *line, int64_t now_ms);

/* Writes what was held for a minute. */
void fb_log_fold_flush(struct fb_log_fold *fold, int64_t now_ms);

/* Writes all that is held, and frees it. */
void fb_log_fold_end(struct fb_log_fold *fold);

#endif
