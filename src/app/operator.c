/* SPDX-License-Identifier: Apache-2.0 */
#include "operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/base/backoff.h"

static int find_stream(struct fb_operator *command, const char *name)
{
    const struct fb_conf *conf = command->conf;

    if (name == NULL && conf->stream_count != 1) {
        (void)fb_cli_fail("the conf has %zu streams; say which with --stream", conf->stream_count);
        return FB_EXIT_USAGE;
    }
    command->stream = name == NULL ? &conf->streams[0] : fb_cli_find_stream(conf, name);
    return command->stream != NULL ? FB_EXIT_OK : FB_EXIT_WRONG;
}

int fb_operator_fail(const struct fb_operator *command, const struct fb_error *error)
{
    return fb_cli_fail("stream %s: %s", command->stream->name, error->message);
}

/* The stream's row is there once the daemon has worked on it. */
static enum fb_status open_state(struct fb_operator *command, struct fb_error *error)
{
    const struct fb_stream_identity identity = {.source = command->stream->source};
    char *directory = NULL;
    enum fb_status status = fb_environment_state_dir(command->conf, &directory);

    if (status != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    status = fb_state_join(directory, &command->state, error);
    free(directory);
    if (status == FB_OK)
        status = fb_state_stream_check(command->state, command->stream->name, &identity, error);
    if (status != FB_OK)
        return status;
    return fb_state_stream_find(command->state, command->stream->name, &command->row, error);
}

int fb_operator_open(struct fb_operator *command, const char *conf_path, const char *stream)
{
    struct fb_error error = {0};
    enum fb_status status;
    int found;

    fb_log_set_level(FB_LOG_ERROR);
    command->conf = fb_cli_read_conf(conf_path);
    if (command->conf == NULL)
        return FB_EXIT_WRONG;
    found = find_stream(command, stream);
    if (found != FB_EXIT_OK)
        return found;
    status = fb_conf_layout(command->stream, &command->layout, &error);
    if (status == FB_OK)
        status = open_state(command, &error);
    return status == FB_OK ? FB_EXIT_OK : fb_operator_fail(command, &error);
}

void fb_operator_close(struct fb_operator *command)
{
    if (command->client.transport != NULL)
        fb_environment_client_done(&command->client);
    fb_environment_free(command->environment);
    fb_stream_row_done(&command->row);
    fb_state_close(command->state);
    fb_layout_free(command->layout);
    fb_conf_free(command->conf);
}

enum fb_status fb_operator_connect(struct fb_operator *command, struct fb_error *error)
{
    enum fb_status status;

    if (command->client.transport != NULL)
        return FB_OK;
    status = fb_environment_new(command->conf, fb_clock_system(), &command->environment, error);
    if (status != FB_OK)
        return status;
    return fb_environment_client(command->environment, FB_SIDE_SOURCE, command->stream, NULL,
                                 FB_STOP_NOT, &command->client, error);
}

/* Told once; then it is tried again in silence. */
static void on_health(void *context, const char *what, const struct fb_error *error, bool first)
{
    (void)context;
    if (error != NULL && first)
        (void)fb_cli_fail("%.100s: %s; it is tried again", what, error->message);
}

static enum fb_status next_page(struct fb_operator *command, struct fb_walk *walk,
                                struct fb_walk_page *page, struct fb_error *error)
{
    enum fb_status status;

    for (;;) {
        status = fb_walk_next(walk, page, error);
        if (status == FB_OK)
            fb_patience_success(&command->patience);
        if (status == FB_OK || status == FB_END || status == FB_CORRUPT)
            return status;
        status = fb_patience_wait(&command->patience, error);
        if (status != FB_OK)
            return status;
    }
}

static enum fb_status walk_on(struct fb_operator *command, struct fb_walk *walk,
                              fb_operator_page_fn on_page, void *context, struct fb_error *error)
{
    const bool shows = isatty(STDERR_FILENO) != 0;
    unsigned long long found = 0;
    struct fb_walk_page page;
    enum fb_status status;

    do {
        status = next_page(command, walk, &page, error);
        if (status == FB_OK)
            status = on_page(context, &page, error);
        if (status == FB_OK && shows)
            fprintf(stderr, "\r%llu objects found ", found += page.count);
    } while (status == FB_OK);
    if (shows)
        fputs("\r\033[K", stderr);
    return status == FB_END ? FB_OK : status;
}

enum fb_status fb_operator_walk(struct fb_operator *command, const struct fb_walk_options *options,
                                fb_operator_page_fn on_page, void *context, struct fb_error *error)
{
    const struct fb_patience_options patience = {
        .clock = fb_clock_system(),
        .stop_at = FB_STOP_NOW,
        .give_up_after_ms = command->conf->daemon.once_patience_ms,
        .what = "list the objects",
        .on_health = on_health,
    };
    struct fb_walk_options filled = *options;
    struct fb_walk *walk = NULL;
    enum fb_status status = fb_operator_connect(command, error);

    if (status != FB_OK)
        return status;
    fb_patience_init(&command->patience, &patience, fb_random_entropy());
    filled.bucket = command->stream->bucket;
    filled.layout = command->layout;
    filled.list_page = fb_s3_list_page;
    filled.client = command->client;
    status = fb_walk_new(&filled, &walk, error);
    if (status == FB_OK)
        status = walk_on(command, walk, on_page, context, error);
    fb_walk_free(walk);
    return status;
}

bool fb_operator_confirm(const char *question, const char *answer)
{
    char line[64] = "";
    size_t length;

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        fputs("firebridge: there is no terminal to ask on; say --yes if it is to be done\n",
              stderr);
        return false;
    }
    fprintf(stderr, "%s Type %s to go on: ", question, answer);
    if (fgets(line, sizeof line, stdin) == NULL)
        line[0] = '\0';
    length = strcspn(line, "\n");
    if (length == strlen(answer) && strncmp(line, answer, length) == 0)
        return true;
    fputs("firebridge: nothing is changed\n", stderr);
    return false;
}

json_t *fb_operator_json_text(const char *text)
{
    json_t *as_is = json_string(text);
    char *copy;

    if (as_is != NULL)
        return as_is;
    copy = strdup(text);
    if (copy == NULL)
        return NULL;
    fb_make_printable(copy);
    as_is = json_string(copy);
    free(copy);
    return as_is;
}

int fb_operator_print_json(json_t *value)
{
    const bool is_printed =
        value != NULL && json_dumpf(value, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER) == 0;

    json_decref(value);
    if (!is_printed)
        return fb_cli_fail("cannot print a line of JSON");
    putchar('\n');
    return FB_EXIT_OK;
}

const char *fb_operator_size(uint64_t bytes, char text[FB_SIZE_TEXT_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double size = (double)bytes;
    size_t unit = 0;

    while (size >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        size /= 1024;
        unit++;
    }
    snprintf(text, FB_SIZE_TEXT_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return text;
}
