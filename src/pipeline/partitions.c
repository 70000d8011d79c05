/* SPDX-License-Identifier: Apache-2.0 */
#include "partitions.h"

#include <stdlib.h>
#include <string.h>

/* Firehose buffers for at most 15 min, so one that is fed shows something in this time. */
#define AWAKE_MS (INT64_C(60) * 60 * 1000)

/* What comes alive is found within this part of the time that it was quiet for. */
#define QUIET_PART 8

#define COUNT_AT_FIRST 64

void fb_partitions_done(struct fb_partitions *partitions)
{
    for (size_t i = 0; i < partitions->count; i++)
        free(partitions->all[i].prefix);
    free(partitions->all);
    *partitions = (struct fb_partitions){0};
}

/* Where it is, or would be. */
static size_t place_of(const struct fb_partitions *partitions, const char *prefix)
{
    size_t low = 0;
    size_t high = partitions->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (strcmp(partitions->all[middle].prefix, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct fb_partitions *partitions, size_t place, const char *prefix)
{
    return place < partitions->count && strcmp(partitions->all[place].prefix, prefix) == 0;
}

struct fb_partition *fb_partitions_find(const struct fb_partitions *partitions, const char *prefix)
{
    const size_t place = place_of(partitions, prefix);

    return is_at(partitions, place, prefix) ? &partitions->all[place] : NULL;
}

static bool make_room(struct fb_partitions *partitions)
{
    const size_t capacity = partitions->capacity > 0 ? 2 * partitions->capacity : COUNT_AT_FIRST;
    struct fb_partition *grown;

    if (partitions->count < partitions->capacity)
        return true;
    if (partitions->count >= FB_PARTITIONS_MAX)
        return false;
    grown = realloc(partitions->all, capacity * sizeof *grown);
    if (grown == NULL)
        return false;
    partitions->all = grown;
    partitions->capacity = capacity;
    return true;
}

struct fb_partition *fb_partitions_add(struct fb_partitions *partitions, const char *prefix)
{
    const size_t place = place_of(partitions, prefix);
    struct fb_partition *at;
    char *copy;

    if (is_at(partitions, place, prefix))
        return &partitions->all[place];
    copy = strdup(prefix);
    if (copy == NULL || !make_room(partitions)) {
        free(copy);
        return NULL;
    }
    at = &partitions->all[place];
    memmove(at + 1, at, (partitions->count - place) * sizeof *at);
    *at = (struct fb_partition){.prefix = copy};
    partitions->count++;
    return at;
}

void fb_partitions_begin_sweep(struct fb_partitions *partitions)
{
    for (size_t i = 0; i < partitions->count; i++)
        partitions->all[i].shown = false;
}

void fb_partitions_end_sweep(struct fb_partitions *partitions)
{
    size_t kept = 0;

    for (size_t i = 0; i < partitions->count; i++)
        if (partitions->all[i].shown)
            partitions->all[kept++] = partitions->all[i];
        else
            free(partitions->all[i].prefix);
    partitions->count = kept;
}

bool fb_partition_is_quiet(const struct fb_partition *partition, int64_t now_ms)
{
    return partition->swept_ms > 0 && now_ms - partition->alive_ms > AWAKE_MS;
}

bool fb_partition_may_wait(const struct fb_partition *partition, int64_t now_ms,
                           int64_t sweep_interval_ms)
{
    const int64_t most_ms = FB_QUIET_SWEEPS * sweep_interval_ms;
    int64_t wait_ms = (partition->swept_ms - partition->alive_ms) / QUIET_PART;

    wait_ms = wait_ms < most_ms ? wait_ms : most_ms;
    return fb_partition_is_quiet(partition, now_ms) && partition->swept_ms <= now_ms &&
           now_ms + sweep_interval_ms - partition->swept_ms <= wait_ms;
}

size_t fb_partitions_quiet(const struct fb_partitions *partitions, int64_t now_ms)
{
    size_t quiet = 0;

    for (size_t i = 0; i < partitions->count; i++)
        quiet += fb_partition_is_quiet(&partitions->all[i], now_ms);
    return quiet;
}
