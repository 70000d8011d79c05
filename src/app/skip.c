/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge skip`: takes an object off. */
#include <stdio.h>
#include <string.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/aws/s3.h"
#include "firebridge/state/skip.h"
#include "human.h"
#include "operator.h"

/* How long to look whether the daemon has taken the object off. */
#define LOOKS        50
#define LOOK_WAIT_MS 100

struct skip_options {
    const char *conf_path;
    const char *stream; /* NULL: the only one */
    const char *key;
    const char *why;
    unsigned output;
};

/* The object as S3 lists it. */
struct lookup {
    const char *key;
    bool found;
    uint64_t size_bytes;
    int64_t last_modified_ms;
    char etag[256];
    char storage_class[32];
};

static enum fb_status on_listed(void *context, const struct fb_s3_listed *object)
{
    struct lookup *lookup = context;

    if (strcmp(object->key, lookup->key) != 0)
        return FB_OK;
    lookup->found = true;
    lookup->size_bytes = object->size_bytes;
    lookup->last_modified_ms = object->last_modified_ms;
    snprintf(lookup->etag, sizeof lookup->etag, "%s", object->etag);
    snprintf(lookup->storage_class, sizeof lookup->storage_class, "%s",
             object->storage_class == NULL ? "" : object->storage_class);
    return FB_OK;
}

static enum fb_status look_up(struct fb_operator *command, struct lookup *lookup,
                              struct fb_error *error)
{
    const struct fb_s3_list_request request = {
        .bucket = command->stream->bucket,
        .prefix = lookup->key,
        .max_keys = 1, /* the key itself sorts before all that begin with it */
        .on_object = on_listed,
        .context = lookup,
    };
    struct fb_s3_list_result result;
    enum fb_status status = fb_operator_connect(command, error);

    if (status == FB_OK)
        status = fb_s3_list_page(&command->client, &request, &result, error);
    return status;
}

/* Whether a listing passes it over, so that only a row could tell what became of it. */
static bool is_forgotten(const struct fb_operator *command, const struct fb_state_listed *object)
{
    return object->key_time_ms < command->row.low_water_ms &&
           object->last_modified_ms < command->row.low_water_ms;
}

/* Makes a skipped row of it. FB_CONFLICT: it has one. */
static enum fb_status add_skipped(struct fb_operator *command, const struct skip_options *options,
                                  const struct lookup *lookup, struct fb_error *error)
{
    struct fb_state_listed object = {
        .key = options->key,
        .etag = lookup->etag,
        .size_bytes = lookup->size_bytes,
        .last_modified_ms = lookup->last_modified_ms,
        .key_time_ms =
            fb_layout_key_time_ms(command->layout, options->key, lookup->last_modified_ms),
    };
    const enum fb_key_verdict verdict =
        fb_layout_judge(command->layout, options->key, lookup->size_bytes, lookup->storage_class);
    unsigned rows = 0, skipped;
    enum fb_status status;

    if (verdict != FB_KEY_DATA)
        return fb_fail(error, FB_INVALID, "%.1024s is no object of the stream: it is %s",
                       options->key, fb_key_verdict_name(verdict));
    status = fb_state_count_of_key(command->state, command->row.id, options->key, lookup->etag,
                                   &rows, &skipped, error);
    if (status == FB_OK && rows == 0 && is_forgotten(command, &object))
        status =
            fb_fail(error, FB_INVALID, "%.1024s ended long ago, and its row is gone", options->key);
    return status != FB_OK ? status
                           : fb_state_add_skipped(command->state, command->row.id, &object,
                                                  options->why, error);
}

/* What was known ended before this call, or the poller has found since; the ETag in S3 counts. */
static enum fb_status skip_known(struct fb_operator *command, const struct skip_options *options,
                                 const char *etag, struct fb_skip_result *result,
                                 struct fb_error *error)
{
    unsigned rows = 0, skipped = 0;
    enum fb_status status =
        fb_state_skip(command->state, command->row.id, options->key, options->why, result, error);

    if (status == FB_OK && result->skipped + result->asked == 0)
        status = fb_state_count_of_key(command->state, command->row.id, options->key, etag, &rows,
                                       &skipped, error);
    if (rows > 0)
        *result = (struct fb_skip_result){.already = skipped, .ended = rows - skipped};
    return status;
}

/*
 * The object that S3 has: one that the poller has not found yet, another one of a key that is
 * known, or one whose row was pruned. Where S3 has none, the rows alone say what became of it.
 */
static enum fb_status skip_in_s3(struct fb_operator *command, const struct skip_options *options,
                                 bool is_known, struct fb_skip_result *result,
                                 struct fb_error *error)
{
    struct lookup lookup = {.key = options->key};
    enum fb_status status = look_up(command, &lookup, error);

    if (status != FB_OK || (!lookup.found && is_known))
        return status;
    if (!lookup.found)
        return fb_fail(error, FB_NOT_FOUND,
                       "neither the state file nor s3://%s has an object %.1024s",
                       command->stream->bucket, options->key);
    status = add_skipped(command, options, &lookup, error);
    if (status == FB_CONFLICT)
        return skip_known(command, options, lookup.etag, result, error);
    if (status == FB_OK)
        *result = (struct fb_skip_result){.skipped = 1};
    return status;
}

/* Until nothing is asked for any more, or it takes too long: then it is left to the daemon. One of
 * which all records were read by then is written as a whole, and is done. */
static enum fb_status wait_for_daemon(struct fb_operator *command, const char *key,
                                      struct fb_skip_result *result, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    unsigned rows, skipped = 0;
    uint64_t sequence;

    for (int i = 0; i < LOOKS && status == FB_OK; i++) {
        status = fb_state_next_asked(command->state, command->row.id, 0, &sequence, error);
        if (status == FB_OK)
            (void)fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOT, LOOK_WAIT_MS);
    }
    if (status != FB_END)
        return status;
    status =
        fb_state_count_of_key(command->state, command->row.id, key, NULL, &rows, &skipped, error);
    *result = (struct fb_skip_result){
        .skipped = skipped > result->already ? skipped - result->already : 0};
    return status;
}

/* What was asked for is so, but not by this call, and with another reason. */
static bool is_already(const struct fb_skip_result *result)
{
    return result->already > 0 && result->skipped + result->asked + result->ended == 0;
}

static const char *outcome_of(const struct fb_skip_result *result)
{
    return result->asked > 0     ? "asked"
           : result->skipped > 0 ? "skipped"
           : is_already(result)  ? "already"
                                 : "ended";
}

static int show_json(const struct fb_operator *command, const struct skip_options *options,
                     const struct fb_skip_result *result)
{
    return fb_operator_print_json(
        json_pack("{s:s, s:o, s:s, s:o?}", "stream", command->stream->name, "key",
                  fb_operator_json_text(options->key), "outcome", outcome_of(result), "reason",
                  is_already(result) ? NULL : fb_operator_json_text(options->why)));
}

static void show(const struct skip_options *options, const struct fb_skip_result *result)
{
    fb_human_print(options->key);
    puts(result->asked > 0     ? " is being read: the daemon takes it off when it gets to it, or "
                                 "when it is started again"
         : result->skipped > 0 ? " is skipped"
         : is_already(result)  ? " is skipped already, for the reason that was given then"
         : result->ended > 0   ? " has ended already, there is nothing to skip"
                               : " had been read to its end by then: it is written as a whole");
}

static int skip(struct fb_operator *command, const struct skip_options *options)
{
    struct fb_skip_result result = {0};
    struct fb_error error = {0};
    enum fb_status status =
        fb_state_skip(command->state, command->row.id, options->key, options->why, &result, &error);

    if (status == FB_NOT_FOUND || (status == FB_OK && result.skipped + result.asked == 0))
        status = skip_in_s3(command, options, status == FB_OK, &result, &error);
    if (status == FB_OK && result.asked > 0)
        status = wait_for_daemon(command, options->key, &result, &error);
    if (status != FB_OK)
        return fb_operator_fail(command, &error);
    if (options->output != FB_OUTPUT_JSON)
        show(options, &result);
    else if (show_json(command, options, &result) != FB_EXIT_OK)
        return FB_EXIT_WRONG;
    return result.skipped + result.asked > 0 || is_already(&result) ? FB_EXIT_OK : FB_EXIT_WRONG;
}

static int run_skip(const void *row, char *const *operands, int operand_count)
{
    const struct skip_options *options = row;
    struct fb_operator command = {0};
    int status;

    (void)operands;
    (void)operand_count;
    if (options->key == NULL || options->why == NULL || *options->key == '\0' ||
        *options->why == '\0' || strlen(options->why) > FB_SKIP_REASON_MAX_BYTES) {
        fprintf(stderr, "firebridge: skip needs --key, and --why with up to %d bytes\n",
                FB_SKIP_REASON_MAX_BYTES);
        return FB_EXIT_USAGE;
    }
    status = fb_operator_open(&command, options->conf_path, options->stream);
    if (status == FB_EXIT_OK)
        status = skip(&command, options);
    fb_operator_close(&command);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct skip_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct skip_options, stream),
     .value = "NAME",
     .help = "its stream, where the conf has several"},
    {.name = "key",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct skip_options, key),
     .value = "KEY",
     .help = "the object"},
    {.name = "why",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct skip_options, why),
     .value = "TEXT",
     .help = "the reason, which is kept"},
    FB_OPTION_OUTPUT(struct skip_options),
};

extern const struct fb_command fb_command_skip;
const struct fb_command fb_command_skip = {
    .name = "skip",
    .summary = "take an object off, with the reason kept",
    .help = "An object that waits is not read at all. Of one that is being read, what was\n"
            "read is written, the rest is not, and the stream goes on behind it. One that\n"
            "is not known yet is looked for in S3. Ends with 1 if the object was written\n"
            "already, or there is none. `replay` brings a skipped object back.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct skip_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct skip_options),
    .run = run_skip,
};
