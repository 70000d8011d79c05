/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Firehose, "Data delivery failure": S3 is retried for 24 h. */
#define RETRY_MAX_MS (24 * HOUR_MS)

static const struct shape shapes[] = {
    {"d/", "d/%Y/%m/%d/%H/", FB_LAYOUT_FIREHOSE, false, 0},
    {"give-name", "give-name%Y/%m/%d/%H/", FB_LAYOUT_FIREHOSE, false, 0},
    {"y=!{timestamp:yyyy}/m=!{timestamp:MM}/d=!{timestamp:dd}/h=!{timestamp:HH}/",
     "y=%Y/m=%m/d=%d/h=%H/", FB_LAYOUT_FIREHOSE, false, 0},
    {"days/!{timestamp:yyyy/MM/dd}/", "days/%Y/%m/%d/", FB_LAYOUT_FIREHOSE, false, 0},
    {"p/!{timestamp:yyyy-MM-dd-HH}/c=!{partitionKeyFromQuery:c}/", "p/%Y-%m-%d-%H/c=%c/",
     FB_LAYOUT_FIREHOSE, false, 0},
    {"p/c=!{partitionKeyFromQuery:c}/!{timestamp:yyyy/MM/dd/HH}/", "p/c=%c/%Y/%m/%d/%H/",
     FB_LAYOUT_FIREHOSE, false, 1},
    {"p/!{partitionKeyFromLambda:c}/!{timestamp:dd-MM-yyyy/HH}/", "p/%c/%d-%m-%Y/%H/",
     FB_LAYOUT_FIREHOSE, true, 1},
    {"p/g=!{partitionKeyFromQuery:g}/!{partitionKeyFromQuery:c}/!{timestamp:yyyy/MM/dd/HH}/",
     "p/g=%g/%c/%Y/%m/%d/%H/", FB_LAYOUT_FIREHOSE, false, 2},
    {"!{timestamp:dd-MM-yyyy_HH}/", "%d-%m-%Y_%H/", FB_LAYOUT_FIREHOSE, true, 0},
    {"r/!{firehose:random-string}/!{timestamp:yyyy/MM/dd/HH}/", "r/%c/%Y/%m/%d/%H/",
     FB_LAYOUT_FIREHOSE, false, 0},
    {"flat/", "flat/%Y/%m/%d/", FB_LAYOUT_FLAT, false, 0},
};

