/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_socket.h"
#include "firebridge/base/buffer.h"
#include "firebridge/base/clock.h"
#include "firebridge/base/heartbeat.h"
#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"

enum stage {
    STAGE_FREE,
    STAGE_READING, /* the request is not whole */
    STAGE_ASKED,   /* fb_control_serve has it to answer */
    STAGE_WRITING, /* the answer is not gone */
};

struct connection {
    enum stage stage; /* from ASKED on, and back, with the lock */
    int socket;
    int64_t deadline_ms; /* of reading or writing */
    size_t size;         /* of the request, as far as it came */
    char request[FB_CONTROL_REQUEST_MAX_BYTES];
    json_t *asked;
    char *answer;
    size_t answer_size, written;
};

struct fb_control {
    struct fb_control_options options;
    char *directory, *link_directory;
    struct fb_control_file socket_file, link_file;
    pthread_t thread;
    int listener;
    int waker; /* an answer is there, or the end */
    bool ending;
    pthread_mutex_t lock; /* guards stage, asked and answer of connections, and ending */
    struct connection connections[FB_CONTROL_CONNECTIONS];
};

static int64_t now_ms(void)
{
    return fb_monotonic_ms(fb_clock_system());
}

static void wake(struct fb_control *control)
{
    const uint64_t one = 1;

    (void)!write(control->waker, &one, sizeof one);
}

static void close_connection(struct connection *connection)
{
    close(connection->socket);
    json_decref(connection->asked);
    free(connection->answer);
    connection->asked = NULL;
    connection->answer = NULL;
    connection->answer_size = connection->written = connection->size = 0;
    connection->stage = STAGE_FREE;
}

/* ---- answers ---- */

static json_t *refusal(const struct fb_error *error)
{
    json_t *text = json_string(error->message);

    /* A message may quote what is no text. */
    return json_pack("{s:b, s:s, s:o}", "ok", 0, "status", fb_status_name(error->status), "error",
                     text != NULL ? text : json_string("(not to be printed)"));
}

/* Takes over `answer`. NULL, which is no memory, makes the connection close without an answer. */
static void write_answer(struct connection *connection, json_t *answer)
{
    char *text = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;

    json_decref(answer);
    connection->answer = text;
    if (text != NULL) {
        connection->answer_size = strlen(text) + 1;
        text[connection->answer_size - 1] = '\n';
    }
    connection->deadline_ms = now_ms() + FB_CONTROL_TIMEOUT_MS;
    connection->stage = STAGE_WRITING;
}

static void refuse(struct connection *connection, const char *why)
{
    struct fb_error error;

    fb_fail(&error, FB_INVALID, "%s", why);
    write_answer(connection, refusal(&error));
}

static const struct fb_control_verb *find_verb(const struct fb_control *control, const char *name)
{
    for (const struct fb_control_verb *verb = control->options.verbs; verb->name != NULL; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

static json_t *answer_to(struct fb_control *control, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "verb"));
    const struct fb_control_verb *verb = find_verb(control, name);
    json_t *answer = json_pack("{s:b}", "ok", 1);
    struct fb_error error = {0};
    enum fb_status status;

    if (answer == NULL)
        return NULL;
    if (verb == NULL)
        status =
            fb_fail(&error, FB_UNSUPPORTED,
                    "the daemon that runs is of another version: it does not know \"%.40s\"", name);
    else
        status = verb->handle(control->options.context, request, answer, &error);
    if (status == FB_OK)
        return answer;
    error.status = status;
    json_decref(answer);
    return refusal(&error);
}

void fb_control_serve(struct fb_control *control)
{
    bool has_answered = false;

    for (size_t i = 0; i < FB_CONTROL_CONNECTIONS; i++) {
        struct connection *connection = &control->connections[i];
        json_t *request = NULL;
        json_t *answer;

        pthread_mutex_lock(&control->lock);
        if (connection->stage == STAGE_ASKED)
            request = connection->asked;
        pthread_mutex_unlock(&control->lock);
        if (request == NULL)
            continue;
        answer = answer_to(control, request);
        pthread_mutex_lock(&control->lock);
        write_answer(connection, answer);
        pthread_mutex_unlock(&control->lock);
        has_answered = true;
    }
    if (has_answered)
        wake(control);
}

/* ---- the thread ---- */

static void take_request(struct fb_control *control, struct connection *connection, size_t size)
{
    json_error_t fault;
    json_t *request = json_loadb(connection->request, size, JSON_REJECT_DUPLICATES, &fault);

    if (!json_is_string(json_object_get(request, "verb"))) {
        json_decref(request);
        refuse(connection, "expected a JSON object with a \"verb\"");
        return;
    }
    connection->asked = request;
    connection->stage = STAGE_ASKED;
    control->options.on_request(control->options.context);
}

/* With the lock, as are the others that a connection is given to. */
static void read_request(struct fb_control *control, struct connection *connection)
{
    const size_t room = sizeof connection->request - connection->size;
    const ssize_t got =
        recv(connection->socket, connection->request + connection->size, room, MSG_DONTWAIT);
    const char *end;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        close_connection(connection);
        return;
    }
    connection->size += (size_t)got;
    end = memchr(connection->request, '\n', connection->size);
    if (end != NULL)
        take_request(control, connection, (size_t)(end - connection->request));
    else if (connection->size == sizeof connection->request)
        refuse(connection, "the request is too long");
}

static void send_answer(struct connection *connection)
{
    const size_t left = connection->answer_size - connection->written;
    const ssize_t sent = left == 0
                             ? 0
                             : send(connection->socket, connection->answer + connection->written,
                                    left, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0 || (size_t)sent == left) {
        close_connection(connection);
        return;
    }
    connection->written += (size_t)sent;
}

