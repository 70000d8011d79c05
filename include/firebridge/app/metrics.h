/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics of the streams that run, through the doors that the conf opens: pushed each interval to
 * StatsD and as EMF, or asked for over HTTP.
 *
 * Streams come and go. What a stream that goes has counted since the last push is pushed yet. What
 * a door does not take is not lost for the next push, as far as it says so.
 *
 * Threads: all calls from any thread; the pushes are made by one of its own, the answers by
 * another. The lock guards the list of streams; nothing is sent under it.
 */
#ifndef FIREBRIDGE_APP_METRICS_H
#define FIREBRIDGE_APP_METRICS_H

#include "firebridge/app/conf.h"
#include "firebridge/app/metric.h"
#include "firebridge/base/buffer.h"

struct fb_metrics;

/*
 * *ret_metrics is NULL where `conf` opens no door, and all calls below take that. FB_IO: the
 * address to listen at cannot be had. FB_UNSUPPORTED: this build cannot listen. `conf` is copied.
 */
enum fb_status fb_metrics_start(const struct fb_conf_metrics *conf, struct fb_clock *clock,
                                struct fb_metrics **ret_metrics,
                                struct fb_error *error) FB_MUST_CHECK;

/* Pushes what is left, and ends. */
void fb_metrics_free(struct fb_metrics *metrics);

/* The strings are copied. The stream stays until it is removed. */
enum fb_status fb_metrics_add(struct fb_metrics *metrics, struct fb_stream *stream,
                              const char *name, const char *table,
                              struct fb_error *error) FB_MUST_CHECK;
/* Before the stream is freed. One that is not there is none of its business. */
void fb_metrics_remove(struct fb_metrics *metrics, const struct fb_stream *stream);

/* An OpenMetrics exposition of all streams. */
enum fb_status fb_metrics_expose(struct fb_metrics *metrics, struct fb_buffer *out) FB_MUST_CHECK;

/* A line for each stream; *ret_ready: each has made its first attempt, and there is one. */
enum fb_status fb_metrics_describe(struct fb_metrics *metrics, struct fb_buffer *out,
                                   bool *ret_ready) FB_MUST_CHECK;

#endif
