/* SPDX-License-Identifier: Apache-2.0 */
/* The table of codecs. */
#include <string.h>

#include "codec.h"

enum fb_codec_match fb_codec_match_magic(const unsigned char *first, size_t size, const void *magic,
                                         size_t magic_size)
{
    if (memcmp(first, magic, size < magic_size ? size : magic_size) != 0)
        return FB_MATCH_NO;
    return size < magic_size ? FB_MATCH_MORE : FB_MATCH_YES;
}

void fb_codec_pass_newlines(struct fb_codec_io *io)
{
    while (io->in_size > 0 && (*io->in == '\n' || *io->in == '\r')) {
        io->in++;
        io->in_size--;
    }
}

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are literals and a part of a name */
/* Known by its first bytes, and refused by name rather than taken for malformed records. */
#define REFUSED(id, form, magic)                                                                   \
    static enum fb_status id##_begin(void **state, struct fb_error *error)                         \
    {                                                                                              \
        (void)state;                                                                               \
        return fb_fail(error, FB_CORRUPT,                                                          \
                       "it is " form ", which this version does not read; deliver it as GZIP or "  \
                       "uncompressed");                                                            \
    }                                                                                              \
    static enum fb_codec_match id##_match(const unsigned char *first, size_t size)                 \
    {                                                                                              \
        return fb_codec_match_magic(first, size, magic, sizeof magic - 1);                         \
    }                                                                                              \
    static const struct fb_codec codec_##id = {                                                    \
        .name = #id,                                                                               \
        .match = id##_match,                                                                       \
        .begin = id##_begin,                                                                       \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/* The page header behind the magic begins with this byte in every file. */
REFUSED(parquet, "Parquet", "PAR1\x15");
REFUSED(orc, "ORC", "ORC\x1");
REFUSED(avro, "Avro", "Obj\x01");

const struct fb_codec *const fb_codecs[] = {
    &fb_codec_gzip,
    &fb_codec_zlib,
    &fb_codec_zip,
    &fb_codec_snappy_java,
    &fb_codec_snappy_framing,
    &fb_codec_hadoop_snappy,
    &fb_codec_zstd,
    &fb_codec_bzip2,
    &codec_parquet,
    &codec_orc,
    &codec_avro,
    NULL,
};
