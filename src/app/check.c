/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries what `run` will need and says how each went, a line each. It only reads, each call once,
 * and the whole ends within DEADLINE_MS however slow the answers are.
 */
#include <errno.h>
#include <libgen.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/conf_file.h"
#include "firebridge/base/thread.h"
#include "firebridge/base/time.h"

#define CALL_TIMEOUT_MS 5000
#define DEADLINE_MS     18000

/* What no time-out of ours reaches: a file on a server that is gone, a name that hangs. */
#define LAST_MS 19000

void fb_check_find(struct fb_check *check, enum fb_finding finding, const char *format, ...)
{
    static const char *const words[] = {"ok  ", "warn", "FAIL"};
    char line[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fb_make_printable(line);
    printf("%s  %s\n", words[finding], line);
    (void)fflush(stdout);
    check->is_failed |= finding == FB_FINDING_FAIL;
}

bool fb_check_client(struct fb_check *check, const struct fb_conf_stream *stream,
                     enum fb_stream_side side, struct fb_client *ret_client)
{
    int64_t left_ms = check->deadline_ms - fb_monotonic_ms(fb_clock_system());
    int64_t limit_ms = left_ms < CALL_TIMEOUT_MS ? left_ms : CALL_TIMEOUT_MS;
    const char *what = side == FB_SIDE_SOURCE ? stream->source : stream->table;
    struct fb_error error = {0};

    if (left_ms <= 0) {
        fb_check_find(check, FB_FINDING_FAIL,
                      "stream %s: %s is not tried, for the calls before took too long",
                      stream->name, what);
        return false;
    }
    if (fb_environment_client(check->environment, side, stream, NULL, FB_STOP_NOT, ret_client,
                              &error) != FB_OK) {
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: %s: %s", stream->name, what,
                      error.message);
        return false;
    }
    if (ret_client->connect_timeout_ms > limit_ms)
        ret_client->connect_timeout_ms = limit_ms;
    if (ret_client->request_timeout_ms > limit_ms)
        ret_client->request_timeout_ms = limit_ms;
    return true;
}

/* A try would leave an object behind. */
static void check_letters(struct fb_check *check, const struct fb_conf_stream *stream)
{
    if (stream->letters_bucket != NULL)
        fb_check_find(check, FB_FINDING_OK,
                      "stream %s: dead letters go to %s, which is not tried: it needs s3:PutObject",
                      stream->name, stream->dead_letters);
}

/* The folder itself, or what is there of its path. */
static bool find_existing(char *path)
{
    bool is_whole = true;

    while (access(path, F_OK) != 0 && strcmp(path, "/") != 0) {
        dirname(path);
        is_whole = false;
    }
    return is_whole;
}

/* What `run` would say of a state file that is there; one that is not there is not made. */
static void check_state(struct fb_check *check, const char *directory)
{
    struct fb_error error = {0};
    char *path = NULL;
    enum fb_status status;

    if (asprintf(&path, "%s/firebridge.db", directory) < 0 || access(path, F_OK) != 0) {
        free(path);
        return;
    }
    status = fb_state_open(directory, &check->state, &error);
    if (status == FB_CONFLICT) /* the daemon at work, as it should be */
        fb_check_find(check, FB_FINDING_OK, "state file: %s", error.message);
    else if (status != FB_OK)
        fb_check_find(check, FB_FINDING_FAIL, "state file: %s", error.message);
    else
        fb_check_find(check, FB_FINDING_OK, "state file: %s is sound", path);
    free(path);
}

static void check_state_dir(struct fb_check *check)
{
    char *path = NULL;
    char *existing = NULL;
    struct stat status;
    bool is_whole;

    if (fb_environment_state_dir(check->conf, &path) != FB_OK ||
        (existing = strdup(path)) == NULL) {
        fb_check_find(check, FB_FINDING_FAIL, "state_dir: out of memory");
        free(path);
        return;
    }
    is_whole = find_existing(existing);
    if (stat(existing, &status) == 0 && !S_ISDIR(status.st_mode))
        fb_check_find(check, FB_FINDING_FAIL, "state_dir: %s is no folder", existing);
    else if (access(existing, W_OK | X_OK) != 0)
        fb_check_find(check, FB_FINDING_FAIL, "state_dir: %s: user %u cannot write in %s: %s", path,
                      (unsigned)geteuid(), existing, strerror(errno));
    else
        fb_check_find(check, FB_FINDING_OK, "state_dir: %s %s", path,
                      is_whole ? "is writable" : "can be made");
    if (is_whole)
        check_state(check, path);
    check->state_dir = path;
    free(existing);
}

/* Whose they are and when they end, never what they are. */
static void print_credentials(struct fb_check *check, struct fb_credentials_cache *cache,
                              const char *whose)
{
    struct fb_credentials_report report;
    char expires[FB_TIME_TEXT_SIZE];

    fb_credentials_cache_report(cache, &report);
    if (report.expires_ms == INT64_MAX) {
        fb_check_find(check, FB_FINDING_OK, "%scredentials: from %s, which do not expire", whose,
                      report.source);
        return;
    }
    fb_time_format_rfc3339(report.expires_ms, expires);
    fb_check_find(check, report.is_extended ? FB_FINDING_WARN : FB_FINDING_OK,
                  "%scredentials: from %s, until %s%s", whose, report.source, expires,
                  report.is_extended
                      ? "; they are past their date, and the metadata service says to go on"
                      : "");
}

