/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that only ask the daemon that runs to do something. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/control.h"
#include "firebridge/app/environment.h"
#include "firebridge/base/clock.h"
#include "human.h"
#include "operator.h"

/* How often an outcome is asked for. */
#define LOOK_MS 200

/* So much of a text is shown. */
#define TEXT_SIZE 600

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

/* Takes over `request`; NULL: a name in it is no UTF-8. The answer is to be freed by the caller;
 * NULL: it was said why not. */
static json_t *ask(const char *conf_path, json_t *request)
{
    struct fb_conf *conf;
    struct fb_error error = {0};
    json_t *answer = NULL;

    if (request == NULL) {
        (void)fb_cli_fail("there is no such name: it is not UTF-8 text");
        return NULL;
    }
    conf = fb_cli_read_conf(conf_path);
    if (conf != NULL && fb_cli_ask(conf, request, &answer, &error) != FB_OK)
        (void)fb_cli_fail("%s", error.message);
    json_decref(request);
    fb_conf_free(conf);
    return answer;
}

struct control_options {
    const char *conf_path;
    unsigned output;
    bool no_wait;
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
    char was[TEXT_SIZE];

    (void)operand_count;
    if (answer == NULL)
        return FB_EXIT_WRONG;
    if (chosen->output == FB_OUTPUT_JSON)
        print_json(answer);
    else
        printf("log level: %s, which was %s\n", operands[0],
               fb_human_text(json_string_value(json_object_get(answer, "was")), was, sizeof was));
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
    .help = "LEVEL is error, warning, notice, info or debug. It holds until the daemon\n"
            "reads its conf again, or ends.\n",
    FB_OPTIONS(options),
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run_log_level,
};

/* ---- pause, resume, drain ---- */

static json_t *request_of(const char *verb, const char *stream)
{
    return json_pack("{s:s, s:s*}", "verb", verb, "stream", stream);
}

static void tell_streams(const struct control_options *chosen, json_t *answer, const char *what)
{
    const json_t *names = json_object_get(answer, "streams");
    char name[TEXT_SIZE];

    if (chosen->output == FB_OUTPUT_JSON) {
        print_json(answer);
        return;
    }
    for (size_t i = 0; i < json_array_size(names); i++)
        printf("stream %s %s\n",
               fb_human_text(json_string_value(json_array_get(names, i)), name, sizeof name), what);
}

static int hold(const struct control_options *chosen, const char *verb, const char *stream,
                const char *what)
{
    json_t *answer = ask(chosen->conf_path, request_of(verb, stream));

    if (answer == NULL)
        return FB_EXIT_WRONG;
    tell_streams(chosen, answer, what);
    json_decref(answer);
    return FB_EXIT_OK;
}

static int run_pause(const void *row, char *const *operands, int operand_count)
{
    return hold(row, "pause", operand_count > 0 ? operands[0] : NULL, "is paused");
}

static int run_resume(const void *row, char *const *operands, int operand_count)
{
    return hold(row, "resume", operand_count > 0 ? operands[0] : NULL, "goes on");
}

/* Nothing will bring it to rest. */
static const char *why_never(const json_t *stream)
{
    if (!json_is_true(json_object_get(stream, "held")))
        return "was resumed meanwhile";
    if (strcmp(json_string_value(json_object_get(stream, "state")), "stopped") == 0)
        return "has stopped";
    if (json_is_true(json_object_get(stream, "paused")))
        return "was paused meanwhile, and is not drained";
    return NULL;
}

/* False while one of the streams is not at rest. *ret_status: of the command. */
static bool has_drained(const json_t *answer, int *ret_status)
{
    const json_t *streams = json_object_get(answer, "streams");
    bool all = true;

    for (size_t i = 0; i < json_array_size(streams); i++) {
        const json_t *stream = json_array_get(streams, i);
        const char *why = why_never(stream);

        if (why != NULL)
            *ret_status = fb_cli_fail("stream %.80s %s",
                                      json_string_value(json_object_get(stream, "stream")), why);
        else if (!json_is_true(json_object_get(stream, "at_rest")))
            all = false;
    }
    return all || *ret_status != FB_EXIT_OK;
}

static int wait_for_rest(const struct control_options *chosen, const char *stream)
{
    int status = FB_EXIT_OK;
    bool has_ended = false;

    while (!has_ended && status == FB_EXIT_OK) {
        json_t *answer = ask(chosen->conf_path, request_of("status", stream));

        if (answer == NULL)
            return FB_EXIT_WRONG;
        has_ended = has_drained(answer, &status);
        json_decref(answer);
        if (!has_ended)
            (void)fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOT, LOOK_MS);
    }
    return status;
}

