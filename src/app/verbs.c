/* SPDX-License-Identifier: Apache-2.0 */
/* What commands may ask of the daemon; control.h says how a verb is written. */
#include <string.h>

#include "daemon.h"
#include "firebridge/app/conf_keys.h"
#include "firebridge/base/log.h"

static enum fb_status set_log_level(void *context, const json_t *request, json_t *answer,
                                    struct fb_error *error)
{
    const char *name = json_string_value(json_object_get(request, "level"));
    const enum fb_log_level was = fb_log_level();
    enum fb_log_level level;

    (void)context;
    if (name == NULL || !fb_log_level_find(name, &level))
        return fb_fail(error, FB_INVALID,
                       "log-level: expected error, warning, notice, info or debug");
    fb_log_set_level(level);
    if (level != was)
        fb_log_event(FB_EVENT_LOG_LEVEL_CHANGED, NULL,
                     "log level: %s from now on, until a restart or another command", name);
    json_object_set_new(answer, "was", json_string(fb_log_level_name(was)));
    return FB_OK;
}

const struct fb_control_verb fb_daemon_verbs[] = {
    {"log-level", set_log_level},
    {NULL, NULL},
};
