/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's parts: made once the table is known, and taken down again. Each decoder has a pool and
 * lanes of its own, so none of them waits for another. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"
#include "stream_private.h"

struct fb_patience_options fb_stream_patience(struct fb_stream *stream, enum fb_stop_level stop_at)
{
    return (struct fb_patience_options){
        .clock = stream->options.clock,
        .stop = &stream->stop,
        .stop_at = stop_at,
        .give_up_after_ms = stream->options.once ? stream->options.once_patience_ms : 0,
        .on_health = fb_stream_on_health,
        .context = stream,
    };
}

enum fb_status fb_stream_connect(struct fb_stream *stream, enum fb_stream_side side,
                                 enum fb_stop_level stop_at, struct fb_client *ret_client,
                                 struct fb_error *error)
{
    const struct fb_stream_calls *calls = &stream->options.calls;

    enum fb_status status =
        calls->connect(calls->connect_context, side, &stream->stop, stop_at, ret_client, error);

    if (status != FB_OK)
        return status;
    ret_client->meter = &stream->meters.calls;
    atomic_store(&stream->meters.credentials[side], ret_client->credentials);
    return FB_OK;
}

void fb_stream_disconnect(struct fb_stream *stream, struct fb_client *client)
{
    if (client->transport != NULL)
        stream->options.calls.disconnect(client);
}

static enum fb_status open_sink(struct fb_stream *stream, struct fb_letter_sink **ret_sink,
                                struct fb_error *error)
{
    const struct fb_stream_letters *letters = &stream->options.letters;
    struct fb_letter_files_options files = {
        .root = letters->directory,
        .stream = stream->options.name,
        .clock = stream->options.clock,
        .max_file_bytes = letters->max_file_bytes,
        .max_bytes = letters->max_bytes,
    };
    struct fb_letter_s3_options s3 = {
        .bucket = letters->bucket,
        .prefix = letters->prefix,
        .stream = stream->options.name,
        .put = stream->options.calls.put,
        .clock = stream->options.clock,
        .seed = stream->options.seed,
    };
    enum fb_status status;

    if (letters->bucket == NULL)
        return fb_letter_files_new(&files, ret_sink, error);
    status =
        fb_stream_connect(stream, FB_SIDE_LETTERS, FB_STOP_NOW, &stream->letters_client, error);
    s3.client = stream->letters_client;
    return status == FB_OK ? fb_letter_s3_new(&s3, ret_sink, error) : status;
}

enum fb_status fb_stream_open_letters(struct fb_stream *stream, struct fb_error *error)
{
    struct fb_dead_letters_options options = {
        .stream = stream->options.name,
        .bucket = stream->options.bucket,
        .clock = stream->options.clock,
        .max_letters = stream->options.letters.max_letters,
        .in_records = stream->options.letters.in_records,
        .accept_all = stream->options.letters.accept_all,
    };
    struct fb_dead_letters *letters = NULL;
    enum fb_status status = open_sink(stream, &options.sink, error);

    if (status == FB_OK)
        status = fb_dead_letters_open(&options, &letters, error);
    pthread_mutex_lock(&stream->lock);
    stream->letters = letters;
    pthread_mutex_unlock(&stream->lock);
    return status;
}

struct fb_markers fb_stream_markers(const struct fb_stream *stream)
{
    const struct fb_stream_options *options = &stream->options;
    const bool is_apart =
        options->marker_table != NULL && strcmp(options->marker_table, options->table) != 0;

    return (struct fb_markers){
        .stream = options->name,
        .bucket = options->bucket,
        .table = is_apart ? options->marker_table : options->table,
        .schema = is_apart ? &stream->marker_table.schema : &stream->table.schema,
        .ttl_attribute = options->marker_ttl_attribute,
        .ttl_ms = options->marker_ttl_ms,
        .target_arn = is_apart ? stream->table.arn : NULL,
        .target_created_ms = stream->table.created_ms,
    };
}

static size_t lanes_of_each(const struct fb_stream *stream)
{
    const unsigned each = stream->options.writers / stream->options.decoders;

    return each > 0 ? each : 1;
}

static enum fb_status make_rooms(struct fb_stream *stream, struct fb_error *error)
{
    const unsigned decoders = stream->options.decoders;
    const size_t lanes = decoders * lanes_of_each(stream);

