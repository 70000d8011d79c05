/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

#include <stdlib.h>

/* A partition is awake for an hour; one that nobody knew is polled until the next sweep is over. */
static int64_t awake_ms(const struct history *history)
{
    return HOUR_MS + 2 * history->sweep_interval_ms + 4 * history->poll_interval_ms;
}

static struct cost_day *day_of(struct cost *cost, int64_t now_ms)
{
    const int64_t day = (now_ms - cost->history->start_ms) / DAY_MS;

    if (day < 0 || day >= COST_DAYS)
        abort();
    return &cost->days[day];
}

/* ---- how many partitions are awake ---- */

struct arrival {
    int64_t at_ms;
    size_t partition;
};

static int compare(const void *a, const void *b)
{
    const int64_t one = ((const struct arrival *)a)->at_ms;
    const int64_t other = ((const struct arrival *)b)->at_ms;

    return (one > other) - (one < other);
}

static void note_awake(struct cost *cost, int64_t now_ms, const int64_t last_ms[PARTITIONS + 1])
{
    struct cost_day *day;
    unsigned awake = 0;

    if (now_ms < cost->history->start_ms)
        return;
    for (size_t i = 0; i < PARTITIONS; i++)
        awake += last_ms[i] > now_ms - awake_ms(cost->history);
    day = day_of(cost, now_ms);
    day->awake_most = awake > day->awake_most ? awake : day->awake_most;
}

/* One that was quiet at the start is found to be so on the first day. */
static void note_quiet(struct cost *cost, int64_t quiet_ms)
{
    const int64_t start_ms = cost->history->start_ms;

    day_of(cost, quiet_ms > start_ms ? quiet_ms : start_ms)->fell_quiet++;
}

static void note_arrival(struct cost *cost, const struct arrival *arrival,
                         int64_t last_ms[PARTITIONS + 1])
{
    const int64_t quiet_ms = last_ms[arrival->partition] + HOUR_MS;

    if (last_ms[arrival->partition] > 0 && quiet_ms < arrival->at_ms)
        note_quiet(cost, quiet_ms);
    last_ms[arrival->partition] = arrival->at_ms;
    note_awake(cost, arrival->at_ms, last_ms);
}

static void note_partitions(struct cost *cost)
{
    const struct fake_s3 *s3 = &cost->history->s3;
    struct arrival *arrivals = calloc(s3->count + 1, sizeof *arrivals);
    int64_t last_ms[PARTITIONS + 1] = {0};

    if (arrivals == NULL)
        abort();
    for (size_t i = 0; i < s3->count; i++)
        arrivals[i] = (struct arrival){s3->objects[i].appears_ms,
                                       history_partition_of(cost->history, s3->objects[i].key)};
    qsort(arrivals, s3->count, sizeof *arrivals, compare);
    for (size_t i = 0; i < s3->count; i++)
        note_arrival(cost, &arrivals[i], last_ms);
    for (size_t i = 0; i < PARTITIONS; i++)
        if (last_ms[i] > 0)
            note_quiet(cost, last_ms[i] + HOUR_MS);
    free(arrivals);
}

void cost_init(struct cost *cost, const struct history *history)
{
    *cost = (struct cost){.history = history};
    note_partitions(cost);
}

void cost_done(struct cost *cost)
{
    free(cost->recent_ms);
}

/* ---- what is counted ---- */

void cost_note_try(struct cost *cost, int64_t now_ms)
{
    if (cost->count == cost->capacity) {
        cost->capacity = cost->capacity > 0 ? 2 * cost->capacity : 4096;
        cost->recent_ms = realloc(cost->recent_ms, cost->capacity * sizeof *cost->recent_ms);
        if (cost->recent_ms == NULL)
            abort();
    }
    cost->recent_ms[cost->count++] = now_ms;
    while (now_ms - cost->recent_ms[cost->first] >= HOUR_MS)
        cost->first++;
    if (cost->count - cost->first > cost->most_in_an_hour)
        cost->most_in_an_hour = cost->count - cost->first;
}

void cost_begin_life(struct cost *cost)
{
    cost->first = cost->count;
}

