/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side: one nursery for each pair of programs, a worker for each reader. */
#include "jq.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firebridge/base/buffer.h"
#include "firebridge/codec/json_text.h"
#include "jq_wire.h"

/* A record that so many workers were killed over, from outside, is not tried any more. */
#define KILLS_MAX 5

/* A worker stops a batch behind the answer that goes over output_bytes. */
#define ANSWERS_MAX(limits)                                                                        \
    (2 * (limits).output_bytes + FB_JQ_BATCH_MAX * sizeof(struct fb_jq_answer))

struct fb_jq {
    bool filters, transforms;
    pid_t nursery;
    pthread_mutex_t lock; /* of the orders to the nursery and their answers */
    int control;
    char *filter_text, *transform_text;
    unsigned users;
    struct fb_jq *next;
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows, and users */
static struct fb_jq *all;
static bool is_sealed;

struct fb_jq_worker {
    struct fb_jq *jq;
    struct fb_jq_limits limits;
    int socket; /* below 0: there is none */
    pid_t pid;
    uint64_t runs;
    size_t singly; /* so many more texts go alone, as one of them ended a worker */
    struct fb_buffer answers;
    size_t answers_at; /* the next one */
    uint64_t answers_left;
};

/* ---- sockets ---- */

static bool open_pair(int type, int *ret_ours, int *ret_theirs)
{
    const struct timeval look = {.tv_sec = FB_JQ_LOOK_S};
    int ends[2];

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    *ret_ours = ends[0];
    *ret_theirs = ends[1];
    return setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &look, sizeof look) == 0 &&
           setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &look, sizeof look) == 0;
}

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

/* ---- ends ---- */

/* Why what a process was given may be at fault when it ended so; NULL: someone else ended it. */
static const char *fault_of(int32_t wait_status)
{
    if (WIFSIGNALED(wait_status))
        switch (WTERMSIG(wait_status)) {
        case SIGPROF:
            return "the jq program takes too long";
        case SIGSEGV:
        case SIGBUS:
        case SIGABRT:
            return "jq crashes";
        default:
            return NULL;
        }
    return WEXITSTATUS(wait_status) == FB_JQ_EXIT_NO_MEMORY ? "the jq program needs too much memory"
                                                            : "jq ends early";
}

/* ---- the nursery ---- */

/* Nothing of ours may be flushed, or undone at an exit, by a process that ends with _exit. */
static enum fb_status fork_nursery(struct fb_jq *jq, const struct fb_jq_programs *programs,
                                   struct fb_error *error)
{
    int theirs = -1;

    if (!open_pair(SOCK_SEQPACKET, &jq->control, &theirs)) {
        close_end(&theirs);
        return fb_fail(error, FB_UNAVAILABLE, "no socket for a jq program: %s", strerror(errno));
    }
    jq->nursery = fork();
    if (jq->nursery == 0)
        fb_jq_nursery(theirs, programs);
    close_end(&theirs);
    if (jq->nursery > 0)
        return FB_OK;
    return fb_fail(error, FB_UNAVAILABLE, "no process for a jq program: %s", strerror(errno));
}

/* Its number stays its own until it is waited for. */
static int bury_nursery(struct fb_jq *jq)
{
    int wait_status = 0;

    (void)kill(jq->nursery, SIGKILL);
    while (waitpid(jq->nursery, &wait_status, 0) < 0 && errno == EINTR)
        ;
    jq->nursery = 0;
    return wait_status;
}

static enum fb_status explain_silence(struct fb_jq *jq, const struct fb_jq_programs *programs,
                                      struct fb_error *error)
{
    const int wait_status = bury_nursery(jq);
    const char *fault = fault_of(wait_status);

    if (fault == NULL || (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 1))
        return fb_fail(error, FB_UNAVAILABLE, "a process for jq programs cannot be set up");
    return fb_fail(error, FB_INVALID, "%s: %s, to be compiled",
                   programs->transform == NULL ? "filter_jq" : "transform_jq", fault);
}

static enum fb_status await_report(struct fb_jq *jq, const struct fb_jq_programs *programs,
                                   struct fb_error *error)
{
    struct fb_error report;

