/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/policy.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION     "2012-10-17"
#define ESCAPE_SIZE 4 /* ${*} */

json_t *fb_policy_new(void)
{
    return json_pack("{s:s, s:[]}", "Version", VERSION, "Statement");
}

static json_t *texts(const char *const *items, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(array, json_string(items[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static bool has_text(const json_t *array, const char *text)
{
    size_t i;
    json_t *item;

    json_array_foreach(array, i, item)
    {
        if (strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static enum fb_status add_text(json_t *array, const char *text)
{
    if (has_text(array, text))
        return FB_OK;
    return json_array_append_new(array, json_string(text)) == 0 ? FB_OK : FB_NO_MEMORY;
}

static json_t *values_of(const json_t *statement, const char *key)
{
    return json_object_get(json_object_get(json_object_get(statement, "Condition"), "StringLike"),
                           key);
}

/* A condition belongs to the resource that it was made for. */
static bool takes(const json_t *statement, const struct fb_policy_grant *grant, json_t *actions)
{
    if (strcmp(json_string_value(json_object_get(statement, "Sid")), grant->sid) != 0 ||
        !json_equal(json_object_get(statement, "Action"), actions))
        return false;
    if (grant->key == NULL)
        return json_object_get(statement, "Condition") == NULL;
    return values_of(statement, grant->key) != NULL &&
           has_text(json_object_get(statement, "Resource"), grant->resource);
}

static enum fb_status join(json_t *statement, const struct fb_policy_grant *grant)
{
    enum fb_status status = add_text(json_object_get(statement, "Resource"), grant->resource);

    for (size_t i = 0; i < grant->value_count && status == FB_OK && grant->key != NULL; i++)
        status = add_text(values_of(statement, grant->key), grant->values[i]);
    return status;
}

/* Takes over `actions`. */
static enum fb_status append(json_t *statements, const struct fb_policy_grant *grant,
                             json_t *actions)
{
    json_t *statement = json_pack("{s:s, s:s, s:o, s:[s]}", "Sid", grant->sid, "Effect", "Allow",
                                  "Action", actions, "Resource", grant->resource);

    if (statement == NULL)
        return FB_NO_MEMORY;
    if (grant->key != NULL &&
        json_object_set_new(statement, "Condition",
                            json_pack("{s:{s:o}}", "StringLike", grant->key,
                                      texts(grant->values, grant->value_count))) != 0) {
        json_decref(statement);
        return FB_NO_MEMORY;
    }
    return json_array_append_new(statements, statement) == 0 ? FB_OK : FB_NO_MEMORY;
}

enum fb_status fb_policy_allow(json_t *policy, const struct fb_policy_grant *grant)
{
    json_t *statements = json_object_get(policy, "Statement");
    json_t *actions = texts(grant->actions, grant->action_count);
    json_t *statement;
    size_t i;

    if (actions == NULL)
        return FB_NO_MEMORY;
    json_array_foreach(statements, i, statement)
    {
        if (!takes(statement, grant, actions))
            continue;
        json_decref(actions);
        return join(statement, grant);
    }
    return append(statements, grant, actions);
}

void fb_policy_finish(json_t *policy)
{
    json_t *statements = json_object_get(policy, "Statement");
    const size_t count = json_array_size(statements);

    for (size_t i = count; i-- > 1;) {
        json_t *sid = json_object_get(json_array_get(statements, i), "Sid");
        const char *text = json_string_value(sid);
        size_t before = 0;
        char numbered[96];

        for (size_t j = 0; j < i; j++)
            before += strcmp(text, json_string_value(
                                       json_object_get(json_array_get(statements, j), "Sid"))) == 0;
        snprintf(numbered, sizeof numbered, "%.80s%zu", text, before + 1);
        if (before > 0)
            (void)json_string_set(sid, numbered);
    }
}

json_t *fb_policy_trust(json_t *principal, const char *external_id)
{
    json_t *statement = json_pack("{s:s, s:o, s:s}", "Effect", "Allow", "Principal", principal,
                                  "Action", "sts:AssumeRole");

    if (statement != NULL && external_id != NULL)
        (void)json_object_set_new(
            statement, "Condition",
            json_pack("{s:{s:s}}", "StringEquals", "sts:ExternalId", external_id));
    return json_pack("{s:s, s:[o]}", "Version", VERSION, "Statement", statement);
}

char *fb_policy_escape(const char *text)
{
    char *escaped = malloc(ESCAPE_SIZE * strlen(text) + 1);
    char *out = escaped;

    if (escaped == NULL)
        return NULL;
    for (; *text != '\0'; text++)
        out +=
            strchr("*?$", *text) != NULL ? sprintf(out, "${%c}", *text) : sprintf(out, "%c", *text);
    *out = '\0';
    return escaped;
}

size_t fb_policy_characters(const json_t *policy)
{
    return json_dumpb(policy, NULL, 0, JSON_COMPACT);
}
