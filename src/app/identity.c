/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* Rises when the cutting of bytes into records changes, so that no number or part means another
 * record. */
#define RECORD_READER_FORM "records/3"

/* A head that lacks one of them is a record itself. */
static unsigned long sum_of(const struct fb_conf_list *names)
{
    unsigned long sum = 0;

    for (size_t i = 0; i < names->count; i++)
        sum = crc32_z(sum, (const Bytef *)names->entries[i], strlen(names->entries[i]) + 1);
    return sum;
}

/* All of the conf that decides which bytes are a record of which number. */
void fb_stream_fingerprint(const struct fb_conf_stream *stream, char *ret_text, size_t size)
{
    const struct fb_mapping_options mapping = fb_conf_mapping_options(stream);
    char delimiter[2 * FB_DELIMITER_MAX_BYTES + 1] = "";

    for (size_t i = 0; i < stream->delimiter.size; i++)
        snprintf(delimiter + 2 * i, 3, "%02x", (unsigned char)stream->delimiter.bytes[i]);
    snprintf(ret_text, size,
             RECORD_READER_FORM " max_record_size=%" PRIu64
                                " compression=%s format=%s delimiter=%s "
                                "separator=%02x head=%d types=%08lx mapped=%d%s",
             stream->max_record_size, stream->compression == NULL ? "auto" : stream->compression,
             fb_format_name(stream->format), delimiter, (unsigned char)stream->field_separator,
             stream->columns.count == 0,
             stream->columns.count == 0 ? sum_of(&stream->number_columns) : 0,
             fb_mapping_is_needed(&mapping),
             /* What was put is not added, and the other way round. */
             fb_conf_may_add(stream) ? " add" : "");
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
