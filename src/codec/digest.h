/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests of bytes that lie in pieces. For names that must stay the same for ever, and for nothing
 * secret.
 *
 * Threads: any.
 */
#ifndef FIREBRIDGE_CODEC_DIGEST_H
#define FIREBRIDGE_CODEC_DIGEST_H

#include <stddef.h>
#include <sys/uio.h>

#include "firebridge/base/status.h"

#define FB_SHA1_BYTES   20
#define FB_SHA256_BYTES 32

/* FB_OK, FB_NO_MEMORY. */
enum fb_status fb_digest_sha1(const struct iovec *pieces, size_t count,
                              unsigned char ret_digest[FB_SHA1_BYTES]) FB_MUST_CHECK;
enum fb_status fb_digest_sha256(const struct iovec *pieces, size_t count,
                                unsigned char ret_digest[FB_SHA256_BYTES]) FB_MUST_CHECK;

/* Two digits a byte, in small letters; no NUL behind them. */
void fb_digest_to_hex(const unsigned char *digest, size_t size, char *out);

#endif