static const char *const zones[] = {
    NULL, NULL, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"};

/* Groups are by the number's remainder of 4. */
static const char *const partitions[PARTITIONS] = {
    "a", "b c", "d=1", "\xc3\xa9", "zz", "2026", "11", "-", "A+B", "c=x", "\xf0\x9f\x94\xa5", "~"};

/* ---- dice ---- */

uint64_t history_roll(struct history *history, uint64_t below)
{
    uint64_t z = history->dice += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

int64_t history_roll_ms(struct history *history, int64_t from_ms, int64_t to_ms)
{
    return from_ms + (int64_t)history_roll(history, (uint64_t)(to_ms - from_ms + 1));
}

bool history_happens(struct history *history, unsigned percent)
{
    return history_roll(history, 100) < percent;
}

/* ---- troubles ---- */

static void draw_troubles(struct history *history, struct span *spans, unsigned percent,
                          int64_t longest_ms)
{
    for (size_t i = 0; i < TROUBLES_MAX; i++) {
        if (!history_happens(history, percent))
            continue;
        spans[i].from_ms = history_roll_ms(history, history->start_ms, history->end_ms);
        spans[i].to_ms = spans[i].from_ms + history_roll_ms(history, SECOND_MS, longest_ms);
    }
}

static void draw_all_troubles(struct history *history)
{
    draw_troubles(history, history->outages, 15, HOUR_MS);
    draw_troubles(history, history->downs, 15, 3 * DAY_MS);
    draw_troubles(history, history->jumps, 10, 6 * HOUR_MS);
    for (size_t i = 0; i < TROUBLES_MAX; i++)
        history->jump_ms[i] = history_roll_ms(history, -DAY_MS, DAY_MS);
    if (history_happens(history, 10)) {
        history->downs[0].from_ms = history->start_ms;
        history->downs[0].to_ms = history->start_ms + 7 * DAY_MS;
    }
    if (history_happens(history, 10)) {
        history->outages[0].from_ms = history_roll_ms(history, history->start_ms, history->end_ms);
        history->outages[0].to_ms = history->outages[0].from_ms + 3 * DAY_MS;
    }
}

const struct span *span_at(const struct span *spans, int64_t now_ms)
{
    for (size_t i = 0; i < TROUBLES_MAX; i++)
        if (now_ms >= spans[i].from_ms && now_ms < spans[i].to_ms)
            return &spans[i];
    return NULL;
}

int64_t history_end_ms(const struct history *history)
{
    int64_t end_ms = history->last_appears_ms;

    for (size_t i = 0; i < TROUBLES_MAX; i++) {
        const int64_t ends_ms[] = {history->outages[i].to_ms, history->downs[i].to_ms,
                                   history->jumps[i].to_ms};

        for (size_t k = 0; k < COUNT(ends_ms); k++)
            end_ms = ends_ms[k] > end_ms ? ends_ms[k] : end_ms;
    }
    return end_ms;
}

/* ---- Firehose ---- */

static void write_path(FILE *to, const char *path, const struct tm *at, size_t partition)
{
    for (; *path != '\0'; path++) {
        if (*path != '%') {
            fputc(*path, to);
            continue;
        }
        switch (*++path) {
        case 'c':
            fputs(partitions[partition], to);
            break;
        case 'g':
            fprintf(to, "%zu", partition % 4);
            break;
        case 'Y':
            fprintf(to, "%04d", at->tm_year + 1900);
            break;
        case 'm':
            fprintf(to, "%02d", at->tm_mon + 1);
            break;
        case 'd':
            fprintf(to, "%02d", at->tm_mday);
            break;
        default:
            fprintf(to, "%02d", at->tm_hour);
        }
    }
}

/* As Firehose names it, by the arrival of its oldest record. */
static void write_key(struct history *history, const char *stream, unsigned version,
                      int64_t arrived_ms, size_t partition, char *key, size_t size)
{
    const time_t arrived_s = (time_t)(arrived_ms / 1000);
    FILE *to = fmemopen(key, size, "w");
    char name[48];
    struct tm at;

    if (to == NULL)
        abort();
    localtime_r(&arrived_s, &at);
    strftime(name, sizeof name, "%Y-%m-%d-%H-%M-%S", &at);
    write_path(to, history->shape->path, &at, partition);
    fprintf(to, "%s-%u-%s-%08" PRIx64 ".gz", stream, version, name,
            history_roll(history, UINT64_C(1) << 32));
    if (fclose(to) != 0)
        abort();
}

/* One that is fed at that time, or else the first. */
static size_t draw_partition(struct history *history, int64_t arrived_ms)
{
    const size_t first = history_roll(history, PARTITIONS);

    for (size_t i = 0; i < PARTITIONS; i++) {
        const size_t partition = (first + i) % PARTITIONS;

        for (size_t part = 0; part < PARTITION_PARTS; part++)
            if (arrived_ms >= history->fed[partition][part].from_ms &&
                arrived_ms < history->fed[partition][part].to_ms)
                return partition;
    }
    return 0;
}

static void deliver(struct history *history, const char *stream, unsigned version,
                    int64_t arrived_ms, int64_t buffer_ms)
{
    const size_t partition = draw_partition(history, arrived_ms);
    int64_t appears_ms = arrived_ms + buffer_ms + history_roll_ms(history, SECOND_MS, MINUTE_MS);
    char key[sizeof history->s3.objects->key];

    if (history_happens(history, 5))
        appears_ms += history_roll_ms(history, 0, RETRY_MAX_MS);
    write_key(history, stream, version, arrived_ms, partition, key, sizeof key);
    (void)fake_s3_put(&history->s3, key, appears_ms);
    if (appears_ms > history->last_appears_ms)
        history->last_appears_ms = appears_ms;
}

/* One delivery stream, from some days before the daemon's first start on. */
static void run_stream(struct history *history, const char *name, uint64_t streams)
{
    static const unsigned versions[] = {1, 8, 98};
    const int64_t buffer_ms = history_roll_ms(history, SECOND_MS, 15 * MINUTE_MS);
    const int64_t pause_ms = (history->end_ms - history->start_ms) * (int64_t)streams / 120;
    unsigned version = versions[history_roll(history, COUNT(versions))];
    int64_t now_ms = history->start_ms - history_roll_ms(history, 0, 3 * DAY_MS);

    while (now_ms < history->end_ms) {
        const unsigned together =
            history_happens(history, 20) ? 1 + (unsigned)history_roll(history, 3) : 1;

        for (unsigned i = 0; i < together; i++)
            deliver(history, name, version, now_ms, buffer_ms);
        version += history_happens(history, 3);
        now_ms += buffer_ms +
                  (history_happens(history, 30) ? 0 : history_roll_ms(history, 0, 2 * pause_ms));
    }
}

static void draw_partitions(struct history *history)
{
    const int64_t first_ms = history->start_ms - 3 * DAY_MS;

    for (size_t i = 0; i < PARTITIONS; i++)
        for (size_t part = 0; part < PARTITION_PARTS; part++) {
            struct span *fed = &history->fed[i][part];

            fed->from_ms = history_roll_ms(history, first_ms, history->end_ms);
            fed->to_ms = fed->from_ms + history_roll_ms(history, MINUTE_MS, DAY_MS);
        }
}

/* A week around a change of the clocks, or anywhere in the year. */
static int64_t draw_start_ms(struct history *history)
{
    static const int64_t changes_s[] = {1774746000, 1792893600, 1772953200, 1793512800, 1775314800};
    const int64_t new_year_ms = INT64_C(1767225600000); /* 2026 */

    if (history_happens(history, 50))
        return changes_s[history_roll(history, COUNT(changes_s))] * 1000 -
               history_roll_ms(history, 0, 2 * DAY_MS);
    return new_year_ms + history_roll_ms(history, 0, 365 * DAY_MS);
}

static void set_zone(const char *zone)
{
    setenv("TZ", zone == NULL ? "UTC" : zone, 1);
    tzset();
}

/* Half of all budgets suffice. */
static uint64_t draw_budget(struct history *history)
{
    return history_happens(history, 50) ? 3600 : 60 + history_roll(history, 600);
}

void history_draw(struct history *history, uint64_t seed)
{
    static const char *const names[] = {
        "orders", "clicks-2026-01-01-00-00-00", "s", "S", "s-9", "s-10", "a.b_c", "~"};
    uint64_t streams;

    *history = (struct history){.dice = seed};
    fake_s3_init(&history->s3);
    history->s3.page_size =
        history_happens(history, 50) ? 1000 : 2 + (unsigned)history_roll(history, 20);
    history->shape = &shapes[history_roll(history, COUNT(shapes))];
    history->zone = zones[history_roll(history, COUNT(zones))];
    history->start_ms = draw_start_ms(history);
    history->end_ms = history->start_ms + history_roll_ms(history, 12 * HOUR_MS, 4 * DAY_MS);
    history->poll_interval_ms = history_roll_ms(history, 4 * MINUTE_MS, 15 * MINUTE_MS);
    history->sweep_interval_ms = history_roll_ms(history, 10 * MINUTE_MS, 2 * HOUR_MS);
    history->list_budget = draw_budget(history);
    history->call_max_ms = history_happens(history, 80) ? 200 : 20 * SECOND_MS;
    history->kill_percent = history_happens(history, 50) ? 0 : (unsigned)history_roll(history, 5);
    draw_all_troubles(history);
    draw_partitions(history);
    set_zone(history->zone);
    streams = 1 + history_roll(history, COUNT(names));
    for (uint64_t i = 0; i < streams; i++)
        run_stream(history, names[i], streams);
    (void)fake_s3_find(&history->s3, "");
}

void history_done(struct history *history)
{
    fake_s3_done(&history->s3);
}

size_t history_partition_of(const struct history *history, const char *key)
{
    const char *conversion = strstr(history->shape->path, "%c");
    const char *begin = key;

    if (history->shape->levels == 0)
        return PARTITIONS;
    begin = key + (conversion - history->shape->path);
    if (history->shape->levels == 2)
        begin--; /* %g is two characters, and one in the key */
    for (size_t i = 0; i < PARTITIONS; i++) {
        const size_t length = strlen(partitions[i]);

        if (strncmp(begin, partitions[i], length) == 0 && begin[length] == '/')
            return i;
    }
    return PARTITIONS;
}
