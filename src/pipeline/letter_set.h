/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which letters came by already: a restart writes some a second time. Two are the same when all
 * that names their record and all of its bytes are; a record that another conf counts otherwise has
 * the same `id`, but not the same bytes.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_LETTER_SET_H
#define FIREBRIDGE_SRC_PIPELINE_LETTER_SET_H

#include "firebridge/pipeline/letter.h"

struct fb_letter_set;

/* NULL: no memory. */
struct fb_letter_set *fb_letter_set_new(void);
void fb_letter_set_free(struct fb_letter_set *set);

/* FB_OK: it is new, and known from now on. FB_CONFLICT: it was there. FB_NO_MEMORY. */
enum fb_status fb_letter_set_add(struct fb_letter_set *set,
                                 const struct fb_letter *letter) FB_MUST_CHECK;

#endif
