/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which listings show all folders of a stretch of time. Number of ranges, for each value of the
 * partition keys that stand before the time: one when the folders' names sort as their times do,
 * else one a folder, and one over all that lies there when that would be over MAX_FOLDERS.
 */
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/buffer.h"
#include "layout_private.h"

#define MAX_FOLDERS      1000
#define MAX_PREFIX_BYTES 8192

/* Sorts behind every UTF-8 text. */
#define BEHIND_ALL "\xff"

/* 9999-12-31T23:59:59.999: a year has four digits, in a folder's name and in all our times. */
#define LAST_LOCAL_MS INT64_C(253402300799999)
#define DAY_MS        (INT64_C(24) * 3600 * 1000)

bool fb_layout_units_complete(unsigned units, enum fb_layout_unit *ret_finest)
{
    unsigned finest = 0;

    if ((units & 1U) == 0 || (units & (units + 1)) != 0)
        return false;
    while ((units >> (finest + 1)) != 0)
        finest++;
    *ret_finest = (enum fb_layout_unit)finest;
    return true;
}

void fb_layout_unit_span(const struct fb_civil *civil, enum fb_layout_unit unit,
                         int64_t *ret_from_local_ms, int64_t *ret_to_local_ms)
{
    struct fb_civil at = *civil;
    int *const fields[] = {&at.year, &at.month, &at.day, &at.hour, &at.minute, &at.second};

    for (unsigned i = (unsigned)unit + 1; i < FB_UNIT_COUNT; i++)
        *fields[i] = i == FB_UNIT_MONTH || i == FB_UNIT_DAY ? 1 : 0;
    *ret_from_local_ms = fb_time_from_civil(&at);
    ++*fields[unit]; /* timegm carries over */
    *ret_to_local_ms = fb_time_from_civil(&at);
}

static bool is_folder_unit(const struct fb_layout_piece *piece)
{
    return piece->kind == FB_PIECE_NUMBER && piece->unit <= FB_UNIT_HOUR;
}

/* A delimiter "/" finds a wildcard's values only where a slash ends them. */
static bool is_discoverable(const struct fb_layout_template *template, size_t i)
{
    const struct fb_layout_piece *piece = &template->pieces[i];

    return piece->kind == FB_PIECE_PARTITION && i + 1 < template->count &&
           piece[1].kind == FB_PIECE_LITERAL && strchr(piece[1].text, '/') != NULL;
}

void fb_layout_prepare_plan(struct fb_layout *layout)
{
    const struct fb_layout_template *template = &layout->template;
    unsigned units = 0;
    size_t i = 0;

    layout->whole = true;
    layout->ordered = true;
    while (i < template->count &&
           (template->pieces[i].kind == FB_PIECE_LITERAL || is_discoverable(template, i)))
        i++;
    for (; i < template->count; i++) {
        const struct fb_layout_piece *piece = &template->pieces[i];

        if (piece->kind == FB_PIECE_LITERAL)
            continue;
        if (!is_folder_unit(piece))
            break;
        /* Sorted: each is of fixed width, and follows from or refines those before it. */
        if (piece->width < 2 || (piece->unit > 0 && (units & (1U << (piece->unit - 1))) == 0))
            layout->ordered = false;
        units |= 1U << piece->unit;
    }
    layout->time_cut = i;
    if (layout->form == FB_LAYOUT_FIREHOSE)
        layout->whole = !fb_layout_units_complete(units, &layout->finest);
}

bool fb_layout_is_sequential(const struct fb_layout *layout)
{
    for (size_t i = 0; i < layout->time_cut; i++)
        if (layout->template.pieces[i].kind == FB_PIECE_PARTITION)
            return layout->whole;
    return layout->whole || layout->ordered;
}

