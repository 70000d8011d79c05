/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"
#include "firebridge/state/rows.h"
#include "stream_private.h"

/* A checkpoint is committed at most once in so long, and at each object's end. */
#define CHECKPOINT_INTERVAL_MS 1000

/* How often the end is looked for once nothing is read any more. */
#define DRAIN_LOOK_MS 20

/* For so long after the last word of it a key is said to hold all up. */
#define HOLDING_LATELY_MS 120000

static void tell_change(struct fb_stream *stream)
{
    if (stream->options.on_change != NULL)
        stream->options.on_change(stream->options.context);
}

/* Trouble is told of each time, which the log folds; well again when all parts are. */
void fb_stream_on_health(void *context, const char *what, const struct fb_error *error, bool first)
{
    struct fb_stream *stream = context;
    char problem[sizeof stream->problem];
    bool tell = true;

    if (error != NULL)
        snprintf(problem, sizeof problem, "%.150s: %.350s", what, error->message);
    pthread_mutex_lock(&stream->lock);
    if (error == NULL) {
        stream->unhealthy_parts--;
        tell = stream->unhealthy_parts == 0 && !stream->failed;
    } else {
        stream->unhealthy_parts += first ? 1 : 0;
        if (!stream->failed) {
            memcpy(stream->problem, problem, sizeof problem);
            stream->problem_ms = fb_realtime_ms(stream->options.clock);
        }
    }
    pthread_mutex_unlock(&stream->lock);
    if (!tell)
        return;
    if (error == NULL)
        fb_log_event(FB_EVENT_STREAM_RECOVERED, FB_ABOUT(.stream = stream->options.name),
                     "well again: %s", what);
    else
        fb_log_event(FB_EVENT_STREAM_TROUBLE,
                     FB_ABOUT(.stream = stream->options.name, .error = error),
                     "%s; it is tried again", problem);
    tell_change(stream);
}

void fb_stream_on_failure(void *context, const struct fb_error *error)
{
    struct fb_stream *stream = context;
    bool first;

    pthread_mutex_lock(&stream->lock);
    first = !stream->failed;
    stream->failed = true;
    if (first) {
        snprintf(stream->problem, sizeof stream->problem, "%.500s", error->message);
        stream->problem_ms = fb_realtime_ms(stream->options.clock);
    }
    pthread_mutex_unlock(&stream->lock);
    if (first)
        fb_log_event(FB_EVENT_STREAM_STOPPED,
                     FB_ABOUT(.stream = stream->options.name, .error = error), "it stops: %s",
                     error->message);
    fb_stream_stop(stream, FB_STOP_NOW);
    tell_change(stream);
}

void fb_stream_on_holding(void *context, const char *key_digest)
{
    struct fb_stream *stream = context;

    pthread_mutex_lock(&stream->lock);
    snprintf(stream->holding_digest, sizeof stream->holding_digest, "%s", key_digest);
    stream->holding_ms = fb_monotonic_ms(stream->options.clock);
    pthread_mutex_unlock(&stream->lock);
}

static void note_attempt(struct fb_stream *stream)
{
    bool first;

    pthread_mutex_lock(&stream->lock);
    first = !stream->attempted;
    stream->attempted = true;
    pthread_mutex_unlock(&stream->lock);
    if (first)
        tell_change(stream);
}

static enum fb_status look_at(struct fb_stream *stream, struct fb_client *client, const char *name,
                              struct fb_table *table, struct fb_error *error)
{
    enum fb_status status = stream->options.calls.describe_table(client, name, table, error);

    if (status == FB_OK && !fb_table_is_usable(table))
        status = fb_fail(error, FB_NOT_FOUND, "table %s is %s, not ACTIVE", name, table->status);
    return status;
}

/* The table of a stream that adds, or another one, must hold markers too. */
static enum fb_status look_at_markers(struct fb_stream *stream, struct fb_client *client,
                                      struct fb_error *error)
{
    const struct fb_markers markers = fb_stream_markers(stream);
    enum fb_status status = FB_OK;

