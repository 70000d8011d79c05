/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/identity.h"
#include "state_cmd.h"

static enum fb_status open_state(const struct fb_conf *conf, char **ret_directory,
                                 struct fb_state **ret_state, struct fb_error *error)
{
    enum fb_status status = fb_environment_state_dir(conf, ret_directory);
    char *file = NULL;

    if (status != FB_OK || asprintf(&file, "%s/firebridge.db", *ret_directory) < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    /* Opening would make one, and there is nothing to change in it. */
    if (access(file, F_OK) != 0)
        status = fb_fail(error, FB_NOT_FOUND, "there is no state in %s: %s", *ret_directory,
                         strerror(errno));
    else
        status = fb_state_open(*ret_directory, ret_state, error);
    free(file);
    return status;
}

static enum fb_status describe(struct fb_environment *environment,
                               const struct fb_conf_stream *stream, struct fb_table *ret_table,
                               struct fb_error *error)
{
    struct fb_client client;
    enum fb_status status = fb_environment_client(environment, FB_SIDE_TABLE, stream, NULL,
                                                  FB_STOP_NOT, &client, error);

    if (status != FB_OK)
        return status;
    status = fb_dynamodb_describe_table(&client, stream->table, ret_table, error);
    fb_environment_client_done(&client);
    return status;
}

static enum fb_status adopt(const struct fb_conf *conf, const struct fb_conf_stream *stream,
                            const struct fb_table *table, struct fb_error *error)
{
    char fingerprint[FB_FINGERPRINT_SIZE];
    struct fb_stream_identity identity;
    struct fb_state *state = NULL;
    char *directory = NULL;
    enum fb_status status = open_state(conf, &directory, &state, error);

    fb_stream_identity_of(stream, table, fingerprint, &identity);
    if (status == FB_OK)
        status = fb_state_stream_adopt(state, stream->name, &identity, error);
    fb_state_close(state);
    free(directory);
    return status;
}

static int adopt_stream(const struct fb_conf *conf, const char *name)
{
    const struct fb_conf_stream *stream = fb_cli_find_stream(conf, name);
    struct fb_environment *environment = NULL;
    struct fb_table table;
    struct fb_error error = {0};
    enum fb_status status;

    if (stream == NULL)
        return FB_EXIT_WRONG;
    status = fb_environment_new(conf, fb_clock_system(), &environment, &error);
    if (status == FB_OK)
        status = describe(environment, stream, &table, &error);
    fb_environment_free(environment);
    if (status == FB_OK)
        status = adopt(conf, stream, &table, &error);
    if (status != FB_OK)
        return fb_cli_fail("%s", error.message);
    printf("the checkpoint of stream %s now belongs to %s and table %s\n", name, stream->source,
           table.arn);
    return FB_EXIT_OK;
}

static int run_adopt(const struct fb_conf *conf, const struct fb_state_options *options,
                     char *const *operands)
{
    (void)options;
    return adopt_stream(conf, operands[0]);
}

/* The stream's dead letters go with it; a stream that never had one has no folder. Durably, since
 * nobody would find them there. */
static enum fb_status move_dead_letters(const char *letters, const char *from, const char *to,
                                        bool *ret_moved, struct fb_error *error)
{
    const int folder = open(letters, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum fb_status status = FB_OK;

    if (folder >= 0 && renameat(folder, from, folder, to) == 0 && fsync(folder) == 0)
        *ret_moved = true;
    else if (errno != ENOENT)
        status = fb_fail(error, FB_IO,
                         "%s/%s does not become %s, so nothing is renamed: %s; move aside what is "
                         "in the way",
                         letters, from, to, strerror(errno));
    if (folder >= 0)
        close(folder);
    return status;
}

static enum fb_status look_for(struct fb_state *state, const char *name, bool *ret_found,
                               struct fb_error *error)
{
    struct fb_stream_row row = {0};
    const enum fb_status status = fb_state_stream_find(state, name, &row, error);

    if (status != FB_OK && status != FB_NOT_FOUND)
        return status;
    fb_stream_row_done(&row);
    *ret_found = status == FB_OK;
    return FB_OK;
}

/* The letters first: broken off in between, the command is given again and does the rest. */
static enum fb_status rename_all(struct fb_state *state, const char *letters, const char *old_name,
                                 const char *new_name, struct fb_error *error)
{
    bool is_there = false, is_taken = false, moved = false;
    enum fb_status status = look_for(state, old_name, &is_there, error);

    if (status == FB_OK)
        status = look_for(state, new_name, &is_taken, error);
    if (status == FB_OK && is_there && !is_taken)
        status = move_dead_letters(letters, old_name, new_name, &moved, error);
    if (status != FB_OK)
        return status;
    status = fb_state_stream_rename(state, old_name, new_name, error);
    if (status != FB_OK && moved)
        (void)move_dead_letters(letters, new_name, old_name, &moved, NULL);
    return status;
}

/* `stream` has the new name. */
static int rename_stream(const struct fb_conf *conf, const struct fb_conf_stream *stream,
                         const char *old_name)
{
    const char *new_name = stream->name;
    struct fb_state *state = NULL;
    struct fb_error error = {0};
    char *directory = NULL;
    char *letters = NULL;
    enum fb_status status = open_state(conf, &directory, &state, &error);

    if (status == FB_OK && asprintf(&letters, "%s/dead-letters", directory) < 0)
        status = fb_fail(&error, FB_NO_MEMORY, "out of memory");
    if (status == FB_OK)
        status = rename_all(state, letters, old_name, new_name, &error);
    fb_state_close(state);
    free(directory);
    free(letters);
    if (status != FB_OK)
        return fb_cli_fail("%s", error.message);
    printf("the checkpoint of stream %s is now that of %s\n", old_name, new_name);
    if (stream->letters_bucket != NULL)
        printf("dead letters in S3 stay under %s%s/; move them to %s%s/ yourself\n",
               stream->dead_letters, old_name, stream->dead_letters, new_name);
    return FB_EXIT_OK;
}

/* The new name must be in the conf, or its checkpoint would belong to nobody. */
static int run_rename(const struct fb_conf *conf, const struct fb_state_options *options,
                      char *const *operands)
{
    const struct fb_conf_stream *stream = fb_cli_find_stream(conf, operands[1]);

    (void)options;
    return stream != NULL ? rename_stream(conf, stream, operands[0]) : FB_EXIT_WRONG;
}

static const struct verb {
    const char *name;
    int operand_count;
    bool takes_replace, takes_understand;
    int (*run)(const struct fb_conf *conf, const struct fb_state_options *options,
               char *const *operands);
} verbs[] = {
    {"adopt", 1, false, false, run_adopt},
    {"rename", 2, false, false, run_rename},
    {"backup", 1, false, false, fb_state_cmd_backup},
    {"restore", 1, true, false, fb_state_cmd_restore},
    {"reset", 0, false, true, fb_state_cmd_reset},
};

static int run_verb(const struct verb *verb, const struct fb_state_options *options,
                    char *const *operands)
{
    struct fb_conf *conf = fb_cli_read_conf(options->conf_path);
    int status = conf != NULL ? verb->run(conf, options, operands) : FB_EXIT_WRONG;

    fb_conf_free(conf);
    return status;
}

static int run_state(const void *row, char *const *operands, int operand_count)
{
    const struct fb_state_options *options = row;

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb *verb = &verbs[i];

        if (strcmp(operands[0], verb->name) != 0)
            continue;
        if (operand_count != 1 + verb->operand_count ||
            (options->replace && !verb->takes_replace) ||
            (options->understand && !verb->takes_understand))
            return FB_EXIT_USAGE;
        return run_verb(verb, options, operands + 1);
    }
    return FB_EXIT_USAGE;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct fb_state_options),
    {.name = "replace",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct fb_state_options, replace),
     .help = "restore: move a state file that is there aside"},
    {.name = "i-understand",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct fb_state_options, understand),
     .help = "reset: every object may be processed again"},
};

extern const struct fb_command fb_command_state;
const struct fb_command fb_command_state = {
    .name = "state",
    .operands = "VERB [OPERAND...]",
    .verbs = "adopt|rename|backup|restore|reset",
    .operands_min = 1,
    .operands_max = 3,
    .summary = "keep, bring back or change the checkpoint",
    .help = "adopt STREAM      the checkpoint of STREAM goes on with the source and the table\n"
            "                  that the conf names now, though it was made with others\n"
            "rename OLD NEW    the checkpoint and the dead letters of OLD become those of NEW\n"
            "backup FILE       a copy of the state file; the daemon may run meanwhile\n"
            "restore FILE      the state file from a backup, which may be s3://BUCKET/KEY\n"
            "reset             moves the state file aside: all begins anew\n"
            "\n"
            "But for backup, the daemon must be stopped.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct fb_state_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct fb_state_options),
    .run = run_state,
};
