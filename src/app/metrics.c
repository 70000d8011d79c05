/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/metrics_socket.h"
#include "firebridge/app/metrics_text.h"
#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"
#include "metrics_http.h"

/* Of a datagram that no path of an Ethernet cuts in two, and of any (RFC 768). */
#define STATSD_MOST_BYTES 1432
#define EMF_MOST_BYTES    65507

struct source {
    struct fb_stream *stream;
    char *name, *table;
};

/* A kind of door that is pushed to. */
struct push_kind {
    const char *key;
    size_t most_bytes;
    enum fb_status (*append)(struct fb_buffer *out, const char *name_space, int64_t now_ms,
                             const struct fb_metric_sample *delta);
};

/* What a door has been told of a stream. */
struct told {
    struct fb_metric_sample sample;
    bool is_here; /* still */
};

struct push {
    const struct push_kind *kind;
    struct fb_metrics_socket socket;
    struct told *told;
    size_t told_count;
    bool is_failing;
};

struct fb_metrics {
    struct fb_clock *clock;
    int64_t interval_ms;
    char *name_space;
    struct fb_stop stop;
    struct fb_metrics_http *http; /* NULL: none */
    pthread_t thread;
    bool has_thread;

    /* The thread's own. */
    struct push pushes[2];
    size_t push_count;
    struct fb_buffer text;

    pthread_mutex_t lock; /* guards what follows */
    struct source *sources;
    size_t source_count;
    struct fb_metric_sample *ended; /* streams that went since the last push */
    size_t ended_count;
};

/* ---- kinds of doors ---- */

static enum fb_status append_statsd(struct fb_buffer *out, const char *name_space, int64_t now_ms,
                                    const struct fb_metric_sample *delta)
{
    (void)now_ms;
    return fb_metrics_append_statsd(out, name_space, delta);
}

static const struct push_kind statsd = {"statsd", STATSD_MOST_BYTES, append_statsd};
static const struct push_kind emf = {"emf", EMF_MOST_BYTES, fb_metrics_append_emf};

static enum fb_status add_push(struct fb_metrics *metrics, const struct push_kind *kind,
                               const char *address_text, bool takes_scheme, struct fb_error *error)
{
    struct push *push = &metrics->pushes[metrics->push_count];
    struct fb_metrics_address address;
    enum fb_status status;

    if (address_text == NULL)
        return FB_OK;
    status = fb_metrics_address_parse(address_text, takes_scheme, &address, error);
    if (status != FB_OK)
        return status;
    push->kind = kind;
    fb_metrics_socket_init(&push->socket, &address);
    metrics->push_count++;
    return FB_OK;
}

/* ---- pushing ---- */

static struct told *find_told(struct push *push, const char *stream)
{
    for (size_t i = 0; i < push->told_count; i++)
        if (strcmp(push->told[i].sample.stream, stream) == 0)
            return &push->told[i];
    return NULL;
}

static void keep_told(struct push *push, const struct fb_metric_sample *sample, bool is_here)
{
    struct told *told = find_told(push, sample->stream);
    struct told *grown;

    if (told == NULL) {
        grown = realloc(push->told, (push->told_count + 1) * sizeof *grown);
        if (grown == NULL)
            return; /* its counters are told whole once more */
        push->told = grown;
        told = &grown[push->told_count++];
    }
    *told = (struct told){.sample = *sample, .is_here = is_here};
}

