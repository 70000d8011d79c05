/* SPDX-License-Identifier: Apache-2.0 */
/* The transport against a server of our own that says exactly what a case scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "firebridge/net/http.h"
#include "firebridge/net/http_header.h"

#define REQUEST_MAX (512 * 1024)

/* Accepts connections one by one and answers each request with the next answer. */
struct server {
    pthread_t thread;
    int listener;
    unsigned short port;
    const char *const *answers; /* NULL ends; "" closes without an answer */
    int pause_ms;               /* after each answer, before the connection is closed */
    bool keeps_alive;
    char *incoming;       /* the server thread's own */
    pthread_mutex_t lock; /* guards all below */
    unsigned connections;
    char *request; /* the last one, whole */
    size_t request_size;
};

static size_t content_length_of(const char *request)
{
    const char *header = strcasestr(request, "\r\nContent-Length:");

    return header == NULL ? 0 : strtoul(header + 17, NULL, 10);
}

static void keep_request(struct server *server, size_t size)
{
    pthread_mutex_lock(&server->lock);
    memcpy(server->request, server->incoming, size + 1);
    server->request_size = size;
    pthread_mutex_unlock(&server->lock);
}

/* False when the peer has closed. */
static bool read_request(struct server *server, int peer)
{
    char *incoming = server->incoming;
    size_t size = 0;

    for (;;) {
        const char *end;
        ssize_t got = recv(peer, incoming + size, REQUEST_MAX - size - 1, 0);

        if (got <= 0)
            return false;
        size += (size_t)got;
        incoming[size] = '\0';
        end = strstr(incoming, "\r\n\r\n");
        if (end != NULL && size >= (size_t)(end + 4 - incoming) + content_length_of(incoming)) {
            keep_request(server, size);
            return true;
        }
    }
}

static void pause_ms(int wait_ms)
{
    struct timespec wait = {wait_ms / 1000, (wait_ms % 1000) * 1000000L};

    nanosleep(&wait, NULL);
}

static void *serve(void *argument)
{
    struct server *server = argument;
    const char *const *answer = server->answers;

    while (*answer != NULL) {
        int peer = accept(server->listener, NULL, NULL);

        if (peer < 0)
            return NULL;
        pthread_mutex_lock(&server->lock);
        server->connections++;
        pthread_mutex_unlock(&server->lock);
        while (*answer != NULL && read_request(server, peer)) {
            if (send(peer, *answer, strlen(*answer), MSG_NOSIGNAL) < 0)
                break;
            answer++;
            pause_ms(server->pause_ms);
            if (!server->keeps_alive)
                break;
        }
        close(peer);
    }
    return NULL;
}

struct fixture {
    struct server server;
    struct fb_transport *transport;
    char url[64];
    struct fb_http_request request;
    struct fb_buffer body;
    struct fb_http_response response;
    struct fb_error error;
};

static void use_options(struct fixture *f, const struct fb_curl_options *options)
{
    fb_transport_free(f->transport);
    assert_int_equal(fb_curl_new(options, &f->transport, &f->error), FB_OK);
}

static void set_up(struct fixture *f, const char *const *answers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    memset(f, 0, sizeof *f);
    f->server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->server.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(f->server.listener, 4), 0);
    assert_int_equal(getsockname(f->server.listener, (struct sockaddr *)&address, &size), 0);
    f->server.port = ntohs(address.sin_port);
    f->server.answers = answers;
    f->server.request = calloc(1, REQUEST_MAX);
    f->server.incoming = calloc(1, REQUEST_MAX);
    assert_true(f->server.request != NULL && f->server.incoming != NULL);
    pthread_mutex_init(&f->server.lock, NULL);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/a//../b%%20c", f->server.port);
    f->request = (struct fb_http_request){.method = "GET", .url = f->url};
    fb_buffer_init(&f->body, (size_t)1024 * 1024);
    use_options(f, &(struct fb_curl_options){0});
}

static void start(struct fixture *f)
{
    assert_int_equal(pthread_create(&f->server.thread, NULL, serve, &f->server), 0);
}

