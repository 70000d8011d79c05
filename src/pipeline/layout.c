/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/layout.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "layout_private.h"

/* A wildcard may be tried at many places of a hostile key; no key of Firehose needs this many. */
#define MATCH_STEPS 4096

/* "-YYYY-MM-DD-HH-MM-SS-" */
#define NAME_TIME_LENGTH 21

static enum fb_status copy_excludes(struct fb_layout *layout,
                                    const struct fb_layout_options *options)
{
    if (options->exclude_count == 0)
        return FB_OK;
    layout->exclude = calloc(options->exclude_count, sizeof *layout->exclude);
    if (layout->exclude == NULL)
        return FB_NO_MEMORY;
    for (size_t i = 0; i < options->exclude_count; i++) {
        layout->exclude[i] = strdup(options->exclude[i]);
        if (layout->exclude[i] == NULL)
            return FB_NO_MEMORY;
        layout->exclude_count++;
    }
    return FB_OK;
}

static enum fb_status copy_root(struct fb_layout *layout, const char *prefix)
{
    const char *expression = strstr(prefix, "!{");
    size_t length = expression != NULL ? (size_t)(expression - prefix) : strlen(prefix);

    layout->root = strndup(prefix, length);
    return layout->root != NULL ? FB_OK : FB_NO_MEMORY;
}

enum fb_status fb_layout_new(const struct fb_layout_options *options, struct fb_layout **ret_layout,
                             struct fb_error *error)
{
    struct fb_layout *layout = calloc(1, sizeof *layout);
    enum fb_status status;

    if (layout == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    layout->form = options->form;
    status = fb_zone_load(options->time_zone, &layout->zone, error);
    /* A flat prefix is taken as it is: nothing is derived from its expressions. */
    if (status == FB_OK && options->form == FB_LAYOUT_FIREHOSE)
        status = fb_layout_parse(options->prefix, &layout->template, error);
    if (status != FB_OK)
        goto out;
    status = copy_root(layout, options->prefix);
    if (status == FB_OK)
        status = copy_excludes(layout, options);
    if (status != FB_OK) {
        status = fb_fail(error, status, "out of memory");
        goto out;
    }
    fb_layout_prepare_plan(layout);
    *ret_layout = layout;
    layout = NULL;
out:
    fb_layout_free(layout);
    return status;
}

void fb_layout_free(struct fb_layout *layout)
{
    if (layout == NULL)
        return;
    fb_layout_template_done(&layout->template);
    fb_zone_done(&layout->zone);
    for (size_t i = 0; i < layout->exclude_count; i++)
        free(layout->exclude[i]);
    free(layout->exclude);
    free(layout->root);
    free(layout);
}

const char *fb_layout_root(const struct fb_layout *layout)
{
    return layout->root;
}

bool fb_layout_is_whole(const struct fb_layout *layout)
{
    return layout->whole;
}

/* Developer guide, "Configure Amazon S3 object name format" and "Handle data delivery failures". */
bool fb_layout_is_error_output(const struct fb_layout *layout, const char *key)
{
    static const char *const outputs[] = {"processing-failed/", "format-conversion-failed/",
                                          "dynamic-partitioning-failed/"};
    size_t root = strlen(layout->root);

    if (strncmp(key, layout->root, root) != 0)
        return false;
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (strncmp(key + root, outputs[i], strlen(outputs[i])) == 0)
            return true;
    return false;
}

const char *fb_key_verdict_name(enum fb_key_verdict verdict)
{
    static const char *const names[] = {
        [FB_KEY_EXCLUDED] = "excluded",
        [FB_KEY_ERROR_OUTPUT] = "of Firehose's error output",
        [FB_KEY_FOLDER] = "for a folder",
        [FB_KEY_UNREADABLE] = "archived",
        [FB_KEY_FOREIGN] = "not of this prefix",
    };

    return names[verdict];
}

enum fb_key_verdict fb_layout_judge(const struct fb_layout *layout, const char *key,
                                    uint64_t size_bytes, const char *storage_class)
{
    size_t length = strlen(key);

    if (strncmp(key, layout->root, strlen(layout->root)) != 0)
        return FB_KEY_FOREIGN;
    if (size_bytes == 0 && length > 0 && key[length - 1] == '/')
        return FB_KEY_FOLDER;
    if (layout->form == FB_LAYOUT_FIREHOSE && fb_layout_is_error_output(layout, key))
        return FB_KEY_ERROR_OUTPUT;
    for (size_t i = 0; i < layout->exclude_count; i++)
        if (fnmatch(layout->exclude[i], key, 0) == 0)
            return FB_KEY_EXCLUDED;
    if (strcmp(storage_class, "GLACIER") == 0 || strcmp(storage_class, "DEEP_ARCHIVE") == 0)
        return FB_KEY_UNREADABLE;
    return FB_KEY_DATA;
}

/* A key held against the template. */
struct match {
    int values[FB_UNIT_COUNT];
    unsigned units; /* a bit for each value that is set */
    int *steps_left;
    struct fb_map_partition *spans; /* not NULL: of each piece that can be anything */
};

/* `digits` digits at `text` as the piece's unit; false when they are none, or contradict. */
static bool read_number(struct match *match, const struct fb_layout_piece *piece, const char *text,
                        int digits)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        value = value * 10 + (text[i] - '0');
    }
    if (piece->unit == FB_UNIT_YEAR && piece->width == 2)
        value += 2000;
    if ((match->units & (1U << piece->unit)) != 0 && match->values[piece->unit] != value)
        return false;
    match->values[piece->unit] = value;
    match->units |= 1U << piece->unit;
    return true;
}

