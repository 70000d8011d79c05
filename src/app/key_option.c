/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/key_option.h"

#include <string.h>

#include "firebridge/app/cli.h"

/* "NAME" or "NAME:TYPE"; the last colon counts. */
static bool take_attribute(const char *text, size_t size, const struct fb_mapping *mapping,
                           struct fb_key_attribute *ret)
{
    const bool has_type = size >= 2 && text[size - 2] == ':';

    if (has_type) {
        if (strchr("SNB", text[size - 1]) == NULL)
            return false;
        ret->type = (enum fb_key_type)text[size - 1];
        size -= 2;
    }
    if (size == 0 || size > FB_KEY_NAME_MAX || memchr(text, ',', size) != NULL)
        return false;
    memcpy(ret->name, text, size);
    ret->name[size] = '\0';
    ret->name_size = size;
    if (!has_type && !fb_mapping_made_type(mapping, ret->name, &ret->type))
        ret->type = FB_KEY_STRING;
    return true;
}

enum fb_status fb_key_option_read(const char *text, const struct fb_mapping *mapping,
                                  struct fb_key_schema *ret_schema, struct fb_error *error)
{
    const size_t first = strcspn(text, ",");
    const char *second = text[first] == ',' ? text + first + 1 : NULL;
    struct fb_key_schema schema = {.count = second == NULL ? 1 : 2};

    if (!take_attribute(text, first, mapping, &schema.attributes[0]) ||
        (second != NULL &&
         !take_attribute(second, strlen(second), mapping, &schema.attributes[1])) ||
        (second != NULL && strcmp(schema.attributes[0].name, schema.attributes[1].name) == 0))
        return fb_fail(error, FB_INVALID,
                       "--key %.300s: expected NAME or NAME:TYPE, for a sort key a second one "
                       "behind a comma; the type is S, N or B",
                       text);
    *ret_schema = schema;
    return FB_OK;
}

bool fb_key_option_check(const char *text)
{
    struct fb_key_schema schema;
    struct fb_error error = {0};

    if (text == NULL || fb_key_option_read(text, NULL, &schema, &error) == FB_OK)
        return true;
    fb_cli_report(NULL, error.message);
    return false;
}

/* `as` stands last in a placeholder. */
bool fb_item_is_expiry(const struct fb_map_assignment *item, const struct fb_mapping *mapping)
{
    static const char end[] = "as=epoch}";
    const size_t size = strlen(item->value);
    enum fb_key_type type;

    return !item->is_added && size >= sizeof end - 1 &&
           strcmp(item->value + size - (sizeof end - 1), end) == 0 &&
           fb_mapping_made_type(mapping, item->name, &type) && type == FB_KEY_NUMBER;
}
