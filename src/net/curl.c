/* SPDX-License-Identifier: Apache-2.0 */
#include "curl_headers.h"
#include "firebridge/base/heartbeat.h"
#include "firebridge/base/secret.h"
#include "firebridge/net/address.h"
#include "firebridge/net/http.h"
#include "firebridge/net/http_header.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* libcurl sends a body under this size together with the headers, in one send. */
#define GATHERED_MAX_BYTES (64 * 1024)

/* One read of an object's body; answers to a POST are small, and curl's own 16 KiB do. */
#define RECEIVE_BYTES (64L * 1024)

/* A call of 25 items of common size fits; each lane has such a buffer. */
#define SEND_BYTES (16L * 1024)

#define URL_MAX_BYTES ((size_t)64 * 1024)

#define DEFAULT_CONNECT_TIMEOUT_MS 10000
#define DEFAULT_STALL_TIMEOUT_MS   30000

/*
 * Then the name is resolved again, as hosts of AWS come and go behind it. (SDK for Java 2 guide,
 * connectionTimeToLive: the same.)
 */
#define DEFAULT_MAX_AGE_S 300L

/* Probes on a silent connection, well before a NAT gateway forgets it after 350 s. */
#define KEEPALIVE_IDLE_S     60L
#define KEEPALIVE_INTERVAL_S 15L

/* Of an answer, interim ones and trailers included: hostile when there is more. */
#define HEAD_MAX_BYTES ((size_t)64 * 1024)

/* What one perform needs to know in curl's callbacks. */
struct exchange {
    const struct fb_http_request *request;
    fb_http_sink_fn sink;
    void *context;
    struct fb_http_response response;
    enum fb_status sink_status;
    uint64_t received_bytes;
    size_t head_bytes;
    size_t piece, piece_offset; /* where the body's sending stands */
    bool is_connected;
    bool is_stalled;
    bool is_canceled;
    curl_off_t moved_bytes; /* as the progress callback last saw it */
    int64_t last_byte_ms;   /* when something moved, or when the sink gave control back */
};

/* What of a request takes more than a new URL, headers and body to change in the handle. */
struct shape {
    char method[8];
    bool is_streamed; /* the body is too large to be gathered */
    bool is_near;
    bool is_https;
    int64_t connect_timeout_ms;
    int64_t total_timeout_ms;
};

