/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/decoder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder_private.h"
#include "firebridge/base/heartbeat.h"
#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"
#include "successor.h"

/* A connection that we hold up ourselves for so long is closed and resumed by Range. */
#define HOLD_LIMIT_MS 20000

/* Objects begun but not passed by the frontier; bounds memory behind one stuck key. */
#define OBJECTS_IN_FLIGHT 1000
#define FRONTIER_LOOK_MS  20

static void flush(struct fb_reading *reading)
{
    if (reading->outlet->functions->flush != NULL)
        reading->outlet->functions->flush(reading->outlet);
}

static enum fb_status take_record(struct fb_reading *reading, const struct fb_record *record)
{
    struct fb_outlet *outlet = reading->outlet;
    enum fb_status status;

    if (fb_outlet_has_done(outlet, record)) {
        outlet->end_offset_bytes = record->end_offset_bytes;
        return FB_OK;
    }
    status = outlet->functions->take(outlet, record, &reading->error);
    reading->has_failed = status != FB_OK;
    /* A record is done with all that it becomes. */
    if (status == FB_OK && !record->is_followed)
        atomic_fetch_add_explicit(&reading->decoder->options.counters->records, 1,
                                  memory_order_relaxed);
    return status;
}

/* FB_NEED_MORE or FB_END when the reader has no record left. */
static enum fb_status take_records(struct fb_reading *reading)
{
    struct fb_record record;
    enum fb_status status;

    do {
        status = fb_object_reader_next(reading->decoder->reader, &record, &reading->error);
        if (status == FB_OK)
            fb_decoder_note_form(reading->decoder, reading);
        if (status == FB_OK)
            status = take_record(reading, &record);
    } while (status == FB_OK);
    return status;
}

/* With the object's first bytes, or at its end when it has none. */
static void begin_once(struct fb_reading *reading, const char *content_encoding)
{
    const struct fb_inflate_hints hints = {.content_encoding = content_encoding,
                                           .key = reading->identity->key};

    if (reading->begun)
        return;
    fb_object_reader_begin(reading->decoder->reader, &hints);
    fb_object_reader_describe_object(reading->decoder->reader, &reading->described);
    reading->begun = true;
}

/* Uses up all of `bytes`, or says why not. */
static enum fb_status decode(struct fb_reading *reading, const char *bytes, size_t size)
{
    struct fb_object_reader *reader = reading->decoder->reader;
    enum fb_status status;

    fb_object_reader_feed(reader, bytes, size);
    status = take_records(reading);
    reading->compressed_bytes += size - fb_object_reader_unused(reader);
    return status == FB_NEED_MORE ? FB_OK : status;
}

static enum fb_hold hold_of(const struct fb_decoder *decoder)
{
    return fb_hold_of(decoder->options.hold);
}

/* Which object is at work; NULL: none. */
static void note_work(const struct fb_decoder *decoder, const struct fb_state_object *object)
{
    struct fb_decoder_work *work = decoder->options.work;

    if (work == NULL)
        return;
    pthread_mutex_lock(&work->lock);
    snprintf(work->key, sizeof work->key, "%s", object == NULL ? "" : object->key);
    work->size_bytes = object == NULL ? 0 : object->size_bytes;
    pthread_mutex_unlock(&work->lock);
    atomic_store(&work->read_bytes, 0);
}

static void note_read(const struct fb_reading *reading)
{
    struct fb_decoder_work *work = reading->decoder->options.work;

    if (work != NULL)
        atomic_store_explicit(&work->read_bytes, reading->compressed_bytes, memory_order_relaxed);
}

