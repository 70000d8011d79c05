/* SPDX-License-Identifier: Apache-2.0 */
/* The types of keys that say what becomes of a record. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/conf.h"
#include "firebridge/app/conf_keys.h"
#include "firebridge/app/conf_value.h"

static enum fb_status parse_paths(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    struct fb_conf_list *target = (struct fb_conf_list *)((char *)base + key->offset);
    struct fb_conf_list list;
    enum fb_status status = fb_conf_take_quoted_list(text, &list, error);

    if (status != FB_OK)
        return status;
    fb_conf_list_done(target);
    *target = list;
    return FB_OK;
}

/* Words would run together if lines were joined with nothing between them. */
static enum fb_status parse_where(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    char **target = (char **)((char *)base + key->offset);
    char *joined = NULL;

    (void)error;
    text += strspn(text, " \t\n");
    if (*text != '\0') {
        joined = strdup(text);
        if (joined == NULL)
            return FB_NO_MEMORY;
        for (char *at = joined; (at = strchr(at, '\n')) != NULL;)
            *at = ' ';
    }
    free(*target);
    *target = joined;
    return FB_OK;
}

static enum fb_status parse_program(const struct fb_conf_key *key, const char *text, void *base,
                                    struct fb_error *error)
{
    char **target = (char **)((char *)base + key->offset);

    (void)error;
    if (text[strspn(text, " \t\n")] != '\0')
        return fb_conf_set_text(target, text) ? FB_OK : FB_NO_MEMORY;
    free(*target);
    *target = NULL;
    return FB_OK;
}

/* "text", with \" and \\ for those two; `unquoted` has room for the text. */
static bool unquote(const char *text, char *unquoted)
{
    if (*text++ != '"')
        return false;
    while (*text != '"' && *text != '\0') {
        if (*text == '\\' && (text[1] == '"' || text[1] == '\\'))
            text++;
        *unquoted++ = *text++;
    }
    *unquoted = '\0';
    return strcmp(text, "\"") == 0;
}

static enum fb_status parse_missing(const struct fb_conf_key *key, const char *text, void *base,
                                    struct fb_error *error)
{
    struct fb_conf_missing *target = (struct fb_conf_missing *)((char *)base + key->offset);
    struct fb_conf_missing missing = {.kind = FB_MAP_MISSING_TEXT, .text = strdup(text)};

    if (missing.text == NULL)
        return FB_NO_MEMORY;
    if (!unquote(text, missing.text)) {
        free(missing.text);
        missing.text = NULL;
        if (strcmp(text, "dead-letter") == 0)
            missing.kind = FB_MAP_MISSING_DEAD_LETTER;
        else if (strcmp(text, "drop-attribute") == 0)
            missing.kind = FB_MAP_MISSING_DROP;
        else
            return fb_fail(error, FB_INVALID,
                           "\"%s\"; expected dead-letter, drop-attribute or a text in double "
                           "quotes",
                           text);
    }
    free(target->text);
    *target = missing;
    return FB_OK;
}

const struct fb_conf_type fb_conf_type_paths = {"paths", parse_paths, true};
const struct fb_conf_type fb_conf_type_where = {"condition", parse_where, true};
const struct fb_conf_type fb_conf_type_program = {"jq program", parse_program, true};
const struct fb_conf_type fb_conf_type_missing = {"missing", parse_missing, false};