struct curl_transport {
    struct fb_transport transport; /* first: perform and free cast back */
    CURL *easy;
    char *ca_bundle, *proxy, *http_proxy, *no_proxy; /* NULL: none */
    bool allow_http;
    long max_age_s;
    struct exchange exchange;
    /* What the handle is set up for; a call like the one before sets next to nothing. */
    bool is_set_up;
    struct shape shape;
    struct fb_buffer url;
    struct curl_headers headers;
    struct fb_buffer gathered;
    char reason[CURL_ERROR_SIZE];
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void init_global(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Not the injected clock: what is measured here is a real socket's silence. */
static int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t on_header(char *line, size_t one, size_t size, void *userdata)
{
    struct exchange *exchange = userdata;

    (void)one;
    exchange->head_bytes += size;
    if (exchange->head_bytes > HEAD_MAX_BYTES)
        return 0;
    /* What follows the body is a trailer and changes nothing any more. */
    if (exchange->received_bytes == 0)
        fb_http_header_take(&exchange->response, line, size);
    return size;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *userdata)
{
    struct exchange *exchange = userdata;

    (void)one;
    exchange->received_bytes += size;
    exchange->sink_status = exchange->sink(exchange->context, &exchange->response, bytes, size);
    exchange->last_byte_ms = monotonic_ms();
    return exchange->sink_status == FB_OK ? size : CURL_WRITEFUNC_ERROR;
}

static size_t on_send(char *buffer, size_t one, size_t size, void *userdata)
{
    struct exchange *exchange = userdata;
    const struct fb_http_request *request = exchange->request;
    size_t filled = 0;

    size *= one;
    while (filled < size && exchange->piece < request->body_count) {
        const struct iovec *piece = &request->body[exchange->piece];
        size_t part = piece->iov_len - exchange->piece_offset;

        if (part > size - filled)
            part = size - filled;
        if (part > 0)
            memcpy(buffer + filled, (const char *)piece->iov_base + exchange->piece_offset, part);
        filled += part;
        exchange->piece_offset += part;
        if (exchange->piece_offset == piece->iov_len) {
            exchange->piece++;
            exchange->piece_offset = 0;
        }
    }
    return filled;
}

/* curl rewinds when a kept-alive connection turns out to be dead, and only then. */
static int on_seek(void *userdata, curl_off_t offset, int origin)
{
    struct exchange *exchange = userdata;
    const struct fb_http_request *request = exchange->request;
    size_t left = (size_t)offset;

    if (origin != SEEK_SET || offset < 0 || (size_t)offset > request->body_bytes)
        return CURL_SEEKFUNC_FAIL;
    exchange->piece = 0;
    while (exchange->piece < request->body_count && left >= request->body[exchange->piece].iov_len)
        left -= request->body[exchange->piece++].iov_len;
    exchange->piece_offset = left;
    return CURL_SEEKFUNC_OK;
}

static int on_connected(void *userdata, char *peer, char *local, int peer_port, int local_port)
{
    struct exchange *exchange = userdata;

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    exchange->is_connected = true;
    exchange->last_byte_ms = monotonic_ms();
    return CURL_PREREQFUNC_OK;
}

/* Called as bytes move, and once a second when none do. */
static int on_progress(void *userdata, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct exchange *exchange = userdata;
    const struct fb_http_request *request = exchange->request;
    int64_t stall_ms =
        request->stall_timeout_ms > 0 ? request->stall_timeout_ms : DEFAULT_STALL_TIMEOUT_MS;

    (void)down_total;
    (void)up_total;
    fb_heartbeat();
    if (request->stop != NULL && fb_stop_level(request->stop) >= request->stop_at) {
        exchange->is_canceled = true;
        return 1;
    }
    if (down + up != exchange->moved_bytes) {
        exchange->moved_bytes = down + up;
        exchange->last_byte_ms = monotonic_ms();
    } else if (exchange->is_connected && monotonic_ms() - exchange->last_byte_ms >= stall_ms) {
        exchange->is_stalled = true;
        return 1;
    }
    return 0;
}

static enum fb_status gather(struct curl_transport *self, const struct fb_http_request *request)
{
    /* At once, so that growing leaves no copy of a token behind. */
    enum fb_status status = fb_buffer_reserve(&self->gathered, request->body_bytes);

    for (size_t i = 0; i < request->body_count && status == FB_OK; i++)
        status =
            fb_buffer_append(&self->gathered, request->body[i].iov_base, request->body[i].iov_len);
    return status;
}

static bool has_no_body(const struct fb_http_request *request)
{
    return strcmp(request->method, "GET") == 0 && request->body_bytes == 0;
}

static enum fb_status set_body(struct curl_transport *self, const struct fb_http_request *request)
{
    enum fb_status status;

    if (has_no_body(request))
        return FB_OK;
    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
    if (self->shape.is_streamed)
        return FB_OK;
    status = gather(self, request);
    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS,
                     self->gathered.size == 0 ? "" : self->gathered.bytes);
    return status;
}

static void set_method(struct curl_transport *self, const struct fb_http_request *request)
{
    CURL *easy = self->easy;

    if (has_no_body(request)) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES);
    if (strcmp(request->method, "POST") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (!self->shape.is_streamed)
        return;
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(easy, CURLOPT_READDATA, &self->exchange);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, &self->exchange);
}

static void set_protocols(CURL *easy)
{
#if CURL_AT_LEAST_VERSION(7, 85, 0)
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_connection(struct curl_transport *self)
{
    CURL *easy = self->easy;

    set_protocols(easy);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->reason);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, self->max_age_s);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
#if CURL_AT_LEAST_VERSION(7, 87, 0)
    /* A resolver that hangs must not hold up a stop. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "firebridge/" FB_VERSION);
}

static void set_tls(struct curl_transport *self)
{
    curl_easy_setopt(self->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(self->easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (self->ca_bundle == NULL)
        return;
    curl_easy_setopt(self->easy, CURLOPT_CAINFO, self->ca_bundle);
    curl_easy_setopt(self->easy, CURLOPT_PROXY_CAINFO, self->ca_bundle);
    /* A folder of the system's, built into libcurl, would be trusted beside it. */
    curl_easy_setopt(self->easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(self->easy, CURLOPT_PROXY_CAPATH, NULL);
}

