/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/metric.h"

#include <stdio.h>
#include <string.h>

#define SAMPLE(field)  .offset = offsetof(struct fb_metric_sample, field)
#define MEASURE(field) SAMPLE(measures.field)
#define GAUGE(form_)   .type = FB_METRIC_GAUGE, .form = (form_)
#define COUNTER        .type = FB_METRIC_COUNTER, .form = FB_METRIC_UNSIGNED
#define COUNTER_BY(by) .type = FB_METRIC_COUNTER, .form = FB_METRIC_TALLY, .label = (by)
#define HISTOGRAM      .type = FB_METRIC_HISTOGRAM, .form = FB_METRIC_TIMES, .unit = FB_METRIC_SECONDS

/* clang-format off */
static const struct fb_metric metrics[] = {
    {SAMPLE(is_healthy), GAUGE(FB_METRIC_BOOL), .name = "healthy",
     .help = "1: nothing of the stream fails; 0: something is tried again and again."},
    {SAMPLE(is_running), GAUGE(FB_METRIC_BOOL), .name = "running",
     .help = "0: the stream has stopped, and only a person makes it go on."},
    {SAMPLE(oldest_age_ms), GAUGE(FB_METRIC_MILLI), .unit = FB_METRIC_SECONDS,
     .name = "oldest_object_age_seconds",
     .help = "Age, by its key, of the oldest object that is not wholly written; 0: all are."},
    {MEASURE(last_success_age_ms), GAUGE(FB_METRIC_MILLI), .unit = FB_METRIC_SECONDS,
     .name = "last_success_age_seconds",
     .help = "Since something was written, or a listing showed that there is nothing to write."},
    {SAMPLE(backlog_objects), GAUGE(FB_METRIC_UNSIGNED), .name = "backlog_objects",
     .help = "Objects that are known of and not wholly written."},
    {SAMPLE(backlog_bytes), GAUGE(FB_METRIC_UNSIGNED), .unit = FB_METRIC_BYTES,
     .name = "backlog_bytes", .help = "Their size in S3."},
    {MEASURE(in_flight_bytes), GAUGE(FB_METRIC_UNSIGNED), .unit = FB_METRIC_BYTES,
     .name = "in_flight_bytes",
     .help = "Items between the decoder and DynamoDB; max_in_flight is their limit."},
    {MEASURE(lanes), GAUGE(FB_METRIC_UNSIGNED), .name = "lanes", .help = "Lanes that there are."},
    {MEASURE(lanes_busy), GAUGE(FB_METRIC_UNSIGNED), .name = "lanes_busy",
     .help = "Lanes that are in a call now."},
    {MEASURE(rate_limit_milliunits), GAUGE(FB_METRIC_MILLI), .name = "rate_limit_write_units",
     .help = "Write units a second that the stream allows itself: max_write_units, or what the "
             "table was found to take. Absent while nothing limits it."},
    {MEASURE(credentials_expire_in_ms), GAUGE(FB_METRIC_MILLI), .unit = FB_METRIC_SECONDS,
     .name = "credentials_expiry_seconds",
     .help = "Until the first of the stream's credentials end. Absent where they never do."},
    {MEASURE(clock_offset_ms), GAUGE(FB_METRIC_MILLI), .unit = FB_METRIC_SECONDS,
     .name = "clock_offset_seconds",
     .help = "AWS's clock less this machine's, as far as AWS refused a call for it; else 0."},
    {MEASURE(dead_letter_bytes), GAUGE(FB_METRIC_UNSIGNED), .unit = FB_METRIC_BYTES,
     .name = "dead_letter_bytes",
     .help = "Dead letters in this machine's files, or those that are still to be put to S3."},

    {MEASURE(objects), COUNTER_BY("outcome"), .name = "objects",
     .help = "Objects that ended: done, changed (or deleted while they were read), damaged, skipped."},
    {MEASURE(late_objects), COUNTER, .name = "late_objects",
     .help = "Those of them that appeared over an hour after their folder had ended."},
    {MEASURE(bytes_read), COUNTER, .unit = FB_METRIC_BYTES, .name = "read_bytes",
     .help = "Bytes of objects as they came from S3."},
    {MEASURE(bytes_inflated), COUNTER, .unit = FB_METRIC_BYTES, .name = "inflated_bytes",
     .help = "The same without their compression."},
    {MEASURE(records), COUNTER, .name = "records",
     .help = "Records that were read, dead letters too."},
    {MEASURE(records_left_out), COUNTER, .name = "left_out_records",
     .help = "Records that the mapping left out."},
    {MEASURE(records_passed_over), COUNTER, .name = "passed_over_records",
     .help = "What is none of the user's: heads of tables, control messages."},
    {MEASURE(items), COUNTER_BY("operation"), .name = "items",
     .help = "Items that DynamoDB acknowledged, by what was asked of it."},
    {MEASURE(items_coalesced), COUNTER, .name = "coalesced_items",
     .help = "Items that the write of a later one of their key carried."},
    {MEASURE(items_kept), COUNTER, .name = "kept_items",
     .help = "Items not written as the table has one (insert), or one as new (newer)."},
    {MEASURE(write_units), COUNTER, .name = "write_units",
     .help = "Write units used: as DynamoDB says where max_write_units is set, else estimated."},
    {MEASURE(write_units_saved), COUNTER, .name = "saved_write_units",
     .help = "Write units that the coalesced items would have used."},
    {MEASURE(dead_letters), COUNTER_BY("reason"), .name = "dead_letters",
     .help = "Records that became dead letters."},
    {MEASURE(calls), COUNTER_BY("operation"), .name = "calls",
     .help = "Calls to S3 and DynamoDB, each try of them."},
    {MEASURE(retries), COUNTER_BY("code"), .name = "retries",
     .help = "Calls that failed and are made again, by AWS's code or what befell them."},
    {MEASURE(throttles), COUNTER_BY("code"), .name = "throttles",
     .help = "Calls that were too fast for AWS, wholly or (UnprocessedItems) in part."},

    {MEASURE(list), HISTOGRAM, .name = "list_duration_seconds",
     .help = "How long a page of a listing took."},
    {MEASURE(get), HISTOGRAM, .name = "get_duration_seconds",
     .help = "How long the first byte of an object took."},
    {MEASURE(write), HISTOGRAM, .name = "write_duration_seconds",
     .help = "How long a call that writes took."},
    {MEASURE(delay_key), HISTOGRAM, .name = "object_delay_seconds",
     .help = "From the time in an object's key until it was wholly written."},
    {MEASURE(delay_modified), HISTOGRAM, .name = "delivery_delay_seconds",
     .help = "From an object's LastModified until it was wholly written."},
};
/* clang-format on */

