/* SPDX-License-Identifier: Apache-2.0 */
/* `check`, before the first start: how much there is to be carried, and how long the table takes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "firebridge/base/time.h"
#include "firebridge/codec/object_reader.h"

/* So much of a sample is read, and all of them within this time. */
#define SAMPLE_BYTES ((uint64_t)4 << 20)
#define SAMPLES_MS   2000

#define HOUR_MS          (3600 * INT64_C(1000))
#define DAY_S            (24 * 3600)
#define WRITE_UNIT_BYTES 1024

void fb_backlog_init(struct fb_backlog *backlog)
{
    *backlog = (struct fb_backlog){.is_sorted = true};
    fb_random_init(&backlog->random, fb_random_entropy());
}

/* Each object has the same chance to be among the samples. */
static void sample(struct fb_backlog *backlog, const struct fb_s3_listed *object)
{
    uint64_t place = backlog->objects;

    if (place >= FB_BACKLOG_SAMPLES)
        place = fb_random_next(&backlog->random) % (backlog->objects + 1);
    if (place >= FB_BACKLOG_SAMPLES)
        return;
    snprintf(backlog->samples[place].key, sizeof backlog->samples[place].key, "%s", object->key);
    backlog->samples[place].size_bytes = object->size_bytes;
}

void fb_backlog_take(struct fb_backlog *backlog, const struct fb_s3_listed *object,
                     int64_t key_time_ms)
{
    sample(backlog, object);
    if (backlog->objects == 0)
        backlog->first_ms = backlog->last_ms = key_time_ms;
    backlog->objects++;
    backlog->bytes += object->size_bytes;
    /* Names within one folder have no order that means anything. */
    backlog->is_sorted &= key_time_ms >= backlog->last_ms - HOUR_MS;
    if (key_time_ms > backlog->last_ms)
        backlog->last_ms = key_time_ms;
    if (key_time_ms < backlog->first_ms)
        backlog->first_ms = key_time_ms;
}

/* ---- what objects cost ---- */

struct sampling {
    struct fb_object_reader *reader;
    const struct fb_layout *layout;
    const struct fb_conf_stream *stream;
    const char *key;
    bool adds;
    bool begun, is_enough;
    int64_t end_ms;
    uint64_t own_bytes; /* read of the sample at hand */
    uint64_t bytes, units, records, dead_letters;
    const char *dead_key; /* an object that has some */
    struct fb_map_object described;
    struct fb_layout_partitions partitions;
};

/* A transaction takes twice as many (developer guide, "Read and write requests"). */
static uint64_t units_of(const struct sampling *sampling, const struct fb_record *record)
{
    const uint64_t units = (record->item_counted_bytes + WRITE_UNIT_BYTES - 1) / WRITE_UNIT_BYTES;

    return (units == 0 || record->operation == FB_DELETE ? 1 : units) * (sampling->adds ? 2 : 1);
}

static enum fb_status take_records(struct sampling *sampling)
{
    struct fb_record record;
    enum fb_status status;

    while ((status = fb_object_reader_next(sampling->reader, &record, NULL)) == FB_OK) {
        sampling->records++;
        if (record.reason == FB_DEAD_NONE) {
            sampling->units += units_of(sampling, &record);
            continue;
        }
        sampling->dead_letters++;
        sampling->dead_key = sampling->key;
    }
    return status;
}

static void begin_once(struct sampling *sampling, const char *content_encoding)
{
    const struct fb_inflate_hints hints = {.content_encoding = content_encoding,
                                           .key = sampling->key};
    const int64_t now_ms = fb_realtime_ms(fb_clock_system());

    if (sampling->begun)
        return;
    sampling->begun = true;
    fb_object_reader_begin(sampling->reader, &hints);
    fb_layout_partitions(sampling->layout, sampling->key, &sampling->partitions);
    sampling->described = (struct fb_map_object){
        .stream = sampling->stream->name,
        .bucket = sampling->stream->bucket,
        .key = sampling->key,
        .etag = "",
        .now_ms = now_ms,
        .ingest_time_ms = now_ms,
        .arrival_ms = fb_layout_key_time_ms(sampling->layout, sampling->key, 0),
        .partitions = sampling->partitions.values,
        .partition_count = sampling->partitions.count};
    fb_object_reader_describe_object(sampling->reader, &sampling->described);
}

