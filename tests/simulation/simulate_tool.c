/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firehose, S3 and a daemon that finds what they delivered, in virtual time:
 *
 *   simulate_tool [--seed N] [--histories N] [--directory DIR]
 *
 * A history is drawn from a seed: delivery streams that share a prefix of any layout, with buffers
 * of 1 s to 15 min, versions that roll over from 9 to 10 and 99 to 100, several objects a second,
 * retries of up to 24 h, partitions that appear and end, time zones over a change of their clocks;
 * an S3 that fails for an hour or answers slowly; a daemon that is down for up to a week or killed
 * at any call, and its clock, which jumps by up to a day.
 *
 * Every object must be taken up, more than once only where a kill came between that and its end,
 * and no more LIST calls be made than the formula of docs/operations.md allows. The first history
 * that fails is named by its seed, and the exit status is 1.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "firebridge/base/backoff.h"
#include "firebridge/base/log.h"
#include "firebridge/pipeline/poller.h"

#include "../unit/support/fake_s3.h"
#include "../unit/support/static_credentials.h"

#define SECOND_MS   INT64_C(1000)
#define MINUTE_MS   (60 * SECOND_MS)
#define HOUR_MS     (60 * MINUTE_MS)
#define DAY_MS      (24 * HOUR_MS)
#define LOOKBACK_MS (25 * HOUR_MS)
#define RETRY_MAX_MS                                                                               \
    (24 * HOUR_MS)                    /* Firehose, "Data delivery failure": S3 is retried for 24 h \
                                       */
#define SKEW_MAX_MS  (15 * MINUTE_MS) /* S3 refuses a signature that is off by more */
#define TROUBLES_MAX 6
#define PARTITIONS   5

/* ---- layouts ---- */

struct shape {
    const char *prefix;
    const char *path; /* %Y, %m, %d, %H as strftime's; %c: a partition or anything else */
    enum fb_layout_form form;
    bool is_scattered;  /* a listing for each hour */
    bool is_discovered; /* partitions stand before the time */
};

static const struct shape shapes[] = {
    {"d/", "d/%Y/%m/%d/%H/", FB_LAYOUT_FIREHOSE, false, false},
    {"give-name", "give-name%Y/%m/%d/%H/", FB_LAYOUT_FIREHOSE, false, false},
    {"y=!{timestamp:yyyy}/m=!{timestamp:MM}/d=!{timestamp:dd}/h=!{timestamp:HH}/",
     "y=%Y/m=%m/d=%d/h=%H/", FB_LAYOUT_FIREHOSE, false, false},
    {"days/!{timestamp:yyyy/MM/dd}/", "days/%Y/%m/%d/", FB_LAYOUT_FIREHOSE, false, false},
    {"p/!{timestamp:yyyy-MM-dd-HH}/c=!{partitionKeyFromQuery:c}/", "p/%Y-%m-%d-%H/c=%c/",
     FB_LAYOUT_FIREHOSE, false, false},
    {"p/c=!{partitionKeyFromQuery:c}/!{timestamp:yyyy/MM/dd/HH}/", "p/c=%c/%Y/%m/%d/%H/",
     FB_LAYOUT_FIREHOSE, false, true},
    {"p/!{partitionKeyFromLambda:c}/!{timestamp:dd-MM-yyyy/HH}/", "p/%c/%d-%m-%Y/%H/",
     FB_LAYOUT_FIREHOSE, true, true},
    {"!{timestamp:dd-MM-yyyy_HH}/", "%d-%m-%Y_%H/", FB_LAYOUT_FIREHOSE, true, false},
    {"r/!{firehose:random-string}/!{timestamp:yyyy/MM/dd/HH}/", "r/%c/%Y/%m/%d/%H/",
     FB_LAYOUT_FIREHOSE, false, false},
    {"flat/", "flat/%Y/%m/%d/", FB_LAYOUT_FLAT, false, false},
};

