/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Firehose delivers and what goes wrong meanwhile, drawn from a seed: delivery streams that
 * share a prefix of any layout, with buffers of 1 s to 15 min, versions that roll over from 9 to 10
 * and 99 to 100, several objects a second, retries of up to 24 h, partitions that appear and end,
 * time zones over a change of their clocks; an S3 that fails for an hour or for three days, or
 * answers slowly; a daemon that is down for up to a week or killed at any call, and its clock,
 * which jumps by up to a day.
 */
#ifndef FIREBRIDGE_TESTS_SIMULATION_HISTORY_H
#define FIREBRIDGE_TESTS_SIMULATION_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/pipeline/layout.h"

#include "../unit/support/fake_s3.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#define LOOKBACK_MS (25 * HOUR_MS)

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define TROUBLES_MAX    6
#define PARTITIONS      12
#define PARTITION_PARTS 3 /* of the time, in which a partition is fed */

struct shape {
    const char *prefix;
    /* %Y, %m, %d, %H as strftime's; %c: a partition or anything else; %g: a group of partitions */
    const char *path;
    enum fb_layout_form form;
    bool is_scattered; /* a listing for each hour */
    unsigned levels;   /* of partitions before the time */
};

struct span {
    int64_t from_ms, to_ms;
};

struct history {
    uint64_t dice;
    const struct shape *shape;
    const char *zone;
    int64_t start_ms, end_ms; /* of what is delivered while the daemon lives */
    int64_t poll_interval_ms, sweep_interval_ms;
    uint64_t list_budget;
    int64_t call_max_ms; /* how long S3 takes to answer */
    struct span outages[TROUBLES_MAX], downs[TROUBLES_MAX], jumps[TROUBLES_MAX];
    int64_t jump_ms[TROUBLES_MAX];
    unsigned kill_percent; /* of the steps */
    struct span fed[PARTITIONS][PARTITION_PARTS];

    struct fake_s3 s3;
    int64_t last_appears_ms;
};

void history_draw(struct history *history, uint64_t seed);
void history_done(struct history *history);

uint64_t history_roll(struct history *history, uint64_t below);
int64_t history_roll_ms(struct history *history, int64_t from_ms, int64_t to_ms);
bool history_happens(struct history *history, unsigned percent);

/* The trouble of these at hand; NULL: none. */
const struct span *span_at(const struct span *spans, int64_t now_ms);

/* When all is delivered and all troubles are over. */
int64_t history_end_ms(const struct history *history);

/* The partition that a key lies in, by its number; PARTITIONS: none. */
size_t history_partition_of(const struct history *history, const char *key);

#endif
