/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "firebridge/app/metrics_text.h"

struct line {
    struct fb_buffer *out;
    const char *prefix;
    const struct fb_metric_sample *sample;
};

/* No character that ends a tag, or a line; what is changed is only for people. */
static enum fb_status append_tag(struct fb_buffer *out, const char *name, const char *value)
{
    char clean[256];
    size_t size = 0;

    for (; size < sizeof clean - 1 && value[size] != '\0'; size++)
        clean[size] = isalnum((unsigned char)value[size]) || strchr("_-.", value[size]) != NULL
                          ? value[size]
                          : '_';
    clean[size] = '\0';
    return fb_buffer_printf(out, "%s:%s", name, clean);
}

static enum fb_status append_tags(const struct line *line, const char *label, const char *word)
{
    enum fb_status status = fb_buffer_append_text(line->out, "|#");

    if (status == FB_OK)
        status = append_tag(line->out, "stream", line->sample->stream);
    if (status == FB_OK)
        status = fb_buffer_append_text(line->out, ",");
    if (status == FB_OK)
        status = append_tag(line->out, "table", line->sample->table);
    if (status == FB_OK && word != NULL)
        status = fb_buffer_append_text(line->out, ",");
    if (status == FB_OK && word != NULL)
        status = append_tag(line->out, label, word);
    return status == FB_OK ? fb_buffer_append_text(line->out, "\n") : status;
}

static enum fb_status append_value(const struct line *line, const struct fb_metric *metric,
                                   double value)
{
    const bool is_gauge = metric->type == FB_METRIC_GAUGE;
    enum fb_status status;

    if (!is_gauge && value <= 0)
        return FB_OK;
    /* A gauge with a sign is a change of it: so it is set to 0 first. */
    if (is_gauge && value < 0) {
        status = append_value(line, metric, 0);
        if (status != FB_OK)
            return status;
    }
    status = fb_buffer_printf(line->out, "%s_%s:%.15g|%s", line->prefix, metric->name, value,
                              is_gauge ? "g" : "c");
    return status == FB_OK ? append_tags(line, NULL, NULL) : status;
}

static enum fb_status append_rows(const struct line *line, const struct fb_metric *metric,
                                  const struct fb_tally_view *tally)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < tally->row_count && status == FB_OK; i++) {
        if (tally->rows[i].count == 0)
            continue;
        status = fb_buffer_printf(line->out, "%s_%s_by_%s:%llu|c", line->prefix, metric->name,
                                  metric->label, (unsigned long long)tally->rows[i].count);
        if (status == FB_OK)
            status = append_tags(line, metric->label, tally->rows[i].word);
    }
    return status;
}

/* 1 / rate must not fall below the count when it is computed back: so the rate is rounded down. */
static void format_rate(uint64_t count, char *ret_text, size_t size)
{
    if (count <= 1)
        snprintf(ret_text, size, "%s", "");
    else
        snprintf(ret_text, size, "|@%.12f", 1.0 / (double)count - 0.0000000000005);
}

static enum fb_status append_times(const struct line *line, const struct fb_metric *metric,
                                   const struct fb_histogram_view *times)
{
    enum fb_status status = FB_OK;
    char rate[40];

    for (size_t i = 0; i <= times->scale->count && status == FB_OK; i++) {
        if (times->counts[i] == 0)
            continue;
        format_rate(times->counts[i], rate, sizeof rate);
        status = fb_buffer_printf(line->out, "%s_%s:%.15g|ms%s", line->prefix, metric->name,
                                  fb_histogram_middle_ms(times, i), rate);
        if (status == FB_OK)
            status = append_tags(line, NULL, NULL);
    }
    return status;
}

enum fb_status fb_metrics_append_statsd(struct fb_buffer *out, const char *prefix,
                                        const struct fb_metric_sample *delta)
{
    const struct line line = {.out = out, .prefix = prefix, .sample = delta};
    const struct fb_metric *metric;
    enum fb_status status = FB_OK;

    for (size_t i = 0; (metric = fb_metric_at(i)) != NULL && status == FB_OK; i++) {
        const struct fb_tally_view *tally = fb_metric_tally(metric, delta);
        const struct fb_histogram_view *times = fb_metric_times(metric, delta);
        double value;

        if (times != NULL)
            status = append_times(&line, metric, times);
        else if (fb_metric_value(metric, delta, &value))
            status = append_value(&line, metric, value);
        if (status == FB_OK && tally != NULL)
            status = append_rows(&line, metric, tally);
    }
    return status;
}
