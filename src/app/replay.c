/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge replay`: objects are to be processed again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/state/replay.h"
#include "operator.h"

#define NOT_GIVEN_MS INT64_MIN

struct replay_options {
    const char *conf_path;
    const char *stream; /* NULL: the only one */
    const char *key;
    const char *prefix;
    int64_t from_ms, to_ms;
    struct fb_again again;
    bool dry_run, yes;
    unsigned output;
};

struct replay {
    const struct replay_options *options;
    struct fb_operator command;
    struct fb_replay_plan plan;
};

static uint64_t objects_of(const struct fb_replay_plan *plan)
{
    return plan->again + plan->pruned;
}

static uint64_t bytes_of(const struct fb_replay_plan *plan)
{
    return plan->again_bytes + plan->pruned_bytes;
}

/* As many for a byte as the stream's done objects have; false where none is known. */
static bool estimate_records(const struct fb_replay_plan *plan, uint64_t *ret_records)
{
    if (plan->known_bytes == 0)
        return false;
    *ret_records = (uint64_t)((double)bytes_of(plan) / (double)plan->known_bytes *
                              (double)plan->known_records);
    return true;
}

/* A unit for each item of up to 1 KB, and two in a transaction; larger ones take more. */
static uint64_t estimate_units(const struct replay *replay, uint64_t records)
{
    return records * (fb_conf_may_add(replay->command.stream) ? 2 : 1);
}

/* ---- what is found ---- */

static enum fb_status on_page(void *context, const struct fb_walk_page *page,
                              struct fb_error *error)
{
    struct replay *replay = context;

    return fb_state_replay_gather(replay->command.state, page->objects, page->count, error);
}

static enum fb_status gather(struct replay *replay, struct fb_error *error)
{
    const struct replay_options *options = replay->options;
    const struct fb_walk_options walk = {
        .from_ms = options->from_ms == NOT_GIVEN_MS ? 0 : options->from_ms,
        .to_ms = options->to_ms == NOT_GIVEN_MS ? INT64_MAX : options->to_ms,
        .prefix = options->key != NULL ? options->key : options->prefix,
        .is_key = options->key != NULL,
    };
    enum fb_status status = fb_state_replay_begin(replay->command.state, error);

    if (status == FB_OK)
        status = fb_operator_walk(&replay->command, &walk, on_page, replay, error);
    if (status == FB_OK)
        status = fb_state_replay_plan(replay->command.state, replay->command.row.id, &replay->plan,
                                      error);
    return status;
}

/* ---- what is shown ---- */

static void show_table(const struct replay *replay)
{
    const struct fb_replay_plan *plan = &replay->plan;
    char size[FB_SIZE_TEXT_SIZE];
    uint64_t records;

    printf("%-22s %12" PRIu64 "\n", "to be processed again", objects_of(plan));
    printf("%-22s %12s\n", "size", fb_operator_size(bytes_of(plan), size));
    if (estimate_records(plan, &records)) {
        printf("%-22s %12" PRIu64 "\n", "records, about", records);
        printf("%-22s %12" PRIu64 "\n", "write units, at least", estimate_units(replay, records));
    } else {
        printf("%-22s %12s\n", "records", "not known");
    }
    if (plan->unread > 0)
        printf("%-22s %12" PRIu64 "\n", "of them never read", plan->unread);
    if (plan->under_way > 0)
        printf("%-22s %12" PRIu64 "\n", "under way, left alone", plan->under_way);
    if (plan->to_come > 0)
        printf("%-22s %12" PRIu64 "\n", "to come, left alone", plan->to_come);
    (void)fflush(stdout);
}

static json_t *estimate_json(bool is_known, uint64_t estimate)
{
    return is_known ? json_integer((json_int_t)estimate) : json_null();
}

static int show_json(const struct replay *replay, uint64_t marked)
{
    const struct fb_replay_plan *plan = &replay->plan;
    uint64_t records = 0;
    const bool is_known = estimate_records(plan, &records);

    return fb_operator_print_json(
        json_pack("{s:s, s:b, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "stream",
                  replay->command.stream->name, "dry_run", replay->options->dry_run, "objects",
                  (json_int_t)objects_of(plan), "bytes", (json_int_t)bytes_of(plan),
                  "records_estimate", estimate_json(is_known, records), "write_units_estimate",
                  estimate_json(is_known, estimate_units(replay, records)), "pruned",
                  (json_int_t)plan->pruned, "never_read", (json_int_t)plan->unread, "under_way",
                  (json_int_t)plan->under_way, "to_come", (json_int_t)plan->to_come, "marked",
                  (json_int_t)marked));
}

/* ---- doing it ---- */

static bool is_sure(const struct replay *replay)
{
    const struct replay_options *options = replay->options;
    char question[400];

    if (options->yes)
        return true;
    if (options->again.add_again) {
        snprintf(question, sizeof question,
                 "ALL THAT THESE %" PRIu64 " OBJECTS ADD IS ADDED TO TABLE %.64s ONCE MORE. There "
                 "is no way back.",
                 objects_of(&replay->plan), replay->command.stream->table);
        return fb_operator_confirm(question, "add again");
    }
    snprintf(question, sizeof question, "%" PRIu64 " objects are written to table %.64s again%s.",
             objects_of(&replay->plan), replay->command.stream->table,
             options->again.overwrite   ? ", over whatever is there"
             : options->again.if_absent ? ", where it has no item of their keys"
                                        : "");
    return fb_operator_confirm(question, "yes");
}

static enum fb_status mark(struct replay *replay, uint64_t *ret_marked, struct fb_error *error)
{
    const struct fb_replay_mark how = {
        .if_absent = replay->options->again.if_absent,
        .again_ms = replay->options->again.add_again ? fb_realtime_ms(fb_clock_system()) : 0,
    };

    return fb_state_replay_mark(replay->command.state, replay->command.row.id, &how, ret_marked,
                                error);
}

static int replay(struct replay *replay)
{
    const struct replay_options *options = replay->options;
    const bool as_json = options->output == FB_OUTPUT_JSON;
    struct fb_error error = {0};
    uint64_t marked = 0;
    enum fb_status status = gather(replay, &error);

    if (status != FB_OK)
        return fb_operator_fail(&replay->command, &error);
    if (!as_json)
        show_table(replay);
    if (!options->dry_run && objects_of(&replay->plan) > 0) {
        if (!is_sure(replay))
            return FB_EXIT_USAGE;
        status = mark(replay, &marked, &error);
        if (status != FB_OK)
            return fb_operator_fail(&replay->command, &error);
    }
    if (as_json && show_json(replay, marked) != FB_EXIT_OK)
        return FB_EXIT_WRONG;
    if (!as_json && !options->dry_run)
        printf("%" PRIu64 " objects wait to be processed again\n", marked);
    return objects_of(&replay->plan) > 0 ? FB_EXIT_OK : FB_EXIT_WRONG;
}

/* ---- the command ---- */

static bool is_range(const struct replay_options *options)
{
    return options->from_ms != NOT_GIVEN_MS || options->to_ms != NOT_GIVEN_MS;
}

static bool says_which(const struct replay_options *options)
{
    const int ways =
        (options->key != NULL) + (options->prefix != NULL) + (is_range(options) ? 1 : 0);

    if (ways == 1 && (!is_range(options) ||
                      (options->from_ms != NOT_GIVEN_MS && options->from_ms < options->to_ms)))
        return true;
    fputs("firebridge: replay needs one of --key, --prefix, and --from with a later --to\n",
          stderr);
    return false;
}

static int run_replay(const void *row, char *const *operands, int operand_count)
{
    const struct replay_options *options = row;
    struct replay made = {.options = options};
    int status;

    (void)operands;
    (void)operand_count;
    if (!says_which(options))
        return FB_EXIT_USAGE;
    status = fb_operator_open(&made.command, options->conf_path, options->stream);
    if (status == FB_EXIT_OK)
        status = fb_again_check(made.command.stream, &options->again, "a replayed record",
                                options->dry_run);
    if (status == FB_EXIT_OK)
        status = replay(&made);
    fb_operator_close(&made.command);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct replay_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct replay_options, stream),
     .value = "NAME",
     .help = "the stream, where the conf has several"},
    {.name = "key",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct replay_options, key),
     .value = "KEY",
     .help = "this object"},
    {.name = "prefix",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct replay_options, prefix),
     .value = "PREFIX",
     .help = "all whose keys begin so"},
    {.name = "from",
     .kind = FB_OPTION_TIME,
     .offset = offsetof(struct replay_options, from_ms),
     .value = "TIME",
     .help = "all whose keys' times are from then on,\nlike 2026-11-22T10:00:00Z"},
    {.name = "to",
     .kind = FB_OPTION_TIME,
     .offset = offsetof(struct replay_options, to_ms),
     .value = "TIME",
     .help = "and before then"},
    {.name = "dry-run",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct replay_options, dry_run),
     .help = "say what would be, and change nothing"},
    {.name = "yes",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct replay_options, yes),
     .help = "do not ask"},
    {.name = "overwrite",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct replay_options, again.overwrite),
     .help = "old records may replace newer items"},
    {.name = "if-absent",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct replay_options, again.if_absent),
     .help = "leave alone what is in the table"},
    {.name = "add-again",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct replay_options, again.add_again),
     .help = "add to the numbers once more"},
    FB_OPTION_OUTPUT(struct replay_options),
};

extern const struct fb_command fb_command_replay;
const struct fb_command fb_command_replay = {
    .name = "replay",
    .summary = "let objects be processed again",
    .help = "Shows how much it is, and asks before it does it. The daemon takes the objects\n"
            "up, now or when it is started, before younger ones that wait. Ends with 1 if\n"
            "there is none.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct replay_options){.conf_path = FB_CONF_DEFAULT_PATH,
                                               .from_ms = NOT_GIVEN_MS,
                                               .to_ms = NOT_GIVEN_MS},
    .options_size = sizeof(struct replay_options),
    .run = run_replay,
};
