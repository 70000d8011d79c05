/* SPDX-License-Identifier: Apache-2.0 */
/* What the conf says about records, held against itself. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"

static bool is_rows(enum fb_format format)
{
    return format == FB_FORMAT_CSV || format == FB_FORMAT_TSV;
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* What is said, but not for this form, would be said in vain. */
static enum fb_status check_use(const struct fb_form_options *options, struct fb_error *error)
{
    const bool is_lines = options->format == FB_FORMAT_LINES;
    const struct {
        const char *key;
        bool is_set, is_used;
        const char *formats;
    } uses[] = {
        {"field_separator", options->field_separator != '\0', options->format == FB_FORMAT_CSV,
         "csv"},
        {"columns", options->column_count > 0, is_rows(options->format), "csv or tsv"},
        {"types", options->number_column_count > 0, is_lines || is_rows(options->format),
         "csv, tsv or lines"},
        {"pattern", options->pattern != NULL, is_lines, "lines"},
        {"fields", options->field_count > 0, is_lines, "lines"},
        {"unwrap", options->unwrap_message,
         options->format == FB_FORMAT_AUTO || options->format == FB_FORMAT_CLOUDWATCH_LOGS,
         "cloudwatch-logs or auto"},
    };

    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (uses[i].is_set && !uses[i].is_used)
            return fb_fail(error, FB_INVALID, "%s is for format = %s, and format is %s",
                           uses[i].key, uses[i].formats, fb_format_name(options->format));
    return FB_OK;
}

/* `left_out`: the name that may come again, or NULL. */
static enum fb_status check_names(const char *key, const char *const *names, size_t count,
                                  const char *left_out, struct fb_error *error)
{
    for (size_t i = 0; i < count; i++)
        if ((left_out == NULL || strcmp(names[i], left_out) != 0) && is_among(names[i], names, i))
            return fb_fail(error, FB_INVALID, "%s has \"%.100s\" twice", key, names[i]);
    return FB_OK;
}

/* Without columns the head of each object has the names. */
static enum fb_status check_types(const struct fb_form_options *options, struct fb_error *error)
{
    const bool is_lines = options->format == FB_FORMAT_LINES;
    const char *const *names = is_lines ? options->fields : options->columns;
    const size_t count = is_lines ? options->field_count : options->column_count;

    if (count == 0 && !is_lines)
        return FB_OK;
    for (size_t i = 0; i < options->number_column_count; i++)
        if (!is_among(options->number_columns[i], names, count))
            return fb_fail(error, FB_INVALID, "types has \"%.100s\", which is none of the %s",
                           options->number_columns[i], is_lines ? "fields" : "columns");
    return FB_OK;
}

/* Ours is an extended expression of POSIX; glibc would also take \1, which costs without bound. */
static bool has_back_reference(const char *pattern)
{
    for (const char *p = pattern; (p = strchr(p, '\\')) != NULL && p[1] != '\0'; p += 2)
        if (p[1] >= '1' && p[1] <= '9')
            return true;
    return false;
}

/* Of a pattern with its repetitions written out, as regcomp does it, at some KiB of memory each. */
#define PARTS_MAX 4000

/* The `]` that ends the bracket expression, or the pattern's end. */
static const char *end_of_bracket(const char *p)
{
    p += p[1] == '^' ? 2 : 1;
    if (*p == ']')
        p++;
    while (*p != '\0' && *p != ']') {
        const bool is_class = *p == '[' && p[1] != '\0' && strchr(":.=", p[1]) != NULL;
        const char close[] = {p[1], ']', '\0'};
        const char *end = is_class ? strstr(p + 2, close) : NULL;

        p = end == NULL ? p + 1 : end + 2;
    }
    return p;
}

/* How often regcomp writes out what stands before; 1 for what repeats nothing. */
static double times_of(const char *p)
{
    char *end;
    double times;

    if (*p != '{')
        return *p == '+' ? 2 : 1;
    times = (double)strtoul(p + 1, &end, 10);
    if (*end != ',')
        return times;
    return end[1] == '}' ? times + 1 : (double)strtoul(end + 1, NULL, 10);
}

