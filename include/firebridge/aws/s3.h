/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The S3 calls: ListObjectsV2 and GetObject, and for dead letters PutObject and DeleteObject. Each
 * is one signed HTTP exchange; retrying is the caller's. (Amazon S3 API reference.)
 */
#ifndef FIREBRIDGE_AWS_S3_H
#define FIREBRIDGE_AWS_S3_H

#include <stdbool.h>

#include "firebridge/aws/client.h"

/* S3 user guide, "Object key names": at most 1,024 bytes of UTF-8. */
#define FB_S3_KEY_MAX_BYTES 1024

struct fb_s3_listed {
    const char *key;           /* decoded; valid during the callback */
    const char *etag;          /* without quotes */
    const char *storage_class; /* "STANDARD" when S3 names none */
    uint64_t size_bytes;
    int64_t last_modified_ms;
};

/* Anything but FB_OK ends the call and is what it returns. */
typedef enum fb_status (*fb_s3_listed_fn)(void *context, const struct fb_s3_listed *object);
typedef enum fb_status (*fb_s3_prefix_fn)(void *context, const char *prefix);

struct fb_s3_list_request {
    const char *bucket;
    const char *prefix;
    const char *start_after;        /* or NULL */
    const char *continuation_token; /* or NULL; wins over start_after */
    const char *delimiter;          /* or NULL */
    unsigned max_keys;              /* 0: S3's 1,000 */
    fb_s3_listed_fn on_object;      /* may be NULL */
    fb_s3_prefix_fn on_prefix;      /* may be NULL */
    void *context;
};

struct fb_s3_list_result {
    bool is_truncated;
    char continuation_token[2048]; /* of the next page */
    unsigned key_count;
};

/*
 * One page, in the order in which S3 gives it. The page is read whole before the first callback,
 * so that half an answer reports nothing. FB_CORRUPT: no ListBucketResult, or a broken one.
 */
enum fb_status fb_s3_list_page(struct fb_client *client, const struct fb_s3_list_request *request,
                               struct fb_s3_list_result *ret_result,
                               struct fb_error *error) FB_MUST_CHECK;

struct fb_s3_get_request {
    const char *bucket;
    const char *key;
    const char *etag;      /* without quotes; sent as If-Match. NULL: none */
    uint64_t size_bytes;   /* of the whole object, as listed; UINT64_MAX: not known */
    uint64_t offset_bytes; /* > 0: Range: bytes=N- */
    int64_t stall_timeout_ms;
    fb_http_sink_fn sink; /* only ever sees a 200 or 206 body */
    void *context;
};

/*
 * Streams the object from offset_bytes to its end. FB_OK: all of it came. FB_CHANGED: 412.
 * FB_NOT_FOUND: 404 NoSuchKey, and no other 404 (a missing bucket is FB_UNAVAILABLE with the code
 * NoSuchBucket, so that nobody takes all its objects for deleted). FB_UNAVAILABLE: broke off; call
 * again with the offset reached. FB_TOO_LARGE never. A 206 whose Content-Range starts elsewhere
 * than asked is FB_CORRUPT before any byte reaches the sink, and so is a 200 to a ranged request.
 */
enum fb_status fb_s3_get(struct fb_client *client, const struct fb_s3_get_request *request,
                         struct fb_error *error) FB_MUST_CHECK;

struct fb_s3_put_request {
    const char *bucket;
    const char *key;
    const char *content_type; /* NULL: none */
    const char *bytes;
    size_t size;
};

/*
 * Writes the object whole, in place of one that has the key. FB_OK: S3 has acknowledged it, and a
 * GET from now on gives these bytes (S3 user guide, "Amazon S3 data consistency model"). After
 * FB_UNAVAILABLE it may be there or not; the same again is harmless.
 */
enum fb_status fb_s3_put(struct fb_client *client, const struct fb_s3_put_request *request,
                         struct fb_error *error) FB_MUST_CHECK;

/* FB_OK also where no such object was. */
enum fb_status fb_s3_delete(struct fb_client *client, const char *bucket, const char *key,
                            struct fb_error *error) FB_MUST_CHECK;

#endif
