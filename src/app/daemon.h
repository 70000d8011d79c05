/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: what the conf says, brought to life. daemon.c is its life, daemon_stream.c makes
 * streams of the conf's, notify.c tells the service manager, verbs.c answers commands.
 *
 * Threads: all of it is the main thread's, but for what is said to be otherwise.
 */
#ifndef FIREBRIDGE_SRC_APP_DAEMON_H
#define FIREBRIDGE_SRC_APP_DAEMON_H

#include <pthread.h>
#include <signal.h>

#include "firebridge/app/conf.h"
#include "firebridge/app/control.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/identity.h"
#include "firebridge/app/keeper.h"
#include "firebridge/app/metrics.h"
#include "firebridge/app/refresher.h"
#include "firebridge/pipeline/stream.h"
#include "firebridge/state/state.h"
#include "reload.h"
#include "watchdog.h"
#include "window.h"

struct fb_run_options {
    const char *conf_path;
    bool once;
    bool accept_dead_letters;
};

/* One reading of the conf, with what speaks for it. Goes with the last who uses it. */
struct fb_setup {
    unsigned users;
    struct fb_conf *conf;
    struct fb_environment *environment;
    struct fb_refresher *refresher;
};

struct fb_daemon;

/* A stream with what it is made from, which outlives it. */
struct fb_daemon_stream {
    struct fb_daemon *daemon;
    struct fb_setup *setup;
    const struct fb_conf_stream *conf;
    struct fb_layout *layout;
    struct fb_mapping *mapping; /* NULL: none */
    char fingerprint[FB_FINGERPRINT_SIZE];
    struct fb_stream *stream; /* NULL: not started */
    bool is_leaving;          /* by a reload: it ends, at leave_at_ms at once, ... */
    int64_t leave_at_ms;
    struct fb_daemon_stream *successor; /* ... and this one comes; NULL: none does */
    struct fb_window window;            /* of its counters */
};

struct fb_daemon {
    const struct fb_run_options *options;
    struct fb_setup *setup; /* as the conf is now */
    struct fb_state *state;
    struct fb_keeper *keeper;
    struct fb_setup *keeper_setup; /* that the keeper was made from, and uses */
    struct fb_metrics *metrics;    /* NULL: none are asked for */
    struct fb_control *control;    /* NULL: none; commands are not answered */
    char *state_directory, *dead_letter_directory;
    uint64_t seed; /* of all that is hashed; no two runs have the same */
    struct fb_daemon_stream **streams;
    size_t stream_count;
    int64_t started_ms;
    sigset_t signals;
    pthread_t main_thread;
    bool ready, stopping;
    int64_t stop_deadline_ms; /* monotonic; so is the next */
    int64_t keep_deadline_ms; /* of the state's last backup; 0: it is not due yet */
    struct fb_watchdog watchdog;
    struct fb_reload reload;
    int64_t extended_ms; /* when the service manager was asked for more time; 0: never */
    char last_status[512];
};

/*
 * Lives until the streams have ended: after a signal, or with `once` when all is done. `options`,
 * `setup` with its conf, and `seed` are set. What it made stays until fb_daemon_done.
 */
enum fb_status fb_daemon_run(struct fb_daemon *daemon, struct fb_error *error) FB_MUST_CHECK;
void fb_daemon_done(struct fb_daemon *daemon);

void fb_setup_release(struct fb_setup *setup);

/* Of stop_timeout, what a stream has to finish what is in flight; the rest is for its checkpoint.
 */
int64_t fb_daemon_drain_ms(int64_t stop_timeout_ms);

/* Wakes the main thread out of its tick. From any thread. */
void fb_daemon_wake(void *context);

/* ---- daemon_stream.c ---- */

/* All but the stream itself. Uses `setup` until it is freed. */
enum fb_status fb_daemon_stream_new(struct fb_daemon *daemon, struct fb_setup *setup,
                                    const struct fb_conf_stream *conf,
                                    struct fb_daemon_stream **ret_stream,
                                    struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_daemon_stream_start(struct fb_daemon_stream *stream,
                                      struct fb_error *error) FB_MUST_CHECK;
/* Waits for it to end. NULL is allowed. */
void fb_daemon_stream_free(struct fb_daemon_stream *stream);

/* The stream that "stream" of a request names; NULL where it names none, and so means all. */
enum fb_status fb_daemon_find(const struct fb_daemon *daemon, const json_t *request,
                              struct fb_daemon_stream **ret_stream,
                              struct fb_error *error) FB_MUST_CHECK;

/* ---- notify.c: what the service manager is told (sd_notify(3)) ---- */

void fb_notify_init(struct fb_daemon *daemon);
void fb_notify_look(struct fb_daemon *daemon, bool *ret_all_finished);
/* The start waits for something that a person may mend. */
void fb_notify_waiting(const char *what);
void fb_notify_reloading(const struct fb_daemon *daemon);
void fb_notify_reloaded(void);
void fb_notify_stopping(int64_t timeout_ms);

/* ---- status.c ---- */

/* Notes how far the counters are; at least once every few seconds. */
void fb_status_look(struct fb_daemon_stream *stream, const struct fb_stream_report *report);

/* Of the stream of "stream", or of all. */
enum fb_status fb_status_verb(void *context, const json_t *request, json_t *answer,
                              struct fb_error *error) FB_MUST_CHECK;

/* ---- verbs.c ---- */

extern const struct fb_control_verb fb_daemon_verbs[];

#endif