static void tear_down(struct fixture *f)
{
    fb_transport_free(f->transport);
    shutdown(f->server.listener, SHUT_RDWR);
    pthread_join(f->server.thread, NULL);
    close(f->server.listener);
    free(f->server.request);
    free(f->server.incoming);
    pthread_mutex_destroy(&f->server.lock);
    fb_buffer_done(&f->body);
}

/* What the server got stands still afterwards: it was kept before the answer was sent. */
static enum fb_status perform(struct fixture *f)
{
    enum fb_status status;

    fb_buffer_reset(&f->body);
    status = f->transport->perform(f->transport, &f->request, fb_http_collect, &f->body,
                                   &f->response, &f->error);
    pthread_mutex_lock(&f->server.lock);
    pthread_mutex_unlock(&f->server.lock);
    return status;
}

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void a_get_is_sent_as_it_stands_and_nothing_is_added(void **state)
{
    static const char *const answers[] = {OK_EMPTY, NULL};
    static const struct fb_http_header headers[] = {{"Host", "named.example"}, {"X-Empty", ""}};
    char expected[512];
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    f.request.headers = headers;
    f.request.header_count = 2;
    start(&f);
    assert_int_equal(perform(&f), FB_OK);
    snprintf(expected, sizeof expected,
             "GET /a//../b%%20c HTTP/1.1\r\nHost: named.example\r\nUser-Agent: firebridge/%s\r\n"
             "X-Empty:\r\n\r\n",
             FB_VERSION);
    assert_string_equal(f.server.request, expected);
    assert_int_equal(f.response.http_status, 200);
    assert_int_equal(f.response.content_length, 0);
    tear_down(&f);
}

static void the_head_of_the_answer_is_read(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 100 Continue\r\nETag: \"interim\"\r\n\r\n"
        "HTTP/1.1 206 Partial Content\r\nETag: \"e\"\r\nx-amz-request-id: R\r\nX-Amz-Id-2: I\r\n"
        "x-amz-crc32: 12\r\nContent-Range: bytes 1-2/3\r\nContent-Type: text/x\r\n"
        "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\nx-amz-bucket-region: eu-west-1\r\n"
        "x-amzn-ErrorType: Foo:http://x\r\nContent-Encoding: gzip\r\nContent-Length: "
        "5\r\n\r\nplain",
        NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    start(&f);
    assert_int_equal(perform(&f), FB_OK);
    assert_int_equal(f.response.http_status, 206);
    assert_string_equal(f.response.etag, "\"e\"");
    assert_string_equal(f.response.request_id, "R");
    assert_string_equal(f.response.extended_id, "I");
    assert_string_equal(f.response.crc32, "12");
    assert_string_equal(f.response.content_range, "bytes 1-2/3");
    assert_string_equal(f.response.content_type, "text/x");
    assert_string_equal(f.response.date, "Sun, 22 Nov 2026 10:00:00 GMT");
    assert_string_equal(f.response.bucket_region, "eu-west-1");
    assert_string_equal(f.response.error_code, "Foo");
    assert_int_equal(f.response.content_length, 5);
    assert_int_equal(f.body.size, 5); /* nothing is decoded */
    assert_memory_equal(f.body.bytes, "plain", 5);
    tear_down(&f);
}

static void a_redirect_is_an_answer_like_others(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    start(&f);
    assert_int_equal(perform(&f), FB_OK);
    assert_int_equal(f.response.http_status, 307);
    tear_down(&f);
}

static void post(struct fixture *f, size_t size)
{
    static const struct fb_http_header header = {"Content-Type", "application/x-amz-json-1.0"};
    char *text = malloc(size);
    struct iovec pieces[4];
    const char *sent;
    char line[64];

    assert_non_null(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + i % 23);
    pieces[0] = (struct iovec){text, size / 3};
    pieces[1] = (struct iovec){NULL, 0};
    pieces[2] = (struct iovec){text + size / 3, 1};
    pieces[3] = (struct iovec){text + size / 3 + 1, size - size / 3 - 1};
    f->request.method = "POST";
    f->request.body = pieces;
    f->request.body_count = 4;
    f->request.body_bytes = size;
    f->request.headers = &header;
    f->request.header_count = 1;
    assert_int_equal(perform(f), FB_OK);
    sent = strstr(f->server.request, "\r\n\r\n") + 4;
    snprintf(line, sizeof line, "\r\nContent-Length: %zu\r\n", size);
    assert_non_null(strstr(f->server.request, line));
    assert_null(strstr(f->server.request, "Expect:"));
    assert_null(strstr(f->server.request, "Transfer-Encoding:"));
    assert_null(strstr(f->server.request, "urlencoded"));
    assert_int_equal(f->server.request_size - (size_t)(sent - f->server.request), size);
    assert_memory_equal(sent, text, size);
    free(text);
}