static const char *const zones[] = {
    NULL, NULL, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- a history ---- */

struct span {
    int64_t from_ms, to_ms;
};

struct history {
    uint64_t dice;
    const struct shape *shape;
    const char *zone;
    int64_t start_ms, end_ms; /* of what is delivered */
    int64_t poll_interval_ms, sweep_interval_ms;
    int64_t call_max_ms; /* how long S3 takes to answer */
    struct span outages[TROUBLES_MAX], downs[TROUBLES_MAX], jumps[TROUBLES_MAX];
    int64_t jump_ms[TROUBLES_MAX];
    unsigned kill_percent; /* of the steps */

    struct fake_s3 s3;
    unsigned *taken;   /* by object, in the order of keys */
    unsigned *excused; /* taken up again after a kill */
    int64_t last_appears_ms;
};

static uint64_t draw(struct history *history, uint64_t below)
{
    uint64_t z = history->dice += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static int64_t draw_ms(struct history *history, int64_t from_ms, int64_t to_ms)
{
    return from_ms + (int64_t)draw(history, (uint64_t)(to_ms - from_ms + 1));
}

static bool happens(struct history *history, unsigned percent)
{
    return draw(history, 100) < percent;
}

static void draw_troubles(struct history *history, struct span *spans, unsigned percent,
                          int64_t longest_ms)
{
    for (size_t i = 0; i < TROUBLES_MAX; i++) {
        if (!happens(history, percent))
            continue;
        spans[i].from_ms = draw_ms(history, history->start_ms, history->end_ms);
        spans[i].to_ms = spans[i].from_ms + draw_ms(history, SECOND_MS, longest_ms);
    }
}

/* The span at hand; NULL: none. */
static const struct span *span_at(const struct span *spans, int64_t now_ms)
{
    for (size_t i = 0; i < TROUBLES_MAX; i++)
        if (now_ms >= spans[i].from_ms && now_ms < spans[i].to_ms)
            return &spans[i];
    return NULL;
}

/* ---- Firehose ---- */

static void add_number(FILE *to, int number, int width)
{
    fprintf(to, "%0*d", width, number);
}

static void write_path(FILE *to, const char *path, const struct tm *at, const char *partition)
{
    for (; *path != '\0'; path++)
        if (*path != '%')
            fputc(*path, to);
        else if (*++path == 'c')
            fputs(partition, to);
        else
            add_number(to,
                       *path == 'Y'   ? at->tm_year + 1900
                       : *path == 'm' ? at->tm_mon + 1
                       : *path == 'd' ? at->tm_mday
                                      : at->tm_hour,
                       *path == 'Y' ? 4 : 2);
}

/* As Firehose names it, by the arrival of its oldest record. */
static void write_key(struct history *history, const char *stream, unsigned version,
                      int64_t arrived_ms, const char *partition, char *key, size_t size)
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
            draw(history, UINT64_C(1) << 32));
    if (fclose(to) != 0)
        abort();
}

static void deliver(struct history *history, const char *stream, unsigned version,
                    int64_t arrived_ms, int64_t buffer_ms)
{
    static const char *const customers[PARTITIONS] = {"a", "b c", "d=1", "\xc3\xa9", "zz"};
    /* Partitions come and go: each has its part of the time. */
    const int64_t part_ms = (history->end_ms - history->start_ms) / PARTITIONS + 1;
    const size_t first = (size_t)((arrived_ms - history->start_ms) / part_ms);
    size_t partition = (first + draw(history, 3)) % PARTITIONS;
    int64_t appears_ms = arrived_ms + buffer_ms + draw_ms(history, SECOND_MS, MINUTE_MS);
    char key[sizeof history->s3.objects->key];

    if (arrived_ms < history->start_ms)
        partition = draw(history, PARTITIONS);
    if (happens(history, 5))
        appears_ms += draw_ms(history, 0, RETRY_MAX_MS);
    write_key(history, stream, version, arrived_ms, customers[partition], key, sizeof key);
    (void)fake_s3_put(&history->s3, key, appears_ms);
    if (appears_ms > history->last_appears_ms)
        history->last_appears_ms = appears_ms;
}

/* One delivery stream, from some days before the daemon's first start on. */
static void run_stream(struct history *history, const char *name)
{
    static const unsigned versions[] = {1, 8, 98};
    const int64_t buffer_ms = draw_ms(history, SECOND_MS, 15 * MINUTE_MS);
    const int64_t pause_ms = (history->end_ms - history->start_ms) / 60;
    unsigned version = versions[draw(history, COUNT(versions))];
    int64_t now_ms = history->start_ms - draw_ms(history, 0, 3 * DAY_MS);

    while (now_ms < history->end_ms) {
        const unsigned together = happens(history, 20) ? 1 + (unsigned)draw(history, 3) : 1;

        for (unsigned i = 0; i < together; i++)
            deliver(history, name, version, now_ms, buffer_ms);
        version += happens(history, 3);
        now_ms += buffer_ms + (happens(history, 30) ? 0 : draw_ms(history, 0, 2 * pause_ms));
    }
}

