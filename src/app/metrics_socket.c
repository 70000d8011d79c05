/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/metrics_socket.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firebridge/base/heartbeat.h"

#define PATIENCE_MS 1000

void fb_metrics_socket_init(struct fb_metrics_socket *out, const struct fb_metrics_address *address)
{
    out->address = *address;
    out->fd = -1;
}

void fb_metrics_socket_done(struct fb_metrics_socket *out)
{
    if (out->fd >= 0)
        close(out->fd);
    out->fd = -1;
}

static enum fb_status fail(struct fb_metrics_socket *out, const char *what, int number,
                           struct fb_error *error)
{
    const char *scheme = out->address.is_tcp ? "tcp" : "udp";

    fb_metrics_socket_done(out);
    return fb_fail(error, FB_UNAVAILABLE, "%s %s://%s:%s: %s", what, scheme, out->address.host,
                   out->address.port, strerror(number));
}

/* 0, or an errno. */
static int wait_for(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof(int);
    int number = 0;

    if (poll(&poll_fd, 1, PATIENCE_MS) <= 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : errno;
}

/* 0 with an open socket, or an errno. */
static int connect_to(struct fb_metrics_socket *out, const struct addrinfo *at)
{
    const int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int number = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, at->ai_addr, at->ai_addrlen) != 0)
        number = errno == EINPROGRESS ? wait_for(fd) : errno;
    if (number == 0)
        out->fd = fd;
    else
        close(fd);
    return number;
}

/* The resolver tries dead servers one after another, for longer than a thread may be silent. */
static int find_address(const struct fb_metrics_address *address, bool in_haste,
                        struct addrinfo **ret_list)
{
    const struct addrinfo hints = {.ai_socktype = address->is_tcp ? SOCK_STREAM : SOCK_DGRAM,
                                   .ai_flags = in_haste ? AI_NUMERICHOST : 0};
    int result;

    fb_heartbeat_rest(true);
    result = getaddrinfo(address->host, address->port, &hints, ret_list);
    fb_heartbeat_rest(false);
    return result;
}

static enum fb_status open_socket(struct fb_metrics_socket *out, struct fb_error *error)
{
    struct addrinfo *list = NULL;
    int number = EHOSTUNREACH;
    const int result = find_address(&out->address, out->in_haste, &list);

    if (result != 0)
        return fb_fail(error, FB_UNAVAILABLE, "no address of %s: %s", out->address.host,
                       gai_strerror(result));
    for (const struct addrinfo *at = list; at != NULL && out->fd < 0; at = at->ai_next)
        number = connect_to(out, at);
    freeaddrinfo(list);
    return out->fd >= 0 ? FB_OK : fail(out, "cannot connect to", number, error);
}

static enum fb_status send_all(struct fb_metrics_socket *out, const char *text, size_t size,
                               struct fb_error *error)
{
    while (size > 0) {
        const ssize_t sent = send(out->fd, text, size, MSG_NOSIGNAL);
        int number = errno;

        if (sent >= 0) {
            text += sent;
            size -= (size_t)sent;
            continue;
        }
        if (number == EAGAIN)
            number = wait_for(out->fd);
        if (number != 0 && number != EINTR)
            return fail(out, "cannot send to", number, error);
    }
    return FB_OK;
}

/* Whose other end was closed meanwhile says so only when it is read, and what is sent is lost. */
static void drop_if_closed(struct fb_metrics_socket *out)
{
    char byte;
    ssize_t got;

    if (out->fd < 0)
        return;
    got = recv(out->fd, &byte, 1, MSG_DONTWAIT);
    if (got < 0 ? errno != EAGAIN : out->address.is_tcp && got == 0)
        fb_metrics_socket_done(out);
}

/* Of a datagram for which nobody listens a machine nearby, and this one at once, sends word back.
 */
static enum fb_status check_refused(struct fb_metrics_socket *out, struct fb_error *error)
{
    char byte;

    if (out->address.is_tcp || recv(out->fd, &byte, 1, MSG_DONTWAIT) >= 0 || errno == EAGAIN)
        return FB_OK;
    return fail(out, "cannot send to", errno, error);
}

/* The longest run of whole lines that is not over `most`, or the first line. */
static size_t next_piece(const char *text, size_t size, size_t most)
{
    size_t piece = 0;

    while (piece < size) {
        const char *end = memchr(text + piece, '\n', size - piece);
        const size_t with = end == NULL ? size : (size_t)(end - text) + 1;

        if (piece > 0 && with > most)
            break;
        piece = with;
    }
    return piece;
}

enum fb_status fb_metrics_socket_send(struct fb_metrics_socket *out, const char *text, size_t size,
                                      size_t most_bytes, struct fb_error *error)
{
    enum fb_status status = FB_OK;

    drop_if_closed(out);
    if (out->fd < 0)
        status = open_socket(out, error);
    while (status == FB_OK && size > 0) {
        const size_t piece = out->address.is_tcp ? size : next_piece(text, size, most_bytes);

        status = send_all(out, text, piece, error);
        text += piece;
        size -= piece;
    }
    return status == FB_OK ? check_refused(out, error) : status;
}
