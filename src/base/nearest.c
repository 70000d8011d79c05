/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/nearest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, with the three rows that it needs. */
size_t fb_edit_distance(const char *a, const char *b)
{
    size_t rows[3][FB_NEAREST_MAX_BYTES + 1];
    size_t a_size = strnlen(a, FB_NEAREST_MAX_BYTES);
    size_t b_size = strnlen(b, FB_NEAREST_MAX_BYTES);

    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = least(above[j], row[j - 1]) + 1;
            row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

/* One slip in three letters is a slip; more is another word. */
void fb_nearest_init(struct fb_nearest *nearest, const char *word)
{
    size_t size = strnlen(word, FB_NEAREST_MAX_BYTES);

    *nearest = (struct fb_nearest){.word = word, .distance = (size + 2) / 3 + 1};
}

void fb_nearest_offer(struct fb_nearest *nearest, const char *name)
{
    size_t distance = fb_edit_distance(nearest->word, name);

    if (distance >= nearest->distance)
        return;
    nearest->distance = distance;
    nearest->name = name;
}