int64_t fb_layout_folder_ms(const struct fb_layout *layout)
{
    static const int64_t hours[] = {
        [FB_UNIT_YEAR] = INT64_C(366) * 24,
        [FB_UNIT_MONTH] = INT64_C(31) * 24,
        [FB_UNIT_DAY] = 24,
        [FB_UNIT_HOUR] = 1,
    };

    return layout->whole ? INT64_MAX : hours[layout->finest] * 3600 * 1000;
}

void fb_layout_ranges_done(struct fb_layout_ranges *ranges)
{
    for (size_t i = 0; i < ranges->count; i++) {
        free(ranges->ranges[i].prefix);
        free(ranges->ranges[i].start_after);
        free(ranges->ranges[i].end);
    }
    free(ranges->ranges);
    *ranges = (struct fb_layout_ranges){0};
}

/* A new range over all that begins with `prefix`; NULL when memory is out. */
static struct fb_layout_range *add_range(struct fb_layout_ranges *ranges, const char *prefix,
                                         size_t length)
{
    struct fb_layout_range *range;

    if (ranges->count == ranges->capacity) {
        size_t capacity = ranges->capacity > 0 ? ranges->capacity * 2 : 4;
        struct fb_layout_range *grown = realloc(ranges->ranges, capacity * sizeof *grown);

        if (grown == NULL)
            return NULL;
        ranges->ranges = grown;
        ranges->capacity = capacity;
    }
    range = &ranges->ranges[ranges->count];
    *range = (struct fb_layout_range){.prefix = strndup(prefix, length)};
    if (range->prefix == NULL)
        return NULL;
    ranges->count++;
    return range;
}

static enum fb_status add_whole(struct fb_layout_ranges *ranges, const char *prefix)
{
    return add_range(ranges, prefix, strlen(prefix)) != NULL ? FB_OK : FB_NO_MEMORY;
}

static void drop_from(struct fb_layout_ranges *ranges, size_t count)
{
    while (ranges->count > count) {
        struct fb_layout_range *last = &ranges->ranges[--ranges->count];

        free(last->prefix);
        free(last->start_after);
        free(last->end);
    }
}

/* What a plan is being made of: the text so far, and where in the template it stands. */
struct place {
    const struct fb_layout *layout;
    struct fb_buffer text;
    size_t piece;
    int64_t from_ms, to_ms;
};

static enum fb_status append_number(struct fb_buffer *text, const struct fb_layout_piece *piece,
                                    const struct fb_civil *civil)
{
    const int values[] = {civil->year, civil->month, civil->day, civil->hour};
    int value = values[piece->unit];

    if (piece->unit == FB_UNIT_YEAR && piece->width == 2)
        value %= 100;
    return fb_buffer_printf(text, "%0*d", piece->width, value);
}

/* The folder of a local time, as a string that the caller frees. */
static enum fb_status make_folder(const struct place *place, int64_t local_ms, char **ret_folder)
{
    struct fb_buffer text;
    struct fb_civil civil;
    enum fb_status status;

    fb_time_to_civil(local_ms, &civil);
    fb_buffer_init(&text, MAX_PREFIX_BYTES);
    status = fb_buffer_append(&text, place->text.bytes, place->text.size);
    for (size_t i = place->piece; i < place->layout->time_cut && status == FB_OK; i++) {
        const struct fb_layout_piece *piece = &place->layout->template.pieces[i];

        if (piece->kind == FB_PIECE_LITERAL)
            status = fb_buffer_append_text(&text, piece->text);
        else
            status = append_number(&text, piece, &civil);
    }
    if (status == FB_OK)
        status = fb_buffer_terminate(&text);
    if (status == FB_OK) {
        *ret_folder = text.bytes;
        return FB_OK;
    }
    fb_buffer_done(&text);
    return status;
}

static int64_t at_most(int64_t time_ms, int64_t most_ms)
{
    return time_ms < most_ms ? time_ms : most_ms;
}

