/* SPDX-License-Identifier: Apache-2.0 */
/* What a person may have meant by a name that is not known. Pure; any thread. */
#ifndef FIREBRIDGE_BASE_NEAREST_H
#define FIREBRIDGE_BASE_NEAREST_H

#include <stddef.h>

/* Longer words are compared by so many of their first bytes. */
#define FB_NEAREST_MAX_BYTES 64

/* Inserted, removed, replaced or swapped neighbouring bytes that lead from `a` to `b`. */
size_t fb_edit_distance(const char *a, const char *b);

/* Keeps the best of the names that it is shown. */
struct fb_nearest {
    const char *word;
    const char *name; /* NULL: none is near */
    size_t distance;
};

void fb_nearest_init(struct fb_nearest *nearest, const char *word);
void fb_nearest_offer(struct fb_nearest *nearest, const char *name);

#endif
