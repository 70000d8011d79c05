/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that jq programs run in: the nursery, and the workers that it forks. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jq_program.h"
#include "jq_wire.h"

#define CONTROL 3 /* descriptors, once what the daemon had open is closed */
#define WORK    4

#define COMPILE_MEMORY_BYTES ((uint64_t)256 << 20)
#define COMPILE_CPU_S        10

/* For each MiB begun of a record, in CPU time, so that a busy machine changes nothing. */
#define RUN_CPU_S_PER_MIB 2
#define RUN_CPU_S_MAX     30

/* ---- bounds ---- */

/* What the process has of address space. 0: not known. */
static uint64_t size_now(void)
{
    const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[128] = "";

    if (file < 0)
        return 0;
    if (read(file, text, sizeof text - 1) < 0)
        text[0] = '\0';
    close(file);
    return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool limit(int resource, uint64_t soft, uint64_t hard)
{
    const struct rlimit bounds = {soft, hard};

    return setrlimit(resource, &bounds) == 0;
}

/* The process is ended (SIGPROF) once it has used so much more. */
static bool limit_cpu(unsigned seconds)
{
    const struct itimerval timer = {.it_value.tv_sec = seconds};

    return setitimer(ITIMER_PROF, &timer, NULL) == 0;
}

/* Where memory runs out, the kernel shall rather end this than the daemon. */
static void volunteer(void)
{
    const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (file < 0)
        return;
    (void)!write(file, "1000", 4);
    close(file);
}

/* Nothing of the daemon stays: descriptors, environment, signals. A stop is the daemon's business,
 * who may still need us, and ends us by closing the socket. */
static bool leave_daemon(int control)
{
    static char *no_environment[] = {NULL}; /* clearenv leaves a NULL, which jq looks behind */
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    if (null < 0)
        return false;
    for (int i = 0; i < CONTROL; i++)
        if (dup2(null, i) < 0)
            return false;
    if (control != CONTROL && dup2(control, CONTROL) < 0)
        return false;
    if (close_range(CONTROL + 1, ~0U, 0) != 0)
        return false;
    (void)prctl(PR_SET_NAME, "firebridge-jq");
    environ = no_environment;
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* ---- a worker ---- */

static unsigned cpu_s(uint64_t size)
{
    const uint64_t seconds = (size / (1 << 20) + 1) * RUN_CPU_S_PER_MIB;

    return seconds < RUN_CPU_S_MAX ? (unsigned)seconds : RUN_CPU_S_MAX;
}

struct worker {
    struct fb_jq_pair *pair;
    struct fb_jq_limits limits;
    struct fb_buffer requests, answers;
};

/* The answer's head is written once the outputs behind it are there. Returns its request's end. */
static const char *answer_one(struct worker *worker, const char *at)
{
    const size_t head = worker->answers.size;
    struct fb_jq_answer answer = {0};
    struct fb_jq_request request;

    memcpy(&request, at, sizeof request);
    at += sizeof request;
    if (!limit_cpu(cpu_s(request.size)))
        _exit(1);
    if (fb_buffer_append(&worker->answers, &answer, sizeof answer) != FB_OK)
        _exit(FB_JQ_EXIT_NO_MEMORY);
    answer.outcome = fb_jq_pair_run(worker->pair, at, request.size, request.transform != 0,
                                    worker->limits.output_bytes, &worker->answers, &answer.count);
    answer.size = worker->answers.size - head - sizeof answer;
    memcpy(worker->answers.bytes + head, &answer, sizeof answer);
    return at + request.size;
}

static bool serve(struct worker *worker)
{
    struct fb_jq_batch asked, given = {0};
    struct iovec parts[2] = {{&given, sizeof given}};
    const char *at;

    if (!fb_jq_receive(WORK, &asked, sizeof asked))
        return false;
    fb_buffer_reset(&worker->requests);
    fb_buffer_reset(&worker->answers);
    if (fb_buffer_reserve(&worker->requests, asked.size) != FB_OK)
        _exit(FB_JQ_EXIT_NO_MEMORY);
    if (!fb_jq_receive(WORK, worker->requests.bytes, asked.size))
        return false;
    at = worker->requests.bytes;
    while (given.count < asked.count && worker->answers.size < worker->limits.output_bytes) {
        at = answer_one(worker, at);
        given.count++;
    }
    given.size = worker->answers.size;
    parts[1] = (struct iovec){worker->answers.bytes, worker->answers.size};
    return fb_jq_send(WORK, parts, 2);
}

static void work(struct fb_jq_pair *pair, const struct fb_jq_limits *limits)
    __attribute__((noreturn));

static void work(struct fb_jq_pair *pair, const struct fb_jq_limits *limits)
{
    const uint64_t size = size_now();
    struct worker worker = {.pair = pair, .limits = *limits};

    close(CONTROL);
    volunteer();
    fb_buffer_init(&worker.requests, SIZE_MAX);
    fb_buffer_init(&worker.answers, SIZE_MAX);
    if (size == 0 || !limit(RLIMIT_AS, size + limits->memory_bytes, size + limits->memory_bytes) ||
        !limit(RLIMIT_FSIZE, 0, 0) || !limit(RLIMIT_NOFILE, 0, 0))
        _exit(1);
    while (serve(&worker))
        ;
    _exit(0);
}

/* ---- the nursery ---- */

static void tell(int32_t value)
{
    const struct fb_jq_told told = {value};

    if (send(CONTROL, &told, sizeof told, MSG_NOSIGNAL) != sizeof told)
        _exit(1);
}

/* False when the daemon is gone. The worker's socket is WORK, as that is the next that is free. */
static bool take_order(struct fb_jq_order *order)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } extra;
    struct iovec part = {order, sizeof *order};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = extra.bytes,
                             .msg_controllen = sizeof extra.bytes};
    ssize_t size;

    do
        size = recvmsg(CONTROL, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    return size == sizeof *order;
}