/* A week around a change of the clocks, or anywhere in the year. */
static int64_t draw_start_ms(struct history *history)
{
    static const int64_t changes_s[] = {1774746000, 1792893600, 1772953200, 1793512800, 1775314800};
    const int64_t new_year_ms = INT64_C(1767225600000); /* 2026 */

    if (happens(history, 50))
        return changes_s[draw(history, COUNT(changes_s))] * 1000 - draw_ms(history, 0, 2 * DAY_MS);
    return new_year_ms + draw_ms(history, 0, 365 * DAY_MS);
}

static void set_zone(const char *zone)
{
    setenv("TZ", zone == NULL ? "UTC" : zone, 1);
    tzset();
}

static void draw_history(struct history *history, uint64_t seed)
{
    static const char *const names[] = {"orders", "clicks-2026-01-01-00-00-00", "s"};

    *history = (struct history){.dice = seed};
    fake_s3_init(&history->s3);
    history->s3.page_size = happens(history, 50) ? 1000 : 1 + (unsigned)draw(history, 20);
    history->shape = &shapes[draw(history, COUNT(shapes))];
    history->zone = zones[draw(history, COUNT(zones))];
    history->start_ms = draw_start_ms(history);
    history->end_ms = history->start_ms + draw_ms(history, 12 * HOUR_MS, 4 * DAY_MS);
    history->poll_interval_ms = draw_ms(history, MINUTE_MS, 15 * MINUTE_MS);
    history->sweep_interval_ms = draw_ms(history, 10 * MINUTE_MS, 2 * HOUR_MS);
    history->call_max_ms = happens(history, 80) ? 200 : 20 * SECOND_MS;
    history->kill_percent = happens(history, 50) ? 0 : (unsigned)draw(history, 5);
    draw_troubles(history, history->outages, 15, HOUR_MS);
    draw_troubles(history, history->downs, 15, 3 * DAY_MS);
    if (happens(history, 10))
        history->downs[0] = (struct span){history->start_ms, history->start_ms + 7 * DAY_MS};
    draw_troubles(history, history->jumps, 10, 6 * HOUR_MS);
    for (size_t i = 0; i < TROUBLES_MAX; i++)
        history->jump_ms[i] = draw_ms(history, -DAY_MS, DAY_MS);
    set_zone(history->zone);
    for (uint64_t i = 0, count = 1 + draw(history, COUNT(names)); i < count; i++)
        run_stream(history, names[i]);
    (void)fake_s3_find(&history->s3, "");
    history->taken = calloc(history->s3.count + 1, sizeof *history->taken);
    history->excused = calloc(history->s3.count + 1, sizeof *history->excused);
    if (history->taken == NULL || history->excused == NULL)
        abort();
}

static void history_done(struct history *history)
{
    fake_s3_done(&history->s3);
    free(history->taken);
    free(history->excused);
}

/* ---- the daemon ---- */

/* Its clock: true time and what it is off by. */
struct clock {
    struct fb_clock clock;
    struct history *history;
    int64_t now_ms; /* true */
};

struct daemon {
    struct history *history;
    const char *directory;
    struct clock clock;
    struct static_provider provider;
    struct fb_credentials_cache *credentials; /* which knows the skew */
    struct fb_stop stop;
    struct fb_layout *layout;
    struct fb_state *state;
    struct fb_poller *poller;
    int64_t stream_id;
    bool takeable;
    unsigned kill_at_call; /* this call from now; 0: none */
    uint64_t calls, shown;
    uint64_t allowed; /* calls, by the formula */
    int64_t last_sweep_ms;
};

/* A poller's call says nothing of who made it. */
static struct daemon *the_daemon;

static int64_t clock_realtime_ms(struct fb_clock *clock)
{
    const struct clock *own = (const struct clock *)clock;
    const struct span *jump = span_at(own->history->jumps, own->now_ms);

    return own->now_ms + (jump == NULL ? 0 : own->history->jump_ms[jump - own->history->jumps]);
}

static int64_t clock_monotonic_ms(struct fb_clock *clock)
{
    return ((const struct clock *)clock)->now_ms;
}

