/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/write_mode.h"

#include <string.h>

#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/version.h"

#define WRITE_UNIT_BYTES   1024
#define KEY_ATTRIBUTES_MAX 2

/* Whatever was there before is of no account. */
static enum fb_fold fold_over(const struct fb_item *earlier, const struct fb_item *later)
{
    (void)earlier;
    (void)later;
    return FB_FOLD_LATER;
}

/*
 * Behind a put or an insert the key has an item; not so behind a delete, an update that may only
 * remove, and a newer that may be refused while a newer behind it is not.
 */
static enum fb_fold fold_insert(const struct fb_item *earlier, const struct fb_item *later)
{
    (void)later;
    return earlier->operation == FB_PUT || earlier->operation == FB_INSERT ? FB_FOLD_EARLIER
                                                                           : FB_FOLD_NONE;
}

static struct fb_version version_of(const struct fb_item *item)
{
    return fb_version_of(fb_item_json(item) + item->version_at, item->version_size);
}

static enum fb_fold fold_newer(const struct fb_item *earlier, const struct fb_item *later)
{
    struct fb_version a, b;

    if (earlier->operation != FB_NEWER)
        return FB_FOLD_NONE;
    a = version_of(earlier);
    b = version_of(later);
    if (a.type != b.type)
        return FB_FOLD_NONE;
    return fb_version_compare(&a, &b) < 0 ? FB_FOLD_LATER : FB_FOLD_EARLIER;
}

static const char null[] = "{\"NULL\":true}";

static bool has_null(const struct fb_item *item)
{
    return memmem(fb_item_json(item), item->json_size, null, strlen(null)) != NULL;
}

/* Beside its key, of one or two attributes. */
static bool sets_something(const struct fb_item *item)
{
    struct fb_json_cursor attributes = fb_json_cursor_begin(fb_item_json(item));
    struct fb_json_text name;
    size_t set = 0;

    (void)fb_json_enter_object(&attributes);
    while (set <= KEY_ATTRIBUTES_MAX && fb_json_next_member(&attributes, &name)) {
        set += strncmp(attributes.at, null, strlen(null)) != 0;
        fb_json_skip(&attributes);
    }
    return set > KEY_ATTRIBUTES_MAX;
}

/*
 * A call that only removes makes no item where there is none (API reference, "AttributeUpdates"),
 * so two must not become one: of {"a":null} and the key alone the second makes the item; of "a" set
 * and removed the first.
 */
static enum fb_fold fold_update(const struct fb_item *earlier, const struct fb_item *later)
{
    if (earlier->operation != FB_UPDATE)
        return FB_FOLD_NONE;
    if (!has_null(earlier) && !has_null(later))
        return FB_FOLD_MERGE;
    return sets_something(later) ? FB_FOLD_MERGE : FB_FOLD_NONE;
}

static const struct fb_write_mode modes[FB_LEAVE_OUT] = {
    [FB_PUT] = {.kind = FB_WRITE_BATCH, .fold = fold_over},
    [FB_DELETE] = {.kind = FB_WRITE_BATCH, .fold = fold_over},
    [FB_INSERT] = {.kind = FB_WRITE_INSERTS,
                   .fits = fb_write_can_be_statement,
                   .otherwise = FB_WRITE_IF_ABSENT,
                   .fold = fold_insert},
    [FB_NEWER] = {.kind = FB_WRITE_NEWER, .fold = fold_newer},
    [FB_UPDATE] = {.kind = FB_WRITE_UPDATE, .fold = fold_update},
};

const struct fb_write_mode *fb_write_mode_of(enum fb_operation operation)
{
    return &modes[operation];
}

bool fb_write_mode_if_absent(enum fb_operation operation, enum fb_operation *ret_operation)
{
    if (operation != FB_PUT && operation != FB_INSERT && operation != FB_NEWER)
        return false;
    *ret_operation = FB_INSERT;
    return true;
}

uint64_t fb_item_write_units(const struct fb_item *item)
{
    const uint64_t units = (item->counted_bytes + WRITE_UNIT_BYTES - 1) / WRITE_UNIT_BYTES;

    return units == 0 || item->operation == FB_DELETE ? 1 : units;
}
