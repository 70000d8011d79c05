/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapping says which item a record becomes, where that is not simply what the record holds:
 * attributes made from templates, fields that are renamed, flattened, kept or dropped, and a
 * condition for records to be taken at all.
 *
 * jq programs come first, and what they give is the record from then on. Templates and the
 * condition read it as it came. Then its fields become attributes:
 * objects are flattened, fields renamed, and what is not wanted is dropped. What templates make
 * comes last and takes the place of what is called the same.
 *
 * Threads: made by one; read by any.
 */
#ifndef FIREBRIDGE_CODEC_MAPPING_H
#define FIREBRIDGE_CODEC_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"
#include "firebridge/codec/key.h"

/* Unset, a null is kept; in `write = update` it removes the attribute. */
enum fb_map_null {
    FB_MAP_NULL_UNSET,
    FB_MAP_NULL_KEEP,
    FB_MAP_NULL_DROP,
    FB_MAP_NULL_DEAD_LETTER,
};
enum fb_map_missing { FB_MAP_MISSING_DEAD_LETTER, FB_MAP_MISSING_DROP, FB_MAP_MISSING_TEXT };

enum fb_map_overflow {
    FB_MAP_OVERFLOW_DEAD_LETTER,
    FB_MAP_OVERFLOW_STRING,
    FB_MAP_OVERFLOW_ROUND,
};

enum fb_map_utf8 { FB_MAP_UTF8_DEAD_LETTER, FB_MAP_UTF8_REPLACE, FB_MAP_UTF8_BINARY };

struct fb_map_assignment {
    const char *name;  /* of the attribute */
    const char *value; /* the template (map_template.h in src/codec has the language) */
    bool is_added;     /* to the number that is there, by records whose operation is FB_ADD */
};

/* Strings belong to the caller, and are not needed once the mapping is made. */
struct fb_mapping_options {
    const struct fb_map_assignment *items;
    size_t item_count;
    const char *const *renames; /* "from > to" */
    size_t rename_count;
    const char *const *flattens; /* "path: prefix" */
    size_t flatten_count;
    const char *const *drops; /* paths, as the record has them */
    size_t drop_count;
    const char *const *keeps; /* attributes, as they are called in the end; none: all */
    size_t keep_count;
    enum fb_map_null null;
    enum fb_map_overflow overflow; /* a field's number that DynamoDB does not hold; never a key's */
    enum fb_map_utf8 utf8;         /* a string that is not UTF-8; never a key's */
    enum fb_map_missing missing;
    const char *missing_text;
    const char *where; /* NULL: all records */
    /* jq programs, before all else; NULL: none. What the first gives neither false nor null for is
     * taken, and becomes the objects that the second gives. */
    const char *filter_jq, *transform_jq;
    /* What is done with an item: NULL ("put"), an operation's name, or a template whose value
     * write_map turns into one. */
    const char *write;
    const char *const *write_map; /* "VALUE: OPERATION" */
    size_t write_map_count;
    const char *version_attribute; /* for FB_NEWER, which needs it; NULL: none */
    /* The names that @partition may have; NULL: any. */
    const char *const *partitions;
    size_t partition_count;
};

/* A value of dynamic partitioning, which stands in the object's key. */
struct fb_map_partition {
    const char *name;
    const char *value;
    size_t value_size;
};

/* What is known of an object while its records are mapped. Strings may be NULL, which is empty. */
struct fb_map_object {
    const char *stream, *bucket, *key, *etag;
    int64_t now_ms, ingest_time_ms, arrival_ms; /* arrival 0: the key has no time */
    const struct fb_map_partition *partitions;
    size_t partition_count;
};

struct fb_mapping;

/* The attribute by whose value FB_NEWER decides; NULL where no record is written so. */
const char *fb_mapping_version_attribute(const struct fb_mapping *mapping);

/* A checksum of transform_jq, on which the outputs of a record and their order hang; 0: none. */
uint32_t fb_mapping_transform_sum(const struct fb_mapping *mapping);

/* Whether there is anything to map at all. */
bool fb_mapping_is_needed(const struct fb_mapping_options *options);

/*
 * Compiles, and checks what can be without a table. `hash_seed` is that of the reader that will use
 * it. FB_INVALID with which option is wrong, where, and what was expected; FB_NO_MEMORY. With a jq
 * program it forks (see src/codec/jq.h): then FB_UNAVAILABLE too, and only before the first thread;
 * FB_UNSUPPORTED after fb_mapping_seal, unless a mapping has the same programs.
 */
enum fb_status fb_mapping_new(const struct fb_mapping_options *options, uint64_t hash_seed,
                              struct fb_mapping **ret_mapping,
                              struct fb_error *error) FB_MUST_CHECK;
void fb_mapping_free(struct fb_mapping *mapping);

/* There are threads and secrets from now on: no process for new jq programs can be forked. */
void fb_mapping_seal(void);

/* Whether records may add, and whether they do nothing else. `mapping` may be NULL. */
bool fb_mapping_may_add(const struct fb_mapping *mapping);
bool fb_mapping_only_adds(const struct fb_mapping *mapping);

/*
 * What an item that is added to is made of, in the order in which its JSON has what is there of it:
 * of the record's own fields it has none.
 */
struct fb_map_made {
    const char *name; /* as JSON has it inside the quotes; the mapping's */
    size_t name_size;
    bool is_added; /* else it is set, or the key's */
};

size_t fb_mapping_made_count(const struct fb_mapping *mapping);
struct fb_map_made fb_mapping_made(const struct fb_mapping *mapping, size_t i);

/* Whether a template makes this attribute, as a type that a key can have. `mapping` may be NULL. */
bool fb_mapping_made_type(const struct fb_mapping *mapping, const char *name,
                          enum fb_key_type *ret_type);

/*
 * Whether items that the mapping makes can have this key: FB_INVALID where a key attribute is
 * dropped, is not kept, is made as another type or, where records add, not made; the message begins
 * with the conf's key that is to blame, where there is one.
 */
enum fb_status fb_mapping_check_key(const struct fb_mapping *mapping,
                                    const struct fb_key_schema *schema,
                                    struct fb_error *error) FB_MUST_CHECK;

#endif