static bool clock_sleep_ms(struct fb_clock *clock, struct fb_stop *stop, enum fb_stop_level level,
                           int64_t wait_ms)
{
    ((struct clock *)clock)->now_ms += wait_ms > 0 ? wait_ms : 0;
    return stop != NULL && fb_stop_level(stop) >= level;
}

/*
 * What a listing may cost beside a call for each page_size keys that it shows: one for each range,
 * and where partitions stand before the time, those of each and the one that finds them.
 */
static uint64_t ranges_of(const struct daemon *daemon, int64_t window_ms)
{
    const struct shape *shape = daemon->history->shape;
    const uint64_t hours = (uint64_t)(window_ms / HOUR_MS) + 3;
    const uint64_t ranges = shape->is_scattered ? hours : 1;

    return shape->is_discovered ? 1 + PARTITIONS * ranges : ranges;
}

/* From the last sweep's start minus the look-back, to 15 h ahead, by a clock a day off. */
static uint64_t ranges_of_sweep(const struct daemon *daemon)
{
    return ranges_of(daemon, daemon->clock.now_ms - daemon->last_sweep_ms + LOOKBACK_MS +
                                 15 * HOUR_MS + 2 * DAY_MS);
}

/* A call with a clock that is too far off is refused, and its caller learns the time. */
static void mind_skew(struct daemon *daemon)
{
    const int64_t off_ms = clock_realtime_ms(&daemon->clock.clock) - daemon->clock.now_ms;

    if (llabs(off_ms + fb_credentials_cache_skew_ms(daemon->credentials)) <= SKEW_MAX_MS)
        return;
    fb_credentials_cache_set_skew_ms(daemon->credentials, -off_ms);
    /* A sweep in which the clock was corrected is no complete one, and another follows. */
    daemon->allowed += ranges_of_sweep(daemon);
}

static enum fb_status list_page(struct fb_client *client, const struct fb_s3_list_request *request,
                                struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    struct daemon *daemon = the_daemon;
    struct history *history = daemon->history;
    enum fb_status status;

    (void)client;
    daemon->clock.now_ms += draw_ms(history, 1, history->call_max_ms);
    if (daemon->kill_at_call > 0 && --daemon->kill_at_call == 0)
        fb_stop_request(&daemon->stop, FB_STOP_DRAIN);
    if (span_at(history->outages, daemon->clock.now_ms) != NULL)
        return fb_fail(error, FB_UNAVAILABLE, "no answer");
    mind_skew(daemon);
    daemon->calls++;
    status = fake_s3_list_page(&history->s3, daemon->clock.now_ms, request, ret_result);
    if (status == FB_OK)
        daemon->shown += ret_result->key_count;
    return status;
}

static void on_takeable(void *context, bool takeable)
{
    ((struct daemon *)context)->takeable = takeable;
}

static void must(enum fb_status status, const struct fb_error *error)
{
    if (status == FB_OK)
        return;
    fprintf(stderr, "simulate_tool: %s\n", error->message);
    exit(2);
}

static void take_again(struct daemon *daemon);

static void stop_daemon(struct daemon *daemon)
{
    fb_poller_free(daemon->poller);
    fb_state_close(daemon->state);
    daemon->poller = NULL;
    daemon->state = NULL;
}

static void start_daemon(struct daemon *daemon)
{
    static const struct fb_stream_identity identity = {
        .source = "s3://bucket/", .table_arn = "arn", .fingerprint = "1"};
    const struct history *history = daemon->history;
    struct fb_poller_options options = {
        .stream = "simulated",
        .bucket = "bucket",
        .layout = daemon->layout,
        .list_page = list_page,
        .client = {.credentials = daemon->credentials},
        .poll_interval_ms = history->poll_interval_ms,
        .sweep_interval_ms = history->sweep_interval_ms,
        .lookback_ms = LOOKBACK_MS,
        .patience = {.clock = &daemon->clock.clock,
                     .stop = &daemon->stop,
                     .stop_at = FB_STOP_DRAIN},
        .clock = &daemon->clock.clock,
        .stop = &daemon->stop,
        .seed = 7,
        .on_takeable = on_takeable,
        .context = daemon,
    };
    struct fb_error error = {0};
    struct fb_stream_row row;

    fb_stop_init(&daemon->stop, NULL);
    daemon->takeable = false;
    must(fb_state_open(daemon->directory, &daemon->state, &error), &error);
    must(fb_state_stream_open(daemon->state, "simulated", &identity, 0, &row, &error), &error);
    daemon->stream_id = row.id;
    options.state = daemon->state;
    options.row = &row;
    must(fb_poller_new(&options, &daemon->poller, &error), &error);
    fb_stream_row_done(&row);
    take_again(daemon);
}

