/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "control_socket.h"
#include "firebridge/app/control.h"
#include "firebridge/base/buffer.h"

/* The daemon's main thread answers between its looks; a state file on a slow disk may hold it. */
#define ANSWER_TIMEOUT_S 30

static enum fb_status send_request(int fd, const json_t *request, struct fb_error *error)
{
    char *text = json_dumps(request, JSON_COMPACT);
    size_t size = text != NULL ? strlen(text) : 0;
    size_t sent = 0;

    if (text == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    text[size++] = '\n'; /* in place of the NUL */
    while (sent < size) {
        ssize_t more = send(fd, text + sent, size - sent, MSG_NOSIGNAL);

        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            break;
        sent += (size_t)more;
    }
    free(text);
    return sent == size
               ? FB_OK
               : fb_fail(error, FB_UNAVAILABLE, "the daemon does not listen: %s", strerror(errno));
}

static enum fb_status read_answer(int fd, struct fb_buffer *answer, struct fb_error *error)
{
    for (;;) {
        ssize_t got;
        enum fb_status status = fb_buffer_reserve(answer, 4096);

        if (status != FB_OK)
            return fb_fail(error, status, "the daemon's answer is too long");
        got = recv(fd, answer->bytes + answer->size, answer->capacity - answer->size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fb_fail(error, FB_UNAVAILABLE, "the daemon does not answer: %s",
                           errno == EAGAIN ? "its main thread is busy" : strerror(errno));
        if (got == 0)
            return FB_OK;
        answer->size += (size_t)got;
    }
}

static enum fb_status status_of(const char *name)
{
    for (int status = FB_OK; status <= FB_END; status++)
        if (strcmp(fb_status_name((enum fb_status)status), name) == 0)
            return (enum fb_status)status;
    return FB_INVALID;
}

static enum fb_status judge(json_t *answer, struct fb_error *error)
{
    const char *message = json_string_value(json_object_get(answer, "error"));
    const char *name = json_string_value(json_object_get(answer, "status"));

    if (json_is_true(json_object_get(answer, "ok")))
        return FB_OK;
    return fb_fail(error, name != NULL ? status_of(name) : FB_UNAVAILABLE, "%s",
                   message != NULL ? message : "the daemon closed the connection");
}

static enum fb_status converse(int fd, const json_t *request, json_t **ret_answer,
                               struct fb_error *error)
{
    const struct timeval patience = {.tv_sec = ANSWER_TIMEOUT_S};
    struct fb_buffer text;
    json_t *answer = NULL;
    enum fb_status status;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    fb_buffer_init(&text, FB_CONTROL_ANSWER_MAX_BYTES);
    status = send_request(fd, request, error);
    if (status == FB_OK)
        status = read_answer(fd, &text, error);
    if (status == FB_OK) {
        answer = json_loadb(text.bytes, text.size, 0, NULL);
        status = judge(answer, error);
    }
    fb_buffer_done(&text);
    if (status == FB_OK)
        *ret_answer = answer;
    else
        json_decref(answer);
    return status;
}

enum fb_status fb_control_ask(const char *directory, const json_t *request, json_t **ret_answer,
                              struct fb_error *error)
{
    int fd = -1;
    enum fb_status status = fb_control_socket_connect(directory, &fd, error);

    if (status != FB_OK)
        return status;
    status = converse(fd, request, ret_answer, error);
    close(fd);
    return status;
}
