/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's life: from conf to streams, until they have ended. */
#include "daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "firebridge/base/log.h"

/* How long the main thread sleeps between looks; the watchdog's ping needs no more. */
#define TICK_MS 1000

/* What is left of stop_timeout for the last checkpoint once the lanes were told to let go. */
#define LAST_CHECKPOINT_MS 2000

/* How long the state's last backup may take. */
#define LAST_BACKUP_MS 30000

/* A state file, its log and what SQLite maps beside them, when they are new. */
#define STATE_NEEDS_BYTES (256 * 1024)

/* That a disk is in the way is said again after so long. */
#define TELL_AGAIN_MS 60000

void fb_daemon_wake(void *context)
{
    struct fb_daemon *daemon = context;

    pthread_kill(daemon->main_thread, SIGUSR1);
}

void fb_setup_release(struct fb_setup *setup)
{
    if (--setup->users > 0)
        return;
    if (setup->environment != NULL)
        fb_environment_stop(setup->environment);
    fb_refresher_free(setup->refresher);
    fb_environment_free(setup->environment);
    fb_conf_free(setup->conf);
    free(setup);
}

int64_t fb_daemon_drain_ms(int64_t stop_timeout_ms)
{
    return stop_timeout_ms > 2 * LAST_CHECKPOINT_MS ? stop_timeout_ms - LAST_CHECKPOINT_MS
                                                    : stop_timeout_ms / 2;
}

static void block_signals(struct fb_daemon *daemon)
{
    sigemptyset(&daemon->signals);
    sigaddset(&daemon->signals, SIGTERM);
    sigaddset(&daemon->signals, SIGINT);
    sigaddset(&daemon->signals, SIGHUP);
    sigaddset(&daemon->signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &daemon->signals, NULL);
    daemon->main_thread = pthread_self();
}

/* With the folders above it, as `check` promises. */
static enum fb_status make_directories(const char *key, char *path, struct fb_error *error)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        int result;

        if (slash != NULL)
            *slash = '\0';
        result = mkdir(path, 0700);
        if (result != 0 && errno != EEXIST)
            return fb_fail(error, FB_IO, "cannot make %s %s: %s", key, path, strerror(errno));
        if (slash == NULL)
            return FB_OK;
        *slash = '/';
    }
}

static enum fb_status find_directories(struct fb_daemon *daemon, struct fb_error *error)
{
    enum fb_status status = fb_environment_state_dir(daemon->setup->conf, &daemon->state_directory);

    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a path");
    if (asprintf(&daemon->dead_letter_directory, "%s/dead-letters", daemon->state_directory) >= 0)
        return FB_OK;
    daemon->dead_letter_directory = NULL;
    return fb_fail(error, FB_NO_MEMORY, "no memory for a path");
}

static enum fb_status open_state(struct fb_daemon *daemon, struct fb_error *error)
{
    enum fb_status status = make_directories("state_dir", daemon->state_directory, error);

    return status == FB_OK ? fb_state_open(daemon->state_directory, &daemon->state, error) : status;
}

/* Full, or read-only as after an error of the disk: both may pass. */
static bool is_disk_in_the_way(const char *directory)
{
    struct statvfs disk;

    return statvfs(directory, &disk) == 0 &&
           ((disk.f_flag & ST_RDONLY) != 0 || disk.f_bavail * disk.f_frsize < STATE_NEEDS_BYTES);
}

static void stop_streams(struct fb_daemon *daemon, enum fb_stop_level level)
{
    for (size_t i = 0; i < daemon->stream_count; i++) {
        struct fb_daemon_stream *stream = daemon->streams[i];

        if (stream->stream != NULL)
            fb_stream_stop(stream->stream, level);
        if (level == FB_STOP_NOW && stream->setup->environment != NULL)
            fb_environment_stop(stream->setup->environment);
    }
}

