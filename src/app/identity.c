/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/identity.h"

#include <inttypes.h>
#include <stdio.h>

/* Rises when the cutting of bytes into records changes, so that no number means another record. */
#define RECORD_READER_FORM "records/2"

void fb_stream_fingerprint(const struct fb_conf_stream *stream, char *ret_text, size_t size)
{
    snprintf(ret_text, size, RECORD_READER_FORM " max_record_size=%" PRIu64,
             stream->max_record_size);
}

void fb_stream_identity_of(const struct fb_conf_stream *stream, const struct fb_table *table,
                           char fingerprint[FB_FINGERPRINT_SIZE],
                           struct fb_stream_identity *ret_identity)
{
    fb_stream_fingerprint(stream, fingerprint, FB_FINGERPRINT_SIZE);
    *ret_identity = (struct fb_stream_identity){.source = stream->source,
                                                .table_arn = table->arn,
                                                .table_created_ms = table->created_ms,
                                                .fingerprint = fingerprint};
}
