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
    if (status == FB_OK && !lookup->found)
        status =
            fb_fail(error, FB_NOT_FOUND, "neither the state file nor s3://%s has an object %.1024s",
                    command->stream->bucket, lookup->key);
    return status;
}

/* An object that the poller has not found yet, or whose row was pruned. */
static enum fb_status skip_unknown(struct fb_operator *command, const struct skip_options *options,
                                   struct fb_skip_result *ret_result, struct fb_error *error)
{
    struct lookup lookup = {.key = options->key};
    struct fb_state_listed object = {.key = options->key, .etag = lookup.etag};
    enum fb_key_verdict verdict;
    enum fb_status status = look_up(command, &lookup, error);

    if (status != FB_OK)
        return status;
    verdict =
        fb_layout_judge(command->layout, options->key, lookup.size_bytes, lookup.storage_class);
    if (verdict != FB_KEY_DATA)
        return fb_fail(error, FB_INVALID, "%.1024s is no object of the stream: it is %s",
                       options->key, fb_key_verdict_name(verdict));
    object.size_bytes = lookup.size_bytes;
    object.last_modified_ms = lookup.last_modified_ms;
    object.key_time_ms =
        fb_layout_key_time_ms(command->layout, options->key, lookup.last_modified_ms);
    if (object.key_time_ms < command->row.low_water_ms &&
        object.last_modified_ms < command->row.low_water_ms)
        return fb_fail(error, FB_INVALID, "%.1024s ended long ago, and its row is gone",
                       options->key);
    status = fb_state_add_skipped(command->state, command->row.id, &object, options->why, error);
    if (status == FB_CONFLICT) /* the poller was faster */
        return fb_state_skip(command->state, command->row.id, options->key, options->why,
                             ret_result, error);
    if (status == FB_OK)
        *ret_result = (struct fb_skip_result){.skipped = 1};
    return status;
}

/* Until nothing is asked for any more, or it takes too long: then it is left to the daemon. One of
 * which all records were read by then is written as a whole, and is done. */
static enum fb_status wait_for_daemon(struct fb_operator *command, const char *key,
                                      struct fb_skip_result *result, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    uint64_t sequence;

    for (int i = 0; i < LOOKS && status == FB_OK; i++) {
        status = fb_state_next_asked(command->state, command->row.id, 0, &sequence, error);
        if (status == FB_OK)
            (void)fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOT, LOOK_WAIT_MS);
    }
    if (status != FB_END)
        return status;
    result->asked = 0;
    return fb_state_count_skipped(command->state, command->row.id, key, &result->skipped, error);
}

static const char *outcome_of(const struct fb_skip_result *result)
{
    return result->asked > 0 ? "asked" : result->skipped > 0 ? "skipped" : "ended";
}

static void show(const struct fb_operator *command, const struct skip_options *options,
                 const struct fb_skip_result *result)
{
    if (options->output == FB_OUTPUT_JSON) {
        fb_operator_print_json(json_pack("{s:s, s:s, s:s, s:s}", "stream", command->stream->name,
                                         "key", options->key, "outcome", outcome_of(result),
                                         "reason", options->why));
        return;
    }
    fb_human_print(options->key);
    puts(result->asked > 0     ? " is being read: the daemon takes it off when it gets to it, or "
                                 "when it is started again"
         : result->skipped > 0 ? " is skipped"
         : result->ended > 0   ? " has ended already, there is nothing to skip"
                               : " had been read to its end by then: it is written as a whole");
}

static int skip(struct fb_operator *command, const struct skip_options *options)
{
    struct fb_skip_result result = {0};
    struct fb_error error = {0};
    enum fb_status status =
        fb_state_skip(command->state, command->row.id, options->key, options->why, &result, &error);

    if (status == FB_NOT_FOUND)
        status = skip_unknown(command, options, &result, &error);
    if (status == FB_OK && result.asked > 0)
        status = wait_for_daemon(command, options->key, &result, &error);
    if (status != FB_OK)
        return fb_operator_fail(command, &error);
    show(command, options, &result);
    return result.skipped + result.asked > 0 ? FB_EXIT_OK : FB_EXIT_WRONG;
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
            "is not known yet is looked for in S3. Ends with 1 if the object has ended\n"
            "already, or there is none. `replay` brings a skipped object back.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct skip_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct skip_options),
    .run = run_skip,
};
