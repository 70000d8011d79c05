/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that only ask the daemon that runs to do something. */
#include <stdio.h>
#include <stdlib.h>

#include "firebridge/app/cli.h"
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
        fb_cli_report(NULL, error.message);
    json_decref(request);
    fb_conf_free(conf);
    return answer;
}

int fb_cmd_log_level(const char *conf_path, const char *level)
{
    json_t *answer = ask(conf_path, json_pack("{s:s, s:s}", "verb", "log-level", "level", level));

    if (answer == NULL)
        return FB_EXIT_WRONG;
    printf("log level: %s, which was %s\n", level,
           json_string_value(json_object_get(answer, "was")));
    json_decref(answer);
    return FB_EXIT_OK;
}