static enum fb_status on_body(void *context, const struct fb_http_response *response,
                              const char *bytes, size_t size)
{
    struct fb_reading *reading = context;
    struct fb_decoder *decoder = reading->decoder;
    int64_t began_ms = fb_monotonic_ms(decoder->options.clock);

    fb_heartbeat();
    reading->described.now_ms = fb_realtime_ms(decoder->options.clock);
    begin_once(reading, response->content_encoding);
    atomic_fetch_add_explicit(&decoder->options.counters->bytes_read, size, memory_order_relaxed);
    fb_patience_success(&decoder->patience);
    reading->sink_status = decode(reading, bytes, size);
    flush(reading);
    note_read(reading);
    if (reading->sink_status == FB_OK && fb_stop_level(&decoder->stop) != FB_STOP_NOT)
        reading->sink_status = FB_CANCELED;
    if (reading->sink_status == FB_OK &&
        (hold_of(decoder) == FB_HOLD_READING ||
         fb_monotonic_ms(decoder->options.clock) - began_ms > HOLD_LIMIT_MS)) {
        reading->held = true;
        return FB_CANCELED;
    }
    return reading->sink_status;
}

/* Some tiers show only when they are read; waiting for a restore would hold up all behind it. */
static bool is_archived(const struct fb_error *error)
{
    return strcmp(error->code, "InvalidObjectState") == 0;
}

/* As long as a person holds the reading. What was read goes its way meanwhile. */
static enum fb_status stand_still(struct fb_reading *reading)
{
    const struct fb_decoder_options *options = &reading->decoder->options;
    enum fb_status status = reading->outlet->functions->finish(reading->outlet, &reading->error);

    reading->has_failed = status != FB_OK;
    while (status == FB_OK && hold_of(reading->decoder) == FB_HOLD_READING) {
        const uint64_t seen = fb_event_count(options->event);

        fb_event_raise(options->changed);
        if (fb_stop_level(options->stop) != FB_STOP_NOT)
            return FB_CANCELED;
        if (hold_of(reading->decoder) == FB_HOLD_READING)
            fb_event_wait(options->event, seen, -1);
    }
    return status;
}

/*
 * GETs until the object's last byte was decoded. FB_CHANGED, FB_NOT_FOUND: it was replaced or
 * deleted meanwhile; FB_CORRUPT: its bytes are damaged; all with reading->error. FB_CANCELED; or
 * gave up.
 */
static enum fb_status read_body(struct fb_reading *reading)
{
    struct fb_decoder *decoder = reading->decoder;
    struct fb_error error = {0};
    enum fb_status status;

    while (reading->compressed_bytes < reading->identity->size_bytes) {
        uint64_t before_bytes = reading->compressed_bytes;
        struct fb_s3_get_request request = {
            .bucket = decoder->options.bucket,
            .key = reading->identity->key,
            .etag = reading->identity->etag,
            .size_bytes = reading->identity->size_bytes,
            .offset_bytes = reading->compressed_bytes,
            .stall_timeout_ms = decoder->options.stall_timeout_ms,
            .sink = on_body,
            .context = reading,
        };

        if (fb_stop_level(&decoder->stop) != FB_STOP_NOT)
            return FB_CANCELED;
        if (hold_of(decoder) == FB_HOLD_READING) {
            status = stand_still(reading);
            if (status != FB_OK)
                return status;
        }
        reading->sink_status = FB_OK;
        reading->held = false;
        status = decoder->options.get(&decoder->options.client, &request, &error);
        if (reading->sink_status != FB_OK)
            return reading->sink_status;
        if (reading->compressed_bytes > before_bytes && (status == FB_OK || reading->held))
            continue;
        if (status == FB_OK)
            fb_fail(&error, FB_UNAVAILABLE, "S3 answered without the %llu bytes that are left",
                    (unsigned long long)(reading->identity->size_bytes - before_bytes));
        if (status == FB_CANCELED)
            return status;
        if (status == FB_CHANGED)
            status = fb_successor_take(&decoder->options, reading->identity, &error);
        if (status == FB_CHANGED || status == FB_NOT_FOUND || is_archived(&error)) {
            reading->error = error;
            return is_archived(&error) ? FB_CORRUPT : status;
        }
        status = fb_patience_wait(&decoder->patience, &error);
        reading->error = error;
        if (status != FB_OK)
            return status;
    }
    fb_patience_success(&decoder->patience);
    return FB_OK;
}

/* The last bytes: what the codec and the reader still hold. */
static enum fb_status finish_body(struct fb_reading *reading)
{
    struct fb_decoder *decoder = reading->decoder;
    enum fb_status status;

