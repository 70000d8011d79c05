/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured of a stream: put down as it happens, and read. */
#include <stdlib.h>

#include "firebridge/pipeline/measures.h"
#include "stream_private.h"

void fb_stream_meters_init(struct fb_stream_meters *meters, int64_t now_ms)
{
    fb_call_meter_init(&meters->calls);
    fb_tally_init(&meters->objects);
    fb_histogram_init(&meters->delay_key, &fb_scale_delay);
    fb_histogram_init(&meters->delay_modified, &fb_scale_delay);
    atomic_init(&meters->late_objects, 0);
    atomic_init(&meters->success_ms, now_ms);
}

void fb_stream_meters_done(struct fb_stream_meters *meters)
{
    fb_call_meter_done(&meters->calls);
    fb_tally_done(&meters->objects);
}

static int64_t skew_ms(struct fb_stream *stream, enum fb_stream_side side)
{
    struct fb_credentials_cache *cache = atomic_load(&stream->meters.credentials[side]);

    return cache == NULL ? 0 : fb_credentials_cache_skew_ms(cache);
}

/* A sweep finds what appears where polls do not look. */
static bool is_late(const struct fb_stream *stream, const struct fb_state_object *object)
{
    const int64_t end_ms = fb_layout_folder_end_ms(stream->options.layout, object->key);

    return end_ms != INT64_MAX && object->last_modified_ms - end_ms > FB_POLLER_FRESH_MS;
}

void fb_stream_note_object(struct fb_stream *stream, const struct fb_state_object *object,
                           const char *outcome)
{
    struct fb_stream_meters *meters = &stream->meters;
    const int64_t now_ms = fb_realtime_ms(stream->options.clock) + skew_ms(stream, FB_SIDE_SOURCE);

    fb_tally_add(&meters->objects, outcome, 1);
    fb_histogram_note(&meters->delay_key, now_ms - object->key_time_ms);
    fb_histogram_note(&meters->delay_modified, now_ms - object->last_modified_ms);
    if (is_late(stream, object))
        atomic_fetch_add(&meters->late_objects, 1);
}

/* All that was settled, be it written, left as the table has it, or refused. */
static uint64_t settled(struct fb_stream *stream)
{
    return atomic_load(&stream->written.items_written) + atomic_load(&stream->written.items_kept) +
           fb_dead_letters_count(stream->letters);
}

void fb_stream_note_success(struct fb_stream *stream)
{
    struct fb_stream_meters *meters = &stream->meters;
    const uint64_t items = settled(stream);
    const uint64_t pages = atomic_load(&stream->listed.pages);
    const bool is_idle =
        atomic_load(&stream->read.busy) == 0 && fb_progress_objects(stream->progress) == 0;

    if (items != meters->seen_items || (is_idle && pages != meters->seen_pages))
        atomic_store(&meters->success_ms, fb_monotonic_ms(stream->options.clock));
    meters->seen_items = items;
    meters->seen_pages = pages;
}

/* ---- reading ---- */

/* With the lock. */
static void read_flight(struct fb_stream *stream, struct fb_stream_measures *measures)
{
    for (size_t i = 0; i < stream->pool_count; i++)
        measures->in_flight_bytes += fb_item_pool_in_use_bytes(stream->pools[i]);
    measures->lanes = stream->options.adds ? stream->options.decoders : stream->lane_count;
    measures->lanes_busy = atomic_load(&stream->written.lanes_busy);
    if (stream->letters == NULL)
        return;
    measures->dead_letter_bytes = fb_dead_letters_held_bytes(stream->letters);
    fb_dead_letters_reasons(stream->letters, &measures->dead_letters);
}

