/* SPDX-License-Identifier: Apache-2.0 */
/* What the layout's files share: the parsed template and the time zone. */
#ifndef FIREBRIDGE_SRC_PIPELINE_LAYOUT_PRIVATE_H
#define FIREBRIDGE_SRC_PIPELINE_LAYOUT_PRIVATE_H

#include "firebridge/base/time.h"
#include "firebridge/pipeline/layout.h"

/* From coarse to fine: a finer unit has the greater number. */
enum fb_layout_unit {
    FB_UNIT_YEAR,
    FB_UNIT_MONTH,
    FB_UNIT_DAY,
    FB_UNIT_HOUR,
    FB_UNIT_MINUTE,
    FB_UNIT_SECOND,
    FB_UNIT_COUNT,
};

enum fb_layout_piece_kind {
    FB_PIECE_LITERAL,
    FB_PIECE_NUMBER,    /* a unit of the folder's time */
    FB_PIECE_PARTITION, /* a value of dynamic partitioning */
    FB_PIECE_RANDOM,
};

struct fb_layout_piece {
    enum fb_layout_piece_kind kind;
    char *text; /* of a literal; of a partition its name */
    enum fb_layout_unit unit;
    int width; /* digits at least; a year of two digits has 2, any other 4 */
};

#define FB_LAYOUT_MAX_PIECES 64

struct fb_layout_template {
    struct fb_layout_piece pieces[FB_LAYOUT_MAX_PIECES];
    size_t count;
};

enum fb_status fb_layout_parse(const char *prefix, struct fb_layout_template *ret_template,
                               struct fb_error *error) FB_MUST_CHECK;
void fb_layout_template_done(struct fb_layout_template *template);

/*
 * Offsets from UTC over the years: segment i holds from `from_ms` to the next one's. The first
 * and the last reach out to all time before and after.
 */
struct fb_zone_segment {
    int64_t from_ms, to_ms;
    int64_t offset_ms;
};

struct fb_zone {
    struct fb_zone_segment *segments;
    size_t count;
};

enum fb_status fb_zone_load(const char *name, struct fb_zone *ret_zone,
                            struct fb_error *error) FB_MUST_CHECK;
void fb_zone_done(struct fb_zone *zone);

/* The instants whose local time is in [from, to); false where there are none (a skipped hour). */
bool fb_zone_span(const struct fb_zone *zone, int64_t local_from_ms, int64_t local_to_ms,
                  int64_t *ret_from_ms, int64_t *ret_to_ms);

/*
 * The instant of a local time: of two readings the latest that is not after `not_after_ms`, else
 * the earlier. False where the clocks jumped over it.
 */
bool fb_zone_instant(const struct fb_zone *zone, int64_t local_ms, int64_t not_after_ms,
                     int64_t *ret_ms);

struct fb_layout {
    enum fb_layout_form form;
    struct fb_layout_template template;
    struct fb_zone zone;
    char *root;
    char **exclude;
    size_t exclude_count;
    /* How a plan is made, from the template: */
    bool whole;                 /* no folder can be derived: always the whole root */
    size_t time_cut;            /* the first piece that no listing's prefix reaches */
    enum fb_layout_unit finest; /* of the folders up to there */
    bool ordered;               /* their names sort as their times do */
};

/* Fills in what a plan needs of the template. */
void fb_layout_prepare_plan(struct fb_layout *layout);

/* True when `units` (a bit each) are the year and on without a gap; *ret_finest is the last. */
bool fb_layout_units_complete(unsigned units, enum fb_layout_unit *ret_finest);

/* The unit that begins at the whole `civil`'s fields, finer ones left out, in local time. */
void fb_layout_unit_span(const struct fb_civil *civil, enum fb_layout_unit unit,
                         int64_t *ret_from_local_ms, int64_t *ret_to_local_ms);

bool fb_layout_is_error_output(const struct fb_layout *layout, const char *key);

#endif
