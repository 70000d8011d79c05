/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record: JSON text in, DynamoDB's attribute-value JSON out, with the item's size as DynamoDB
 * counts it and its canonical key. One pass, no tree, no recursion, no allocation per record.
 *
 * Where DynamoDB draws a line, the line is DynamoDB Local 1.25's, probed byte by byte: 409,600
 * counted bytes, names to 65,535, 32 levels of brackets with the record's own.
 *
 * A limit that is broken anywhere in the text makes the record a dead letter, even in a member
 * that a later one of the same name replaces. The first one in the text is the reason; the item's
 * size comes behind those, the key's reasons come last. Of a record that a mapping leaves out,
 * deletes or adds, only what that takes is judged.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_TRANSCODE_H
#define FIREBRIDGE_CODEC_TRANSCODE_H

#include "firebridge/codec/mapping.h"
#include "firebridge/codec/record_reader.h"

#define FB_ITEM_MAX_BYTES           409600
#define FB_ATTRIBUTE_NAME_MAX_BYTES 65535
#define FB_NESTING_MAX              32

/* No text may be longer: offsets in the output have 32 bits. */
#define FB_TRANSCODE_TEXT_MAX ((size_t)256 << 20)

struct fb_transcoded {
    size_t size;                /* FB_OK: the record's length */
    enum fb_dead_reason reason; /* FB_OK: FB_DEAD_NONE for an item */
    const char *what;           /* of a reason and of FB_INVALID: a few words */
    const char *name;           /* of the key attribute that `what` is about; NULL otherwise */
    size_t at;                  /* the byte of the text that it is about */
    bool is_left_out;           /* by the mapping's condition; there is no item, and no key */
    enum fb_operation operation;
    const char *item; /* of a delete the key attributes alone */
    size_t item_size;
    uint32_t item_counted_bytes;
    const char *key;
    size_t key_size;
    uint64_t key_hash;
};

struct fb_transcoder;

/* `mapping` (NULL: none) outlives it, and was made with the same seed. */
enum fb_status fb_transcoder_new(const struct fb_key_schema *schema, uint64_t hash_seed,
                                 const struct fb_mapping *mapping,
                                 struct fb_transcoder **ret_transcoder) FB_MUST_CHECK;
void fb_transcoder_free(struct fb_transcoder *transcoder);

/* Comparisons of the mapping's condition between different types, of all records so far. */
uint64_t fb_transcoder_mismatches(const struct fb_transcoder *transcoder);

/* Gives back memory that only an extraordinary record needed. */
void fb_transcoder_shrink(struct fb_transcoder *transcoder);

/*
 * Where the next records stand, for a mapping that says so in an item. The object outlives them,
 * and so does the envelope: a valid JSON object that they were taken from; NULL: none.
 */
void fb_transcoder_place(struct fb_transcoder *transcoder, const struct fb_map_object *object,
                         const char *envelope, uint64_t number, uint64_t offset_bytes);

/*
 * Transcodes the record whose `{` is at text[0]; `text` as json_text.h demands it. FB_OK,
 * FB_NEED_MORE when the text ends inside it, FB_INVALID when it is malformed (`what` and `at` say
 * how), FB_NO_MEMORY. What *ret_transcoded points to stays until the next call.
 */
enum fb_status fb_transcode(struct fb_transcoder *transcoder, const char *text, size_t size,
                            struct fb_transcoded *ret_transcoded) FB_MUST_CHECK;

#endif
