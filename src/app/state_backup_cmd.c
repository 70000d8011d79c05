/* SPDX-License-Identifier: Apache-2.0 */
/* `firebridge state backup`, `restore` and `reset`. */
#include <stdio.h>
#include <stdlib.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/environment.h"
#include "firebridge/state/backup.h"
#include "state_cmd.h"

static enum fb_status find_directory(const struct fb_conf *conf, char **ret_directory,
                                     struct fb_error *error)
{
    enum fb_status status = fb_environment_state_dir(conf, ret_directory);

    return status == FB_OK ? status : fb_fail(error, status, "out of memory");
}

int fb_state_cmd_backup(const struct fb_conf *conf, const struct fb_state_options *options,
                        char *const *operands)
{
    struct fb_error error = {0};
    char *directory = NULL;
    enum fb_status status = find_directory(conf, &directory, &error);

    (void)options;
    if (status == FB_OK)
        status = fb_state_backup(directory, operands[0], &error);
    free(directory);
    if (status != FB_OK)
        return fb_cli_fail("%s", error.message);
    printf("the state is in %s\n", operands[0]);
    return FB_EXIT_OK;
}

int fb_state_cmd_restore(const struct fb_conf *conf, const struct fb_state_options *options,
                         char *const *operands)
{
    struct fb_error error = {0};
    char *directory = NULL;
    char *aside = NULL;
    enum fb_status status = find_directory(conf, &directory, &error);

    if (status == FB_OK)
        status = fb_state_restore(directory, operands[0], options->replace, &aside, &error);
    if (status == FB_OK) {
        printf("the state in %s is that of %s; what was done since is done again, in order\n",
               directory, operands[0]);
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
