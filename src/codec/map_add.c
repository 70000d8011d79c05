/* SPDX-License-Identifier: Apache-2.0 */
#include "map_add.h"

#include <stdio.h>
#include <string.h>

#include "firebridge/codec/number.h"

/* Developer guide, "Limits": an expression has at most 4 KB, and an attribute takes about 12 bytes
 * of it. */
#define MADE_MAX 300

/* Of an attribute's name, in a dead letter's message. */
#define NAME_SHOWN 80

bool fb_map_may_be_number(const char *text, const struct fb_map_template *value)
{
    struct fb_number number;
    const char *at;
    const char *end;

    if (fb_map_template_type(value) != FB_MAP_TYPE_STRING || strchr(text, '{') != NULL)
        return fb_map_template_type(value) == FB_MAP_TYPE_STRING ||
               fb_map_template_type(value) == FB_MAP_TYPE_NUMBER;
    end = fb_number_scan(text, &number, &at);
    return end != NULL && *end == '\0' && fb_number_check(&number) == FB_DEAD_NONE;
}

enum fb_status fb_map_make_number(const struct fb_map_item *item, struct fb_buffer *value,
                                  uint32_t *counted, struct fb_map_fault *ret_fault)
{
    struct fb_number number;
    const char *at;

    if (value->bytes[2] == 'N')
        return FB_OK;
    if (fb_number_scan(value->bytes + strlen("{\"S\":\""), &number, &at) !=
            value->bytes + value->size - 2 ||
        fb_number_check(&number) != FB_DEAD_NONE) {
        snprintf(ret_fault->message, sizeof ret_fault->message, "add.%.*s gives no number",
                 (int)(item->name_size < NAME_SHOWN ? item->name_size : NAME_SHOWN), item->name);
        return FB_INVALID;
    }
    value->bytes[2] = 'N';
    *counted = fb_number_counted_bytes(&number);
    return FB_OK;
}

static bool has_rules(const struct fb_mapping_options *options)
{
    return options->rename_count > 0 || options->flatten_count > 0 || options->drop_count > 0 ||
           options->keep_count > 0;
}

static const char *added_name(const struct fb_mapping_options *options)
{
    for (size_t i = 0; i < options->item_count; i++)
        if (options->items[i].is_added)
            return options->items[i].name;
    return NULL;
}

enum fb_status fb_map_check_adding(const struct fb_mapping *mapping,
                                   const struct fb_mapping_options *options, struct fb_error *error)
{
    const char *added = added_name(options);

    if (added != NULL && !mapping->may_add)
        return fb_fail(error, FB_INVALID,
                       "add.%.255s: nothing adds; set write = add, or a template that write.map "
                       "turns into add",
                       added);
    if (added == NULL && mapping->may_add)
        return fb_fail(error, FB_INVALID,
                       "write: to add, say what with add.NAME = NUMBER, or a template");
    if (fb_mapping_only_adds(mapping) && has_rules(options))
        return fb_fail(error, FB_INVALID,
                       "write: where all records add, their fields do not become attributes; make "
                       "those with item.NAME, and leave out rename, flatten, drop and keep");
    for (size_t i = 0; mapping->may_add && i < mapping->write_map_count; i++)
        if (mapping->write_map[i].operation != FB_PUT &&
            mapping->write_map[i].operation != FB_DELETE &&
            mapping->write_map[i].operation != FB_ADD)
            return fb_fail(
                error, FB_INVALID,
                "write.map: add goes together with put and delete, but not with %s; make "
                "two streams of it",
                fb_operation_name(mapping->write_map[i].operation));
    if (mapping->may_add && options->item_count > MADE_MAX)
        return fb_fail(
            error, FB_INVALID,
            "write: an item that is added to has at most %d attributes, of item.NAME and "
            "add.NAME together",
            MADE_MAX);
    for (size_t i = 0; i < options->item_count; i++)
        for (size_t j = 0; j < i; j++)
            if (mapping->items[i].hash == mapping->items[j].hash)
                return fb_fail(error, FB_INVALID, "add.%.255s: item.%.255s sets the same attribute",
                               options->items[i].name, options->items[i].name);
    return FB_OK;
}

bool fb_mapping_may_add(const struct fb_mapping *mapping)
{
    return mapping != NULL && mapping->may_add;
}

bool fb_mapping_only_adds(const struct fb_mapping *mapping)
{
    return mapping != NULL && mapping->operation == FB_ADD && mapping->write == NULL;
}

size_t fb_mapping_made_count(const struct fb_mapping *mapping)
{
    return mapping->item_count;
}

struct fb_map_made fb_mapping_made(const struct fb_mapping *mapping, size_t i)
{
    const struct fb_map_item *item = &mapping->items[i];

    return (struct fb_map_made){item->name, item->name_size, item->is_added};
}
