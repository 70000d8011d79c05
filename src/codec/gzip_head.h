/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a gzip member (RFC 1952, 2.3), passed over byte by byte: ISA-L's own reader takes the
 * head's checksum for wrong where the head comes in pieces (2.30).
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_GZIP_HEAD_H
#define FIREBRIDGE_CODEC_GZIP_HEAD_H

#include "codec.h"

struct fb_gzip_head {
    enum {
        FB_GZIP_HEAD_FIXED,
        FB_GZIP_HEAD_EXTRA_SIZE,
        FB_GZIP_HEAD_EXTRA,
        FB_GZIP_HEAD_NAME,
        FB_GZIP_HEAD_COMMENT,
        FB_GZIP_HEAD_CRC,
        FB_GZIP_HEAD_WHOLE,
    } at;
    unsigned flags;
    size_t have; /* bytes of the part at hand */
    unsigned number;
    uint32_t crc;
};

void fb_gzip_head_begin(struct fb_gzip_head *head);

/* FB_OK, and whole or not; FB_CORRUPT when no head begins so. */
enum fb_status fb_gzip_head_step(struct fb_gzip_head *head, struct fb_codec_io *io) FB_MUST_CHECK;

#endif
