/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version of an item: an attribute that is a number or a string and grows. Two versions are
 * compared as DynamoDB's `<` does: numbers by their value, strings by their UTF-8 bytes, and a
 * number with a string not at all.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_VERSION_H
#define FIREBRIDGE_CODEC_VERSION_H

#include <stdbool.h>
#include <stddef.h>

/* A typed value, {"N":"5"} or {"S":"..."}, where it stands in an item. */
struct fb_version {
    const char *bytes;
    size_t size;
    char type; /* 'N' or 'S' */
};

/*
 * The attribute `name` of an item in attribute-value JSON that was checked before; behind it stand
 * bytes that may be read, as json_text.h demands it. False when there is none, or it is of another
 * type than N and S.
 */
bool fb_version_find(const char *item, const char *name, size_t name_size,
                     struct fb_version *ret_version);

/* A version from its bytes alone, as fb_version_find gave them. */
struct fb_version fb_version_of(const char *bytes, size_t size);

/* Below, equal to or above 0. Only for two of one type. */
int fb_version_compare(const struct fb_version *a, const struct fb_version *b);

#endif
