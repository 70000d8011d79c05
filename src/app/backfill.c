/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge backfill`: history, beside the live data. The daemon does it; this asks, and looks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "again.h"
#include "backfill_show.h"
#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "operator.h"

#define NOT_GIVEN_MS INT64_MIN

/* A rate that a table on demand takes beside its live data. Above the most there is no table. */
#define RATE_DEFAULT   1000
#define RATE_MAX       UINT64_C(1000000000)
#define RATE_NOT_GIVEN UINT64_MAX

#define LOOK_MS 1000

struct backfill_options {
    const char *conf_path;
    const char *stream; /* NULL: the only one */
    int64_t from_ms, to_ms;
    uint64_t rate;
    struct fb_again again;
    bool dry_run, yes, cancel, status, wait;
    unsigned output;
};

struct backfill {
    const struct backfill_options *options;
    struct fb_operator command;
    struct fb_backfill asked;
};

static int refuse(const char *message)
{
    fprintf(stderr, "firebridge: %s\n", message);
    return FB_EXIT_USAGE;
}

/* ---- what is asked for ---- */

/* Up to where the live data begin: before that nothing is listed any more. */
static int64_t history_end_ms(const struct fb_stream_row *row)
{
    return row->low_water_ms > row->start_ms ? row->low_water_ms : row->start_ms;
}

/* What to do where the message says what was gone over. */
static void tell_rest(struct fb_error *error)
{
    fb_error_prefix(error, "the stream's records add");
    strncat(error->message,
            ". Name the rest with --from and --to; an object of it that was never read is for "
            "replay --key KEY --add-again",
            sizeof error->message - strlen(error->message) - 1);
}

/*
 * Where records add, a second time would add twice: only what was never read can be backfilled, and
 * only once.
 */
static int check_adding(struct backfill *backfill)
{
    const struct fb_backfill *asked = &backfill->asked;
    struct fb_error error = {0};
    enum fb_status status;

    if (!fb_conf_may_add(backfill->command.stream))
        return FB_EXIT_OK;
    if (asked->to_ms > backfill->command.row.start_ms)
        return refuse("the stream's records add, and those behind start_at were added already; end "
                      "the backfill there, with --to");
    status = fb_state_backfill_check_new(backfill->command.state, backfill->command.row.id,
                                         asked->from_ms, asked->to_ms, &error);
    if (status == FB_OK)
        return FB_EXIT_OK;
    if (status == FB_INVALID)
        tell_rest(&error);
    (void)fb_operator_fail(&backfill->command, &error);
    return status == FB_INVALID ? FB_EXIT_USAGE : FB_EXIT_WRONG;
}

static int check_range(struct backfill *backfill)
{
    const struct backfill_options *options = backfill->options;
    const int64_t end_ms = history_end_ms(&backfill->command.row);

    backfill->asked = (struct fb_backfill){
        .from_ms = options->from_ms,
        .to_ms =
            options->to_ms == NOT_GIVEN_MS || options->to_ms > end_ms ? end_ms : options->to_ms,
        .rate = options->rate == RATE_NOT_GIVEN ? RATE_DEFAULT : options->rate,
        .if_absent = options->again.if_absent,
        .started_ms = fb_realtime_ms(fb_clock_system()),
    };
    if (backfill->asked.from_ms < backfill->asked.to_ms)
        return check_adding(backfill);
    return refuse(end_ms == 0
                      ? "the stream has no history yet: all that its bucket holds is in the "
                        "state file"
                      : "there is no history in this range: what is younger is in the state "
                        "file; see replay");
}

static enum fb_status on_page(void *context, const struct fb_walk_page *page,
                              struct fb_error *error)
{
    struct fb_backfill *asked = context;

    (void)error;
    asked->total_objects += page->count;
    for (size_t i = 0; i < page->count; i++)
        asked->total_bytes += page->objects[i].size_bytes;
    return FB_OK;
}

static enum fb_status count(struct backfill *backfill, struct fb_error *error)
{
    const struct fb_walk_options walk = {.from_ms = backfill->asked.from_ms,
                                         .to_ms = backfill->asked.to_ms};

    return fb_operator_walk(&backfill->command, &walk, on_page, &backfill->asked, error);
}

static bool is_sure(const struct backfill *backfill)
{
    char question[400], size[FB_SIZE_TEXT_SIZE];

    if (backfill->options->yes)
        return true;
    snprintf(question, sizeof question,
             "%" PRIu64 " objects of %s are written to table %.64s beside the live data%s.",
             backfill->asked.total_objects, fb_operator_size(backfill->asked.total_bytes, size),
             backfill->command.stream->table,
             backfill->options->again.overwrite   ? ", over whatever is there"
             : backfill->options->again.if_absent ? ", where it has no item of their keys"
                                                  : "");
    return fb_operator_confirm(question, "yes");
}

/* ---- what is shown ---- */

/* Who waits for something that nobody does should know it. */
static void tell_of_no_daemon(const struct backfill *backfill)
{
    json_t *request = json_pack("{s:s}", "verb", "status");
    struct fb_error error = {0};
    json_t *answer = NULL;

    if (request != NULL &&
        fb_cli_ask(backfill->command.conf, request, &answer, &error) == FB_NOT_FOUND)
        fb_cli_report(NULL, "no daemon runs: the backfill goes on when one does");
    json_decref(request);
    json_decref(answer);
}

/* Shows it once; with `wait` again and again until it is over. */
static int show(struct backfill *backfill, bool wait)
{
    const bool as_json = backfill->options->output == FB_OUTPUT_JSON;
    struct fb_backfill_show show;
    struct fb_backfill found;
    struct fb_error error = {0};
    enum fb_status status;
    bool has_told = false;

    fb_backfill_show_init(&show, backfill->command.stream->name, as_json);
    for (;;) {
        status = fb_state_backfill_find(backfill->command.state, backfill->command.row.id, &found,
                                        &error);
        if (status != FB_OK)
            return fb_operator_fail(&backfill->command, &error);
        fb_backfill_done(&found);
        if (!wait || found.state != FB_BACKFILL_RUNNING)
            break;
        if (!has_told)
            tell_of_no_daemon(backfill);
        has_told = true;
        if (!fb_backfill_show(&show, &found, fb_realtime_ms(fb_clock_system())))
            return FB_EXIT_WRONG;
        (void)fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOT, LOOK_MS);
    }
    return fb_backfill_show_end(&show, &found, fb_realtime_ms(fb_clock_system())) == FB_EXIT_OK &&
                   found.state != FB_BACKFILL_CANCELED
               ? FB_EXIT_OK
               : FB_EXIT_WRONG;
}

/* ---- what is done ---- */

static int start(struct backfill *backfill)
{
    struct fb_error error = {0};
    int code = check_range(backfill);
    enum fb_status status;

    if (code != FB_EXIT_OK)
        return code;
    status = count(backfill, &error);
    if (status != FB_OK)
        return fb_operator_fail(&backfill->command, &error);
    if (backfill->options->dry_run)
        return fb_backfill_show_plan(backfill->command.stream->name, &backfill->asked,
                                     backfill->options->output == FB_OUTPUT_JSON);
    if (!is_sure(backfill))
        return FB_EXIT_USAGE;
    status =
        fb_state_backfill_start(backfill->command.state, backfill->command.row.id, &backfill->asked,
                                fb_conf_may_add(backfill->command.stream), &error);
    if (status == FB_INVALID)
        tell_rest(&error);
    if (status == FB_CONFLICT)
        fb_fail(&error, status,
                "a backfill is running; see it with --status, end it with --cancel");
    if (status != FB_OK)
        return fb_operator_fail(&backfill->command, &error);
    return show(backfill, backfill->options->wait);
}

static int set_rate(struct backfill *backfill)
{
    struct fb_error error = {0};
    const enum fb_status status = fb_state_backfill_set_rate(
        backfill->command.state, backfill->command.row.id, backfill->options->rate, &error);

    return status == FB_OK ? show(backfill, false) : fb_operator_fail(&backfill->command, &error);
}

static int cancel(struct backfill *backfill)
{
    struct fb_error error = {0};
    const enum fb_status status =
        fb_state_backfill_cancel(backfill->command.state, backfill->command.row.id,
                                 fb_realtime_ms(fb_clock_system()), &error);

    if (status != FB_OK)
        return fb_operator_fail(&backfill->command, &error);
    (void)show(backfill, false);
    return FB_EXIT_OK;
}

static int check_again(const struct backfill *backfill)
{
    struct fb_again again = backfill->options->again;

    /* Of history that was never read nothing was added; check_adding sees to it. */
    again.add_again = fb_conf_may_add(backfill->command.stream);
    return fb_again_check(backfill->command.stream, &again, "a record of history",
                          backfill->options->dry_run);
}

static int backfill(struct backfill *backfill)
{
    const struct backfill_options *options = backfill->options;
    int status;

    if (options->cancel)
        return cancel(backfill);
    if (options->status)
        return show(backfill, options->wait);
    if (options->from_ms == NOT_GIVEN_MS)
        return set_rate(backfill);
    status = check_again(backfill);
    return status == FB_EXIT_OK ? start(backfill) : status;
}

/* ---- the command ---- */

/* NULL: nothing is. */
static const char *what_is_wrong(const struct backfill_options *options)
{
    const bool begins = options->from_ms != NOT_GIVEN_MS;
    const bool has_rate = options->rate != RATE_NOT_GIVEN;
    const int ways = options->cancel + options->status + begins;

    if (ways > 1 || (ways == 0 && !has_rate))
        return "backfill needs one of --from, --status and --cancel, or a new --rate for the one "
               "that runs";
    if (has_rate && ways == 1 && !begins)
        return "--rate stands alone, or beside --from";
    if (!begins && (options->dry_run || options->to_ms != NOT_GIVEN_MS ||
                    options->again.overwrite || options->again.if_absent))
        return "--to, --dry-run, --overwrite and --if-absent only go with --from";
    if (begins && options->to_ms != NOT_GIVEN_MS && options->to_ms <= options->from_ms)
        return "--to must be later than --from";
    return NULL;
}

static int run_backfill(const void *row, char *const *operands, int operand_count)
{
    struct backfill made = {.options = row};
    const char *wrong = what_is_wrong(row);
    int status;

    (void)operands;
    (void)operand_count;
    if (wrong != NULL)
        return refuse(wrong);
    status = fb_operator_open(&made.command, made.options->conf_path, made.options->stream);
    if (status == FB_EXIT_OK)
        status = backfill(&made);
    fb_operator_close(&made.command);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct backfill_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct backfill_options, stream),
     .value = "NAME",
     .help = "the stream, where the conf has several"},
    {.name = "from",
     .kind = FB_OPTION_TIME,
     .offset = offsetof(struct backfill_options, from_ms),
     .value = "TIME",
     .help = "begin with objects whose keys' times are from\nthen on, like 2026-11-22T10:00:00Z"},
    {.name = "to",
     .kind = FB_OPTION_TIME,
     .offset = offsetof(struct backfill_options, to_ms),
     .value = "TIME",
     .help = "and before then; else up to the live data"},
    {.name = "rate",
     .kind = FB_OPTION_COUNT,
     .offset = offsetof(struct backfill_options, rate),
     .value = "N",
     .most = RATE_MAX,
     .help = "records a second; default 1000, 0: no limit"},
    {.name = "overwrite",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct backfill_options, again.overwrite),
     .help = "old records may replace newer items"},
    {.name = "if-absent",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct backfill_options, again.if_absent),
     .help = "leave alone what is in the table"},
    {.name = "dry-run",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct backfill_options, dry_run),
     .help = "say what would be, and change nothing"},
    {.name = "yes",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct backfill_options, yes),
     .help = "do not ask"},
    {.name = "wait",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct backfill_options, wait),
     .help = "show how far it is until it is over"},
    {.name = "status",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct backfill_options, status),
     .help = "show how far it is"},
    {.name = "cancel",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct backfill_options, cancel),
     .help = "end it; what was begun is finished"},
    FB_OPTION_OUTPUT(struct backfill_options),
};

extern const struct fb_command fb_command_backfill;
const struct fb_command fb_command_backfill = {
    .name = "backfill",
    .summary = "let history be processed beside the live data",
    .help = "Walks objects from before the stream's start, or whose rows are pruned. The\n"
            "daemon does it, live data first, and goes on after a restart.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct backfill_options){.conf_path = FB_CONF_DEFAULT_PATH,
                                                 .from_ms = NOT_GIVEN_MS,
                                                 .to_ms = NOT_GIVEN_MS,
                                                 .rate = RATE_NOT_GIVEN},
    .options_size = sizeof(struct backfill_options),
    .run = run_backfill,
};
