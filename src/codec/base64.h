/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648, section 4), strict: padded, nothing but the alphabet, no bits beside the bytes.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_BASE64_H
#define FIREBRIDGE_CODEC_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Decodes `size` characters; false when they are no base64. `out` has room for size / 4 * 3 bytes;
 * NULL: they are only checked and measured.
 */
bool fb_base64_decode(const char *text, size_t size, char *out, size_t *ret_size);

#endif