static int run_drain(const void *row, char *const *operands, int operand_count)
{
    const struct control_options *chosen = row;
    const char *stream = operand_count > 0 ? operands[0] : NULL;
    json_t *answer = ask(chosen->conf_path, request_of("drain", stream));
    int status = FB_EXIT_OK;

    if (answer == NULL)
        return FB_EXIT_WRONG;
    if (!chosen->no_wait)
        status = wait_for_rest(chosen, stream);
    if (status == FB_EXIT_OK)
        tell_streams(chosen, answer, chosen->no_wait ? "is draining" : "is drained, and paused");
    json_decref(answer);
    return status;
}

extern const struct fb_command fb_command_pause, fb_command_resume, fb_command_drain;

const struct fb_command fb_command_pause = {
    .name = "pause",
    .operands = "[STREAM]",
    .operands_max = 1,
    .summary = "stop reading, of one stream or all",
    .help = "What was read is written; the object at work is read on later. Listing goes\n"
            "on, so status knows what waits. It holds until resume, or until the daemon\n"
            "ends.\n",
    FB_OPTIONS(options),
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run_pause,
};

const struct fb_command fb_command_resume = {
    .name = "resume",
    .operands = "[STREAM]",
    .operands_max = 1,
    .summary = "go on after pause or drain",
    .help = "Lets one stream, or all of them, read again.\n",
    FB_OPTIONS(options),
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run_resume,
};

static const struct fb_option drain_options[] = {
    FB_OPTION_CONFIG(struct control_options),
    {.name = "no-wait",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct control_options, no_wait),
     .help = "do not wait until it is done"},
    FB_OPTION_OUTPUT(struct control_options),
};

const struct fb_command fb_command_drain = {
    .name = "drain",
    .operands = "[STREAM]",
    .operands_max = 1,
    .summary = "finish what was begun, then pause",
    .help = "Takes up no more objects, of one stream or all, and returns when those that\n"
            "were begun are written and the checkpoint says so. Then the stream is paused:\n"
            "resume lets it go on, and so does the daemon's next start.\n",
    FB_OPTIONS(drain_options),
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run_drain,
};

/* ---- reload ---- */

/* False while it is under way. */
static bool is_reloaded(const json_t *answer, int *ret_status)
{
    const char *refused = json_string_value(json_object_get(answer, "conf_refused"));

    if (json_is_true(json_object_get(answer, "reloading")))
        return false;
    if (refused != NULL)
        *ret_status =
            fb_cli_fail("the conf is refused, and the old one stays in force: %s", refused);
    return true;
}

static int tell_reload(const struct control_options *chosen, json_t *answer)
{
    const char *outcome = json_string_value(json_object_get(answer, "last_reload"));
    char text[TEXT_SIZE];

    if (chosen->output == FB_OUTPUT_JSON)
        return fb_operator_print_json(json_pack("{s:s?}", "outcome", outcome));
    if (outcome == NULL)
        puts("the daemon reads its conf anew");
    else
        printf("the conf is in force: %s\n", fb_human_text(outcome, text, sizeof text));
    return FB_EXIT_OK;
}

static int run_reload(const void *row, char *const *operands, int operand_count)
{
    const struct control_options *chosen = row;
    json_t *answer = ask(chosen->conf_path, request_of("reload", NULL));
    bool has_ended = chosen->no_wait;
    int status = FB_EXIT_OK;

    (void)operands;
    (void)operand_count;
    while (answer != NULL && !has_ended) {
        json_decref(answer);
        (void)fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOT, LOOK_MS);
        answer = ask(chosen->conf_path, request_of("status", NULL));
        has_ended = answer != NULL && is_reloaded(answer, &status);
    }
    if (answer == NULL)
        return FB_EXIT_WRONG;
    if (status == FB_EXIT_OK)
        status = tell_reload(chosen, answer);
    json_decref(answer);
    return status;
}

extern const struct fb_command fb_command_reload;
const struct fb_command fb_command_reload = {
    .name = "reload",
    .summary = "let the daemon read its conf anew",
    .help = "As SIGHUP does. Streams of which the conf says nothing new run on untouched;\n"
            "those that changed drain and begin anew, and those that are gone drain and\n"
            "end. Returns when that is done, or with 1 where the conf is refused: then the\n"
            "old one stays in force.\n",
    FB_OPTIONS(drain_options),
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .run = run_reload,
};
