/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge run`: the daemon, from conf to streams, and its life under systemd. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/conf.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/identity.h"
#include "firebridge/app/refresher.h"
#include "firebridge/base/backoff.h"
#include "firebridge/base/log.h"
#include "firebridge/pipeline/stream.h"
#include "firebridge/state/state.h"

/* How long the main thread sleeps between looks; the watchdog's ping needs no more. */
#define TICK_MS 1000

/* How long items wait where `coalesce` stands alone. */
#define COALESCE_FOR_MS 1000

/* What is left of stop_timeout for the last checkpoint once the lanes were told to let go. */
#define LAST_CHECKPOINT_MS 2000

struct run_options {
    const char *conf_path;
    bool once;
    bool accept_dead_letters;
};

/* What a stream's threads connect with, and what becomes of its records. */
struct plan {
    struct fb_environment *environment;
    const struct fb_conf_stream *stream;
    struct fb_mapping *mapping; /* NULL: none */
};

struct daemon {
    const struct run_options *options;
    struct fb_conf *conf;
    struct fb_environment *environment;
    struct fb_refresher *refresher;
    struct fb_state *state;
    char *dead_letter_directory;
    struct fb_layout **layouts;
    char (*fingerprints)[FB_FINGERPRINT_SIZE];
    struct plan *plans;
    uint64_t seed; /* of all that is hashed; no two runs have the same */
    struct fb_stream **streams;
    size_t stream_count; /* started */
    sigset_t signals;
    pthread_t main_thread;
    bool ready, stopping;
    int64_t stop_deadline_ms; /* monotonic */
    char last_status[256];
};

/* A change of a stream's report wakes the main thread out of its tick. */
static void wake_main(void *context)
{
    struct daemon *daemon = context;

    pthread_kill(daemon->main_thread, SIGUSR1);
}

static void block_signals(struct daemon *daemon)
{
    sigemptyset(&daemon->signals);
    sigaddset(&daemon->signals, SIGTERM);
    sigaddset(&daemon->signals, SIGINT);
    sigaddset(&daemon->signals, SIGHUP);
    sigaddset(&daemon->signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &daemon->signals, NULL);
    daemon->main_thread = pthread_self();
}

/* Before the first thread: a layout may load a time zone. */
static enum fb_status make_layouts(struct daemon *daemon, struct fb_error *error)
{
    size_t count = daemon->conf->stream_count;
    enum fb_status status = FB_OK;

    daemon->layouts = calloc(count, sizeof *daemon->layouts);
    daemon->fingerprints = calloc(count, sizeof *daemon->fingerprints);
    daemon->plans = calloc(count, sizeof *daemon->plans);
    daemon->streams = calloc(count, sizeof *daemon->streams);
    if (daemon->layouts == NULL || daemon->fingerprints == NULL || daemon->plans == NULL ||
        daemon->streams == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for %zu streams", count);
    for (size_t i = 0; i < count && status == FB_OK; i++) {
        const struct fb_conf_stream *stream = &daemon->conf->streams[i];

        daemon->plans[i].stream = stream;
        status = fb_conf_layout(stream, &daemon->layouts[i], error);
        if (status == FB_OK)
            status = fb_conf_mapping(stream, daemon->seed, &daemon->plans[i].mapping, error);
        fb_stream_fingerprint(stream, daemon->fingerprints[i], FB_FINGERPRINT_SIZE);
    }
    return status;
}

/* With the folders above it, as `check` promises. */
static enum fb_status make_directories(char *path, struct fb_error *error)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        int result;

        if (slash != NULL)
            *slash = '\0';
        result = mkdir(path, 0700);
        if (result != 0 && errno != EEXIST)
            return fb_fail(error, FB_IO, "cannot make state_dir %s: %s", path, strerror(errno));
        if (slash == NULL)
            return FB_OK;
        *slash = '/';
    }
}

static enum fb_status open_state(struct daemon *daemon, struct fb_error *error)
{
    char *directory = NULL;
    enum fb_status status = fb_environment_state_dir(daemon->conf, &directory);

    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a path");
    status = make_directories(directory, error);
    if (status == FB_OK &&
        asprintf(&daemon->dead_letter_directory, "%s/dead-letters", directory) < 0) {
        daemon->dead_letter_directory = NULL;
        status = fb_fail(error, FB_NO_MEMORY, "no memory for a path");
    }
    if (status == FB_OK)
        status = fb_state_open(directory, &daemon->state, error);
    free(directory);
    return status;
}

static enum fb_status connect_client(void *context, enum fb_stream_side side, struct fb_stop *stop,
                                     enum fb_stop_level stop_at, struct fb_client *ret_client,
                                     struct fb_error *error)
{
    const struct plan *plan = context;

    return fb_environment_client(plan->environment, side, plan->stream, stop, stop_at, ret_client,
                                 error);
}

static enum fb_status check_key(const void *context, const struct fb_key_schema *schema,
                                struct fb_error *error)
{
    const struct plan *plan = context;

    return fb_conf_check_key(plan->stream, plan->mapping, schema, error);
}

/* A number alone would let the last items wait for ever. */
static int64_t coalesce_for_ms(const struct fb_conf_stream *conf)
{
    return conf->coalesce > 0 && conf->coalesce_for_ms == 0 ? COALESCE_FOR_MS
                                                            : conf->coalesce_for_ms;
}

static enum fb_status start_stream(struct daemon *daemon, size_t i, struct fb_error *error)
{
    const struct fb_conf_stream *conf = &daemon->conf->streams[i];
    struct fb_stream_options options = {
        .name = conf->name,
        .source = conf->source,
        .bucket = conf->bucket,
        .table = conf->table,
        .fingerprint = daemon->fingerprints[i],
        .layout = daemon->layouts[i],
        .start_ms = conf->start_at == FB_START_NOW    ? fb_realtime_ms(fb_clock_system())
                    : conf->start_at == FB_START_TIME ? conf->start_at_ms
                                                      : 0,
        .poll_interval_ms = conf->poll_interval_ms,
        .sweep_interval_ms = conf->sweep_interval_ms,
        .lookback_ms = conf->lookback_ms,
        .adds = fb_conf_may_add(conf),
        .marker_table = conf->marker_table,
        .marker_ttl_attribute = conf->marker_ttl_attribute,
        .marker_ttl_ms = fb_conf_marker_ttl_ms(conf),
        .decoders = fb_conf_decoders(conf),
        .in_any_order = fb_conf_in_any_order(conf),
        .writers = conf->writers,
        .linger_ms = conf->linger_ms,
        .coalesce_for_ms = coalesce_for_ms(conf),
        .coalesce_items = conf->coalesce,
        .max_write_units = conf->max_write_units,
        .removes_nulls = conf->null == FB_MAP_NULL_UNSET,
        .reader = fb_conf_reader_options(conf),
        .on_damage = conf->on_damaged_object,
        .max_in_flight = conf->max_in_flight,
        .letters = {.bucket = conf->letters_bucket,
                    .prefix = conf->letters_prefix,
                    .directory = daemon->dead_letter_directory,
                    .max_file_bytes = conf->dead_letter_file_size,
                    .max_bytes = conf->max_dead_letters_size,
                    .max_letters = conf->max_dead_letters,
                    .in_records = conf->max_dead_letters_in,
                    .accept_all = daemon->options->accept_dead_letters},
        .once = daemon->options->once,
        .once_patience_ms = daemon->conf->daemon.once_patience_ms,
        .stall_timeout_ms = daemon->conf->aws.stall_timeout_ms,
        .calls = {.describe_table = fb_dynamodb_describe_table,
                  .list_page = fb_s3_list_page,
                  .get = fb_s3_get,
                  .put = fb_s3_put,
                  .write = fb_dynamodb_write,
                  .adding = {.transact_write = fb_dynamodb_transact_write,
                             .get_item = fb_dynamodb_get_item},
                  .connect = connect_client,
                  .disconnect = fb_environment_client_done,
                  .connect_context = &daemon->plans[i]},
        .state = daemon->state,
        .clock = fb_clock_system(),
        .seed = daemon->seed,
        .on_change = wake_main,
        .context = daemon,
    };

    daemon->plans[i].environment = daemon->environment;
    options.reader.mapping = daemon->plans[i].mapping;
    options.check_key = check_key;
    options.check_context = &daemon->plans[i];
    return fb_stream_start(&options, &daemon->streams[i], error);
}

static enum fb_status set_up(struct daemon *daemon, struct fb_error *error)
{
    enum fb_status status = make_layouts(daemon, error);

    if (status == FB_OK)
        status = open_state(daemon, error);
    if (status == FB_OK)
        status = fb_environment_new(daemon->conf, fb_clock_system(), &daemon->environment, error);
    if (status == FB_OK)
        status = fb_refresher_start(fb_environment_principals(daemon->environment),
                                    fb_clock_system(), &daemon->refresher, error);
    for (size_t i = 0; status == FB_OK && i < daemon->conf->stream_count; i++) {
        status = start_stream(daemon, i, error);
        if (status == FB_OK)
            daemon->stream_count++;
    }
    return status;
}

static void stop_streams(struct daemon *daemon, enum fb_stop_level level)
{
    for (size_t i = 0; i < daemon->stream_count; i++)
        fb_stream_stop(daemon->streams[i], level);
    if (level == FB_STOP_NOW && daemon->environment != NULL)
        fb_environment_stop(daemon->environment);
}

static void begin_stop(struct daemon *daemon, const char *why)
{
    int64_t timeout_ms = daemon->conf->daemon.stop_timeout_ms;

    if (daemon->stopping) {
        fb_log_notice("%s again: stopping at once; what is in flight is written again next time",
                      why);
        stop_streams(daemon, FB_STOP_NOW);
        return;
    }
    fb_log_notice("%s: stopping; what is in flight is finished within %lld s", why,
                  (long long)(timeout_ms / 1000));
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", (long long)timeout_ms * 1000);
    daemon->stopping = true;
    timeout_ms -= timeout_ms > 2 * LAST_CHECKPOINT_MS ? LAST_CHECKPOINT_MS : timeout_ms / 2;
    daemon->stop_deadline_ms = fb_monotonic_ms(fb_clock_system()) + timeout_ms;
    stop_streams(daemon, FB_STOP_DRAIN);
}

static void take_signal(struct daemon *daemon, int64_t wait_ms)
{
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = (wait_ms % 1000) * 1000000};
    int number = sigtimedwait(&daemon->signals, NULL, &wait);

    if (number == SIGTERM || number == SIGINT || number == SIGHUP)
        begin_stop(daemon, number == SIGTERM ? "SIGTERM" : number == SIGINT ? "SIGINT" : "SIGHUP");
}

struct totals {
    size_t attempted, finished, unhealthy;
    uint64_t objects, records, items, dead_letters;
    const char *problem_stream;
    char problem[160];
};

static struct totals add_up(struct daemon *daemon)
{
    struct totals totals = {0};

    for (size_t i = 0; i < daemon->stream_count; i++) {
        struct fb_stream_report report;

        fb_stream_report(daemon->streams[i], &report);
        totals.attempted += report.attempted;
        totals.finished += report.finished;
        totals.objects += report.objects;
        totals.records += report.records;
        totals.items += report.items_written;
        totals.dead_letters += report.dead_letters;
        if (report.healthy)
            continue;
        totals.unhealthy++;
        totals.problem_stream = daemon->conf->streams[i].name;
        snprintf(totals.problem, sizeof totals.problem, "%.155s", report.problem);
    }
    return totals;
}

static void notify(struct daemon *daemon, const struct totals *totals)
{
    char status[256];

    if (totals->unhealthy > 0)
        snprintf(status, sizeof status, "%zu of %zu streams in trouble; %.40s: %s",
                 totals->unhealthy, daemon->stream_count, totals->problem_stream, totals->problem);
    else
        snprintf(status, sizeof status, "%llu objects, %llu records, %llu items, %llu dead letters",
                 (unsigned long long)totals->objects, (unsigned long long)totals->records,
                 (unsigned long long)totals->items, (unsigned long long)totals->dead_letters);
    if (strcmp(status, daemon->last_status) != 0) {
        memcpy(daemon->last_status, status, sizeof status);
        sd_notifyf(0, "STATUS=%s", status);
    }
    if (!daemon->ready && !daemon->stopping && totals->attempted == daemon->stream_count) {
        daemon->ready = true;
        sd_notify(0, "READY=1");
        fb_log_info("ready: %zu streams, %zu of them in trouble", daemon->stream_count,
                    totals->unhealthy);
    }
    sd_notify(0, "WATCHDOG=1");
}

static void live(struct daemon *daemon)
{
    for (;;) {
        struct totals totals = add_up(daemon);

        notify(daemon, &totals);
        if (totals.finished == daemon->stream_count && (daemon->stopping || daemon->options->once))
            return;
        if (daemon->stopping && fb_monotonic_ms(fb_clock_system()) >= daemon->stop_deadline_ms)
            stop_streams(daemon, FB_STOP_NOW);
        take_signal(daemon, TICK_MS);
    }
}

static void tell_undone(const char *name, const struct fb_stream_report *report)
{
    if (report->problem[0] != '\0')
        fb_log_error("stream %s: not everything is written: %s", name, report->problem);
    else if (report->objects_damaged + report->objects_vanished > 0)
        fb_log_error("stream %s: not everything is written: %llu objects could not be read, %llu "
                     "vanished while they were read; the lines above name them",
                     name, (unsigned long long)report->objects_damaged,
                     (unsigned long long)report->objects_vanished);
    else
        fb_log_error("stream %s: not everything is written: it was stopped", name);
}

/* One line a stream, for the person who ran `--once` or reads the journal after a stop. */
static bool sum_up(struct daemon *daemon)
{
    bool all_done = true;

    for (size_t i = 0; i < daemon->stream_count; i++) {
        struct fb_stream_report report;
        char deletes[48] = "", kept[64] = "", left_out[48] = "", passed_over[64] = "",
             mismatches[80] = "";

        fb_stream_report(daemon->streams[i], &report);
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
        fb_log_info("stream %s: %llu objects, %llu records: %llu items written%s in %llu calls%s, "
                    "%llu coalesced (%llu write units saved), %llu dead letters%s%s%s%s",
                    daemon->conf->streams[i].name, (unsigned long long)report.objects,
                    (unsigned long long)report.records, (unsigned long long)report.items_written,
                    deletes, (unsigned long long)report.calls, kept,
                    (unsigned long long)report.items_coalesced,
                    (unsigned long long)report.write_units_saved,
                    (unsigned long long)report.dead_letters, left_out, mismatches, passed_over,
                    report.objects_damaged > 0    ? "; some objects could not be read"
                    : report.objects_vanished > 0 ? "; some objects vanished while they were read"
                                                  : "");
        if (report.left_undone) {
            all_done = false;
            if (daemon->options->once)
                tell_undone(daemon->conf->streams[i].name, &report);
        }
    }
    return all_done;
}

static void tear_down(struct daemon *daemon)
{
    for (size_t i = 0; i < daemon->stream_count; i++)
        fb_stream_free(daemon->streams[i]);
    for (size_t i = 0; daemon->layouts != NULL && i < daemon->conf->stream_count; i++)
        fb_layout_free(daemon->layouts[i]);
    for (size_t i = 0; daemon->plans != NULL && i < daemon->conf->stream_count; i++)
        fb_mapping_free(daemon->plans[i].mapping);
    if (daemon->environment != NULL)
        fb_environment_stop(daemon->environment);
    fb_refresher_free(daemon->refresher);
    fb_environment_free(daemon->environment);
    fb_state_close(daemon->state);
    free(daemon->streams);
    free(daemon->layouts);
    free(daemon->plans);
    free(daemon->fingerprints);
    free(daemon->dead_letter_directory);
    fb_conf_free(daemon->conf);
}

/* journald reads our stderr when JOURNAL_STREAM names it as device:inode (systemd.exec(5)). */
static void choose_log_style(void)
{
    const char *journal = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    if (journal == NULL || fstat(STDERR_FILENO, &status) != 0)
        return;
    snprintf(ours, sizeof ours, "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    if (strcmp(journal, ours) == 0)
        fb_log_set_style(FB_LOG_STYLE_JOURNAL);
}

static int run(const void *row, char *const *operands, int operand_count)
{
    const struct run_options *options = row;
    struct daemon daemon = {.options = options, .seed = fb_random_entropy()};
    struct fb_error error = {0};
    enum fb_status status;
    bool all_done = false;

    (void)operands;
    (void)operand_count;
    choose_log_style();
    daemon.conf = fb_cli_read_conf(options->conf_path);
    if (daemon.conf == NULL)
        return FB_EXIT_WRONG;
    fb_log_set_level(daemon.conf->daemon.log_level);
    fb_log_info("firebridge %s starts: %s, %zu streams%s", FB_VERSION, options->conf_path,
                daemon.conf->stream_count, options->once ? ", once" : "");
    block_signals(&daemon);
    status = set_up(&daemon, &error);
    if (status == FB_OK) {
        live(&daemon);
        all_done = sum_up(&daemon);
    } else {
        fb_log_error("%s", error.message);
        stop_streams(&daemon, FB_STOP_NOW);
    }
    tear_down(&daemon);
    if (status != FB_OK || (options->once && !all_done))
        return FB_EXIT_WRONG;
    fb_log_info("firebridge ends: nothing is lost");
    return FB_EXIT_OK;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct run_options),
    {.name = "once",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct run_options, once),
     .help = "work through what is there, then end: with 0, or with\n"
             "1 if anything is left undone"},
    {.name = "accept-dead-letters",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct run_options, accept_dead_letters),
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
    .defaults = &(const struct run_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct run_options),
    .run = run,
};