static void accept_one(struct fb_control *control)
{
    const int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    for (size_t i = 0; fd >= 0 && i < FB_CONTROL_CONNECTIONS; i++) {
        struct connection *connection = &control->connections[i];

        if (connection->stage != STAGE_FREE)
            continue;
        connection->socket = fd;
        connection->stage = STAGE_READING;
        connection->deadline_ms = now_ms() + FB_CONTROL_TIMEOUT_MS;
        return;
    }
    if (fd >= 0)
        close(fd);
}

struct look {
    struct pollfd polls[2 + FB_CONTROL_CONNECTIONS];
    struct connection *of[2 + FB_CONTROL_CONNECTIONS];
    nfds_t count;
    int64_t until_ms;
};

/* The waker first, then the listener where there is room for another, then who has to move. */
static void prepare(struct fb_control *control, struct look *look)
{
    size_t taken = 0;

    *look = (struct look){.until_ms = INT64_MAX};
    look->polls[look->count++] = (struct pollfd){.fd = control->waker, .events = POLLIN};
    look->polls[look->count++] = (struct pollfd){.fd = control->listener, .events = POLLIN};
    for (size_t i = 0; i < FB_CONTROL_CONNECTIONS; i++) {
        struct connection *connection = &control->connections[i];

        taken += connection->stage != STAGE_FREE;
        if (connection->stage != STAGE_READING && connection->stage != STAGE_WRITING)
            continue;
        look->polls[look->count] = (struct pollfd){
            .fd = connection->socket,
            .events = connection->stage == STAGE_READING ? POLLIN : POLLOUT,
        };
        look->of[look->count++] = connection;
        if (connection->deadline_ms < look->until_ms)
            look->until_ms = connection->deadline_ms;
    }
    if (taken == FB_CONTROL_CONNECTIONS)
        look->polls[1].fd = -1;
}

static void wait_for(struct look *look)
{
    int64_t wait_ms = look->until_ms - now_ms();

    if (wait_ms > FB_HEARTBEAT_MS)
        wait_ms = FB_HEARTBEAT_MS;
    fb_heartbeat();
    if (poll(look->polls, look->count, wait_ms > 0 ? (int)wait_ms : 0) < 0)
        for (nfds_t i = 0; i < look->count; i++)
            look->polls[i].revents = 0;
}

/* Who sends a byte now and then has no more time than others. */
static void move(struct fb_control *control, struct connection *connection, bool is_ready)
{
    if (connection->deadline_ms <= now_ms())
        close_connection(connection);
    else if (is_ready && connection->stage == STAGE_READING)
        read_request(control, connection);
    else if (is_ready && connection->stage == STAGE_WRITING)
        send_answer(connection);
}

static void *run(void *argument)
{
    struct fb_control *control = argument;
    bool ending = false;

    while (!ending) {
        struct look look;
        uint64_t ignored;

        pthread_mutex_lock(&control->lock);
        prepare(control, &look);
        pthread_mutex_unlock(&control->lock);
        wait_for(&look);
        if (look.polls[0].revents != 0)
            (void)!read(control->waker, &ignored, sizeof ignored);
        pthread_mutex_lock(&control->lock);
        for (nfds_t i = 2; i < look.count; i++)
            move(control, look.of[i], look.polls[i].revents != 0);
        if (look.polls[1].revents != 0)
            accept_one(control);
        ending = control->ending;
        pthread_mutex_unlock(&control->lock);
    }
    return NULL;
}

/* ---- the module ---- */

static void free_parts(struct fb_control *control)
{
    for (size_t i = 0; i < FB_CONTROL_CONNECTIONS; i++)
        if (control->connections[i].stage != STAGE_FREE)
            close_connection(&control->connections[i]);
    if (control->listener >= 0)
        close(control->listener);
    if (control->waker >= 0)
        close(control->waker);
    pthread_mutex_destroy(&control->lock);
    free(control->directory);
    free(control->link_directory);
    free(control);
}

static void remove_names(const struct fb_control *control)
{
    fb_control_socket_remove(control->directory, &control->socket_file);
    if (strcmp(control->link_directory, control->directory) != 0)
        fb_control_socket_remove(control->link_directory, &control->link_file);
}

static enum fb_status make_socket(struct fb_control *control, struct fb_error *error)
{
    enum fb_status status;

    if (control->directory == NULL || control->link_directory == NULL || control->waker < 0)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    status = fb_control_socket_listen(control->directory, &control->listener, &control->socket_file,
                                      error);
    if (status == FB_OK && strcmp(control->link_directory, control->directory) != 0) {
        status = fb_control_socket_link(control->link_directory, control->directory,
                                        &control->link_file, error);
        if (status != FB_OK)
            fb_control_socket_remove(control->directory, &control->socket_file);
    }
    return status;
}

enum fb_status fb_control_start(const struct fb_control_options *options,
                                struct fb_control **ret_control, struct fb_error *error)
{
    struct fb_control *control = calloc(1, sizeof *control);
    enum fb_status status;

    if (control == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    control->options = *options;
    control->directory = strdup(options->directory);
    control->link_directory = strdup(options->link_directory);
    control->listener = -1;
    control->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&control->lock, NULL);
    status = make_socket(control, error);
    if (status == FB_OK) {
        status = fb_thread_start(&control->thread, "control", run, control, error);
        if (status != FB_OK)
            remove_names(control);
    }
    if (status == FB_OK)
        *ret_control = control;
    else
        free_parts(control);
    return status;
}

void fb_control_free(struct fb_control *control)
{
    if (control == NULL)
        return;
    remove_names(control);
    pthread_mutex_lock(&control->lock);
    control->ending = true;
    pthread_mutex_unlock(&control->lock);
    wake(control);
    fb_thread_join(control->thread);
    free_parts(control);
}
