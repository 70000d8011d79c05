/* SPDX-License-Identifier: Apache-2.0 */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"

/* ---- reading, in a thread of its own ---- */

static void report(void *context, const char *message)
{
    struct fb_reload *reload = context;

    fb_log_event(FB_EVENT_CONF_REFUSED, NULL, "%s", message);
    if (reload->found[0] == '\0')
        snprintf(reload->found, sizeof reload->found, "%.500s", message);
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What is opened once and for all. */
static enum fb_status check_fixed(const struct fb_conf *now, const struct fb_conf *wanted,
                                  struct fb_error *error)
{
    const struct fb_conf_daemon *was = &now->daemon, *is = &wanted->daemon;
    const struct {
        bool has_changed;
        const char *name;
    } fixed[] = {
        {!is_same(was->state_dir, is->state_dir), "state_dir"},
        {!is_same(was->runtime_dir, is->runtime_dir), "runtime_dir"},
        {was->log_format != is->log_format, "log_format"},
        {!is_same(was->state_backup, is->state_backup), "state_backup"},
        {was->state_backup_interval_ms != is->state_backup_interval_ms, "state_backup_interval"},
        {!is_same(now->metrics.text, wanted->metrics.text), "[metrics]"},
        /* The keeper signs with the keys of the first one. */
        {is->state_backup != NULL && !is_same(now->aws.text, wanted->aws.text),
         "[aws], which state_backup uses too,"},
    };

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i].has_changed)
            return fb_fail(error, FB_UNSUPPORTED, "%s has changed: restart firebridge for that",
                           fixed[i].name);
    return FB_OK;
}

static enum fb_status make_setup(struct fb_daemon *daemon, struct fb_error *error)
{
    struct fb_reload *reload = &daemon->reload;
    struct fb_setup *setup = calloc(1, sizeof *setup);
    enum fb_status status;

    if (setup == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    setup->users = 1;
    status = fb_conf_read(reload->path, report, reload, &setup->conf);
    if (status == FB_OK)
        status = fb_conf_check_streams(setup->conf, report, reload);
    if (status == FB_OK)
        status = check_fixed(daemon->setup->conf, setup->conf, error);
    if (status == FB_OK)
        status = fb_environment_new(setup->conf, fb_clock_system(), &setup->environment, error);
    if (status == FB_OK)
        reload->setup = setup;
    else
        fb_setup_release(setup);
    return status;
}

static void *run(void *argument)
{
    struct fb_daemon *daemon = argument;
    struct fb_error error = {0};

    if (make_setup(daemon, &error) != FB_OK && error.message[0] != '\0')
        report(&daemon->reload, error.message);
    atomic_store(&daemon->reload.has_read, true);
    fb_daemon_wake(daemon);
    return NULL;
}

/* ---- applying ---- */

static void end(struct fb_daemon *daemon)
{
    daemon->reload.stage = FB_RELOAD_NONE;
    fb_notify_reloaded();
}

static void refuse(struct fb_daemon *daemon, const char *why)
{
    snprintf(daemon->reload.problem, sizeof daemon->reload.problem, "%s",
             why[0] != '\0' ? why : "out of memory");
    fb_log_event(FB_EVENT_CONF_REFUSED, NULL,
                 "the conf is refused, and the one that was read before stays in force");
    end(daemon);
}

static struct fb_daemon_stream *find(const struct fb_daemon *daemon, const char *name)
{
    for (size_t i = 0; i < daemon->stream_count; i++)
        if (strcmp(daemon->streams[i]->conf->name, name) == 0)
            return daemon->streams[i];
    return NULL;
}

static const struct fb_conf_stream *find_in(const struct fb_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->stream_count; i++)
        if (strcmp(conf->streams[i].name, name) == 0)
            return &conf->streams[i];
    return NULL;
}

/* Its text is that of the conf it was made from, and so is [aws]. */
static bool is_unchanged(const struct fb_daemon_stream *stream, const struct fb_conf *conf,
                         const struct fb_conf_stream *wanted)
{
    return strcmp(stream->conf->text, wanted->text) == 0 &&
           strcmp(stream->setup->conf->aws.text, conf->aws.text) == 0;
}

/* One that has stopped runs no more; whoever mended what stopped it wants it to begin again. */
static bool runs(const struct fb_daemon_stream *stream)
{
    struct fb_stream_report report_of;

    fb_stream_report(stream->stream, &report_of);
    return !report_of.finished;
}

