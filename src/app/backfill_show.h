/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a backfill is: a bar that is drawn anew on a terminal, lines elsewhere, JSON objects
 * where that is asked for. Private to src/app.
 *
 * Threads: main alone.
 */
#ifndef FIREBRIDGE_SRC_APP_BACKFILL_SHOW_H
#define FIREBRIDGE_SRC_APP_BACKFILL_SHOW_H

#include "firebridge/state/backfill.h"

struct fb_backfill_show {
    const char *stream;
    bool as_json, is_terminal;
    int64_t shown_ms; /* when the last line was printed */
};

void fb_backfill_show_init(struct fb_backfill_show *show, const char *stream, bool as_json);

/* On a terminal in place; elsewhere a line now and then. False: it cannot be shown any more. */
bool fb_backfill_show(struct fb_backfill_show *show, const struct fb_backfill *backfill,
                      int64_t now_ms);

/* The last line. Returns an exit status, as the next does. */
int fb_backfill_show_end(struct fb_backfill_show *show, const struct fb_backfill *backfill,
                         int64_t now_ms);

/* What a dry run would begin. */
int fb_backfill_show_plan(const char *stream, const struct fb_backfill *asked, bool as_json);

/* Of its bytes; 100 once it is complete. */
unsigned fb_backfill_percent(const struct fb_backfill *backfill);

/* When it is done if it goes on as it did; 0: it cannot be told. */
int64_t fb_backfill_left_ms(const struct fb_backfill *backfill, int64_t now_ms);

#endif
