/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it means for a stream that old records are written again, and what an operator must have
 * said before: replay, backfill and redrive share it. Private to src/app.
 *
 * Threads: main alone.
 */
#ifndef FIREBRIDGE_SRC_APP_AGAIN_H
#define FIREBRIDGE_SRC_APP_AGAIN_H

#include "firebridge/app/conf.h"

/* As it was said on the command line. */
struct fb_again {
    bool overwrite; /* old records may take the place of newer items */
    bool if_absent; /* what is in the table is left alone */
    bool add_again; /* what was added is added once more */
};

/*
 * FB_EXIT_OK, or FB_EXIT_USAGE with what is to be said instead on stderr. `what` is what would be
 * written, "a replayed record", for the message. With `dry_run` only what contradicts the stream is
 * refused.
 */
int fb_again_check(const struct fb_conf_stream *stream, const struct fb_again *again,
                   const char *what, bool dry_run);

#endif