/* What it costs to compile is known before: regcomp would take all memory, or the stack. */
static enum fb_status check_cost(const char *pattern, struct fb_error *error)
{
    double parts[FB_FIELDS_MAX + 1] = {0}; /* of the groups that are open */
    double last = 0;
    size_t depth = 0, groups = 0;

    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p == '(') {
            if (++groups > FB_FIELDS_MAX)
                return fb_fail(error, FB_INVALID, "pattern: over %d groups", FB_FIELDS_MAX);
            parts[++depth] = 1;
        } else if (*p == ')' && depth > 0) {
            last = parts[depth--];
            parts[depth] += last;
        } else if (strchr("{+*?", *p) != NULL) {
            const double times = times_of(p);

            p += *p == '{' ? strcspn(p, "}") : 0;
            parts[depth] += times > 1 ? last * (times - 1) : 0;
            last *= times > 1 ? times : 1;
        } else {
            p = *p == '[' ? end_of_bracket(p) : *p == '\\' && p[1] != '\0' ? p + 1 : p;
            last = 1;
            parts[depth]++;
        }
        if (parts[depth] > PARTS_MAX)
            return fb_fail(error, FB_INVALID,
                           "pattern: too large, it has over %d parts with its repetitions written "
                           "out",
                           PARTS_MAX);
        if (*p == '\0')
            break;
    }
    return FB_OK;
}

static enum fb_status check_pattern(const struct fb_form_options *options, struct fb_error *error)
{
    char reason[128];
    regex_t pattern;
    enum fb_status status;
    size_t groups;
    int result;

    if (options->pattern == NULL && options->field_count > 0)
        return fb_fail(error, FB_INVALID, "fields is set, but no pattern to cut them out");
    if (options->pattern == NULL)
        return FB_OK;
    if (has_back_reference(options->pattern))
        return fb_fail(error, FB_INVALID,
                       "pattern: a reference back, like \\1, is not for POSIX "
                       "extended regular expressions");
    status = check_cost(options->pattern, error);
    if (status != FB_OK)
        return status;
    result = regcomp(&pattern, options->pattern, REG_EXTENDED);
    if (result != 0) {
        regerror(result, &pattern, reason, sizeof reason);
        return fb_fail(error, FB_INVALID, "pattern: %s", reason);
    }
    groups = pattern.re_nsub;
    regfree(&pattern);
    if (groups != options->field_count)
        return fb_fail(error, FB_INVALID,
                       "pattern has %zu group%s, and fields has %zu name%s; name every group, with "
                       "- for one to leave out",
                       groups, groups == 1 ? "" : "s", options->field_count,
                       options->field_count == 1 ? "" : "s");
    return FB_OK;
}

/* A row must not end, nor a quote begin, where a field does. */
static enum fb_status check_separator(const struct fb_form_options *options, struct fb_error *error)
{
    const char separator = options->format == FB_FORMAT_TSV   ? '\t'
                           : options->field_separator != '\0' ? options->field_separator
                                                              : ',';

    if (separator == '"' || separator == '\n' || separator == '\r')
        return fb_fail(error, FB_INVALID,
                       "field_separator: a quote or the end of a line separates no fields");
    if (options->delimiter_size > 0 &&
        memchr(options->delimiter, separator, options->delimiter_size) != NULL)
        return fb_fail(error, FB_INVALID, "delimiter: it holds what separates fields");
    if (options->delimiter_size > 0 && options->format == FB_FORMAT_CSV &&
        memchr(options->delimiter, '"', options->delimiter_size) != NULL)
        return fb_fail(error, FB_INVALID, "delimiter: a quote ends no row of csv");
    return FB_OK;
}

/* Between two records of JSON it is passed over, and must not be how the next one begins. */
static enum fb_status check_bracket(const struct fb_form_options *options, struct fb_error *error)
{
    const char first = options->delimiter_size > 0 ? options->delimiter[0] : '\0';

    if (first == '{' || first == '[')
        return fb_fail(error, FB_INVALID,
                       "delimiter: it begins with a bracket, as records of JSON themselves do");
    return FB_OK;
}

enum fb_status fb_form_options_check(const struct fb_form_options *options, struct fb_error *error)
{
    enum fb_status status = check_use(options, error);

    if (options->delimiter_size > FB_DELIMITER_MAX_BYTES)
        return fb_fail(error, FB_INVALID, "delimiter: over %d bytes", FB_DELIMITER_MAX_BYTES);
    if (status == FB_OK)
        status = check_names("columns", options->columns, options->column_count, NULL, error);
    if (status == FB_OK)
        status =
            check_names("fields", options->fields, options->field_count, FB_FIELD_LEFT_OUT, error);
    if (status == FB_OK)
        status = check_names("types", options->number_columns, options->number_column_count, NULL,
                             error);
    if (status == FB_OK)
        status = check_types(options, error);
    if (status == FB_OK)
        status = check_pattern(options, error);
    if (status == FB_OK && is_rows(options->format))
        status = check_separator(options, error);
    else if (status == FB_OK && options->format != FB_FORMAT_LINES)
        status = check_bracket(options, error);
    return status;
}
