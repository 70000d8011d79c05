/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples as each door wants them.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_APP_METRICS_TEXT_H
#define FIREBRIDGE_APP_METRICS_TEXT_H

#include "firebridge/app/metric.h"
#include "firebridge/base/buffer.h"

/* Of all doors' texts. One of OpenMetrics is the largest: a thousand streams of some 30 KB each. */
#define FB_METRICS_TEXT_MAX_BYTES ((size_t)64 << 20)

/*
 * Lines of StatsD as the CloudWatch agent reads them, "NAME:VALUE|TYPE|#stream:S,table:T"
 * (CloudWatch user guide, "Retrieve custom metrics with StatsD"). Counters are what they grew by
 * and are left out where that is nothing; what has a label is there as a whole, and once more as
 * NAME_by_LABEL. A histogram's buckets are timers, whose rate says how many they stand for.
 */
enum fb_status fb_metrics_append_statsd(struct fb_buffer *out, const char *prefix,
                                        const struct fb_metric_sample *delta) FB_MUST_CHECK;

/*
 * One line of CloudWatch's embedded metric format, with the dimensions stream and table
 * (CloudWatch user guide, "Specification: embedded metric format"). What has a label is a metric as
 * a whole, and by its label a member that is none.
 */
enum fb_status fb_metrics_append_emf(struct fb_buffer *out, const char *name_space, int64_t now_ms,
                                     const struct fb_metric_sample *delta) FB_MUST_CHECK;

/* A whole exposition of OpenMetrics 1.0, its end too. Of samples as they are. */
#define FB_OPENMETRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
enum fb_status fb_metrics_append_openmetrics(struct fb_buffer *out,
                                             const struct fb_metric_sample *samples,
                                             size_t count) FB_MUST_CHECK;

#endif
