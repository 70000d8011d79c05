/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that only ask the daemon that runs to do something. */
#include <stdio.h>
#include <stdlib.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/control.h"
#include "firebridge/app/environment.h"

enum fb_status fb_cli_ask(const struct fb_conf *conf, const json_t *request, json_t **ret_answer,
                          struct fb_error *error)
{
    char *directory = NULL;
    enum fb_status status = FB_OK;

    if (conf->daemon.runtime_dir != NULL)
        return fb_control_ask(conf->daemon.runtime_dir, request, ret_answer, error);
    status = fb_environment_state_dir(conf, &directory);
    if (status != FB_OK)
        return fb_fail(error, status, "out of memory");
    status = fb_control_ask(directory, request, ret_answer, error);
    free(directory);
    return status;
}

/* Takes over `request`. The answer is to be freed by the caller; NULL: it was said why not. */
static json_t *ask(const char *conf_path, json_t *request)
{
    struct fb_conf *conf = fb_cli_read_conf(conf_path);
    struct fb_error error = {0};
    json_t *answer = NULL;

    if (conf != NULL && fb_cli_ask(conf, request, &answer, &error) != FB_OK)
        (void)fb_cli_fail("%s", error.message);
    json_decref(request);
    fb_conf_free(conf);
    return answer;
}

struct control_options {
    const char *conf_path;
    unsigned output;
};

static const struct control_options defaults = {.conf_path = FB_CONF_DEFAULT_PATH};

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct control_options),
    FB_OPTION_OUTPUT(struct control_options),
};

static void print_json(json_t *answer)
{
    json_object_del(answer, "ok");
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
}

static int run_log_level(const void *row, char *const *operands, int operand_count)
{
    const struct control_options *chosen = row;
    json_t *answer =
        ask(chosen->conf_path, json_pack("{s:s, s:s}", "verb", "log-level", "level", operands[0]));

    (void)operand_count;
    if (answer == NULL)
        return FB_EXIT_WRONG;
    if (chosen->output == FB_OUTPUT_JSON)
        print_json(answer);
    else
        printf("log level: %s, which was %s\n", operands[0],
               json_string_value(json_object_get(answer, "was")));
    json_decref(answer);
    return FB_EXIT_OK;
}

extern const struct fb_command fb_command_log_level;
const struct fb_command fb_command_log_level = {
    .name = "log-level",
    .operands = "LEVEL",
    .verbs = "error|warning|notice|info|debug",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "let the daemon log more, or less",
    .help = "LEVEL is error, warning, notice, info or debug. It holds until the daemon reads\n"
            "its conf again, or ends.\n",
    FB_OPTIONS(options),
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run_log_level,
};
