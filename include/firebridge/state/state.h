/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file: which objects are known and what is durably done, in one SQLite database
 * (WAL, synchronous=FULL) that one process holds.
 *
 * An object is (key, ETag): the same key with another ETag is another object. Its life:
 *
 *     pending ──take──▶ active ──▶ written ──▶ done
 *        │                └──▶ changed, damaged, skipped (ended too: what was read is written)
 *        └──▶ skipped
 *
 * An object that ended may be made pending again (replay.h): it gets a new sequence number, so it
 * is a later writer then.
 *
 * Invariant: an object has a sequence number from the moment it is active. In a stream that keeps
 * order it is ended from there only when every object with a smaller one is: the stream's one
 * frontier is that of the first active or written object.
 * Threads: all calls from any thread; one lock guards the connection.
 */
#ifndef FIREBRIDGE_STATE_STATE_H
#define FIREBRIDGE_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

struct fb_state;

/*
 * Opens or makes `<directory>/firebridge.db` and holds it until closed. FB_CONFLICT: another
 * process holds it (the message names its pid). FB_CORRUPT: damaged; FB_UNSUPPORTED: made by a
 * newer version. Neither is ever overwritten; the message says what to do. FB_IO.
 */
enum fb_status fb_state_open(const char *directory, struct fb_state **ret_state,
                             struct fb_error *error) FB_MUST_CHECK;
void fb_state_close(struct fb_state *state);

/*
 * Whether opening read all of the file's pages. Of a large one it does not: then somebody calls
 * fb_state_check soon, from a thread that nothing waits for. It has a connection of its own, and
 * what it finds makes every later transaction fail with FB_CORRUPT and the message.
 */
bool fb_state_is_checked(const struct fb_state *state);
enum fb_status fb_state_check(struct fb_state *state, struct fb_error *error) FB_MUST_CHECK;

/*
 * Breaks off a check that another thread is in, which then fails with FB_CANCELED; one that is
 * about to begin is missed. From any thread.
 */
void fb_state_check_stop(struct fb_state *state);

/*
 * Opens the state file beside the process that may hold it, to read and to change what the calls
 * for operators do (skip.h, replay.h, backfill.h). FB_NOT_FOUND: there is none. FB_CONFLICT: the
 * process that holds it is of an older version. FB_UNSUPPORTED, FB_CORRUPT, FB_IO as above. Once a
 * restore or a reset has moved the file aside, every change fails with FB_IO.
 */
enum fb_status fb_state_join(const char *directory, struct fb_state **ret_state,
                             struct fb_error *error) FB_MUST_CHECK;

/* What a stream's checkpoint belongs to. */
struct fb_stream_identity {
    const char *source; /* "s3://bucket/prefix" as configured */
    const char *table_arn;
    int64_t table_created_ms;
    const char *fingerprint; /* of what decides record numbers */
};

struct fb_stream_row {
    int64_t id;
    bool is_new;              /* made by this call */
    bool fingerprint_changed; /* unfinished objects were set back to their start */
    bool backlog_listed;      /* the first listing of the whole prefix is complete */
    char *backlog_cursor; /* the last key of it that is stored; NULL: not begun. Freed by done */
    uint64_t backlog_objects, backlog_bytes;
    int64_t start_ms;            /* objects with an older key time are not taken up; 0: none */
    int64_t last_sweep_start_ms; /* of the last complete sweep; 0: none */
    int64_t low_water_ms;        /* rows that ended before it were removed */
    uint64_t next_sequence;
};

/*
 * The row of stream `name`, made when there is none (with `start_ms`). FB_CONFLICT when it belongs
 * to another source or table; the message says which, and what to do (a new name, state adopt,
 * state rename).
 */
enum fb_status fb_state_stream_open(struct fb_state *state, const char *name,
                                    const struct fb_stream_identity *identity, int64_t start_ms,
                                    struct fb_stream_row *ret_row,
                                    struct fb_error *error) FB_MUST_CHECK;
void fb_stream_row_done(struct fb_stream_row *row);

/* The row of stream `name` as it is, whoever's it is. FB_NOT_FOUND. */
enum fb_status fb_state_stream_find(struct fb_state *state, const char *name,
                                    struct fb_stream_row *ret_row,
                                    struct fb_error *error) FB_MUST_CHECK;

/*
 * Whether the row of stream `name` is of this identity, or there is none; writes nothing. Where
 * the table's ARN is NULL, the source alone counts. FB_CONFLICT, as above.
 */
enum fb_status fb_state_stream_check(struct fb_state *state, const char *name,
                                     const struct fb_stream_identity *identity,
                                     struct fb_error *error) FB_MUST_CHECK;

/* Takes the identity at hand for stream `name`; the checkpoint stays. FB_NOT_FOUND. */
enum fb_status fb_state_stream_adopt(struct fb_state *state, const char *name,
                                     const struct fb_stream_identity *identity,
                                     struct fb_error *error) FB_MUST_CHECK;
/* FB_NOT_FOUND, or FB_CONFLICT when `to` is there already. */
enum fb_status fb_state_stream_rename(struct fb_state *state, const char *from, const char *to,
                                      struct fb_error *error) FB_MUST_CHECK;

