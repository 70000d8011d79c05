/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record does to the item of its key. A reader gives no record that is left out.
 *
 * Constant; any thread.
 */
#ifndef FIREBRIDGE_CODEC_OPERATION_H
#define FIREBRIDGE_CODEC_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

enum fb_operation {
    FB_PUT,    /* takes the place of what is there */
    FB_DELETE, /* of the key */
    FB_INSERT, /* unless something is there */
    FB_NEWER,  /* unless what is there has the same version, or a greater one */
    FB_UPDATE, /* sets its attributes, and leaves the others that are there */
    FB_LEAVE_OUT,
};

/* What the conf calls it, and what logs and dead letters do. Never NULL. */
const char *fb_operation_name(enum fb_operation operation);

/* False when no operation that a conf may name is called so. */
bool fb_operation_find(const char *name, size_t size, enum fb_operation *ret_operation);

/* "put, delete, insert, ...", for messages. */
#define FB_OPERATION_NAMES "put, delete, insert, newer or update"

#endif
