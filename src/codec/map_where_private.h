/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled condition: what map_where_parse.c makes and map_where.c runs.
 *
 * Steps run from the first to the last, on one truth. Jumps go forward only, over what can no
 * longer change it, so that running needs neither stack nor recursion.
 */
#ifndef FIREBRIDGE_CODEC_MAP_WHERE_PRIVATE_H
#define FIREBRIDGE_CODEC_MAP_WHERE_PRIVATE_H

#include "firebridge/codec/number.h"
#include "map_where.h"

enum fb_where_op {
    FB_WHERE_TEST, /* of that place: makes the truth */
    FB_WHERE_NOT,
    FB_WHERE_SKIP_IF_FALSE, /* to the step of that place */
    FB_WHERE_SKIP_IF_TRUE,
};

struct fb_where_step {
    enum fb_where_op op;
    uint32_t place;
};

struct fb_where_constant {
    enum fb_map_kind kind; /* FB_MAP_IS_NULL, _BOOL, _NUMBER, _STRING */
    const char *bytes;     /* in the condition's text */
    size_t size;
    struct fb_number number;
};

enum fb_where_kind {
    FB_WHERE_EXISTS,
    FB_WHERE_COMPARE,
    FB_WHERE_IN,
    FB_WHERE_LIKE,
};

/* How a value stands to a constant. Bits, of which a comparison takes some. */
enum fb_where_order {
    FB_WHERE_LESS = 1,
    FB_WHERE_EQUAL = 2,
    FB_WHERE_GREATER = 4,
    FB_WHERE_APART = 8, /* not there, or one of them null */
    FB_WHERE_OTHER_TYPE = 16,
};

struct fb_where_test {
    enum fb_where_kind kind;
    unsigned takes; /* of FB_WHERE_COMPARE */
    bool negated;
    struct fb_map_source source;
    uint32_t first_constant;
    uint32_t constant_count;
};

struct fb_map_where {
    char *text; /* quoted text is unescaped in it, in place; of a pattern, only the quotes */
    struct fb_where_step *steps;
    struct fb_where_test *tests;
    struct fb_where_constant *constants;
    uint32_t step_count, test_count, constant_count;
};

#endif
