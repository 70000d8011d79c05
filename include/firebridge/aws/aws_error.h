/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer that is no success says: DynamoDB's JSON, S3's XML, or nothing that can be read.
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_AWS_ERROR_H
#define FIREBRIDGE_AWS_AWS_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "firebridge/aws/access_point.h"
#include "firebridge/base/status.h"
#include "firebridge/net/http.h"

/* An error document is a few hundred bytes; what is longer is somebody's HTML. */
#define FB_AWS_ERROR_BODY_MAX_BYTES (64 * 1024)

/* What a body says, before anyone judges it. Empty: not said. */
struct fb_aws_error {
    char code[64]; /* without "com.amazonaws...#" */
    char message[512];
    char request_id[128];
    char extended_id[128];
    char region[FB_REGION_SIZE]; /* the bucket's */
};

/* Never fails: of a body that cannot be read nothing is known. */
void fb_aws_error_read(const char *body, size_t size, struct fb_aws_error *ret_read);

/*
 * Fills `error` from a whole answer and returns its status. The message begins with `operation`
 * and `subject` ("s3://bucket/key", "table ticker"), and ends with what to do, where that is known.
 */
enum fb_status fb_aws_error_make(const struct fb_http_response *response, const char *body,
                                 size_t size, const char *operation, const char *subject,
                                 struct fb_error *error);

/*
 * What the credentials must be allowed for this operation, like "s3:ListBucket"; NULL where nothing
 * here knows. (Service authorization reference.)
 */
const char *fb_aws_error_action(const char *operation);

/* By the code, or by the HTTP status where the code is empty or unknown. */
enum fb_status fb_aws_error_status(const char *code, long http_status);
/* What a person can do about it; NULL when there is nothing to say. `said` is AWS's own sentence.
 */
const char *fb_aws_error_hint(const char *code, const char *said);

/* The credentials lack a permission, or something forbids it. */
bool fb_aws_error_is_denial(const struct fb_error *error);
/* The signature was refused, for whatever reason. */
bool fb_aws_error_is_signature(const struct fb_error *error);
/* ... because our clock and theirs differ. */
bool fb_aws_error_is_skew(const struct fb_error *error);
/* The bucket is in another region than the request went to, or was signed for. */
bool fb_aws_error_is_elsewhere(const struct fb_error *error);
/* New credentials may do. */
bool fb_aws_error_is_expired(const struct fb_error *error);

#endif
