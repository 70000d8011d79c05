/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signed call to a service: credentials, clock, signature, exchange, and what the answer means.
 *
 * A call is made again within itself at most twice: once with new credentials after an expired
 * token, once with a corrected clock after a signature that the server finds too old or too new.
 * All other retrying is the caller's.
 *
 * Threads: the client's.
 */
#ifndef FIREBRIDGE_AWS_CALL_H
#define FIREBRIDGE_AWS_CALL_H

#include "firebridge/aws/client.h"
#include "firebridge/aws/endpoint.h"

#define FB_CALL_HEADER_MAX 8

/* The answer of a call that failed, where it holds more than an error. `body` has its maximum. */
struct fb_call_refusal {
    struct fb_buffer body;
    bool is_intact; /* its x-amz-crc32 is right, or there is none */
};

struct fb_call {
    const char *service;   /* "s3", "dynamodb" */
    const char *operation; /* for messages: "ListObjectsV2" */
    const char *subject;   /* for messages: "s3://bucket/key", "table ticker" */
    const char *method;
    const struct fb_endpoint *endpoint;
    const char *path;  /* encoded once, as it is sent */
    const char *query; /* as fb_uri_append_query made it; "" when there is none */
    struct fb_http_header headers[FB_CALL_HEADER_MAX]; /* beside Host and those of signing */
    size_t header_count;
    const struct iovec *body;
    size_t body_count;
    size_t body_bytes;
    int64_t total_timeout_ms;
    int64_t stall_timeout_ms;
    bool is_s3;                      /* signs as S3 wants it */
    struct fb_call_refusal *refusal; /* NULL: the first 64 KiB are kept, to be judged */
    fb_http_sink_fn sink;            /* sees the body of a 200 or 206, and of nothing else */
    void *context;
};

/* NULL when there is no memory; calls do without. Freeing wipes what it signed; NULL is allowed. */
struct fb_call_scratch *fb_call_scratch_new(void);
void fb_call_scratch_free(struct fb_call_scratch *scratch);

/*
 * The region in which S3 said that the bucket is, kept for one bucket; NULL when it said nothing.
 * A scratch of NULL keeps nothing.
 */
const char *fb_call_scratch_bucket_region(const struct fb_call_scratch *scratch,
                                          const char *bucket);
void fb_call_scratch_keep_bucket_region(struct fb_call_scratch *scratch, const char *bucket,
                                        const char *region);

/* Where the client's service is reached, in `region`. */
struct fb_endpoint_options fb_call_where(const struct fb_client *client, const char *region);

/*
 * FB_OK: a 200, 204 or 206 came whole. Credentials that cannot be had are never FB_NOT_FOUND, which
 * means an object or a table.
 */
enum fb_status fb_call_perform(struct fb_client *client, const struct fb_call *call,
                               struct fb_http_response *ret_response,
                               struct fb_error *error) FB_MUST_CHECK;

#endif
