/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UpdateItem with AttributeUpdates (API reference, "UpdateItem"; developer guide, "Legacy
 * conditional parameters"). An UpdateExpression of the same would have 4 KB and 300 operators at
 * most, and a placeholder for each name; this has neither limit, and takes names as they are.
 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "write_private.h"

#define NULL_VALUE "{\"NULL\":true}"

/* The attributes that stand in the body already; of those that are there twice the later counts. */
struct update {
    const struct fb_write_target *target;
    struct fb_buffer *body;
    struct fb_buffer *names; /* struct fb_json_text, one behind the other; NULL: none repeats */
    bool has_some;
};

static bool is_taken(const struct update *update, const struct fb_json_text *name)
{
    const struct fb_json_text *const taken = (const void *)update->names->bytes;
    const size_t count = update->names->size / sizeof *taken;

    for (size_t i = 0; i < count; i++)
        if (fb_json_text_compare(&taken[i], name) == 0)
            return true;
    return false;
}

static const struct fb_key_attribute *find_key(const struct fb_key_schema *schema,
                                               const struct fb_json_text *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (fb_json_text_is(name, schema->attributes[i].name, schema->attributes[i].name_size))
            return &schema->attributes[i];
    return NULL;
}

static enum fb_status add(struct fb_buffer *body, const char *bytes, size_t size,
                          enum fb_status status)
{
    return status == FB_OK ? fb_buffer_append(body, bytes, size) : status;
}

static enum fb_status add_text(struct fb_buffer *body, const char *text, enum fb_status status)
{
    return add(body, text, strlen(text), status);
}

static enum fb_status add_attribute(struct update *update, const struct fb_json_text *name,
                                    const char *value, size_t size)
{
    const bool removes = update->target->removes_nulls && size == strlen(NULL_VALUE) &&
                         memcmp(value, NULL_VALUE, size) == 0;
    struct fb_buffer *body = update->body;
    enum fb_status status = FB_OK;

    if (update->names != NULL) {
        if (is_taken(update, name))
            return FB_OK;
        status = fb_buffer_append(update->names, name, sizeof *name);
    }
    status = add_text(body, update->has_some ? ",\"" : ",\"AttributeUpdates\":{\"", status);
    update->has_some = true;
    status = add(body, name->bytes, name->size, status);
    if (removes)
        return add_text(body, "\":{\"Action\":\"DELETE\"}", status);
    status = add_text(body, "\":{\"Action\":\"PUT\",\"Value\":", status);
    status = add(body, value, size, status);
    return add_text(body, "}", status);
}

static enum fb_status add_attributes(struct update *update, const char *item)
{
    struct fb_json_cursor attributes = fb_json_cursor_begin(item);
    enum fb_status status = FB_OK;
    struct fb_json_text name;

    (void)fb_json_enter_object(&attributes);
    while (status == FB_OK && fb_json_next_member(&attributes, &name)) {
        const char *const value = attributes.at;

        fb_json_skip(&attributes);
        if (find_key(update->target->schema, &name) == NULL)
            status = add_attribute(update, &name, value, (size_t)(attributes.at - value));
    }
    return status;
}

static enum fb_status add_key(struct update *update, const char *item)
{
    struct fb_json_cursor attributes = fb_json_cursor_begin(item);
    const char *glue = "\"";
    enum fb_status status = FB_OK;
    struct fb_json_text name;

    (void)fb_json_enter_object(&attributes);
    while (status == FB_OK && fb_json_next_member(&attributes, &name)) {
        const char *const value = attributes.at;

        fb_json_skip(&attributes);
        if (find_key(update->target->schema, &name) == NULL)
            continue;
        status = add_text(update->body, glue, status);
        status = add(update->body, name.bytes, name.size, status);
        status = add_text(update->body, "\":", status);
        status = add(update->body, value, (size_t)(attributes.at - value), status);
        glue = ",\"";
    }
    return add_text(update->body, "}", status);
}

/* From the latest back: what was there before it counts only where it says nothing. */
static enum fb_status make_body(const struct fb_write_target *target,
                                const struct fb_batch_entry *entry)
{
    struct update update = {
        .target = target,
        .body = &target->scratch->body,
        .names = entry->earlier_count > 0 ? &target->scratch->names : NULL,
    };
    enum fb_status status;

    fb_buffer_reset(update.body);
    fb_buffer_reset(&target->scratch->names);
    status = fb_buffer_printf(update.body, "{\"TableName\":\"%s\",\"Key\":{", target->table);
    if (status == FB_OK)
        status = add_key(&update, entry->item);
    if (status == FB_OK)
        status = add_attributes(&update, entry->item);
    for (size_t i = entry->earlier_count; i > 0 && status == FB_OK; i--)
        status = add_attributes(&update, entry->earlier[i - 1].bytes);
    if (update.has_some)
        status = add_text(update.body, "}", status);
    return add_text(update.body, target->wants_units ? "," FB_WRITE_WANTS_UNITS "}" : "}", status);
}

enum fb_status fb_write_update(struct fb_client *client, const struct fb_write_target *target,
                               struct fb_batch_entry *entries, size_t count, double *ret_units,
                               struct fb_error *error)
{
    struct fb_buffer *body = &target->scratch->body;
    enum fb_status status = make_body(target, entries);
    struct iovec piece;

    (void)count;
    if (status == FB_TOO_LARGE)
        return fb_fail(error, status, "an update of over %zu bytes", body->max_bytes);
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for an update");
    piece = (struct iovec){body->bytes, body->size};
    return fb_write_one(client, "UpdateItem", target->table, &piece, 1, NULL, ret_units, error);
}
