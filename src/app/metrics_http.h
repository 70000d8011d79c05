/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door that is asked: GET /metrics, /healthz and /readyz over HTTP. Private to the metrics.
 *
 * Threads: one of libmicrohttpd's own answers one request after another.
 */
#ifndef FIREBRIDGE_SRC_APP_METRICS_HTTP_H
#define FIREBRIDGE_SRC_APP_METRICS_HTTP_H

#include "firebridge/app/metrics.h"

struct fb_metrics_http;

/* `metrics` outlives it. */
enum fb_status fb_metrics_http_start(struct fb_metrics *metrics, const char *address,
                                     struct fb_metrics_http **ret_http,
                                     struct fb_error *error) FB_MUST_CHECK;
void fb_metrics_http_free(struct fb_metrics_http *http);

#endif
