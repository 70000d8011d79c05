/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firehose, S3 and a daemon that finds what they delivered, in virtual time:
 *
 *   simulate_tool [--seed N] [--histories N] [--directory DIR]
 *
 * A history (history.h) is drawn from a seed. Every object of it must be taken up, more than once
 * only where a kill came between that and its end; in no hour may the daemon make more LIST calls
 * than its list_budget, and on no day more than the formula of docs/operations.md allows (cost.h).
 * The histories that fail are named by their seeds, and the exit status is 1.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/base/log.h"
#include "firebridge/pipeline/poller.h"

#include "../unit/support/static_credentials.h"
#include "cost.h"
#include "history.h"

#define SKEW_MAX_MS (15 * MINUTE_MS) /* S3 refuses a signature that is off by more */

/* ---- the daemon ---- */

/* Its clock: true time and what it is off by. */
struct clock {
    struct fb_clock clock;
    struct history *history;
    int64_t now_ms; /* true */
};

struct daemon {
    struct history *history;
    struct cost cost;
    unsigned *taken;   /* by object, in the order of keys */
    unsigned *excused; /* taken up again after a kill */
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
    bool first_listing_done;
    bool was_out; /* S3 did not answer the last call */
    int64_t last_sweep_ms;
    uint64_t sweeps; /* of all lives */
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

/* A call with a clock that is too far off is refused, and its caller learns the time. */
static void mind_skew(struct daemon *daemon)
{
    const int64_t off_ms = clock_realtime_ms(&daemon->clock.clock) - daemon->clock.now_ms;

    if (llabs(off_ms + fb_credentials_cache_skew_ms(daemon->credentials)) <= SKEW_MAX_MS)
        return;
    fb_credentials_cache_set_skew_ms(daemon->credentials, -off_ms);
    /* A sweep in which the clock was corrected is no complete one, and another follows. */
    for (unsigned i = 0; i < 2; i++)
        cost_note_start(&daemon->cost, daemon->clock.now_ms, daemon->last_sweep_ms - DAY_MS);
}

static enum fb_status list_page(struct fb_client *client, const struct fb_s3_list_request *request,
                                struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    struct daemon *daemon = the_daemon;
    struct history *history = daemon->history;
    const int64_t tried_ms = daemon->clock.now_ms;
    enum fb_status status;

    (void)client;
    daemon->clock.now_ms += history_roll_ms(history, 1, history->call_max_ms);
    if (daemon->first_listing_done)
        cost_note_try(&daemon->cost, tried_ms);
    if (daemon->kill_at_call > 0 && --daemon->kill_at_call == 0)
        fb_stop_request(&daemon->stop, FB_STOP_DRAIN);
    daemon->was_out = daemon->was_out || span_at(history->outages, daemon->clock.now_ms) != NULL;
    if (span_at(history->outages, daemon->clock.now_ms) != NULL)
        return fb_fail(error, FB_UNAVAILABLE, "no answer");
    if (daemon->was_out)
        cost_note_start(&daemon->cost, daemon->clock.now_ms, daemon->last_sweep_ms);
    daemon->was_out = false;
    mind_skew(daemon);
    status = fake_s3_list_page(&history->s3, daemon->clock.now_ms, request, ret_result);
    if (status == FB_OK)
        cost_note_answer(&daemon->cost, daemon->clock.now_ms, ret_result->key_count);
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
        .list_budget = history->list_budget,
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
    cost_begin_life(&daemon->cost);
    cost_note_start(&daemon->cost, daemon->clock.now_ms, daemon->last_sweep_ms);
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
        (void)count_taken(daemon, &object, daemon->taken);
        (void)count_taken(daemon, &object, daemon->excused);
        end_object(daemon, &object);
    }
}

