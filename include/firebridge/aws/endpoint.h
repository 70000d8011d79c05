/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a service is reached: AWS's own host of the region, or the address that the conf gives.
 * (AWS General Reference, "Service endpoints"; Amazon S3 user guide, "Virtual hosting of buckets",
 * "Using Amazon S3 dual-stack endpoints"; SDKs and Tools reference guide, "Dual-stack and FIPS
 * endpoints".)
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_ENDPOINT_H
#define FIREBRIDGE_AWS_ENDPOINT_H

#include <stdbool.h>

#include "firebridge/aws/access_point.h"
#include "firebridge/base/status.h"

struct fb_endpoint {
    char origin[400];            /* "https://bucket.s3.eu-west-1.amazonaws.com" */
    char host[384];              /* as the Host header has it, port and all */
    char region[FB_REGION_SIZE]; /* that requests are signed for */
    bool is_path_style;          /* the bucket is the path's first segment */
};

/* What decides it. An address excludes the other two kinds of hosts, which are AWS's own. */
struct fb_endpoint_options {
    const char *address; /* NULL: AWS's own */
    const char *region;
    bool use_fips, use_dualstack;
};

/* FB_INVALID when the region is none. */
enum fb_status fb_endpoint_check_region(const char *region, struct fb_error *error) FB_MUST_CHECK;

/*
 * Of a service whose hosts are called as it is: dynamodb, sts, sqs. FB_INVALID when the address or
 * the region is none, FB_UNSUPPORTED when the region has no hosts of that kind; here and below.
 */
enum fb_status fb_endpoint_service(const struct fb_endpoint_options *options, const char *service,
                                   struct fb_endpoint *ret_endpoint,
                                   struct fb_error *error) FB_MUST_CHECK;

/*
 * `bucket` is a name or an access point's ARN, whose region counts. A bucket at an address is
 * always used path-style; so is AWS's when a TLS wildcard cannot match its name.
 */
enum fb_status fb_endpoint_s3(const struct fb_endpoint_options *options, const char *bucket,
                              struct fb_endpoint *ret_endpoint,
                              struct fb_error *error) FB_MUST_CHECK;

#endif