    stream->readers = calloc(decoders, sizeof *stream->readers);
    stream->lane_clients = calloc(lanes, sizeof *stream->lane_clients);
    pthread_mutex_lock(&stream->lock);
    stream->pools = calloc(decoders, sizeof *stream->pools);
    stream->lanes = calloc(lanes, sizeof *stream->lanes);
    stream->works = calloc(decoders, sizeof *stream->works);
    for (unsigned i = 0; stream->works != NULL && i < decoders; i++)
        pthread_mutex_init(&stream->works[i].lock, NULL);
    pthread_mutex_unlock(&stream->lock);
    if (stream->readers == NULL || stream->lane_clients == NULL || stream->pools == NULL ||
        stream->lanes == NULL || stream->works == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for %zu lanes", lanes);
    return FB_OK;
}

static enum fb_status start_pool(struct fb_stream *stream, struct fb_item_pool **ret_pool,
                                 struct fb_error *error)
{
    enum fb_status status =
        fb_item_pool_new(stream->options.max_in_flight / stream->options.decoders, ret_pool, error);

    if (status != FB_OK)
        return status;
    pthread_mutex_lock(&stream->lock);
    stream->pools[stream->pool_count++] = *ret_pool;
    pthread_mutex_unlock(&stream->lock);
    return FB_OK;
}

static enum fb_status start_lane(struct fb_stream *stream, struct fb_item_pool *pool,
                                 struct fb_error *error)
{
    struct fb_lane_options options = {
        .stream = stream->options.name,
        .table = stream->options.table,
        .schema = &stream->table.schema,
        .version_attribute = fb_mapping_version_attribute(stream->options.reader.mapping),
        .removes_nulls = stream->options.removes_nulls,
        .write = stream->options.calls.write,
        .clock = stream->options.clock,
        .stop = &stream->stop,
        .pool = pool,
        .letters = stream->letters,
        .counters = &stream->written,
        .patience = fb_stream_patience(stream, FB_STOP_NOW),
        .linger_ms = stream->options.linger_ms,
        .coalesce_for_ms = stream->options.coalesce_for_ms,
        .coalesce_items = stream->options.coalesce_items,
        .budget = stream->options.max_write_units > 0 ? &stream->budget : NULL,
        .hold = &stream->hold,
        .max_in_flight = stream->options.max_in_flight / stream->options.decoders,
        .seed = stream->options.seed,
        .on_failure = fb_stream_on_failure,
        .on_holding = fb_stream_on_holding,
        .context = stream,
    };
    const size_t number = stream->lane_count;
    struct fb_lane *lane = NULL;
    enum fb_status status =
        fb_stream_connect(stream, FB_SIDE_TABLE, FB_STOP_NOW, &stream->lane_clients[number], error);

    options.client = stream->lane_clients[number];
    if (status == FB_OK)
        status = fb_lane_new(&options, (unsigned)number, &lane, error);
    if (status != FB_OK) {
        fb_stream_disconnect(stream, &stream->lane_clients[number]);
        return status;
    }
    pthread_mutex_lock(&stream->lock);
    stream->lanes[stream->lane_count++] = lane;
    pthread_mutex_unlock(&stream->lock);
    return FB_OK;
}

static struct fb_outlet_options outlet_options(struct fb_stream *stream, unsigned number)
{
    return (struct fb_outlet_options){
        .progress = stream->progress,
        .letters = stream->letters,
        .ordinals = &stream->read.ordinals,
        .patience = fb_stream_patience(stream, FB_STOP_DRAIN),
        .clock = stream->options.clock,
        .stop = &stream->stop,
        .seed = stream->options.seed + number,
    };
}

static enum fb_status start_adding(struct fb_stream *stream, unsigned number,
                                   struct fb_error *error)
{
    struct fb_stream_reader *reader = &stream->readers[number];
    const struct fb_outlet_options options = outlet_options(stream, number);
    struct fb_adding_options adding = {
        .table = stream->options.table,
        .schema = &stream->table.schema,
        .mapping = stream->options.reader.mapping,
        .markers = fb_stream_markers(stream),
        .max_bytes = stream->options.max_in_flight / stream->options.decoders,
        .calls = stream->options.calls.adding,
        .patience = fb_stream_patience(stream, FB_STOP_NOW),
        .counters = &stream->written,
        .budget = stream->options.max_write_units > 0 ? &stream->budget : NULL,
    };
    enum fb_status status =
        fb_stream_connect(stream, FB_SIDE_TABLE, FB_STOP_NOW, &reader->adding_client, error);

    adding.client = reader->adding_client;
    return status != FB_OK ? status
                           : fb_outlet_new_adding(&options, &adding, &reader->outlet, error);
}

/* An outlet with its lanes. */
static enum fb_status start_lanes(struct fb_stream *stream, unsigned number, struct fb_error *error)
{
    const struct fb_outlet_options options = outlet_options(stream, number);
    const size_t first_lane = stream->lane_count;
    const size_t lanes = lanes_of_each(stream);
    struct fb_item_pool *pool = NULL;
    enum fb_status status = start_pool(stream, &pool, error);

