/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands share that change a stream's rows in the state file beside the daemon. Private
 * to src/app.
 *
 * Threads: main alone.
 */
#ifndef FIREBRIDGE_SRC_APP_OPERATOR_H
#define FIREBRIDGE_SRC_APP_OPERATOR_H

#include <jansson.h>

#include "firebridge/app/conf.h"
#include "firebridge/app/environment.h"
#include "firebridge/pipeline/patience.h"
#include "firebridge/pipeline/walk.h"
#include "firebridge/state/state.h"

struct fb_operator {
    struct fb_conf *conf;
    const struct fb_conf_stream *stream;
    struct fb_layout *layout;
    struct fb_state *state;
    struct fb_stream_row row; /* as it was at the beginning */
    struct fb_environment *environment;
    struct fb_client client; /* of the source, once connected */
    struct fb_patience patience;
};

/*
 * Reads the conf, finds the stream (NULL: the only one) and its row. Complaints are on stderr.
 * Returns an exit status; close it whatever that is.
 */
int fb_operator_open(struct fb_operator *command, const char *conf_path, const char *stream);
void fb_operator_close(struct fb_operator *command);

/* For calls to S3. */
enum fb_status fb_operator_connect(struct fb_operator *command,
                                   struct fb_error *error) FB_MUST_CHECK;

/*
 * A walk over what S3 has of the stream: `options` says of what, the rest is filled in. Connects.
 * Pages are asked for as long as once_patience allows. On a terminal stderr shows how many objects
 * were found.
 */
typedef enum fb_status (*fb_operator_page_fn)(void *context, const struct fb_walk_page *page,
                                              struct fb_error *error);
enum fb_status fb_operator_walk(struct fb_operator *command, const struct fb_walk_options *options,
                                fb_operator_page_fn on_page, void *context,
                                struct fb_error *error) FB_MUST_CHECK;

/* Says on stderr what went wrong with the stream, and returns FB_EXIT_WRONG. */
int fb_operator_fail(const struct fb_operator *command, const struct fb_error *error);

/*
 * Asks on the terminal, and takes `answer` alone for a yes. Without a terminal nobody can be asked:
 * then it says that --yes is needed.
 */
bool fb_operator_confirm(const char *question, const char *answer);

/* A string of JSON; what is no UTF-8 is in it as far as it is printable. NULL: out of memory. */
json_t *fb_operator_json_text(const char *text);

/* One line of JSON on stdout; takes the value over. Returns an exit status. */
int fb_operator_print_json(json_t *value) FB_MUST_CHECK;

/* "1.5 GiB". */
#define FB_SIZE_TEXT_SIZE 16
const char *fb_operator_size(uint64_t bytes, char text[FB_SIZE_TEXT_SIZE]);

#endif
