/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CloudWatch is to be told of the streams of a conf: the agent's configuration, a dashboard,
 * alarms. Private to the command.
 *
 * Threads: pure functions. A NULL is out of memory.
 */
#ifndef FIREBRIDGE_SRC_APP_CLOUDWATCH_H
#define FIREBRIDGE_SRC_APP_CLOUDWATCH_H

#include <jansson.h>

#include "firebridge/app/command.h"
#include "firebridge/app/conf.h"
#include "firebridge/app/metric.h"

struct fb_cloudwatch {
    const struct fb_conf *conf;
    bool is_statsd; /* metrics come by StatsD, with other names and one dimension more; else EMF */
    bool logs_to_file;
    const char *region;                            /* NULL: not known */
    const char *action;                            /* of alarms: an ARN; NULL: none */
    const struct fb_option_list *delivery_streams; /* of Firehose; none: all of the account */
};

/* How a metric is called in CloudWatch. */
void fb_cloudwatch_name(const struct fb_cloudwatch *cloudwatch, const struct fb_metric *metric,
                        char *ret_name, size_t size);

/* The table's name, of a name or an ARN. */
const char *fb_cloudwatch_table(const struct fb_conf_stream *stream);

/* StatsD's dimension metric_type of such a metric. */
const char *fb_cloudwatch_metric_type(const struct fb_metric *metric);

/* Seconds of a data point: five minutes, or as long as metrics take to come. */
unsigned fb_cloudwatch_period_s(const struct fb_cloudwatch *cloudwatch);

/* The row of the table of metrics; it is there. */
const struct fb_metric *fb_cloudwatch_metric(const char *name);

json_t *fb_cloudwatch_agent(const struct fb_cloudwatch *cloudwatch);
json_t *fb_cloudwatch_dashboard(const struct fb_cloudwatch *cloudwatch);

/* An array of what PutMetricAlarm takes. */
json_t *fb_cloudwatch_alarms(const struct fb_cloudwatch *cloudwatch);

#endif
