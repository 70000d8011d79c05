/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object's bytes in, as S3 gives them; its records out: the compression undone (inflate.h), the
 * records cut and made items (record_reader.h).
 *
 *     fb_object_reader_begin(reader, key);
 *     while (there are bytes) {
 *         fb_object_reader_feed(reader, bytes, size);
 *         while ((status = fb_object_reader_next(reader, &record, error)) == FB_OK)
 *             use the record before the next call
 *         unless status is FB_NEED_MORE: that was all
 *     }
 *     fb_object_reader_finish(reader);  then fb_object_reader_next until FB_END or FB_CORRUPT
 *
 * Invariant: the same object gives the same records with the same numbers, however it was fed. Of
 *            a damaged object all records before the damage come, and none that was cut by it.
 *            Only where gzip is cut off may the last two bytes before the cut be there or not.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_CODEC_OBJECT_READER_H
#define FIREBRIDGE_CODEC_OBJECT_READER_H

#include "firebridge/codec/form.h"
#include "firebridge/codec/inflate.h"
#include "firebridge/codec/record_reader.h"

struct fb_object_reader_options {
    const struct fb_key_schema *schema; /* copied */
    uint64_t hash_seed;
    size_t max_record_size;
    struct fb_inflate_options inflate;
    struct fb_form_options form;      /* its strings outlive the reader */
    const struct fb_mapping *mapping; /* NULL: none; outlives the reader, made with the same seed */
};

struct fb_object_reader;

/* FB_INVALID when the options cannot be; FB_NO_MEMORY. */
enum fb_status fb_object_reader_new(const struct fb_object_reader_options *options,
                                    struct fb_object_reader **ret_reader,
                                    struct fb_error *error) FB_MUST_CHECK;
void fb_object_reader_free(struct fb_object_reader *reader);

/* Starts an object. `hints` may be NULL. */
void fb_object_reader_begin(struct fb_object_reader *reader, const struct fb_inflate_hints *hints);

/* What a mapping may say of the object that was begun; it outlives the reading. */
void fb_object_reader_describe_object(struct fb_object_reader *reader,
                                      const struct fb_map_object *object);

/* The bytes stay with the caller until next says that they are used. */
void fb_object_reader_feed(struct fb_object_reader *reader, const char *bytes, size_t size);

/* Says that no byte will follow. */
void fb_object_reader_finish(struct fb_object_reader *reader);

/*
 * FB_OK with a record; FB_NEED_MORE when all that was fed is used; FB_END, only after finish;
 * FB_CORRUPT when the rest of the object cannot be read, again and again; FB_NO_MEMORY;
 * FB_UNAVAILABLE where a jq program cannot be run.
 */
enum fb_status fb_object_reader_next(struct fb_object_reader *reader, struct fb_record *ret_record,
                                     struct fb_error *error) FB_MUST_CHECK;

/* Of what was fed last, the bytes not used yet. */
size_t fb_object_reader_unused(const struct fb_object_reader *reader);

/* As fb_inflate_describe has it. */
void fb_object_reader_describe(const struct fb_object_reader *reader, char *ret_text, size_t size);

/* The form of this object's records; FB_FORMAT_AUTO before its first record decided it. */
enum fb_format fb_object_reader_format(const struct fb_object_reader *reader);

/* What has come out of the codecs of this object so far. */
uint64_t fb_object_reader_inflated_bytes(const struct fb_object_reader *reader);

struct fb_record_tally fb_object_reader_tally(const struct fb_object_reader *reader);

#endif