static bool match_from(const struct fb_layout_template *template, size_t i, const char *key,
                       struct match *match);

static bool match_number(const struct fb_layout_template *template, size_t i, const char *key,
                         struct match *match)
{
    const struct fb_layout_piece *piece = &template->pieces[i];
    /* M is 1 to 12: of two digits where there are two. */
    int most = piece->width == 1 ? 2 : piece->width;

    for (int digits = most; digits >= piece->width; digits--) {
        struct match tried = *match;

        if (read_number(&tried, piece, key, digits) &&
            match_from(template, i + 1, key + digits, &tried)) {
            *match = tried;
            return true;
        }
    }
    return false;
}

static bool match_wildcard(const struct fb_layout_template *template, size_t i, const char *key,
                           struct match *match)
{
    const char *const begin = key;

    for (;; key++) {
        struct match tried = *match;

        if (match_from(template, i + 1, key, &tried)) {
            *match = tried;
            if (match->spans != NULL)
                match->spans[i] = (struct fb_map_partition){template->pieces[i].text, begin,
                                                            (size_t)(key - begin)};
            return true;
        }
        if (*key == '\0' || *match->steps_left <= 0)
            return false;
    }
}

static bool match_from(const struct fb_layout_template *template, size_t i, const char *key,
                       struct match *match)
{
    const struct fb_layout_piece *piece = &template->pieces[i];
    size_t length;

    if (i == template->count)
        return true;
    if (--*match->steps_left <= 0)
        return false;
    switch (piece->kind) {
    case FB_PIECE_NUMBER:
        return match_number(template, i, key, match);
    case FB_PIECE_LITERAL:
        length = strlen(piece->text);
        return strncmp(key, piece->text, length) == 0 &&
               match_from(template, i + 1, key + length, match);
    default:
        return match_wildcard(template, i, key, match);
    }
}

void fb_layout_partitions(const struct fb_layout *layout, const char *key,
                          struct fb_layout_partitions *ret)
{
    struct fb_map_partition spans[FB_LAYOUT_MAX_PIECES] = {0};
    int steps = MATCH_STEPS;
    struct match match = {.steps_left = &steps, .spans = spans};

    ret->count = 0;
    if (!match_from(&layout->template, 0, key, &match))
        return;
    /* Behind the last piece the object's name begins, and nothing says where. */
    for (size_t i = 0; i + 1 < layout->template.count; i++)
        if (layout->template.pieces[i].kind == FB_PIECE_PARTITION)
            ret->values[ret->count++] = spans[i];
}

