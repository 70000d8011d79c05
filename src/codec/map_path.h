/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a mapping takes its values from: paths into a record, and built-in values.
 *
 *     user_id   product.price   "id.orig_h".name   tags.0   @now   @partition.customer
 * @error.errorCode   @shard:16
 *
 * A part of a path that has other characters than letters (of ASCII), digits, `_`, `-` and `@`
 * stands in double quotes, with \" and \\ for those two. A part of digits alone, quoted or not, is
 * the number of an array's element (from 0, without leading zeros) and, where the value is an
 * object, a member of that name. A path that begins with an unquoted @ is a built-in value. No
 * blanks around the dots.
 *
 * All paths of a mapping form one tree; equal paths share a slot. While a record is transcoded, the
 * tree is walked along, and each slot is told where its value begins.
 *
 * Invariant: a tree is not changed once a record is mapped with it. While it still grows, a new
 *            path may move the nodes, and a slot stays.
 * Threads:   made by one; read by any.
 */
#ifndef FIREBRIDGE_CODEC_MAP_PATH_H
#define FIREBRIDGE_CODEC_MAP_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/buffer.h"
#include "firebridge/codec/mapping.h"

#define FB_MAP_PATHS_MAX      1024
#define FB_MAP_PATH_PARTS_MAX 32
#define FB_MAP_SHARDS_MAX     1000000
#define FB_MAP_NO_SLOT        UINT32_MAX
#define FB_MAP_NO_ELEMENT     UINT32_MAX

/* What becomes of a field that is a node of the tree. */
enum fb_map_action { FB_MAP_TAKE, FB_MAP_DROP, FB_MAP_RENAME, FB_MAP_FLATTEN };

struct fb_map_node {
    char *name; /* unescaped; NULL of the root */
    size_t name_size;
    uint64_t hash;    /* of the name, with the tree's seed */
    uint32_t element; /* the number that the name is, or FB_MAP_NO_ELEMENT */
    uint32_t slot;    /* FB_MAP_NO_SLOT: nobody wants this value itself */
    enum fb_map_action action;
    bool is_kept; /* by its name in the end, where only some are kept */
    char *to;     /* the new name, or what stands before the names inside; as JSON has it */
    size_t to_size, to_counted_bytes;
    uint64_t to_hash; /* of what it means */
    struct fb_map_node *children;
    uint32_t child_count;
    uint32_t child_capacity;
    uint32_t *child_table; /* of twice the capacity, by hash: a child's place + 1; 0: none */
    uint32_t element_end;  /* one more than the highest number that is a child's name */
};

struct fb_map_tree {
    struct fb_map_node root;
    uint64_t hash_seed;
    uint32_t slot_count;
    const char *const *partitions; /* that there are; NULL: any; not used once it is compiled */
    size_t partition_count;
};

/* `hash_seed` is the transcoder's, so that a member's name is hashed once. */
void fb_map_tree_init(struct fb_map_tree *tree, uint64_t hash_seed);
void fb_map_tree_done(struct fb_map_tree *tree);

/*
 * Reads a path at *text, which moves on behind it; it ends before the first byte that cannot belong
 * to it. Its node is found or made, without a slot, and valid until the next path is read.
 * FB_INVALID with what was expected, FB_TOO_LARGE, FB_NO_MEMORY; *text is then where it is wrong.
 */
enum fb_status fb_map_path_parse(struct fb_map_tree *tree, const char **text,
                                 struct fb_map_node **ret_node,
                                 struct fb_error *error) FB_MUST_CHECK;

/* The child of that name is found or made. FB_NO_MEMORY. May move the children. */
enum fb_status fb_map_node_add(const struct fb_map_tree *tree, struct fb_map_node *parent,
                               const char *name, size_t size, struct fb_map_node **ret_child,
                               struct fb_error *error) FB_MUST_CHECK;

/* The child for a member, whose name is given as JSON has it inside the quotes, and the hash of
 * what it means; or NULL. */
const struct fb_map_node *fb_map_node_member(const struct fb_map_node *parent, uint64_t hash,
                                             const char *name_json, size_t name_size, bool escaped);

