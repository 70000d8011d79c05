/* SPDX-License-Identifier: Apache-2.0 */
/* From a stream's conf to what its parts are made with. */
#include <stdio.h>

#include "firebridge/app/conf.h"

static const char *const *names_of(const struct fb_conf_list *list)
{
    return (const char *const *)list->entries;
}

enum fb_status fb_conf_layout(const struct fb_conf_stream *stream, struct fb_layout **ret_layout,
                              struct fb_error *error)
{
    struct fb_layout_options options = {.prefix = stream->prefix,
                                        .form = stream->layout,
                                        .time_zone = stream->time_zone,
                                        .exclude = names_of(&stream->exclude),
                                        .exclude_count = stream->exclude.count};

    return fb_layout_new(&options, ret_layout, error);
}

struct fb_object_reader_options fb_conf_reader_options(const struct fb_conf_stream *stream)
{
    return (struct fb_object_reader_options){
        .max_record_size = stream->max_record_size,
        .inflate = {.compression = stream->compression,
                    .max_expansion = stream->max_expansion,
                    .max_inflated_size = stream->max_inflated_size,
                    .max_layers = stream->max_layers},
        .form = {.format = stream->format,
                 .delimiter = stream->delimiter.bytes,
                 .delimiter_size = stream->delimiter.size,
                 .field_separator = stream->field_separator,
                 .columns = names_of(&stream->columns),
                 .column_count = stream->columns.count,
                 .number_columns = names_of(&stream->number_columns),
                 .number_column_count = stream->number_columns.count,
                 .pattern = stream->pattern,
                 .fields = names_of(&stream->fields),
                 .field_count = stream->fields.count,
                 .unwrap_message = stream->unwrap == FB_UNWRAP_MESSAGE},
    };
}

static enum fb_status check_stream(const struct fb_conf_stream *stream, struct fb_error *error)
{
    const struct fb_object_reader_options reader = fb_conf_reader_options(stream);
    struct fb_layout *layout = NULL;
    enum fb_status status = fb_conf_layout(stream, &layout, error);

    fb_layout_free(layout);
    return status == FB_OK ? fb_form_options_check(&reader.form, error) : status;
}

enum fb_status fb_conf_check_streams(const struct fb_conf *conf, fb_conf_report_fn report,
                                     void *context)
{
    enum fb_status worst = FB_OK;

    for (size_t i = 0; i < conf->stream_count; i++) {
        const struct fb_conf_stream *stream = &conf->streams[i];
        struct fb_error error = {0};
        char message[1024];
        enum fb_status status = check_stream(stream, &error);

        if (status == FB_OK)
            continue;
        snprintf(message, sizeof message, "%s:%u: [stream %s]: %s", stream->file, stream->line,
                 stream->name, error.message);
        report(context, message);
        worst = status;
    }
    return worst;
}
