/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where does the next record begin behind a damaged one? A state machine over bytes that counts
 * brackets and strings from the damaged record's start and stops where a record may begin.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_RESYNC_H
#define FIREBRIDGE_CODEC_RESYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fb_resync {
    uint64_t depth;
    bool in_string;
    bool escaped;       /* the next byte of a string is behind a backslash */
    bool after_newline; /* nothing but blanks since the last newline, or such a delimiter */
    uint64_t indent;    /* blanks since that newline */
    bool value_follows; /* nothing but blanks since the last `:`, `,` or `[` */
    bool closed_outer;  /* a `]` that closes what was open before */

    const char *delimiter; /* as good as a newline: no string of JSON can hold it; or NULL */
    size_t delimiter_size;
    size_t matched; /* so many bytes of it were met last */
};

/*
 * Scans text[*at..size) and leaves *at at the first `{` that stands at depth 0, behind a newline,
 * or where no JSON has one; not counted yet; or at `size`. A `{` that the caller takes for none is
 * counted by fb_resync_pass_bracket.
 */
bool fb_resync_find(struct fb_resync *resync, const char *text, size_t size, size_t *at);

/* No sound JSON has a `{` here, or only as a string's text: the damage may have hidden an end. */
static inline bool fb_resync_is_odd(const struct fb_resync *resync)
{
    return resync->in_string || !resync->value_follows;
}

void fb_resync_pass_bracket(struct fb_resync *resync);

/* A `{` where it stands begins a record, whatever follows. */
static inline bool fb_resync_at_top(const struct fb_resync *resync)
{
    return resync->depth == 0 && !resync->in_string;
}

#endif
