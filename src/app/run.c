/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge run`: reads the conf, lets the daemon live, and says how it went. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/base/backoff.h"
#include "firebridge/base/log.h"

static void tell_undone(const char *name, const struct fb_stream_report *report)
{
    char why[sizeof report->problem] = "it was stopped";

    if (report->problem[0] != '\0')
        memcpy(why, report->problem, sizeof why);
    else if (report->objects_damaged + report->objects_vanished > 0)
        snprintf(why, sizeof why,
                 "%llu objects could not be read, %llu vanished while they were read; the lines "
                 "above name them",
                 (unsigned long long)report->objects_damaged,
                 (unsigned long long)report->objects_vanished);
    fb_log_event(FB_EVENT_STREAM_UNDONE, FB_ABOUT(.stream = name), "not everything is written: %s",
                 why);
}

/* One line a stream, for the person who ran `--once` or reads the journal after a stop. */
static bool sum_up(const struct fb_daemon *daemon)
{
    bool all_done = true;

    fb_log_flush();
    for (size_t i = 0; i < daemon->stream_count; i++) {
        struct fb_stream_report report;
        char deletes[48] = "", kept[64] = "", left_out[48] = "", passed_over[64] = "",
             mismatches[80] = "";

        fb_stream_report(daemon->streams[i]->stream, &report);
        if (report.items_deleted > 0)
            snprintf(deletes, sizeof deletes, " (%llu of them deletes)",
                     (unsigned long long)report.items_deleted);
        if (report.items_kept > 0)
            snprintf(kept, sizeof kept, ", %llu left as the table has them",
                     (unsigned long long)report.items_kept);
        if (report.left_out > 0)
            snprintf(left_out, sizeof left_out, ", %llu left out",
                     (unsigned long long)report.left_out);
        if (report.mismatches > 0)
            snprintf(mismatches, sizeof mismatches,
                     ", %llu comparisons of different types in where",
                     (unsigned long long)report.mismatches);
        if (report.passed_over > 0)
            snprintf(passed_over, sizeof passed_over,
                     ", %llu passed over (heads, control messages)",
                     (unsigned long long)report.passed_over);
        fb_log_event(FB_EVENT_STREAM_SUMMARY, FB_ABOUT(.stream = daemon->streams[i]->conf->name),
                     "%llu objects, %llu records: %llu items written%s in %llu calls%s, "
                     "%llu coalesced (%llu write units saved), %llu dead letters%s%s%s%s",
                     (unsigned long long)report.objects, (unsigned long long)report.records,
                     (unsigned long long)report.items_written, deletes,
                     (unsigned long long)report.calls, kept,
                     (unsigned long long)report.items_coalesced,
                     (unsigned long long)report.write_units_saved,
                     (unsigned long long)report.dead_letters, left_out, mismatches, passed_over,
                     report.objects_damaged > 0    ? "; some objects could not be read"
                     : report.objects_vanished > 0 ? "; some objects vanished while they were read"
                                                   : "");
        if (report.left_undone) {
            all_done = false;
            if (daemon->options->once)
                tell_undone(daemon->streams[i]->conf->name, &report);
        }
    }
    return all_done;
}

/* journald reads our stderr when JOURNAL_STREAM names it as device:inode (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
    const char *journal = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    if (journal == NULL || fstat(STDERR_FILENO, &status) != 0)
        return false;
    snprintf(ours, sizeof ours, "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    return strcmp(journal, ours) == 0;
}

static void choose_log_style(enum fb_log_style style)
{
    if (style == FB_LOG_STYLE_AUTO)
        style = stderr_is_journal() ? FB_LOG_STYLE_JOURNAL : FB_LOG_STYLE_PLAIN;
    fb_log_set_style(style);
}

static void tell_mistake(void *context, const char *message)
{
    (void)context;
    fb_log_event(FB_EVENT_CONF_REFUSED, NULL, "%s", message);
}

/* It would end us while the conf is read. The daemon takes it later, and reads the conf again. */
static void hold_hangup(void)
{
    sigset_t hangup;

    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &hangup, NULL);
}

static int run(const void *row, char *const *operands, int operand_count)
{
    const struct fb_run_options *options = row;
    struct fb_daemon daemon = {.options = options, .seed = fb_random_entropy()};
    struct fb_error error = {0};
    enum fb_status status;
    bool all_done = false;

    (void)operands;
    (void)operand_count;
    hold_hangup();
    choose_log_style(FB_LOG_STYLE_AUTO);
    daemon.setup = calloc(1, sizeof *daemon.setup);
    if (daemon.setup != NULL) {
        daemon.setup->users = 1;
        daemon.setup->conf = fb_cli_read_conf_telling(options->conf_path, tell_mistake);
    }
    if (daemon.setup == NULL || daemon.setup->conf == NULL) {
        free(daemon.setup);
        return FB_EXIT_WRONG;
    }
    fb_log_set_level(daemon.setup->conf->daemon.log_level);
    choose_log_style(daemon.setup->conf->daemon.log_format);
    fb_log_event(FB_EVENT_STARTING, NULL, "firebridge %s starts: %s, %zu streams%s", FB_VERSION,
                 options->conf_path, daemon.setup->conf->stream_count,
                 options->once ? ", once" : "");
    status = fb_daemon_run(&daemon, &error);
    if (status == FB_OK)
        all_done = sum_up(&daemon);
    else
        fb_log_event(FB_EVENT_START_FAILED, FB_ABOUT(.error = &error), "%s", error.message);
    fb_daemon_done(&daemon);
    if (status != FB_OK || (options->once && !all_done))
        return FB_EXIT_WRONG;
    fb_log_event(FB_EVENT_ENDED, NULL, "firebridge ends: nothing is lost");
    return FB_EXIT_OK;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct fb_run_options),
    {.name = "once",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct fb_run_options, once),
     .help = "work through what is there, then end: with 0, or with\n"
             "1 if anything is left undone"},
    {.name = "accept-dead-letters",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct fb_run_options, accept_dead_letters),
     .help = "go on where max_dead_letters would stop a stream"},
};

extern const struct fb_command fb_command_run;
const struct fb_command fb_command_run = {
    .name = "run",
    .summary = "carry objects to their tables",
    .help = "Runs in the foreground, as systemd wants it, until SIGTERM or SIGINT. What is in\n"
            "flight then is written or left for next time. A second signal stops at once, and\n"
            "loses nothing either.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct fb_run_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct fb_run_options),
    .run = run,
};
