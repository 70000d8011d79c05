/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompressed bytes in, items and dead letters out: cuts the bytes of one object into records, by
 * their form, and makes each DynamoDB's attribute-value JSON; plain JSON in one pass.
 *
 * The reader owns one window of bytes, reused for the next object. It grows to at most
 * max_record_size plus one read, and twice max_record_size where a record may begin behind a
 * damaged one; in forms that hold many records in one text, to a few times that. Nothing is
 * allocated per record.
 *
 *     fb_record_reader_begin(reader);
 *     while (there are bytes) {
 *         fb_record_reader_space(reader, &space, &size, error);   write up to size bytes there
 *         fb_record_reader_wrote(reader, written);
 *         while (fb_record_reader_next(reader, &record) == FB_OK)
 *             use the record before the next call
 *     }
 *     fb_record_reader_finish(reader);  then fb_record_reader_next until FB_END
 *
 * Invariant: records and dead letters cover the object's bytes but for blanks between them, in
 * order and without overlap; the same bytes give the same records, however they were fed.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_CODEC_RECORD_READER_H
#define FIREBRIDGE_CODEC_RECORD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/codec/form.h"
#include "firebridge/codec/key.h"
#include "firebridge/codec/mapping.h"
#include "firebridge/codec/operation.h"

/* Why a record can never be written. The names (fb_dead_reason_name) are an interface. */
enum fb_dead_reason {
    FB_DEAD_NONE,
    FB_DEAD_MALFORMED,        /* "malformed-json" */
    FB_DEAD_NOT_AN_OBJECT,    /* "not-an-object" */
    FB_DEAD_INVALID_UTF8,     /* "invalid-utf8": bytes that are not UTF-8, or a lone surrogate */
    FB_DEAD_RECORD_TOO_LARGE, /* "record-too-large": over max_record_size */
    FB_DEAD_ITEM_TOO_LARGE,   /* "item-too-large": over 400 KB as DynamoDB counts */
    FB_DEAD_TOO_DEEP,         /* "too-deep": nesting over 32 */
    FB_DEAD_NUMBER_PRECISION, /* "number-precision": over 38 significant digits */
    FB_DEAD_NUMBER_RANGE,     /* "number-range": outside 1E-130 .. 9.9E+125 */
    FB_DEAD_EMPTY_NAME,       /* "empty-attribute-name" */
    FB_DEAD_NAME_TOO_LONG,    /* "attribute-name-too-long": over 64 KB */
    FB_DEAD_KEY_MISSING,      /* "key-missing" */
    FB_DEAD_KEY_TYPE,         /* "key-type" */
    FB_DEAD_KEY_EMPTY,        /* "key-empty" */
    FB_DEAD_KEY_TOO_LONG,     /* "key-too-long" */
    FB_DEAD_REJECTED,         /* "rejected": DynamoDB refused the item (set by the writer) */
    FB_DEAD_WRONG_FORM,       /* "wrong-form": good JSON, but not what the format says */
    FB_DEAD_MALFORMED_ROW,    /* "malformed-row": of csv and tsv */
    FB_DEAD_NO_MATCH,         /* "no-match": a line that the pattern does not match */
    FB_DEAD_MAPPING,          /* "mapping": the mapping cannot make an item of it */
    FB_DEAD_JQ,               /* "jq": a jq program fails on it, or takes too much for it */
    FB_DEAD_VERSION,          /* "version": no number or string in the version_attribute */
};

#define FB_DEAD_REASON_COUNT (FB_DEAD_VERSION + 1)

const char *fb_dead_reason_name(enum fb_dead_reason reason);

struct fb_record {
    uint64_t number;           /* within the object, from 0; dead letters count */
    bool is_followed;          /* by one of the same number: a jq program makes several of it */
    uint64_t offset_bytes;     /* of its first byte in the decompressed object */
    uint64_t part;             /* of records that begin at one byte: which of them, from 0 */
    uint64_t output;           /* of those that a jq program makes of it: which of them, from 0 */
    uint64_t size_bytes;       /* its length there, though `text` may hold only the first of it */
    uint64_t end_offset_bytes; /* behind it, or behind the larger record that it is a part of */
    const char *text;          /* the record's bytes; of an over-long one the first 4 KiB, or as
                                * many as max_record_size has */
    size_t text_size;          /* = size_bytes unless the record is over max_record_size */
    enum fb_format format;     /* of its object; FB_FORMAT_AUTO: not decided yet */

