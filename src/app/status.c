/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon knows of its streams, for `firebridge status`. No key, no token, no record. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "firebridge/base/log.h"
#include "firebridge/base/time.h"
#include "firebridge/pipeline/measures.h"

/* Of a stream's decoders so many show what they read. */
#define WORKS_MAX 16

static void look(struct fb_daemon_stream *stream, const struct fb_stream_report *report,
                 const struct fb_stream_measures *measures)
{
    const uint64_t values[FB_WINDOW_VALUES] = {
        [FB_WINDOW_RECORDS] = report->records,
        [FB_WINDOW_ITEMS] = report->items_written + report->items_coalesced,
        [FB_WINDOW_BYTES] = report->bytes_read,
        [FB_WINDOW_UNITS] = measures->write_units,
    };

    fb_window_look(&stream->window, fb_monotonic_ms(fb_clock_system()), values);
}

void fb_status_look(struct fb_daemon_stream *stream, const struct fb_stream_report *report)
{
    struct fb_stream_measures measures;

    fb_stream_measure(stream->stream, &measures);
    look(stream, report, &measures);
}

static const char *state_of(const struct fb_daemon *daemon, const struct fb_stream_report *report)
{
    if (report->failed)
        return "stopped";
    if (report->finished)
        return "ended";
    if (daemon->stopping)
        return "stopping";
    if (!report->healthy)
        return "in trouble";
    if (report->hold == FB_HOLD_READING)
        return "paused";
    if (report->hold == FB_HOLD_TAKING_UP)
        return report->at_rest ? "drained" : "draining";
    return report->attempted ? "healthy" : "starting";
}

/* A text of outside, such as a key of S3, may be no UTF-8, which JSON cannot have. */
static json_t *text(const char *text)
{
    json_t *value = json_string(text);
    char *copy;

    if (value != NULL)
        return value;
    copy = strdup(text);
    for (char *at = copy; at != NULL && *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    value = json_string(copy != NULL ? copy : "?");
    free(copy);
    return value;
}

static void set_count(json_t *object, const char *name, uint64_t count)
{
    json_object_set_new(object, name, json_integer((json_int_t)count));
}

/* NULL in JSON where there is none. */
static void set_time(json_t *object, const char *name, int64_t time_ms)
{
    char formatted[FB_TIME_TEXT_SIZE];

    if (time_ms != 0 && time_ms != INT64_MAX)
        fb_time_format_rfc3339(time_ms, formatted);
    json_object_set_new(
        object, name, time_ms != 0 && time_ms != INT64_MAX ? json_string(formatted) : json_null());
}

static void set_rate(json_t *object, const char *name, const struct fb_window *window,
                     enum fb_window_value value)
{
    json_object_set_new(object, name, json_real(fb_window_rate(window, value)));
}

static void add_credentials(json_t *object, const struct fb_daemon_stream *stream)
{
    static const struct {
        enum fb_stream_side side;
        const char *name;
    } sides[] = {{FB_SIDE_SOURCE, "source_credentials_expire"},
                 {FB_SIDE_TABLE, "table_credentials_expire"}};

    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        struct fb_credentials_cache *cache = fb_principals_find(
            fb_environment_principals(stream->setup->environment), stream->conf, sides[i].side);
        struct fb_credentials_report report = {0};

        if (cache != NULL)
            fb_credentials_cache_report(cache, &report);
        set_time(object, sides[i].name, report.expires_ms);
    }
}

static void add_works(json_t *object, struct fb_daemon_stream *stream)
{
    struct fb_stream_work *works = calloc(WORKS_MAX, sizeof *works);
    const size_t count = works == NULL ? 0 : fb_stream_work(stream->stream, works, WORKS_MAX);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:o, s:I, s:I}", "object", text(works[i].key),
                                              "size_bytes", (json_int_t)works[i].size_bytes,
                                              "read_bytes", (json_int_t)works[i].read_bytes));
    json_object_set_new(object, "at_work", list);
    free(works);
}

static void add_backlog(json_t *object, const struct fb_stream_report *report)
{
    const int64_t now_ms = fb_realtime_ms(fb_clock_system());
    const int64_t lag_ms = report->oldest_ms == 0 ? 0 : now_ms - report->oldest_ms;

    set_count(object, "lag_ms", lag_ms > 0 ? (uint64_t)lag_ms : 0);
    set_count(object, "backlog_objects", report->backlog_objects);
    set_count(object, "backlog_bytes", report->backlog_bytes);
    json_object_set_new(object, "backlog_done_in_ms",
                        report->backlog_done_in_ms < 0
                            ? json_null()
                            : json_integer((json_int_t)report->backlog_done_in_ms));
}

