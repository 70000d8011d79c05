/* SPDX-License-Identifier: Apache-2.0 */
/* From a stream of the conf to one that runs. */
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "firebridge/base/nearest.h"

/* How long items wait where `coalesce` stands alone. */
#define COALESCE_FOR_MS 1000

static enum fb_status connect_client(void *context, enum fb_stream_side side, struct fb_stop *stop,
                                     enum fb_stop_level stop_at, struct fb_client *ret_client,
                                     struct fb_error *error)
{
    const struct fb_daemon_stream *stream = context;

    return fb_environment_client(stream->setup->environment, side, stream->conf, stop, stop_at,
                                 ret_client, error);
}

static enum fb_status check_key(const void *context, const struct fb_key_schema *schema,
                                struct fb_error *error)
{
    const struct fb_daemon_stream *stream = context;

    return fb_conf_check_key(stream->conf, stream->mapping, schema, error);
}

/* A number alone would let the last items wait for ever. */
static int64_t coalesce_for_ms(const struct fb_conf_stream *conf)
{
    return conf->coalesce > 0 && conf->coalesce_for_ms == 0 ? COALESCE_FOR_MS
                                                            : conf->coalesce_for_ms;
}

enum fb_status fb_daemon_stream_start(struct fb_daemon_stream *stream, struct fb_error *error)
{
    const struct fb_conf_stream *conf = stream->conf;
    struct fb_daemon *daemon = stream->daemon;
    enum fb_status status;
    struct fb_stream_options options = {
        .name = conf->name,
        .source = conf->source,
        .bucket = conf->bucket,
        .table = conf->table,
        .fingerprint = stream->fingerprint,
        .layout = stream->layout,
        .start_ms = conf->start_at == FB_START_NOW    ? fb_realtime_ms(fb_clock_system())
                    : conf->start_at == FB_START_TIME ? conf->start_at_ms
                                                      : 0,
        .poll_interval_ms = conf->poll_interval_ms,
        .sweep_interval_ms = conf->sweep_interval_ms,
        .lookback_ms = conf->lookback_ms,
        .list_budget = conf->list_budget,
        .adds = fb_conf_may_add(conf),
        .marker_table = conf->marker_table,
        .marker_ttl_attribute = conf->marker_ttl_attribute,
        .marker_ttl_ms = fb_conf_marker_ttl_ms(conf),
        .decoders = fb_conf_decoders(conf),
        .in_any_order = fb_conf_in_any_order(conf),
        .writers = conf->writers,
        .linger_ms = conf->linger_ms,
        .coalesce_for_ms = coalesce_for_ms(conf),
        .coalesce_items = conf->coalesce,
        .max_write_units = conf->max_write_units,
        .removes_nulls = conf->null == FB_MAP_NULL_UNSET,
        .reader = fb_conf_reader_options(conf),
        .check_key = check_key,
        .check_context = stream,
        .on_damage = conf->on_damaged_object,
        .max_in_flight = conf->max_in_flight,
        .letters = {.bucket = conf->letters_bucket,
                    .prefix = conf->letters_prefix,
                    .directory = daemon->dead_letter_directory,
                    .max_file_bytes = conf->dead_letter_file_size,
                    .max_bytes = conf->max_dead_letters_size,
                    .max_letters = conf->max_dead_letters,
                    .in_records = conf->max_dead_letters_in,
                    .accept_all = daemon->options->accept_dead_letters},
        .once = daemon->options->once,
        .once_patience_ms = stream->setup->conf->daemon.once_patience_ms,
        .stall_timeout_ms = stream->setup->conf->aws.stall_timeout_ms,
        .calls = {.describe_table = fb_dynamodb_describe_table,
                  .list_page = fb_s3_list_page,
                  .get = fb_s3_get,
                  .put = fb_s3_put,
                  .write = fb_dynamodb_write,
                  .adding = {.transact_write = fb_dynamodb_transact_write,
                             .get_item = fb_dynamodb_get_item},
                  .connect = connect_client,
                  .disconnect = fb_environment_client_done,
                  .connect_context = stream},
        .state = daemon->state,
        .clock = fb_clock_system(),
        .seed = daemon->seed,
        .on_change = fb_daemon_wake,
        .context = daemon,
    };

    options.reader.mapping = stream->mapping;
    status = fb_stream_start(&options, &stream->stream, error);
    return status != FB_OK
               ? status
               : fb_metrics_add(daemon->metrics, stream->stream, conf->name, conf->table, error);
}

enum fb_status fb_daemon_stream_new(struct fb_daemon *daemon, struct fb_setup *setup,
                                    const struct fb_conf_stream *conf,
                                    struct fb_daemon_stream **ret_stream, struct fb_error *error)
{
    struct fb_daemon_stream *stream = calloc(1, sizeof *stream);
    enum fb_status status;

    if (stream == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for stream %s", conf->name);
    stream->daemon = daemon;
    stream->setup = setup;
    setup->users++;
    stream->conf = conf;
    fb_stream_fingerprint(conf, stream->fingerprint, sizeof stream->fingerprint);
    status = fb_conf_layout(conf, &stream->layout, error);
    if (status == FB_OK)
        status = fb_conf_mapping(conf, daemon->seed, &stream->mapping, error);
    if (status == FB_OK)
        *ret_stream = stream;
    else
        fb_daemon_stream_free(stream);
    return status;
}

void fb_daemon_stream_free(struct fb_daemon_stream *stream)
{
    if (stream == NULL)
        return;
    fb_metrics_remove(stream->daemon->metrics, stream->stream);
    fb_daemon_stream_free(stream->successor);
    fb_stream_free(stream->stream);
    fb_layout_free(stream->layout);
    fb_mapping_free(stream->mapping);
    fb_setup_release(stream->setup);
    free(stream);
}

enum fb_status fb_daemon_find(const struct fb_daemon *daemon, const json_t *request,
                              struct fb_daemon_stream **ret_stream, struct fb_error *error)
{
    const json_t *wanted = json_object_get(request, "stream");
    const char *name = json_string_value(wanted);
    struct fb_nearest nearest;

    if (wanted == NULL) {
        *ret_stream = NULL;
        return FB_OK;
    }
    if (name == NULL)
        return fb_fail(error, FB_INVALID, "expected the name of a stream as \"stream\"");
    fb_nearest_init(&nearest, name);
    for (size_t i = 0; i < daemon->stream_count; i++) {
        if (strcmp(daemon->streams[i]->conf->name, name) == 0) {
            *ret_stream = daemon->streams[i];
            return FB_OK;
        }
        fb_nearest_offer(&nearest, daemon->streams[i]->conf->name);
    }
    return fb_fail(error, FB_NOT_FOUND, "the daemon has no stream %s%s%s%s", name,
                   nearest.name == NULL ? "" : "; did you mean ",
                   nearest.name == NULL ? "" : nearest.name, nearest.name == NULL ? "" : "?");
}