/* The local times that segment `i` shows between the two instants; false: none. */
static bool local_part(const struct fb_zone_segment *segment, int64_t from_ms, int64_t to_ms,
                       int64_t *ret_from_ms, int64_t *ret_to_ms)
{
    from_ms = from_ms < segment->from_ms ? segment->from_ms : from_ms;
    to_ms = to_ms >= segment->to_ms ? segment->to_ms - 1 : to_ms;
    *ret_from_ms = at_most(from_ms + segment->offset_ms, LAST_LOCAL_MS);
    *ret_to_ms = at_most(to_ms + segment->offset_ms, LAST_LOCAL_MS);
    return from_ms <= to_ms;
}

/* The earliest and the latest local time between two instants: clocks that fall back go twice
 * over the same. */
static void local_bounds(const struct fb_zone *zone, int64_t from_ms, int64_t to_ms,
                         int64_t *ret_low_ms, int64_t *ret_high_ms)
{
    *ret_low_ms = INT64_MAX;
    *ret_high_ms = INT64_MIN;
    for (size_t i = 0; i < zone->count; i++) {
        int64_t low_ms, high_ms;

        if (!local_part(&zone->segments[i], from_ms, to_ms, &low_ms, &high_ms))
            continue;
        *ret_low_ms = low_ms < *ret_low_ms ? low_ms : *ret_low_ms;
        *ret_high_ms = high_ms > *ret_high_ms ? high_ms : *ret_high_ms;
    }
}

static enum fb_status set_ends(struct fb_layout_range *range, const char *first, const char *last)
{
    size_t length = strlen(last);

    range->start_after = strdup(first);
    range->end = malloc(length + sizeof BEHIND_ALL);
    if (range->start_after == NULL || range->end == NULL)
        return FB_NO_MEMORY;
    memcpy(range->end, last, length);
    memcpy(range->end + length, BEHIND_ALL, sizeof BEHIND_ALL);
    return FB_OK;
}

static enum fb_status add_contiguous(const struct place *place, struct fb_layout_ranges *ranges)
{
    int64_t low_ms, high_ms;
    char *first = NULL, *last = NULL;
    struct fb_layout_range *range;
    enum fb_status status;
    size_t common = 0;

    local_bounds(&place->layout->zone, place->from_ms, place->to_ms, &low_ms, &high_ms);
    status = make_folder(place, low_ms, &first);
    if (status == FB_OK)
        status = make_folder(place, high_ms, &last);
    if (status != FB_OK)
        goto out;
    while (first[common] != '\0' && first[common] == last[common])
        common++;
    range = add_range(ranges, first, common);
    if (range == NULL)
        status = FB_NO_MEMORY;
    else if (first[common] != '\0')
        status = set_ends(range, first, last);
out:
    free(first);
    free(last);
    return status;
}

/* One range a folder of [low, high]; FB_TOO_LARGE when they would be too many. */
static enum fb_status add_folders(const struct place *place, int64_t low_ms, int64_t high_ms,
                                  size_t first, struct fb_layout_ranges *ranges)
{
    while (low_ms <= high_ms) {
        enum fb_status status;
        struct fb_civil civil;
        char *folder = NULL;
        int64_t start_ms;
        bool known;

        if (ranges->count - first >= MAX_FOLDERS)
            return FB_TOO_LARGE;
        status = make_folder(place, low_ms, &folder);
        if (status != FB_OK)
            return status;
        /* The hour that clocks go over twice. */
        known =
            ranges->count > first && strcmp(ranges->ranges[ranges->count - 1].prefix, folder) == 0;
        if (!known)
            status = add_whole(ranges, folder);
        free(folder);
        if (status != FB_OK)
            return status;
        fb_time_to_civil(low_ms, &civil);
        fb_layout_unit_span(&civil, place->layout->finest, &start_ms, &low_ms);
    }
    return FB_OK;
}

static enum fb_status add_scattered(const struct place *place, struct fb_layout_ranges *ranges)
{
    const struct fb_zone *zone = &place->layout->zone;
    enum fb_status status = FB_OK;
    size_t first = ranges->count;

