/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template as its parser leaves it (map_template_parse.c) and its evaluation reads it
 * (map_template.c).
 *
 * Invariant: a template has a piece; each has a literal, or a source and a type.
 * Threads:   not changed once it is made; read by any.
 */
#ifndef FIREBRIDGE_CODEC_MAP_TEMPLATE_PRIVATE_H
#define FIREBRIDGE_CODEC_MAP_TEMPLATE_PRIVATE_H

#include "map_types.h"

struct fb_map_piece {
    char *literal; /* escaped for JSON; NULL of a placeholder */
    size_t literal_size;
    uint32_t literal_counted;

    char *name; /* the source as the template has it */
    struct fb_map_source source;
    struct fb_map_call *calls;
    size_t call_count;
    size_t behind_default; /* the call from which a default goes on; 0: there is none */
    const struct fb_map_as *as;
};

struct fb_map_template {
    struct fb_map_piece *pieces;
    size_t count;
    uint64_t hash_seed;
};

#endif