    if (stream->options.marker_table != NULL)
        status =
            look_at(stream, client, stream->options.marker_table, &stream->marker_table, error);
    return status != FB_OK ? status : fb_markers_check(&markers, error);
}

static enum fb_status look_at_tables(struct fb_stream *stream, struct fb_client *client,
                                     struct fb_error *error)
{
    const struct fb_stream_options *options = &stream->options;
    enum fb_status status = look_at(stream, client, options->table, &stream->table, error);

    if (status == FB_OK && options->check_key != NULL)
        status = options->check_key(options->check_context, &stream->table.schema, error);
    if (status == FB_OK && options->adds)
        status = look_at_markers(stream, client, error);
    return status;
}

/* Asks until the tables are there and ACTIVE. */
static enum fb_status describe(struct fb_stream *stream, struct fb_client *client)
{
    struct fb_patience_options options = fb_stream_patience(stream, FB_STOP_DRAIN);
    struct fb_patience patience;
    struct fb_error error = {0};
    char what[160];
    enum fb_status status;

    snprintf(what, sizeof what, "describe table %.120s", stream->options.table);
    options.what = what;
    fb_patience_init(&patience, &options, stream->options.seed);
    for (;;) {
        status = look_at_tables(stream, client, &error);
        if (status == FB_OK) {
            fb_patience_success(&patience);
            return FB_OK;
        }
        if (status == FB_CANCELED)
            return status;
        fb_patience_tell(&patience, &error);
        note_attempt(stream);
        status = fb_patience_wait(&patience, &error);
        if (status != FB_OK) {
            if (status != FB_CANCELED)
                fb_stream_on_failure(stream, &error);
            return status;
        }
    }
}

/* What a full disk may hold up is tried until there is room. */
static enum fb_status insist(struct fb_stream *stream,
                             enum fb_status (*attempt)(struct fb_stream *stream,
                                                       struct fb_error *error),
                             struct fb_error *error)
{
    enum fb_status status;

    for (;;) {
        status = attempt(stream, error);
        if (status != FB_IO)
            break;
        note_attempt(stream);
        status = fb_patience_wait(&stream->checkpoint_patience, error);
        if (status != FB_OK)
            return status;
    }
    if (status == FB_OK)
        fb_patience_success(&stream->checkpoint_patience);
    return status;
}

static enum fb_status open_checkpoint(struct fb_stream *stream, struct fb_error *error)
{
    const struct fb_stream_options *options = &stream->options;
    struct fb_stream_identity identity = {
        .source = options->source,
        .table_arn = stream->table.arn,
        .table_created_ms = stream->table.created_ms,
        .fingerprint = options->fingerprint,
    };
    enum fb_status status = fb_state_stream_open(options->state, options->name, &identity,
                                                 options->start_ms, &stream->row, error);

    if (status == FB_OK && stream->row.fingerprint_changed)
        fb_log_event(FB_EVENT_STREAM_RESTARTS_OBJECTS, FB_ABOUT(.stream = options->name),
                     "the conf changed how records are counted; unfinished objects are written "
                     "again from their start");
    return status;
}

static void on_object_ended(void *context, const struct fb_state_object *object,
                            enum fb_object_state outcome, uint64_t records, uint64_t dead_letters,
                            int64_t begun_ms)
{
    struct fb_stream *stream = context;
    int64_t took_ms = fb_monotonic_ms(stream->options.clock) - begun_ms;
    const char *word = outcome == FB_OBJECT_DONE      ? "done"
                       : outcome == FB_OBJECT_CHANGED ? "ended (it changed)"
                       : outcome == FB_OBJECT_SKIPPED ? "ended (it is skipped)"
                                                      : "ended (it is damaged)";

    fb_stream_note_object(stream, object, fb_object_state_name(outcome));
    fb_log_event(FB_EVENT_OBJECT_ENDED,
                 FB_ABOUT(.stream = stream->options.name, .object = object->key),
                 "object %s %s: %llu records, %llu dead letters, %lld.%03lld s", object->key, word,
                 (unsigned long long)records, (unsigned long long)dead_letters,
                 (long long)(took_ms / 1000), (long long)(took_ms % 1000));
}