static void end_object(struct daemon *daemon, struct fb_state_object *object)
{
    const struct fb_object_progress done = {.id = object->id, .state = FB_OBJECT_DONE};
    const struct fb_checkpoint checkpoint = {.objects = &done, .object_count = 1};
    struct fb_error error = {0};

    must(fb_state_checkpoint(daemon->state, daemon->stream_id, &checkpoint, &error), &error);
    fb_state_object_done(object);
}

static size_t count_taken(struct daemon *daemon, const struct fb_state_object *object,
                          unsigned *counts)
{
    const struct fake_object *found = fake_s3_find(&daemon->history->s3, object->key);

    if (found == NULL) {
        fprintf(stderr, "simulate_tool: %s was never delivered\n", object->key);
        exit(2);
    }
    return counts[found - daemon->history->s3.objects]++;
}

/* What a kill left unfinished. */
static void take_again(struct daemon *daemon)
{
    struct fb_state_object object;

    while (fb_state_resume_next(daemon->state, daemon->stream_id, 0, &object, NULL) == FB_OK) {
        (void)count_taken(daemon, &object, daemon->history->taken);
        (void)count_taken(daemon, &object, daemon->history->excused);
        end_object(daemon, &object);
    }
}

/* Takes up and ends all that is pending; a kill may come in between. */
static void work(struct daemon *daemon)
{
    struct fb_state_object object;

    while (daemon->takeable &&
           fb_state_take_next(daemon->state, daemon->stream_id, &object, NULL) == FB_OK) {
        (void)count_taken(daemon, &object, daemon->history->taken);
        if (happens(daemon->history, daemon->history->kill_percent)) {
            fb_state_object_done(&object);
            stop_daemon(daemon);
            start_daemon(daemon);
        } else {
            end_object(daemon, &object);
        }
    }
}

/* One step, which may be cut short by a kill. */
static void step(struct daemon *daemon)
{
    struct history *history = daemon->history;
    const struct fb_poller_counters *counters = fb_poller_counters(daemon->poller);
    const uint64_t polls = atomic_load(&counters->polls);
    int64_t wait_ms = 0;
    struct fb_error error = {0};
    enum fb_status status;

    if (happens(history, history->kill_percent))
        daemon->kill_at_call = 1 + (unsigned)draw(history, 4);
    status = fb_poller_step(daemon->poller, &wait_ms, &error);
    if (status == FB_OK && atomic_load(&counters->polls) > polls)
        daemon->allowed += ranges_of(daemon, 2 * HOUR_MS);
    else
        daemon->allowed += ranges_of_sweep(daemon);
    if (status == FB_OK && atomic_load(&counters->sweeps) > 0)
        daemon->last_sweep_ms = daemon->clock.now_ms;
    if (status == FB_OK) {
        work(daemon);
        daemon->clock.now_ms += wait_ms > 0 ? wait_ms : 1;
        return;
    }
    if (status != FB_CANCELED)
        must(status, &error);
    daemon->kill_at_call = 0;
    stop_daemon(daemon);
    start_daemon(daemon);
}

/* Until all is delivered and all troubles are over, and two sweeps more. */
static int64_t end_of(const struct history *history)
{
    int64_t end_ms = history->last_appears_ms;

    for (size_t i = 0; i < TROUBLES_MAX; i++) {
        const int64_t ends_ms[] = {history->outages[i].to_ms, history->downs[i].to_ms,
                                   history->jumps[i].to_ms};

        for (size_t k = 0; k < COUNT(ends_ms); k++)
            if (ends_ms[k] > end_ms)
                end_ms = ends_ms[k];
    }
    return end_ms + 2 * history->sweep_interval_ms + 2 * HOUR_MS;
}

