/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What BatchGetItem gives: found without a tree as it is with one, where jansson reads the text at
 * all; and an item is equal to itself, whatever is in it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/batch_get.h"
#include "firebridge/pipeline/expectation.h"

#define ENTRY_COUNT 3

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};

static const char *const ids[ENTRY_COUNT] = {"a", "q\\\"\\u00e4", "nul\\u0000"};

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* Of what jansson read: whether it is this entry's key. */
static bool is_key(const struct fb_get_entry *entry, const json_t *item)
{
    const json_t *id = json_object_get(json_object_get(item, "id"), "S");
    const size_t size = json_string_length(id);

    /* A letter and two bytes of length stand before it. */
    return json_is_string(id) && size + 3 == entry->canonical_size &&
           memcmp(entry->canonical + 3, json_string_value(id), size) == 0;
}

/* Each entry has what the tree has of it, and once. */
static void compare_with_tree(const char *input, size_t size, const struct fb_get_entry *entries)
{
    json_t *root = json_loadb(input, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    const json_t *items = json_object_get(json_object_get(root, "Responses"), "ticker");
    size_t found = 0;

    for (size_t i = 0; root != NULL && i < ENTRY_COUNT; i++) {
        size_t times = 0;

        for (size_t k = 0; k < json_array_size(items); k++)
            times += is_key(&entries[i], json_array_get(items, k));
        check(times == (entries[i].item != NULL ? 1U : 0U));
        found += times;
    }
    check(root == NULL || found == json_array_size(items));
    json_decref(root);
}

static void compare_with_itself(const struct fb_get_entry *entry)
{
    const struct fb_comparison comparison = {.version_attribute = "v", .ttl_attribute = "t"};
    struct fb_difference difference = {0};

    for (int kind = FB_EXPECT_UNKNOWN; kind <= FB_EXPECT_ATTRIBUTES; kind++) {
        const struct fb_expectation expectation = {(enum fb_expected)kind, entry->item,
                                                   entry->item_size};
        const enum fb_found found = fb_expectation_compare(
            &expectation, entry->item, entry->item_size, &comparison, &difference);

        /* What is no typed value is equal to nothing. */
        check(kind != FB_EXPECT_NONE || found == FB_FOUND_UNDELETED ||
              found == FB_FOUND_INCOMPARABLE);
        check(found != FB_FOUND_MISSING && found != FB_FOUND_EXPIRED);
        fb_difference_done(&difference);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fb_get_entry entries[ENTRY_COUNT] = {0};
    struct fb_buffer keys[ENTRY_COUNT];
    struct fb_buffer answer;
    enum fb_status status;

    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        fb_buffer_init(&keys[i], 64);
        check(fb_key_append_canonical(&keys[i], FB_KEY_STRING, ids[i], strlen(ids[i])) == FB_OK);
        entries[i].canonical = keys[i].bytes;
        entries[i].canonical_size = keys[i].size;
    }
    fb_buffer_init(&answer, size + 4096);
    check(fb_buffer_append(&answer, input, size) == FB_OK);
    status = fb_batch_get_read("ticker", &schema, entries, ENTRY_COUNT, &answer);
    check(status == FB_OK || status == FB_INVALID || status == FB_CORRUPT);
    if (status == FB_OK)
        compare_with_tree((const char *)input, size, entries);
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        if (status == FB_OK && entries[i].item != NULL)
            compare_with_itself(&entries[i]);
        fb_buffer_done(&keys[i]);
    }
    fb_buffer_done(&answer);
    return 0;
}
