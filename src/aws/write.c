/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/write.h"

#include "write_private.h"

/* What memory a scratch keeps for the next call; a body is seldom larger. */
#define BODY_KEPT_BYTES  ((size_t)256 * 1024)
#define NAMES_MAX_BYTES  ((size_t)64 * 1024 * 1024)
#define NAMES_KEPT_BYTES ((size_t)64 * 1024)

static const struct {
    const char *operation;
    size_t max_items;
    fb_write_call_fn call;
} kinds[FB_WRITE_KIND_COUNT] = {
    [FB_WRITE_BATCH] = {"BatchWriteItem", FB_BATCH_MAX_ITEMS, fb_write_batch},
    [FB_WRITE_INSERTS] = {"BatchExecuteStatement", FB_BATCH_MAX_ITEMS, fb_write_inserts},
    [FB_WRITE_IF_ABSENT] = {"PutItem", 1, fb_write_if_absent},
    [FB_WRITE_NEWER] = {"PutItem", 1, fb_write_newer},
    [FB_WRITE_UPDATE] = {"UpdateItem", 1, fb_write_update},
};

void fb_write_scratch_init(struct fb_write_scratch *scratch)
{
    fb_buffer_init(&scratch->body, FB_WRITE_BODY_MAX_BYTES);
    fb_buffer_init(&scratch->names, NAMES_MAX_BYTES);
}

void fb_write_scratch_done(struct fb_write_scratch *scratch)
{
    fb_buffer_done(&scratch->body);
    fb_buffer_done(&scratch->names);
}

static void shrink(struct fb_buffer *buffer, size_t kept_bytes)
{
    const size_t max_bytes = buffer->max_bytes;

    if (buffer->capacity <= kept_bytes)
        return;
    fb_buffer_done(buffer);
    fb_buffer_init(buffer, max_bytes);
}

const char *fb_write_operation(enum fb_write_kind kind)
{
    return kinds[kind].operation;
}

size_t fb_write_max_items(enum fb_write_kind kind)
{
    return kinds[kind].max_items;
}

enum fb_status fb_dynamodb_write(struct fb_client *client, const struct fb_write_target *target,
                                 enum fb_write_kind kind, struct fb_batch_entry *entries,
                                 size_t count, double *ret_units, struct fb_error *error)
{
    double units = -1;
    enum fb_status status;

    if (entries == NULL || count == 0 || count > kinds[kind].max_items)
        return fb_fail(error, FB_INVALID, "%s takes 1 to %zu items, not %zu", kinds[kind].operation,
                       kinds[kind].max_items, count);
    for (size_t i = 0; i < count; i++)
        entries[i].unprocessed = entries[i].is_there = entries[i].is_refused = false;
    status = kinds[kind].call(client, target, entries, count, &units, error);
    if (target->scratch != NULL) {
        shrink(&target->scratch->body, BODY_KEPT_BYTES);
        shrink(&target->scratch->names, NAMES_KEPT_BYTES);
    }
    if (status == FB_OK)
        *ret_units = units;
    return status;
}