/* Each is asked for once, however many streams share it. */
static bool check_side(struct fb_check *check, const struct fb_conf_stream *stream,
                       enum fb_stream_side side)
{
    struct fb_principals *principals = fb_environment_principals(check->environment);
    struct fb_credentials_cache *cache = fb_principals_find(principals, stream, side);
    bool is_everyones = cache == fb_principals_find(principals, NULL, side);
    struct fb_credentials_report report;
    struct fb_error error = {0};
    char whose[FB_CONF_NAME_MAX_BYTES + 32] = "";
    int64_t ignored;

    if (!is_everyones)
        snprintf(whose, sizeof whose, "stream %s: %s: ", stream->name,
                 side == FB_SIDE_SOURCE ? "source" : "table");
    fb_credentials_cache_report(cache, &report);
    if (report.expires_ms != 0)
        return true;
    if (fb_credentials_cache_tend(cache, &ignored, &error) == FB_OK) {
        fb_credentials_cache_report(cache, &report);
        if (report.expires_ms != 0) {
            print_credentials(check, cache, whose);
            return true;
        }
    } else {
        fb_check_find(check, FB_FINDING_FAIL, "%scredentials: %s", whose, error.message);
    }
    return false;
}

/* Without credentials every call would fail for the same reason: then none is made. */
static bool check_credentials(struct fb_check *check, const struct fb_conf_stream *stream)
{
    bool has_source = check_side(check, stream, FB_SIDE_SOURCE);

    return check_side(check, stream, FB_SIDE_TABLE) && has_source;
}

static bool check_region(struct fb_check *check)
{
    struct fb_error error = {0};

    if (fb_environment_new(check->conf, fb_clock_system(), &check->environment, &error) != FB_OK) {
        fb_check_find(check, FB_FINDING_FAIL, "[aws]: %s", error.message);
        return false;
    }
    fb_check_find(check, FB_FINDING_OK, "region: %s", fb_environment_region(check->environment));
    return true;
}

static void check_all(struct fb_check *check)
{
    check_state_dir(check);
    if (check_region(check)) {
        for (size_t i = 0; i < check->conf->stream_count; i++) {
            const struct fb_conf_stream *stream = &check->conf->streams[i];

            struct fb_table table;
            bool is_known;

            check->streams_left = check->conf->stream_count - i;
            if (!check_credentials(check, stream))
                continue;
            is_known = fb_check_table(check, stream, &table);
            fb_check_source(check, stream, is_known ? &table : NULL);
            check_letters(check, stream);
        }
    }
    fb_environment_free(check->environment);
}

/* Nothing that `check` does needs to be undone. */
static void *end_in_time(void *argument)
{
    struct fb_check late = {0};

    (void)argument;
    fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOT, LAST_MS);
    fb_check_find(&late, FB_FINDING_FAIL,
                  "the rest is not tried, for something did not answer in %d s", LAST_MS / 1000);
    _exit(FB_EXIT_WRONG);
}

struct check_options {
    const char *conf_path;
};

static int run_check(const void *row, char *const *operands, int operand_count)
{
    const char *const conf_path = ((const struct check_options *)row)->conf_path;
    struct fb_check check = {.deadline_ms = fb_monotonic_ms(fb_clock_system()) + DEADLINE_MS};
    struct fb_error error = {0};
    struct fb_conf *conf;
    pthread_t thread;

    (void)operands;
    (void)operand_count;
    if (fb_thread_start(&thread, "deadline", end_in_time, NULL, &error) == FB_OK)
        pthread_detach(thread);
    else
        fb_check_find(&check, FB_FINDING_WARN, "%s", error.message);
    conf = fb_cli_read_conf(conf_path);
    if (conf == NULL) {
        fb_check_find(&check, FB_FINDING_FAIL, "conf: %s cannot be used as it stands", conf_path);
        return FB_EXIT_WRONG;
    }
    check.conf = conf;
    /* Credentials may come from calls of their own. */
    if (conf->aws.request_timeout_ms > CALL_TIMEOUT_MS)
        conf->aws.request_timeout_ms = CALL_TIMEOUT_MS;
    fb_check_find(&check, FB_FINDING_OK, "conf: %s, %zu stream%s", conf_path, conf->stream_count,
                  conf->stream_count == 1 ? "" : "s");
    check_all(&check);
    fb_state_close(check.state);
    free(check.state_dir);
    fb_conf_free(conf);
    return check.is_failed ? FB_EXIT_WRONG : FB_EXIT_OK;
}

static const struct fb_option options[] = {FB_OPTION_CONFIG(struct check_options)};

extern const struct fb_command fb_command_check;
const struct fb_command fb_command_check = {
    .name = "check",
    .summary = "try everything that the conf file names",
    .help = "Reads the conf, finds credentials, describes each table, lists one page of each\n"
            "prefix, and prints a line for each finding: ok, warn or FAIL. Ends with 1 if the\n"
            "daemon would not work. Changes nothing.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct check_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct check_options),
    .run = run_check,
};
