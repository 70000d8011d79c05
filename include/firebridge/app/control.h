/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: what a command asks of the daemon that runs.
 *
 * A stream socket `control.sock` with mode 0600 in the runtime directory. A client sends one JSON
 * object on one line, with a "verb", and reads one on one line, with "ok": true and what the verb
 * answers, or with "ok": false, "status" (a name of enum fb_status) and "error" (a sentence). Then
 * the connection is closed.
 *
 *     {"verb": "log-level", "level": "debug"}      {"ok": true, "was": "info"}
 *
 * A verb is a row in a table. Its handler runs on the thread that calls fb_control_serve, the
 * daemon's main thread, between two of its looks: it needs no lock for what is the main thread's,
 * and must not wait for anything. Whoever has to wait for an outcome asks for it again.
 *
 * Invariant: no client holds up the daemon. Connections are few, requests short, and time for both
 *            directions is limited; whoever exceeds one is cut off.
 * Threads:   one of its own for all connections; the rest from the one that started it.
 */
#ifndef FIREBRIDGE_APP_CONTROL_H
#define FIREBRIDGE_APP_CONTROL_H

#include <jansson.h>

#include "firebridge/base/status.h"

#define FB_CONTROL_SOCKET            "control.sock"
#define FB_CONTROL_REQUEST_MAX_BYTES ((size_t)16 * 1024)
#define FB_CONTROL_ANSWER_MAX_BYTES  ((size_t)16 * 1024 * 1024)
#define FB_CONTROL_CONNECTIONS       8
#define FB_CONTROL_TIMEOUT_MS        3000 /* for the request to come, and for the answer to go */

/* Puts its answer into the object `answer`. On failure the client is told of `error`. */
typedef enum fb_status (*fb_control_handle_fn)(void *context, const json_t *request, json_t *answer,
                                               struct fb_error *error);

struct fb_control_verb {
    const char *name; /* NULL: the table's end */
    fb_control_handle_fn handle;
};

struct fb_control_options {
    const char *directory; /* it is there already */
    const char
        *link_directory; /* where clients look: a link leads to the socket; may be the same */
    const struct fb_control_verb *verbs; /* outlives the control */
    void (*on_request)(void *context);   /* fb_control_serve has something to do; from its thread */
    void *context;                       /* of this and of the verbs */
};

struct fb_control;

/*
 * Makes the socket, in place of one that nobody listens to any more, and starts the thread.
 * FB_CONFLICT: somebody does; FB_IO.
 */
enum fb_status fb_control_start(const struct fb_control_options *options,
                                struct fb_control **ret_control,
                                struct fb_error *error) FB_MUST_CHECK;

/* Answers what has been asked. */
void fb_control_serve(struct fb_control *control);

/* Removes the socket, waits for the thread and frees. NULL is allowed. */
void fb_control_free(struct fb_control *control);

/*
 * The client's side: sends `request` to the daemon whose socket is in `directory`, and gives its
 * answer, to be freed with json_decref. FB_NOT_FOUND: no daemon listens there; FB_DENIED: another
 * user's does; FB_UNAVAILABLE: it does not answer; else what the daemon says, in its words.
 */
enum fb_status fb_control_ask(const char *directory, const json_t *request, json_t **ret_answer,
                              struct fb_error *error) FB_MUST_CHECK;

#endif
