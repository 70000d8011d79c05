/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `firebridge state` that stand in another file. Private to src/app. */
#ifndef FIREBRIDGE_SRC_APP_STATE_CMD_H
#define FIREBRIDGE_SRC_APP_STATE_CMD_H

#include <stdbool.h>

#include "firebridge/app/conf.h"

struct fb_state_options {
    const char *conf_path;
    bool replace;
    bool understand;
};

int fb_state_cmd_backup(const struct fb_conf *conf, const struct fb_state_options *options,
                        char *const *operands);
int fb_state_cmd_restore(const struct fb_conf *conf, const struct fb_state_options *options,
                         char *const *operands);
int fb_state_cmd_reset(const struct fb_conf *conf, const struct fb_state_options *options,
                       char *const *operands);

#endif
