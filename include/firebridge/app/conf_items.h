/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a stream that no table has: item.NAME = TEMPLATE and add.NAME = TEMPLATE, for any
 * attribute's name. A name of other characters than letters (of ASCII), digits, `_`, `-` and `.`
 * stands in double quotes, with
 * \" and \\ for those two: item."odd name" = TEMPLATE.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_APP_CONF_ITEMS_H
#define FIREBRIDGE_APP_CONF_ITEMS_H

#include "firebridge/app/conf.h"

#define FB_CONF_ITEM_PREFIX         "item."
#define FB_CONF_ADD_PREFIX          "add."
#define FB_CONF_ITEMS_MAX           1000
#define FB_CONF_ITEM_NAME_MAX_BYTES 255

/* Whether the text begins as such a key does. */
bool fb_conf_item_begins(const char *text);

/* What such a key says: which of the two, and of which attribute. */
struct fb_conf_item_name {
    bool is_added;
    char text[FB_CONF_ITEM_NAME_MAX_BYTES + 1];
};

/* "item." or "add." */
const char *fb_conf_item_prefix(bool is_added);

/* Reads a key at *text, which moves on to its `=`. FB_INVALID. */
enum fb_status fb_conf_item_take_name(const char **text, struct fb_conf_item_name *ret_name,
                                      struct fb_error *error) FB_MUST_CHECK;

/*
 * Replaces the template of this name, or adds it; an empty one takes it out. FB_INVALID: there
 * would be too many; FB_NO_MEMORY.
 */
enum fb_status fb_conf_items_set(struct fb_conf_items *items,
                                 const struct fb_map_assignment *assignment,
                                 struct fb_conf_place place, struct fb_error *error) FB_MUST_CHECK;

void fb_conf_items_done(struct fb_conf_items *items);

#endif
