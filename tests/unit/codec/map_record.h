/* SPDX-License-Identifier: Apache-2.0 */
/* A record for the mapper's tests: its values by slot, as the transcoder's walk leaves them. */
#ifndef FIREBRIDGE_TESTS_CODEC_MAP_RECORD_H
#define FIREBRIDGE_TESTS_CODEC_MAP_RECORD_H

#include <stdlib.h>

#include "../../../src/codec/map_path.h"
#include "firebridge/codec/json_cursor.h"

static inline void map_fill(const struct fb_map_node *node, struct fb_json_cursor value,
                            const char **values);

static inline void map_fill_members(const struct fb_map_node *node, struct fb_json_cursor value,
                                    const char **values)
{
    struct fb_json_text name;

    for (; fb_json_next_member(&value, &name); fb_json_skip(&value))
        for (uint32_t i = 0; i < node->child_count; i++)
            if (fb_json_text_is(&name, node->children[i].name, node->children[i].name_size))
                map_fill(&node->children[i], value, values);
}

static inline void map_fill_elements(const struct fb_map_node *node, struct fb_json_cursor value,
                                     const char **values)
{
    for (uint32_t element = 0; fb_json_next_element(&value); element++, fb_json_skip(&value))
        for (uint32_t i = 0; i < node->child_count; i++)
            if (node->children[i].element == element)
                map_fill(&node->children[i], value, values);
}

/* Of a name that an earlier member had too, nothing of the earlier one stays. */
static inline void map_forget(const struct fb_map_node *node, const char **values)
{
    if (node->slot != FB_MAP_NO_SLOT)
        values[node->slot] = NULL;
    for (uint32_t i = 0; i < node->child_count; i++)
        map_forget(&node->children[i], values);
}

static inline void map_fill(const struct fb_map_node *node, struct fb_json_cursor value,
                            const char **values)
{
    map_forget(node, values);
    if (node->slot != FB_MAP_NO_SLOT)
        values[node->slot] = value.at;
    if (fb_json_enter_object(&value))
        map_fill_members(node, value, values);
    else if (fb_json_enter_array(&value))
        map_fill_elements(node, value, values);
}

/* `text` is valid JSON and ends as json_text.h demands. The caller frees the values, by
 * map_record_done. */
static inline struct fb_map_record map_record(const struct fb_map_tree *tree, const char *text,
                                              size_t size, const struct fb_map_object *object)
{
    const char **values = calloc((size_t)tree->slot_count + 1, sizeof *values);

    if (values == NULL)
        abort();
    map_fill(&tree->root, fb_json_cursor_begin(text), values);
    return (struct fb_map_record){.values = values, .text = text, .size = size, .object = object};
}

static inline void map_record_done(struct fb_map_record *record)
{
    free((void *)record->values);
    record->values = NULL;
}

#endif