size_t fb_layout_partition_names(const struct fb_layout *layout, const char **ret_names, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < layout->template.count && count < max; i++)
        if (layout->template.pieces[i].kind == FB_PIECE_PARTITION)
            ret_names[count++] = layout->template.pieces[i].text;
    return count;
}

/* The local time of six values; false when there is no such date. */
static bool make_civil(const int values[FB_UNIT_COUNT], struct fb_civil *ret_civil)
{
    struct fb_civil civil = {
        .year = values[FB_UNIT_YEAR],
        .month = values[FB_UNIT_MONTH],
        .day = values[FB_UNIT_DAY],
        .hour = values[FB_UNIT_HOUR],
        .minute = values[FB_UNIT_MINUTE],
        .second = values[FB_UNIT_SECOND],
    };
    struct fb_civil same;

    if (civil.year < 1970 || civil.year > 9999)
        return false;
    fb_time_to_civil(fb_time_from_civil(&civil), &same);
    *ret_civil = civil;
    return civil.month == same.month && civil.day == same.day && civil.hour == same.hour &&
           civil.minute == same.minute && civil.second == same.second;
}

/* The span of the folder that the key lies in, local and as instants [from, to). */
struct folder {
    int64_t local_ms, from_ms, to_ms;
};

static bool find_folder(const struct fb_layout *layout, const char *key, struct folder *folder)
{
    int steps = MATCH_STEPS;
    struct match match = {.values = {0, 1, 1, 0, 0, 0}, .steps_left = &steps};
    enum fb_layout_unit finest;
    struct fb_civil civil;
    int64_t local_to_ms;

    if (layout->template.count == 0 || !match_from(&layout->template, 0, key, &match) ||
        !fb_layout_units_complete(match.units, &finest) || !make_civil(match.values, &civil))
        return false;
    fb_layout_unit_span(&civil, finest, &folder->local_ms, &local_to_ms);
    return fb_zone_span(&layout->zone, folder->local_ms, local_to_ms, &folder->from_ms,
                        &folder->to_ms);
}

static bool read_name_time(const char *text, int64_t *ret_local_ms)
{
    static const char form[] = "-####-##-##-##-##-##-";
    int values[FB_UNIT_COUNT] = {0};
    int field = -1;
    struct fb_civil civil;

    for (size_t i = 0; i < NAME_TIME_LENGTH; i++) {
        if (form[i] == '-') {
            if (text[i] != '-')
                return false;
            field++;
        } else if (isdigit((unsigned char)text[i])) {
            values[field] = values[field] * 10 + (text[i] - '0');
        } else {
            return false;
        }
    }
    if (!make_civil(values, &civil))
        return false;
    *ret_local_ms = fb_time_from_civil(&civil);
    return true;
}

/* The last such text in the name counts: a stream's own name may hold one too. */
static bool find_name_time(const char *key, int64_t *ret_local_ms)
{
    const char *slash = strrchr(key, '/');
    const char *name = slash != NULL ? slash + 1 : key;
    size_t length = strlen(name);

    if (length < NAME_TIME_LENGTH)
        return false;
    for (const char *at = name + length - NAME_TIME_LENGTH; at >= name; at--)
        if (read_name_time(at, ret_local_ms))
            return true;
    return false;
}

int64_t fb_layout_key_time_ms(const struct fb_layout *layout, const char *key,
                              int64_t last_modified_ms)
{
    struct folder folder;
    int64_t local_ms, time_ms;
    bool in_folder = find_folder(layout, key, &folder);
    bool named = find_name_time(key, &local_ms);

    if (!in_folder && !named)
        return last_modified_ms;
    if (!named)
        local_ms = folder.local_ms;
    if (!fb_zone_instant(&layout->zone, local_ms, last_modified_ms, &time_ms))
        return in_folder ? folder.from_ms : last_modified_ms;
    if (!in_folder)
        return time_ms;
    if (time_ms < folder.from_ms)
        return folder.from_ms;
    return time_ms >= folder.to_ms ? folder.to_ms - 1 : time_ms;
}

int64_t fb_layout_folder_end_ms(const struct fb_layout *layout, const char *key)
{
    struct folder folder;

    return find_folder(layout, key, &folder) ? folder.to_ms : INT64_MAX;
}