/* Always said, for curl would read the environment else. */
static void set_proxy(struct curl_transport *self)
{
    const char *proxy = self->shape.is_https ? self->proxy : self->http_proxy;

    curl_easy_setopt(self->easy, CURLOPT_PROXY, proxy == NULL || self->shape.is_near ? "" : proxy);
    curl_easy_setopt(self->easy, CURLOPT_NOPROXY, self->no_proxy == NULL ? "" : self->no_proxy);
    curl_easy_setopt(self->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static void set_callbacks(CURL *easy, struct exchange *exchange)
{
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

static struct shape shape_of(const struct fb_http_request *request)
{
    struct shape shape = {
        .is_streamed = request->body_bytes >= GATHERED_MAX_BYTES,
        .is_near = fb_address_is_near(request->url),
        .is_https = strncasecmp(request->url, "https:", 6) == 0,
        .connect_timeout_ms = request->connect_timeout_ms > 0 ? request->connect_timeout_ms
                                                              : DEFAULT_CONNECT_TIMEOUT_MS,
        .total_timeout_ms = request->total_timeout_ms,
    };

    snprintf(shape.method, sizeof shape.method, "%s", request->method);
    return shape;
}

static bool is_same_shape(const struct shape *a, const struct shape *b)
{
    return strcmp(a->method, b->method) == 0 && a->is_streamed == b->is_streamed &&
           a->is_near == b->is_near && a->is_https == b->is_https &&
           a->connect_timeout_ms == b->connect_timeout_ms &&
           a->total_timeout_ms == b->total_timeout_ms;
}

static void set_up(struct curl_transport *self, const struct fb_http_request *request,
                   const struct shape *shape)
{
    CURL *easy = self->easy;

    curl_easy_reset(easy); /* keeps the connection */
    self->shape = *shape;
    set_connection(self);
    set_tls(self);
    set_proxy(self);
    set_callbacks(easy, &self->exchange);
    set_method(self, request);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)shape->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)shape->total_timeout_ms);
    fb_buffer_reset(&self->url);
    self->is_set_up = true;
}

static enum fb_status set_url(struct curl_transport *self, const char *url)
{
    size_t size = strlen(url) + 1;

    if (self->url.size == size && memcmp(self->url.bytes, url, size) == 0)
        return FB_OK;
    fb_buffer_reset(&self->url);
    if (curl_easy_setopt(self->easy, CURLOPT_URL, url) != CURLE_OK)
        return FB_NO_MEMORY;
    return fb_buffer_append(&self->url, url, size);
}

static enum fb_status set_request(struct curl_transport *self,
                                  const struct fb_http_request *request)
{
    const struct shape shape = shape_of(request);
    enum fb_status status = curl_headers_make(&self->headers, request);

    if (status != FB_OK)
        return status;
    if (!self->is_set_up || !is_same_shape(&shape, &self->shape))
        set_up(self, request, &shape);
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->headers.list);
    status = set_url(self, request->url);
    return status == FB_OK ? set_body(self, request) : status;
}

static enum fb_status status_of(CURLcode result, bool is_connected)
{
    switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
        return FB_DENIED;
    case CURLE_URL_MALFORMAT:
        return FB_INVALID;
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL, or what a server answers that is no HTTP */
        return is_connected ? FB_UNAVAILABLE : FB_INVALID;
    case CURLE_OUT_OF_MEMORY:
        return FB_NO_MEMORY;
    default:
        return FB_UNAVAILABLE;
    }
}

static enum fb_status explain(const struct curl_transport *self, const struct exchange *exchange,
                              CURLcode result, struct fb_error *error)
{
    const char *reason = self->reason[0] != '\0' ? self->reason : curl_easy_strerror(result);
    unsigned long long received = (unsigned long long)exchange->received_bytes;
    long connect_code = 0;
    char peer[FB_PEER_SIZE];

    fb_address_peer(exchange->request->url, peer);
    if (exchange->is_canceled)
        return fb_fail(error, FB_CANCELED, "stopped while talking to %s", peer);
    if (exchange->sink_status != FB_OK)
        return fb_fail(error, exchange->sink_status, "the answer of %s was not taken: %s", peer,
                       fb_status_name(exchange->sink_status));
    if (exchange->head_bytes > HEAD_MAX_BYTES)
        return fb_fail(error, FB_CORRUPT, "the head of %s's answer is over %zu KiB", peer,
                       HEAD_MAX_BYTES / 1024);
    if (exchange->is_stalled)
        return fb_fail(error, FB_UNAVAILABLE, "%s went silent after %llu bytes of its answer", peer,
                       received);
    curl_easy_getinfo(self->easy, CURLINFO_HTTP_CONNECTCODE, &connect_code);
    if (connect_code != 0 && connect_code / 100 != 2)
        return fb_fail(error, connect_code == 407 ? FB_DENIED : FB_UNAVAILABLE,
                       "the proxy does not connect to %s: HTTP %ld%s", peer, connect_code,
                       connect_code == 407 ? "; it wants a user and a password" : "");
    switch (result) {
    case CURLE_GOT_NOTHING:
        return fb_fail(error, FB_UNAVAILABLE, "%s closed the connection without an answer", peer);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return fb_fail(error, FB_UNAVAILABLE,
                       "the connection to %s broke after %llu bytes of its answer (%s)", peer,
                       received, reason);
    case CURLE_PEER_FAILED_VERIFICATION:
        return fb_fail(error, FB_DENIED, "%s: %s; ca_bundle names the authorities to trust", peer,
                       reason);
    case CURLE_OPERATION_TIMEDOUT:
        return fb_fail(error, FB_UNAVAILABLE, "no whole answer of %s in time, only %llu bytes (%s)",
                       peer, received, reason);
    default:
        return fb_fail(error, status_of(result, exchange->is_connected), "%s: %s", peer, reason);
    }
}

