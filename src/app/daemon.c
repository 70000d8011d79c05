/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's life: from conf to streams, until they have ended. */
#include "daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "firebridge/base/log.h"

/* How long the main thread sleeps between looks; the watchdog's ping needs no more. */
#define TICK_MS 1000

/* What is left of stop_timeout for the last checkpoint once the lanes were told to let go. */
#define LAST_CHECKPOINT_MS 2000

void fb_daemon_wake(void *context)
{
    struct fb_daemon *daemon = context;

    pthread_kill(daemon->main_thread, SIGUSR1);
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

static enum fb_status open_state(struct fb_daemon *daemon, struct fb_error *error)
{
    enum fb_status status = fb_environment_state_dir(daemon->setup->conf, &daemon->state_directory);

    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a path");
    status = make_directories("state_dir", daemon->state_directory, error);
    if (status == FB_OK &&
        asprintf(&daemon->dead_letter_directory, "%s/dead-letters", daemon->state_directory) < 0) {
        daemon->dead_letter_directory = NULL;
        status = fb_fail(error, FB_NO_MEMORY, "no memory for a path");
    }
    if (status == FB_OK)
        status = fb_state_open(daemon->state_directory, &daemon->state, error);
    return status;
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

static enum fb_status set_up(struct fb_daemon *daemon, struct fb_error *error)
{
    struct fb_setup *setup = daemon->setup;
    enum fb_status status = make_streams(daemon, error);

    if (status == FB_OK)
        status = open_state(daemon, error);
    if (status == FB_OK)
        status = fb_environment_new(setup->conf, fb_clock_system(), &setup->environment, error);
    if (status == FB_OK)
        status = fb_refresher_start(fb_environment_principals(setup->environment),
                                    fb_clock_system(), &setup->refresher, error);
    for (size_t i = 0; status == FB_OK && i < daemon->stream_count; i++)
        status = fb_daemon_stream_start(daemon->streams[i], error);
    if (status == FB_OK)
        status = fb_keeper_start(daemon->state, &daemon->keeper, error);
    if (status == FB_OK)
        open_control(daemon);
    return status;
}

static void stop_streams(struct fb_daemon *daemon, enum fb_stop_level level)
{
    for (size_t i = 0; i < daemon->stream_count; i++)
        if (daemon->streams[i]->stream != NULL)
            fb_stream_stop(daemon->streams[i]->stream, level);
    if (level == FB_STOP_NOW && daemon->setup->environment != NULL)
        fb_environment_stop(daemon->setup->environment);
}

static void begin_stop(struct fb_daemon *daemon, const char *why)
{
    int64_t timeout_ms = daemon->setup->conf->daemon.stop_timeout_ms;

    if (daemon->stopping) {
        fb_log_event(FB_EVENT_STOPPING_NOW, NULL,
                     "%s again: stopping at once; what is in flight is written again next time",
                     why);
        stop_streams(daemon, FB_STOP_NOW);
        return;
    }
    fb_log_event(FB_EVENT_STOPPING, NULL,
                 "%s: stopping; what is in flight is finished within %lld s", why,
                 (long long)(timeout_ms / 1000));
    fb_notify_stopping(daemon, timeout_ms);
    daemon->stopping = true;
    timeout_ms -= timeout_ms > 2 * LAST_CHECKPOINT_MS ? LAST_CHECKPOINT_MS : timeout_ms / 2;
    daemon->stop_deadline_ms = fb_monotonic_ms(fb_clock_system()) + timeout_ms;
    stop_streams(daemon, FB_STOP_DRAIN);
}

static void take_signal(struct fb_daemon *daemon, int64_t wait_ms)
{
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = (wait_ms % 1000) * 1000000};
    int number = sigtimedwait(&daemon->signals, NULL, &wait);

    if (number == SIGTERM || number == SIGINT || number == SIGHUP)
        begin_stop(daemon, number == SIGTERM ? "SIGTERM" : number == SIGINT ? "SIGINT" : "SIGHUP");
}

static void live(struct fb_daemon *daemon)
{
    for (;;) {
        bool all_finished;

        if (daemon->control != NULL)
            fb_control_serve(daemon->control);
        fb_notify_look(daemon, &all_finished);
        if (all_finished && (daemon->stopping || daemon->options->once))
            return;
        if (daemon->stopping && fb_monotonic_ms(fb_clock_system()) >= daemon->stop_deadline_ms)
            stop_streams(daemon, FB_STOP_NOW);
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

static void free_setup(struct fb_setup *setup)
{
    if (setup->environment != NULL)
        fb_environment_stop(setup->environment);
    fb_refresher_free(setup->refresher);
    fb_environment_free(setup->environment);
    fb_conf_free(setup->conf);
    free(setup);
}

void fb_daemon_done(struct fb_daemon *daemon)
{
    fb_control_free(daemon->control);
    for (size_t i = 0; i < daemon->stream_count; i++)
        fb_daemon_stream_free(daemon->streams[i]);
    free_setup(daemon->setup);
    fb_keeper_free(daemon->keeper);
    fb_state_close(daemon->state);
    free(daemon->streams);
    free(daemon->state_directory);
    free(daemon->dead_letter_directory);
}