    begin_once(reading, NULL);
    fb_object_reader_finish(decoder->reader);
    status = take_records(reading);
    return status == FB_END ? FB_OK : status;
}

static enum fb_object_state outcome_of(struct fb_reading *reading, enum fb_status *status)
{
    struct fb_decoder_counters *counters = reading->decoder->options.counters;

    switch (*status) {
    case FB_OK:
        atomic_fetch_add(&counters->objects, 1);
        return FB_OBJECT_DONE;
    case FB_CHANGED:
    case FB_NOT_FOUND:
        fb_decoder_note_change(reading, *status == FB_NOT_FOUND);
        *status = FB_OK;
        return FB_OBJECT_CHANGED;
    case FB_CORRUPT:
        if (reading->decoder->options.on_damage == FB_DAMAGE_STOP) {
            fb_decoder_stop_at_damage(reading);
            return FB_OBJECT_ACTIVE;
        }
        *status = fb_decoder_note_damage(reading);
        atomic_fetch_add(&counters->objects_damaged, 1);
        return FB_OBJECT_DAMAGED;
    default:
        return FB_OBJECT_ACTIVE;
    }
}

static void begin_reading(struct fb_reading *reading)
{
    struct fb_decoder *decoder = reading->decoder;
    const int64_t now_ms = fb_realtime_ms(decoder->options.clock);

    fb_layout_partitions(decoder->options.layout, reading->identity->key, &reading->partitions);
    reading->described = (struct fb_map_object){
        .stream = decoder->options.stream,
        .bucket = decoder->options.bucket,
        .key = reading->identity->key,
        .etag = reading->identity->etag,
        .now_ms = now_ms,
        .ingest_time_ms = now_ms,
        .arrival_ms = reading->identity->key_time_ms,
        .partitions = reading->partitions.values,
        .partition_count = reading->partitions.count,
    };

    snprintf(decoder->what, sizeof decoder->what, "read s3://%.63s/%.1100s",
             decoder->options.bucket, reading->identity->key);
    fb_log_event(
        FB_EVENT_OBJECT_BEGUN,
        FB_ABOUT(.stream = reading->decoder->options.stream, .object = reading->identity->key),
        "object %s begins (%llu bytes)%s", reading->identity->key,
        (unsigned long long)reading->identity->size_bytes,
        reading->outlet->next.record > 0 || reading->outlet->next.offset_bytes > 0
            ? ", behind what is done of it"
            : "");
}

static void count_others(const struct fb_reading *reading)
{
    struct fb_decoder *decoder = reading->decoder;
    const struct fb_record_tally tally = fb_object_reader_tally(decoder->reader);

    atomic_fetch_add(&decoder->options.counters->passed_over, tally.passed_over);
    atomic_fetch_add(&decoder->options.counters->left_out,
                     tally.left_out + reading->outlet->left_alone);
    atomic_fetch_add(&decoder->options.counters->mismatches, tally.mismatches);
}

/* Whether the object is at its end, well or not: all but what a stop or a failure cuts off. */
static bool is_at_end(const struct fb_reading *reading, enum fb_status status)
{
    return !reading->has_failed && (status == FB_OK || status == FB_CORRUPT ||
                                    status == FB_CHANGED || status == FB_NOT_FOUND);
}

/* Of the object's end; what was read of it is on its way. */
static enum fb_status end_object(struct fb_reading *reading, enum fb_status status)
{
    struct fb_outlet *outlet = reading->outlet;
    const struct fb_error why = reading->error;
    enum fb_status finished = outlet->functions->finish(outlet, &reading->error);
    enum fb_object_state outcome;

    if (finished != FB_OK)
        return finished;
    reading->error = why;
    outcome = outcome_of(reading, &status);
    if (status == FB_OK)
        fb_progress_object_end(outlet->options.progress, outlet->object, outcome,
                               outlet->next.record, outlet->dead_letters);
    return status;
}

/* A person has asked for it, and nobody for a stop. */
static bool is_taken_off(const struct fb_decoder *decoder)
{
    return fb_stop_level(&decoder->stop) != FB_STOP_NOT &&
           fb_stop_level(decoder->options.stop) == FB_STOP_NOT;
}

