/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/state_store.h"
#include "firebridge/base/heartbeat.h"
#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"

/* After a backup that failed, where the interval is longer. */
#define AGAIN_MS (INT64_C(5) * 60 * 1000)

/* The object may be large and the way to S3 narrow; a stop breaks it off all the same. */
#define PUT_TIMEOUT_MS (INT64_C(10) * 60 * 1000)

struct fb_keeper {
    struct fb_keeper_options options;
    struct fb_stop stop; /* drain: the last backup is due; now: none is */
    pthread_t thread;
    atomic_bool is_finished;
    pthread_mutex_t lock; /* guards the report */
    struct fb_keeper_report report;
};

static void check(struct fb_keeper *keeper)
{
    struct fb_error error = {0};
    enum fb_status status;

    fb_heartbeat_rest(true);
    status = fb_state_check(keeper->options.state, &error);
    fb_heartbeat_rest(false);
    if (status == FB_OK)
        fb_log_event(FB_EVENT_STATE_SOUND, NULL, "the state file is sound");
    else if (status != FB_CANCELED)
        fb_log_event(FB_EVENT_STATE_DAMAGED, FB_ABOUT(.error = &error), "%s", error.message);
}

static enum fb_status put(struct fb_keeper *keeper, uint64_t *ret_bytes, struct fb_error *error)
{
    const struct fb_keeper_options *options = &keeper->options;
    struct fb_client client = {0};
    const struct fb_state_store store = {
        .client = &client,
        .bucket = options->conf->backup_bucket,
        .key = options->conf->backup_key,
        .directory = options->directory,
    };
    enum fb_status status = fb_environment_client(options->environment, FB_SIDE_LETTERS, NULL,
                                                  &keeper->stop, FB_STOP_NOW, &client, error);

    if (status != FB_OK)
        return status;
    client.request_timeout_ms = PUT_TIMEOUT_MS;
    /* A large file takes its time to copy and to pack. */
    fb_heartbeat_rest(true);
    status = fb_state_store_put(&store, ret_bytes, error);
    fb_heartbeat_rest(false);
    fb_environment_client_done(&client);
    return status;
}

/* NULL: it succeeded. */
static void note(struct fb_keeper *keeper, const struct fb_error *error)
{
    pthread_mutex_lock(&keeper->lock);
    memset(&keeper->report.error, 0, sizeof keeper->report.error);
    if (error == NULL)
        keeper->report.kept_ms = fb_realtime_ms(keeper->options.clock);
    else
        keeper->report.error = *error;
    pthread_mutex_unlock(&keeper->lock);
}

/* Returns when to come again. */
static int64_t back_up(struct fb_keeper *keeper)
{
    const struct fb_conf_daemon *conf = keeper->options.conf;
    const int64_t interval_ms = conf->state_backup_interval_ms;
    struct fb_error error = {0};
    uint64_t bytes = 0;

    if (put(keeper, &bytes, &error) == FB_OK) {
        note(keeper, NULL);
        fb_log_event(FB_EVENT_STATE_KEPT, NULL, "the state is kept in %s: %llu bytes",
                     conf->state_backup, (unsigned long long)bytes);
        return interval_ms;
    }
    note(keeper, &error);
    fb_log_event(FB_EVENT_STATE_NOT_KEPT, FB_ABOUT(.error = &error),
                 "the state is not kept in %s: %s", conf->state_backup, error.message);
    return interval_ms < AGAIN_MS ? interval_ms : AGAIN_MS;
}

static void *run(void *argument)
{
    struct fb_keeper *keeper = argument;
    const struct fb_keeper_options *options = &keeper->options;
    int64_t wait_ms = options->conf->state_backup_interval_ms;

    if (!fb_state_is_checked(options->state) && fb_stop_level(&keeper->stop) == FB_STOP_NOT)
        check(keeper);
    if (options->conf->state_backup != NULL) {
        while (!fb_sleep_ms(options->clock, &keeper->stop, FB_STOP_DRAIN, wait_ms))
            wait_ms = back_up(keeper);
        if (fb_stop_level(&keeper->stop) == FB_STOP_DRAIN)
            back_up(keeper);
    }
    atomic_store(&keeper->is_finished, true);
    options->on_end(options->context);
    return NULL;
}

static void release(struct fb_keeper *keeper)
{
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}

enum fb_status fb_keeper_start(const struct fb_keeper_options *options,
                               struct fb_keeper **ret_keeper, struct fb_error *error)
{
    struct fb_keeper *keeper = calloc(1, sizeof *keeper);
    enum fb_status status;

    if (keeper == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    keeper->options = *options;
    fb_stop_init(&keeper->stop, NULL);
    pthread_mutex_init(&keeper->lock, NULL);
    status = fb_thread_start(&keeper->thread, "keeper", run, keeper, error);
    if (status == FB_OK)
        *ret_keeper = keeper;
    else
        release(keeper);
    return status;
}

void fb_keeper_report(struct fb_keeper *keeper, struct fb_keeper_report *ret_report)
{
    pthread_mutex_lock(&keeper->lock);
    *ret_report = keeper->report;
    pthread_mutex_unlock(&keeper->lock);
}

/* A check goes through the whole of a large file, for minutes on a slow disk. */
static void end(struct fb_keeper *keeper, enum fb_stop_level level)
{
    fb_stop_request(&keeper->stop, level);
    fb_state_check_stop(keeper->options.state);
}

void fb_keeper_finish(struct fb_keeper *keeper)
{
    end(keeper, FB_STOP_DRAIN);
}

bool fb_keeper_is_finished(const struct fb_keeper *keeper)
{
    return atomic_load(&keeper->is_finished);
}

void fb_keeper_stop(struct fb_keeper *keeper)
{
    end(keeper, FB_STOP_NOW);
}

void fb_keeper_free(struct fb_keeper *keeper)
{
    if (keeper == NULL)
        return;
    fb_keeper_stop(keeper);
    fb_thread_join(keeper->thread);
    release(keeper);
}
