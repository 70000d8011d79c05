/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partitions that stand before the time in a prefix, as listings have found them: when
 * something new came last, and up to when all is seen. Private to the poller.
 *
 * A partition in which nothing came for an hour is quiet. Polls leave it out, and sweeps list it
 * the less often the longer it is quiet. What is left out is not missed: a sweep is complete only
 * up to the time at which it was last listed.
 *
 * It is in memory alone and starts empty: what is not known is listed.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_PARTITIONS_H
#define FIREBRIDGE_SRC_PIPELINE_PARTITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 4 MB of them; what is beyond is always listed. */
#define FB_PARTITIONS_MAX 32768

struct fb_partition {
    char *prefix;
    int64_t alive_ms; /* the LastModified of the newest object that was seen in it; 0: none */
    int64_t swept_ms; /* all that was there then is seen; 0: nothing is known */
    bool shown;       /* by the sweep under way */
};

/* In the order of their prefixes. */
struct fb_partitions {
    struct fb_partition *all;
    size_t count, capacity;
};

void fb_partitions_done(struct fb_partitions *partitions);

/* NULL: it is not known. */
struct fb_partition *fb_partitions_find(const struct fb_partitions *partitions, const char *prefix);

/* Found or added; NULL: there are too many, or no memory. Others move. */
struct fb_partition *fb_partitions_add(struct fb_partitions *partitions, const char *prefix);

/* A sweep begins: none is shown yet. */
void fb_partitions_begin_sweep(struct fb_partitions *partitions);

/* A sweep is complete: those that it was not shown are forgotten. */
void fb_partitions_end_sweep(struct fb_partitions *partitions);

bool fb_partition_is_quiet(const struct fb_partition *partition, int64_t now_ms);

/*
 * Whether a sweep may leave it out: it was listed, and may wait for the next one, which begins in
 * `sweep_interval_ms`. It may wait for an eighth of the time that it had been quiet for when it was
 * listed, and for FB_QUIET_SWEEPS sweep intervals at most.
 */
#define FB_QUIET_SWEEPS 24

bool fb_partition_may_wait(const struct fb_partition *partition, int64_t now_ms,
                           int64_t sweep_interval_ms);

size_t fb_partitions_quiet(const struct fb_partitions *partitions, int64_t now_ms);

#endif
