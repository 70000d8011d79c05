/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/expectation.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/version.h"

static json_t *load(const char *item, size_t size)
{
    return json_loadb(item, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
}

static bool is_null(const json_t *value)
{
    return json_object_get(value, "NULL") != NULL;
}

static bool is_of_key(const struct fb_key_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->attributes[i].name, name) == 0)
            return true;
    return false;
}

/* An update whose attributes are all removed makes no item where there is none (DynamoDB API
 * reference, "UpdateItem"). */
static bool may_make_none(const json_t *item, const struct fb_expected_write *write)
{
    bool has_null = false;
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)item, name, value)
    {
        if (is_of_key(write->schema, name))
            continue;
        if (!is_null(value) || !write->removes_nulls)
            return false;
        has_null = true;
    }
    return has_null;
}

/* As the slack behind it is demanded. */
static enum fb_status put_json(struct fb_buffer *buffer, const json_t *item)
{
    const size_t size = json_dumpb(item, NULL, 0, JSON_COMPACT);
    enum fb_status status;

    fb_buffer_reset(buffer);
    status = fb_buffer_reserve(buffer, size + FB_TEXT_SLACK);
    if (status != FB_OK)
        return status;
    memset(buffer->bytes, 0, size + FB_TEXT_SLACK);
    buffer->size = json_dumpb(item, buffer->bytes, size, JSON_COMPACT);
    return FB_OK;
}

static enum fb_status merge(const struct fb_expectation *before, const json_t *update,
                            struct fb_buffer *scratch, struct fb_expectation *ret_after)
{
    json_t *merged = load(before->item, before->item_size);
    enum fb_status status = FB_NO_MEMORY;

    if (merged == NULL) {
        ret_after->kind = FB_EXPECT_UNKNOWN;
        return FB_OK;
    }
    if (json_object_update(merged, (json_t *)update) == 0)
        status = put_json(scratch, merged);
    json_decref(merged);
    if (status != FB_OK)
        return status;
    *ret_after = (struct fb_expectation){FB_EXPECT_ATTRIBUTES, scratch->bytes, scratch->size};
    return FB_OK;
}

static enum fb_status after_update(const struct fb_expectation *before,
                                   const struct fb_expected_write *write, struct fb_buffer *scratch,
                                   struct fb_expectation *ret_after)
{
    const bool has_attributes =
        before->kind == FB_EXPECT_EXACT || before->kind == FB_EXPECT_ATTRIBUTES;
    const bool may_be_none = before->kind == FB_EXPECT_NONE || before->kind == FB_EXPECT_UNKNOWN;
    json_t *update = load(write->item, write->item_size);
    enum fb_status status = FB_OK;

    *ret_after = (struct fb_expectation){FB_EXPECT_ATTRIBUTES, write->item, write->item_size};
    if (update == NULL || (may_be_none && may_make_none(update, write)))
        ret_after->kind = FB_EXPECT_UNKNOWN;
    else if (has_attributes)
        status = merge(before, update, scratch, ret_after);
    json_decref(update);
    return status;
}

static bool find_version(const char *item, const char *name, struct fb_version *ret_version)
{
    return fb_version_find(item, name, strlen(name), ret_version);
}

/* Of what is known as a whole the condition can be told. */
static void after_newer(const struct fb_expectation *before, const struct fb_expected_write *write,
                        struct fb_expectation *ret_after)
{
    const bool is_whole = before->kind == FB_EXPECT_EXACT || before->kind == FB_EXPECT_NONE;
    struct fb_version had, has;

    *ret_after = (struct fb_expectation){is_whole ? FB_EXPECT_EXACT : FB_EXPECT_VERSION,
                                         write->item, write->item_size};
    if (before->kind != FB_EXPECT_EXACT && before->kind != FB_EXPECT_VERSION)
        return;
    if (!find_version(before->item, write->version_attribute, &had))
        return;
    if (!find_version(write->item, write->version_attribute, &has) || had.type != has.type ||
        fb_version_compare(&had, &has) >= 0)
        *ret_after = *before;
}

static void after_insert(const struct fb_expectation *before, const struct fb_expected_write *write,
                         struct fb_expectation *ret_after)
{
    if (before->kind == FB_EXPECT_NONE)
        *ret_after = (struct fb_expectation){FB_EXPECT_EXACT, write->item, write->item_size};
    else if (before->kind == FB_EXPECT_UNKNOWN)
        *ret_after = (struct fb_expectation){FB_EXPECT_SOME, write->item, write->item_size};
    else
        *ret_after = *before;
}

enum fb_status fb_expectation_after(const struct fb_expectation *before,
                                    const struct fb_expected_write *write,
                                    struct fb_buffer *scratch, struct fb_expectation *ret_after)
{
    static const struct fb_expectation nothing = {.kind = FB_EXPECT_UNKNOWN};

    if (before == NULL)
        before = &nothing;
    *ret_after = (struct fb_expectation){FB_EXPECT_UNKNOWN, write->item, write->item_size};
    switch (write->operation) {
    case FB_PUT:
        ret_after->kind = FB_EXPECT_EXACT;
        return FB_OK;
    case FB_DELETE:
        ret_after->kind = FB_EXPECT_NONE;
        return FB_OK;
    case FB_INSERT:
        after_insert(before, write, ret_after);
        return FB_OK;
    case FB_NEWER:
        after_newer(before, write, ret_after);
        return FB_OK;
    case FB_UPDATE:
        return after_update(before, write, scratch, ret_after);
    default:
        return FB_OK;
    }
}
