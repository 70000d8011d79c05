/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of an answer's head, read into `struct fb_http_response`.
 *
 * A value that does not fit its field counts as absent: half an ETag is worse than none.
 * Threads: none of its own; the response is the caller's.
 */
#ifndef FIREBRIDGE_NET_HTTP_HEADER_H
#define FIREBRIDGE_NET_HTTP_HEADER_H

#include "firebridge/net/http.h"

/*
 * Takes a status line or a header field, with or without its CR LF. A status line clears the
 * response: what an interim answer (1xx) said does not count.
 */
void fb_http_header_take(struct fb_http_response *response, const char *line, size_t size);

#endif
