/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "firebridge/app/conf.h"

enum fb_status fb_conf_layout(const struct fb_conf_stream *stream, struct fb_layout **ret_layout,
                              struct fb_error *error)
{
    struct fb_layout_options options = {.prefix = stream->prefix,
                                        .form = stream->layout,
                                        .time_zone = stream->time_zone,
                                        .exclude = (const char *const *)stream->exclude,
                                        .exclude_count = stream->exclude_count};

    return fb_layout_new(&options, ret_layout, error);
}

enum fb_status fb_conf_check_layouts(const struct fb_conf *conf, fb_conf_report_fn report,
                                     void *context)
{
    enum fb_status worst = FB_OK;

    for (size_t i = 0; i < conf->stream_count; i++) {
        const struct fb_conf_stream *stream = &conf->streams[i];
        struct fb_layout *layout = NULL;
        struct fb_error error = {0};
        char message[1024];
        enum fb_status status = fb_conf_layout(stream, &layout, &error);

        fb_layout_free(layout);
        if (status == FB_OK)
            continue;
        snprintf(message, sizeof message, "%s:%u: [stream %s]: %s", stream->file, stream->line,
                 stream->name, error.message);
        report(context, message);
        worst = status;
    }
    return worst;
}
