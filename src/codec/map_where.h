/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A condition on a record:
 *
 *     event_type in (view, purchase) and product.price >= 10 and not exists(test)
 *
 * Comparisons: = (or ==), !=, <, <=, >, >=, in (..), not in (..), like "a*b?", not like "a*b?";
 * exists(SOURCE), which is true for null too; not, and, or, parentheses: `not` binds closest, then
 * `and`. The left side is a source (map_path.h), the right one a value. Words of the condition are
 * in small letters; a field that is called `not` stands in double quotes, and so does one whose
 * name reads as a number.
 *
 * Values are numbers as JSON spells them, words (letters, digits, _ - . : / @ #), or text in double
 * or single quotes, with \", \' and \\ for those three. Unquoted true, false and null are
 * themselves. In a pattern `*` is any run of characters and `?` any one; \* and \? are those two.
 * What follows `like` is always text, and a word there may have * and ? in it.
 *
 * Numbers compare as decimals, exactly (exponents of more than 15 digits count as alike); strings
 * by their UTF-8 bytes, a code point being the same however it is escaped; booleans and null only
 * by =,
 * != and in. A comparison of different types, or with what is not there, is false, and its opposite
 * (!=, not in, not like) is true. It is counted where the types differ; null differs from none.
 *
 * Threads: a condition is read by any.
 */
#ifndef FIREBRIDGE_CODEC_MAP_WHERE_H
#define FIREBRIDGE_CODEC_MAP_WHERE_H

#include "map_path.h"

#define FB_MAP_WHERE_DEPTH_MAX  32   /* of parentheses and `not` */
#define FB_MAP_WHERE_VALUES_MAX 1000 /* of one `in` */

struct fb_map_where;

/* FB_INVALID with the place (a column, from 1, in characters) and what was expected; FB_TOO_LARGE,
 * FB_NO_MEMORY. */
enum fb_status fb_map_where_new(const char *text, struct fb_map_tree *tree,
                                struct fb_map_where **ret_where,
                                struct fb_error *error) FB_MUST_CHECK;
void fb_map_where_free(struct fb_map_where *where);

/*
 * Adds the comparisons of different types to *mismatches. Allocates nothing but what OpenSSL does
 * for @sha256, @uuid5 and @shard, for which alone it can fail: FB_NO_MEMORY.
 */
enum fb_status fb_map_where_test(const struct fb_map_where *where,
                                 const struct fb_map_record *record, uint64_t *mismatches,
                                 bool *ret_holds) FB_MUST_CHECK;

#endif
