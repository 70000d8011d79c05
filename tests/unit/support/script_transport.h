/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport that answers from a script: exchange by exchange, in order. A request that the
 * script did not expect fails the test, and so does a step that nobody asked for.
 */
#ifndef FIREBRIDGE_TESTS_SCRIPT_TRANSPORT_H
#define FIREBRIDGE_TESTS_SCRIPT_TRANSPORT_H

#include "firebridge/net/http.h"

struct script_step {
    const char *method; /* NULL: any */
    const char *url;    /* the whole URL; NULL: any */
    const char *header; /* "Name: value" that the request must have; NULL: any */
    const char *body;   /* the request's; NULL: any */

    enum fb_status status; /* what perform returns; FB_OK: the answer below */
    const char *reason;    /* the error's message, when it is not FB_OK */
    long http_status;
    const char *answer; /* NULL: none */
    size_t answer_size; /* 0: strlen */
    size_t piece_bytes; /* handed to the sink in pieces so long; 0: all at once */
    const char *head;   /* header lines, "Date: x\r\nETag: y"; NULL: none */
    void (*seen)(const struct fb_http_request *request); /* looks at the request; may be NULL */
};

/* `steps` outlives the transport. */
struct fb_transport *script_transport_new(const struct script_step *steps, size_t count);

/* Fails the test unless every step was used. */
void script_transport_assert_done(struct fb_transport *transport);

/* The request's header, or NULL. */
const char *script_header(const struct fb_http_request *request, const char *name);

#endif
