/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `as` can make of a value, a table: how it is checked, counted and written as DynamoDB's
 * JSON.
 *
 * Threads: pure functions; a scratch has one owner.
 */
#ifndef FIREBRIDGE_CODEC_MAP_TYPES_H
#define FIREBRIDGE_CODEC_MAP_TYPES_H

#include "map_functions.h"

struct fb_map_as {
    const char *name;
    enum fb_map_type type;
    bool takes_value, takes_time;
    /* Makes it a string, which is the value's text, and counts it. NULL: it has none. */
    enum fb_status (*to_text)(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                              uint32_t *ret_counted, const char **ret_what);
    const char *opens, *closes; /* around its text */
    /* Of what has no text: appends all of it to scratch->out. */
    enum fb_status (*write)(const struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                            uint64_t hash_seed, uint32_t *ret_counted, const char **ret_what);
};

/* NULL: there is none of this name; *ret_nearest, if not NULL, may have been meant. */
const struct fb_map_as *fb_map_as_find(const char *name, const char **ret_nearest);

/* What a template is where nothing else is said. */
const struct fb_map_as *fb_map_as_string(void);

/* Appends bytes as they stand inside a JSON string's quotes. */
enum fb_status fb_map_append_escaped(struct fb_buffer *out, const char *bytes,
                                     size_t size) FB_MUST_CHECK;

/* Sets: map_sets.c. */
enum fb_status fb_map_write_string_set(const struct fb_map_operand *operand,
                                       struct fb_map_scratch *scratch, uint64_t hash_seed,
                                       uint32_t *ret_counted, const char **ret_what) FB_MUST_CHECK;
enum fb_status fb_map_write_number_set(const struct fb_map_operand *operand,
                                       struct fb_map_scratch *scratch, uint64_t hash_seed,
                                       uint32_t *ret_counted, const char **ret_what) FB_MUST_CHECK;

#endif
