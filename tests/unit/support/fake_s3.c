/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_AT_FIRST 64

void fake_s3_init(struct fake_s3 *s3)
{
    *s3 = (struct fake_s3){.page_size = 1000};
}

void fake_s3_done(struct fake_s3 *s3)
{
    free(s3->objects);
    s3->objects = NULL;
}

struct fake_object *fake_s3_put(struct fake_s3 *s3, const char *key, int64_t appears_ms)
{
    struct fake_object *object;

    if (s3->count == s3->capacity) {
        s3->capacity = s3->capacity > 0 ? s3->capacity * 2 : COUNT_AT_FIRST;
        s3->objects = realloc(s3->objects, s3->capacity * sizeof *s3->objects);
        if (s3->objects == NULL)
            abort();
    }
    object = &s3->objects[s3->count++];
    *object = (struct fake_object){.etag = "e1",
                                   .storage_class = "STANDARD",
                                   .size_bytes = 100,
                                   .appears_ms = appears_ms,
                                   .vanishes_ms = FAKE_S3_NEVER};
    snprintf(object->key, sizeof object->key, "%s", key);
    s3->sorted = false;
    return object;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct fake_object *)a)->key, ((const struct fake_object *)b)->key);
}

static void sort(struct fake_s3 *s3)
{
    if (!s3->sorted && s3->count > 0)
        qsort(s3->objects, s3->count, sizeof *s3->objects, compare);
    s3->sorted = true;
}

/* The first object whose key does not sort before `key`, or behind it. */
static size_t first_from(const struct fake_s3 *s3, const char *key, bool behind)
{
    size_t low = 0;
    size_t high = s3->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int difference = strcmp(s3->objects[middle].key, key);

        if (difference < 0 || (behind && difference == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct fake_object *fake_s3_find(struct fake_s3 *s3, const char *key)
{
    size_t i;

    sort(s3);
    i = first_from(s3, key, false);
    return i < s3->count && strcmp(s3->objects[i].key, key) == 0 ? &s3->objects[i] : NULL;
}

static void set_token(struct fb_s3_list_result *result, const char *key, const char *behind)
{
    result->is_truncated = true;
    snprintf(result->continuation_token, sizeof result->continuation_token, "%s%s", key, behind);
}

static enum fb_status show(const struct fake_object *object,
                           const struct fb_s3_list_request *request)
{
    const struct fb_s3_listed listed = {.key = object->key,
                                        .etag = object->etag,
                                        .storage_class = object->storage_class,
                                        .size_bytes = object->size_bytes,
                                        .last_modified_ms = object->appears_ms};

    return request->on_object == NULL ? FB_OK : request->on_object(request->context, &listed);
}

static size_t first_of(const struct fake_s3 *s3, const struct fb_s3_list_request *request)
{
    const char *after =
        request->continuation_token != NULL ? request->continuation_token : request->start_after;
    const size_t of_prefix = first_from(s3, request->prefix, false);
    const size_t behind = after == NULL ? 0 : first_from(s3, after, true);

    return behind > of_prefix ? behind : of_prefix;
}

enum fb_status fake_s3_list_page(struct fake_s3 *s3, int64_t now_ms,
                                 const struct fb_s3_list_request *request,
                                 struct fb_s3_list_result *ret_result)
{
    const size_t prefix_size = strlen(request->prefix);
    struct fb_s3_list_result result = {0};
    char folder[sizeof s3->objects->key] = "";
    const char *last = "";
    enum fb_status status = FB_OK;

    sort(s3);
    for (size_t i = first_of(s3, request); i < s3->count && status == FB_OK; i++) {
        const struct fake_object *object = &s3->objects[i];
        const char *slash;

        if (strncmp(object->key, request->prefix, prefix_size) != 0)
            break;
        if (object->appears_ms > now_ms || object->vanishes_ms <= now_ms ||
            (folder[0] != '\0' && strncmp(object->key, folder, strlen(folder)) == 0))
            continue;
        if (result.key_count == s3->page_size) {
            set_token(&result, folder[0] != '\0' ? folder : last, folder[0] != '\0' ? "\xff" : "");
            break;
        }
        result.key_count++;
        slash = request->delimiter == NULL ? NULL : strchr(object->key + prefix_size, '/');
        folder[0] = '\0';
        if (slash != NULL) {
            snprintf(folder, sizeof folder, "%.*s", (int)(slash - object->key) + 1, object->key);
            if (request->on_prefix != NULL)
                status = request->on_prefix(request->context, folder);
        } else {
            status = show(object, request);
        }
        last = object->key;
    }
    if (status == FB_OK)
        *ret_result = result;
    return status;
}