static void add_counts(json_t *object, const struct fb_stream_report *report)
{
    set_count(object, "objects", report->objects);
    set_count(object, "objects_damaged", report->objects_damaged);
    set_count(object, "records", report->records);
    set_count(object, "items_written", report->items_written);
    set_count(object, "items_coalesced", report->items_coalesced);
    set_count(object, "dead_letters", report->dead_letters);
    set_count(object, "calls", report->calls);
    set_count(object, "retries", report->retries);
    set_count(object, "list_calls", report->list_calls);
    json_object_set_new(object, "lists_stretched", json_boolean(report->lists_stretched));
    set_count(object, "poll_every_ms", (uint64_t)report->poll_every_ms);
    set_count(object, "sweep_every_ms", (uint64_t)report->sweep_every_ms);
}

/* What the table is asked for, and what of it it refuses. */
static void add_units(json_t *object, const struct fb_stream_measures *measures)
{
    const int64_t limit = measures->rate_limit_milliunits;

    set_count(object, "write_units", measures->write_units);
    set_count(object, "write_units_saved", measures->write_units_saved);
    json_object_set_new(object, "write_units_limit_per_second",
                        limit > 0 ? json_real((double)limit / 1000) : json_null());
    set_count(object, "throttles", fb_tally_view_sum(&measures->throttles));
}

static json_t *describe(struct fb_daemon_stream *stream)
{
    struct fb_stream_report report;
    struct fb_stream_measures measures;
    json_t *object = json_object();

    fb_stream_report(stream->stream, &report);
    fb_stream_measure(stream->stream, &measures);
    look(stream, &report, &measures);
    json_object_set_new(object, "stream", text(stream->conf->name));
    json_object_set_new(object, "state", json_string(state_of(stream->daemon, &report)));
    json_object_set_new(object, "healthy", json_boolean(report.healthy));
    json_object_set_new(object, "held", json_boolean(report.hold != FB_HOLD_NOTHING));
    json_object_set_new(object, "paused", json_boolean(report.hold == FB_HOLD_READING));
    json_object_set_new(object, "at_rest", json_boolean(report.at_rest));
    json_object_set_new(object, "source", text(stream->conf->source));
    json_object_set_new(object, "table", text(stream->conf->table));
    add_backlog(object, &report);
    set_rate(object, "records_per_second", &stream->window, FB_WINDOW_RECORDS);
    set_rate(object, "items_per_second", &stream->window, FB_WINDOW_ITEMS);
    set_rate(object, "bytes_per_second", &stream->window, FB_WINDOW_BYTES);
    set_rate(object, "write_units_per_second", &stream->window, FB_WINDOW_UNITS);
    add_units(object, &measures);
    add_counts(object, &report);
    json_object_set_new(object, "last_error",
                        report.problem[0] != '\0' ? text(report.problem) : json_null());
    set_time(object, "last_error_time", report.problem_ms);
    json_object_set_new(object, "hot_key_hash",
                        report.holding_digest[0] != '\0' ? json_string(report.holding_digest)
                                                         : json_null());
    add_credentials(object, stream);
    add_works(object, stream);
    return object;
}

static void add_reload(json_t *answer, const struct fb_reload *reload)
{
    const bool is_under_way = reload->is_wanted || reload->stage != FB_RELOAD_NONE;

    json_object_set_new(answer, "reloads", json_integer(reload->number));
    json_object_set_new(answer, "reloading", json_boolean(is_under_way));
    json_object_set_new(answer, "conf_refused",
                        reload->problem[0] != '\0' ? text(reload->problem) : json_null());
    json_object_set_new(answer, "last_reload",
                        reload->outcome[0] != '\0' ? text(reload->outcome) : json_null());
}

static void add_backup(json_t *answer, struct fb_keeper *keeper)
{
    struct fb_keeper_report report = {0};

    if (keeper != NULL)
        fb_keeper_report(keeper, &report);
    set_time(answer, "state_backup_time", report.kept_ms);
    json_object_set_new(answer, "state_backup_error",
                        report.error.status != FB_OK ? text(report.error.message) : json_null());
}

enum fb_status fb_status_verb(void *context, const json_t *request, json_t *answer,
                              struct fb_error *error)
{
    struct fb_daemon *daemon = context;
    struct fb_daemon_stream *only;
    enum fb_status status = fb_daemon_find(daemon, request, &only, error);
    json_t *streams;

    if (status != FB_OK)
        return status;
    streams = json_array();
    for (size_t i = 0; i < daemon->stream_count; i++)
        if (only == NULL || only == daemon->streams[i])
            json_array_append_new(streams, describe(daemon->streams[i]));
    json_object_set_new(answer, "version", json_string(FB_VERSION));
    json_object_set_new(answer, "pid", json_integer(getpid()));
    set_time(answer, "started", daemon->started_ms);
    json_object_set_new(answer, "log_level", json_string(fb_log_level_name(fb_log_level())));
    add_reload(answer, &daemon->reload);
    add_backup(answer, daemon->keeper);
    json_object_set_new(answer, "streams", streams);
    return FB_OK;
}
