/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/conf_items.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *fb_conf_item_prefix(bool is_added)
{
    return is_added ? FB_CONF_ADD_PREFIX : FB_CONF_ITEM_PREFIX;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool fb_conf_item_begins(const char *text)
{
    return begins_with(text, FB_CONF_ITEM_PREFIX) || begins_with(text, FB_CONF_ADD_PREFIX);
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

enum fb_status fb_conf_item_take_name(const char **text, struct fb_conf_item_name *ret_name,
                                      struct fb_error *error)
{
    struct fb_conf_item_name name = {.is_added = begins_with(*text, FB_CONF_ADD_PREFIX)};
    const char *const prefix = fb_conf_item_prefix(name.is_added);
    size_t size;
    const char *at = copy_name(*text + strlen(prefix), name.text, &size);

    if (at == NULL)
        return fb_fail(error, FB_INVALID, "%s; expected a second double quote behind the name",
                       *text);
    at += strspn(at, " \t");
    if (*at != '=')
        return fb_fail(error, FB_INVALID,
                       "%s; expected %sNAME = TEMPLATE; a name of other characters than "
                       "letters, digits, _ - and . stands in double quotes",
                       *text, prefix);
    if (size == 0 || size > FB_CONF_ITEM_NAME_MAX_BYTES)
        return fb_fail(error, FB_INVALID,
                       "expected %sNAME = TEMPLATE, with a name of 1 to %d bytes", prefix,
                       FB_CONF_ITEM_NAME_MAX_BYTES);
    name.text[size] = '\0';
    *ret_name = name;
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

static size_t find(const struct fb_conf_items *items, const struct fb_map_assignment *wanted)
{
    size_t i;

    for (i = 0; i < items->count; i++)
        if (items->assignments[i].is_added == wanted->is_added &&
            strcmp(items->assignments[i].name, wanted->name) == 0)
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

static enum fb_status put(struct fb_conf_items *items, size_t i,
                          const struct fb_map_assignment *assignment, struct fb_conf_place place)
{
    struct fb_map_assignment copy = {.name = strdup(assignment->name),
                                     .value = strdup(assignment->value),
                                     .is_added = assignment->is_added};

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

enum fb_status fb_conf_items_set(struct fb_conf_items *items,
                                 const struct fb_map_assignment *assignment,
                                 struct fb_conf_place place, struct fb_error *error)
{
    const size_t i = find(items, assignment);

    if (*assignment->value != '\0') {
        if (i == FB_CONF_ITEMS_MAX)
            return fb_fail(error, FB_INVALID, "a stream has at most %d items", FB_CONF_ITEMS_MAX);
        if (put(items, i, assignment, place) != FB_OK)
            return fb_fail(error, FB_NO_MEMORY, "out of memory");
    } else if (i < items->count) {
        take_out(items, i);
    }
    return FB_OK;
}
