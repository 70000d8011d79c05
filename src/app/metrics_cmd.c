/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge metrics`: the table of all metrics. */
#include <jansson.h>
#include <stdio.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/metric.h"

struct metrics_options {
    unsigned output;
};

static const struct fb_option rows[] = {
    FB_OPTION_OUTPUT(struct metrics_options),
};

static const struct metrics_options defaults = {.output = FB_OUTPUT_TABLE};

static void print_table(void)
{
    const struct fb_metric *metric;

    for (size_t i = 0; (metric = fb_metric_at(i)) != NULL; i++)
        printf("%-9s  " FB_METRIC_PREFIX "%s%s%s%s%s\n           %s\n",
               fb_metric_type_name(metric->type), metric->name,
               metric->type == FB_METRIC_COUNTER ? "_total" : "", metric->label != NULL ? "{" : "",
               metric->label != NULL ? metric->label : "", metric->label != NULL ? "}" : "",
               metric->help);
}

static int print_json(void)
{
    json_t *list = json_array();
    const struct fb_metric *metric;
    int failed = 0;

    for (size_t i = 0; (metric = fb_metric_at(i)) != NULL; i++)
        failed |= json_array_append_new(list, json_pack("{s:s+, s:s, s:s, s:s?, s:s}", "name",
                                                        FB_METRIC_PREFIX, metric->name, "type",
                                                        fb_metric_type_name(metric->type), "unit",
                                                        fb_metric_unit_name(metric->unit), "label",
                                                        metric->label, "help", metric->help));
    if (failed == 0)
        failed = json_dumpf(list, stdout, JSON_INDENT(2));
    json_decref(list);
    putchar('\n');
    return failed == 0 ? FB_EXIT_OK : fb_cli_fail("out of memory");
}

static int run_metrics(const void *options, char *const *operands, int operand_count)
{
    const struct metrics_options *given = options;

    (void)operands;
    (void)operand_count;
    if (given->output == FB_OUTPUT_JSON)
        return print_json();
    print_table();
    return FB_EXIT_OK;
}

extern const struct fb_command fb_command_metrics;
const struct fb_command fb_command_metrics = {
    .name = "metrics",
    .summary = "list the metrics that streams have",
    .help = "Lists the metrics that [metrics] in the conf sends or offers, with types and\n"
            "meanings. All have the labels stream and table; those in braces are beside.\n",
    FB_OPTIONS(rows),
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run_metrics,
};