/* Behind the first dead letter that may yet be one of too many. */
static uint64_t stay_behind(void *context, uint64_t resolved_ordinal)
{
    struct fb_stream *stream = context;
    uint64_t seen = atomic_load(&stream->read.ordinals);

    /* Nothing to come and nothing in flight, and not because of a stop: none can be any more. */
    if (fb_stop_level(&stream->stop) == FB_STOP_NOT && atomic_load(&stream->read.busy) == 0 &&
        fb_stream_is_settled(stream))
        seen = resolved_ordinal = UINT64_MAX;
    return fb_dead_letters_undecided(stream->letters,
                                     resolved_ordinal < seen ? resolved_ordinal : seen);
}

/* Makes durable how far the frontier may move. */
static enum fb_status move_frontier(struct fb_stream *stream, struct fb_error *error)
{
    struct fb_progress_view view;
    enum fb_status status = fb_progress_view(stream->progress, stay_behind, stream, &view);

    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a checkpoint");
    if (!view.is_new)
        return FB_OK;
    status = fb_dead_letters_sync(stream->letters, false, error);
    if (status == FB_OK)
        status =
            fb_state_checkpoint(stream->options.state, stream->row.id, &view.checkpoint, error);
    if (status != FB_OK)
        return status;
    fb_progress_committed(stream->progress, on_object_ended, stream);
    return FB_OK;
}

/*
 * Makes durable what is acknowledged; of dead letters that are gathered, only what is due unless
 * `all_letters` are to be kept. Where that fails, the frontier moves up to the first of them.
 */
static enum fb_status checkpoint(struct fb_stream *stream, bool all_letters, struct fb_error *error)
{
    enum fb_status kept = fb_dead_letters_sync(stream->letters, all_letters, error);
    enum fb_status status = move_frontier(stream, error);

    return status == FB_OK ? kept : status;
}

/* Whether all that was read is acknowledged and nothing more will be read. */
static bool is_drained(struct fb_stream *stream)
{
    return atomic_load(&stream->read.running) == 0 && fb_stream_is_settled(stream);
}

/* Whether dead letters that are gathered hold something up. */
static bool is_waited_for(struct fb_stream *stream)
{
    return atomic_load(&stream->read.waiting) > 0 || atomic_load(&stream->hold) != FB_HOLD_NOTHING;
}

/* What a hold waits for. Nothing begins that a decoder has not seen the hold before. */
static void look_at_rest(struct fb_stream *stream)
{
    /* First: what was seen before a hold says nothing of it. */
    const int hold = atomic_load(&stream->hold);
    const bool at_rest = atomic_load(&stream->read.busy) == 0 && fb_stream_is_settled(stream) &&
                         fb_progress_objects(stream->progress) == 0;
    bool is_news;

    pthread_mutex_lock(&stream->lock);
    is_news = at_rest != stream->at_rest && hold == atomic_load(&stream->hold);
    if (is_news)
        stream->at_rest = at_rest;
    pthread_mutex_unlock(&stream->lock);
    if (is_news && atomic_load(&stream->hold) != FB_HOLD_NOTHING)
        tell_change(stream);
}

/* Commits checkpoints until the stream is drained or told to leave everything. */
static void supervise(struct fb_stream *stream)
{
    struct fb_error error = {0};
    bool over = false;

    while (!over) {
        uint64_t seen = fb_event_count(&stream->changed);
        bool finished = atomic_load(&stream->read.running) == 0;
        bool drained = is_drained(stream);
        enum fb_status status;

        fb_stream_note_success(stream);
        over = drained || fb_stop_level(&stream->stop) == FB_STOP_NOW;
        status = checkpoint(stream, drained || is_waited_for(stream), &error);
        fb_stream_take_off(stream);
        fb_stream_look_at_backlog(stream, over);
        if (status == FB_OK) {
            fb_patience_success(&stream->checkpoint_patience);
            look_at_rest(stream);
            if (!over)
                fb_event_wait(&stream->changed, seen,
                              finished ? DRAIN_LOOK_MS : CHECKPOINT_INTERVAL_MS);
            continue;
        }
        if (fb_stop_level(&stream->stop) == FB_STOP_NOW)
            return; /* one more try is made when all threads are gone */
        over = false;
        /* A damaged state file, or letters that may be lost: only a restart helps. */
        if (status != FB_CORRUPT)
            status = fb_patience_wait(&stream->checkpoint_patience, &error);
        if (status != FB_OK && status != FB_CANCELED) {
            fb_stream_on_failure(stream, &error);
            return;
        }
    }
}

