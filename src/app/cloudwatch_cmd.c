/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge cloudwatch`: what CloudWatch and its agent need, from the conf at hand. */
#include <stdio.h>
#include <string.h>

#include "cloudwatch.h"
#include "firebridge/app/cli.h"
#include "firebridge/app/metrics_address.h"
#include "firebridge/app/network.h"

/* Each stream has a dozen graphs, and a dashboard 500 at most (CloudWatch quotas). */
#define DASHBOARD_STREAMS_MAX 40

#define EMF_DEFAULT_PORT "25888"

enum logs { LOGS_JOURNALD, LOGS_FILE };

struct cloudwatch_options {
    const char *conf_path;
    unsigned logs;
    const char *action;
    struct fb_option_list delivery_streams;
};

static const struct fb_option rows[] = {
    FB_OPTION_CONFIG(struct cloudwatch_options),
    {.name = "logs",
     .kind = FB_OPTION_CHOICE,
     .offset = offsetof(struct cloudwatch_options, logs),
     .choices = "journald|file",
     .help = "agent: where it finds the log; default journald"},
    {.name = "action",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct cloudwatch_options, action),
     .value = "ARN",
     .help = "alarms: what they notify, like an SNS topic"},
    {.name = "delivery-stream",
     .kind = FB_OPTION_LIST,
     .offset = offsetof(struct cloudwatch_options, delivery_streams),
     .value = "NAME",
     .help = "dashboard: show this one of Firehose; may be\ngiven again; default all"},
};

static const struct cloudwatch_options defaults = {.conf_path = FB_CONF_DEFAULT_PATH,
                                                   .logs = LOGS_JOURNALD};

/* ---- what the artefacts share ---- */

void fb_cloudwatch_name(const struct fb_cloudwatch *cloudwatch, const struct fb_metric *metric,
                        char *ret_name, size_t size)
{
    if (cloudwatch->is_statsd)
        snprintf(ret_name, size, "%s_%s", cloudwatch->conf->metrics.name_space, metric->name);
    else
        snprintf(ret_name, size, "%s", metric->name);
}

const char *fb_cloudwatch_table(const struct fb_conf_stream *stream)
{
    const char *slash = strchr(stream->table, '/');

    return slash != NULL ? slash + 1 : stream->table;
}

const char *fb_cloudwatch_metric_type(const struct fb_metric *metric)
{
    return metric->type == FB_METRIC_GAUGE     ? "gauge"
           : metric->type == FB_METRIC_COUNTER ? "counter"
                                               : "timing";
}

unsigned fb_cloudwatch_period_s(const struct fb_cloudwatch *cloudwatch)
{
    const int64_t interval_s = cloudwatch->conf->metrics.interval_ms / 1000;

    return interval_s <= 300 ? 300 : (unsigned)((interval_s + 59) / 60 * 60);
}

const struct fb_metric *fb_cloudwatch_metric(const char *name)
{
    const struct fb_metric *metric = NULL;

    for (size_t i = 0; (metric = fb_metric_at(i)) != NULL; i++)
        if (strcmp(metric->name, name) == 0)
            break;
    return metric;
}

/* ---- the agent ---- */

/* The default address needs no word; the agent listens there for both. */
static json_t *emf_settings(const struct fb_conf_metrics *metrics)
{
    struct fb_metrics_address address;

    if (metrics->emf == NULL || fb_metrics_address_parse(metrics->emf, true, &address, NULL) ||
        strcmp(address.port, EMF_DEFAULT_PORT) == 0)
        return json_object();
    return json_pack("{s:s+++}", "service_address", address.is_tcp ? "tcp://" : "udp://",
                     address.host, ":", address.port);
}

static json_t *log_settings(const struct fb_cloudwatch *cloudwatch)
{
    if (cloudwatch->logs_to_file)
        return json_pack("{s:{s:[{s:s, s:s, s:s, s:s, s:s}]}}", "files", "collect_list",
                         "file_path", "/var/log/firebridge/firebridge.log", "log_group_name",
                         "/firebridge", "log_stream_name", "{instance_id}", "timestamp_format",
                         "%Y-%m-%dT%H:%M:%S", "timezone", "UTC");
    return json_pack("{s:{s:[{s:[s], s:s, s:s}]}}", "journald", "collect_list", "units",
                     "firebridge.service", "log_group_name", "/firebridge", "log_stream_name",
                     "{instance_id}");
}

json_t *fb_cloudwatch_agent(const struct fb_cloudwatch *cloudwatch)
{
    const struct fb_conf_metrics *metrics = &cloudwatch->conf->metrics;
    json_t *const logs = log_settings(cloudwatch);

    if (cloudwatch->is_statsd)
        return json_pack(
            "{s:{s:b}, s:{s:o}, s:{s:s, s:{s:{s:s, s:i, s:I}}}}", "agent", "omit_hostname", 1,
            "logs", "logs_collected", logs, "metrics", "namespace", metrics->name_space,
            "metrics_collected", "statsd", "service_address", metrics->statsd,
            "metrics_collection_interval", 10, "metrics_aggregation_interval",
            (json_int_t)(metrics->interval_ms < 60000 ? 60 : metrics->interval_ms / 1000));
    return json_pack("{s:{s:o, s:{s:o}}}", "logs", "logs_collected", logs, "metrics_collected",
                     "emf", emf_settings(metrics));
}

/* ---- the command ---- */

static const char *find_region(const struct fb_conf *conf)
{
    const char *region = conf->aws.region;

    if (region == NULL)
        region = fb_network_variable("AWS_REGION");
    return region != NULL ? region : fb_network_variable("AWS_DEFAULT_REGION");
}

static int print(json_t *root, size_t indent)
{
    int failed = root == NULL ? -1 : json_dumpf(root, stdout, JSON_INDENT(indent));

    putchar('\n');
    return failed == 0 ? FB_EXIT_OK : fb_cli_fail("out of memory");
}

static int print_agent(const struct fb_cloudwatch *cloudwatch)
{
    json_t *root = fb_cloudwatch_agent(cloudwatch);
    const int code = print(root, 2);

    json_decref(root);
    return code;
}

static int print_dashboard(const struct fb_cloudwatch *cloudwatch)
{
    json_t *root;
    int code;

    if (cloudwatch->region == NULL)
        return fb_cli_fail("a dashboard names its region: say it in [aws], or in AWS_REGION");
    if (cloudwatch->conf->stream_count > DASHBOARD_STREAMS_MAX)
        return fb_cli_fail("a dashboard has room for the graphs of %d streams, and the conf has "
                           "%zu: make one of a conf with some of them",
                           DASHBOARD_STREAMS_MAX, cloudwatch->conf->stream_count);
    root = fb_cloudwatch_dashboard(cloudwatch);
    code = print(root, 2);
    json_decref(root);
    return code;
}

/* A line each, as the AWS CLI takes one at a time. */
static int print_alarms(const struct fb_cloudwatch *cloudwatch)
{
    json_t *list = fb_cloudwatch_alarms(cloudwatch);
    int code = list == NULL ? fb_cli_fail("out of memory") : FB_EXIT_OK;

    for (size_t i = 0; i < json_array_size(list) && code == FB_EXIT_OK; i++)
        code = print(json_array_get(list, i), 0);
    json_decref(list);
    return code;
}

static const struct {
    const char *name;
    int (*print)(const struct fb_cloudwatch *cloudwatch);
} artefacts[] = {
    {"agent", print_agent},
    {"dashboard", print_dashboard},
    {"alarms", print_alarms},
};

static void warn_without_door(const struct fb_conf *conf)
{
    if (conf->metrics.emf == NULL && conf->metrics.statsd == NULL)
        fputs("firebridge: the conf sends no metrics to CloudWatch yet; this goes with\n"
              "  [metrics]\n"
              "  emf = udp://127.0.0.1:" EMF_DEFAULT_PORT "\n",
              stderr);
}

static int run_cloudwatch(const void *options, char *const *operands, int operand_count)
{
    const struct cloudwatch_options *given = options;
    struct fb_conf *conf;
    struct fb_cloudwatch cloudwatch;
    size_t i = 0;
    int code;

    (void)operand_count;
    while (i < sizeof artefacts / sizeof *artefacts && strcmp(artefacts[i].name, operands[0]) != 0)
        i++;
    if (i == sizeof artefacts / sizeof *artefacts) {
        fprintf(stderr, "firebridge: %s: expected agent, dashboard or alarms\n", operands[0]);
        return FB_EXIT_USAGE;
    }
    conf = fb_cli_read_conf(given->conf_path);
    if (conf == NULL)
        return FB_EXIT_WRONG;
    warn_without_door(conf);
    cloudwatch = (struct fb_cloudwatch){
        .conf = conf,
        .is_statsd = conf->metrics.emf == NULL && conf->metrics.statsd != NULL,
        .logs_to_file = given->logs == LOGS_FILE,
        .region = find_region(conf),
        .action = given->action,
        .delivery_streams = &given->delivery_streams,
    };
    code = artefacts[i].print(&cloudwatch);
    fb_conf_free(conf);
    return code;
}

extern const struct fb_command fb_command_cloudwatch;
const struct fb_command fb_command_cloudwatch = {
    .name = "cloudwatch",
    .operands = "agent|dashboard|alarms",
    .verbs = "agent|dashboard|alarms",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "print what CloudWatch needs to watch the streams",
    .help = "Prints, for the streams and the [metrics] of the conf: the configuration of the\n"
            "CloudWatch agent; the body of a dashboard; or alarms, a line each, as aws\n"
            "cloudwatch put-metric-alarm --cli-input-json takes them. Asks nobody.\n",
    FB_OPTIONS(rows),
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run_cloudwatch,
};
