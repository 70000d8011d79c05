/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every call to AWS needs: where, as whom, over which connection, at what time.
 *
 * A client is one thread's; the credentials behind it are shared by all.
 */
#ifndef FIREBRIDGE_AWS_CLIENT_H
#define FIREBRIDGE_AWS_CLIENT_H

#include "firebridge/aws/call_meter.h"
#include "firebridge/aws/credentials.h"
#include "firebridge/base/clock.h"
#include "firebridge/net/http.h"

struct fb_call_scratch;

struct fb_client {
    struct fb_transport *transport;           /* owned by whoever made the client */
    struct fb_credentials_cache *credentials; /* shared, outlives the client */
    struct fb_clock *clock;
    struct fb_stop *stop; /* ends a call in progress; may be NULL */
    enum fb_stop_level stop_at;
    const char *region;           /* outlives the client */
    const char *endpoint;         /* "http://127.0.0.1:8000"; NULL: AWS's own for the region */
    bool use_fips, use_dualstack; /* of AWS's own */
    bool requester_pays;          /* S3: whoever reads pays for it */
    const char *bucket_owner;     /* S3: the account that the bucket must belong to; NULL: any */
    int64_t connect_timeout_ms;
    int64_t request_timeout_ms; /* of a call whose answer is small */
    /* Memory that one call after another uses (call.h), owned like the transport. NULL: each call
     * takes its own. Copies of a client share it, and one call at a time may be under way. */
    struct fb_call_scratch *scratch;
    struct fb_call_meter *meter; /* counts its calls, outlives it; NULL: nobody does */
};

/*
 * What to do after a failed call. One function decides, for every service
 * (Amazon DynamoDB developer guide, "Error handling"; S3 API reference, "Error responses").
 */
enum fb_verdict {
    FB_RETRY,           /* soon, with back-off: 5xx, time-out, broken connection, half an answer */
    FB_RETRY_SLOWER,    /* throttled */
    FB_RETRY_REFRESHED, /* with new credentials or a corrected clock, at once, once */
    FB_UNHEALTHY,       /* a person must act (denied, no such table or bucket); try now and then */
    FB_REJECTED,        /* this request can never succeed as it stands: split, then a dead letter */
    FB_DONE_BEFORE,     /* nothing is left to do: the table has the item */
};

enum fb_verdict fb_verdict_of(const struct fb_error *error);

#endif
