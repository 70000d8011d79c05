/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of a ZIP entry: what is kept of it to check it by, and the search for the end of one
 * that was stored by a writer who did not know its size. There the end is where a data descriptor
 * stands that fits all that came before it: size and checksum.
 *
 * Invariant: nothing is given that may yet turn out to be the descriptor.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_CODEC_ZIP_CONTENT_H
#define FIREBRIDGE_CODEC_ZIP_CONTENT_H

#include "codec.h"

#define FB_ZIP_LOCAL      0x04034b50U
#define FB_ZIP_DESCRIPTOR 0x08074b50U
#define FB_ZIP_CENTRAL    0x02014b50U

struct fb_zip_content {
    uint64_t size;
    uint32_t crc;
    char last; /* byte, where size is over 0 */
};

void fb_zip_content_note(struct fb_zip_content *content, const char *bytes, size_t size);

/* A descriptor of 64-bit sizes behind its signature, or before the next record's. */
#define FB_ZIP_HELD 24

struct fb_zip_search {
    bool is_zip64; /* the entry's head says so: its descriptor has sizes of 64 bits */
    bool ended;
    unsigned char held[FB_ZIP_HELD]; /* the latest bytes */
    size_t have;
    size_t left; /* once it ended: so many of them are content, and not given yet */
    unsigned char next[4];
    size_t next_size; /* 4: the descriptor had no signature, and the next record's came with it */
};

/* Gives content; true when all of it is given and the descriptor used up. */
bool fb_zip_search_step(struct fb_zip_search *search, struct fb_zip_content *content,
                        struct fb_codec_io *io);

#endif
