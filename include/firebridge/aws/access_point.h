/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ARN of an S3 access point, which stands where a bucket's name does.
 * (Amazon S3 user guide, "Referencing access points"; alias names are buckets' names to us.)
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_ACCESS_POINT_H
#define FIREBRIDGE_AWS_ACCESS_POINT_H

#include <stdbool.h>
#include <stddef.h>

#include "firebridge/base/status.h"

#define FB_REGION_SIZE 33 /* with its NUL; none has half of that */

struct fb_access_point {
    char name[64];
    char account[13];
    char region[FB_REGION_SIZE];
};

bool fb_access_point_is(const char *bucket);

/* How many bytes of "arn:...:accesspoint/NAME/some/prefix" are the ARN. */
size_t fb_access_point_size(const char *text);

/* FB_UNSUPPORTED for what is an ARN of something else, FB_INVALID for what is none. */
enum fb_status fb_access_point_parse(const char *arn, struct fb_access_point *ret_point,
                                     struct fb_error *error) FB_MUST_CHECK;

#endif