    for (size_t i = 0; i < zone->count && status == FB_OK; i++) {
        int64_t low_ms, high_ms;

        if (local_part(&zone->segments[i], place->from_ms, place->to_ms, &low_ms, &high_ms))
            status = add_folders(place, low_ms, high_ms, first, ranges);
    }
    if (status != FB_TOO_LARGE)
        return status;
    drop_from(ranges, first);
    return add_whole(ranges, place->text.bytes);
}

/* Goes on from `place` over literals to what decides: a wildcard, or the time. */
static enum fb_status plan_from(struct place *place, struct fb_layout_ranges *ranges)
{
    const struct fb_layout_template *template = &place->layout->template;
    struct fb_layout_range *range;
    enum fb_status status = FB_OK;

    for (; template->pieces[place->piece].kind == FB_PIECE_LITERAL && status == FB_OK;
         place->piece++)
        status = fb_buffer_append_text(&place->text, template->pieces[place->piece].text);
    if (status == FB_OK)
        status = fb_buffer_terminate(&place->text);
    if (status != FB_OK)
        return status;
    if (template->pieces[place->piece].kind == FB_PIECE_NUMBER)
        return place->layout->ordered ? add_contiguous(place, ranges)
                                      : add_scattered(place, ranges);
    range = add_range(ranges, place->text.bytes, place->text.size);
    if (range == NULL)
        return FB_NO_MEMORY;
    range->discover = true;
    range->from_ms = place->from_ms;
    range->to_ms = place->to_ms;
    range->depth = place->piece;
    return FB_OK;
}

/* To what no zone makes an overflow of; a day behind the last local time is behind it everywhere.
 */
static int64_t clamp(int64_t time_ms)
{
    return time_ms < 0 ? 0 : at_most(time_ms, LAST_LOCAL_MS + DAY_MS);
}

enum fb_status fb_layout_plan(const struct fb_layout *layout, int64_t from_ms, int64_t to_ms,
                              struct fb_layout_ranges *ranges)
{
    struct place place = {
        .layout = layout,
        .from_ms = clamp(from_ms),
        .to_ms = clamp(to_ms),
    };
    enum fb_status status;

    if (from_ms > to_ms)
        return FB_OK;
    if (layout->whole)
        return add_whole(ranges, layout->root);
    fb_buffer_init(&place.text, MAX_PREFIX_BYTES);
    status = plan_from(&place, ranges);
    fb_buffer_done(&place.text);
    return status;
}

/* Where in `literal` a listing with delimiter "/" ends its prefixes. */
static size_t head_length(const char *literal)
{
    return (size_t)(strchr(literal, '/') - literal) + 1;
}

enum fb_status fb_layout_descend(const struct fb_layout *layout,
                                 const struct fb_layout_range *range, const char *prefix,
                                 struct fb_layout_ranges *ranges)
{
    const char *literal = layout->template.pieces[range->depth + 1].text;
    size_t head = head_length(literal), length = strlen(prefix), known = strlen(range->prefix);
    struct place place = {
        .layout = layout,
        .piece = range->depth + 2,
        .from_ms = range->from_ms,
        .to_ms = range->to_ms,
    };
    enum fb_status status;

    /* Something else that lies there, such as Firehose's own error output. */
    if (length < known + head || strncmp(prefix, range->prefix, known) != 0 ||
        strncmp(prefix + length - head, literal, head) != 0 ||
        fb_layout_is_error_output(layout, prefix))
        return FB_OK;
    fb_buffer_init(&place.text, MAX_PREFIX_BYTES);
    status = fb_buffer_append_text(&place.text, prefix);
    if (status == FB_OK)
        status = fb_buffer_append_text(&place.text, literal + head);
    if (status == FB_OK)
        status = plan_from(&place, ranges);
    fb_buffer_done(&place.text);
    return status;
}