/* The child for an array's element; or NULL. */
const struct fb_map_node *fb_map_node_element(const struct fb_map_node *parent, uint32_t index);

enum fb_map_source_kind {
    FB_MAP_PATH,
    FB_MAP_NOW,         /* @now: milliseconds since 1970, as a number */
    FB_MAP_INGEST_TIME, /* @ingest_time: the same, of when the object was taken up */
    FB_MAP_BUCKET,
    FB_MAP_OBJECT, /* its key */
    FB_MAP_ETAG,
    FB_MAP_RECORD,    /* its number in the object */
    FB_MAP_OFFSET,    /* of its first byte in the decompressed object */
    FB_MAP_STREAM,    /* its name in the conf */
    FB_MAP_ARRIVAL,   /* @arrival: milliseconds since 1970 of the hour that the key says */
    FB_MAP_PARTITION, /* @partition.NAME: from !{partitionKeyFromQuery:NAME} in the prefix */
    FB_MAP_ERROR,     /* @error.NAME: a field of the error that Firehose wrote around the record;
                       * names are matched without regard to case, as theirs differ */
    FB_MAP_SHA256,    /* of the record's bytes, in hexadecimal, in small letters */
    FB_MAP_UUID5,     /* of the object's key, the record's number and its bytes (RFC 9562, 5.5) */
    FB_MAP_SHARD,     /* @shard:N: a number from 0 to N-1, by the SHA-256 of the record's bytes */
};

struct fb_map_source {
    enum fb_map_source_kind kind;
    uint32_t slot;   /* of a path */
    uint32_t shards; /* of @shard */
    char name[64];   /* of @partition and @error */
};

/*
 * Reads a source at *text, which moves on behind it; it ends before the first byte that cannot
 * belong to it. A path gets its slot. FB_INVALID with what was expected; FB_TOO_LARGE,
 * FB_NO_MEMORY; *text is then where it is wrong.
 */
enum fb_status fb_map_source_parse(struct fb_map_tree *tree, const char **text,
                                   struct fb_map_source *ret_source,
                                   struct fb_error *error) FB_MUST_CHECK;

/* A record while it is mapped. */
struct fb_map_record {
    const char *const *values; /* by slot: where the value begins in the text; NULL: not there */
    const char *text;          /* all of it, as it came */
    size_t size;
    /* Not NULL: the values stand in a text that was repaired, and in `repair`'s. */
    const struct fb_repair *repair;
    bool refuses_repaired; /* what was repaired cannot be read */
    const char *envelope;  /* a JSON object that it was taken from; NULL: none */
    uint64_t number, offset_bytes;
    const struct fb_map_object *object;
};

enum fb_map_kind {
    FB_MAP_IS_MISSING,
    FB_MAP_IS_NULL,
    FB_MAP_IS_BOOL,
    FB_MAP_IS_NUMBER,
    FB_MAP_IS_STRING,
    FB_MAP_IS_ARRAY,
    FB_MAP_IS_OBJECT,
    FB_MAP_IS_BINARY, /* a string that was repaired as such (repair.h) */
};

struct fb_map_value {
    enum fb_map_kind kind;
    /* A string's bytes, unescaped; all others as JSON spells them. In the record's text, in its
     * object, or in the scratch. */
    const char *bytes;
    size_t size;
};

/*
 * What a source is in this record. A string with escapes is unescaped into `scratch`, from its
 * start, and so is a built-in value written there. Missing are also: @arrival of a key without a
 * time, a @partition without a value, and an @error without such a field. FB_OK; FB_INVALID: it was
 * repaired, and that is refused; FB_TOO_LARGE over the scratch's maximum, FB_NO_MEMORY.
 */
enum fb_status fb_map_source_read(const struct fb_map_source *source,
                                  const struct fb_map_record *record, struct fb_buffer *scratch,
                                  struct fb_map_value *ret_value) FB_MUST_CHECK;

/* True of a source whose value stands in a JSON text. Then fb_map_source_find is the same as
 * fb_map_source_read, but a string's bytes are as JSON has them inside the quotes. */
bool fb_map_source_is_json(const struct fb_map_source *source);
struct fb_map_value fb_map_source_find(const struct fb_map_source *source,
                                       const struct fb_map_record *record);

#endif