static void begin_stop(struct fb_daemon *daemon, const char *why)
{
    int64_t timeout_ms = daemon->setup->conf->daemon.stop_timeout_ms;

    if (daemon->stopping) {
        fb_log_event(FB_EVENT_STOPPING_NOW, NULL,
                     "%s again: stopping at once; what is in flight is written again next time",
                     why);
        stop_streams(daemon, FB_STOP_NOW);
        if (daemon->keeper != NULL)
            fb_keeper_stop(daemon->keeper);
        return;
    }
    fb_log_event(FB_EVENT_STOPPING, NULL,
                 "%s: stopping; what is in flight is finished within %lld s", why,
                 (long long)(timeout_ms / 1000));
    fb_notify_stopping(timeout_ms);
    daemon->stopping = true;
    daemon->stop_deadline_ms = fb_monotonic_ms(fb_clock_system()) + fb_daemon_drain_ms(timeout_ms);
    stop_streams(daemon, FB_STOP_DRAIN);
}

static void take_signal(struct fb_daemon *daemon, int64_t wait_ms)
{
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = (wait_ms % 1000) * 1000000};
    int number = sigtimedwait(&daemon->signals, NULL, &wait);

    if (number == SIGTERM || number == SIGINT)
        begin_stop(daemon, number == SIGTERM ? "SIGTERM" : "SIGINT");
    else if (number == SIGHUP && (daemon->options->once || daemon->state == NULL))
        fb_log_event(FB_EVENT_CONF_RELOADING, NULL, "SIGHUP: %s the conf is not read anew",
                     daemon->options->once ? "with --once" : "before the start");
    else if (number == SIGHUP)
        (void)fb_reload_ask(daemon);
}

/* Waits for a disk that is in the way, until it is not, or a stop. */
static enum fb_status insist_on_state(struct fb_daemon *daemon, struct fb_error *error)
{
    int64_t told_ms = INT64_MIN / 2;

    for (;;) {
        enum fb_status status = open_state(daemon, error);
        int64_t now_ms = fb_monotonic_ms(fb_clock_system());

        if (status != FB_IO || daemon->options->once ||
            !is_disk_in_the_way(daemon->state_directory))
            return status;
        if (now_ms - told_ms >= TELL_AGAIN_MS) {
            fb_log_event(FB_EVENT_STATE_AWAITED, FB_ABOUT(.error = error), "%s; it is tried again",
                         error->message);
            told_ms = now_ms;
        }
        fb_notify_waiting(error->message);
        take_signal(daemon, TICK_MS);
        if (daemon->stopping)
            return fb_fail(error, FB_CANCELED, "stopped before there was a state file");
    }
}

/* Commands are a help; the way of the data does not depend on them. */
static void open_control(struct fb_daemon *daemon)
{
    struct fb_control_options options = {
        .link_directory = daemon->state_directory,
        .verbs = fb_daemon_verbs,
        .on_request = fb_daemon_wake,
        .context = daemon,
    };
    struct fb_error error = {0};
    char *directory = NULL;
    enum fb_status status = fb_environment_runtime_dir(daemon->setup->conf, &directory);

    if (status == FB_OK)
        status = make_directories("runtime_dir", directory, &error);
    options.directory = directory;
    if (status == FB_OK)
        status = fb_control_start(&options, &daemon->control, &error);
    if (status != FB_OK)
        fb_log_event(FB_EVENT_CONTROL_FAILED, FB_ABOUT(.error = &error),
                     "no control socket, so status, pause and the like do not reach this daemon: "
                     "%s",
                     error.message);
    free(directory);
}

static enum fb_status make_streams(struct fb_daemon *daemon, struct fb_error *error)
{
    const struct fb_conf *conf = daemon->setup->conf;
    enum fb_status status = FB_OK;

    daemon->streams = calloc(conf->stream_count, sizeof *daemon->streams);
    if (daemon->streams == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for %zu streams", conf->stream_count);
    for (size_t i = 0; i < conf->stream_count && status == FB_OK; i++) {
        status = fb_daemon_stream_new(daemon, daemon->setup, &conf->streams[i], &daemon->streams[i],
                                      error);
        if (status == FB_OK)
            daemon->stream_count++;
    }
    return status;
}

static enum fb_status start_keeper(struct fb_daemon *daemon, struct fb_error *error)
{
    const struct fb_keeper_options options = {
        .state = daemon->state,
        .directory = daemon->state_directory,
        .conf = &daemon->setup->conf->daemon,
        .environment = daemon->setup->environment,
        .clock = fb_clock_system(),
        .on_end = fb_daemon_wake,
        .context = daemon,
    };