    for (size_t i = 0; i < lanes && status == FB_OK; i++)
        status = start_lane(stream, pool, error);
    if (status != FB_OK)
        return status;
    return fb_outlet_new_lanes(&options, pool, stream->lanes + first_lane, lanes,
                               &stream->readers[number].outlet, error);
}

static enum fb_status start_decoder(struct fb_stream *stream, unsigned number,
                                    struct fb_error *error)
{
    struct fb_stream_reader *reader = &stream->readers[number];
    struct fb_decoder_options options = {
        .stream = stream->options.name,
        .bucket = stream->options.bucket,
        .layout = stream->options.layout,
        .get = stream->options.calls.get,
        .list_page = stream->options.calls.list_page,
        .stall_timeout_ms = stream->options.stall_timeout_ms,
        .state = stream->options.state,
        .stream_id = stream->row.id,
        .takeup = &stream->takeup,
        .reader = stream->options.reader,
        .on_damage = stream->options.on_damage,
        .outlet = reader->outlet,
        .seed = stream->options.seed + number,
        .counters = &stream->read,
        .work = &stream->works[number],
        .hold = &stream->hold,
        .stop = &stream->stop,
        .clock = stream->options.clock,
        .event = &stream->pending,
        .changed = &stream->changed,
        .may_take = &stream->may_take,
        .poller_finished = &stream->poller_finished,
        .patience = fb_stream_patience(stream, FB_STOP_DRAIN),
        .on_failure = fb_stream_on_failure,
        .context = stream,
    };
    enum fb_status status =
        fb_stream_connect(stream, FB_SIDE_SOURCE, FB_STOP_DRAIN, &reader->client, error);

    options.client = reader->client;
    options.reader.schema = &stream->table.schema;
    options.reader.hash_seed = stream->options.seed;
    return status != FB_OK ? status : fb_decoder_new(&options, &reader->decoder, error);
}

static void on_takeable(void *context, bool takeable)
{
    struct fb_stream *stream = context;

    atomic_store(&stream->may_take, takeable);
    fb_event_raise(&stream->pending);
}

static void on_objects(void *context)
{
    struct fb_stream *stream = context;

    fb_event_raise(&stream->pending);
}

static void *run_poller(void *argument)
{
    struct fb_stream *stream = argument;
    struct fb_error error = {0};
    enum fb_status status = stream->options.once ? fb_poller_run_once(stream->poller, &error)
                                                 : fb_poller_run(stream->poller, &error);

    if (status != FB_OK && status != FB_CANCELED)
        fb_stream_on_failure(stream, &error);
    atomic_store(&stream->poller_finished, true);
    fb_event_raise(&stream->pending);
    return NULL;
}

static enum fb_status start_poller(struct fb_stream *stream, struct fb_error *error)
{
    struct fb_poller_options options = {
        .stream = stream->options.name,
        .bucket = stream->options.bucket,
        .layout = stream->options.layout,
        .list_page = stream->options.calls.list_page,
        .state = stream->options.state,
        .row = &stream->row,
        .poll_interval_ms = stream->options.poll_interval_ms,
        .sweep_interval_ms = stream->options.sweep_interval_ms,
        .lookback_ms = stream->options.lookback_ms,
        .list_budget = stream->options.list_budget,
        .counters = &stream->listed,
        .clock = stream->options.clock,
        .stop = &stream->stop,
        .patience = fb_stream_patience(stream, FB_STOP_DRAIN),
        .seed = stream->options.seed,
        .on_takeable = on_takeable,
        .on_objects = on_objects,
        .context = stream,
    };
    enum fb_status status =
        fb_stream_connect(stream, FB_SIDE_SOURCE, FB_STOP_DRAIN, &stream->list_client, error);

