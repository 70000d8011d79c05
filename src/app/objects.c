/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge objects`: what the state file knows of each object. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/base/nearest.h"
#include "firebridge/base/time.h"
#include "firebridge/state/rows.h"
#include "human.h"
#include "operator.h"

#define STATES (FB_OBJECT_SKIPPED + 1)

struct objects_options {
    const char *conf_path;
    const char *stream; /* NULL: all of them */
    const char *state;  /* NULL: all of them */
    const char *prefix;
    int64_t since_ms;
    uint64_t limit;
    unsigned output;
};

struct listing {
    unsigned output;
    uint64_t rows;
};

/* Whether it names a state; else says so. *ret_state: -1 for all. */
static bool take_state(const char *name, int *ret_state)
{
    struct fb_nearest nearest;

    *ret_state = -1;
    if (name == NULL)
        return true;
    fb_nearest_init(&nearest, name);
    for (int i = 0; i < STATES; i++) {
        const char *known = fb_object_state_name((enum fb_object_state)i);

        if (strcmp(known, name) == 0) {
            *ret_state = i;
            return true;
        }
        fb_nearest_offer(&nearest, known);
    }
    fb_cli_fail("--state %s: no such state%s%s%s", name,
                nearest.name != NULL ? "; did you mean " : "",
                nearest.name != NULL ? nearest.name : "", nearest.name != NULL ? "?" : "");
    return false;
}

static void print_line(const struct fb_row *row, bool is_first)
{
    char time[FB_TIME_TEXT_SIZE];

    fb_time_format_rfc3339(row->key_time_ms, time);
    if (is_first)
        printf("%-12s %-8s %-24s %12s %10s %8s  %s\n", "STREAM", "STATE", "KEY TIME", "BYTES",
               "RECORDS", "LETTERS", "KEY");
    printf("%-12s %-8s %-24s %12" PRIu64 " %10" PRIu64 " %8" PRIu64 "  ", row->stream,
           fb_object_state_name(row->state), time, row->size_bytes,
           row->records != 0 ? row->records : row->frontier_record, row->dead_letters);
    fb_human_print(row->key);
    if (row->reason != NULL && row->reason[0] != '\0') {
        fputs(" (", stdout);
        fb_human_print(row->reason);
        putchar(')');
    }
    putchar('\n');
}

static enum fb_status print_json(const struct fb_row *row)
{
    json_t *line = json_pack(
        "{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o?}", "stream", row->stream,
        "state", fb_object_state_name(row->state), "key", fb_operator_json_text(row->key), "etag",
        fb_operator_json_text(row->etag), "sequence", (json_int_t)row->sequence, "size_bytes",
        (json_int_t)row->size_bytes, "key_time_ms", (json_int_t)row->key_time_ms,
        "last_modified_ms", (json_int_t)row->last_modified_ms, "records", (json_int_t)row->records,
        "records_before_frontier", (json_int_t)row->frontier_record, "dead_letters",
        (json_int_t)row->dead_letters, "backfill", row->is_backfill, "reason",
        row->reason != NULL ? fb_operator_json_text(row->reason) : NULL);
    int result = line == NULL ? -1 : json_dumpf(line, stdout, JSON_COMPACT);

    json_decref(line);
    if (result != 0)
        return FB_NO_MEMORY;
    putchar('\n');
    return FB_OK;
}

static enum fb_status print_row(void *context, const struct fb_row *row)
{
    struct listing *listing = context;
    const bool is_first = listing->rows++ == 0;

    if (listing->output == FB_OUTPUT_JSON)
        return print_json(row);
    print_line(row, is_first);
    return FB_OK;
}

static int list_objects(const struct fb_conf *conf, const struct objects_options *options,
                        int state)
{
    struct fb_row_filter filter = {
        .stream = options->stream,
        .state = state,
        .since_ms = options->since_ms,
        .prefix = options->prefix,
        .limit = options->limit,
    };
    struct listing listing = {.output = options->output};
    struct fb_error error = {.message = "out of memory"};
    char *directory = NULL;
    enum fb_status status = fb_environment_state_dir(conf, &directory);
    bool more = false;

    if (status == FB_OK)
        status = fb_state_list_rows(directory, &filter, print_row, &listing, &more, &error);
    free(directory);
    if (status != FB_OK)
        return fb_cli_fail("%s", error.message);
    if (listing.output == FB_OUTPUT_JSON)
        return FB_EXIT_OK;
    if (listing.rows == 0)
        puts("no objects");
    else if (more)
        printf("the newest %" PRIu64 " are shown; --limit says how many, 0 all\n", listing.rows);
    return FB_EXIT_OK;
}

static int run_objects(const void *row, char *const *operands, int operand_count)
{
    const struct objects_options *options = row;
    struct fb_conf *conf;
    int status = FB_EXIT_WRONG;
    int state;

    (void)operands;
    (void)operand_count;
    if (!take_state(options->state, &state))
        return FB_EXIT_USAGE;
    conf = fb_cli_read_conf(options->conf_path);
    if (conf != NULL)
        status = list_objects(conf, options, state);
    fb_conf_free(conf);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct objects_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct objects_options, stream),
     .value = "NAME",
     .help = "of one stream alone"},
    {.name = "state",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct objects_options, state),
     .value = "STATE",
     .help = "pending, active, written, done, changed, damaged\nor skipped"},
    {.name = "since",
     .kind = FB_OPTION_TIME,
     .offset = offsetof(struct objects_options, since_ms),
     .value = "TIME",
     .help = "with a key time from then on"},
    {.name = "prefix",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct objects_options, prefix),
     .value = "PREFIX",
     .help = "whose keys begin so"},
    {.name = "limit",
     .kind = FB_OPTION_COUNT,
     .offset = offsetof(struct objects_options, limit),
     .value = "N",
     .help = "the newest N; default 100, and 0 is all"},
    FB_OPTION_OUTPUT(struct objects_options),
};

extern const struct fb_command fb_command_objects;
const struct fb_command fb_command_objects = {
    .name = "objects",
    .summary = "list what the state file knows of objects",
    .help = "Lists objects, the newest key time first, with their state, size, records and\n"
            "dead letters. The daemon may run meanwhile. What is done leaves the list when\n"
            "the look-back has passed it.\n",
    FB_OPTIONS(options),
    .defaults =
        &(const struct objects_options){
            .conf_path = FB_CONF_DEFAULT_PATH, .prefix = "", .since_ms = INT64_MIN, .limit = 100},
    .options_size = sizeof(struct objects_options),
    .run = run_objects,
};
