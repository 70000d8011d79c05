/* SPDX-License-Identifier: Apache-2.0 */
/* OpenMetrics 1.0 (prometheus.io/docs/specs/om/open_metrics_spec). */
#include <string.h>

#include "firebridge/app/metrics_text.h"

/* Label values: a backslash, a quote and the end of a line are escaped. */
static enum fb_status append_escaped(struct fb_buffer *out, const char *text)
{
    enum fb_status status = FB_OK;

    for (; *text != '\0' && status == FB_OK; text++) {
        if (*text == '\n')
            status = fb_buffer_append(out, "\\n", 2);
        else if (*text == '\\' || *text == '"')
            status = fb_buffer_printf(out, "\\%c", *text);
        else
            status = fb_buffer_append(out, text, 1);
    }
    return status;
}

/* "{stream="S",table="T"", open for more. */
static enum fb_status append_labels(struct fb_buffer *out, const struct fb_metric_sample *sample)
{
    enum fb_status status = fb_buffer_append_text(out, "{stream=\"");

    if (status == FB_OK)
        status = append_escaped(out, sample->stream);
    if (status == FB_OK)
        status = fb_buffer_append_text(out, "\",table=\"");
    if (status == FB_OK)
        status = append_escaped(out, sample->table);
    return status == FB_OK ? fb_buffer_append_text(out, "\"") : status;
}

static enum fb_status append_name(struct fb_buffer *out, const struct fb_metric *metric,
                                  const char *suffix, const struct fb_metric_sample *sample)
{
    const enum fb_status status =
        fb_buffer_printf(out, FB_METRIC_PREFIX "%s%s", metric->name, suffix);

    return status == FB_OK ? append_labels(out, sample) : status;
}

static enum fb_status append_number(struct fb_buffer *out, double value)
{
    return fb_buffer_printf(out, "} %.15g\n", value);
}

static enum fb_status append_row(struct fb_buffer *out, const struct fb_metric *metric,
                                 const struct fb_metric_sample *sample,
                                 const struct fb_tally_row *row)
{
    enum fb_status status = append_name(out, metric, "_total", sample);

    if (status == FB_OK)
        status = fb_buffer_printf(out, ",%s=\"", metric->label);
    if (status == FB_OK)
        status = append_escaped(out, row->word);
    if (status == FB_OK)
        status = fb_buffer_append_text(out, "\"");
    return status == FB_OK ? append_number(out, (double)row->count) : status;
}

static enum fb_status append_bucket(struct fb_buffer *out, const struct fb_metric *metric,
                                    const struct fb_metric_sample *sample,
                                    const struct fb_histogram_view *times, size_t i, uint64_t upto)
{
    enum fb_status status = append_name(out, metric, "_bucket", sample);

    if (status == FB_OK && i < times->scale->count)
        status = fb_buffer_printf(out, ",le=\"%.15g\"", (double)times->scale->bounds_ms[i] / 1000);
    else if (status == FB_OK)
        status = fb_buffer_append_text(out, ",le=\"+Inf\"");
    return status == FB_OK ? append_number(out, (double)upto) : status;
}

static enum fb_status append_times(struct fb_buffer *out, const struct fb_metric *metric,
                                   const struct fb_metric_sample *sample,
                                   const struct fb_histogram_view *times)
{
    enum fb_status status = FB_OK;
    uint64_t upto = 0;

    for (size_t i = 0; i <= times->scale->count && status == FB_OK; i++) {
        upto += times->counts[i];
        status = append_bucket(out, metric, sample, times, i, upto);
    }
    if (status == FB_OK)
        status = append_name(out, metric, "_count", sample);
    if (status == FB_OK)
        status = append_number(out, (double)upto);
    if (status == FB_OK)
        status = append_name(out, metric, "_sum", sample);
    return status == FB_OK ? append_number(out, (double)times->sum_ms / 1000) : status;
}

static enum fb_status append_sample(struct fb_buffer *out, const struct fb_metric *metric,
                                    const struct fb_metric_sample *sample)
{
    const struct fb_tally_view *tally = fb_metric_tally(metric, sample);
    const struct fb_histogram_view *times = fb_metric_times(metric, sample);
    enum fb_status status = FB_OK;
    double value;

    if (times != NULL)
        return append_times(out, metric, sample, times);
    for (size_t i = 0; tally != NULL && i < tally->row_count && status == FB_OK; i++)
        status = append_row(out, metric, sample, &tally->rows[i]);
    if (tally != NULL || !fb_metric_value(metric, sample, &value))
        return status;
    status = append_name(out, metric, metric->type == FB_METRIC_COUNTER ? "_total" : "", sample);
    return status == FB_OK ? append_number(out, value) : status;
}

static enum fb_status append_head(struct fb_buffer *out, const struct fb_metric *metric)
{
    enum fb_status status = fb_buffer_printf(out, "# TYPE " FB_METRIC_PREFIX "%s %s\n",
                                             metric->name, fb_metric_type_name(metric->type));

    if (status == FB_OK && metric->unit != FB_METRIC_COUNT)
        status = fb_buffer_printf(out, "# UNIT " FB_METRIC_PREFIX "%s %s\n", metric->name,
                                  fb_metric_unit_name(metric->unit));
    if (status == FB_OK)
        status =
            fb_buffer_printf(out, "# HELP " FB_METRIC_PREFIX "%s %s\n", metric->name, metric->help);
    return status;
}

enum fb_status fb_metrics_append_openmetrics(struct fb_buffer *out,
                                             const struct fb_metric_sample *samples, size_t count)
{
    const struct fb_metric *metric;
    enum fb_status status = FB_OK;

    for (size_t i = 0; (metric = fb_metric_at(i)) != NULL && status == FB_OK; i++) {
        status = append_head(out, metric);
        for (size_t j = 0; j < count && status == FB_OK; j++)
            status = append_sample(out, metric, &samples[j]);
    }
    return status == FB_OK ? fb_buffer_append_text(out, "# EOF\n") : status;
}
