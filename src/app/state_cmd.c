/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/identity.h"

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

static int run_adopt(const char *conf_path, const char *stream)
{
    struct fb_conf *conf = fb_cli_read_conf(conf_path);
    int status = conf != NULL ? adopt_stream(conf, stream) : FB_EXIT_WRONG;

    fb_conf_free(conf);
    return status;
}

/* The stream's dead letters go with it; a stream that never had one has no folder. */
static enum fb_status rename_dead_letters(const char *directory, const char *old_name,
                                          const char *new_name, struct fb_error *error)
{
    char *from = NULL;
    char *to = NULL;
    enum fb_status status = FB_OK;

    if (asprintf(&from, "%s/dead-letters/%s", directory, old_name) < 0) {
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    if (asprintf(&to, "%s/dead-letters/%s", directory, new_name) < 0) {
        free(from);
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    if (rename(from, to) != 0 && errno != ENOENT)
        status = fb_fail(error, FB_IO,
                         "the checkpoint is renamed, but the dead letters stay in %s: "
                         "renaming to %s: %s",
                         from, to, strerror(errno));
    free(from);
    free(to);
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
    enum fb_status status = open_state(conf, &directory, &state, &error);

    if (status == FB_OK)
        status = fb_state_stream_rename(state, old_name, new_name, &error);
    if (status == FB_OK)
        status = rename_dead_letters(directory, old_name, new_name, &error);
    fb_state_close(state);
    free(directory);
    if (status != FB_OK)
        return fb_cli_fail("%s", error.message);
    printf("the checkpoint of stream %s is now that of %s\n", old_name, new_name);
    if (stream->letters_bucket != NULL)
        printf("dead letters in S3 stay under %s%s/; move them to %s%s/ yourself\n",
               stream->dead_letters, old_name, stream->dead_letters, new_name);
    return FB_EXIT_OK;
}

/* The new name must be in the conf, or its checkpoint would belong to nobody. */
static int run_rename(const char *conf_path, const char *old_name, const char *new_name)
{
    struct fb_conf *conf = fb_cli_read_conf(conf_path);
    const struct fb_conf_stream *stream = conf == NULL ? NULL : fb_cli_find_stream(conf, new_name);
    int status = FB_EXIT_WRONG;

    if (stream != NULL)
        status = rename_stream(conf, stream, old_name);
    fb_conf_free(conf);
    return status;
}

struct state_options {
    const char *conf_path;
};

static int run_state(const void *row, char *const *operands, int operand_count)
{
    const struct state_options *options = row;

    if (operand_count == 2 && strcmp(operands[0], "adopt") == 0)
        return run_adopt(options->conf_path, operands[1]);
    if (operand_count == 3 && strcmp(operands[0], "rename") == 0)
        return run_rename(options->conf_path, operands[1], operands[2]);
    return FB_EXIT_USAGE;
}

static const struct fb_option options[] = {FB_OPTION_CONFIG(struct state_options)};

extern const struct fb_command fb_command_state;
const struct fb_command fb_command_state = {
    .name = "state",
    .operands = "adopt STREAM | rename OLD NEW",
    .verbs = "adopt|rename",
    .operands_min = 2,
    .operands_max = 3,
    .summary = "change what a checkpoint belongs to",
    .help = "adopt STREAM      the checkpoint of STREAM goes on with the source and the table\n"
            "                  that the conf names now, though it was made with others\n"
            "rename OLD NEW    the checkpoint and the dead letters of OLD become those of NEW\n"
            "\n"
            "The daemon must be stopped.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct state_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct state_options),
    .run = run_state,
};
