/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of templates, a table: each checks its argument when the template is compiled, and
 * changes the value in hand when it is evaluated.
 *
 * Threads: pure functions; a scratch has one owner.
 */
#ifndef FIREBRIDGE_CODEC_MAP_FUNCTIONS_H
#define FIREBRIDGE_CODEC_MAP_FUNCTIONS_H

#include "firebridge/codec/number.h"
#include "map_template.h"
#include "map_time.h"

/* The value in hand. Its bytes are in the record, the template or the scratch. */
struct fb_map_operand {
    struct fb_map_value value;
    bool is_time; /* then `time` is it */
    struct fb_map_time time;
};

struct fb_map_call;

typedef enum fb_status (*fb_map_apply_fn)(const struct fb_map_call *call,
                                          struct fb_map_operand *operand,
                                          struct fb_map_scratch *scratch, const char **ret_what);

struct fb_map_call {
    const struct fb_map_function *function;
    fb_map_apply_fn apply;
    char *argument;       /* NULL: none was given */
    size_t from, to;      /* of slice; `to` of pad and hash */
    int decimals;         /* of time=s, ms, us, ns */
    int64_t milliseconds; /* of add */
};

enum fb_map_argument { FB_MAP_ARGUMENT_NONE, FB_MAP_ARGUMENT_MAYBE, FB_MAP_ARGUMENT_NEEDED };

enum fb_map_role {
    FB_MAP_CHANGES, /* the value in hand */
    FB_MAP_DEFAULT, /* is the value in hand when the source is not there */
    FB_MAP_AS,      /* says the type, as map_types.h has it */
};

struct fb_map_function {
    const char *name;
    const char *example; /* of its use */
    enum fb_map_role role;
    enum fb_map_argument argument;
    bool takes_time, gives_time; /* or another value */
    /* Sets what `apply` needs, or another `apply`; what is wrong with the argument, or NULL. */
    const char *(*compile)(struct fb_map_call *call);
    fb_map_apply_fn apply;
};

/* NULL: there is none of this name; *ret_nearest, if not NULL, may have been meant. */
const struct fb_map_function *fb_map_function_find(const char *name, const char **ret_nearest);

/*
 * For functions and types. FB_OK; FB_INVALID with what is wrong; FB_TOO_LARGE, FB_NO_MEMORY.
 */

/* Makes it a string: a number and a bool as they are spelled, a time in RFC 3339. */
enum fb_status fb_map_to_text(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                              const char **ret_what) FB_MUST_CHECK;

/* A number, or a string that is one, within DynamoDB's limits. The digits of *ret_number are in
 * the part that is free. */
enum fb_status fb_map_to_number(const struct fb_map_operand *operand,
                                struct fb_map_scratch *scratch, struct fb_number *ret_number,
                                const char **ret_what) FB_MUST_CHECK;

/* An empty buffer in which the value in hand is not. */
struct fb_buffer *fb_map_free_part(const struct fb_map_operand *operand,
                                   struct fb_map_scratch *scratch);

/* Makes what was written to a free part the value in hand, a string. */
void fb_map_set_text(struct fb_map_operand *operand, const struct fb_buffer *part);

#endif