/* Whether `run --once` leaves something that it should have written. */
static bool leaves_something(struct fb_stream *stream)
{
    return stream->failed || stream->progress == NULL ||
           fb_stop_level(&stream->stop) != FB_STOP_NOT ||
           fb_progress_objects(stream->progress) > 0 ||
           atomic_load(&stream->read.objects_damaged) > 0 ||
           atomic_load(&stream->read.objects_vanished) > 0;
}

static void note_end(struct fb_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->left_undone = leaves_something(stream);
    stream->attempted = true;
    stream->finished = true;
    pthread_mutex_unlock(&stream->lock);
    tell_change(stream);
}

static void *run(void *argument)
{
    struct fb_stream *stream = argument;
    struct fb_client client = {0};
    struct fb_error error = {0};
    enum fb_status status =
        fb_stream_connect(stream, FB_SIDE_TABLE, FB_STOP_DRAIN, &client, &error);

    if (status == FB_OK)
        status = describe(stream, &client);
    else
        fb_stream_on_failure(stream, &error);
    fb_stream_disconnect(stream, &client);
    if (status == FB_OK) {
        status = insist(stream, open_checkpoint, &error);
        if (status == FB_OK)
            status = insist(stream, fb_stream_open_letters, &error);
        if (status == FB_OK)
            status = fb_stream_start_parts(stream, &error);
        if (status != FB_OK && status != FB_CANCELED)
            fb_stream_on_failure(stream, &error);
    }
    note_attempt(stream);
    if (status == FB_OK)
        supervise(stream);
    fb_stream_end_parts(stream);
    if (stream->progress != NULL && checkpoint(stream, false, &error) != FB_OK)
        fb_log_event(FB_EVENT_CHECKPOINT_LOST,
                     FB_ABOUT(.stream = stream->options.name, .error = &error),
                     "the last checkpoint failed: %s. What it would have said is written again at "
                     "the next start",
                     error.message);
    note_end(stream);
    return NULL;
}

enum fb_status fb_stream_start(const struct fb_stream_options *options,
                               struct fb_stream **ret_stream, struct fb_error *error)
{
    struct fb_stream *stream = calloc(1, sizeof *stream);
    struct fb_patience_options patience;
    enum fb_status status;