static enum fb_status on_body(void *context, const struct fb_http_response *response,
                              const char *bytes, size_t size)
{
    struct sampling *sampling = context;

    begin_once(sampling, response->content_encoding);
    fb_object_reader_feed(sampling->reader, bytes, size);
    if (take_records(sampling) != FB_NEED_MORE)
        return FB_CANCELED;
    sampling->own_bytes += size;
    sampling->is_enough = sampling->own_bytes >= SAMPLE_BYTES ||
                          fb_monotonic_ms(fb_clock_system()) >= sampling->end_ms;
    return sampling->is_enough ? FB_CANCELED : FB_OK;
}

static void read_sample(struct fb_check *check, struct sampling *sampling, struct fb_client *client,
                        const char *key, uint64_t size_bytes)
{
    const struct fb_s3_get_request request = {.bucket = sampling->stream->bucket,
                                              .key = key,
                                              .size_bytes = size_bytes,
                                              .stall_timeout_ms = SAMPLES_MS,
                                              .sink = on_body,
                                              .context = sampling};
    struct fb_error error = {0};
    enum fb_status status;

    sampling->key = key;
    sampling->begun = sampling->is_enough = false;
    sampling->own_bytes = 0;
    status = fb_s3_get(client, &request, &error);
    if (status == FB_DENIED)
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: %s", sampling->stream->name,
                      error.message);
    if (status != FB_OK && !sampling->is_enough)
        return;
    if (status == FB_OK) {
        begin_once(sampling, NULL);
        fb_object_reader_finish(sampling->reader);
        (void)take_records(sampling);
    }
    sampling->bytes += sampling->own_bytes;
}

static void read_samples(struct fb_check *check, struct sampling *sampling,
                         struct fb_client *client, const struct fb_table *table,
                         const struct fb_backlog *backlog)
{
    struct fb_object_reader_options options = fb_conf_reader_options(sampling->stream);
    struct fb_mapping *mapping = NULL;
    const uint64_t seed = fb_random_entropy();

    if (fb_conf_mapping(sampling->stream, seed, &mapping, NULL) != FB_OK)
        return;
    options.schema = &table->schema;
    options.hash_seed = seed;
    options.mapping = mapping;
    sampling->end_ms = fb_monotonic_ms(fb_clock_system()) + SAMPLES_MS;
    if (sampling->end_ms > check->deadline_ms)
        sampling->end_ms = check->deadline_ms;
    if (fb_object_reader_new(&options, &sampling->reader, NULL) == FB_OK)
        for (size_t i = 0; i < FB_BACKLOG_SAMPLES && i < backlog->objects; i++)
            if (fb_monotonic_ms(fb_clock_system()) < sampling->end_ms)
                read_sample(check, sampling, client, backlog->samples[i].key,
                            backlog->samples[i].size_bytes);
    fb_object_reader_free(sampling->reader);
    fb_mapping_free(mapping);
}

/* ---- what it comes to ---- */

static void format_bytes(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    snprintf(text, size, "%.*f %s", unit == 0 ? 0 : 1, bytes, units[unit]);
}

static void format_duration(double seconds, char *text, size_t size)
{
    if (seconds < 120)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 2 * 3600)
        snprintf(text, size, "%.0f min", seconds / 60);
    else if (seconds < 3 * DAY_S)
        snprintf(text, size, "%.1f h", seconds / 3600);
    else
        snprintf(text, size, "%.1f days", seconds / DAY_S);
}

/* By how much there is more than was listed, where names come in the order of their times: the
 * time that was listed is a part of all until now. 1 where nothing more can be said. */
static double growth(const struct fb_backlog *backlog, bool is_whole)
{
    const double listed_ms = (double)(backlog->last_ms - backlog->first_ms);
    const double all_ms = (double)(fb_realtime_ms(fb_clock_system()) - backlog->first_ms);

    if (is_whole || !backlog->is_sorted || listed_ms < (double)HOUR_MS || all_ms < listed_ms)
        return 1;
    return all_ms / listed_ms;
}

