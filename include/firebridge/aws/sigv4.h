/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature version 4 in the Authorization header: pure text in, text out.
 * (IAM user guide, "Create a signed AWS API request".)
 *
 * Threads: any; no state. Nothing here holds the secret key longer than a call.
 */
#ifndef FIREBRIDGE_AWS_SIGV4_H
#define FIREBRIDGE_AWS_SIGV4_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "firebridge/base/buffer.h"
#include "firebridge/net/http.h"

#define FB_SIGV4_KEY_BYTES 32
#define FB_SHA256_HEX_SIZE 65 /* with its NUL */
#define FB_SIGV4_DATE_SIZE 17 /* "20150830T123600Z" and its NUL */

struct fb_sigv4_request {
    const char *method;
    const char *path;  /* as it is sent */
    const char *query; /* as it is sent: fb_uri_append_query made it. "" when there is none */
    const struct fb_http_header *headers; /* all are signed; Host is among them */
    size_t header_count;
    char payload_sha256[FB_SHA256_HEX_SIZE];
    const char *access_key_id;
    const char *session_token; /* "" when there is none */
    const char *region;
    const char *service;
    int64_t time_ms;
    bool normalize_path;     /* all but S3 */
    bool double_encode;      /* the path sent is encoded once more; all but S3 */
    bool add_content_sha256; /* S3 wants x-amz-content-sha256 */
};

struct fb_sigv4_signature {
    struct fb_buffer canonical_request; /* all three NUL-terminated */
    struct fb_buffer string_to_sign;
    struct fb_buffer authorization;
    char date[FB_SIGV4_DATE_SIZE]; /* of the x-amz-date header that is sent */
};

void fb_sigv4_signature_init(struct fb_sigv4_signature *signature);
/* Wipes: the canonical request holds the session token. */
void fb_sigv4_signature_done(struct fb_sigv4_signature *signature);

void fb_sigv4_format_date(int64_t time_ms, char date[FB_SIGV4_DATE_SIZE]);

/* Good for the day of `date`. */
enum fb_status fb_sigv4_derive_key(const char *secret_access_key, const char *date,
                                   const char *region, const char *service,
                                   unsigned char ret_key[FB_SIGV4_KEY_BYTES]) FB_MUST_CHECK;

enum fb_status fb_sigv4_hash_payload(const struct iovec *pieces, size_t count,
                                     char ret_hex[FB_SHA256_HEX_SIZE]) FB_MUST_CHECK;

enum fb_status fb_sigv4_sign(const struct fb_sigv4_request *request,
                             const unsigned char key[FB_SIGV4_KEY_BYTES],
                             struct fb_sigv4_signature *signature) FB_MUST_CHECK;

#endif
