/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file's backup in S3: one object in gzip. What is under way lies in files of the state
 * directory, so little of it is in memory.
 *
 * Threads: any; one at a time for a state directory.
 */
#ifndef FIREBRIDGE_APP_STATE_STORE_H
#define FIREBRIDGE_APP_STATE_STORE_H

#include "firebridge/aws/client.h"

struct fb_state_store {
    struct fb_client *client;
    const char *bucket, *key;
    const char *directory; /* of the state file */
};

/* Copies the state file as it is now to S3. *ret_bytes: of the object. */
enum fb_status fb_state_store_put(const struct fb_state_store *store, uint64_t *ret_bytes,
                                  struct fb_error *error) FB_MUST_CHECK;

/*
 * Brings the object to a file of the directory, whose path is to be freed and which is to be
 * removed. FB_NOT_FOUND: there is none. FB_CORRUPT: it is no gzip, or cut off.
 */
enum fb_status fb_state_store_get(const struct fb_state_store *store, char **ret_path,
                                  struct fb_error *error) FB_MUST_CHECK;

#endif