static void fork_worker(struct fb_jq_pair *pair, const struct fb_jq_limits *limits)
{
    const pid_t pid = fork();

    if (pid == 0)
        work(pair, limits);
    close(WORK);
    tell(pid > 0 ? pid : -errno);
}

static void tell_end(pid_t pid)
{
    int status = 0;
    pid_t ended;

    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    tell(ended == pid ? status : -errno);
}

/* Within bounds, and without a file that it could read: `import` and `include` find nothing. */
static struct fb_jq_pair *compile(const struct fb_jq_programs *programs)
{
    const uint64_t size = size_now();
    struct fb_jq_pair *pair = NULL;
    struct fb_error error = {0};
    struct rlimit files, memory;
    enum fb_status status = FB_UNAVAILABLE;

    if (size == 0 || getrlimit(RLIMIT_NOFILE, &files) != 0 || getrlimit(RLIMIT_AS, &memory) != 0 ||
        !limit(RLIMIT_AS, size + COMPILE_MEMORY_BYTES, memory.rlim_max) ||
        !limit(RLIMIT_NOFILE, 0, files.rlim_max) || !limit_cpu(COMPILE_CPU_S))
        fb_fail(&error, status, "jq's process cannot be bounded: %s", strerror(errno));
    else
        status = fb_jq_pair_compile(programs, &pair, &error);
    if (status == FB_OK && (!limit_cpu(0) || !limit(RLIMIT_NOFILE, files.rlim_cur, files.rlim_max)))
        status = fb_fail(&error, FB_UNAVAILABLE, "jq's process cannot go on: %s", strerror(errno));
    if (send(CONTROL, &error, sizeof error, MSG_NOSIGNAL) != sizeof error)
        _exit(1);
    return status == FB_OK ? pair : NULL;
}

void fb_jq_nursery(int control, const struct fb_jq_programs *programs)
{
    struct fb_jq_order order;
    struct fb_jq_pair *pair;

    if (!leave_daemon(control))
        _exit(1);
    pair = compile(programs);
    while (pair != NULL && take_order(&order)) {
        if (order.ended == 0)
            fork_worker(pair, &order.limits);
        else
            tell_end(order.ended);
    }
    _exit(0);
}