static void leave(struct fb_daemon *daemon, struct fb_daemon_stream *stream)
{
    stream->is_leaving = true;
    stream->leave_at_ms = fb_monotonic_ms(fb_clock_system()) +
                          fb_daemon_drain_ms(daemon->reload.setup->conf->daemon.stop_timeout_ms);
    fb_stream_stop(stream->stream, FB_STOP_DRAIN);
}

/* The streams of the new conf that are not as they were, made but not started. */
struct fresh {
    struct fb_daemon_stream **streams;
    size_t count;
};

static enum fb_status make_fresh(struct fb_daemon *daemon, struct fresh *fresh,
                                 struct fb_error *error)
{
    struct fb_setup *setup = daemon->reload.setup;
    enum fb_status status = FB_OK;

    fresh->streams = calloc(setup->conf->stream_count, sizeof(struct fb_daemon_stream *));
    if (fresh->streams == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < setup->conf->stream_count && status == FB_OK; i++) {
        const struct fb_conf_stream *conf = &setup->conf->streams[i];
        const struct fb_daemon_stream *old = find(daemon, conf->name);

        if (old != NULL && is_unchanged(old, setup->conf, conf) && runs(old))
            continue;
        status = fb_daemon_stream_new(daemon, setup, conf, &fresh->streams[fresh->count], error);
        if (status == FB_OK)
            fresh->count++;
    }
    return status;
}

static void start(struct fb_daemon_stream *stream)
{
    struct fb_error error = {0};

    if (fb_daemon_stream_start(stream, &error) == FB_OK)
        return;
    fb_log_event(FB_EVENT_STREAM_STOPPED, FB_ABOUT(.stream = stream->conf->name, .error = &error),
                 "it does not start: %s. Restart firebridge", error.message);
}

/* Nothing fails from here on. There is room for all in daemon->streams. */
static void replace(struct fb_daemon *daemon, struct fresh *fresh)
{
    const struct fb_conf *conf = daemon->reload.setup->conf;
    const size_t before = daemon->stream_count;
    size_t removed = 0, added = 0;

    for (size_t i = 0; i < before; i++) {
        if (find_in(conf, daemon->streams[i]->conf->name) != NULL)
            continue;
        removed++;
        leave(daemon, daemon->streams[i]);
    }
    for (size_t i = 0; i < fresh->count; i++) {
        struct fb_daemon_stream *old = find(daemon, fresh->streams[i]->conf->name);

        if (old != NULL) {
            old->successor = fresh->streams[i];
            leave(daemon, old);
            continue;
        }
        added++;
        start(fresh->streams[i]);
        if (fresh->streams[i]->stream != NULL)
            daemon->streams[daemon->stream_count++] = fresh->streams[i];
        else
            fb_daemon_stream_free(fresh->streams[i]);
    }
    snprintf(daemon->reload.outcome, sizeof daemon->reload.outcome,
             "%zu streams unchanged, %zu changed, %zu added, %zu removed",
             before - removed - (fresh->count - added), fresh->count - added, added, removed);
    fresh->count = 0;
}

static enum fb_status make_room(struct fb_daemon *daemon, size_t more, struct fb_error *error)
{
    struct fb_daemon_stream **grown =
        realloc(daemon->streams, (daemon->stream_count + more) * sizeof(struct fb_daemon_stream *));

    if (grown == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    daemon->streams = grown;
    return FB_OK;
}

static enum fb_status prepare(struct fb_daemon *daemon, struct fresh *fresh, struct fb_error *error)
{
    struct fb_setup *setup = daemon->reload.setup;
    enum fb_status status = make_fresh(daemon, fresh, error);