/* The units a second that the stream may write, and who says so. */
static uint64_t limit_of(const struct fb_conf_stream *stream, const struct fb_table *table,
                         const char **ret_who)
{
    const uint64_t own = stream->max_write_units;

    *ret_who = "the table's";
    if (own > 0 && (table->write_units == 0 || own < table->write_units)) {
        *ret_who = "max_write_units";
        return own;
    }
    return table->write_units;
}

/* What comes day by day must fit as well. */
static void check_rate(struct fb_check *check, const struct fb_conf_stream *stream,
                       const struct fb_table *table, const struct fb_backlog *backlog,
                       double listed_units)
{
    const double span_s = (double)(backlog->last_ms - backlog->first_ms) / 1000;
    const char *who;
    const double limit = (double)limit_of(stream, table, &who);
    const double rate = span_s < HOUR_MS / 1000.0 ? 0 : listed_units / span_s;

    if (limit > 0 && rate > limit)
        fb_check_find(check, FB_FINDING_WARN,
                      "stream %s: over the time that was listed about %.0f write units a second "
                      "came, and %s %.0f are fewer: it would never be done",
                      stream->name, rate, who, limit);
}

static void print_cost(struct fb_check *check, const struct fb_conf_stream *stream,
                       const struct fb_table *table, const struct sampling *sampling,
                       const struct fb_backlog *backlog, double factor)
{
    const double listed_units =
        (double)backlog->bytes * (double)sampling->units / (double)sampling->bytes;
    const double units = listed_units * factor;
    const char *who;
    const uint64_t limit = limit_of(stream, table, &who);
    char duration[32], at[96] = "";

    if (limit > 0) {
        format_duration(units / (double)limit, duration, sizeof duration);
        snprintf(at, sizeof at, ", which take %s at %s %" PRIu64 " a second", duration, who, limit);
    }
    fb_check_find(
        check, limit > 0 && units / (double)limit > DAY_S ? FB_FINDING_WARN : FB_FINDING_OK,
        "stream %s: that is about %.0f write units, by %" PRIu64 " records that were read of it%s",
        stream->name, units, sampling->records, at);
    if (sampling->dead_letters > 0)
        fb_check_find(check, FB_FINDING_WARN,
                      "stream %s: %" PRIu64 " of those records would be dead letters; firebridge "
                      "explain s3://%s/%s shows why",
                      stream->name, sampling->dead_letters, stream->bucket, sampling->dead_key);
    check_rate(check, stream, table, backlog, listed_units);
}

static void print_amount(struct fb_check *check, const struct fb_conf_stream *stream,
                         const struct fb_backlog *backlog, bool is_whole, double factor)
{
    char listed[32], all[32], until[FB_TIME_TEXT_SIZE], estimate[128] = "";

    format_bytes((double)backlog->bytes, listed, sizeof listed);
    if (is_whole) {
        fb_check_find(check, FB_FINDING_OK,
                      "stream %s: no checkpoint yet, so the first start carries %" PRIu64
                      " object%s, %s",
                      stream->name, backlog->objects, backlog->objects == 1 ? "" : "s", listed);
        return;
    }
    format_bytes((double)backlog->bytes * factor, all, sizeof all);
    fb_time_format_rfc3339(backlog->last_ms, until);
    if (factor > 1)
        snprintf(estimate, sizeof estimate, "; by their times about %.0f, %s, in all",
                 (double)backlog->objects * factor, all);
    fb_check_find(check, FB_FINDING_OK,
                  "stream %s: no checkpoint yet, so the first start carries at least %" PRIu64
                  " objects, %s, which were listed (up to %s)%s",
                  stream->name, backlog->objects, listed, until, estimate);
}

void fb_check_backlog(struct fb_check *check, const struct fb_conf_stream *stream,
                      struct fb_client *client, const struct fb_layout *layout,
                      const struct fb_table *table, const struct fb_backlog *backlog, bool is_whole)
{
    const double factor = growth(backlog, is_whole);
    struct sampling sampling = {
        .layout = layout, .stream = stream, .adds = fb_conf_may_add(stream)};

    if (backlog->objects == 0)
        return;
    print_amount(check, stream, backlog, is_whole, factor);
    if (table != NULL)
        read_samples(check, &sampling, client, table, backlog);
    if (sampling.bytes > 0)
        print_cost(check, stream, table, &sampling, backlog, factor);
}