    if (stream == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a stream");
    stream->options = *options;
    stream->at_rest = true;
    fb_stop_init(&stream->stop, NULL);
    fb_budget_init(&stream->budget, options->max_write_units);
    fb_stream_meters_init(&stream->meters, fb_monotonic_ms(options->clock));
    fb_event_init(&stream->changed);
    fb_event_init(&stream->pending);
    pthread_mutex_init(&stream->lock, NULL);
    patience = fb_stream_patience(stream, FB_STOP_NOW);
    patience.what = "keep the checkpoint";
    fb_patience_init(&stream->checkpoint_patience, &patience, options->seed);
    status = fb_thread_start(&stream->thread, "stream", run, stream, error);
    if (status != FB_OK) {
        free(stream);
        return status;
    }
    *ret_stream = stream;
    return FB_OK;
}

/* Whoever waits looks again at what he must not pass over. */
static void wake_all(struct fb_stream *stream)
{
    fb_event_raise(&stream->pending);
    fb_event_raise(&stream->changed);
    pthread_mutex_lock(&stream->lock);
    for (size_t i = 0; i < stream->pool_count; i++)
        fb_item_pool_wake(stream->pools[i]);
    for (size_t i = 0; i < stream->lane_count; i++)
        if (stream->lanes[i] != NULL)
            fb_lane_wake(stream->lanes[i]);
    pthread_mutex_unlock(&stream->lock);
}

void fb_stream_stop(struct fb_stream *stream, enum fb_stop_level level)
{
    fb_stop_request(&stream->stop, level);
    wake_all(stream);
}

void fb_stream_hold(struct fb_stream *stream, enum fb_hold hold)
{
    pthread_mutex_lock(&stream->lock);
    /* Until the supervisor has looked again, if there is anything to look at. */
    stream->at_rest = stream->works == NULL;
    atomic_store(&stream->hold, (int)hold);
    pthread_mutex_unlock(&stream->lock);
    wake_all(stream);
}

void fb_stream_free(struct fb_stream *stream)
{
    if (stream == NULL)
        return;
    fb_thread_join(stream->thread);
    fb_stream_free_parts(stream);
    fb_budget_done(&stream->budget);
    fb_stream_meters_done(&stream->meters);
    pthread_mutex_destroy(&stream->lock);
    fb_event_done(&stream->pending);
    fb_event_done(&stream->changed);
    free(stream);
}

void fb_stream_report(struct fb_stream *stream, struct fb_stream_report *ret_report)
{
    pthread_mutex_lock(&stream->lock);
    *ret_report = (struct fb_stream_report){
        .attempted = stream->attempted,
        .finished = stream->finished,
        .healthy = stream->unhealthy_parts == 0 && !stream->failed,
        .failed = stream->failed,
        .left_undone = stream->left_undone,
        .hold = (enum fb_hold)atomic_load(&stream->hold),
        .at_rest = stream->at_rest,
        .problem_ms = stream->problem_ms,
        .objects = atomic_load(&stream->read.objects),
        .objects_changed = atomic_load(&stream->read.objects_changed),
        .objects_vanished = atomic_load(&stream->read.objects_vanished),
        .objects_damaged = atomic_load(&stream->read.objects_damaged),
        .passed_over = atomic_load(&stream->read.passed_over),
        .left_out = atomic_load(&stream->read.left_out),
        .mismatches = atomic_load(&stream->read.mismatches),
        .records = atomic_load(&stream->read.records),
        .bytes_read = atomic_load(&stream->read.bytes_read),
        .dead_letters = stream->letters == NULL ? 0 : fb_dead_letters_count(stream->letters),
        .items_written = atomic_load(&stream->written.items_written),
        .items_deleted = atomic_load(&stream->written.items_by_operation[FB_DELETE]),
        .items_coalesced = atomic_load(&stream->written.items_coalesced),
        .write_units_saved = atomic_load(&stream->written.write_units_saved),
        .items_kept = atomic_load(&stream->written.items_kept),
        .calls = atomic_load(&stream->written.calls),
        .retries = atomic_load(&stream->written.retries),
    };
    memcpy(ret_report->problem, stream->problem, sizeof ret_report->problem);
    if (stream->holding_ms != 0 &&
        fb_monotonic_ms(stream->options.clock) - stream->holding_ms < HOLDING_LATELY_MS)
        memcpy(ret_report->holding_digest, stream->holding_digest,
               sizeof ret_report->holding_digest);
    fb_stream_report_backlog(stream, ret_report);
    pthread_mutex_unlock(&stream->lock);
}

size_t fb_stream_work(struct fb_stream *stream, struct fb_stream_work *ret_works, size_t count)
{
    size_t found = 0;

    pthread_mutex_lock(&stream->lock);
    for (unsigned i = 0; stream->works != NULL && i < stream->options.decoders; i++) {
        struct fb_decoder_work *work = &stream->works[i];

        if (found == count)
            break;
        pthread_mutex_lock(&work->lock);
        memcpy(ret_works[found].key, work->key, sizeof work->key);
        ret_works[found].size_bytes = work->size_bytes;
        pthread_mutex_unlock(&work->lock);
        ret_works[found].read_bytes = atomic_load(&work->read_bytes);
        found += ret_works[found].key[0] != '\0';
    }
    pthread_mutex_unlock(&stream->lock);
    return found;
}
