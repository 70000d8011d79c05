/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a backlog will still take, by how it shrank over the last minutes. Pure: no clock.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_BACKLOG_H
#define FIREBRIDGE_SRC_PIPELINE_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

/* It is looked at so often, if a look costs little; looks are kept for longer in such a distance.
 */
#define FB_BACKLOG_FRESH_MS 2000
#define FB_BACKLOG_LOOK_MS  10000

/* Five minutes of looks: a longer memory would still count a throttle that is over. */
#define FB_BACKLOG_LOOKS 31

struct fb_backlog_look {
    int64_t at_ms; /* monotonic */
    uint64_t bytes;
};

struct fb_backlog {
    struct fb_backlog_look looks[FB_BACKLOG_LOOKS]; /* a ring */
    size_t count;                                   /* of looks ever taken */
};

/* One more look: so many bytes are still to be written. */
void fb_backlog_look(struct fb_backlog *backlog, int64_t now_ms, uint64_t bytes);

/* When the last look's bytes will be done, from then; 0: there are none; -1: they do not shrink. */
int64_t fb_backlog_done_in_ms(const struct fb_backlog *backlog);

#endif
