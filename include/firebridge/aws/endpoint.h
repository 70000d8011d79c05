/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a service is reached: AWS's own host of the region, or the address that the conf gives.
 * (AWS General Reference, "Service endpoints"; Amazon S3 user guide, "Virtual hosting of buckets".)
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_ENDPOINT_H
#define FIREBRIDGE_AWS_ENDPOINT_H

#include <stdbool.h>

#include "firebridge/base/status.h"

struct fb_endpoint {
    char origin[400];   /* "https://bucket.s3.eu-west-1.amazonaws.com" */
    char host[384];     /* as the Host header has it, port and all */
    bool is_path_style; /* the bucket is the path's first segment */
};

/* `address` NULL: AWS's own. FB_INVALID when the address or the region is none. */
enum fb_status fb_endpoint_dynamodb(const char *address, const char *region,
                                    struct fb_endpoint *ret_endpoint,
                                    struct fb_error *error) FB_MUST_CHECK;

/* The same for STS. */
enum fb_status fb_endpoint_sts(const char *address, const char *region,
                               struct fb_endpoint *ret_endpoint,
                               struct fb_error *error) FB_MUST_CHECK;

/* An address is always used path-style; so is AWS when a TLS wildcard cannot match the bucket. */
enum fb_status fb_endpoint_s3(const char *address, const char *region, const char *bucket,
                              struct fb_endpoint *ret_endpoint,
                              struct fb_error *error) FB_MUST_CHECK;

#endif
