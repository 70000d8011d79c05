/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of the state file, and what a person does when it is damaged. Nothing here is ever done by
 * the daemon of its own accord but fb_state_backup.
 *
 * Threads: each call has a connection of its own; from any thread.
 */
#ifndef FIREBRIDGE_STATE_BACKUP_H
#define FIREBRIDGE_STATE_BACKUP_H

#include <stdbool.h>

#include "firebridge/base/status.h"

/*
 * Copies the state file of `directory` to `path` as it is at one moment, by SQLite's backup
 * interface; whoever holds it goes on meanwhile. The copy is made beside `path`, synced and
 * renamed, so there is a whole one or none. FB_CONFLICT: `path` is there and no state file.
 * FB_NOT_FOUND: no state. FB_CORRUPT: it is damaged, and what was at `path` stays. FB_IO.
 */
enum fb_status fb_state_backup(const char *directory, const char *path,
                               struct fb_error *error) FB_MUST_CHECK;

/*
 * Makes the state file of `directory` from the backup at `path`, once all pages of it are found
 * sound. FB_CONFLICT: a process holds the directory, or there is a state file already; with
 * `replace` that one is set aside first, as is a -wal file that is left alone in any case.
 * FB_NOT_FOUND, FB_CORRUPT, FB_UNSUPPORTED: of the backup.
 * ret_aside: where the old file is now, to be freed; NULL: there was none.
 */
enum fb_status fb_state_restore(const char *directory, const char *path, bool replace,
                                char **ret_aside, struct fb_error *error) FB_MUST_CHECK;

/*
 * Renames the state file, with its -wal file, to `firebridge.db.aside-TIME`, so that the next start
 * begins anew. FB_NOT_FOUND: there is none. FB_CONFLICT: a process holds the directory.
 */
enum fb_status fb_state_reset(const char *directory, char **ret_aside,
                              struct fb_error *error) FB_MUST_CHECK;

#endif
