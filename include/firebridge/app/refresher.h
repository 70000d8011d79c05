/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renews all credentials ahead of their end, so that no call waits for it, and says in the log how
 * that went: whose they are, until when, and why the old ones are used on.
 *
 * Threads: one of its own, which renews one after another.
 */
#ifndef FIREBRIDGE_APP_REFRESHER_H
#define FIREBRIDGE_APP_REFRESHER_H

#include "firebridge/app/principals.h"

struct fb_refresher;

/* Starts at once. `principals` outlives it. */
enum fb_status fb_refresher_start(struct fb_principals *principals, struct fb_clock *clock,
                                  struct fb_refresher **ret_refresher,
                                  struct fb_error *error) FB_MUST_CHECK;

/* Waits for what is under way; raise the chains' stop before. NULL is allowed. */
void fb_refresher_free(struct fb_refresher *refresher);

#endif