    daemon->keeper_setup = daemon->setup;
    daemon->keeper_setup->users++;
    return fb_keeper_start(&options, &daemon->keeper, error);
}

static enum fb_status set_up(struct fb_daemon *daemon, struct fb_error *error)
{
    struct fb_setup *setup = daemon->setup;
    enum fb_status status = make_streams(daemon, error);

    if (status == FB_OK)
        status = find_directories(daemon, error);
    if (status == FB_OK)
        status = insist_on_state(daemon, error);
    if (status == FB_OK)
        status = fb_environment_new(setup->conf, fb_clock_system(), &setup->environment, error);
    fb_layout_seal();
    fb_mapping_seal();
    if (status == FB_OK)
        status = fb_refresher_start(fb_environment_principals(setup->environment),
                                    fb_clock_system(), &setup->refresher, error);
    if (status == FB_OK)
        status =
            fb_metrics_start(&setup->conf->metrics, fb_clock_system(), &daemon->metrics, error);
    for (size_t i = 0; status == FB_OK && i < daemon->stream_count; i++)
        status = fb_daemon_stream_start(daemon->streams[i], error);
    if (status == FB_OK)
        status = start_keeper(daemon, error);
    if (status == FB_OK)
        open_control(daemon);
    return status;
}

/* Whether the last backup of the state is made, or given up. */
static bool is_kept(struct fb_daemon *daemon)
{
    const int64_t now_ms = fb_monotonic_ms(fb_clock_system());

    if (daemon->keep_deadline_ms == 0) {
        daemon->keep_deadline_ms = now_ms + LAST_BACKUP_MS;
        if (daemon->keeper_setup->conf->daemon.state_backup != NULL)
            fb_notify_stopping(LAST_BACKUP_MS);
    }
    if (now_ms >= daemon->keep_deadline_ms)
        fb_keeper_stop(daemon->keeper);
    else
        fb_keeper_finish(daemon->keeper);
    return fb_keeper_is_finished(daemon->keeper);
}

static void live(struct fb_daemon *daemon)
{
    for (;;) {
        bool all_finished;

        if (daemon->control != NULL)
            fb_control_serve(daemon->control);
        if (!daemon->stopping)
            fb_reload_look(daemon);
        fb_notify_look(daemon, &all_finished);
        if (all_finished && (daemon->stopping || daemon->options->once)) {
            if (is_kept(daemon))
                return;
        } else if (daemon->stopping &&
                   fb_monotonic_ms(fb_clock_system()) >= daemon->stop_deadline_ms) {
            stop_streams(daemon, FB_STOP_NOW);
        }
        take_signal(daemon, TICK_MS);
        fb_log_tick();
    }
}

enum fb_status fb_daemon_run(struct fb_daemon *daemon, struct fb_error *error)
{
    enum fb_status status;

    daemon->started_ms = fb_realtime_ms(fb_clock_system());
    fb_notify_init(daemon);
    block_signals(daemon);
    status = set_up(daemon, error);
    if (status == FB_OK)
        live(daemon);
    else
        stop_streams(daemon, FB_STOP_NOW);
    return status;
}

void fb_daemon_done(struct fb_daemon *daemon)
{
    fb_control_free(daemon->control);
    fb_reload_done(daemon);
    for (size_t i = 0; i < daemon->stream_count; i++)
        fb_daemon_stream_free(daemon->streams[i]);
    fb_metrics_free(daemon->metrics);
    fb_keeper_free(daemon->keeper);
    if (daemon->keeper_setup != NULL)
        fb_setup_release(daemon->keeper_setup);
    fb_setup_release(daemon->setup);
    fb_state_close(daemon->state);
    free(daemon->streams);
    free(daemon->state_directory);
    free(daemon->dead_letter_directory);
}
