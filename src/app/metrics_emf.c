/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "firebridge/app/metrics_text.h"

static const char *unit_of(const struct fb_metric *metric)
{
    static const char *const units[] = {
        [FB_METRIC_COUNT] = "Count",
        [FB_METRIC_SECONDS] = "Seconds",
        [FB_METRIC_BYTES] = "Bytes",
    };

    return units[metric->unit];
}

/* Whole numbers without a point, as they are everywhere else. */
static json_t *number(double value)
{
    const json_int_t whole = (json_int_t)value;

    return (double)whole == value ? json_integer(whole) : json_real(value);
}

/*
 * Buckets as values with their counts, and the bounds that the values lie in. An array of bare
 * numbers would have a hundred at most.
 */
static json_t *times_as_json(const struct fb_histogram_view *times)
{
    json_t *values = json_array(), *counts = json_array();
    double least = 0, most = 0;
    bool is_first = true;

    for (size_t i = 0; i <= times->scale->count; i++) {
        if (times->counts[i] == 0)
            continue;
        most = fb_histogram_middle_ms(times, i) / 1000;
        least = is_first ? most : least;
        is_first = false;
        json_array_append_new(values, number(most));
        json_array_append_new(counts, json_integer((json_int_t)times->counts[i]));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "Values", values, "Counts", counts, "Min",
                     number(least), "Max", number(most), "Count", (json_int_t)times->count, "Sum",
                     number((double)times->sum_ms / 1000));
}

/* By its label: a member that CloudWatch makes no metric of, for Logs Insights. */
static int add_rows(json_t *root, const struct fb_metric *metric, const struct fb_tally_view *tally)
{
    json_t *rows = json_object();
    char name[96];

    for (size_t i = 0; i < tally->row_count; i++)
        if (tally->rows[i].count > 0)
            json_object_set_new(rows, tally->rows[i].word,
                                json_integer((json_int_t)tally->rows[i].count));
    snprintf(name, sizeof name, "%s_by_%s", metric->name, metric->label);
    return json_object_set_new(root, name, rows);
}

/* NULL: there is no value. */
static json_t *value_as_json(const struct fb_metric *metric, const struct fb_metric_sample *delta)
{
    const struct fb_histogram_view *times = fb_metric_times(metric, delta);
    double value;

    if (times != NULL)
        return times->count > 0 ? times_as_json(times) : NULL;
    return fb_metric_value(metric, delta, &value) ? number(value) : NULL;
}

static int add_metrics(json_t *root, json_t *directives, const struct fb_metric_sample *delta)
{
    const struct fb_metric *metric;
    int failed = 0;

    for (size_t i = 0; (metric = fb_metric_at(i)) != NULL; i++) {
        const struct fb_tally_view *tally = fb_metric_tally(metric, delta);
        json_t *value = value_as_json(metric, delta);

        if (value == NULL)
            continue;
        failed |= json_object_set_new(root, metric->name, value);
        failed |= json_array_append_new(
            directives, json_pack("{s:s, s:s}", "Name", metric->name, "Unit", unit_of(metric)));
        if (tally != NULL)
            failed |= add_rows(root, metric, tally);
    }
    return failed;
}

enum fb_status fb_metrics_append_emf(struct fb_buffer *out, const char *name_space, int64_t now_ms,
                                     const struct fb_metric_sample *delta)
{
    json_t *directives = json_array();
    json_t *root =
        json_pack("{s:{s:I, s:s+, s:[{s:s, s:[[s, s]], s:O}]}, s:s, s:s}", "_aws", "Timestamp",
                  (json_int_t)now_ms, "LogGroupName", "/metrics/", name_space, "CloudWatchMetrics",
                  "Namespace", name_space, "Dimensions", "stream", "table", "Metrics", directives,
                  "stream", delta->stream, "table", delta->table);
    enum fb_status status = FB_NO_MEMORY;
    char *text = NULL;

    if (root != NULL && add_metrics(root, directives, delta) == 0)
        text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (text != NULL)
        status = fb_buffer_append_text(out, text);
    if (status == FB_OK)
        status = fb_buffer_append_text(out, "\n");
    free(text);
    json_decref(root);
    json_decref(directives);
    return status;
}