    if (!fb_jq_receive(jq->control, &report, sizeof report))
        return explain_silence(jq, programs, error);
    if (report.status != FB_OK)
        return fb_fail(error, report.status, "%s", report.message);
    return FB_OK;
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool copy(const char *text, char **ret_text)
{
    return text == NULL || (*ret_text = strdup(text)) != NULL;
}

static struct fb_jq *find(const struct fb_jq_programs *programs)
{
    for (struct fb_jq *jq = all; jq != NULL; jq = jq->next)
        if (is_same(jq->filter_text, programs->filter) &&
            is_same(jq->transform_text, programs->transform))
            return jq;
    return NULL;
}

static void free_jq(struct fb_jq *jq)
{
    close_end(&jq->control);
    if (jq->nursery > 0)
        (void)bury_nursery(jq);
    pthread_mutex_destroy(&jq->lock);
    free(jq->filter_text);
    free(jq->transform_text);
    free(jq);
}

/* NULL, and why: it could not be made. */
static struct fb_jq *make(const struct fb_jq_programs *programs, enum fb_status *ret_status,
                          struct fb_error *error)
{
    struct fb_jq *jq;
    enum fb_status status;

    if (is_sealed) {
        *ret_status =
            fb_fail(error, FB_UNSUPPORTED,
                    "%s: the program is new, and a process for it can only be made before the "
                    "work begins: restart firebridge",
                    programs->transform == NULL ? "filter_jq" : "transform_jq");
        return NULL;
    }
    jq = calloc(1, sizeof *jq);
    if (jq == NULL) {
        *ret_status = fb_fail(error, FB_NO_MEMORY, "no memory for a jq program");
        return NULL;
    }
    jq->filters = programs->filter != NULL;
    jq->transforms = programs->transform != NULL;
    jq->control = -1;
    pthread_mutex_init(&jq->lock, NULL);
    status =
        copy(programs->filter, &jq->filter_text) && copy(programs->transform, &jq->transform_text)
            ? fork_nursery(jq, programs, error)
            : fb_fail(error, FB_NO_MEMORY, "no memory for a jq program");
    if (status == FB_OK)
        status = await_report(jq, programs, error);
    *ret_status = status;
    if (status == FB_OK)
        return jq;
    free_jq(jq);
    return NULL;
}

enum fb_status fb_jq_new(const struct fb_jq_programs *programs, struct fb_jq **ret_jq,
                         struct fb_error *error)
{
    struct fb_jq *jq;
    enum fb_status status = FB_OK;

    pthread_mutex_lock(&all_lock);
    jq = find(programs);
    if (jq == NULL) {
        jq = make(programs, &status, error);
        if (jq != NULL) {
            jq->next = all;
            all = jq;
        }
    }
    if (jq != NULL) {
        jq->users++;
        *ret_jq = jq;
    }
    pthread_mutex_unlock(&all_lock);
    return status;
}

void fb_jq_seal(void)
{
    pthread_mutex_lock(&all_lock);
    is_sealed = true;
    pthread_mutex_unlock(&all_lock);
}

void fb_jq_free(struct fb_jq *jq)
{
    struct fb_jq **at = &all;

    if (jq == NULL)
        return;
    pthread_mutex_lock(&all_lock);
    if (--jq->users == 0) {
        while (*at != jq)
            at = &(*at)->next;
        *at = jq->next;
        free_jq(jq);
    }
    pthread_mutex_unlock(&all_lock);
}

bool fb_jq_filters(const struct fb_jq *jq)
{
    return jq->filters;
}

bool fb_jq_transforms(const struct fb_jq *jq)
{
    return jq->transforms;
}

/* `end` (below 0: none) goes along. False when the nursery is gone. */
static bool give_order(struct fb_jq *jq, const struct fb_jq_order *order, int end,
                       int32_t *ret_value)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } extra = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {(void *)order, sizeof *order};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct fb_jq_told told;
    bool is_good;

    if (end >= 0) {
        memcpy(CMSG_DATA(&extra.head), &end, sizeof end);
        message.msg_control = extra.bytes;
        message.msg_controllen = sizeof extra.bytes;
    }
    pthread_mutex_lock(&jq->lock);
    /* An answer that comes late must not be taken for another's. */
    is_good = sendmsg(jq->control, &message, MSG_NOSIGNAL) == sizeof *order &&
              fb_jq_receive(jq->control, &told, sizeof told);
    if (!is_good)
        close_end(&jq->control);
    pthread_mutex_unlock(&jq->lock);
    if (is_good)
        *ret_value = told.value;
    return is_good;
}

/* ---- a worker's life ---- */

enum fb_status fb_jq_worker_new(struct fb_jq *jq, const struct fb_jq_limits *limits,
                                struct fb_jq_worker **ret_worker)
{
    struct fb_jq_worker *worker = calloc(1, sizeof *worker);

