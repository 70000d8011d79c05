/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a page of ListObjectsV2: in pieces it is what it is at once, what it hands out can
 * be keys, and a page that is refused hands out nothing and says why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/s3_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct seen {
    unsigned objects, prefixes;
    uint64_t sum; /* of all that was handed out, in its order */
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void add(struct seen *seen, const char *text)
{
    for (; *text != '\0'; text++)
        seen->sum = seen->sum * 31 + (unsigned char)*text;
    seen->sum = seen->sum * 31;
}

static enum fb_status on_object(void *context, const struct fb_s3_listed *object)
{
    struct seen *seen = context;

    check(object->key[0] != '\0' && strlen(object->key) <= FB_S3_KEY_MAX_BYTES);
    check(object->etag != NULL && object->storage_class != NULL);
    seen->objects++;
    add(seen, object->key);
    add(seen, object->etag);
    add(seen, object->storage_class);
    seen->sum += object->size_bytes + (uint64_t)object->last_modified_ms;
    return FB_OK;
}

static enum fb_status on_prefix(void *context, const char *prefix)
{
    struct seen *seen = context;

    check(prefix[0] != '\0');
    seen->prefixes++;
    add(seen, prefix);
    return FB_OK;
}

static enum fb_status read_page(const char *bytes, size_t size, size_t piece, struct seen *seen)
{
    const struct fb_s3_list_request request = {
        .on_object = on_object, .on_prefix = on_prefix, .context = seen};
    struct fb_s3_list_result result = {0};
    struct fb_s3_page *page = NULL;
    enum fb_status status = fb_s3_page_new(&page);

    check(status == FB_OK);
    for (size_t at = 0; at < size && status == FB_OK; at += piece)
        status = fb_s3_page_take(page, bytes + at, size - at < piece ? size - at : piece);
    if (status == FB_OK)
        status = fb_s3_page_finish(page, &request, &result);
    check(status == FB_OK || fb_s3_page_reason(page)[0] != '\0');
    check(status != FB_OK || result.key_count == seen->objects + seen->prefixes);
    check(status != FB_OK || !result.is_truncated || result.continuation_token[0] != '\0');
    check(status == FB_OK || seen->objects + seen->prefixes == 0);
    fb_s3_page_free(page);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct seen whole = {0}, pieces = {0};
    const char *text = (const char *)bytes + 1;
    enum fb_status status;

    if (size < 1)
        return 0;
    status = read_page(text, size - 1, size, &whole);
    check(read_page(text, size - 1, 1 + bytes[0] % 64, &pieces) == status);
    check(memcmp(&whole, &pieces, sizeof whole) == 0);
    return 0;
}
