/* SPDX-License-Identifier: Apache-2.0 */
/* LIST calls, day by day, and how many the formula of docs/operations.md allows. */
#ifndef FIREBRIDGE_TESTS_SIMULATION_COST_H
#define FIREBRIDGE_TESTS_SIMULATION_COST_H

#include "history.h"

#define COST_DAYS 64

struct cost_day {
    uint64_t calls, shown; /* LIST calls that S3 answered, and the keys in them */
    uint64_t extra;        /* calls that starts, outages and corrections of the clock may take */
    unsigned awake_most;   /* partitions in which something came lately */
    unsigned fell_quiet;
};

struct cost {
    const struct history *history;
    struct cost_day days[COST_DAYS];
    /* The calls of the last hour, of one life of the daemon. */
    int64_t *recent_ms;
    size_t count, first, capacity;
    size_t most_in_an_hour;
};

void cost_init(struct cost *cost, const struct history *history);
void cost_done(struct cost *cost);

/* The daemon starts: what it did an hour ago it does not know. */
void cost_begin_life(struct cost *cost);

/* A call is made; a try that fails counts for the budget. */
void cost_note_try(struct cost *cost, int64_t now_ms);
void cost_note_answer(struct cost *cost, int64_t now_ms, size_t shown);

/* After a start, an outage or a correction of the clock: all partitions once, since then. */
void cost_note_start(struct cost *cost, int64_t now_ms, int64_t since_ms);

/* The first day with more calls than the formula allows; COST_DAYS: none. */
size_t cost_find_excess(const struct cost *cost);

uint64_t cost_calls(const struct cost *cost);
uint64_t cost_allowed(const struct cost *cost, size_t day);

#endif
