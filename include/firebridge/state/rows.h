/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file's rows as they are, for a person. A connection of its own reads them, whoever
 * holds the file, and changes nothing.
 *
 * Threads: any.
 */
#ifndef FIREBRIDGE_STATE_ROWS_H
#define FIREBRIDGE_STATE_ROWS_H

#include "firebridge/state/state.h"

/*
 * Opens the state file beside the process that may hold it, for calls that read alone; it may lie
 * on a disk that is read-only. FB_NOT_FOUND: there is none. FB_UNSUPPORTED: of another version;
 * FB_CORRUPT, FB_IO. For fb_state_close.
 */
enum fb_status fb_state_open_to_read(const char *directory, struct fb_state **ret_state,
                                     struct fb_error *error) FB_MUST_CHECK;

struct fb_row_filter {
    const char *stream; /* NULL: all streams */
    int state;          /* an fb_object_state; -1: all of them */
    int64_t since_ms;   /* with a key time from then on; INT64_MIN: all */
    const char *prefix; /* of the key; "": all */
    uint64_t limit;     /* the newest so many; 0: all */
};

struct fb_row {
    const char *stream, *key, *etag;
    const char *reason; /* of one that is skipped, or will be; NULL: none */
    enum fb_object_state state;
    uint64_t sequence; /* 0: not taken up yet */
    uint64_t size_bytes, records, dead_letters;
    int64_t key_time_ms, last_modified_ms;
    uint64_t frontier_record; /* of one that is begun */
    bool is_backfill;
};

/* What it points to lasts until it returns. Anything but FB_OK ends the reading. */
typedef enum fb_status (*fb_row_fn)(void *context, const struct fb_row *row);

/*
 * Gives the rows that pass, the newest key time first. *ret_more: the limit left some out.
 * FB_NOT_FOUND: no state file, or no such stream in it. FB_UNSUPPORTED: of another version.
 */
enum fb_status fb_state_list_rows(const char *directory, const struct fb_row_filter *filter,
                                  fb_row_fn on_row, void *context, bool *ret_more,
                                  struct fb_error *error) FB_MUST_CHECK;

/* "pending", "done": as commands and documents call it. */
const char *fb_object_state_name(enum fb_object_state state);

#endif
