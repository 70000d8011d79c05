/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange at a time, blocking, over a connection that is kept alive.
 *
 * The transport is an interface: production has one over libcurl (fb_curl_new), tests script
 * theirs. No redirect is followed, no content encoding is asked for or undone, nothing is retried.
 *
 * Threads: a transport belongs to one thread.
 */
#ifndef FIREBRIDGE_NET_HTTP_H
#define FIREBRIDGE_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "firebridge/base/buffer.h"
#include "firebridge/base/stop.h"

struct fb_http_header {
    const char *name;
    const char *value;
};

struct fb_http_request {
    const char *method; /* GET, POST, PUT */
    const char *url;    /* absolute, already encoded; sent exactly as it stands */
    const struct fb_http_header *headers;
    size_t header_count;
    const struct iovec *body; /* pieces, sent one after another; not copied when large */
    size_t body_count;
    size_t body_bytes;          /* the pieces' sum */
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t total_timeout_ms;   /* 0: none (a GET of an object) */
    int64_t stall_timeout_ms;   /* no byte for so long while we read; 0: 30 s */
    struct fb_stop *stop;       /* the exchange ends with FB_CANCELED at `stop_at`; or NULL */
    enum fb_stop_level stop_at;
};

/* The answer's status and the headers that anything here looks at. */
struct fb_http_response {
    long http_status;
    uint64_t content_length; /* UINT64_MAX when there was none */
    char etag[128];          /* with its quotes */
    char request_id[128];    /* x-amzn-requestid or x-amz-request-id */
    char extended_id[128];   /* x-amz-id-2 */
    char crc32[16];          /* x-amz-crc32 */
    char content_range[96];
    char content_type[96];
    char content_encoding[32];
    char date[48];
    char bucket_region[32]; /* x-amz-bucket-region */
    char error_code[64];    /* x-amz-error-code, or x-amzn-errortype up to the first ':' */
};

/*
 * Takes a piece of the body as it comes; the response's status and headers stand already.
 * Anything but FB_OK ends the exchange (the connection is closed) and is what perform returns.
 * It may block: that is how back-pressure reaches the socket.
 */
typedef enum fb_status (*fb_http_sink_fn)(void *context, const struct fb_http_response *response,
                                          const char *bytes, size_t size);

struct fb_transport {
    /*
     * FB_OK when a whole answer came, whatever its HTTP status. FB_UNAVAILABLE when there was no
     * answer or half of one (the message says what: refused, time-out, cut off after N bytes),
     * FB_DENIED when the TLS peer could not be verified, FB_CANCELED.
     */
    enum fb_status (*perform)(struct fb_transport *transport, const struct fb_http_request *request,
                              fb_http_sink_fn sink, void *context,
                              struct fb_http_response *ret_response, struct fb_error *error);
    void (*free)(struct fb_transport *transport);
};

/* The strings are copied. Nothing of it is ever named in an error: a proxy's may hold a password.
 */
struct fb_curl_options {
    const char *ca_bundle;  /* a file, in place of the system's; NULL: the system's */
    const char *proxy;      /* for https; as fb_address_is_proxy has it. NULL: none */
    const char *http_proxy; /* for plain http; likewise */
    const char *no_proxy;   /* hosts by commas, as NO_PROXY has them; NULL: none */
    bool allow_http;        /* also to others than fb_address_is_near */
    long max_age_s;         /* of a connection that another request may go over; 0: 5 min */
};

/* TLS 1.2 or later; plain http and no proxy where fb_address_is_near. FB_INVALID: a wrong proxy. */
enum fb_status fb_curl_new(const struct fb_curl_options *options,
                           struct fb_transport **ret_transport,
                           struct fb_error *error) FB_MUST_CHECK;

/* NULL is allowed. */
void fb_transport_free(struct fb_transport *transport);

/* A sink that collects into a `struct fb_buffer *` context; its maximum is the size limit. */
enum fb_status fb_http_collect(void *context, const struct fb_http_response *response,
                               const char *bytes, size_t size);

/* The answer's Content-Encoding is gzip. */
bool fb_http_is_gzip(const struct fb_http_response *response);

/*
 * Replaces a whole gzipped body by what it inflates to, within the buffer's maximum. On failure
 * it stays as it is: FB_CORRUPT, FB_TOO_LARGE, FB_NO_MEMORY.
 */
enum fb_status fb_http_gunzip(struct fb_buffer *body) FB_MUST_CHECK;

#endif