    if (status == FB_OK)
        status = make_room(daemon, fresh->count, error);
    if (status == FB_OK && fresh->count > 0)
        status = fb_refresher_start(fb_environment_principals(setup->environment),
                                    fb_clock_system(), &setup->refresher, error);
    return status;
}

static void apply(struct fb_daemon *daemon)
{
    struct fb_reload *reload = &daemon->reload;
    struct fresh fresh = {0};
    struct fb_error error = {0};

    if (prepare(daemon, &fresh, &error) == FB_OK) {
        replace(daemon, &fresh);
        fb_log_set_level(reload->setup->conf->daemon.log_level);
        fb_log_event(FB_EVENT_CONF_RELOADED, NULL, "the conf is read anew: %s", reload->outcome);
        fb_setup_release(daemon->setup);
        daemon->setup = reload->setup;
        reload->problem[0] = '\0';
        reload->stage = FB_RELOAD_APPLYING;
    } else {
        for (size_t i = 0; i < fresh.count; i++)
            fb_daemon_stream_free(fresh.streams[i]);
        fb_log_event(FB_EVENT_CONF_REFUSED, NULL, "%s", error.message);
        fb_setup_release(reload->setup);
        refuse(daemon, error.message);
    }
    reload->setup = NULL;
    free(fresh.streams);
}

/* ---- changing over ---- */

/* The old one has ended: its place is the new one's, which is held back as the old one was. */
static void change_over(struct fb_daemon *daemon, size_t i, enum fb_hold hold)
{
    struct fb_daemon_stream *successor = daemon->streams[i]->successor;

    daemon->streams[i]->successor = NULL;
    fb_log_event(FB_EVENT_STREAM_ENDED, FB_ABOUT(.stream = daemon->streams[i]->conf->name),
                 "it has ended at its frontier%s",
                 successor == NULL ? "; the conf has it no more"
                                   : ", and begins there as the conf is now");
    fb_daemon_stream_free(daemon->streams[i]);
    if (successor != NULL)
        start(successor);
    if (successor != NULL && successor->stream != NULL) {
        if (hold != FB_HOLD_NOTHING)
            fb_stream_hold(successor->stream, hold);
        daemon->streams[i] = successor;
        return;
    }
    fb_daemon_stream_free(successor);
    memmove(&daemon->streams[i], &daemon->streams[i + 1],
            (daemon->stream_count - i - 1) * sizeof *daemon->streams);
    daemon->stream_count--;
}

static void look_at_leaving(struct fb_daemon *daemon)
{
    const int64_t now_ms = fb_monotonic_ms(fb_clock_system());
    size_t left = 0;

    for (size_t i = daemon->stream_count; i > 0; i--) {
        struct fb_daemon_stream *stream = daemon->streams[i - 1];
        struct fb_stream_report report_of;

        if (!stream->is_leaving)
            continue;
        fb_stream_report(stream->stream, &report_of);
        if (report_of.finished) {
            change_over(daemon, i - 1, report_of.hold);
            continue;
        }
        left++;
        if (now_ms >= stream->leave_at_ms)
            fb_stream_stop(stream->stream, FB_STOP_NOW);
    }
    if (left == 0)
        end(daemon);
}

/* ---- the module ---- */

static void begin(struct fb_daemon *daemon)
{
    struct fb_reload *reload = &daemon->reload;
    struct fb_error error = {0};

    reload->is_wanted = false;
    reload->stage = FB_RELOAD_READING;
    reload->found[0] = '\0';
    reload->path = daemon->options->conf_path;
    atomic_store(&reload->has_read, false);
    fb_log_event(FB_EVENT_CONF_RELOADING, NULL, "reading %s anew", reload->path);
    fb_notify_reloading(daemon);
    if (fb_thread_start(&reload->thread, "reload", run, daemon, &error) != FB_OK)
        refuse(daemon, error.message);
}

unsigned fb_reload_ask(struct fb_daemon *daemon)
{
    daemon->reload.is_wanted = true;
    return ++daemon->reload.number;
}

void fb_reload_look(struct fb_daemon *daemon)
{
    struct fb_reload *reload = &daemon->reload;

    if (reload->stage == FB_RELOAD_READING && atomic_load(&reload->has_read)) {
        fb_thread_join(reload->thread);
        if (reload->setup != NULL)
            apply(daemon);
        else
            refuse(daemon, reload->found);
    }
    if (reload->stage == FB_RELOAD_APPLYING)
        look_at_leaving(daemon);
    if (reload->is_wanted && reload->stage == FB_RELOAD_NONE && daemon->ready)
        begin(daemon);
}

void fb_reload_done(struct fb_daemon *daemon)
{
    struct fb_reload *reload = &daemon->reload;

    if (reload->stage != FB_RELOAD_READING)
        return;
    fb_thread_join(reload->thread);
    if (reload->setup != NULL)
        fb_setup_release(reload->setup);
    reload->setup = NULL;
    reload->stage = FB_RELOAD_NONE;
}
