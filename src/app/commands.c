/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/command.h"

extern const struct fb_command fb_command_run, fb_command_check, fb_command_explain,
    fb_command_status, fb_command_pause, fb_command_resume, fb_command_drain, fb_command_reload,
    fb_command_redrive, fb_command_verify, fb_command_iam_policy, fb_command_create_table,
    fb_command_state, fb_command_log_level, fb_command_completion, fb_command_version,
    fb_command_help;

static const struct fb_command *const commands[] = {
    &fb_command_run,     &fb_command_check,     &fb_command_explain,    &fb_command_status,
    &fb_command_pause,   &fb_command_resume,    &fb_command_drain,      &fb_command_reload,
    &fb_command_redrive, &fb_command_verify,    &fb_command_iam_policy, &fb_command_create_table,
    &fb_command_state,   &fb_command_log_level, &fb_command_completion, &fb_command_version,
    &fb_command_help,
};

const struct fb_command *fb_command_at(size_t i)
{
    return i < sizeof commands / sizeof *commands ? commands[i] : NULL;
}