    options.client = stream->list_client;
    if (status == FB_OK)
        status = fb_poller_new(&options, &stream->poller, error);
    if (status == FB_OK)
        status = fb_thread_start(&stream->poller_thread, "poller", run_poller, stream, error);
    stream->poller_started = status == FB_OK;
    return status;
}

/* It ends at a stop alone; what ails it keeps nothing else from its work. */
static void *run_backfiller(void *argument)
{
    struct fb_stream *stream = argument;
    struct fb_error error = {0};
    const enum fb_status status = fb_backfiller_run(stream->backfiller, &error);

    if (status != FB_CANCELED)
        fb_log_event(FB_EVENT_BACKFILL_STANDS,
                     FB_ABOUT(.stream = stream->options.name, .error = &error),
                     "the backfill stands until the next start: %s", error.message);
    return NULL;
}

static enum fb_status start_backfiller(struct fb_stream *stream, struct fb_error *error)
{
    struct fb_backfiller_options options = {
        .stream = stream->options.name,
        .bucket = stream->options.bucket,
        .layout = stream->options.layout,
        .list_page = stream->options.calls.list_page,
        .state = stream->options.state,
        .stream_id = stream->row.id,
        .only_unread = stream->options.adds,
        .takeup = &stream->takeup,
        .clock = stream->options.clock,
        .stop = &stream->stop,
        .patience = fb_stream_patience(stream, FB_STOP_DRAIN),
        .seed = stream->options.seed,
        .on_objects = on_objects,
        .context = stream,
    };
    enum fb_status status =
        fb_stream_connect(stream, FB_SIDE_SOURCE, FB_STOP_DRAIN, &stream->backfill_client, error);

    options.client = stream->backfill_client;
    if (status == FB_OK)
        status = fb_backfiller_new(&options, &stream->backfiller, error);
    if (status == FB_OK)
        status =
            fb_thread_start(&stream->backfill_thread, "backfill", run_backfiller, stream, error);
    stream->backfill_started = status == FB_OK;
    return status;
}

enum fb_status fb_stream_start_parts(struct fb_stream *stream, struct fb_error *error)
{
    const unsigned decoders = stream->options.decoders;
    enum fb_status status = fb_progress_new(stream->options.in_any_order, &stream->progress, error);

    fb_takeup_init(&stream->takeup, stream->options.state, stream->row.id,
                   stream->options.in_any_order, stream->options.clock);
    if (status == FB_OK)
        status = make_rooms(stream, error);
    for (unsigned i = 0; i < decoders && status == FB_OK; i++)
        status =
            stream->options.adds ? start_adding(stream, i, error) : start_lanes(stream, i, error);
    if (status == FB_OK)
        status = start_poller(stream, error);
    /* What a daemon does in weeks is nothing to wait for. */
    if (status == FB_OK && !stream->options.once)
        status = start_backfiller(stream, error);
    for (unsigned i = 0; i < decoders && status == FB_OK; i++)
        status = start_decoder(stream, i, error);
    return status;
}

bool fb_stream_is_settled(struct fb_stream *stream)
{
    for (size_t i = 0; i < stream->pool_count; i++)
        if (fb_item_pool_in_use_bytes(stream->pools[i]) > 0)
            return false;
    return true;
}

void fb_stream_end_parts(struct fb_stream *stream)
{
    for (unsigned i = 0; stream->readers != NULL && i < stream->options.decoders; i++)
        fb_decoder_free(stream->readers[i].decoder);
    if (stream->poller_started)
        fb_thread_join(stream->poller_thread);
    fb_poller_free(stream->poller);
    if (stream->backfill_started)
        fb_thread_join(stream->backfill_thread);
    fb_backfiller_free(stream->backfiller);
    for (size_t i = 0; i < stream->lane_count; i++)
        fb_lane_finish(stream->lanes[i]);
    for (size_t i = 0; i < stream->lane_count; i++) {
        struct fb_lane *lane = stream->lanes[i];

        pthread_mutex_lock(&stream->lock);
        stream->lanes[i] = NULL;
        pthread_mutex_unlock(&stream->lock);
        fb_lane_free(lane);
    }
}

void fb_stream_free_parts(struct fb_stream *stream)
{
    for (size_t i = 0; i < stream->lane_count; i++)
        fb_stream_disconnect(stream, &stream->lane_clients[i]);
    free(stream->lane_clients);
    for (unsigned i = 0; stream->readers != NULL && i < stream->options.decoders; i++) {
        fb_outlet_free(stream->readers[i].outlet);
        fb_stream_disconnect(stream, &stream->readers[i].client);
        fb_stream_disconnect(stream, &stream->readers[i].adding_client);
    }
    free(stream->readers);
    fb_stream_disconnect(stream, &stream->list_client);
    fb_stream_disconnect(stream, &stream->backfill_client);
    fb_takeup_done(&stream->takeup);
    fb_progress_free(stream->progress);
    fb_stream_row_done(&stream->row);
    fb_dead_letters_close(stream->letters);
    fb_stream_disconnect(stream, &stream->letters_client);
    for (size_t i = 0; i < stream->pool_count; i++)
        fb_item_pool_free(stream->pools[i]);
    for (unsigned i = 0; stream->works != NULL && i < stream->options.decoders; i++)
        pthread_mutex_destroy(&stream->works[i].lock);
    free(stream->works);
    free(stream->pools);
    free(stream->lanes);
}
