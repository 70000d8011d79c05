/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record whose strings hold bytes that are not UTF-8, or lone surrogates, written again so that
 * it can be an item: for `invalid_utf8 = replace` and `binary`.
 *
 *     replace   each maximal part that is no character (The Unicode Standard, 3.9, "U+FFFD
 *               Substitution of Maximal Subparts") and each lone surrogate becomes U+FFFD
 *     binary    the string becomes b"BASE64" of its bytes, which no JSON has and the transcoder
 *               takes for a binary; a lone surrogate is then the three bytes that UTF-8 would have
 *               for it. A name cannot be one.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_REPAIR_H
#define FIREBRIDGE_CODEC_REPAIR_H

#include <stdbool.h>

#include "firebridge/base/buffer.h"
#include "firebridge/codec/mapping.h"

/* How a binary begins in a repaired text. */
#define FB_REPAIR_BINARY "b\""

struct fb_repair {
    struct fb_buffer text;   /* the record again; as json_text.h demands it */
    struct fb_buffer places; /* struct fb_repair_place, of each thing that was repaired, in order */
    struct fb_buffer bytes;  /* of a string on its way to Base64 */
};

void fb_repair_init(struct fb_repair *repair);
void fb_repair_done(struct fb_repair *repair);

/*
 * Writes `text` again, which is valid JSON but for such strings, and as json_text.h demands it.
 * FB_INVALID: a name is one, under `binary`; FB_TOO_LARGE, FB_NO_MEMORY.
 */
enum fb_status fb_repair_write(struct fb_repair *repair, enum fb_map_utf8 how, const char *text,
                               size_t size) FB_MUST_CHECK;

/* Whether something between these two places of the repaired text was repaired. */
bool fb_repair_touches(const struct fb_repair *repair, const char *begin, const char *end);

/* Where a byte of the repaired text stands in the record, or what it was made of. */
size_t fb_repair_original(const struct fb_repair *repair, size_t at);

#endif
