/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a mapping makes can have a table's key. */
#include <string.h>

#include "firebridge/codec/hash.h"
#include "mapping.h"

static const struct fb_map_item *find_item(const struct fb_mapping *mapping, uint64_t hash)
{
    for (size_t i = mapping->item_count; i > 0; i--)
        if (mapping->items[i - 1].hash == hash)
            return &mapping->items[i - 1];
    return NULL;
}

bool fb_mapping_made_type(const struct fb_mapping *mapping, const char *name,
                          enum fb_key_type *ret_type)
{
    static const enum fb_key_type types[] = {[FB_MAP_TYPE_STRING] = FB_KEY_STRING,
                                             [FB_MAP_TYPE_NUMBER] = FB_KEY_NUMBER,
                                             [FB_MAP_TYPE_BINARY] = FB_KEY_BINARY};
    const struct fb_map_item *item =
        mapping == NULL
            ? NULL
            : find_item(mapping, fb_hash_bytes(mapping->tree.hash_seed, name, strlen(name)));

    if (item == NULL || fb_map_template_type(item->value) == FB_MAP_TYPE_OTHER)
        return false;
    *ret_type = types[fb_map_template_type(item->value)];
    return true;
}

static bool fits(enum fb_map_type type, enum fb_key_type key)
{
    return key == FB_KEY_STRING   ? type == FB_MAP_TYPE_STRING
           : key == FB_KEY_NUMBER ? type == FB_MAP_TYPE_NUMBER
                                  : type == FB_MAP_TYPE_BINARY;
}

/* Whether a field may become this attribute. */
static bool may_come(const struct fb_mapping *mapping, const struct fb_map_node *around,
                     const char *name, size_t size)
{
    size_t own_size = size;
    const char *own_name = fb_map_behind_prefix(around, name, &own_size);
    bool is_known = own_name == NULL;

    for (uint32_t i = 0; i < around->child_count; i++) {
        const struct fb_map_node *node = &around->children[i];
        const bool is_it = fb_map_is_named(node, own_name, own_size);

        is_known |= is_it;
        if ((is_it && (node->action == FB_MAP_TAKE || node->action == FB_MAP_FLATTEN)) ||
            fb_map_is_target(mapping, node, name, size))
            if (!mapping->keeps_only || node->is_kept)
                return true;
        if (node->action == FB_MAP_FLATTEN && may_come(mapping, node, name, size))
            return true;
    }
    return !is_known && !mapping->keeps_only;
}

/* The conf's key by whose doing this attribute does not come; NULL: none says so. */
static const char *find_culprit(const struct fb_mapping *mapping, const char *name, size_t size)
{
    static const char *const keys[] = {
        [FB_MAP_DROP] = "drop", [FB_MAP_RENAME] = "rename", [FB_MAP_FLATTEN] = "flatten"};
    const struct fb_map_node *root = &mapping->tree.root;

    for (uint32_t i = 0; i < root->child_count; i++)
        if (fb_map_is_named(&root->children[i], name, size) &&
            root->children[i].action != FB_MAP_TAKE)
            return keys[root->children[i].action];
    return mapping->keeps_only ? "keep" : NULL;
}

static enum fb_status fail_lost(const struct fb_mapping *mapping,
                                const struct fb_key_attribute *attribute, struct fb_error *error)
{
    const char *culprit = find_culprit(mapping, attribute->name, attribute->name_size);

    fb_fail(error, FB_INVALID,
            "nothing is left for the table's key attribute %s: make it with item.%s, or keep it",
            attribute->name, attribute->name);
    if (culprit != NULL)
        fb_error_prefix(error, "%s", culprit);
    return FB_INVALID;
}

/* A version that no record can have would make dead letters of all. */
static enum fb_status check_version(const struct fb_mapping *mapping, struct fb_error *error)
{
    const char *const name = mapping->version;
    const struct fb_map_item *item;

    if (name == NULL)
        return FB_OK;
    item = find_item(mapping, fb_hash_bytes(mapping->tree.hash_seed, name, strlen(name)));
    if (item == NULL && !may_come(mapping, &mapping->tree.root, name, strlen(name)))
        return fb_fail(error, FB_INVALID,
                       "nothing is left for version_attribute = %.100s: make it with item.%.100s, "
                       "or keep it",
                       name, name);
    if (item != NULL && !fits(fb_map_template_type(item->value), FB_KEY_NUMBER) &&
        !fits(fb_map_template_type(item->value), FB_KEY_STRING))
        return fb_fail(error, FB_INVALID,
                       "item.%.100s: as the version_attribute it must be a number or a string",
                       name);
    return FB_OK;
}

enum fb_status fb_mapping_check_key(const struct fb_mapping *mapping,
                                    const struct fb_key_schema *schema, struct fb_error *error)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct fb_key_attribute *attribute = &schema->attributes[i];
        const struct fb_map_item *item = find_item(
            mapping, fb_hash_bytes(mapping->tree.hash_seed, attribute->name, attribute->name_size));

        if (mapping->may_add && (item == NULL || item->is_added))
            return fb_fail(error, FB_INVALID,
                           "write: an item that is added to has the key that item.NAME gives it; "
                           "make the table's key attribute %s with item.%s",
                           attribute->name, attribute->name);
        if (item != NULL && !fits(fb_map_template_type(item->value), attribute->type))
            return fb_fail(error, FB_INVALID,
                           "item.%s: the table's key attribute %s is of type %c, and the template "
                           "gives another; as=number and as=binary make such",
                           attribute->name, attribute->name, (char)attribute->type);
        if (item == NULL && attribute->type == FB_KEY_BINARY)
            return fb_fail(error, FB_INVALID,
                           "the table's key attribute %s is binary (B), which no field of JSON "
                           "is: make it with item.%s = {PATH:as=binary}",
                           attribute->name, attribute->name);
        if (item == NULL &&
            !may_come(mapping, &mapping->tree.root, attribute->name, attribute->name_size))
            return fail_lost(mapping, attribute, error);
    }
    return check_version(mapping, error);
}
