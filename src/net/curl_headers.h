/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's headers as libcurl wants them: a list of its own kind, over memory that stays, so
 * that a request takes none. One owner.
 */
#ifndef FIREBRIDGE_NET_CURL_HEADERS_H
#define FIREBRIDGE_NET_CURL_HEADERS_H

#include <curl/curl.h>

#include "firebridge/net/http.h"

/* Of a request's headers, and the removal of those that curl would add by itself. */
#define CURL_HEADER_MAX 32

struct curl_headers {
    struct curl_slist list[CURL_HEADER_MAX];
    struct fb_buffer text;
};

void curl_headers_init(struct curl_headers *headers);
void curl_headers_done(struct curl_headers *headers);

/* Once they are sent: tokens are among them. The list is not valid then. */
void curl_headers_wipe(struct curl_headers *headers);

/* In place of what was there. FB_TOO_LARGE, FB_NO_MEMORY. */
enum fb_status curl_headers_make(struct curl_headers *headers,
                                 const struct fb_http_request *request) FB_MUST_CHECK;

#endif
