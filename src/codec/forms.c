/* SPDX-License-Identifier: Apache-2.0 */
/* The table of record forms. */
#include "form.h"

const struct fb_form *const fb_forms[] = {
    &fb_form_cloudwatch_logs,
    &fb_form_dynamodb_stream,
    &fb_form_dynamodb_json,
    &fb_form_firehose_errors,
    &fb_form_csv,
    &fb_form_tsv,
    &fb_form_lines,
    NULL,
};

static const char *const names[FB_FORMAT_COUNT] = {
    [FB_FORMAT_AUTO] = "auto",
    [FB_FORMAT_JSON] = "json",
    [FB_FORMAT_CLOUDWATCH_LOGS] = "cloudwatch-logs",
    [FB_FORMAT_DYNAMODB_JSON] = "dynamodb-json",
    [FB_FORMAT_DYNAMODB_STREAM] = "dynamodb-stream",
    [FB_FORMAT_FIREHOSE_ERRORS] = "firehose-errors",
    [FB_FORMAT_CSV] = "csv",
    [FB_FORMAT_TSV] = "tsv",
    [FB_FORMAT_LINES] = "lines",
};

const char *fb_format_name(enum fb_format format)
{
    return names[format];
}

const struct fb_form *fb_form_of(enum fb_format format)
{
    for (size_t i = 0; fb_forms[i] != NULL; i++)
        if (fb_forms[i]->format == format)
            return fb_forms[i];
    return NULL;
}

enum fb_status fb_format_check_mapping(enum fb_format format, struct fb_error *error)
{
    const struct fb_form *form = fb_form_of(format);

    if (form == NULL || !form->gives_items)
        return FB_OK;
    return fb_fail(error, FB_INVALID,
                   "format: %s gives items with their types, which take no mapping; leave out all "
                   "keys from where to write.map",
                   form->name);
}