    if (worker == NULL)
        return FB_NO_MEMORY;
    worker->jq = jq;
    worker->limits = *limits;
    worker->socket = -1;
    fb_buffer_init(&worker->answers, ANSWERS_MAX(*limits) + FB_TEXT_SLACK);
    *ret_worker = worker;
    return FB_OK;
}

static enum fb_status nursery_is_gone(struct fb_error *error)
{
    return fb_fail(error, FB_UNAVAILABLE,
                   "the process that jq's programs are run from was ended from outside; start "
                   "firebridge again");
}

static enum fb_status start(struct fb_jq_worker *worker, struct fb_error *error)
{
    const struct fb_jq_order fork_one = {.limits = worker->limits};
    int theirs = -1;
    int32_t pid = 0;
    enum fb_status status = FB_OK;

    if (!open_pair(SOCK_STREAM, &worker->socket, &theirs))
        status = fb_fail(error, FB_UNAVAILABLE, "no socket for jq: %s", strerror(errno));
    else if (!give_order(worker->jq, &fork_one, theirs, &pid))
        status = nursery_is_gone(error);
    else if (pid < 0)
        status = fb_fail(error, FB_UNAVAILABLE, "no process for jq: %s", strerror(-pid));
    close_end(&theirs);
    if (status != FB_OK)
        close_end(&worker->socket);
    worker->pid = pid;
    worker->runs = 0;
    return status;
}

/* If it has not ended yet, it is now. *ret_wait_status: what waitpid says of it. */
static enum fb_status end(struct fb_jq_worker *worker, int32_t *ret_wait_status,
                          struct fb_error *error)
{
    const struct fb_jq_order tell_end = {.ended = worker->pid};

    /* Of one that has ended it does nothing: the nursery keeps its number until we ask. */
    (void)kill(worker->pid, SIGKILL);
    close_end(&worker->socket);
    return give_order(worker->jq, &tell_end, -1, ret_wait_status) ? FB_OK : nursery_is_gone(error);
}

void fb_jq_worker_free(struct fb_jq_worker *worker)
{
    int32_t ignored;

    if (worker == NULL)
        return;
    if (worker->socket >= 0)
        (void)!end(worker, &ignored, NULL);
    fb_buffer_done(&worker->answers);
    free(worker);
}

/* ---- texts ---- */

static bool ask(int socket, const struct fb_jq_text *texts, size_t count)
{
    struct fb_jq_request requests[FB_JQ_BATCH_MAX];
    struct fb_jq_batch batch = {.count = count};
    struct iovec parts[1 + 2 * FB_JQ_BATCH_MAX] = {{&batch, sizeof batch}};

    for (size_t i = 0; i < count; i++) {
        requests[i] = (struct fb_jq_request){texts[i].size, texts[i].transform};
        parts[1 + 2 * i] = (struct iovec){&requests[i], sizeof requests[i]};
        parts[2 + 2 * i] = (struct iovec){(void *)texts[i].json, texts[i].size};
        batch.size += sizeof requests[i] + texts[i].size;
    }
    return fb_jq_send(socket, parts, 1 + 2 * count);
}

/* As many texts, each with a NUL behind it, and nothing else. */
static bool has_texts(const char *at, uint64_t size, uint64_t count)
{
    const char *const end = at + size;

    for (uint64_t i = 0; i < count; i++) {
        at = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
        if (at == NULL)
            return false;
        at++;
    }
    return at == end;
}

/* A worker that a record led astray may say anything. */
static bool is_sound(const struct fb_jq_worker *worker, const struct fb_jq_text *texts,
                     uint64_t count)
{
    const char *at = worker->answers.bytes;
    const char *const end = at + worker->answers.size;
    struct fb_jq_answer answer;

    for (uint64_t i = 0; i < count; i++) {
        const bool transforms = worker->jq->transforms && texts[i].transform;

        if ((size_t)(end - at) < sizeof answer)
            return false;
        memcpy(&answer, at, sizeof answer);
        at += sizeof answer;
        if (answer.size > (size_t)(end - at) || answer.outcome > FB_JQ_FAILS ||
            (answer.outcome == FB_JQ_TAKES && transforms && answer.count == 0) ||
            !has_texts(at, answer.size, answer.outcome == FB_JQ_FAILS ? 1 : answer.count))
            return false;
        at += answer.size;
    }
    return at == end;
}

