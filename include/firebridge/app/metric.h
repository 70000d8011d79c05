/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all metrics: what each is called, what it means, and where its value stands. All
 * doors (StatsD, EMF, OpenMetrics), `firebridge metrics`, the dashboards and the manual follow it.
 *
 * Names are OpenMetrics' (units and what is counted in them, seconds and bytes alone); a counter
 * has "_total" behind its name there, and not here.
 *
 * Threads: constant, and pure functions.
 */
#ifndef FIREBRIDGE_APP_METRIC_H
#define FIREBRIDGE_APP_METRIC_H

#include "firebridge/pipeline/measures.h"

#define FB_METRIC_PREFIX "firebridge_"

enum fb_metric_type { FB_METRIC_GAUGE, FB_METRIC_COUNTER, FB_METRIC_HISTOGRAM };
enum fb_metric_unit { FB_METRIC_COUNT, FB_METRIC_SECONDS, FB_METRIC_BYTES };

/* Where in a sample the value stands, and as what. */
enum fb_metric_form {
    FB_METRIC_BOOL,
    FB_METRIC_UNSIGNED, /* uint64_t */
    FB_METRIC_MILLI,    /* int64_t, of thousandths; FB_MEASURE_UNKNOWN: there is no value */
    FB_METRIC_TALLY,    /* struct fb_tally_view, by `label` */
    FB_METRIC_TIMES,    /* struct fb_histogram_view */
};

struct fb_metric {
    const char *name;  /* behind FB_METRIC_PREFIX */
    const char *help;  /* a sentence */
    const char *label; /* beside stream and table; NULL: none */
    enum fb_metric_type type;
    enum fb_metric_unit unit;
    enum fb_metric_form form;
    size_t offset;
};

/* All that is known of a stream at a moment. Streams are told apart by their names. */
struct fb_metric_sample {
    char stream[80];
    char table[256]; /* its name, without what an ARN has before it */
    bool attempted;  /* the first attempt has ended */
    bool is_healthy, is_running;
    int64_t oldest_age_ms;
    uint64_t backlog_objects, backlog_bytes;
    struct fb_stream_measures measures;
};

/* The i-th; NULL behind the last. */
const struct fb_metric *fb_metric_at(size_t i);

const char *fb_metric_type_name(enum fb_metric_type type); /* "gauge" */
const char *fb_metric_unit_name(enum fb_metric_unit unit); /* "seconds"; "" for what is counted */

/* `table` may be an ARN. */
void fb_metric_take(struct fb_stream *stream, const char *name, const char *table,
                    struct fb_clock *clock, struct fb_metric_sample *ret_sample);

/* Of a gauge or a counter, all labels together; false where there is no value. */
bool fb_metric_value(const struct fb_metric *metric, const struct fb_metric_sample *sample,
                     double *ret_value);

/* NULL: the metric is of another form. */
const struct fb_tally_view *fb_metric_tally(const struct fb_metric *metric,
                                            const struct fb_metric_sample *sample);
const struct fb_histogram_view *fb_metric_times(const struct fb_metric *metric,
                                                const struct fb_metric_sample *sample);

/*
 * Counters and histograms of `sample` become what they grew by since `before`. One that fell was
 * begun anew.
 */
void fb_metric_subtract(struct fb_metric_sample *sample, const struct fb_metric_sample *before);

#endif
