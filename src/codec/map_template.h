/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template makes one attribute's value from a record:
 *
 *     user#{user_id}                                   literal text and placeholders: a string
 *     {event_type}#{ts:time=ms,format=%Y-%m-%dT%H:%M:%SZ}
 *     {ts:time=ms,add=90d,as=epoch}                    one placeholder with `as`: that type
 *
 * A placeholder is {SOURCE} or {SOURCE:FUNCTION,FUNCTION=ARGUMENT,...}; functions apply from left
 * to right. An argument ends at an unquoted `,` or `}`; `:` is plain in it; it may stand in double
 * quotes, with \" and \\ for those two. `{{` and `}}` are braces. A template is UTF-8.
 *
 *     time=s               reads a time: seconds since 1970, a number or a string of one; ms, us
 *                          and ns likewise
 *     time=rfc3339         reads a string like 2026-11-22T10:00:00.5+01:00
 *     time=PATTERN         reads a string by a pattern like %d/%b/%Y (map_time.h), in UTC
 *     format=PATTERN       writes a time; without it, and without `as`, it is RFC 3339
 *     add=DURATION         moves a time: 90d, -5min; ms, s, min, h, d, w
 *     lower, upper         letters of ASCII
 *     trim                 blanks of ASCII at both ends
 *     pad=N                zeros before a whole number of at most N digits, so that it sorts as
 *                          text; however it is spelled: 1e2 is 100. A negative one is a fault
 *     slice=FROM[-TO]      characters (code points), from 0, TO not included; what is not there is
 *                          left out
 *     hash, hash=N         SHA-256 in hexadecimal; its first N digits
 *     default=TEXT         what is in hand where the path is not there or null: functions before
 *                          it are passed over then, those behind it apply. default="" is empty
 *     as=TYPE              stands last:
 *         string           a number, true and false as they are spelled; no array or object
 *         number           a number, or a string that is exactly one
 *         bool             true, false, "true", "false"
 *         binary           a string that is base64, strictly
 *         json             the value's JSON as a string, as the record has it
 *         string_set       of an array, or of one value: strings, and the text of numbers and
 *                          booleans. What is in it twice is written once; no empty set
 *         number_set       numbers, and strings that are; 1 and 1.0 are one, as first spelled
 *         list             an array with all that is in it, or one value
 *         epoch, epoch_ms  of a time: whole seconds or milliseconds since 1970, rounded down
 *
 * Times are of the years 0001 to 9999; another is a fault. A template of several pieces is a
 * string; in it, `as` checks a piece, whose text is taken: json, number, bool, epoch and epoch_ms.
 *
 * Types are exact: a number taken into a string is its own text; what cannot be the type that is
 * asked for is a fault and never a guess.
 *
 * Threads: a template is read by any; whoever evaluates has a scratch of his own.
 */
#ifndef FIREBRIDGE_CODEC_MAP_TEMPLATE_H
#define FIREBRIDGE_CODEC_MAP_TEMPLATE_H

#include "firebridge/base/buffer.h"
#include "firebridge/codec/transcode.h"
#include "map_path.h"

enum fb_map_type {
    FB_MAP_TYPE_STRING,
    FB_MAP_TYPE_NUMBER,
    FB_MAP_TYPE_BINARY,
    FB_MAP_TYPE_OTHER, /* what no key attribute can be */
};

struct fb_map_template;

/*
 * Compiles `text`. Its paths get slots in `tree`. FB_INVALID with the place (a column, from 1) and
 * what was expected; FB_NO_MEMORY.
 */
enum fb_status fb_map_template_new(const char *text, struct fb_map_tree *tree,
                                   struct fb_map_template **ret_template,
                                   struct fb_error *error) FB_MUST_CHECK;
void fb_map_template_free(struct fb_map_template *map_template);

/* What all of its values are. */
enum fb_map_type fb_map_template_type(const struct fb_map_template *map_template);

/* Buffers that are used again; one for each thread that maps. */
struct fb_map_scratch {
    struct fb_buffer parts[3]; /* of a value on its way */
    struct fb_buffer out;
    struct fb_transcoder *transcoder; /* of as=list; made for the first one */
};

void fb_map_scratch_init(struct fb_map_scratch *scratch);
void fb_map_scratch_done(struct fb_map_scratch *scratch);

struct fb_map_fault {
    char message[128]; /* what is wrong with which path or function */
};

/*
 * Appends the value in DynamoDB's form, {"S":"..."}, to scratch->out; what is written is valid JSON
 * and within DynamoDB's limits for such a value. *ret_counted_bytes: as DynamoDB counts it.
 *
 * FB_OK; FB_NOT_FOUND: a path without a default is not there, or null (its name is in the fault);
 * FB_INVALID: a function cannot do it; FB_TOO_LARGE; FB_NO_MEMORY. On failure the buffer is as it
 * was.
 */
enum fb_status fb_map_template_write(const struct fb_map_template *map_template,
                                     const struct fb_map_record *record,
                                     struct fb_map_scratch *scratch, uint32_t *ret_counted_bytes,
                                     struct fb_map_fault *ret_fault) FB_MUST_CHECK;

#endif
