/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/tally.h"

#include <stdio.h>
#include <string.h>

void fb_tally_init(struct fb_tally *tally)
{
    pthread_mutex_init(&tally->lock, NULL);
    tally->view = (struct fb_tally_view){.row_count = 0};
}

void fb_tally_done(struct fb_tally *tally)
{
    pthread_mutex_destroy(&tally->lock);
}

/* Its row, or row_count: there is none. */
static size_t find(const struct fb_tally_view *view, const char *word)
{
    size_t i = 0;

    while (i < view->row_count && strncmp(view->rows[i].word, word, FB_TALLY_WORD_SIZE - 1) != 0)
        i++;
    return i;
}

static struct fb_tally_row *find_or_make(struct fb_tally_view *view, const char *word)
{
    const size_t found = find(view, word);
    struct fb_tally_row *row;

    if (found < view->row_count)
        return &view->rows[found];
    if (view->row_count == FB_TALLY_MAX_ROWS)
        return &view->rows[FB_TALLY_MAX_ROWS - 1];
    row = &view->rows[view->row_count++];
    snprintf(row->word, sizeof row->word, "%s",
             view->row_count == FB_TALLY_MAX_ROWS ? FB_TALLY_OTHER : word);
    return row;
}

void fb_tally_view_add(struct fb_tally_view *view, const char *word, uint64_t count)
{
    find_or_make(view, word)->count += count;
}

void fb_tally_add(struct fb_tally *tally, const char *word, uint64_t count)
{
    pthread_mutex_lock(&tally->lock);
    fb_tally_view_add(&tally->view, word, count);
    pthread_mutex_unlock(&tally->lock);
}

void fb_tally_view(struct fb_tally *tally, struct fb_tally_view *ret_view)
{
    pthread_mutex_lock(&tally->lock);
    *ret_view = tally->view;
    pthread_mutex_unlock(&tally->lock);
}

uint64_t fb_tally_view_count(const struct fb_tally_view *view, const char *word)
{
    const size_t found = find(view, word);

    return found < view->row_count ? view->rows[found].count : 0;
}

uint64_t fb_tally_view_sum(const struct fb_tally_view *view)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < view->row_count; i++)
        sum += view->rows[i].count;
    return sum;
}
