/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent-encoding as SigV4 wants it (RFC 3986's unreserved characters stay, everything else
 * becomes %XX). What is sent is made by the same functions as what is signed.
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_URI_H
#define FIREBRIDGE_AWS_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "firebridge/base/buffer.h"

/* One query parameter, not encoded. */
struct fb_uri_param {
    const char *name;
    const char *value;
};

enum fb_status fb_uri_append_encoded(struct fb_buffer *buffer, const char *text, size_t size,
                                     bool keep_slash) FB_MUST_CHECK;

/* "a=1&b=2", sorted by encoded name, then value, as the canonical query is. At most 16. */
enum fb_status fb_uri_append_query(struct fb_buffer *buffer, const struct fb_uri_param *params,
                                   size_t count) FB_MUST_CHECK;

/*
 * Undoes the encoding in place, `+` for a space too, as ListObjectsV2 writes it. FB_CORRUPT for
 * a broken %XX or an encoded NUL. The text stays NUL-terminated.
 */
enum fb_status fb_uri_decode(char *text) FB_MUST_CHECK;

#endif
