/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms, as PutMetricAlarm takes them (CloudWatch API reference). */
#include "cloudwatch.h"

/* A stream that is this far behind is not just waiting for Firehose, which buffers 15 min. */
#define LAG_S 3600

/* A listing shows every few seconds that there is nothing to do, where there is nothing. */
#define NO_SUCCESS_S     900
#define NO_SUCCESS_POLLS 5

/* Keys are renewed some minutes ahead; later than this that has failed for a while. */
#define CREDENTIALS_S 120

/* Of all calls, so many in a hundred may be too fast: finding out the rate costs some. */
#define THROTTLED_PERCENT 25

struct alarm {
    const char *name, *metric, *statistic, *comparison, *missing;
    unsigned periods;
    double (*threshold)(const struct fb_conf_stream *stream);
    const char *description;
};

static double lag(const struct fb_conf_stream *stream)
{
    (void)stream;
    return LAG_S;
}

static double no_success(const struct fb_conf_stream *stream)
{
    const double polls_s = NO_SUCCESS_POLLS * (double)stream->poll_interval_ms / 1000;

    return polls_s > NO_SUCCESS_S ? polls_s : NO_SUCCESS_S;
}

static double credentials(const struct fb_conf_stream *stream)
{
    (void)stream;
    return CREDENTIALS_S;
}

static double none(const struct fb_conf_stream *stream)
{
    (void)stream;
    return 0;
}

static double one(const struct fb_conf_stream *stream)
{
    (void)stream;
    return 1;
}

static const struct alarm alarms[] = {
    {"lag", "oldest_object_age_seconds", "Maximum", "GreaterThanThreshold", "missing", 3, lag,
     "Objects wait for over an hour. See whether writes are throttled, or the backlog is large: "
     "firebridge status."},
    {"no-success", "last_success_age_seconds", "Maximum", "GreaterThanThreshold", "missing", 2,
     no_success,
     "Nothing was written, and no listing came. See the log: journalctl -u firebridge -p err."},
    {"dead-letters", "dead_letters", "Sum", "GreaterThanThreshold", "notBreaching", 1, none,
     "Records cannot be written and are kept. See why in the log; mend the conf; run firebridge "
     "redrive."},
    {"credentials", "credentials_expiry_seconds", "Minimum", "LessThanThreshold", "notBreaching", 2,
     credentials,
     "The credentials end and are not renewed. See firebridge check, and the instance's role."},
    {"stopped", "running", "Minimum", "LessThanThreshold", "breaching", 2, one,
     "The stream has stopped, or the daemon is gone. See systemctl status firebridge, and the log "
     "for what to do before it is started again."},
};

static json_t *dimensions(const struct fb_cloudwatch *cloudwatch,
                          const struct fb_conf_stream *stream, const struct fb_metric *metric)
{
    json_t *list = json_pack("[{s:s, s:s}, {s:s, s:s}]", "Name", "stream", "Value", stream->name,
                             "Name", "table", "Value", fb_cloudwatch_table(stream));

    if (cloudwatch->is_statsd)
        json_array_append_new(list, json_pack("{s:s, s:s}", "Name", "metric_type", "Value",
                                              fb_cloudwatch_metric_type(metric)));
    return list;
}

static json_t *metric_stat(const struct fb_cloudwatch *cloudwatch,
                           const struct fb_conf_stream *stream, const char *id, const char *name)
{
    const struct fb_metric *metric = fb_cloudwatch_metric(name);
    char full[256];

    fb_cloudwatch_name(cloudwatch, metric, full, sizeof full);
    return json_pack("{s:s, s:b, s:{s:{s:s, s:s, s:o}, s:i, s:s}}", "Id", id, "ReturnData", 0,
                     "MetricStat", "Metric", "Namespace", cloudwatch->conf->metrics.name_space,
                     "MetricName", full, "Dimensions", dimensions(cloudwatch, stream, metric),
                     "Period", (int)fb_cloudwatch_period_s(cloudwatch), "Stat", "Sum");
}

/* What all alarms have. */
static json_t *make(const struct fb_cloudwatch *cloudwatch, const struct fb_conf_stream *stream,
                    const struct alarm *alarm, double threshold)
{
    json_t *root =
        json_pack("{s:s++++, s:s++, s:b, s:i, s:i, s:f, s:s, s:s}", "AlarmName",
                  cloudwatch->conf->metrics.name_space, "-", stream->name, "-", alarm->name,
                  "AlarmDescription", stream->name, ": ", alarm->description, "ActionsEnabled", 1,
                  "EvaluationPeriods", (int)alarm->periods, "DatapointsToAlarm",
                  (int)alarm->periods, "Threshold", threshold, "ComparisonOperator",
                  alarm->comparison, "TreatMissingData", alarm->missing);

    if (cloudwatch->action != NULL) {
        json_object_set_new(root, "AlarmActions", json_pack("[s]", cloudwatch->action));
        json_object_set_new(root, "OKActions", json_pack("[s]", cloudwatch->action));
    }
    return root;
}

static json_t *make_simple(const struct fb_cloudwatch *cloudwatch,
                           const struct fb_conf_stream *stream, const struct alarm *alarm)
{
    const struct fb_metric *metric = fb_cloudwatch_metric(alarm->metric);
    json_t *root = make(cloudwatch, stream, alarm, alarm->threshold(stream));
    char name[256];

    fb_cloudwatch_name(cloudwatch, metric, name, sizeof name);
    json_object_set_new(root, "Namespace", json_string(cloudwatch->conf->metrics.name_space));
    json_object_set_new(root, "MetricName", json_string(name));
    json_object_set_new(root, "Dimensions", dimensions(cloudwatch, stream, metric));
    json_object_set_new(root, "Statistic", json_string(alarm->statistic));
    json_object_set_new(root, "Period",
                        json_integer((json_int_t)fb_cloudwatch_period_s(cloudwatch)));
    return root;
}

/* Throttles alone say little: a table that is written fast has some all the time. */
static json_t *make_throttling(const struct fb_cloudwatch *cloudwatch,
                               const struct fb_conf_stream *stream)
{
    static const struct alarm alarm = {
        .name = "throttling",
        .comparison = "GreaterThanThreshold",
        .missing = "notBreaching",
        .periods = 3,
        .description = "A great part of all calls is too fast for AWS. Give the table more "
                       "capacity, spread its keys, or set max_write_units.",
    };
    json_t *root = make(cloudwatch, stream, &alarm, THROTTLED_PERCENT);

    json_object_set_new(root, "Metrics",
                        json_pack("[o, o, {s:s, s:s, s:s, s:b}]",
                                  metric_stat(cloudwatch, stream, "throttles", "throttles"),
                                  metric_stat(cloudwatch, stream, "calls", "calls"), "Id",
                                  "throttled", "Expression", "100 * throttles / calls", "Label",
                                  "% of calls throttled", "ReturnData", 1));
    return root;
}

json_t *fb_cloudwatch_alarms(const struct fb_cloudwatch *cloudwatch)
{
    json_t *list = json_array();
    int failed = 0;

    for (size_t i = 0; i < cloudwatch->conf->stream_count; i++) {
        const struct fb_conf_stream *stream = &cloudwatch->conf->streams[i];

        for (size_t j = 0; j < sizeof alarms / sizeof *alarms; j++)
            failed |= json_array_append_new(list, make_simple(cloudwatch, stream, &alarms[j]));
        failed |= json_array_append_new(list, make_throttling(cloudwatch, stream));
    }
    if (failed == 0)
        return list;
    json_decref(list);
    return NULL;
}
