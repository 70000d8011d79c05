/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table's primary key: which attributes, of which types, and the canonical form by which two
 * items are one item.
 *
 * Canonical form: per key attribute a type letter, a length (u16, big endian) and the bytes. A
 * string's bytes are the unescaped UTF-8, a binary's its base64, which has one spelling. A number's
 * are its value in one spelling, so that `1`, `1.0` and `10e-1` are one key. Two items of a table
 * have the same primary key exactly when the canonical bytes are equal.
 */
#ifndef FIREBRIDGE_CODEC_KEY_H
#define FIREBRIDGE_CODEC_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/buffer.h"

enum fb_key_type { FB_KEY_STRING = 'S', FB_KEY_NUMBER = 'N', FB_KEY_BINARY = 'B' };

/* DynamoDB developer guide, "Naming rules": key attribute names have 1 to 255 bytes. */
#define FB_KEY_NAME_MAX 255

struct fb_key_attribute {
    char name[FB_KEY_NAME_MAX + 1];
    size_t name_size;
    enum fb_key_type type;
};

struct fb_key_schema {
    struct fb_key_attribute attributes[2]; /* partition key, then sort key */
    size_t count;                          /* 1 or 2 */
};

/* "Limits", same guide: partition key 1 to 2048 bytes, sort key 1 to 1024. */
#define FB_PARTITION_KEY_MAX_BYTES 2048
#define FB_SORT_KEY_MAX_BYTES      1024

/* Base64 of so many bytes. */
#define FB_KEY_BASE64_SIZE(bytes) (((bytes) + 2) / 3 * 4)

/* No canonical key is longer: both of its parts binary. */
#define FB_CANONICAL_KEY_MAX                                                                       \
    (2 * 3 + FB_KEY_BASE64_SIZE(FB_PARTITION_KEY_MAX_BYTES) +                                      \
     FB_KEY_BASE64_SIZE(FB_SORT_KEY_MAX_BYTES))

/* Seeded per process with fb_key_hash_seed, so that nobody can choose colliding keys. */
uint64_t fb_key_hash(uint64_t seed, const void *bytes, size_t size);

/* So many hexadecimal digits and a NUL. */
#define FB_KEY_DIGEST_SIZE 17

/*
 * What logs call a key, whose value may be nobody's business: the first digits of the SHA-256 of
 * its partition key and, behind a newline, its sort key, as canonical bytes have them.
 */
void fb_key_digest(const char *key, size_t size, char ret_digest[FB_KEY_DIGEST_SIZE]);

/*
 * Appends one attribute's canonical form. `text` is the value as JSON has it inside the quotes
 * for S and B (escapes and all), or the number's text for N; it must have been checked before, and
 * some byte that belongs to no number must follow a number.
 */
enum fb_status fb_key_append_canonical(struct fb_buffer *key, enum fb_key_type type,
                                       const char *text, size_t size) FB_MUST_CHECK;

#endif
