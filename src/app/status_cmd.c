/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge status`. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/base/clock.h"
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

static void show(const struct status_options *options, const json_t *answer)
{
    const bool redraws = options->watch && isatty(STDOUT_FILENO);

    if (options->output == FB_OUTPUT_JSON) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (options->watch && !redraws) {
        fb_status_show_line(answer);
    } else {
        fputs(redraws ? HOME ERASE : "", stdout);
        fb_status_show(answer);
    }
}

static int look(const struct status_options *options, const struct fb_conf *conf)
{
    json_t *request = json_pack("{s:s, s:s*}", "verb", "status", "stream", options->stream);
    struct fb_error error = {0};
    json_t *answer = NULL;
    int status = FB_EXIT_WRONG;

    if (fb_cli_ask(conf, request, &answer, &error) == FB_OK) {
        json_object_del(answer, "ok");
        show(options, answer);
        status = fb_status_is_healthy(answer) ? FB_EXIT_OK : FB_EXIT_WRONG;
    } else {
        status = fb_cli_fail("%s", error.message);
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
        if (fflush(stdout) != 0)
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
    if (conf != NULL)
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
    .help = "Asks the daemon that runs. Ends with 1 if a stream is in trouble or has stopped, or\n"
            "no daemon runs, so it serves as a health check. A paused stream is well.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct status_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct status_options),
    .run = run,
};
