/* SPDX-License-Identifier: Apache-2.0 */
/* A dashboard's body (CloudWatch API reference, "Dashboard body structure and syntax"). */
#include <stdio.h>

#include "cloudwatch.h"

#define SERIES_MAX 6

/* A dashboard is 24 units wide. */
#define WIDTH   8
#define HEIGHT  6
#define ACROSS  3
#define HEADING 1

struct series {
    const char *metric, *stat, *label; /* no metric: the end */
    bool is_rate;                      /* in a second, of what grew in the period */
    bool is_right;                     /* by the right axis */
};

struct widget {
    const char *title, *left, *right; /* the axes' */
    struct series series[SERIES_MAX];
};

static const struct widget widgets[] = {
    {"Lag",
     "seconds",
     NULL,
     {{"oldest_object_age_seconds", "Maximum", "oldest object", false, false},
      {"last_success_age_seconds", "Maximum", "last success", false, false}}},
    {"Backlog",
     "objects",
     "bytes",
     {{"backlog_objects", "Maximum", "objects", false, false},
      {"backlog_bytes", "Maximum", "bytes", false, true}}},
    {"Delay until written",
     "seconds",
     NULL,
     {{"object_delay_seconds", "p50", "from the key's time p50", false, false},
      {"object_delay_seconds", "p99", "from the key's time p99", false, false},
      {"delivery_delay_seconds", "p50", "from S3's LastModified p50", false, false},
      {"delivery_delay_seconds", "p90", "from S3's LastModified p90", false, false},
      {"delivery_delay_seconds", "p99", "from S3's LastModified p99", false, false}}},
    {"Throughput",
     "a second",
     "bytes a second",
     {{"records", "Sum", "records", true, false},
      {"items", "Sum", "items", true, false},
      {"coalesced_items", "Sum", "coalesced", true, false},
      {"read_bytes", "Sum", "bytes", true, true}}},
    {"Write units against the limit",
     "units a second",
     NULL,
     {{"write_units", "Sum", "used", true, false},
      {"saved_write_units", "Sum", "saved", true, false},
      {"rate_limit_write_units", "Minimum", "limit", false, false}}},
    {"Throttling and retries",
     "calls",
     NULL,
     {{"throttles", "Sum", "throttled", false, false},
      {"retries", "Sum", "made again", false, false}}},
    {"Dead letters",
     "records",
     "bytes",
     {{"dead_letters", "Sum", "new", false, false},
      {"dead_letter_bytes", "Maximum", "kept", false, true}}},
    {"Objects",
     "objects",
     NULL,
     {{"objects", "Sum", "ended", false, false}, {"late_objects", "Sum", "late", false, false}}},
    {"Calls", "calls", NULL, {{"calls", "Sum", "all", false, false}}},
    {"How long calls take",
     "seconds",
     NULL,
     {{"list_duration_seconds", "p50", "list p50", false, false},
      {"list_duration_seconds", "p99", "list p99", false, false},
      {"get_duration_seconds", "p50", "get p50", false, false},
      {"get_duration_seconds", "p99", "get p99", false, false},
      {"write_duration_seconds", "p50", "write p50", false, false},
      {"write_duration_seconds", "p99", "write p99", false, false}}},
    {"In flight",
     "bytes",
     "lanes",
     {{"in_flight_bytes", "Maximum", "bytes", false, false},
      {"lanes_busy", "Average", "busy lanes", false, true}}},
    {"Health",
     "0 or 1",
     "seconds",
     {{"healthy", "Minimum", "healthy", false, false},
      {"running", "Minimum", "running", false, false},
      {"credentials_expiry_seconds", "Minimum", "credentials end in", false, true}}},
};

#define WIDGETS (sizeof widgets / sizeof *widgets)

/* Firehose's own, "Monitoring with CloudWatch metrics" in its developer guide. */
static const struct series firehose[] = {
    {"DeliveryToS3.Success", "Average", "success", false, false},
    {"DeliveryToS3.DataFreshness", "Maximum", "oldest record, seconds", false, true},
    {"DeliveryToS3.Records", "Sum", "records", false, false},
    {"DeliveryToS3.Bytes", "Sum", "bytes", false, false},
};

/* ---- one graph ---- */

static json_t *options_of(const struct series *series, const char *id)
{
    json_t *options = json_pack("{s:s, s:s}", "label", series->label, "stat", series->stat);

    if (series->is_right)
        json_object_set_new(options, "yAxis", json_string("right"));
    if (series->is_rate) {
        json_object_set_new(options, "id", json_string(id));
        json_object_set_new(options, "visible", json_false());
    }
    return options;
}

