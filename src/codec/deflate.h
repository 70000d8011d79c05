/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of deflate (RFC 1951), bare or in zlib's (RFC 1950) or gzip's (RFC 1952) wrapping, by
 * one of two libraries: zlib always, ISA-L where it was there at build time, which is quicker.
 *
 * Threads: one owner of a state.
 */
#ifndef FIREBRIDGE_CODEC_DEFLATE_H
#define FIREBRIDGE_CODEC_DEFLATE_H

#include "codec.h"

enum fb_wrapping { FB_WRAPPING_NONE, FB_WRAPPING_ZLIB, FB_WRAPPING_GZIP };

struct fb_deflate_engine {
    const char *name;
    /* Makes the state, or prepares it for another stream of the same wrapping. FB_NO_MEMORY. */
    enum fb_status (*begin)(void **state, enum fb_wrapping wrapping);
    /*
     * Uses and writes what it can. *ret_ended: the stream is whole, checksum and all, and io->in
     * stands behind it. FB_CORRUPT with what is wrong, FB_NO_MEMORY.
     */
    enum fb_status (*step)(void *state, struct fb_codec_io *io, bool *ret_ended,
                           const char **ret_what);
    void (*free)(void *state);
};

extern const struct fb_deflate_engine fb_deflate_zlib;

#if FB_HAVE_libisal
/*
 * For FB_WRAPPING_GZIP alone: it reads 8 bytes ahead, and gives none back. That is the length of
 * gzip's trailer; behind another stream, the next one's first bytes would be lost. It decodes up to
 * three bytes at a time: of a stream that is cut off it may keep the last two to itself, depending
 * on the pieces.
 */
extern const struct fb_deflate_engine fb_deflate_isal;
#define fb_deflate_for_gzip fb_deflate_isal
#else
#define fb_deflate_for_gzip fb_deflate_zlib
#endif

#endif
