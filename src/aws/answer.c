/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/validate.h"

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
