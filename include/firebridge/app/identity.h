/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream's checkpoint belongs to, from its conf and its table. Pure; any thread. */
#ifndef FIREBRIDGE_APP_IDENTITY_H
#define FIREBRIDGE_APP_IDENTITY_H

#include "firebridge/app/conf.h"
#include "firebridge/aws/dynamodb.h"
#include "firebridge/state/state.h"

#define FB_FINGERPRINT_SIZE 256

/* All that decides which record of an object has which number. Another one, another numbering. */
void fb_stream_fingerprint(const struct fb_conf_stream *stream, char *ret_text, size_t size);

/* Points into its arguments, which outlive it. */
void fb_stream_identity_of(const struct fb_conf_stream *stream, const struct fb_table *table,
                           char fingerprint[FB_FINGERPRINT_SIZE],
                           struct fb_stream_identity *ret_identity);

#endif