/* Takes up and ends all that is pending; a kill may come in between. */
static void work(struct daemon *daemon)
{
    struct fb_state_object object;

    while (daemon->takeable &&
           fb_state_take_next(daemon->state, daemon->stream_id, &object, NULL) == FB_OK) {
        (void)count_taken(daemon, &object, daemon->taken);
        if (history_happens(daemon->history, daemon->history->kill_percent)) {
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
    const uint64_t sweeps = atomic_load(&counters->sweeps);
    const int64_t begun_ms = daemon->clock.now_ms;
    int64_t wait_ms = 0;
    struct fb_error error = {0};
    enum fb_status status;

    if (history_happens(history, history->kill_percent))
        daemon->kill_at_call = 1 + (unsigned)history_roll(history, 4);
    status = fb_poller_step(daemon->poller, &wait_ms, &error);
    if (status == FB_OK) {
        daemon->first_listing_done = true;
        if (atomic_load(&counters->sweeps) > sweeps) {
            daemon->sweeps++;
            daemon->last_sweep_ms = begun_ms;
        }
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

static void live_until(struct daemon *daemon, int64_t end_ms)
{
    const struct history *history = daemon->history;

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
}

/*
 * Until all is delivered and all troubles are over, and what is late is found: within two sweeps,
 * however far the budget stretches them, and, in a quiet partition, within 24 sweep intervals.
 */
static void live(struct daemon *daemon)
{
    struct history *history = daemon->history;
    uint64_t sweeps;

    live_until(daemon, history_end_ms(history) + 2 * HOUR_MS);
    /* What kills left pending is taken up by a daemon that is let alone. */
    history->kill_percent = 0;
    daemon->kill_at_call = 0;
    sweeps = daemon->sweeps;
    if (history->shape->levels > 0)
        live_until(daemon, daemon->clock.now_ms + 24 * history->sweep_interval_ms);
    while (daemon->sweeps < sweeps + 2)
        live_until(daemon, daemon->clock.now_ms + history->sweep_interval_ms);
}

/* ---- the verdict ---- */

static unsigned judge_objects(const struct daemon *daemon, uint64_t seed)
{
    const struct history *history = daemon->history;
    unsigned faults = 0;

    for (size_t i = 0; i < history->s3.count; i++) {
        const struct fake_object *object = &history->s3.objects[i];

        if (daemon->taken[i] == 0)
            printf("seed %" PRIu64 ": %s of %" PRId64 " was missed (prefix %s, zone %s)\n", seed,
                   object->key, object->appears_ms / 1000, history->shape->prefix,
                   history->zone == NULL ? "UTC" : history->zone);
        if (daemon->taken[i] > 1 + daemon->excused[i])
            printf("seed %" PRIu64 ": %s was taken up %u times\n", seed, object->key,
                   daemon->taken[i]);
        faults += daemon->taken[i] == 0 || daemon->taken[i] > 1 + daemon->excused[i];
    }
    return faults;
}

static unsigned judge_calls(const struct daemon *daemon, uint64_t seed)
{
    const struct history *history = daemon->history;
    const size_t day = cost_find_excess(&daemon->cost);
    unsigned faults = 0;

    if (day < COST_DAYS) {
        printf("seed %" PRIu64 ": day %zu had %" PRIu64 " LIST calls, the formula allows %" PRIu64
               " (prefix %s)\n",
               seed, day, daemon->cost.days[day].calls, cost_allowed(&daemon->cost, day),
               history->shape->prefix);
        faults++;
    }
    if (daemon->cost.most_in_an_hour > history->list_budget) {
        printf("seed %" PRIu64 ": an hour had %zu LIST calls, list_budget is %" PRIu64
               " (prefix %s)\n",
               seed, daemon->cost.most_in_an_hour, history->list_budget, history->shape->prefix);
        faults++;
    }
    return faults;
}

struct totals {
    uint64_t objects, calls, allowed, days;
    unsigned closest_percent; /* of the day that came closest to what the formula allows */
};

static void add_up(struct totals *totals, const struct daemon *daemon)
{
    totals->objects += daemon->history->s3.count;
    totals->calls += cost_calls(&daemon->cost);
    for (size_t day = 0; day < COST_DAYS; day++) {
        unsigned percent;

        if (daemon->cost.days[day].calls == 0)
            continue;
        totals->days++;
        totals->allowed += cost_allowed(&daemon->cost, day);
        percent = (unsigned)(100 * daemon->cost.days[day].calls / cost_allowed(&daemon->cost, day));
        if (percent > totals->closest_percent)
            totals->closest_percent = percent;
    }
}

/* Behind a history, and before it, where a run that was killed left one. */
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

    remove_state(directory);
    history_draw(&history, seed);
    cost_init(&daemon.cost, &history);
    daemon.taken = calloc(history.s3.count + 1, sizeof *daemon.taken);
    daemon.excused = calloc(history.s3.count + 1, sizeof *daemon.excused);
    if (daemon.taken == NULL || daemon.excused == NULL)
        abort();
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
    faults = judge_objects(&daemon, seed) + judge_calls(&daemon, seed);
    add_up(totals, &daemon);
    stop_daemon(&daemon);
    remove_state(directory);
    fb_credentials_cache_free(daemon.credentials);
    fb_layout_free(daemon.layout);
    cost_done(&daemon.cost);
    history_done(&history);
    free(daemon.taken);
    free(daemon.excused);
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
           "histories with a fault; on %" PRIu64 " days %" PRIu64 " LIST calls of %" PRIu64
           " allowed, on the closest day %u %%\n",
           seed, seed + count - 1, count, totals.objects, faults, totals.days, totals.calls,
           totals.allowed, totals.closest_percent);
    return faults > 0;
}
