/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that can never be written, kept with their bytes and the reason, in files or in S3
 * (letter_sink.h). A restart may write one a second time; a reader drops repeats by `id`. And the
 * gate that stops a stream which has too many of them.
 *
 * Invariant: the frontier, which stays behind fb_dead_letters_undecided and comes after a
 *            fb_dead_letters_sync, passes no letter that is not durable.
 * Threads:   any. A lock is held while the sink waits for S3 or the disk;
 *            fb_dead_letters_undecided waits for nobody.
 */
#ifndef FIREBRIDGE_PIPELINE_DEAD_LETTERS_H
#define FIREBRIDGE_PIPELINE_DEAD_LETTERS_H

#include <stdint.h>

#include "firebridge/base/clock.h"
#include "firebridge/base/tally.h"
#include "firebridge/pipeline/letter.h"
#include "firebridge/pipeline/letter_sink.h"
#include "firebridge/pipeline/patience.h"

struct fb_dead_letters_options {
    struct fb_letter_sink *sink; /* taken over, come what may */
    const char *stream;
    const char *bucket;
    struct fb_clock *clock;
    uint64_t max_letters; /* so many ... */
    uint64_t in_records;  /* ... in so many consecutive records stop the stream */
    bool accept_all;      /* no gate */
};

struct fb_dead_letters;

/* The strings are copied. FB_NO_MEMORY. */
enum fb_status fb_dead_letters_open(const struct fb_dead_letters_options *options,
                                    struct fb_dead_letters **ret_letters,
                                    struct fb_error *error) FB_MUST_CHECK;
void fb_dead_letters_close(struct fb_dead_letters *letters);

/*
 * Adds one. FB_CONFLICT: this one is too many, it was not kept, and the stream must stop with the
 * message; so it must on FB_CORRUPT. Otherwise nothing of it is there, and the same call may
 * succeed later.
 */
enum fb_status fb_dead_letters_add(struct fb_dead_letters *letters,
                                   const struct fb_dead_letter *letter,
                                   struct fb_error *error) FB_MUST_CHECK;

/*
 * Adds one, logs it, and tries again for as long as the disk or S3 refuses it. FB_CONFLICT as
 * above; FB_CANCELED: a stop. Another status only where the patience gives up.
 */
enum fb_status fb_dead_letters_keep(struct fb_dead_letters *letters,
                                    const struct fb_dead_letter *letter,
                                    struct fb_patience *patience,
                                    struct fb_error *error) FB_MUST_CHECK;

/*
 * Makes durable what was added; in S3, where letters are gathered, only when it is time to, unless
 * `all` of them are to be.
 */
enum fb_status fb_dead_letters_sync(struct fb_dead_letters *letters, bool all,
                                    struct fb_error *error) FB_MUST_CHECK;

/*
 * The ordinal that the frontier must stay behind, now that `ordinal` records were seen
 * (UINT64_MAX: no more will come soon): that of the first letter that may yet be part of too many,
 * or that is still gathered. UINT64_MAX: none.
 */
uint64_t fb_dead_letters_undecided(struct fb_dead_letters *letters, uint64_t ordinal);

uint64_t fb_dead_letters_count(struct fb_dead_letters *letters);

/* The same by their reasons. */
void fb_dead_letters_reasons(struct fb_dead_letters *letters, struct fb_tally_view *ret_reasons);

/* What the sink held after the last addition or sync; waits for nobody. */
uint64_t fb_dead_letters_held_bytes(struct fb_dead_letters *letters);

#endif
