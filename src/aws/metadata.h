/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small questions to something near: the instance's metadata service, the container's endpoint.
 *
 * Threads: one owner. What was answered lies in memory for secrets until fb_metadata_done.
 */
#ifndef FIREBRIDGE_METADATA_H
#define FIREBRIDGE_METADATA_H

#include "firebridge/aws/credentials.h"
#include "firebridge/base/buffer.h"
#include "firebridge/net/address.h"

struct fb_metadata {
    struct fb_transport *transport; /* the caller's */
    struct fb_clock *clock;
    struct fb_stop *stop;
    int64_t timeout_ms;      /* of one try */
    unsigned tries;          /* 3, unless its owner says otherwise */
    char peer[FB_PEER_SIZE]; /* for messages */
    struct fb_buffer answer; /* NUL-terminated after an exchange */
    struct fb_http_response response;
};

/* FB_NO_MEMORY. `url` is for the messages: its host and port. */
enum fb_status fb_metadata_init(struct fb_metadata *metadata,
                                const struct fb_chain_options *options, const char *url,
                                int64_t timeout_ms) FB_MUST_CHECK;
void fb_metadata_done(struct fb_metadata *metadata);

/*
 * FB_OK: a whole answer below 500. What cannot be said now is asked again; at last FB_UNAVAILABLE,
 * with response.http_status 0 where there was no answer at all. A header without a name is none.
 */
enum fb_status fb_metadata_exchange(struct fb_metadata *metadata, const char *method,
                                    const char *url, const struct fb_http_header *header,
                                    struct fb_error *error) FB_MUST_CHECK;

/* The answer as keys, with their end by our clock. */
enum fb_status fb_metadata_read_keys(const struct fb_metadata *metadata,
                                     struct fb_credentials *ret_credentials,
                                     struct fb_error *error) FB_MUST_CHECK;

/*
 * A moment that someone else's clock gave, by ours: `date` is their Date header. Where our clock
 * is a minute off or more, keys would else seem to be expired, or to serve for longer than they do.
 */
int64_t fb_in_our_time(int64_t time_ms, const char *date, struct fb_clock *clock);

#endif
