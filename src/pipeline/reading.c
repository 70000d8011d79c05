/* SPDX-License-Identifier: Apache-2.0 */
/* One object: GET, decode, hand the records on, and say how it ended. */
#include <stdio.h>
#include <string.h>

#include "decoder_private.h"
#include "firebridge/base/heartbeat.h"
#include "firebridge/base/log.h"
#include "successor.h"

/* A connection that we hold up ourselves for so long is closed and resumed by Range. */
#define HOLD_LIMIT_MS 20000

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

/* Says how objects are read, once for all that are alike. Of a bad first record the form is not
 * known yet. */
static void note_form(struct fb_decoder *decoder, struct fb_reading *reading)
{
    const bool is_auto = decoder->options.reader.form.format == FB_FORMAT_AUTO;
    const enum fb_format format = fb_object_reader_format(decoder->reader);
    char compression[64];
    char reads_as[sizeof decoder->reads_as];

    if (reading->is_noted || format == FB_FORMAT_AUTO)
        return;
    reading->is_noted = true;
    fb_object_reader_describe(decoder->reader, compression, sizeof compression);
    snprintf(reads_as, sizeof reads_as, "compression %s, format %s%s", compression,
             fb_format_name(format), is_auto ? " (auto, by the first record)" : "");
    if (strcmp(reads_as, decoder->reads_as) == 0)
        return;
    memcpy(decoder->reads_as, reads_as, sizeof reads_as);
    fb_log_event(
        FB_EVENT_OBJECT_FORM,
        FB_ABOUT(.stream = reading->decoder->options.stream, .object = reading->identity->key),
        "from object %s on: %s", reading->identity->key, reads_as);
}

/* FB_NEED_MORE or FB_END when the reader has no record left. */
static enum fb_status take_records(struct fb_reading *reading)
{
    struct fb_record record;
    enum fb_status status;

    do {
        status = fb_object_reader_next(reading->decoder->reader, &record, &reading->error);
        if (status == FB_OK)
            note_form(reading->decoder, reading);
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
        if (fb_stop_level(&reading->decoder->stop) != FB_STOP_NOT)
            return FB_CANCELED;
        if (hold_of(reading->decoder) == FB_HOLD_READING)
            fb_event_wait(options->event, seen, -1);
    }
    if (status == FB_OK && fb_stop_level(&reading->decoder->stop) != FB_STOP_NOT)
        return FB_CANCELED;
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
        /* Whatever it gave up with says nothing of the object. */
        reading->has_failed = status != FB_OK && status != FB_CANCELED;
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

/* One dead letter stands for all that could not be read of a damaged object. */
static enum fb_status note_damage(struct fb_reading *reading)
{
    const struct fb_error damage = reading->error;

    fb_log_event(
        FB_EVENT_OBJECT_DAMAGED,
        FB_ABOUT(.stream = reading->decoder->options.stream, .object = reading->identity->key,
                 .error = &damage, .record = &reading->outlet->next.record),
        "object %s cannot be read: %s. The %llu records before that are written; deliver "
        "what is missing again, as a new object in a folder of now",
        reading->identity->key, damage.message, (unsigned long long)reading->outlet->next.record);
    return fb_outlet_note_damage(reading->outlet, damage.message, &reading->error);
}

/* What was read before the damage is written before the stream ends, which leaves all else. */
static void stop_at_damage(struct fb_reading *reading)
{
    const struct fb_error damage = reading->error;

    if (reading->outlet->functions->settle != NULL)
        reading->outlet->functions->settle(reading->outlet);
    fb_fail(&reading->error, FB_CORRUPT,
            "object %.300s cannot be read: %.150s. on_damaged_object = stop, so the stream stands "
            "here. Replace, delete or skip the object, or set on_damaged_object = dead-letter, and "
            "start "
            "firebridge again",
            reading->identity->key, damage.message);
}

static void note_change(struct fb_reading *reading, bool vanished)
{
    struct fb_decoder_counters *counters = reading->decoder->options.counters;

    fb_log_event(vanished ? FB_EVENT_OBJECT_VANISHED : FB_EVENT_OBJECT_CHANGED,
                 FB_ABOUT(.stream = reading->decoder->options.stream,
                          .object = reading->identity->key, .error = &reading->error),
                 "object %s %s while it was read: %s. What was read of it (%llu records) stays "
                 "written",
                 reading->identity->key, vanished ? "vanished" : "changed", reading->error.message,
                 (unsigned long long)reading->outlet->next.record);
    atomic_fetch_add(vanished ? &counters->objects_vanished : &counters->objects_changed, 1);
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
        note_change(reading, *status == FB_NOT_FOUND);
        *status = FB_OK;
        return FB_OBJECT_CHANGED;
    case FB_CORRUPT:
        if (reading->decoder->options.on_damage == FB_DAMAGE_STOP) {
            stop_at_damage(reading);
            return FB_OBJECT_ACTIVE;
        }
        *status = note_damage(reading);
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
    atomic_fetch_add(&decoder->options.counters->bytes_inflated,
                     fb_object_reader_inflated_bytes(decoder->reader));
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

/* What was read is written, the rest is not, and the frontier passes the object. */
enum fb_status fb_reading_take_off(struct fb_reading *reading)
{
    struct fb_outlet *outlet = reading->outlet;
    enum fb_status status = outlet->functions->finish(outlet, &reading->error);

    if (status != FB_OK) {
        outlet->functions->leave(outlet);
        return status;
    }
    fb_log_event(
        FB_EVENT_OBJECT_TAKEN_OFF,
        FB_ABOUT(.stream = reading->decoder->options.stream, .object = reading->identity->key),
        "object %s is taken off behind %llu records, as was asked for", reading->identity->key,
        (unsigned long long)outlet->next.record);
    fb_patience_success(&reading->decoder->patience);
    fb_progress_object_end(outlet->options.progress, outlet->object, FB_OBJECT_SKIPPED,
                           outlet->next.record, outlet->dead_letters);
    return FB_OK;
}

enum fb_status fb_reading_run(struct fb_reading *reading)
{
    enum fb_status status;

    begin_reading(reading);
    status = read_body(reading);
    if (status == FB_OK)
        status = finish_body(reading);
    if (reading->begun)
        count_others(reading);
    if (status == FB_CANCELED && is_taken_off(reading->decoder))
        return fb_reading_take_off(reading);
    if (is_at_end(reading, status))
        return end_object(reading, status);
    reading->outlet->functions->leave(reading->outlet);
    return status;
}
