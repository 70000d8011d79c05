/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What BatchWriteItem gives back: found without a tree as it is with one. jansson's verdict counts
 * where it reads the text at all: it refuses a NUL in a name, and here two members of one name.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/unprocessed.h"

#define ENTRY_COUNT 4

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING},
                   {.name = "n", .name_size = 1, .type = FB_KEY_NUMBER}},
    .count = 2,
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* The second and the last are deletes. */
static struct fb_batch_entry entry_at(const struct fb_buffer *keys, size_t i)
{
    return (struct fb_batch_entry){.operation = i % 2 == 1 ? FB_DELETE : FB_PUT,
                                   .key = keys[i].bytes,
                                   .key_size = keys[i].size};
}

static void make_entries(struct fb_batch_entry *entries, struct fb_buffer *keys)
{
    static const char *const sent[ENTRY_COUNT][2] = {
        {"a", "1"}, {"a", "2"}, {"q\\\"\\u0001\\\\\\u00e4", "1.50"}, {"nul\\u0000", "-1e2"}};

    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        fb_buffer_init(&keys[i], 1024);
        check(fb_key_append_canonical(&keys[i], FB_KEY_STRING, sent[i][0], strlen(sent[i][0])) ==
              FB_OK);
        check(fb_key_append_canonical(&keys[i], FB_KEY_NUMBER, sent[i][1], strlen(sent[i][1])) ==
              FB_OK);
        entries[i] = entry_at(keys, i);
    }
}

/* The same with a tree: the entry of that operation whose key the item has, or NULL. */
static struct fb_batch_entry *entry_of(struct fb_batch_entry *entries, enum fb_operation operation,
                                       const json_t *item)
{
    const json_t *id = json_object_get(json_object_get(item, "id"), "S");
    const json_t *n = json_object_get(json_object_get(item, "n"), "N");
    struct fb_batch_entry *found = NULL;
    struct fb_buffer key;
    size_t size;

    if (!json_is_string(id) || !json_is_string(n) || json_string_length(id) > 1024)
        return NULL;
    size = json_string_length(id);
    fb_buffer_init(&key, 4096);
    check(fb_buffer_append(&key, (char[]){'S', (char)(size >> 8), (char)size}, 3) == FB_OK);
    check(fb_buffer_append(&key, json_string_value(id), size) == FB_OK);
    if (fb_key_append_canonical(&key, FB_KEY_NUMBER, json_string_value(n), json_string_length(n)) ==
        FB_OK)
        for (size_t i = 0; i < ENTRY_COUNT; i++)
            if (entries[i].operation == operation && entries[i].key_size == key.size &&
                memcmp(entries[i].key, key.bytes, key.size) == 0)
                found = &entries[i];
    fb_buffer_done(&key);
    return found;
}

/* The entry that is asked for again, when it is one operation and not both. */
static struct fb_batch_entry *requested(struct fb_batch_entry *entries, const json_t *request)
{
    const json_t *item = json_object_get(json_object_get(request, "PutRequest"), "Item");
    const json_t *key = json_object_get(json_object_get(request, "DeleteRequest"), "Key");

    if ((item == NULL) == (key == NULL))
        return NULL;
    return item != NULL ? entry_of(entries, FB_PUT, item) : entry_of(entries, FB_DELETE, key);
}

static enum fb_status mark_in_tree(struct fb_batch_entry *entries, json_t *root)
{
    json_t *unprocessed = json_object_get(root, "UnprocessedItems");
    json_t *requests, *request;
    const char *name;
    size_t i;

    if (!json_is_object(unprocessed))
        return FB_INVALID;
    json_object_foreach(unprocessed, name, requests)
    {
        if (strcmp(name, "ticker") != 0 || !json_is_array(requests))
            return FB_CORRUPT;
        json_array_foreach(requests, i, request)
        {
            struct fb_batch_entry *entry = requested(entries, request);

            if (entry == NULL || entry->unprocessed)
                return FB_CORRUPT;
            entry->unprocessed = true;
        }
    }
    return FB_OK;
}

static void compare(const char *input, size_t size, const struct fb_batch_entry *entries,
                    const struct fb_buffer *keys, enum fb_status status)
{
    struct fb_batch_entry again[ENTRY_COUNT];
    json_t *root = json_loadb(input, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);

    if (root == NULL)
        return;
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        again[i] = entry_at(keys, i);
    check(mark_in_tree(again, root) == status);
    for (size_t i = 0; status == FB_OK && i < ENTRY_COUNT; i++)
        check(again[i].unprocessed == entries[i].unprocessed);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fb_buffer keys[ENTRY_COUNT];
    struct fb_batch_entry entries[ENTRY_COUNT];
    const struct fb_sent_batch batch = {"ticker", &schema, entries, ENTRY_COUNT};
    struct fb_buffer answer;
    enum fb_status status;

    make_entries(entries, keys);
    fb_buffer_init(&answer, size + 4096);
    check(fb_buffer_append(&answer, input, size) == FB_OK);
    status = fb_unprocessed_mark(&batch, &answer);
    check(status == FB_OK || status == FB_INVALID || status == FB_CORRUPT);
    compare((const char *)input, size, entries, keys, status);
    fb_buffer_done(&answer);
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        fb_buffer_done(&keys[i]);
    return 0;
}
