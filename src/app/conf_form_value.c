/* SPDX-License-Identifier: Apache-2.0 */
/* The types of keys that say how a stream's objects are to be read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/conf.h"
#include "firebridge/app/conf_keys.h"
#include "firebridge/app/conf_value.h"
#include "firebridge/base/hex.h"

/* Adds to a list of choices that ends with "or". */
static void add_choice(char *list, size_t size, const char *name, bool is_last)
{
    const size_t used = strlen(list);

    snprintf(list + used, size - used, "%s%s", used == 0 ? "" : is_last ? " or " : ", ", name);
}

static enum fb_status parse_compression(const struct fb_conf_key *key, const char *text, void *base,
                                        struct fb_error *error)
{
    char **target = (char **)((char *)base + key->offset);
    char list[256] = "auto, none";
    const char *name;

    if (strcmp(text, "auto") == 0) {
        free(*target);
        *target = NULL;
        return FB_OK;
    }
    if (strcmp(text, "none") == 0)
        return fb_conf_set_text(target, text) ? FB_OK : FB_NO_MEMORY;
    for (size_t i = 0; (name = fb_inflate_codec_name(i)) != NULL; i++) {
        add_choice(list, sizeof list, name, fb_inflate_codec_name(i + 1) == NULL);
        if (strcmp(name, text) != 0)
            continue;
        if (!fb_inflate_codec_is_built(i))
            return fb_fail(error, FB_INVALID,
                           "%s cannot be read: this firebridge was built without its library",
                           name);
        return fb_conf_set_text(target, text) ? FB_OK : FB_NO_MEMORY;
    }
    return fb_fail(error, FB_INVALID, "\"%s\"; expected %s", text, list);
}

static enum fb_status parse_format(const struct fb_conf_key *key, const char *text, void *base,
                                   struct fb_error *error)
{
    enum fb_format *target = (enum fb_format *)((char *)base + key->offset);
    char list[256] = "";

    for (int i = 0; i < FB_FORMAT_COUNT; i++) {
        const char *name = fb_format_name((enum fb_format)i);

        add_choice(list, sizeof list, name, i == FB_FORMAT_COUNT - 1);
        if (strcmp(name, text) != 0)
            continue;
        *target = (enum fb_format)i;
        return FB_OK;
    }
    return fb_fail(error, FB_INVALID, "\"%s\"; expected %s", text, list);
}

/* The byte that an escape behind a backslash means, at `*text`, which moves on; -1: none. */
static int take_escape(const char **text)
{
    static const char letters[] = "nrt0\\";
    static const char bytes[] = "\n\r\t\0\\";
    const char *letter = **text != '\0' ? strchr(letters, **text) : NULL;
    int high;
    int low;

    if (letter != NULL) {
        (*text)++;
        return (unsigned char)bytes[letter - letters];
    }
    if (**text != 'x')
        return -1;
    high = fb_hex_value((*text)[1]);
    low = high < 0 ? -1 : fb_hex_value((*text)[2]);
    if (low < 0)
        return -1;
    *text += 3;
    return high * 16 + low;
}

/* False when there are more than `capacity` bytes, or an escape is unknown. */
static bool take_bytes(const char *text, char *bytes, size_t capacity, size_t *ret_size)
{
    size_t size = 0;

    while (*text != '\0') {
        int byte = (unsigned char)*text++;

        if (byte == '\\')
            byte = take_escape(&text);
        if (byte < 0 || size == capacity)
            return false;
        bytes[size++] = (char)byte;
    }
    *ret_size = size;
    return true;
}

static enum fb_status parse_delimiter(const struct fb_conf_key *key, const char *text, void *base,
                                      struct fb_error *error)
{
    struct fb_conf_delimiter *target = (struct fb_conf_delimiter *)((char *)base + key->offset);
    struct fb_conf_delimiter delimiter = {.size = 0};

    if (strcmp(text, "newline") != 0 &&
        (!take_bytes(text, delimiter.bytes, sizeof delimiter.bytes, &delimiter.size) ||
         delimiter.size == 0))
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected newline, or 1 to %d bytes, with \\n, \\r, \\t, \\0, \\\\ "
                       "and \\xHH for those that cannot be written",
                       text, FB_DELIMITER_MAX_BYTES);
    *target = delimiter;
    return FB_OK;
}

static enum fb_status parse_separator(const struct fb_conf_key *key, const char *text, void *base,
                                      struct fb_error *error)
{
    static const struct {
        const char *name;
        char byte;
    } names[] = {{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"pipe", '|'}, {"space", ' '}};
    char *target = (char *)base + key->offset;
    size_t size = 0;
    char byte = '\0';

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, text) == 0) {
            *target = names[i].byte;
            return FB_OK;
        }
    if (!take_bytes(text, &byte, 1, &size) || byte == '\0')
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected comma, semicolon, tab, pipe, space or another byte", text);
    *target = byte;
    return FB_OK;
}

/* Each name stands for a place, and one that is missed would move all behind it. */
static bool misses_a_name(const char *text)
{
    const char *comma = text + strspn(text, " \t\n");

    while (*comma != '\0') {
        if (*comma == ',')
            return true;
        comma += strcspn(comma, ",");
        comma += *comma == ',';
        comma += strspn(comma, " \t\n");
    }
    return false;
}

static enum fb_status parse_names(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    if (misses_a_name(text))
        return fb_fail(error, FB_INVALID,
                       "\"%.200s\"; expected names by commas, with none left empty", text);
    return fb_conf_type_list.parse(key, text, base, error);
}

/* Keeps the names whose type is number; a string is what a value is anyhow. */
static enum fb_status keep_numbers(struct fb_conf_list *types, struct fb_error *error)
{
    size_t kept = 0;

    for (size_t i = 0; i < types->count; i++) {
        char *entry = types->entries[i];
        char *colon = strrchr(entry, ':');
        const char *type = colon == NULL ? "" : colon + 1 + strspn(colon + 1, " \t");
        const bool is_number = strcmp(type, "number") == 0;

        if (!is_number && strcmp(type, "string") != 0)
            return fb_fail(error, FB_INVALID,
                           "\"%s\"; expected NAME: number or NAME: string, by commas", entry);
        while (colon > entry && (colon[-1] == ' ' || colon[-1] == '\t'))
            colon--;
        *colon = '\0';
        types->entries[i] = NULL;
        if (is_number)
            types->entries[kept++] = entry;
        else
            free(entry);
    }
    types->count = kept;
    return FB_OK;
}

static enum fb_status parse_types(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    struct fb_conf_list *target = (struct fb_conf_list *)((char *)base + key->offset);
    struct fb_conf_list types = {0};
    enum fb_status status = fb_conf_take_list(text, &types, error);

    if (status == FB_OK)
        status = keep_numbers(&types, error);
    if (status != FB_OK) {
        fb_conf_list_done(&types);
        return status;
    }
    fb_conf_list_done(target);
    *target = types;
    return FB_OK;
}

const struct fb_conf_type fb_conf_type_compression = {"compression", parse_compression, false};
const struct fb_conf_type fb_conf_type_format = {"format", parse_format, false};
const struct fb_conf_type fb_conf_type_delimiter = {"delimiter", parse_delimiter, false};
const struct fb_conf_type fb_conf_type_separator = {"separator", parse_separator, false};
const struct fb_conf_type fb_conf_type_names = {"names", parse_names, true};
const struct fb_conf_type fb_conf_type_types = {"types", parse_types, true};