void cost_note_answer(struct cost *cost, int64_t now_ms, size_t shown)
{
    struct cost_day *day = day_of(cost, now_ms);

    day->calls++;
    day->shown += shown;
}

/* ---- what is allowed ---- */

/* d: what finds partitions; a page that is full is counted by what it shows. */
static uint64_t finding(const struct shape *shape)
{
    return shape->levels == 0 ? 0 : shape->levels == 1 ? 1 : 1 + 4;
}

/* r, R: listings of one partition over so long. */
static uint64_t ranges(const struct shape *shape, int64_t window_ms)
{
    return shape->is_scattered ? (uint64_t)(window_ms / HOUR_MS) + 2 : 1;
}

static uint64_t ranges_of_sweep(const struct history *history)
{
    const int64_t quiet_ms = history->shape->levels > 0 ? 24 * history->sweep_interval_ms : 0;

    return ranges(history->shape,
                  LOOKBACK_MS + 15 * HOUR_MS + quiet_ms + 2 * history->sweep_interval_ms);
}

void cost_note_start(struct cost *cost, int64_t now_ms, int64_t since_ms)
{
    const struct history *history = cost->history;
    const struct shape *shape = history->shape;
    const uint64_t partitions = shape->levels == 0 ? 1 : PARTITIONS;
    const int64_t gap_ms = now_ms > since_ms ? now_ms - since_ms : 0;

    day_of(cost, now_ms)->extra +=
        2 * finding(shape) + partitions * (ranges_of_sweep(history) + ranges(shape, gap_ms) +
                                           ranges(shape, 2 * HOUR_MS));
}

/* A: what came before midnight is awake behind it. */
static unsigned awake_most(const struct cost *cost, size_t number)
{
    const unsigned today = cost->days[number].awake_most;
    const unsigned before = number > 0 ? cost->days[number - 1].awake_most : 0;

    return today > before ? today : before;
}

/*
 * G: of all that fell quiet and are not yet quiet for long. One waits 24 sweep intervals once it
 * was quiet for 8 times as long; its 40 listings lie in between.
 */
static uint64_t fell_quiet(const struct cost *cost, size_t number)
{
    const size_t long_days = (size_t)(8 * 24 * cost->history->sweep_interval_ms / DAY_MS) + 1;
    uint64_t fell = 0;

    for (size_t ago = 0; ago <= long_days && ago <= number; ago++)
        fell += cost->days[number - ago].fell_quiet;
    return fell;
}

uint64_t cost_allowed(const struct cost *cost, size_t number)
{
    const struct history *history = cost->history;
    const struct shape *shape = history->shape;
    const struct cost_day *day = &cost->days[number];
    const uint64_t polls = (uint64_t)(DAY_MS / history->poll_interval_ms) + 1;
    const uint64_t sweeps = (uint64_t)(DAY_MS / history->sweep_interval_ms) + 1;
    const uint64_t quiet_sweeps = (uint64_t)(DAY_MS / (24 * history->sweep_interval_ms)) + 1;
    const uint64_t r = ranges(shape, 2 * HOUR_MS);
    const uint64_t big_r = ranges_of_sweep(history);
    const uint64_t awake = shape->levels == 0 ? 1 : awake_most(cost, number);
    const uint64_t quiet = shape->levels == 0 ? 0 : PARTITIONS;
    const uint64_t fell = shape->levels == 0 ? 0 : fell_quiet(cost, number);

    return polls * (finding(shape) + awake * r) + sweeps * (finding(shape) + awake * big_r) +
           quiet_sweeps * quiet * big_r + 40 * fell * big_r + day->extra +
           day->shown / history->s3.page_size;
}

size_t cost_find_excess(const struct cost *cost)
{
    size_t day = 0;

    while (day < COST_DAYS && cost->days[day].calls <= cost_allowed(cost, day))
        day++;
    return day;
}

uint64_t cost_calls(const struct cost *cost)
{
    uint64_t calls = 0;

    for (size_t day = 0; day < COST_DAYS; day++)
        calls += cost->days[day].calls;
    return calls;
}