/* Plain http shows whoever is on the way the data, and lets him change the answers. */
static enum fb_status refuse_http(const struct fb_http_request *request, struct fb_error *error)
{
    char peer[FB_PEER_SIZE];

    fb_address_peer(request->url, peer);
    return fb_fail(error, FB_INVALID,
                   "plain http to %s is not safe; use https, or say allow_http = yes", peer);
}

/* Tokens and signatures stand there; what libcurl itself copies of them is out of reach. */
static void wipe_request(struct curl_transport *self)
{
    curl_headers_wipe(&self->headers);
    fb_secret_buffer_wipe(&self->gathered);
}

static enum fb_status perform_curl(struct fb_transport *transport,
                                   const struct fb_http_request *request, fb_http_sink_fn sink,
                                   void *context, struct fb_http_response *ret_response,
                                   struct fb_error *error)
{
    struct curl_transport *self = (struct curl_transport *)transport;
    enum fb_status status;
    CURLcode result;

    self->exchange = (struct exchange){.request = request,
                                       .sink = sink,
                                       .context = context,
                                       .response = {.content_length = UINT64_MAX}};
    self->reason[0] = '\0';
    if (!self->allow_http && strncasecmp(request->url, "http:", 5) == 0 &&
        !fb_address_is_near(request->url))
        return refuse_http(request, error);
    status = set_request(self, request);
    result = status == FB_OK ? curl_easy_perform(self->easy) : CURLE_OK;
    wipe_request(self);
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a request");
    if (result != CURLE_OK)
        return explain(self, &self->exchange, result, error);
    *ret_response = self->exchange.response;
    return FB_OK;
}

static void free_secret(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void free_curl(struct fb_transport *transport)
{
    struct curl_transport *self = (struct curl_transport *)transport;

    curl_easy_cleanup(self->easy);
    fb_buffer_done(&self->url);
    curl_headers_done(&self->headers);
    fb_buffer_done(&self->gathered);
    free(self->ca_bundle);
    free_secret(self->proxy);
    free_secret(self->http_proxy);
    free(self->no_proxy);
    free(self);
}

static bool copy_text(char **to, const char *text)
{
    return text == NULL || (*to = strdup(text)) != NULL;
}

static bool take_options(struct curl_transport *self, const struct fb_curl_options *options)
{
    self->allow_http = options->allow_http;
    self->max_age_s = options->max_age_s > 0 ? options->max_age_s : DEFAULT_MAX_AGE_S;
    return copy_text(&self->ca_bundle, options->ca_bundle) &&
           copy_text(&self->proxy, options->proxy) &&
           copy_text(&self->http_proxy, options->http_proxy) &&
           copy_text(&self->no_proxy, options->no_proxy);
}

static enum fb_status check_proxy(const char *proxy, struct fb_error *error)
{
    if (proxy == NULL || fb_address_is_proxy(proxy))
        return FB_OK;
    return fb_fail(error, FB_INVALID,
                   "the proxy is not of the form http[s]://[USER:PASSWORD@]HOST[:PORT]");
}

enum fb_status fb_curl_new(const struct fb_curl_options *options,
                           struct fb_transport **ret_transport, struct fb_error *error)
{
    enum fb_status status = check_proxy(options->proxy, error);
    struct curl_transport *self;

    if (status == FB_OK)
        status = check_proxy(options->http_proxy, error);
    if (status != FB_OK)
        return status;
    pthread_once(&global_once, init_global);
    if (global_result != CURLE_OK)
        return fb_fail(error, FB_UNSUPPORTED, "libcurl does not start: %s",
                       curl_easy_strerror(global_result));
    self = calloc(1, sizeof *self);
    if (self == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a connection");
    self->transport = (struct fb_transport){.perform = perform_curl, .free = free_curl};
    fb_buffer_init(&self->url, URL_MAX_BYTES);
    curl_headers_init(&self->headers);
    fb_buffer_init(&self->gathered, GATHERED_MAX_BYTES);
    self->easy = curl_easy_init();
    if (self->easy == NULL || !take_options(self, options)) {
        free_curl(&self->transport);
        return fb_fail(error, FB_NO_MEMORY, "no memory for a connection");
    }
    *ret_transport = &self->transport;
    return FB_OK;
}
