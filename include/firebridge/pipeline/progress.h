/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is acknowledged, and how far the frontier may move.
 *
 * The decoder opens objects and spans in sequence order; writers acknowledge records in any
 * order. The frontier moves over complete spans only, from the oldest on, and so does the end of
 * an object. An object that is wholly acknowledged while an older one is not is `written`.
 *
 * Where order does not matter, each object has a frontier of its own, and ends by itself.
 *
 * Ordinals count a stream's records since it started. A checkpoint is asked for with the ordinal
 * that it must stay behind (the first dead letter that may yet stop the stream).
 *
 * Invariant: the frontier never passes a record that is not acknowledged.
 * Threads:   any decoder begins objects; an object's own decoder opens, adds and closes; any thread
 *            acknowledges; one supervisor takes checkpoints. The lock guards the lists; a span's
 * counter is atomic.
 */
#ifndef FIREBRIDGE_PIPELINE_PROGRESS_H
#define FIREBRIDGE_PIPELINE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"
#include "firebridge/state/state.h"

struct fb_progress;
struct fb_progress_object;
struct fb_span;

enum fb_status fb_progress_new(bool in_any_order, struct fb_progress **ret_progress,
                               struct fb_error *error) FB_MUST_CHECK;
void fb_progress_free(struct fb_progress *progress);

/* At its frontier. Takes over the strings of `object`. The entry lives until a checkpoint has
 * passed it. */
enum fb_status fb_progress_object_begin(struct fb_progress *progress,
                                        struct fb_state_object *object, int64_t begun_ms,
                                        struct fb_progress_object **ret_object) FB_MUST_CHECK;

const struct fb_state_object *fb_progress_object_identity(const struct fb_progress_object *object);

/*
 * No record of the object follows. `dead_letters` are those that no span tells of. `outcome` is
 * FB_OBJECT_DONE, _CHANGED or _DAMAGED. An object that is left in the middle (a stop) is not ended.
 */
void fb_progress_object_end(struct fb_progress *progress, struct fb_progress_object *object,
                            enum fb_object_state outcome, uint64_t records, uint64_t dead_letters);

/* A span whose first record has that ordinal; NULL when there is no memory. */
struct fb_span *fb_progress_span_open(struct fb_progress *progress,
                                      struct fb_progress_object *object, uint64_t first_ordinal);

/* One more record that must be acknowledged before the span is complete. By the decoder. */
void fb_span_add(struct fb_span *span);

/* One of its records is a dead letter, which counts among those of the object; before it is
 * acknowledged, from any thread. */
void fb_span_note_letter(struct fb_span *span);

/* So many of its records. From any thread. The span may be gone afterwards. */
void fb_span_acknowledge(struct fb_span *span, uint64_t count);

/* No record follows in this span; `behind` it the next one begins. */
void fb_progress_span_close(struct fb_progress *progress, struct fb_span *span,
                            struct fb_frontier behind, uint64_t end_ordinal);

const struct fb_state_object *fb_span_object(const struct fb_span *span);
uint64_t fb_span_first_ordinal(const struct fb_span *span);

/* Objects begun and not yet passed by a checkpoint. */
size_t fb_progress_objects(struct fb_progress *progress);

/* What a checkpoint would say now; valid until the next fb_progress call of the supervisor. */
struct fb_progress_view {
    struct fb_checkpoint checkpoint;
    bool is_new; /* it differs from what was last committed */
};

/*
 * The ordinal that the frontier must stay behind; UINT64_MAX: none. Asked after a span was seen
 * complete, so that a dead letter in it is known to whoever answers. Of all records before
 * `resolved_ordinal` the outcome is known (UINT64_MAX: of all that were read).
 */
typedef uint64_t (*fb_progress_hold_fn)(void *context, uint64_t resolved_ordinal);

enum fb_status fb_progress_view(struct fb_progress *progress, fb_progress_hold_fn hold,
                                void *context, struct fb_progress_view *ret_view) FB_MUST_CHECK;

/* An object that has ended, as it goes. `begun_ms` is what fb_progress_object_begin was given. */
typedef void (*fb_progress_ended_fn)(void *context, const struct fb_state_object *object,
                                     enum fb_object_state outcome, uint64_t records,
                                     uint64_t dead_letters, int64_t begun_ms);

/* The last view's checkpoint is durable: what it passed is told to `on_ended` and forgotten. */
void fb_progress_committed(struct fb_progress *progress, fb_progress_ended_fn on_ended,
                           void *context);

#endif
