/* SPDX-License-Identifier: Apache-2.0 */
#include "backlog.h"

/* A century: it may as well not shrink. */
#define LONGEST_MS INT64_C(3155760000000)

static const struct fb_backlog_look *look_of(const struct fb_backlog *backlog, size_t number)
{
    return &backlog->looks[number % FB_BACKLOG_LOOKS];
}

/* The last one moves on until it is far enough from the one before it. */
void fb_backlog_look(struct fb_backlog *backlog, int64_t now_ms, uint64_t bytes)
{
    if (backlog->count >= 2 &&
        look_of(backlog, backlog->count - 1)->at_ms - look_of(backlog, backlog->count - 2)->at_ms <
            FB_BACKLOG_LOOK_MS)
        backlog->count--;
    backlog->looks[backlog->count++ % FB_BACKLOG_LOOKS] = (struct fb_backlog_look){now_ms, bytes};
}

int64_t fb_backlog_done_in_ms(const struct fb_backlog *backlog)
{
    const size_t kept = backlog->count < FB_BACKLOG_LOOKS ? backlog->count : FB_BACKLOG_LOOKS;
    const struct fb_backlog_look *first, *last;
    double shrunk, left_ms;

    if (kept == 0)
        return -1;
    last = look_of(backlog, backlog->count - 1);
    if (last->bytes == 0)
        return 0;
    first = look_of(backlog, backlog->count - kept);
    if (first->bytes <= last->bytes)
        return -1;
    shrunk = (double)(first->bytes - last->bytes);
    left_ms = (double)(last->at_ms - first->at_ms) * ((double)last->bytes / shrunk);
    return left_ms < (double)LONGEST_MS ? (int64_t)left_ms : -1;
}
