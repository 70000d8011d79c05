/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge state backup`, `restore` and `reset`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/state_store.h"
#include "firebridge/state/backup.h"
#include "state_cmd.h"

static enum fb_status find_directory(const struct fb_conf *conf, char **ret_directory,
                                     struct fb_error *error)
{
    enum fb_status status = fb_environment_state_dir(conf, ret_directory);

    return status == FB_OK ? status : fb_fail(error, status, "out of memory");
}

static bool is_s3(const char *place)
{
    return strncmp(place, "s3://", 5) == 0;
}

int fb_state_cmd_backup(const struct fb_conf *conf, const struct fb_state_options *options,
                        char *const *operands)
{
    struct fb_error error = {0};
    char *directory = NULL;
    enum fb_status status = find_directory(conf, &directory, &error);

    (void)options;
    if (status == FB_OK && is_s3(operands[0]))
        status = fb_fail(&error, FB_INVALID,
                         "%s: expected the name of a file; it is the daemon that keeps a copy in "
                         "S3, where state_backup is in the conf",
                         operands[0]);
    if (status == FB_OK)
        status = fb_state_backup(directory, operands[0], &error);
    free(directory);
    if (status != FB_OK)
        return fb_cli_fail("%s", error.message);
    printf("the state is in %s\n", operands[0]);
    return FB_EXIT_OK;
}

/* "s3://BUCKET/KEY" into its parts, to be freed. */
static enum fb_status split_place(const char *place, char **ret_bucket, char **ret_key,
                                  struct fb_error *error)
{
    const size_t bucket = strcspn(place + 5, "/");
    const char *key = place + 5 + bucket;

    if (bucket == 0 || key[0] == '\0' || key[1] == '\0')
        return fb_fail(error, FB_INVALID, "%s: expected s3://BUCKET/KEY", place);
    *ret_bucket = strndup(place + 5, bucket);
    *ret_key = strdup(key + 1);
    if (*ret_bucket != NULL && *ret_key != NULL)
        return FB_OK;
    return fb_fail(error, FB_NO_MEMORY, "out of memory");
}

static enum fb_status fetch(const struct fb_conf *conf, const struct fb_state_store *to,
                            char **ret_path, struct fb_error *error)
{
    struct fb_environment *environment = NULL;
    struct fb_client client = {0};
    struct fb_state_store store = *to;
    enum fb_status status = fb_environment_new(conf, fb_clock_system(), &environment, error);

    if (status == FB_OK)
        status = fb_environment_client(environment, FB_SIDE_LETTERS, NULL, NULL, FB_STOP_NOT,
                                       &client, error);
    store.client = &client;
    if (status == FB_OK && client.credentials == NULL)
        status = fb_fail(error, FB_INVALID, "say in the conf that this is the state_backup");
    if (status == FB_OK)
        status = fb_state_store_get(&store, ret_path, error);
    if (client.transport != NULL)
        fb_environment_client_done(&client);
    fb_environment_free(environment);
    return status;
}

static enum fb_status restore_from_s3(const struct fb_conf *conf, const char *directory,
                                      const char *place, bool replace, char **ret_aside,
                                      struct fb_error *error)
{
    char *bucket = NULL;
    char *key = NULL;
    char *path = NULL;
    enum fb_status status = split_place(place, &bucket, &key, error);
    const struct fb_state_store store = {.bucket = bucket, .key = key, .directory = directory};

    if (status == FB_OK)
        status = fetch(conf, &store, &path, error);
    if (status == FB_OK)
        status = fb_state_restore(directory, path, replace, ret_aside, error);
    if (path != NULL)
        unlink(path);
    free(path);
    free(bucket);
    free(key);
    return status;
}

int fb_state_cmd_restore(const struct fb_conf *conf, const struct fb_state_options *options,
                         char *const *operands)
{
    const char *from = operands[0];
    struct fb_error error = {0};
    char *directory = NULL;
    char *aside = NULL;
    enum fb_status status = find_directory(conf, &directory, &error);

    if (status == FB_OK && is_s3(from))
        status = restore_from_s3(conf, directory, from, options->replace, &aside, &error);
    else if (status == FB_OK)
        status = fb_state_restore(directory, from, options->replace, &aside, &error);
    if (status == FB_OK) {
        printf("the state in %s is that of %s; what was done since is done again, in order\n",
               directory, from);
        if (aside != NULL)
            printf("the one before is %s\n", aside);
    }
    free(aside);
    free(directory);
    return status == FB_OK ? FB_EXIT_OK : fb_cli_fail("%s", error.message);
}

int fb_state_cmd_reset(const struct fb_conf *conf, const struct fb_state_options *options,
                       char *const *operands)
{
    struct fb_error error = {0};
    char *directory = NULL;
    char *aside = NULL;
    enum fb_status status = find_directory(conf, &directory, &error);

    (void)operands;
    if (status == FB_OK && !options->understand) {
        fprintf(stderr,
                "firebridge: without its state in %s every stream begins anew, at its start_at, "
                "and every\nobject from there on is processed again; say --i-understand\n",
                directory);
        free(directory);
        return FB_EXIT_USAGE;
    }
    if (status == FB_OK)
        status = fb_state_reset(directory, &aside, &error);
    if (status == FB_OK)
        printf("the state file is now %s; the next start begins anew\n", aside);
    free(aside);
    free(directory);
    return status == FB_OK ? FB_EXIT_OK : fb_cli_fail("%s", error.message);
}