/* What a listing says of an object. */
struct fb_state_listed {
    const char *key;
    const char *etag;
    uint64_t size_bytes;
    int64_t key_time_ms;
    int64_t last_modified_ms;
};

/*
 * Makes pending rows for those that are not known (key and ETag), in one transaction. A pending
 * row of the same key with another ETag is replaced: that object is gone. ret_new may be NULL.
 */
enum fb_status fb_state_add_objects(struct fb_state *state, int64_t stream_id,
                                    const struct fb_state_listed *objects, size_t count,
                                    size_t *ret_new, struct fb_error *error) FB_MUST_CHECK;

/* The same, for the first listing: moves its cursor and totals in the same transaction. */
enum fb_status fb_state_add_backlog(struct fb_state *state, int64_t stream_id,
                                    const struct fb_state_listed *objects, size_t count,
                                    const char *cursor, bool complete,
                                    struct fb_error *error) FB_MUST_CHECK;

enum fb_object_state {
    FB_OBJECT_PENDING = 0,
    FB_OBJECT_ACTIVE = 1,
    FB_OBJECT_WRITTEN = 2,
    FB_OBJECT_DONE = 3,
    FB_OBJECT_CHANGED = 4,
    FB_OBJECT_DAMAGED = 5,
    FB_OBJECT_SKIPPED = 6,
};

/* A place in an object: all records before it are durably done. */
struct fb_frontier {
    uint64_t record;       /* the number of the first that is not done */
    uint64_t offset_bytes; /* of a byte of the decompressed object that is not behind it ... */
    uint64_t part;         /* ... where several records begin at that byte: so many are done */
};

struct fb_state_object {
    int64_t id;
    uint64_t sequence; /* 0: none yet */
    enum fb_object_state state;
    char *key;
    char *etag;
    uint64_t size_bytes;
    int64_t key_time_ms;
    int64_t last_modified_ms;
    struct fb_frontier frontier; /* as the last checkpoint has it */
    bool is_backfill;            /* of a backfill (backfill.h) */
    bool if_absent;              /* its records leave alone what is in the table */
    bool is_skipped;             /* its rest is not to be written (skip.h) */
    int64_t again_ms; /* of a replay that adds again: what its markers are told apart by; or 0 */
};

void fb_state_object_done(struct fb_state_object *object); /* frees its strings */

/*
 * Gives the next sequence number to the pending object that comes first (key time, LastModified,
 * key) and makes it active, durably. FB_END when none is pending. Those of a backfill are another
 * queue, with its own call.
 */
enum fb_status fb_state_take_next(struct fb_state *state, int64_t stream_id,
                                  struct fb_state_object *ret_object,
                                  struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_state_take_backfill(struct fb_state *state, int64_t stream_id,
                                      struct fb_state_object *ret_object,
                                      struct fb_error *error) FB_MUST_CHECK;

/* The active or written object with the smallest sequence number above `after`; FB_END. */
enum fb_status fb_state_resume_next(struct fb_state *state, int64_t stream_id, uint64_t after,
                                    struct fb_state_object *ret_object,
                                    struct fb_error *error) FB_MUST_CHECK;

/* How one object stands at a checkpoint. */
struct fb_object_progress {
    int64_t id;
    enum fb_object_state state; /* any but pending */
    uint64_t records;           /* of one that was read to its end */
    uint64_t dead_letters;
    struct fb_frontier frontier;
};

struct fb_checkpoint {
    const struct fb_object_progress *objects;
    size_t object_count;
    bool in_any_order; /* an object may end before an older one has */
};

/* In one durable transaction. FB_INVALID: an end out of order that is not allowed. */
enum fb_status fb_state_checkpoint(struct fb_state *state, int64_t stream_id,
                                   const struct fb_checkpoint *checkpoint,
                                   struct fb_error *error) FB_MUST_CHECK;

/*
 * A complete sweep: notes its start, durably, and removes ended objects (done, changed) with a key
 * time and a LastModified before `prune_before_ms`. Rows that are not ended never go.
 */
enum fb_status fb_state_sweep_complete(struct fb_state *state, int64_t stream_id,
                                       int64_t sweep_start_ms, int64_t prune_before_ms,
                                       uint64_t *ret_pruned, struct fb_error *error) FB_MUST_CHECK;

/*
 * For layout = flat: removes done objects with after < key <= up_to that are not among `keys`
 * (sorted by bytes), which one page of a complete listing showed. `after` or `up_to` NULL: open.
 */
enum fb_status fb_state_prune_vanished(struct fb_state *state, int64_t stream_id, const char *after,
                                       const char *up_to, const char *const *keys, size_t count,
                                       struct fb_error *error) FB_MUST_CHECK;

/* What a stream has still to write: pending objects and begun ones. */
struct fb_state_backlog {
    uint64_t objects, bytes;
    int64_t oldest_ms; /* the least key time but for a backfill's; 0: there is none */
};

/* Costs the same however many objects are known. */
enum fb_status fb_state_backlog(struct fb_state *state, int64_t stream_id,
                                struct fb_state_backlog *ret_backlog,
                                struct fb_error *error) FB_MUST_CHECK;

#endif
