/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge status`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/base/clock.h"
#include "firebridge/state/rows.h"
#include "status_show.h"

#define WATCH_EVERY_MS 2000

/* ECMA-48: cursor to the first place, and behind the text all is erased. */
#define HOME  "\033[H"
#define ERASE "\033[J"

struct status_options {
    const char *conf_path;
    const char *stream;
    bool watch;
    unsigned output;
};

static bool is_redrawn(const struct status_options *options)
{
    return options->watch && options->output != FB_OUTPUT_JSON && isatty(STDOUT_FILENO);
}

/* What is redrawn would hide what came to another place of the screen, or be hidden by it. */
static void complain(const struct status_options *options, const struct fb_error *error)
{
    if (is_redrawn(options))
        printf("%s\n", error->message);
    else
        (void)fb_cli_fail("%s", error->message);
}

static void show(const struct status_options *options, const json_t *answer)
{
    if (options->output == FB_OUTPUT_JSON) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (options->watch && !is_redrawn(options)) {
        fb_status_show_line(answer);
    } else {
        fb_status_show(answer);
    }
}

/* ---- without a daemon ---- */

static enum fb_status describe_in_file(struct fb_state *state, const struct fb_conf_stream *stream,
                                       json_t *ret_object, struct fb_error *error)
{
    const int64_t now_ms = fb_realtime_ms(fb_clock_system());
    struct fb_stream_row row = {0};
    struct fb_state_backlog backlog = {0};
    enum fb_status status = fb_state_stream_find(state, stream->name, &row, error);

    if (status == FB_OK)
        status = fb_state_backlog(state, row.id, &backlog, error);
    fb_stream_row_done(&row);
    if (status == FB_NOT_FOUND)
        status = FB_OK; /* it never ran */
    json_object_set_new(ret_object, "stream", json_string(stream->name));
    json_object_set_new(ret_object, "state", json_string("not running"));
    json_object_set_new(ret_object, "healthy", json_false());
    json_object_set_new(ret_object, "backlog_objects", json_integer((json_int_t)backlog.objects));
    json_object_set_new(ret_object, "backlog_bytes", json_integer((json_int_t)backlog.bytes));
    json_object_set_new(ret_object, "lag_ms",
                        json_integer(backlog.oldest_ms > 0 && now_ms > backlog.oldest_ms
                                         ? (json_int_t)(now_ms - backlog.oldest_ms)
                                         : 0));
    return status;
}

static enum fb_status read_file(const struct status_options *options, const struct fb_conf *conf,
                                json_t *ret_streams, struct fb_error *error)
{
    struct fb_state *state = NULL;
    char *directory = NULL;
    enum fb_status status = fb_environment_state_dir(conf, &directory);

    if (status == FB_OK)
        status = fb_state_open_to_read(directory, &state, error);
    for (size_t i = 0; i < conf->stream_count && status == FB_OK; i++) {
        json_t *stream = json_object();

        if (options->stream == NULL || strcmp(options->stream, conf->streams[i].name) == 0) {
            status = describe_in_file(state, &conf->streams[i], stream, error);
            json_array_append(ret_streams, stream);
        }
        json_decref(stream);
    }
    fb_state_close(state);
    free(directory);
    return status;
}

/* What is known without it: what the state file says is still to be written. */
static void show_file(const struct status_options *options, const struct fb_conf *conf)
{
    json_t *answer = json_pack("{s:b, s:[]}", "daemon", 0, "streams");
    struct fb_error error = {0};
    enum fb_status status = read_file(options, conf, json_object_get(answer, "streams"), &error);

    if (status == FB_OK)
        show(options, answer);
    else if (status != FB_NOT_FOUND)
        complain(options, &error);
    json_decref(answer);
}

static int look(const struct status_options *options, const struct fb_conf *conf)
{
    json_t *request = json_pack("{s:s, s:s*}", "verb", "status", "stream", options->stream);
    struct fb_error error = {0};
    json_t *answer = NULL;
    int status = FB_EXIT_WRONG;
    const enum fb_status asked = fb_cli_ask(conf, request, &answer, &error);

    if (is_redrawn(options))
        fputs(HOME ERASE, stdout);
    if (asked == FB_OK) {
        json_object_del(answer, "ok");
        show(options, answer);
        status = fb_status_is_healthy(answer) ? FB_EXIT_OK : FB_EXIT_WRONG;
    } else {
        complain(options, &error);
        if (asked == FB_NOT_FOUND)
            show_file(options, conf);
    }
    json_decref(request);
    json_decref(answer);
    return status;
}

/* As long as somebody reads it. */
static int watch(const struct status_options *options, const struct fb_conf *conf)
{
    int status;

    do {
        status = look(options, conf);
        if (!fb_cli_flush())
            break;
    } while (!fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOT, WATCH_EVERY_MS));
    return status;
}

static int run(const void *row, char *const *operands, int operand_count)
{
    const struct status_options *options = row;
    struct fb_conf *conf = fb_cli_read_conf(options->conf_path);
    int status = FB_EXIT_WRONG;

    (void)operands;
    (void)operand_count;
    if (conf != NULL &&
        (options->stream == NULL || fb_cli_find_stream(conf, options->stream) != NULL))
        status = options->watch ? watch(options, conf) : look(options, conf);
    fb_conf_free(conf);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct status_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct status_options, stream),
     .value = "NAME",
     .help = "of one stream alone"},
    {.name = "watch",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct status_options, watch),
     .help = "again every 2 s: redrawn on a terminal, else a line\n"
             "a stream each time"},
    FB_OPTION_OUTPUT(struct status_options),
};

extern const struct fb_command fb_command_status;
const struct fb_command fb_command_status = {
    .name = "status",
    .summary = "show how the daemon's streams are",
    .help = "Asks the daemon that runs. Ends with 1 if a stream is in trouble or has\n"
            "stopped, or no daemon runs, so it serves as a health check. A paused stream is\n"
            "well.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct status_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct status_options),
    .run = run,
};