    enum fb_dead_reason reason; /* FB_DEAD_NONE: an item */
    char message[160];          /* of a dead letter: what, where in the record */

    enum fb_operation operation;
    const char *item; /* {"id":{"S":"..."},...}; of FB_DELETE the key attributes alone */
    size_t item_size;
    uint32_t item_counted_bytes; /* as DynamoDB counts the item */
    const char *key;             /* canonical */
    size_t key_size;
    uint64_t key_hash;
    uint32_t version_at; /* of FB_NEWER: where in `item` its version stands, {"N":"5"} */
    uint32_t version_size;
};

struct fb_record_reader;

struct fb_record_reader_options {
    const struct fb_key_schema *schema; /* copied; with count 0 no key is looked for */
    uint64_t hash_seed;
    size_t max_record_size;
    struct fb_form_options form;      /* its strings outlive the reader */
    const struct fb_mapping *mapping; /* NULL: none; outlives the reader, made with the same seed */
};

enum fb_status fb_record_reader_new(const struct fb_record_reader_options *options,
                                    struct fb_record_reader **ret_reader,
                                    struct fb_error *error) FB_MUST_CHECK;
void fb_record_reader_free(struct fb_record_reader *reader);

/* Starts an object, at its first byte. */
void fb_record_reader_begin(struct fb_record_reader *reader);

/*
 * After fb_record_reader_begin: the bytes to come are not an object's first. The next record has
 * this number, and the next byte this offset.
 */
void fb_record_reader_place(struct fb_record_reader *reader, uint64_t number,
                            uint64_t offset_bytes);

/* The number that the next record will have. */
uint64_t fb_record_reader_number(const struct fb_record_reader *reader);

/* What a mapping may say of the object that was begun; it outlives the reading. */
void fb_record_reader_describe_object(struct fb_record_reader *reader,
                                      const struct fb_map_object *object);

/* The form of this object's records; FB_FORMAT_AUTO before its first record decided it. */
enum fb_format fb_record_reader_format(const struct fb_record_reader *reader);

/* What became of this object's records beside items and dead letters. */
struct fb_record_tally {
    uint64_t passed_over; /* none of the user's, such as CloudWatch's CONTROL_MESSAGE */
    uint64_t left_out;    /* by the mapping's condition; they count as records */
    uint64_t mismatches;  /* comparisons of its condition between different types */
};

struct fb_record_tally fb_record_reader_tally(const struct fb_record_reader *reader);

/* At least one byte of room, once fb_record_reader_next said FB_NEED_MORE. FB_NO_MEMORY.
 * Invalidates the last record. */
enum fb_status fb_record_reader_space(struct fb_record_reader *reader, char **ret_space,
                                      size_t *ret_size, struct fb_error *error) FB_MUST_CHECK;
void fb_record_reader_wrote(struct fb_record_reader *reader, size_t size);

/* Says that no byte will follow. */
void fb_record_reader_finish(struct fb_record_reader *reader);

/* Says that what would follow is lost: the records that are whole are to come, and then
 * FB_NEED_MORE. What was cut by the damage is no record, and no dead letter either. */
void fb_record_reader_cut_off(struct fb_record_reader *reader);

/* FB_OK with a record, FB_NEED_MORE, FB_END (only after finish), FB_NO_MEMORY; FB_UNAVAILABLE, with
 * fb_record_reader_error, where a jq program cannot be run. */
enum fb_status fb_record_reader_next(struct fb_record_reader *reader,
                                     struct fb_record *ret_record) FB_MUST_CHECK;
const struct fb_error *fb_record_reader_error(const struct fb_record_reader *reader);

#endif