/* A lane that was never throttled has no limit, and then all together have none. */
static int64_t rate_limit(struct fb_stream *stream)
{
    const struct fb_lane_counters *counters = &stream->written;
    const unsigned limited = atomic_load(&counters->lanes_limited);
    const int64_t allowed = (int64_t)stream->options.max_write_units * 1000;
    const int64_t taken = atomic_load(&counters->limit_milliunits);

    if (limited == 0 || limited < atomic_load(&counters->lanes_used))
        return allowed > 0 ? allowed : FB_MEASURE_UNKNOWN;
    return allowed > 0 && allowed < taken ? allowed : taken;
}

static void read_credentials(struct fb_stream *stream, struct fb_stream_measures *measures)
{
    const int64_t now_ms = fb_realtime_ms(stream->options.clock);
    int64_t first_ms = INT64_MAX;

    for (int side = 0; side < FB_SIDE_COUNT; side++) {
        struct fb_credentials_cache *cache = atomic_load(&stream->meters.credentials[side]);
        const int64_t offset_ms = skew_ms(stream, (enum fb_stream_side)side);
        struct fb_credentials_report report;

        if (cache == NULL)
            continue;
        if (llabs((long long)offset_ms) > llabs((long long)measures->clock_offset_ms))
            measures->clock_offset_ms = offset_ms;
        fb_credentials_cache_report(cache, &report);
        if (report.expires_ms > 0 && report.expires_ms < first_ms)
            first_ms = report.expires_ms;
    }
    measures->credentials_expire_in_ms =
        first_ms == INT64_MAX ? FB_MEASURE_UNKNOWN : first_ms - now_ms;
}

static void read_items(struct fb_stream *stream, struct fb_stream_measures *measures)
{
    struct fb_lane_counters *counters = &stream->written;

    for (int i = 0; i < FB_LEAVE_OUT; i++)
        fb_tally_view_add(&measures->items, fb_operation_name((enum fb_operation)i),
                          atomic_load(&counters->items_by_operation[i]));
    measures->items_coalesced = atomic_load(&counters->items_coalesced);
    measures->items_kept = atomic_load(&counters->items_kept);
    measures->write_units = atomic_load(&counters->write_units);
    measures->write_units_saved = atomic_load(&counters->write_units_saved);
    measures->rate_limit_milliunits = rate_limit(stream);
}

static void read_records(struct fb_stream *stream, struct fb_stream_measures *measures)
{
    struct fb_decoder_counters *counters = &stream->read;

    measures->bytes_read = atomic_load(&counters->bytes_read);
    measures->bytes_inflated = atomic_load(&counters->bytes_inflated);
    measures->records = atomic_load(&counters->records);
    measures->records_left_out = atomic_load(&counters->left_out);
    measures->records_passed_over = atomic_load(&counters->passed_over);
}

static void read_meters(struct fb_stream_meters *meters, struct fb_stream_measures *measures)
{
    measures->late_objects = atomic_load(&meters->late_objects);
    fb_tally_view(&meters->objects, &measures->objects);
    fb_tally_view(&meters->calls.calls, &measures->calls);
    fb_tally_view(&meters->calls.retries, &measures->retries);
    fb_tally_view(&meters->calls.throttles, &measures->throttles);
    fb_histogram_view(&meters->calls.list, &measures->list);
    fb_histogram_view(&meters->calls.get, &measures->get);
    fb_histogram_view(&meters->calls.write, &measures->write);
    fb_histogram_view(&meters->delay_key, &measures->delay_key);
    fb_histogram_view(&meters->delay_modified, &measures->delay_modified);
}

void fb_stream_measure(struct fb_stream *stream, struct fb_stream_measures *ret_measures)
{
    *ret_measures = (struct fb_stream_measures){
        .last_success_age_ms =
            fb_monotonic_ms(stream->options.clock) - atomic_load(&stream->meters.success_ms),
    };
    pthread_mutex_lock(&stream->lock);
    read_flight(stream, ret_measures);
    pthread_mutex_unlock(&stream->lock);
    read_credentials(stream, ret_measures);
    read_items(stream, ret_measures);
    read_records(stream, ret_measures);
    read_meters(&stream->meters, ret_measures);
}
