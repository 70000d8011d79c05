/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The marker of a run of additions: an item that is written in the same transaction, and whose
 * being there says that the run is. Runs of an object follow one another without a gap: a marker's
 * key holds the stream, the object, its ETag and the place where the run begins, a reserved
 * attribute the place where it ends and the next one begins. In a table of its own it also says to
 * which table the run was added; one that says nothing is of a version that did not. So whoever
 * knows the object finds out what is done of it, and needs neither the state file nor the conf that
 * it was done with.
 *
 *     firebridge|STREAM|s3://BUCKET/KEY|ETAG  and  PLACE     with a sort key
 *     firebridge|STREAM|s3://BUCKET/KEY|ETAG|PLACE           without
 *
 * A replay that adds again has markers of its own: "|again MILLISECONDS" stands behind the ETag.
 *
 * Threads: the options are read by any.
 */
#ifndef FIREBRIDGE_PIPELINE_MARKER_H
#define FIREBRIDGE_PIPELINE_MARKER_H

#include <jansson.h>

#include "firebridge/base/buffer.h"
#include "firebridge/codec/key.h"
#include "firebridge/state/state.h"

#define FB_MARKER_PREFIX    "firebridge|"
#define FB_MARKER_ATTRIBUTE "firebridge"
#define FB_MARKER_TABLE     "firebridge_table"

/*
 * Where a run begins or ends: a byte of the decompressed object, and which of the records there;
 * that means the same under every conf. A run may also end between two outputs of a record. How
 * many are behind it means something only with the program that they are outputs of.
 *
 *     OFFSET.PART                    between records
 *     OFFSET.PART.OUTPUT.PROGRAM     within one; OUTPUT is not 0, PROGRAM eight hexadecimal digits
 */
struct fb_place {
    uint64_t offset_bytes;
    uint64_t part;
    uint64_t output;  /* so many outputs of the record there are before the place */
    uint32_t program; /* fb_mapping_transform_sum; 0 where `output` is */
};

static inline bool fb_place_is_before(struct fb_place a, struct fb_place b)
{
    if (a.offset_bytes != b.offset_bytes)
        return a.offset_bytes < b.offset_bytes;
    return a.part < b.part || (a.part == b.part && a.output < b.output);
}

struct fb_markers {
    const char *stream, *bucket;
    const char *table;
    const struct fb_key_schema *schema; /* of that table */
    const char *ttl_attribute;
    int64_t ttl_ms;
    /* Of the table that is added to, where that is another. Its ARN alone may come to be that of a
     * new table, to which nothing was added. */
    const char *target_arn; /* NULL: markers stand beside what is added */
    int64_t target_created_ms;
};

/* Whether the table can hold markers: FB_UNSUPPORTED with what to do where a key is a number, or is
 * called as one of a marker's attributes. */
enum fb_status fb_markers_check(const struct fb_markers *markers,
                                struct fb_error *error) FB_MUST_CHECK;

/* Appends the key, {"id":{"S":"..."}}. FB_NO_MEMORY, FB_TOO_LARGE. */
enum fb_status fb_marker_append_key(const struct fb_markers *markers,
                                    const struct fb_state_object *object, struct fb_place begin,
                                    struct fb_buffer *out) FB_MUST_CHECK;

/* Appends the transaction's action that puts it unless it is there. */
enum fb_status fb_marker_append_put(const struct fb_markers *markers,
                                    const struct fb_state_object *object, struct fb_place begin,
                                    struct fb_place end, int64_t now_ms,
                                    struct fb_buffer *out) FB_MUST_CHECK;

/* Where the run ends that an item is the marker of. FB_CONFLICT when it is no marker, or one of
 * what was added to another table. */
enum fb_status fb_marker_read(const struct fb_markers *markers, const json_t *item,
                              struct fb_place *ret_end, struct fb_error *error) FB_MUST_CHECK;

/* Whether an item's canonical key is as only a marker's may be. */
bool fb_marker_owns_key(const struct fb_key_schema *schema, const char *key, size_t key_size);

#endif
