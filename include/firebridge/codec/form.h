/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms that records have inside an object, and what the conf says about them.
 *
 * Forms are a table (src/codec/forms.c).
 */
#ifndef FIREBRIDGE_CODEC_FORM_H
#define FIREBRIDGE_CODEC_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "firebridge/base/status.h"

enum fb_format {
    FB_FORMAT_AUTO, /* one of the JSON forms, by an object's first record */
    FB_FORMAT_JSON,
    FB_FORMAT_CLOUDWATCH_LOGS,
    FB_FORMAT_DYNAMODB_JSON,
    FB_FORMAT_DYNAMODB_STREAM,
    FB_FORMAT_FIREHOSE_ERRORS,
    FB_FORMAT_CSV,
    FB_FORMAT_TSV,
    FB_FORMAT_LINES,
};

#define FB_FORMAT_COUNT 9

#define FB_DELIMITER_MAX_BYTES 16

/* Groups of a pattern, and the name of one that is not kept. */
#define FB_FIELDS_MAX     63
#define FB_FIELD_LEFT_OUT "-"

/* All strings belong to the caller and outlive whoever was given the options. */
struct fb_form_options {
    enum fb_format format;
    const char *delimiter; /* between records; may hold NUL; size 0: a newline */
    size_t delimiter_size;
    char field_separator;       /* of csv; '\0': a comma */
    const char *const *columns; /* of csv and tsv; none: the first line names them */
    size_t column_count;
    const char *const *number_columns; /* whose values are numbers; the others are strings */
    size_t number_column_count;
    const char *pattern;       /* of lines: a POSIX extended regular expression; NULL: none */
    const char *const *fields; /* what its groups are called, in their order; "-" leaves one out */
    size_t field_count;
    bool unwrap_message; /* of cloudwatch-logs: a message that is a JSON object is merged in */
};

/* "auto", "json", "cloudwatch-logs", ... */
const char *fb_format_name(enum fb_format format);

/* FB_INVALID: its records come as items with their types, which take no mapping. */
enum fb_status fb_format_check_mapping(enum fb_format format, struct fb_error *error) FB_MUST_CHECK;

/* FB_INVALID with what does not go together or cannot be compiled. */
enum fb_status fb_form_options_check(const struct fb_form_options *options,
                                     struct fb_error *error) FB_MUST_CHECK;

#endif