/* FB_OK; FB_UNAVAILABLE: the worker has ended, is silent, or says what cannot be. */
static enum fb_status exchange(struct fb_jq_worker *worker, const struct fb_jq_text *texts,
                               size_t count)
{
    struct fb_jq_batch given;

    if (!ask(worker->socket, texts, count) ||
        !fb_jq_receive(worker->socket, &given, sizeof given) || given.count == 0 ||
        given.count > count || given.size > ANSWERS_MAX(worker->limits))
        return FB_UNAVAILABLE;
    fb_buffer_reset(&worker->answers);
    if (fb_buffer_reserve(&worker->answers, given.size + FB_TEXT_SLACK) != FB_OK)
        return FB_NO_MEMORY;
    worker->answers.size = given.size;
    if (!fb_jq_receive(worker->socket, worker->answers.bytes, given.size) ||
        !is_sound(worker, texts, given.count))
        return FB_UNAVAILABLE;
    memset(worker->answers.bytes + given.size, 0, FB_TEXT_SLACK);
    worker->answers_at = 0;
    worker->answers_left = given.count;
    worker->runs++;
    return FB_OK;
}

bool fb_jq_worker_next(struct fb_jq_worker *worker, struct fb_jq_result *ret_result)
{
    const char *at = worker->answers.bytes + worker->answers_at;
    struct fb_jq_answer answer;

    if (worker->answers_left == 0)
        return false;
    memcpy(&answer, at, sizeof answer);
    worker->answers_at += sizeof answer + answer.size;
    worker->answers_left--;
    *ret_result = (struct fb_jq_result){.outcome = (enum fb_jq_outcome)answer.outcome,
                                        .text = at + sizeof answer,
                                        .count = answer.count};
    return true;
}

/*
 * A worker that had other records before may be at fault itself, so a fresh one has the record once
 * more; but time is time. *ret_fault: what the record is a dead letter for, or NULL.
 */
static enum fb_status bury(struct fb_jq_worker *worker, const char **ret_fault, unsigned *kills,
                           struct fb_error *error)
{
    const bool was_fresh = worker->runs == 0;
    int32_t wait_status = 0;
    const char *fault;
    enum fb_status status;

    status = end(worker, &wait_status, error);
    if (status != FB_OK)
        return status;
    fault = fault_of(wait_status);
    *ret_fault =
        was_fresh || (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGPROF) ? fault : NULL;
    if (fault == NULL && ++*kills == KILLS_MAX)
        return fb_fail(error, FB_UNAVAILABLE,
                       "%d processes of jq were killed over one record, and not by it; see the "
                       "kernel's log, and start firebridge again",
                       KILLS_MAX);
    return FB_OK;
}

static enum fb_status exchange_living(struct fb_jq_worker *worker, const struct fb_jq_text *texts,
                                      size_t count, struct fb_error *error)
{
    const enum fb_status status = worker->socket < 0 ? start(worker, error) : FB_OK;

    return status == FB_OK ? exchange(worker, texts, count) : status;
}

/* One text, until there is an answer, or a fault. */
static enum fb_status insist(struct fb_jq_worker *worker, const struct fb_jq_text *text,
                             struct fb_jq_result *ret, struct fb_error *error)
{
    const char *fault = NULL;
    unsigned kills = 0;
    enum fb_status status;

    do {
        status = exchange_living(worker, text, 1, error);
        if (status == FB_OK)
            (void)fb_jq_worker_next(worker, ret);
        if (status != FB_UNAVAILABLE || worker->socket < 0)
            return status;
        status = bury(worker, &fault, &kills, error);
    } while (status == FB_OK && fault == NULL);
    if (status == FB_OK)
        *ret = (struct fb_jq_result){.outcome = FB_JQ_FAILS, .text = fault};
    return status;
}

enum fb_status fb_jq_worker_run(struct fb_jq_worker *worker, const struct fb_jq_text *texts,
                                size_t count, struct fb_jq_result *ret_first,
                                struct fb_error *error)
{
    const char *ignored;
    unsigned kills = 0;
    enum fb_status status;

    worker->answers_left = 0;
    if (worker->singly > 0) {
        worker->singly--;
        count = 1;
    }
    if (count > 1) {
        status = exchange_living(worker, texts, count, error);
        if (status == FB_OK)
            (void)fb_jq_worker_next(worker, ret_first);
        if (status != FB_UNAVAILABLE || worker->socket < 0)
            return status;
        /* Which of them it was shows when each is alone. */
        worker->singly = count - 1;
        status = bury(worker, &ignored, &kills, error);
        if (status != FB_OK)
            return status;
    }
    return insist(worker, &texts[0], ret_first, error);
}
