/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical key of a record that the transcoder has read: its key attributes' values, checked
 * for presence, type and length.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_RECORD_KEY_H
#define FIREBRIDGE_CODEC_RECORD_KEY_H

#include <stddef.h>

#include "firebridge/codec/record_reader.h"

/* A value is unescaped in place before its length is known: six bytes for one, and a head. */
#define FB_RECORD_KEY_ROOM ((size_t)2 * (3 + 6 * FB_PARTITION_KEY_MAX_BYTES))

/* What a binary key's value begins with; no JSON does. Its base64 follows, and a quote. */
#define FB_RECORD_KEY_BINARY "B\":\""

struct fb_record_key_fault {
    enum fb_dead_reason reason;
    const char *what;
    const char *name;  /* of the attribute that it is about */
    const char *value; /* of the attribute that it is about; NULL when it is missing */
};

/*
 * Writes to `key`, which has FB_RECORD_KEY_ROOM, and returns the size. `values` are where the
 * attributes' values begin in a text that is JSON, or NULL. A binary one has no JSON: it begins as
 * FB_RECORD_KEY_BINARY says. On a fault only *ret_fault is written
 * to some use.
 */
size_t fb_record_key_write(const struct fb_key_schema *schema, const char *const values[2],
                           char *key, struct fb_record_key_fault *ret_fault);

#endif
