/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the table should have under one key, by the records of it that were read, and whether it
 * has that. How much can be said depends on the write modes:
 *
 *     put, delete   all of the item, or none; an insert or a newer behind them, too
 *     insert        something: what was there before stays
 *     newer         a version that is as great at least
 *     update        the attributes that were set, and no others
 *     add           nothing: a sum is of more than what was read
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_PIPELINE_EXPECTATION_H
#define FIREBRIDGE_PIPELINE_EXPECTATION_H

#include <jansson.h>

#include "firebridge/base/buffer.h"
#include "firebridge/codec/key.h"
#include "firebridge/codec/operation.h"

enum fb_expected {
    FB_EXPECT_UNKNOWN,    /* anything */
    FB_EXPECT_EXACT,      /* the item */
    FB_EXPECT_NONE,       /* no item */
    FB_EXPECT_SOME,       /* an item */
    FB_EXPECT_VERSION,    /* one whose version is not less */
    FB_EXPECT_ATTRIBUTES, /* one with these attributes; a null is none, or null */
};

/* Items are DynamoDB's JSON, ended by a NUL, with FB_TEXT_SLACK bytes behind that may be read. */
struct fb_expectation {
    enum fb_expected kind;
    const char *item; /* of FB_EXPECT_NONE and FB_EXPECT_UNKNOWN the key is in it, at least */
    size_t item_size;
};

struct fb_expected_write {
    enum fb_operation operation;
    const char *item; /* as above */
    size_t item_size;
    const struct fb_key_schema *schema;
    const char *version_attribute; /* of FB_NEWER; NULL: there is none */
    bool removes_nulls;            /* of FB_UPDATE */
};

/*
 * What is expected after the write, where `before` was (NULL: nothing is known). *ret_after points
 * to the write's item, to that of `before`, or to `scratch`, which is used for items that are
 * merged. FB_NO_MEMORY, FB_TOO_LARGE.
 */
enum fb_status fb_expectation_after(const struct fb_expectation *before,
                                    const struct fb_expected_write *write,
                                    struct fb_buffer *scratch,
                                    struct fb_expectation *ret_after) FB_MUST_CHECK;

enum fb_found {
    FB_FOUND_AS_EXPECTED,
    FB_FOUND_MISSING,
    FB_FOUND_DIFFERENT,
    FB_FOUND_UNDELETED,    /* and there should be none */
    FB_FOUND_EXPIRED,      /* missing, and its time to live is over */
    FB_FOUND_INCOMPARABLE, /* JSON that jansson does not take: a NUL in an attribute's name */
};

/* How they differ: the first attribute that does, and both of its values; the caller's to free. */
struct fb_difference {
    char *attribute;          /* NULL: none in particular */
    json_t *expected, *found; /* NULL: not there */
};

void fb_difference_done(struct fb_difference *difference);

struct fb_comparison {
    const char *version_attribute; /* NULL: none */
    const char *ttl_attribute;     /* NULL: items do not expire */
    int64_t now_ms;
    /* Attributes that hold the time at which they were made; they are not compared. */
    const char *const *volatiles;
    size_t volatile_count;
};

/* `found` NULL: there is no item. *ret_difference is written for FB_FOUND_DIFFERENT alone. */
enum fb_found fb_expectation_compare(const struct fb_expectation *expectation, const char *found,
                                     size_t found_size, const struct fb_comparison *comparison,
                                     struct fb_difference *ret_difference);

/* Two values in DynamoDB's JSON, {"N":"1"}: numbers by their value, sets in any order. */
bool fb_values_are_equal(const json_t *a, const json_t *b);

#endif
