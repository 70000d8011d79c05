/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics_http.h"

#if FB_HAVE_libmicrohttpd

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firebridge/app/metrics_address.h"
#include "firebridge/app/metrics_text.h"

/* A scraper and a person or two; who comes beyond waits in the kernel's queue, or is refused. */
#define CONNECTIONS_MAX  16U
#define IDLE_TIMEOUT_S   10U
#define CONNECTION_BYTES ((size_t)16 * 1024)
#define STACK_BYTES      ((size_t)256 * 1024)
#define BACKLOG          16
#define PLAIN_TEXT       "text/plain; charset=utf-8"

struct fb_metrics_http {
    struct fb_metrics *metrics;
    struct MHD_Daemon *daemon;
};

/* libmicrohttpd's function takes no constants. */
static char no_memory[] = "no memory\n";
static char only_get[] = "only GET and HEAD\n";
static char no_page[] = "/metrics, /healthz or /readyz\n";

/* What is asked for, and how it is answered: FB_OK, or there is no memory. */
struct page {
    const char *path, *content_type;
    enum fb_status (*fill)(struct fb_metrics *metrics, struct fb_buffer *out,
                           unsigned *ret_http_status);
};

static enum fb_status fill_metrics(struct fb_metrics *metrics, struct fb_buffer *out,
                                   unsigned *ret_http_status)
{
    (void)ret_http_status;
    return fb_metrics_expose(metrics, out);
}

/* The process lives, whatever ails its streams: a restart would mend nothing of that. */
static enum fb_status fill_health(struct fb_metrics *metrics, struct fb_buffer *out,
                                  unsigned *ret_http_status)
{
    bool is_ready;

    (void)ret_http_status;
    return fb_metrics_describe(metrics, out, &is_ready);
}

static enum fb_status fill_readiness(struct fb_metrics *metrics, struct fb_buffer *out,
                                     unsigned *ret_http_status)
{
    bool is_ready = false;
    const enum fb_status status = fb_metrics_describe(metrics, out, &is_ready);

    if (!is_ready)
        *ret_http_status = MHD_HTTP_SERVICE_UNAVAILABLE;
    return status;
}

static const struct page pages[] = {
    {"/metrics", FB_OPENMETRICS_CONTENT_TYPE, fill_metrics},
    {"/healthz", PLAIN_TEXT, fill_health},
    {"/readyz", PLAIN_TEXT, fill_readiness},
};

static const struct page *find_page(const char *path)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(pages[i].path, path) == 0)
            return &pages[i];
    return NULL;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned http_status,
                              const char *content_type, struct MHD_Response *response)
{
    enum MHD_Result result = MHD_NO;

    if (response == NULL)
        return MHD_NO;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) == MHD_YES &&
        (http_status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
        result = MHD_queue_response(connection, http_status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned http_status, char *text)
{
    return answer(connection, http_status, PLAIN_TEXT,
                  MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result give(const struct fb_metrics_http *http, struct MHD_Connection *connection,
                            const struct page *page)
{
    unsigned http_status = MHD_HTTP_OK;
    struct fb_buffer text;
    enum MHD_Result result;

    fb_buffer_init(&text, FB_METRICS_TEXT_MAX_BYTES);
    if (page->fill(http->metrics, &text, &http_status) == FB_OK)
        result =
            answer(connection, http_status, page->content_type,
                   MHD_create_response_from_buffer(text.size, text.bytes, MHD_RESPMEM_MUST_COPY));
    else
        result = refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, no_memory);
    fb_buffer_done(&text);
    return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **own)
{
    static int seen;
    const struct page *page = find_page(path);

    (void)version;
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, only_get);
    /* At the first call only the head of the request is there. */
    if (*own == NULL) {
        *own = &seen;
        return MHD_YES;
    }
    if (*upload_size > 0)
        return MHD_NO;
    if (page == NULL)
        return refuse(connection, MHD_HTTP_NOT_FOUND, no_page);
    return give(context, connection, page);
}

/* -1, with errno. */
static int listen_at(const struct addrinfo *at)
{
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    int number;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    number = errno;
    close(fd);
    errno = number;
    return -1;
}

/* A socket that listens at the first of the host's addresses that can be had. */
static enum fb_status open_listener(const char *text, int *ret_fd, struct fb_error *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct fb_metrics_address address;
    struct addrinfo *list = NULL;
    enum fb_status status = fb_metrics_address_parse(text, false, &address, error);
    int fd = -1;
    int result;

    if (status != FB_OK)
        return status;
    result = getaddrinfo(address.host, address.port, &hints, &list);
    if (result != 0)
        return fb_fail(error, FB_IO, "[metrics] listen: no address of %s: %s", address.host,
                       gai_strerror(result));
    for (const struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next)
        fd = listen_at(at);
    if (fd >= 0)
        *ret_fd = fd;
    else
        status = fb_fail(error, FB_IO, "[metrics] listen = %s: %s", text, strerror(errno));
    freeaddrinfo(list);
    return status;
}

enum fb_status fb_metrics_http_start(struct fb_metrics *metrics, const char *address,
                                     struct fb_metrics_http **ret_http, struct fb_error *error)
{
    struct fb_metrics_http *http = calloc(1, sizeof *http);
    enum fb_status status;
    int fd = -1;

    if (http == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for metrics");
    http->metrics = metrics;
    status = open_listener(address, &fd, error);
    if (status == FB_OK) {
        http->daemon = MHD_start_daemon(
            MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, on_request, http,
            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
            MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
            CONNECTION_BYTES, MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, MHD_OPTION_END);
        if (http->daemon == NULL) {
            close(fd);
            status = fb_fail(error, FB_IO, "[metrics] listen = %s: no thread for it", address);
        }
    }
    if (status == FB_OK)
        *ret_http = http;
    else
        free(http);
    return status;
}

void fb_metrics_http_free(struct fb_metrics_http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}

#else

enum fb_status fb_metrics_http_start(struct fb_metrics *metrics, const char *address,
                                     struct fb_metrics_http **ret_http, struct fb_error *error)
{
    (void)metrics;
    (void)ret_http;
    return fb_fail(error, FB_UNSUPPORTED,
                   "[metrics] listen = %s: this firebridge is built without libmicrohttpd",
                   address);
}

void fb_metrics_http_free(struct fb_metrics_http *http)
{
    (void)http;
}

#endif
