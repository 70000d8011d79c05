/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An S3 of sorted keys, each there from one moment to another, which lists as ListObjectsV2 does:
 * by pages in the order of bytes, with prefix, start-after, token and delimiter.
 */
#ifndef FIREBRIDGE_TESTS_SUPPORT_FAKE_S3_H
#define FIREBRIDGE_TESTS_SUPPORT_FAKE_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/aws/s3.h"

#define FAKE_S3_NEVER INT64_MAX

struct fake_object {
    char key[160], etag[16];
    const char *storage_class;
    uint64_t size_bytes;
    int64_t appears_ms, vanishes_ms;
};

struct fake_s3 {
    struct fake_object *objects;
    size_t count, capacity;
    bool sorted;
    unsigned page_size;
};

void fake_s3_init(struct fake_s3 *s3);
void fake_s3_done(struct fake_s3 *s3);

/* Of 100 bytes, there for good; valid until the next one is put, or a page is listed. */
struct fake_object *fake_s3_put(struct fake_s3 *s3, const char *key, int64_t appears_ms);

/* NULL: there is none of that key. */
struct fake_object *fake_s3_find(struct fake_s3 *s3, const char *key);

/* One page as of `now_ms`; with a delimiter, the folders. FB_OK, or what a callback said. */
enum fb_status fake_s3_list_page(struct fake_s3 *s3, int64_t now_ms,
                                 const struct fb_s3_list_request *request,
                                 struct fb_s3_list_result *ret_result);

#endif