/* What is on its way is finished, the rest is not written, and the frontier passes the object. */
static enum fb_status take_off(struct fb_reading *reading)
{
    struct fb_outlet *outlet = reading->outlet;

    fb_log_notice("stream %s: object %s is taken off behind %llu records, as was asked for",
                  reading->decoder->options.stream, reading->identity->key,
                  (unsigned long long)outlet->next.record);
    fb_patience_success(&reading->decoder->patience);
    outlet->functions->leave(outlet);
    fb_outlet_close_span(outlet);
    fb_progress_object_end(outlet->options.progress, outlet->object, FB_OBJECT_SKIPPED,
                           outlet->next.record, outlet->dead_letters);
    return FB_OK;
}

static enum fb_status read_object(struct fb_reading *reading)
{
    enum fb_status status;

    begin_reading(reading);
    status = read_body(reading);
    if (status == FB_OK)
        status = finish_body(reading);
    if (reading->begun)
        count_others(reading);
    if (status == FB_CANCELED && is_taken_off(reading->decoder))
        return take_off(reading);
    if (is_at_end(reading, status))
        return end_object(reading, status);
    reading->outlet->functions->leave(reading->outlet);
    return status;
}

/* With a token that nobody has raised for another object. */
static void set_at_work(struct fb_decoder *decoder, uint64_t sequence)
{
    pthread_mutex_lock(&decoder->lock);
    decoder->sequence = sequence;
    fb_stop_init(&decoder->stop, decoder->options.stop);
    pthread_mutex_unlock(&decoder->lock);
}

void fb_decoder_skip(struct fb_decoder *decoder, uint64_t sequence)
{
    pthread_mutex_lock(&decoder->lock);
    if (decoder->sequence == sequence)
        fb_stop_request(&decoder->stop, FB_STOP_DRAIN);
    pthread_mutex_unlock(&decoder->lock);
}

/* Takes over the strings of `object`. FB_OK: it has ended, well or not. */
static enum fb_status process(struct fb_decoder *decoder, struct fb_state_object *object)
{
    const int64_t begun_ms = fb_monotonic_ms(decoder->options.clock);
    struct fb_reading reading = {.decoder = decoder, .outlet = decoder->options.outlet};
    enum fb_status status;

    set_at_work(decoder, object->sequence);
    status = fb_outlet_begin(reading.outlet, object, &reading.error);
    fb_state_object_done(object);
    if (status == FB_OK) {
        reading.identity = reading.outlet->identity;
        note_work(decoder, reading.identity);
        status = reading.identity->is_skipped ? take_off(&reading) : read_object(&reading);
        note_work(decoder, NULL);
    }
    set_at_work(decoder, 0);
    if (status == FB_OK && reading.identity->is_backfill)
        fb_takeup_backfilled(decoder->options.takeup, reading.outlet->next.record, begun_ms);
    if (status != FB_CANCELED)
        fb_event_raise(decoder->options.changed);
    if (status != FB_OK && status != FB_CANCELED)
        decoder->options.on_failure(decoder->options.context, &reading.error);
    return status;
}

/* Asks the state file until it answers. FB_OK, FB_END, FB_CANCELED, or gave up. */
static enum fb_status next_object(struct fb_decoder *decoder, struct fb_state_object *ret_object)
{
    const struct fb_decoder_options *options = &decoder->options;
    struct fb_error error = {0};
    enum fb_status status;

    for (;;) {
        if (fb_stop_level(options->stop) != FB_STOP_NOT)
            return FB_CANCELED;
        status =
            fb_takeup_next(options->takeup, atomic_load(options->may_take), ret_object, &error);
        if (status == FB_OK || status == FB_END) {
            fb_patience_success(&decoder->patience);
            return status;
        }
        snprintf(decoder->what, sizeof decoder->what, "take up the next object");
        status = fb_patience_wait(&decoder->patience, &error);
        if (status == FB_OK)
            continue;
        if (status != FB_CANCELED)
            options->on_failure(options->context, &error);
        return status;
    }
}

