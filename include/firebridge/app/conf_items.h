/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a stream that no table has: item.NAME = TEMPLATE, for any attribute's name. A name of
 * other characters than letters (of ASCII), digits, `_`, `-` and `.` stands in double quotes, with
 * \" and \\ for those two: item."odd name" = TEMPLATE.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_APP_CONF_ITEMS_H
#define FIREBRIDGE_APP_CONF_ITEMS_H

#include "firebridge/app/conf.h"

#define FB_CONF_ITEM_PREFIX         "item."
#define FB_CONF_ITEMS_MAX           1000
#define FB_CONF_ITEM_NAME_MAX_BYTES 255

/* Whether the text begins as such a key does. */
bool fb_conf_item_begins(const char *text);

/* Reads a key at *text, which moves on to its `=`, into `name`. FB_INVALID. */
enum fb_status fb_conf_item_take_name(const char **text, char name[FB_CONF_ITEM_NAME_MAX_BYTES + 1],
                                      struct fb_error *error) FB_MUST_CHECK;

/*
 * Replaces the template of this name, or adds it; an empty one takes it out. FB_INVALID: there
 * would be too many; FB_NO_MEMORY.
 */
enum fb_status fb_conf_items_set(struct fb_conf_items *items, const char *name, const char *value,
                                 struct fb_conf_place place, struct fb_error *error) FB_MUST_CHECK;

void fb_conf_items_done(struct fb_conf_items *items);

#endif
