/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of one stream's dead-letter files, which the daemon writes and `redrive` works on at
 * the same time.
 *
 * `dead-letters-YYYYMMDD.jsonl` is open: it may be appended to. `dead-letters-YYYYMMDD.NNNN.jsonl`
 * is closed: nobody ever appends to it again, and whoever reads it sees all of it. Closing is a
 * rename under the folder's lock; an appender holds the lock while it appends, and looks first
 * whether its file still has the open name.
 *
 * Threads: pure functions over a folder's descriptor.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_LETTER_FOLDER_H
#define FIREBRIDGE_SRC_PIPELINE_LETTER_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

#define FB_LETTER_NAME_SIZE 64

struct fb_letter_file {
    char name[FB_LETTER_NAME_SIZE];
    unsigned day;    /* YYYYMMDD */
    unsigned number; /* of a closed one, from 1; 0: open */
    uint64_t size_bytes;
};

/* FB_CONFLICT when someone has it; does not wait. */
enum fb_status fb_letter_folder_lock(int folder_fd, struct fb_error *error) FB_MUST_CHECK;
void fb_letter_folder_unlock(int folder_fd);

/* "dead-letters-20261122.jsonl" */
void fb_letter_folder_open_name(int64_t now_ms, char ret_name[FB_LETTER_NAME_SIZE]);

/* All of them, the oldest letters first; the caller frees. FB_IO, FB_NO_MEMORY. */
enum fb_status fb_letter_folder_list(int folder_fd, struct fb_letter_file **ret_files,
                                     size_t *ret_count, struct fb_error *error) FB_MUST_CHECK;

/* With the lock. Gives the open file the next number of its day. FB_IO. */
enum fb_status fb_letter_folder_close(int folder_fd, const char *open_name,
                                      struct fb_error *error) FB_MUST_CHECK;

#endif