const struct fb_metric *fb_metric_at(size_t i)
{
    return i < sizeof metrics / sizeof *metrics ? &metrics[i] : NULL;
}

const char *fb_metric_type_name(enum fb_metric_type type)
{
    static const char *const names[] = {
        [FB_METRIC_GAUGE] = "gauge",
        [FB_METRIC_COUNTER] = "counter",
        [FB_METRIC_HISTOGRAM] = "histogram",
    };

    return names[type];
}

const char *fb_metric_unit_name(enum fb_metric_unit unit)
{
    static const char *const names[] = {
        [FB_METRIC_COUNT] = "",
        [FB_METRIC_SECONDS] = "seconds",
        [FB_METRIC_BYTES] = "bytes",
    };

    return names[unit];
}

void fb_metric_take(struct fb_stream *stream, const char *name, const char *table,
                    struct fb_clock *clock, struct fb_metric_sample *ret_sample)
{
    const char *slash = strchr(table, '/');
    struct fb_stream_report report;

    fb_stream_report(stream, &report);
    *ret_sample = (struct fb_metric_sample){
        .attempted = report.attempted,
        .is_healthy = report.healthy,
        .is_running = !report.finished && !report.failed,
        .backlog_objects = report.backlog_objects,
        .backlog_bytes = report.backlog_bytes,
    };
    snprintf(ret_sample->stream, sizeof ret_sample->stream, "%s", name);
    snprintf(ret_sample->table, sizeof ret_sample->table, "%s", slash != NULL ? slash + 1 : table);
    fb_stream_measure(stream, &ret_sample->measures);
    if (report.oldest_ms != 0) {
        const int64_t now_ms = fb_realtime_ms(clock) + ret_sample->measures.clock_offset_ms;

        ret_sample->oldest_age_ms = now_ms > report.oldest_ms ? now_ms - report.oldest_ms : 0;
    }
}

static const void *member(const struct fb_metric *metric, const struct fb_metric_sample *sample)
{
    return (const char *)sample + metric->offset;
}

bool fb_metric_value(const struct fb_metric *metric, const struct fb_metric_sample *sample,
                     double *ret_value)
{
    const void *at = member(metric, sample);

    switch (metric->form) {
    case FB_METRIC_BOOL:
        *ret_value = *(const bool *)at;
        return true;
    case FB_METRIC_UNSIGNED:
        *ret_value = (double)*(const uint64_t *)at;
        return true;
    case FB_METRIC_MILLI:
        if (*(const int64_t *)at == FB_MEASURE_UNKNOWN)
            return false;
        *ret_value = (double)*(const int64_t *)at / 1000;
        return true;
    case FB_METRIC_TALLY:
        *ret_value = (double)fb_tally_view_sum(at);
        return true;
    case FB_METRIC_TIMES:
        break;
    }
    return false;
}

const struct fb_tally_view *fb_metric_tally(const struct fb_metric *metric,
                                            const struct fb_metric_sample *sample)
{
    return metric->form == FB_METRIC_TALLY ? member(metric, sample) : NULL;
}

const struct fb_histogram_view *fb_metric_times(const struct fb_metric *metric,
                                                const struct fb_metric_sample *sample)
{
    return metric->form == FB_METRIC_TIMES ? member(metric, sample) : NULL;
}

/* ---- differences ---- */

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now >= before ? now - before : now;
}

static void subtract_tally(struct fb_tally_view *tally, const struct fb_tally_view *before)
{
    for (size_t i = 0; i < tally->row_count; i++) {
        struct fb_tally_row *row = &tally->rows[i];

        row->count = grown(row->count, fb_tally_view_count(before, row->word));
    }
}

static void subtract_times(struct fb_histogram_view *times, const struct fb_histogram_view *before)
{
    if (times->count < before->count)
        return;
    times->count = 0;
    for (size_t i = 0; i <= FB_HISTOGRAM_MAX_BOUNDS; i++) {
        times->counts[i] = grown(times->counts[i], before->counts[i]);
        times->count += times->counts[i];
    }
    times->sum_ms = grown(times->sum_ms, before->sum_ms);
}

void fb_metric_subtract(struct fb_metric_sample *sample, const struct fb_metric_sample *before)
{
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        void *now = (char *)sample + metrics[i].offset;
        const void *then = member(&metrics[i], before);

        if (metrics[i].form == FB_METRIC_TIMES)
            subtract_times(now, then);
        else if (metrics[i].form == FB_METRIC_TALLY)
            subtract_tally(now, then);
        else if (metrics[i].type == FB_METRIC_COUNTER)
            *(uint64_t *)now = grown(*(uint64_t *)now, *(const uint64_t *)then);
    }
}
