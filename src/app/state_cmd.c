/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/identity.h"
#include "firebridge/base/nearest.h"

static int fail(const struct fb_error *error)
{
    fprintf(stderr, "firebridge: %s\n", error->message);
    return FB_EXIT_WRONG;
}

static const struct fb_conf_stream *find_stream(const struct fb_conf *conf, const char *name,
                                                const char **ret_nearest)
{
    struct fb_nearest nearest;

    fb_nearest_init(&nearest, name);
    for (size_t i = 0; i < conf->stream_count; i++) {
        if (strcmp(conf->streams[i].name, name) == 0)
            return &conf->streams[i];
        fb_nearest_offer(&nearest, conf->streams[i].name);
    }
    *ret_nearest = nearest.name;
    return NULL;
}

/* Also says so where there is none. */
static const struct fb_conf_stream *demand_stream(const struct fb_conf *conf, const char *name)
{
    const char *nearest = NULL;
    const struct fb_conf_stream *stream = find_stream(conf, name, &nearest);

    if (stream != NULL)
        return stream;
    fprintf(stderr, "firebridge: the conf has no stream %s", name);
    fprintf(stderr, nearest != NULL ? "; did you mean %s?\n" : "%s\n",
            nearest != NULL ? nearest : "");
    return NULL;
}

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
    enum fb_status status = fb_environment_client(environment, FB_SERVICE_DYNAMODB, stream, NULL,
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
    const struct fb_conf_stream *stream = demand_stream(conf, name);
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
        return fail(&error);
    printf("the checkpoint of stream %s now belongs to %s and table %s\n", name, stream->source,
           table.arn);
    return FB_EXIT_OK;
}

int fb_cmd_state_adopt(const char *conf_path, const char *stream)
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
        return fail(&error);
    printf("the checkpoint of stream %s is now that of %s\n", old_name, new_name);
    if (stream->letters_bucket != NULL)
        printf("dead letters in S3 stay under %s%s/; move them to %s%s/ yourself\n",
               stream->dead_letters, old_name, stream->dead_letters, new_name);
    return FB_EXIT_OK;
}

/* The new name must be in the conf, or its checkpoint would belong to nobody. */
int fb_cmd_state_rename(const char *conf_path, const char *old_name, const char *new_name)
{
    struct fb_conf *conf = fb_cli_read_conf(conf_path);
    const struct fb_conf_stream *stream = conf == NULL ? NULL : demand_stream(conf, new_name);
    int status = FB_EXIT_WRONG;

    if (stream != NULL)
        status = rename_stream(conf, stream, old_name);
    fb_conf_free(conf);
    return status;
}
