/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/command.h"

/* In the order of the overview. */
#define COMMANDS(command)                                                                          \
    command(run) command(check) command(explain) command(status) command(pause) command(resume)    \
        command(drain) command(replay) command(backfill) command(skip) command(redrive)            \
            command(verify) command(iam_policy) command(create_table) command(state)               \
                command(log_level) command(completion) command(version) command(help)

#define DECLARE(name) extern const struct fb_command fb_command_##name;
#define LIST(name)    &fb_command_##name,

COMMANDS(DECLARE)

static const struct fb_command *const commands[] = {COMMANDS(LIST)};

const struct fb_command *fb_command_at(size_t i)
{
    return i < sizeof commands / sizeof *commands ? commands[i] : NULL;
}