static void bodies_small_and_large_arrive_whole_over_one_connection(void **state)
{
    static const char *const answers[] = {OK_EMPTY, OK_EMPTY, OK_EMPTY, OK_EMPTY, NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    f.server.keeps_alive = true;
    start(&f);
    post(&f, 10);
    post(&f, 64 * 1024 - 1);
    post(&f, 64 * 1024);
    post(&f, 300000);
    assert_int_equal(f.server.connections, 1);
    tear_down(&f);
}

static void a_put_without_a_body_says_so(void **state)
{
    static const char *const answers[] = {OK_EMPTY, NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    f.request.method = "PUT";
    start(&f);
    assert_int_equal(perform(&f), FB_OK);
    assert_memory_equal(f.server.request, "PUT /a", 6);
    assert_non_null(strstr(f.server.request, "\r\nContent-Length: 0\r\n"));
    assert_null(strstr(f.server.request, "Content-Type"));
    tear_down(&f);
}

static void a_large_body_survives_a_dead_kept_connection(void **state)
{
    static const char *const answers[] = {OK_EMPTY, OK_EMPTY, NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers); /* closes after each answer, though it promised to keep alive */
    start(&f);
    post(&f, 200000);
    post(&f, 200000);
    assert_int_equal(f.server.connections, 2);
    tear_down(&f);
}

static void chunks_are_put_together_and_their_trailers_change_nothing(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"e\"\r\n\r\n"
        "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nETag: \"other\"\r\n\r\n",
        OK_EMPTY, NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    f.server.keeps_alive = true;
    start(&f);
    assert_int_equal(perform(&f), FB_OK);
    assert_int_equal(f.body.size, 5);
    assert_memory_equal(f.body.bytes, "abcde", 5);
    assert_string_equal(f.response.etag, "\"e\"");
    assert_true(f.response.content_length == UINT64_MAX);
    assert_int_equal(perform(&f), FB_OK);
    assert_int_equal(f.server.connections, 1);
    tear_down(&f);
}

static void a_head_without_an_end_is_cut_off(void **state)
{
    static char head[80 * 1024] = "HTTP/1.1 200 OK\r\n";
    static char interim[80 * 1024];
    const char *const answers[] = {head, interim, NULL};
    struct fixture f;

    (void)state;
    while (strlen(head) < sizeof head - 32)
        strcat(head, "X-Filler: aaaaaaaaaa\r\n");
    while (strlen(interim) < sizeof interim - 64)
        strcat(interim, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    set_up(&f, answers);
    start(&f);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(perform(&f), FB_CORRUPT);
        assert_non_null(strstr(f.error.message, "over 64 KiB"));
    }
    tear_down(&f);
}

static void an_old_connection_is_replaced_between_requests(void **state)
{
    static const char *const answers[] = {OK_EMPTY, OK_EMPTY, OK_EMPTY, NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    use_options(&f, &(struct fb_curl_options){.max_age_s = 1});
    f.server.keeps_alive = true;
    start(&f);
    assert_int_equal(perform(&f), FB_OK);
    assert_int_equal(perform(&f), FB_OK);
    assert_int_equal(f.server.connections, 1);
    pause_ms(2100); /* curl counts in whole seconds */
    assert_int_equal(perform(&f), FB_OK);
    assert_int_equal(f.server.connections, 2);
    tear_down(&f);
}

static void plain_http_goes_nowhere_but_near(void **state)
{
    static const char *const answers[] = {NULL};
    static const char *const urls[] = {
        "http://nowhere.invalid/", "HTTP://nowhere.invalid/", "http://127.0.0.1.nowhere.invalid/",
        "http://169.254.169.254@nowhere.invalid/", "http://10.0.0.1/"};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    start(&f);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        f.request.url = urls[i];
        assert_int_equal(perform(&f), FB_INVALID);
        assert_non_null(strstr(f.error.message, "allow_http"));
    }
    tear_down(&f);
}

static void a_proxy_is_asked_to_connect_and_heard_when_it_does_not(void **state)
{
    static const struct {
        const char *answer;
        enum fb_status status;
        const char *message;
    } cases[] = {
        {"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n", FB_DENIED,
         "a user and a password"},
        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", FB_UNAVAILABLE,
         "does not connect to db.invalid:443: HTTP 403"},
        {"HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n", FB_UNAVAILABLE, "HTTP 502"},
        {"", FB_UNAVAILABLE, "db.invalid:443"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const answers[] = {cases[i].answer, NULL};
        struct fixture f;
        char proxy[64];

        set_up(&f, answers);
        snprintf(proxy, sizeof proxy, "http://user:hunter2@127.0.0.1:%u", f.server.port);
        use_options(&f, &(struct fb_curl_options){.proxy = proxy});
        start(&f);
        f.request.url = "https://db.invalid/secret";
        if (perform(&f) != cases[i].status || strstr(f.error.message, cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, f.error.message);
        assert_null(strstr(f.error.message, "hunter2"));
        assert_memory_equal(f.server.request, "CONNECT db.invalid:443 HTTP/1.1\r\n", 33);
        assert_non_null(
            strstr(f.server.request, "\r\nProxy-Authorization: Basic dXNlcjpodW50ZXIy\r\n"));
        assert_null(strstr(f.server.request, "secret"));
        tear_down(&f);
    }
}

static void nothing_near_goes_through_a_proxy(void **state)
{
    static const char *const answers[] = {OK_EMPTY, NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    use_options(&f, &(struct fb_curl_options){.proxy = "http://proxy.invalid:1",
                                              .http_proxy = "http://proxy.invalid:1"});
    start(&f);
    assert_int_equal(perform(&f), FB_OK);
    assert_memory_equal(f.server.request, "GET /a", 6);
    tear_down(&f);
}

static void what_no_proxy_names_goes_directly(void **state)
{
    static const char *const answers[] = {NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    use_options(&f, &(struct fb_curl_options){.proxy = "http://127.0.0.1:1",
                                              .no_proxy = "other.example, direct.invalid"});
    start(&f);
    f.request.url = "https://direct.invalid/";
    assert_int_equal(perform(&f), FB_UNAVAILABLE);
    assert_non_null(strstr(f.error.message, "resolve host"));
    f.request.url = "https://proxied.invalid/";
    assert_int_equal(perform(&f), FB_UNAVAILABLE);
    assert_null(strstr(f.error.message, "resolve host"));
    tear_down(&f);
}

/* In curl's own hands it would be. */
static void the_environment_is_not_read(void **state)
{
    static const char *const answers[] = {NULL};
    struct fixture f;

    (void)state;
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    set_up(&f, answers);
    start(&f);
    f.request.url = "https://nowhere.invalid/";
    assert_int_equal(perform(&f), FB_UNAVAILABLE);
    assert_non_null(strstr(f.error.message, "resolve host"));
    unsetenv("https_proxy");
    tear_down(&f);
}

static void a_wrong_proxy_is_refused_and_not_shown(void **state)
{
    static const char *const proxies[] = {"socks5://user:pass@x",     "http://user:pass@",
                                          "http://user:pass@x:99999", "http://user:pass@x/path",
                                          "http://user:pass@x y",     ""};
    struct fb_transport *transport = NULL;
    struct fb_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) {
        assert_int_equal(
            fb_curl_new(&(struct fb_curl_options){.proxy = proxies[i]}, &transport, &error),
            FB_INVALID);
        assert_null(strstr(error.message, "pass@"));
        assert_int_equal(
            fb_curl_new(&(struct fb_curl_options){.http_proxy = proxies[i]}, &transport, &error),
            FB_INVALID);
    }
    assert_null(transport);
}

static void half_an_answer_is_unavailable(void **state)
{
    static const struct {
        const char *answer, *message;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "4 bytes"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", "3 bytes"},
        {"", "without an answer"},
        {"HTTP/1.1 200 O", ""},
        {"garbage\r\n\r\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const answers[] = {cases[i].answer, NULL};
        struct fixture f;
        enum fb_status status;
        char peer[32];

        set_up(&f, answers);
        start(&f);
        status = perform(&f);
        snprintf(peer, sizeof peer, "127.0.0.1:%u", f.server.port);
        if (status != FB_UNAVAILABLE || strstr(f.error.message, cases[i].message) == NULL ||
            strstr(f.error.message, peer) == NULL)
            fail_msg("case %zu: %s: %s", i, fb_status_name(status), f.error.message);
        assert_int_equal(f.response.http_status, 0);
        tear_down(&f);
    }
}

static void nobody_at_home_is_unavailable(void **state)
{
    static const char *const answers[] = {NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    use_options(&f, &(struct fb_curl_options){.allow_http = true});
    start(&f);
    f.request.url = "http://127.0.0.1:1/";
    assert_int_equal(perform(&f), FB_UNAVAILABLE);
    assert_non_null(strstr(f.error.message, "127.0.0.1:1"));
    f.request.url = "http://nowhere.invalid/secret?x=y";
    assert_int_equal(perform(&f), FB_UNAVAILABLE);
    assert_non_null(strstr(f.error.message, "nowhere.invalid:80"));
    assert_null(strstr(f.error.message, "secret"));
    f.request.url = "file:///etc/passwd";
    assert_int_equal(perform(&f), FB_INVALID);
    tear_down(&f);
}

static enum fb_status refuse(void *context, const struct fb_http_response *response,
                             const char *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
    assert_int_equal(response->http_status, 200);
    return FB_CONFLICT;
}

static void the_sink_ends_the_exchange_with_its_status(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    start(&f);
    assert_int_equal(
        f.transport->perform(f.transport, &f.request, refuse, NULL, &f.response, &f.error),
        FB_CONFLICT);
    assert_int_equal(f.error.status, FB_CONFLICT);
    tear_down(&f);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void a_silent_server_is_a_stall(void **state)
{
    static const struct {
        const char *answer, *message;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "silent after 4 bytes"},
        {"HTTP/1.1 200 O", "silent after 0 bytes"}, /* not even its first byte in time */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const answers[] = {cases[i].answer, NULL};
        struct fixture f;

        set_up(&f, answers);
        f.server.pause_ms = 3000;
        f.request.stall_timeout_ms = 500;
        start(&f);
        assert_int_equal(perform(&f), FB_UNAVAILABLE);
        assert_non_null(strstr(f.error.message, cases[i].message));
        tear_down(&f);
    }
}

static enum fb_status take_long(void *context, const struct fb_http_response *response,
                                const char *bytes, size_t size)
{
    pause_ms(1500);
    return fb_http_collect(context, response, bytes, size);
}

static void time_inside_the_sink_is_no_stall(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", NULL};
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    f.request.stall_timeout_ms = 300;
    start(&f);
    assert_int_equal(
        f.transport->perform(f.transport, &f.request, take_long, &f.body, &f.response, &f.error),
        FB_OK);
    assert_int_equal(f.body.size, 4);
    tear_down(&f);
}

static void the_whole_time_is_limited_where_it_is_asked(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", NULL};
    int64_t began_ms = now_ms();
    struct fixture f;

    (void)state;
    set_up(&f, answers);
    f.server.pause_ms = 1500;
    f.request.total_timeout_ms = 200;
    start(&f);
    assert_int_equal(perform(&f), FB_UNAVAILABLE);
    assert_true(now_ms() - began_ms < 1400);
    assert_non_null(strstr(f.error.message, "in time"));
    tear_down(&f);
}

static void *stop_soon(void *argument)
{
    pause_ms(200);
    fb_stop_request(argument, FB_STOP_NOW);
    return NULL;
}

static void a_stop_ends_an_exchange_within_a_second(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", NULL};
    struct fb_stop stop;
    struct fixture f;
    pthread_t thread;
    int64_t began_ms;

    (void)state;
    set_up(&f, answers);
    fb_stop_init(&stop, NULL);
    f.server.pause_ms = 4000;
    f.request.stop = &stop;
    f.request.stop_at = FB_STOP_NOW;
    start(&f);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    began_ms = now_ms();
    assert_int_equal(perform(&f), FB_CANCELED);
    assert_true(now_ms() - began_ms < 2000);
    assert_int_equal(perform(&f), FB_CANCELED); /* nothing new begins either */
    pthread_join(thread, NULL);
    tear_down(&f);
}

static void over_long_and_broken_header_lines_are_passed_over(void **state)
{
    static const struct {
        const char *line, *etag;
    } cases[] = {
        {"ETag: \"ok\"\r\n", "\"ok\""},
        {"eTaG:\"ok\"", "\"ok\""},
        {"ETag", ""},
        {": x", ""},
        {"ETag: "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "a",
         ""},
    };
    static char huge[100000] = "ETag: ";
    struct fb_http_response response;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fb_http_header_take(&response, "HTTP/1.1 200 OK", 15);
        fb_http_header_take(&response, cases[i].line, strlen(cases[i].line));
        assert_string_equal(response.etag, cases[i].etag);
    }
    memset(huge + 6, 'x', sizeof huge - 6);
    fb_http_header_take(&response, huge, sizeof huge);
    assert_string_equal(response.etag, "");
    fb_http_header_take(&response, "Content-Length: 99999999999999999999", 36);
    assert_true(response.content_length == UINT64_MAX);
    fb_http_header_take(&response, "HTTP/1.1 20x", 12);
    assert_int_equal(response.http_status, 0);
}

static void a_ca_bundle_that_does_not_exist_denies(void **state)
{
    static const char *const answers[] = {NULL};
    struct fb_transport *transport = NULL;
    struct fixture f;
    char url[64];

    (void)state;
    set_up(&f, answers);
    start(&f);
    assert_int_equal(fb_curl_new(&(struct fb_curl_options){.ca_bundle = "/nonexistent.pem"},
                                 &transport, &f.error),
                     FB_OK);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", f.server.port);
    f.request.url = url;
    assert_int_equal(
        transport->perform(transport, &f.request, fb_http_collect, &f.body, &f.response, &f.error),
        FB_DENIED);
    fb_transport_free(transport);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_is_sent_as_it_stands_and_nothing_is_added),
        cmocka_unit_test(the_head_of_the_answer_is_read),
        cmocka_unit_test(a_redirect_is_an_answer_like_others),
        cmocka_unit_test(bodies_small_and_large_arrive_whole_over_one_connection),
        cmocka_unit_test(a_put_without_a_body_says_so),
        cmocka_unit_test(a_large_body_survives_a_dead_kept_connection),
        cmocka_unit_test(chunks_are_put_together_and_their_trailers_change_nothing),
        cmocka_unit_test(a_head_without_an_end_is_cut_off),
        cmocka_unit_test(an_old_connection_is_replaced_between_requests),
        cmocka_unit_test(plain_http_goes_nowhere_but_near),
        cmocka_unit_test(a_proxy_is_asked_to_connect_and_heard_when_it_does_not),
        cmocka_unit_test(nothing_near_goes_through_a_proxy),
        cmocka_unit_test(what_no_proxy_names_goes_directly),
        cmocka_unit_test(the_environment_is_not_read),
        cmocka_unit_test(a_wrong_proxy_is_refused_and_not_shown),
        cmocka_unit_test(half_an_answer_is_unavailable),
        cmocka_unit_test(nobody_at_home_is_unavailable),
        cmocka_unit_test(the_sink_ends_the_exchange_with_its_status),
        cmocka_unit_test(a_silent_server_is_a_stall),
        cmocka_unit_test(time_inside_the_sink_is_no_stall),
        cmocka_unit_test(the_whole_time_is_limited_where_it_is_asked),
        cmocka_unit_test(a_stop_ends_an_exchange_within_a_second),
        cmocka_unit_test(over_long_and_broken_header_lines_are_passed_over),
        cmocka_unit_test(a_ca_bundle_that_does_not_exist_denies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