static void set_busy(struct fb_decoder *decoder, bool is_busy)
{
    if (decoder->is_busy == is_busy)
        return;
    decoder->is_busy = is_busy;
    if (is_busy)
        atomic_fetch_add(&decoder->options.counters->busy, 1);
    else
        atomic_fetch_sub(&decoder->options.counters->busy, 1);
}

static void set_waiting(struct fb_decoder *decoder, bool is_waiting)
{
    if (decoder->is_waiting == is_waiting)
        return;
    decoder->is_waiting = is_waiting;
    if (is_waiting)
        atomic_fetch_add(&decoder->options.counters->waiting, 1);
    else
        atomic_fetch_sub(&decoder->options.counters->waiting, 1);
}

/*
 * Waits while too many objects stand behind the frontier. That counts as idle: a dead letter among
 * them must not hold back what we wait for.
 */
static void wait_for_frontier(struct fb_decoder *decoder)
{
    while (fb_progress_objects(decoder->options.outlet->options.progress) >= OBJECTS_IN_FLIGHT &&
           !fb_stop_wait(decoder->options.stop, FB_STOP_DRAIN, FRONTIER_LOOK_MS)) {
        set_busy(decoder, false);
        set_waiting(decoder, true);
        fb_event_raise(decoder->options.changed);
    }
    set_busy(decoder, true);
    set_waiting(decoder, false);
}

static void *run(void *argument)
{
    struct fb_decoder *decoder = argument;
    const struct fb_decoder_options *options = &decoder->options;
    enum fb_status status = FB_OK;

    while (status == FB_OK && fb_stop_level(options->stop) == FB_STOP_NOT) {
        struct fb_state_object object = {0};
        uint64_t seen = fb_event_count(options->event);
        bool last_look = atomic_load(options->poller_finished);

        /* Before the look at the hold: who set it takes us for at rest only when we saw it. */
        set_busy(decoder, true);
        if (hold_of(decoder) == FB_HOLD_NOTHING) {
            status = next_object(decoder, &object);
        } else {
            status = FB_END;
            last_look = false;
        }
        if (status == FB_OK) {
            status = process(decoder, &object);
            wait_for_frontier(decoder);
        } else if (status == FB_END) {
            set_busy(decoder, false);
            if (last_look)
                break;
            if (hold_of(decoder) != FB_HOLD_NOTHING)
                fb_event_raise(options->changed);
            fb_event_wait(options->event, seen, fb_takeup_wait_ms(options->takeup));
            status = FB_OK;
        }
    }
    atomic_fetch_sub(&options->counters->running, 1);
    fb_event_raise(options->changed);
    return NULL;
}

static void free_parts(struct fb_decoder *decoder)
{
    fb_object_reader_free(decoder->reader);
    pthread_mutex_destroy(&decoder->lock);
    free(decoder);
}

enum fb_status fb_decoder_new(const struct fb_decoder_options *options,
                              struct fb_decoder **ret_decoder, struct fb_error *error)
{
    struct fb_decoder *decoder = calloc(1, sizeof *decoder);
    enum fb_status status;

    if (decoder == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a decoder");
    decoder->options = *options;
    decoder->options.patience.what = decoder->what;
    decoder->options.patience.stop = &decoder->stop;
    pthread_mutex_init(&decoder->lock, NULL);
    set_at_work(decoder, 0);
    decoder->is_busy = true;
    fb_patience_init(&decoder->patience, &decoder->options.patience, options->seed);
    status = fb_object_reader_new(&options->reader, &decoder->reader, error);
    if (status == FB_OK) {
        atomic_fetch_add(&options->counters->busy, 1);
        atomic_fetch_add(&options->counters->running, 1);
        status = fb_thread_start(&decoder->thread, "decoder", run, decoder, error);
    }
    if (status != FB_OK) {
        free_parts(decoder);
        return status;
    }
    *ret_decoder = decoder;
    return FB_OK;
}

void fb_decoder_free(struct fb_decoder *decoder)
{
    if (decoder == NULL)
        return;
    fb_thread_join(decoder->thread);
    free_parts(decoder);
}