static void live(struct daemon *daemon)
{
    struct history *history = daemon->history;
    const int64_t end_ms = end_of(history);

    while (daemon->clock.now_ms < end_ms) {
        const struct span *down = span_at(history->downs, daemon->clock.now_ms);

        if (down == NULL) {
            if (daemon->poller == NULL)
                start_daemon(daemon);
            step(daemon);
            continue;
        }
        stop_daemon(daemon);
        daemon->clock.now_ms = down->to_ms;
    }
    /* What kills left pending is taken up by a daemon that is let alone. */
    history->kill_percent = 0;
    daemon->kill_at_call = 0;
    step(daemon);
}

/* ---- the verdict ---- */

static unsigned verdict(const struct daemon *daemon, uint64_t seed)
{
    const struct history *history = daemon->history;
    const uint64_t allowed = daemon->allowed + daemon->shown / history->s3.page_size;
    unsigned faults = 0;

    for (size_t i = 0; i < history->s3.count; i++) {
        const char *key = history->s3.objects[i].key;

        if (history->taken[i] == 0)
            printf("seed %" PRIu64 ": %s of %" PRId64 " was missed (prefix %s, zone %s)\n", seed,
                   key, history->s3.objects[i].appears_ms / 1000, history->shape->prefix,
                   history->zone == NULL ? "UTC" : history->zone);
        if (history->taken[i] > 1 + history->excused[i])
            printf("seed %" PRIu64 ": %s was taken up %u times\n", seed, key, history->taken[i]);
        faults += history->taken[i] == 0 || history->taken[i] > 1 + history->excused[i];
    }
    if (daemon->calls > allowed) {
        printf("seed %" PRIu64 ": %" PRIu64 " LIST calls, %" PRIu64 " allowed (prefix %s)\n", seed,
               daemon->calls, allowed, history->shape->prefix);
        faults++;
    }
    return faults;
}

struct totals {
    uint64_t objects, calls, allowed;
};

static void remove_state(const char *directory)
{
    static const char *const names[] = {"firebridge.db", "firebridge.db-wal", "firebridge.db-shm",
                                        "firebridge.lock"};
    char path[256];

    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
}

static unsigned run_history(uint64_t seed, const char *directory, struct totals *totals)
{
    struct history history;
    struct daemon daemon = {.history = &history, .directory = directory};
    struct fb_layout_options layout = {0};
    struct fb_error error = {0};
    unsigned faults;

    draw_history(&history, seed);
    daemon.clock = (struct clock){{.realtime_ms = clock_realtime_ms,
                                   .monotonic_ms = clock_monotonic_ms,
                                   .sleep_ms = clock_sleep_ms},
                                  &history,
                                  history.start_ms};
    layout.prefix = history.shape->prefix;
    layout.form = history.shape->form;
    layout.time_zone = history.zone;
    must(fb_layout_new(&layout, &daemon.layout, &error), &error);
    static_provider_init(&daemon.provider, 0);
    daemon.credentials = static_cache_new(&daemon.provider, &daemon.clock.clock);
    daemon.last_sweep_ms = history.start_ms;
    the_daemon = &daemon;
    live(&daemon);
    faults = verdict(&daemon, seed);
    totals->objects += history.s3.count;
    totals->calls += daemon.calls;
    totals->allowed += daemon.allowed + daemon.shown / history.s3.page_size;
    stop_daemon(&daemon);
    remove_state(directory);
    fb_credentials_cache_free(daemon.credentials);
    fb_layout_free(daemon.layout);
    history_done(&history);
    return faults;
}

static int usage(void)
{
    fputs("usage: simulate_tool [--seed N] [--histories N] [--directory DIR]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"histories", required_argument, NULL, 'n'},
                                            {"directory", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    char directory[] = "/tmp/firebridge-simulation-XXXXXX";
    const char *in = NULL;
    uint64_t seed = 1;
    uint64_t count = 100;
    struct totals totals = {0};
    unsigned faults = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'n')
            count = strtoull(optarg, NULL, 10);
        else if (option == 'd')
            in = optarg;
        else
            return usage();
    if (in == NULL && mkdtemp(directory) == NULL)
        return 2;
    fb_log_set_level(FB_LOG_ERROR);
    for (uint64_t i = 0; i < count; i++)
        faults += run_history(seed + i, in != NULL ? in : directory, &totals) > 0;
    if (in == NULL)
        rmdir(directory);
    printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " histories, %" PRIu64 " objects, %u "
           "histories with a fault; %" PRIu64 " LIST calls of %" PRIu64 " allowed\n",
           seed, seed + count - 1, count, totals.objects, faults, totals.calls, totals.allowed);
    return faults > 0;
}
