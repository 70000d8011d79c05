/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/conf_items.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool fb_conf_item_begins(const char *text)
{
    return strncmp(text, FB_CONF_ITEM_PREFIX, strlen(FB_CONF_ITEM_PREFIX)) == 0;
}

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("_-.", c) != NULL);
}

/* What stands in front of the name's end, and where that is; NULL: a quote is not closed. */
static const char *copy_name(const char *at, char *name, size_t *ret_size)
{
    const bool is_quoted = *at == '"';
    size_t size = 0;

    for (at += is_quoted; is_quoted ? *at != '"' && *at != '\0' : is_plain(*at); at++) {
        if (is_quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        if (size < FB_CONF_ITEM_NAME_MAX_BYTES)
            name[size] = *at;
        size++;
    }
    *ret_size = size;
    if (!is_quoted)
        return at;
    return *at == '"' ? at + 1 : NULL;
}

enum fb_status fb_conf_item_take_name(const char **text, char name[FB_CONF_ITEM_NAME_MAX_BYTES + 1],
                                      struct fb_error *error)
{
    size_t size;
    const char *at = copy_name(*text + strlen(FB_CONF_ITEM_PREFIX), name, &size);

    if (at == NULL)
        return fb_fail(error, FB_INVALID, "%s; expected a second double quote behind the name",
                       *text);
    at += strspn(at, " \t");
    if (*at != '=')
        return fb_fail(error, FB_INVALID,
                       "%s; expected item.NAME = TEMPLATE; a name of other characters than "
                       "letters, digits, _ - and . stands in double quotes",
                       *text);
    if (size == 0 || size > FB_CONF_ITEM_NAME_MAX_BYTES)
        return fb_fail(error, FB_INVALID,
                       "expected item.NAME = TEMPLATE, with a name of 1 to %d "
                       "bytes",
                       FB_CONF_ITEM_NAME_MAX_BYTES);
    name[size] = '\0';
    *text = at;
    return FB_OK;
}

static void free_assignment(struct fb_map_assignment *assignment)
{
    free((char *)assignment->name);
    free((char *)assignment->value);
}

void fb_conf_items_done(struct fb_conf_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        free_assignment(&items->assignments[i]);
    free(items->assignments);
    free(items->places);
    *items = (struct fb_conf_items){0};
}

static size_t find(const struct fb_conf_items *items, const char *name)
{
    size_t i;

    for (i = 0; i < items->count; i++)
        if (strcmp(items->assignments[i].name, name) == 0)
            break;
    return i;
}

static void take_out(struct fb_conf_items *items, size_t i)
{
    free_assignment(&items->assignments[i]);
    items->count--;
    memmove(&items->assignments[i], &items->assignments[i + 1],
            (items->count - i) * sizeof *items->assignments);
    memmove(&items->places[i], &items->places[i + 1], (items->count - i) * sizeof *items->places);
}

static bool make_room(struct fb_conf_items *items)
{
    struct fb_map_assignment *assignments =
        realloc(items->assignments, (items->count + 1) * sizeof *assignments);
    struct fb_conf_place *places;

    if (assignments == NULL)
        return false;
    items->assignments = assignments;
    places = realloc(items->places, (items->count + 1) * sizeof *places);
    if (places == NULL)
        return false;
    items->places = places;
    return true;
}

static enum fb_status put(struct fb_conf_items *items, size_t i, const char *name,
                          const char *value, struct fb_conf_place place)
{
    struct fb_map_assignment copy = {.name = strdup(name), .value = strdup(value)};

    if (copy.name == NULL || copy.value == NULL || (i == items->count && !make_room(items))) {
        free_assignment(&copy);
        return FB_NO_MEMORY;
    }
    if (i == items->count)
        items->count++;
    else
        free_assignment(&items->assignments[i]);
    items->assignments[i] = copy;
    items->places[i] = place;
    return FB_OK;
}

enum fb_status fb_conf_items_set(struct fb_conf_items *items, const char *name, const char *value,
                                 struct fb_conf_place place, struct fb_error *error)
{
    const size_t i = find(items, name);

    if (*value != '\0') {
        if (i == FB_CONF_ITEMS_MAX)
            return fb_fail(error, FB_INVALID, "a stream has at most %d items", FB_CONF_ITEMS_MAX);
        if (put(items, i, name, value, place) != FB_OK)
            return fb_fail(error, FB_NO_MEMORY, "out of memory");
    } else if (i < items->count) {
        take_out(items, i);
    }
    return FB_OK;
}