static enum fb_status send_delta(struct fb_metrics *metrics, struct push *push,
                                 const struct fb_metric_sample *sample, struct fb_error *error)
{
    const struct told *told = find_told(push, sample->stream);
    struct fb_metric_sample *delta = malloc(sizeof *delta);
    enum fb_status status;

    if (delta == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a push");
    *delta = *sample;
    if (told != NULL)
        fb_metric_subtract(delta, &told->sample);
    fb_buffer_reset(&metrics->text);
    status = push->kind->append(&metrics->text, metrics->name_space, fb_realtime_ms(metrics->clock),
                                delta);
    free(delta);
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a push");
    return fb_metrics_socket_send(&push->socket, metrics->text.bytes, metrics->text.size,
                                  push->kind->most_bytes, error);
}

static void tell_failure(struct push *push, const struct fb_error *error)
{
    if (!push->is_failing && error != NULL)
        fb_log_event(FB_EVENT_METRICS_REFUSED, FB_ABOUT(.error = error),
                     "metrics by %s are not taken: %s; it is tried again each interval",
                     push->kind->key, error->message);
    if (push->is_failing && error == NULL)
        fb_log_event(FB_EVENT_METRICS_TAKEN, NULL, "metrics by %s are taken again",
                     push->kind->key);
    push->is_failing = error != NULL;
}

/* The first failure ends a push: whoever does not answer would hold up each stream for a second. */
static void push_all(struct fb_metrics *metrics, struct push *push,
                     const struct fb_metric_sample *samples, size_t count, size_t here)
{
    struct fb_error error = {0};

    for (size_t i = 0; i < count; i++) {
        if (send_delta(metrics, push, &samples[i], &error) != FB_OK) {
            tell_failure(push, &error);
            return;
        }
        keep_told(push, &samples[i], i < here);
    }
    tell_failure(push, NULL);
}

/* One that comes again under the same name counts from 0. */
static void forget_ended(struct push *push)
{
    size_t kept = 0;

    for (size_t i = 0; i < push->told_count; i++)
        if (push->told[i].is_here)
            push->told[kept++] = push->told[i];
    push->told_count = kept;
}

/* Samples of all streams, those first that have ended: their successors may bear their names. */
static struct fb_metric_sample *take_samples(struct fb_metrics *metrics, size_t *ret_ended,
                                             size_t *ret_count)
{
    struct fb_metric_sample *samples;
    size_t count = 0;

    pthread_mutex_lock(&metrics->lock);
    samples = calloc(metrics->ended_count + metrics->source_count + 1, sizeof *samples);
    if (samples != NULL) {
        for (size_t i = 0; i < metrics->ended_count; i++)
            samples[count++] = metrics->ended[i];
        *ret_ended = count;
        for (size_t i = 0; i < metrics->source_count; i++)
            fb_metric_take(metrics->sources[i].stream, metrics->sources[i].name,
                           metrics->sources[i].table, metrics->clock, &samples[count++]);
        *ret_count = count;
        free(metrics->ended);
        metrics->ended = NULL;
        metrics->ended_count = 0;
    }
    pthread_mutex_unlock(&metrics->lock);
    return samples;
}

static void push_once(struct fb_metrics *metrics)
{
    size_t ended = 0, count = 0;
    struct fb_metric_sample *samples = take_samples(metrics, &ended, &count);

    if (samples == NULL)
        return;
    for (size_t i = 0; i < metrics->push_count; i++) {
        /* A stop does not wait once more for name servers that do not answer. */
        metrics->pushes[i].socket.in_haste =
            metrics->pushes[i].is_failing && fb_stop_level(&metrics->stop) != FB_STOP_NOT;
        push_all(metrics, &metrics->pushes[i], samples, ended, 0);
        forget_ended(&metrics->pushes[i]);
        push_all(metrics, &metrics->pushes[i], samples + ended, count - ended, count - ended);
    }
    free(samples);
}

static void *run(void *argument)
{
    struct fb_metrics *metrics = argument;

    while (!fb_stop_wait(&metrics->stop, FB_STOP_DRAIN, metrics->interval_ms))
        push_once(metrics);
    push_once(metrics);
    return NULL;
}

/* ---- the streams ---- */

enum fb_status fb_metrics_add(struct fb_metrics *metrics, struct fb_stream *stream,
                              const char *name, const char *table, struct fb_error *error)
{
    struct source source = {.stream = stream};
    bool is_added = false;
    struct source *grown;

    if (metrics == NULL)
        return FB_OK;
    source.name = strdup(name);
    source.table = strdup(table);
    pthread_mutex_lock(&metrics->lock);
    grown = realloc(metrics->sources, (metrics->source_count + 1) * sizeof *grown);
    if (grown != NULL)
        metrics->sources = grown;
    if (grown != NULL && source.name != NULL && source.table != NULL) {
        grown[metrics->source_count++] = source;
        is_added = true;
    }
    pthread_mutex_unlock(&metrics->lock);
    if (is_added)
        return FB_OK;
    free(source.name);
    free(source.table);
    return fb_fail(error, FB_NO_MEMORY, "no memory for the metrics of stream %s", name);
}

/* With the lock. */
static void keep_last_sample(struct fb_metrics *metrics, const struct source *source)
{
    struct fb_metric_sample *grown;

    if (metrics->push_count == 0)
        return;
    grown = realloc(metrics->ended, (metrics->ended_count + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    metrics->ended = grown;
    fb_metric_take(source->stream, source->name, source->table, metrics->clock,
                   &grown[metrics->ended_count++]);
}

void fb_metrics_remove(struct fb_metrics *metrics, const struct fb_stream *stream)
{
    if (metrics == NULL)
        return;
    pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < metrics->source_count; i++) {
        struct source source = metrics->sources[i];

        if (source.stream != stream)
            continue;
        keep_last_sample(metrics, &source);
        metrics->sources[i] = metrics->sources[--metrics->source_count];
        free(source.name);
        free(source.table);
        break;
    }
    pthread_mutex_unlock(&metrics->lock);
}

/* ---- answers ---- */

enum fb_status fb_metrics_expose(struct fb_metrics *metrics, struct fb_buffer *out)
{
    struct fb_metric_sample *samples;
    enum fb_status status = FB_NO_MEMORY;

    pthread_mutex_lock(&metrics->lock);
    samples = calloc(metrics->source_count + 1, sizeof *samples);
    for (size_t i = 0; samples != NULL && i < metrics->source_count; i++)
        fb_metric_take(metrics->sources[i].stream, metrics->sources[i].name,
                       metrics->sources[i].table, metrics->clock, &samples[i]);
    if (samples != NULL)
        status = fb_metrics_append_openmetrics(out, samples, metrics->source_count);
    pthread_mutex_unlock(&metrics->lock);
    free(samples);
    return status;
}

static const char *word_of(const struct fb_stream_report *report)
{
    return report->failed       ? "stopped"
           : report->finished   ? "ended"
           : !report->attempted ? "starting"
           : report->healthy    ? "well"
                                : "in trouble";
}

enum fb_status fb_metrics_describe(struct fb_metrics *metrics, struct fb_buffer *out,
                                   bool *ret_ready)
{
    enum fb_status status = FB_OK;

    pthread_mutex_lock(&metrics->lock);
    *ret_ready = metrics->source_count > 0;
    for (size_t i = 0; i < metrics->source_count && status == FB_OK; i++) {
        struct fb_stream_report report;

        fb_stream_report(metrics->sources[i].stream, &report);
        *ret_ready &= report.attempted;
        status = fb_buffer_printf(out, "%s: %s\n", metrics->sources[i].name, word_of(&report));
    }
    pthread_mutex_unlock(&metrics->lock);
    return status;
}

/* ---- the module ---- */

static enum fb_status open_doors(struct fb_metrics *metrics, const struct fb_conf_metrics *conf,
                                 struct fb_error *error)
{
    enum fb_status status = add_push(metrics, &statsd, conf->statsd, false, error);

    if (status == FB_OK)
        status = add_push(metrics, &emf, conf->emf, true, error);
    if (status == FB_OK && conf->listen != NULL)
        status = fb_metrics_http_start(metrics, conf->listen, &metrics->http, error);
    if (status == FB_OK && metrics->push_count > 0) {
        status = fb_thread_start(&metrics->thread, "metrics", run, metrics, error);
        metrics->has_thread = status == FB_OK;
    }
    return status;
}

enum fb_status fb_metrics_start(const struct fb_conf_metrics *conf, struct fb_clock *clock,
                                struct fb_metrics **ret_metrics, struct fb_error *error)
{
    struct fb_metrics *metrics;
    enum fb_status status;

    if (conf->statsd == NULL && conf->emf == NULL && conf->listen == NULL) {
        *ret_metrics = NULL;
        return FB_OK;
    }
    metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for metrics");
    metrics->clock = clock;
    metrics->interval_ms = conf->interval_ms;
    fb_stop_init(&metrics->stop, NULL);
    fb_buffer_init(&metrics->text, FB_METRICS_TEXT_MAX_BYTES);
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->name_space = strdup(conf->name_space);
    status = metrics->name_space == NULL ? fb_fail(error, FB_NO_MEMORY, "no memory for metrics")
                                         : open_doors(metrics, conf, error);
    if (status != FB_OK) {
        fb_metrics_free(metrics);
        return status;
    }
    *ret_metrics = metrics;
    return FB_OK;
}

void fb_metrics_free(struct fb_metrics *metrics)
{
    if (metrics == NULL)
        return;
    fb_metrics_http_free(metrics->http);
    fb_stop_request(&metrics->stop, FB_STOP_DRAIN);
    if (metrics->has_thread)
        pthread_join(metrics->thread, NULL);
    for (size_t i = 0; i < metrics->push_count; i++) {
        fb_metrics_socket_done(&metrics->pushes[i].socket);
        free(metrics->pushes[i].told);
    }
    for (size_t i = 0; i < metrics->source_count; i++) {
        free(metrics->sources[i].name);
        free(metrics->sources[i].table);
    }
    free(metrics->sources);
    free(metrics->ended);
    free(metrics->name_space);
    fb_buffer_done(&metrics->text);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}
