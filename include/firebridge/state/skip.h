/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that an operator takes off, with the reason kept in their rows.
 *
 * One that is pending, or ended as damaged, is skipped at once. One that is being read is only
 * marked: who reads it ends it as FB_OBJECT_SKIPPED when the frontier comes to it, so that what is
 * behind it keeps its order; a start after a crash finds the mark.
 *
 * Threads: as state.h has it.
 */
#ifndef FIREBRIDGE_STATE_SKIP_H
#define FIREBRIDGE_STATE_SKIP_H

#include "firebridge/state/state.h"

/* So many bytes of the reason are kept. */
#define FB_SKIP_REASON_MAX_BYTES 1000

/* What became of the rows of one key; each ETag has its own. */
struct fb_skip_result {
    unsigned skipped; /* are skipped by this call */
    unsigned asked;   /* were being read, and will be */
    unsigned already; /* were skipped before; nothing changed */
    unsigned ended;   /* are done; nothing changed */
};

/* FB_NOT_FOUND: the key is not known. */
enum fb_status fb_state_skip(struct fb_state *state, int64_t stream_id, const char *key,
                             const char *reason, struct fb_skip_result *ret_result,
                             struct fb_error *error) FB_MUST_CHECK;

/* How many rows the key has, with this ETag or (NULL) any, and how many of them are skipped. */
enum fb_status fb_state_count_of_key(struct fb_state *state, int64_t stream_id, const char *key,
                                     const char *etag, unsigned *ret_rows, unsigned *ret_skipped,
                                     struct fb_error *error) FB_MUST_CHECK;

/* Makes a skipped row of an object that is not known yet. FB_CONFLICT: it is by now. */
enum fb_status fb_state_add_skipped(struct fb_state *state, int64_t stream_id,
                                    const struct fb_state_listed *object, const char *reason,
                                    struct fb_error *error) FB_MUST_CHECK;

/* The sequence number above `after` of an object that is being read and marked; FB_END. */
enum fb_status fb_state_next_asked(struct fb_state *state, int64_t stream_id, uint64_t after,
                                   uint64_t *ret_sequence, struct fb_error *error) FB_MUST_CHECK;

#endif