static void add_series(const struct fb_cloudwatch *cloudwatch, const struct fb_conf_stream *stream,
                       const struct series *series, size_t number, json_t *metrics)
{
    const struct fb_metric *metric = fb_cloudwatch_metric(series->metric);
    char name[256], id[16], expression[48];
    json_t *line;

    fb_cloudwatch_name(cloudwatch, metric, name, sizeof name);
    snprintf(id, sizeof id, "m%zu", number);
    line = json_pack("[s, s, s, s, s, s]", cloudwatch->conf->metrics.name_space, name, "stream",
                     stream->name, "table", fb_cloudwatch_table(stream));
    if (cloudwatch->is_statsd) {
        json_array_append_new(line, json_string("metric_type"));
        json_array_append_new(line, json_string(fb_cloudwatch_metric_type(metric)));
    }
    json_array_append_new(line, options_of(series, id));
    json_array_append_new(metrics, line);
    if (!series->is_rate)
        return;
    snprintf(expression, sizeof expression, "%s / PERIOD(%s)", id, id);
    json_array_append_new(metrics,
                          json_pack("[{s:s, s:s, s:s}]", "expression", expression, "label",
                                    series->label, "yAxis", series->is_right ? "right" : "left"));
}

static json_t *graph(const struct fb_cloudwatch *cloudwatch, const char *title, json_t *metrics,
                     const char *left, const char *right)
{
    json_t *axes = json_pack("{s:{s:i, s:s}}", "left", "min", 0, "label", left);

    if (right != NULL)
        json_object_set_new(axes, "right", json_pack("{s:i, s:s}", "min", 0, "label", right));
    return json_pack("{s:s, s:s, s:s, s:i, s:o, s:o}", "title", title, "view", "timeSeries",
                     "region", cloudwatch->region, "period",
                     (int)fb_cloudwatch_period_s(cloudwatch), "yAxis", axes, "metrics", metrics);
}

static int place(json_t *list, const char *type, size_t x, size_t y, size_t width, size_t height,
                 json_t *properties)
{
    return json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "type", type,
                                                 "x", (json_int_t)x, "y", (json_int_t)y, "width",
                                                 (json_int_t)width, "height", (json_int_t)height,
                                                 "properties", properties));
}

/* ---- all of them ---- */

static int add_stream(const struct fb_cloudwatch *cloudwatch, const struct fb_conf_stream *stream,
                      json_t *list, size_t y)
{
    int failed = place(list, "text", 0, y, (size_t)ACROSS * WIDTH, HEADING,
                       json_pack("{s:s++++}", "markdown", "## ", stream->name, " → table ",
                                 fb_cloudwatch_table(stream), ""));

    for (size_t i = 0; i < WIDGETS; i++) {
        json_t *metrics = json_array();

        for (size_t j = 0; j < SERIES_MAX && widgets[i].series[j].metric != NULL; j++)
            add_series(cloudwatch, stream, &widgets[i].series[j], j, metrics);
        failed |= place(
            list, "metric", i % ACROSS * WIDTH, y + HEADING + i / ACROSS * HEIGHT, WIDTH, HEIGHT,
            graph(cloudwatch, widgets[i].title, metrics, widgets[i].left, widgets[i].right));
    }
    return failed;
}

/* Without a name, all delivery streams of the account are looked for. */
static json_t *firehose_line(const struct fb_cloudwatch *cloudwatch, const struct series *series,
                             size_t stream)
{
    const char *axis = series->is_right ? "right" : "left";
    char expression[256];

    if (stream < cloudwatch->delivery_streams->count)
        return json_pack("[s, s, s, s, {s:s, s:s++, s:s}]", "AWS/Firehose", series->metric,
                         "DeliveryStreamName", cloudwatch->delivery_streams->values[stream], "stat",
                         series->stat, "label", cloudwatch->delivery_streams->values[stream], " ",
                         series->label, "yAxis", axis);
    snprintf(expression, sizeof expression,
             "SEARCH('{AWS/Firehose,DeliveryStreamName} MetricName=\"%s\"', '%s', %u)",
             series->metric, series->stat, fb_cloudwatch_period_s(cloudwatch));
    return json_pack("[{s:s, s:s, s:s}]", "expression", expression, "label", series->label, "yAxis",
                     axis);
}

static int add_firehose(const struct fb_cloudwatch *cloudwatch, json_t *list, size_t y)
{
    const size_t named = cloudwatch->delivery_streams->count;
    json_t *delivery = json_array(), *volume = json_array();

    for (size_t i = 0; i < sizeof firehose / sizeof *firehose; i++)
        for (size_t j = 0; j < (named > 0 ? named : 1); j++)
            json_array_append_new(i < 2 ? delivery : volume,
                                  firehose_line(cloudwatch, &firehose[i], j));
    return place(list, "metric", 0, y, WIDTH, HEIGHT,
                 graph(cloudwatch, "Firehose: delivery to S3 (below 1: errors)", delivery,
                       "part of calls", "seconds")) |
           place(list, "metric", WIDTH, y, WIDTH, HEIGHT,
                 graph(cloudwatch, "Firehose: delivered to S3", volume, "records, bytes", NULL));
}

json_t *fb_cloudwatch_dashboard(const struct fb_cloudwatch *cloudwatch)
{
    const size_t tall = HEADING + (WIDGETS + ACROSS - 1) / ACROSS * HEIGHT;
    json_t *list = json_array();
    int failed = add_firehose(cloudwatch, list, 0);

    for (size_t i = 0; i < cloudwatch->conf->stream_count; i++)
        failed |= add_stream(cloudwatch, &cloudwatch->conf->streams[i], list, HEIGHT + i * tall);
    if (failed == 0)
        return json_pack("{s:o}", "widgets", list);
    json_decref(list);
    return NULL;
}
