/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled mapping, as the transcoder reads it. include/firebridge/codec/mapping.h makes it.
 *
 * Invariant: not changed once a record is mapped with it.
 */
#ifndef FIREBRIDGE_CODEC_MAPPING_PRIVATE_H
#define FIREBRIDGE_CODEC_MAPPING_PRIVATE_H

#include "firebridge/codec/mapping.h"
#include "firebridge/codec/operation.h"
#include "jq.h"
#include "map_template.h"
#include "map_where.h"

/* An attribute that is made: its name as JSON has it inside the quotes, and its value. */
struct fb_map_item {
    char *name;
    size_t name_size, name_counted_bytes;
    uint64_t hash; /* of the name itself */
    bool is_added;
    struct fb_map_template *value;
};

/* What a value of the template `write` means. */
struct fb_map_write {
    char *value; /* as JSON has it inside the quotes */
    size_t size;
    enum fb_operation operation;
};

struct fb_mapping {
    struct fb_jq *jq; /* NULL: no program */
    uint32_t transform_sum;
    struct fb_map_tree tree;
    struct fb_map_item *items;
    size_t item_count;
    struct fb_map_where *where;    /* NULL: all records */
    enum fb_operation operation;   /* of all records, unless `write` says which */
    struct fb_map_template *write; /* NULL: one for all */
    struct fb_map_write *write_map;
    size_t write_map_count;
    char *version; /* the attribute that `newer` compares; NULL: no record is written so */
    bool may_add;
    bool keeps_only; /* attributes that no node of the tree keeps are dropped */
    enum fb_map_null null;
    enum fb_map_overflow overflow;
    enum fb_map_utf8 utf8;
    enum fb_map_missing missing;
    struct fb_map_template *missing_value; /* of FB_MAP_MISSING_TEXT */
};

/* Whether the field is renamed to this name. */
bool fb_map_is_target(const struct fb_mapping *mapping, const struct fb_map_node *node,
                      const char *name, size_t size);

/* Whether the record calls it so; never for NULL. */
bool fb_map_is_named(const struct fb_map_node *node, const char *name, size_t size);

/* What a field that is not renamed is called in the object around, which may be flattened, to have
 * this name in the end: the name behind the prefix, or NULL: it cannot have it. */
const char *fb_map_behind_prefix(const struct fb_map_node *around, const char *name, size_t *size);

/* Escapes what a conf's text may hold, for JSON; `json` has room for twice the size. */
size_t fb_map_escape(const char *bytes, size_t size, char *json);

#endif
