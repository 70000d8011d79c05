/* SPDX-License-Identifier: Apache-2.0 */
/* What commands may ask of the daemon; control.h says how a verb is written. */
#include <string.h>

#include "daemon.h"
#include "firebridge/app/conf_keys.h"
#include "firebridge/base/log.h"

static const char *const hold_words[] = {
    [FB_HOLD_NOTHING] = "goes on",
    [FB_HOLD_TAKING_UP] = "takes up no more objects",
    [FB_HOLD_READING] = "is paused",
};

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
                     "log level: %s from now on, until the conf is read again", name);
    json_object_set_new(answer, "was", json_string(fb_log_level_name(was)));
    return FB_OK;
}

static enum fb_status hold(void *context, const json_t *request, json_t *answer,
                           struct fb_error *error, enum fb_hold hold)
{
    struct fb_daemon *daemon = context;
    struct fb_daemon_stream *only;
    enum fb_status status = fb_daemon_find(daemon, request, &only, error);
    json_t *names;

    if (status != FB_OK)
        return status;
    names = json_array();
    for (size_t i = 0; i < daemon->stream_count; i++) {
        struct fb_daemon_stream *stream = daemon->streams[i];

        if (only != NULL && only != stream)
            continue;
        fb_stream_hold(stream->stream, hold);
        fb_log_event(FB_EVENT_STREAM_HELD, FB_ABOUT(.stream = stream->conf->name),
                     "it %s, by command", hold_words[hold]);
        json_array_append_new(names, json_string(stream->conf->name));
    }
    json_object_set_new(answer, "streams", names);
    return FB_OK;
}

static enum fb_status pause_streams(void *context, const json_t *request, json_t *answer,
                                    struct fb_error *error)
{
    return hold(context, request, answer, error, FB_HOLD_READING);
}

static enum fb_status drain_streams(void *context, const json_t *request, json_t *answer,
                                    struct fb_error *error)
{
    return hold(context, request, answer, error, FB_HOLD_TAKING_UP);
}

static enum fb_status resume_streams(void *context, const json_t *request, json_t *answer,
                                     struct fb_error *error)
{
    return hold(context, request, answer, error, FB_HOLD_NOTHING);
}

/* What came of it is in status. */
static enum fb_status reload(void *context, const json_t *request, json_t *answer,
                             struct fb_error *error)
{
    struct fb_daemon *daemon = context;

    (void)request;
    if (daemon->options->once)
        return fb_fail(error, FB_UNSUPPORTED, "run --once does not read its conf anew");
    json_object_set_new(answer, "number", json_integer(fb_reload_ask(daemon)));
    return FB_OK;
}

const struct fb_control_verb fb_daemon_verbs[] = {
    {"status", fb_status_verb},
    {"pause", pause_streams},
    {"resume", resume_streams},
    {"drain", drain_streams},
    {"reload", reload},
    {"log-level", set_log_level},
    {NULL, NULL},
};
