/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/validate.h"

/* No digit of a number needs an escape; a number that has some must be this short. */
#define ESCAPED_NUMBER_MAX_BYTES 512

enum fb_status fb_answer_check(struct fb_buffer *answer)
{
    struct fb_nesting nesting = {0};
    struct fb_validated validated;
    enum fb_status status = fb_buffer_reserve(answer, FB_TEXT_SLACK);

    if (status != FB_OK)
        return status;
    memset(answer->bytes + answer->size, 0, FB_TEXT_SLACK);
    status = fb_json_validate(&nesting, answer->bytes, answer->size, &validated);
    fb_nesting_done(&nesting);
    if (status == FB_NEED_MORE)
        return FB_INVALID;
    if (status != FB_OK)
        return status;
    if (validated.bad_utf8 ||
        fb_text_skip_blanks(answer->bytes + validated.end) != answer->bytes + answer->size)
        return FB_INVALID;
    return FB_OK;
}

static bool may_say(const struct fb_json_text *name)
{
    static const char *const names[] = {"ConsumedCapacity", "ItemCollectionMetrics", "Attributes"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fb_json_text_is(name, names[i], strlen(names[i])))
            return true;
    return false;
}

enum fb_status fb_answer_check_written(struct fb_buffer *answer)
{
    enum fb_status status = fb_answer_check(answer);
    struct fb_json_cursor object;
    struct fb_json_text name;

    if (status != FB_OK)
        return status;
    object = fb_json_cursor_begin(answer->bytes);
    if (!fb_json_enter_object(&object))
        return FB_INVALID;
    for (; fb_json_next_member(&object, &name); fb_json_skip(&object))
        if (!may_say(&name))
            return FB_INVALID;
    return FB_OK;
}

bool fb_answer_find(struct fb_json_cursor object, const char *name, size_t name_size,
                    struct fb_json_cursor *ret_value)
{
    struct fb_json_cursor value = {NULL};
    struct fb_json_text text;
    size_t found = 0;

    if (!fb_json_enter_object(&object))
        return false;
    for (; fb_json_next_member(&object, &text); fb_json_skip(&object))
        if (fb_json_text_is(&text, name, name_size)) {
            value = object;
            found++;
        }
    if (found == 1)
        *ret_value = value;
    return found == 1;
}

bool fb_answer_is_table(const struct fb_json_text *name, const char *table)
{
    const char *bare = strstr(table, ":table/");

    return fb_json_text_is(name, table, strlen(table)) ||
           (bare != NULL && fb_json_text_is(name, bare + 7, strlen(bare + 7)));
}

/* {"TableName":"t","CapacityUnits":2.0}; some clients' servers leave out the name. */
static bool add_units(struct fb_json_cursor consumed, const char *table, double *units)
{
    struct fb_json_cursor value;
    struct fb_json_text text;

    if (fb_answer_find(consumed, "TableName", strlen("TableName"), &value) &&
        fb_json_take_string(&value, &text) && !fb_answer_is_table(&text, table))
        return false;
    /* What ends a number is no part of it. */
    if (fb_answer_find(consumed, "CapacityUnits", strlen("CapacityUnits"), &value) &&
        fb_json_take_number(&value, &text))
        *units = (*units < 0 ? 0 : *units) + strtod(text.bytes, NULL);
    return true;
}

bool fb_answer_units(struct fb_json_cursor answer, const char *table, double *ret_units)
{
    struct fb_json_cursor consumed;
    double units = -1;

    *ret_units = units;
    if (!fb_answer_find(answer, "ConsumedCapacity", strlen("ConsumedCapacity"), &consumed))
        return true;
    if (!fb_json_enter_array(&consumed)) {
        if (!add_units(consumed, table, &units))
            return false;
    } else {
        for (; fb_json_next_element(&consumed); fb_json_skip(&consumed))
            if (!add_units(consumed, table, &units))
                return false;
    }
    *ret_units = units;
    return true;
}

/* Nobody escapes digits, but JSON allows it. */
static enum fb_status append_number(struct fb_buffer *key, const struct fb_json_text *text)
{
    char plain[ESCAPED_NUMBER_MAX_BYTES + 1];
    size_t size;

    if (memchr(text->bytes, '\\', text->size) == NULL)
        return fb_key_append_canonical(key, FB_KEY_NUMBER, text->bytes, text->size);
    if (text->size > ESCAPED_NUMBER_MAX_BYTES)
        return FB_TOO_LARGE;
    size = fb_text_unescape(text->bytes, text->size, plain);
    plain[size] = '\0';
    return fb_key_append_canonical(key, FB_KEY_NUMBER, plain, size);
}

/* {"S":"..."} or {"N":"..."} in canonical form. */
static enum fb_status append_key(struct fb_buffer *key, enum fb_key_type type,
                                 struct fb_json_cursor attribute)
{
    const char name = (char)type;
    struct fb_json_cursor value;
    struct fb_json_text text;
    enum fb_status status;

    if (!fb_answer_find(attribute, &name, 1, &value) || !fb_json_take_string(&value, &text))
        return FB_CORRUPT;
    if (type == FB_KEY_NUMBER)
        status = append_number(key, &text);
    else
        status = fb_key_append_canonical(key, type, text.bytes, text.size);
    return status == FB_OK || status == FB_NO_MEMORY ? status : FB_CORRUPT;
}

enum fb_status fb_answer_append_key(const struct fb_key_schema *schema,
                                    struct fb_json_cursor attributes, struct fb_buffer *key)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct fb_key_attribute *wanted = &schema->attributes[i];
        struct fb_json_cursor attribute;
        enum fb_status status;

        if (!fb_answer_find(attributes, wanted->name, wanted->name_size, &attribute))
            return FB_CORRUPT;
        status = append_key(key, wanted->type, attribute);
        if (status != FB_OK)
            return status;
    }
    return FB_OK;
}
