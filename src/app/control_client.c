/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "control_socket.h"
#include "firebridge/app/control.h"
#include "firebridge/base/buffer.h"
#include "firebridge/base/clock.h"

/* The daemon's main thread answers between its looks; a state file on a slow disk may hold it. */
#define ANSWER_TIMEOUT_MS 30000

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

/* What recv says; EAGAIN when the time is over. */
static ssize_t receive(int fd, struct fb_buffer *answer, int64_t until_ms)
{
    const int64_t left_ms = until_ms - fb_monotonic_ms(fb_clock_system());
    struct pollfd readable = {.fd = fd, .events = POLLIN};

    if (left_ms > 0 && poll(&readable, 1, (int)left_ms) < 0)
        return -1;
    if (left_ms <= 0 || readable.revents == 0) {
        errno = EAGAIN;
        return -1;
    }
    return recv(fd, answer->bytes + answer->size, answer->capacity - answer->size, MSG_DONTWAIT);
}

/* Who sends a byte now and then has no more time than others. */
static enum fb_status read_answer(int fd, struct fb_buffer *answer, struct fb_error *error)
{
    const int64_t until_ms = fb_monotonic_ms(fb_clock_system()) + ANSWER_TIMEOUT_MS;

    for (;;) {
        ssize_t got;
        enum fb_status status = fb_buffer_reserve(answer, 4096);

        if (status != FB_OK)
            return fb_fail(error, status, "the daemon's answer is too long");
        got = receive(fd, answer, until_ms);
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

/* A refusal's; one that is called "ok" is none. */
static enum fb_status status_of(const char *name)
{
    for (int status = FB_OK + 1; status <= FB_END; status++)
        if (strcmp(fb_status_name((enum fb_status)status), name) == 0)
            return (enum fb_status)status;
    return FB_INVALID;
}

static bool is_text(const json_t *value)
{
    return json_is_string(value);
}

static bool is_number(const json_t *value)
{
    return json_is_integer(value);
}

static bool is_flag(const json_t *value)
{
    return json_is_boolean(value);
}

static bool is_list_of_texts(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return json_is_array(value);
}

static bool is_list_of_reports(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *report = json_array_get(value, i);

        if (!json_is_string(json_object_get(report, "stream")) ||
            !json_is_string(json_object_get(report, "state")))
            return false;
    }
    return json_is_array(value);
}

/* Whoever made the socket may be no daemon at all: what an answer has without fail. */
static const struct need {
    const char *verb, *member;
    bool (*is_met)(const json_t *value);
} needs[] = {
    {"status", "streams", is_list_of_reports},
    {"status", "reloading", is_flag},
    {"pause", "streams", is_list_of_texts},
    {"resume", "streams", is_list_of_texts},
    {"drain", "streams", is_list_of_texts},
    {"reload", "number", is_number},
    {"log-level", "was", is_text},
};

static enum fb_status check_answer(const json_t *request, const json_t *answer,
                                   struct fb_error *error)
{
    const char *verb = json_string_value(json_object_get(request, "verb"));

    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (strcmp(needs[i].verb, verb) == 0 &&
            !needs[i].is_met(json_object_get(answer, needs[i].member)))
            return fb_fail(error, FB_INVALID,
                           "the answer to %s has no good \"%s\": is it firebridge that listens at "
                           "the control socket?",
                           verb, needs[i].member);
    return FB_OK;
}

static enum fb_status judge(const json_t *request, const json_t *answer, struct fb_error *error)
{
    const char *message = json_string_value(json_object_get(answer, "error"));
    const char *name = json_string_value(json_object_get(answer, "status"));

    if (json_is_true(json_object_get(answer, "ok")))
        return check_answer(request, answer, error);
    return fb_fail(error, name != NULL ? status_of(name) : FB_UNAVAILABLE, "%s",
                   message != NULL ? message : "the daemon closed the connection");
}

static enum fb_status converse(int fd, const json_t *request, json_t **ret_answer,
                               struct fb_error *error)
{
    const struct timeval patience = {.tv_sec = ANSWER_TIMEOUT_MS / 1000};
    struct fb_buffer text;
    json_t *answer = NULL;
    enum fb_status status;

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    fb_buffer_init(&text, FB_CONTROL_ANSWER_MAX_BYTES);
    status = send_request(fd, request, error);
    if (status == FB_OK)
        status = read_answer(fd, &text, error);
    if (status == FB_OK) {
        answer = json_loadb(text.bytes, text.size, 0, NULL);
        status = judge(request, answer, error);
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
