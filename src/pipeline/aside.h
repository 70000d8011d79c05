/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes that wait for their time: a heap by due_ms. Private to waiting.c.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_ASIDE_H
#define FIREBRIDGE_SRC_PIPELINE_ASIDE_H

#include "firebridge/pipeline/waiting.h"

struct fb_aside {
    struct fb_write **heap;
    size_t count, capacity;
};

/* Makes places for `count` in all, so that putting one aside cannot fail. FB_NO_MEMORY. */
enum fb_status fb_aside_reserve(struct fb_aside *aside, size_t count) FB_MUST_CHECK;
void fb_aside_done(struct fb_aside *aside);

/* There is a place. */
void fb_aside_put(struct fb_aside *aside, struct fb_write *write);

/* When the first is due; INT64_MAX: there is none. */
int64_t fb_aside_next_ms(const struct fb_aside *aside);

/* The first, when it is due by then; or NULL. */
struct fb_write *fb_aside_take(struct fb_aside *aside, int64_t now_ms);

#endif
