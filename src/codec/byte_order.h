/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers in bytes: the lowest first (le), as ZIP has them, or the highest (be).
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_BYTE_ORDER_H
#define FIREBRIDGE_CODEC_BYTE_ORDER_H

#include <stdint.h>

static inline unsigned fb_le16(const unsigned char *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static inline uint32_t fb_le32(const unsigned char *p)
{
    return (uint32_t)fb_le16(p) | (uint32_t)fb_le16(p + 2) << 16;
}

static inline uint64_t fb_le64(const unsigned char *p)
{
    return (uint64_t)fb_le32(p) | (uint64_t)fb_le32(p + 4) << 32;
}

static inline uint32_t fb_be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

#endif
