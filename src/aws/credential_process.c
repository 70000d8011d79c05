/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/credential_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firebridge/aws/credentials_json.h"
#include "firebridge/base/heartbeat.h"
#include "firebridge/base/secret.h"

#define OUTPUT_MAX_BYTES   ((size_t)64 * 1024)
#define DEFAULT_TIMEOUT_MS 30000
#define LOOK_MS            50 /* how soon a stop, or the program's end, is seen */

/* What a shell would act upon; within quotes, or behind a backslash, it is text. */
#define SHELL_ONLY "$`|&;<>()*?~"

/* One word at *at, which moves behind it; the word is written over the command, never ahead of it.
 */
static enum fb_status take_word(char **at, struct fb_error *error)
{
    char *from = *at, *to = *at;
    char quote = '\0';

    for (; *from != '\0' && (quote != '\0' || strchr(" \t\n", *from) == NULL); from++) {
        if (*from == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*from == '"' || *from == '\'')) {
            quote = *from;
        } else if (*from == '\\' && quote != '\'' && from[1] != '\0' &&
                   strchr("\\\"' ", from[1]) != NULL) {
            *to++ = *++from;
        } else if (quote == '\0' && strchr(SHELL_ONLY, *from) != NULL) {
            return fb_fail(error, FB_INVALID,
                           "credential_process has %c, which only a shell understands, and there "
                           "is none: put the command into a script, or quote it",
                           *from);
        } else {
            *to++ = *from;
        }
    }
    if (quote != '\0')
        return fb_fail(error, FB_INVALID, "credential_process has a %c that is not closed", quote);
    *at = *from == '\0' ? from : from + 1;
    *to = '\0';
    return FB_OK;
}

enum fb_status fb_process_split(char *command, char *ret_words[FB_PROCESS_WORDS_MAX + 1],
                                struct fb_error *error)
{
    char *words[FB_PROCESS_WORDS_MAX + 1] = {NULL};
    size_t count = 0;

    for (;;) {
        char *word;
        enum fb_status status;

        command += strspn(command, " \t\n");
        if (*command == '\0')
            break;
        if (count == FB_PROCESS_WORDS_MAX)
            return fb_fail(error, FB_INVALID, "credential_process has more than %d words",
                           FB_PROCESS_WORDS_MAX);
        word = command;
        status = take_word(&command, error);
        if (status != FB_OK)
            return status;
        words[count++] = word;
    }
    if (count == 0 || words[0][0] == '\0') {
        fb_fail(error, FB_INVALID, "credential_process names no program");
        return FB_INVALID;
    }
    memcpy(ret_words, words, sizeof words);
    return FB_OK;
}

struct child {
    pid_t pid;
    int output;
    int64_t deadline_ms; /* monotonic */
    struct fb_stop *stop;
    const char *program;
};

/* Nothing of ours goes over but the environment: not even which signals we block. */
static int spawn(char *const words[], char *const environment[], int output, pid_t *ret_pid)
{
    static char *const nothing[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int result;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    result = posix_spawnp(ret_pid, words[0], &actions, &attributes, words,
                          environment == NULL ? nothing : environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return result;
}

static enum fb_status start(const struct fb_chain_options *options, char *const words[],
                            struct child *child, struct fb_error *error)
{
    int64_t timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    int ends[2], result;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return fb_fail(error, FB_UNAVAILABLE, "no pipe for credential_process: %s",
                       strerror(errno));
    *child = (struct child){.output = ends[0],
                            .deadline_ms = fb_monotonic_ms(fb_clock_system()) + timeout_ms,
                            .stop = options->stop,
                            .program = words[0]};
    result = spawn(words, options->environment, ends[1], &child->pid);
    close(ends[1]);
    if (result == 0)
        return FB_OK;
    close(ends[0]);
    return fb_fail(error, FB_UNAVAILABLE, "credential_process %.200s cannot be run: %s", words[0],
                   strerror(result));
}

/* The time that is left, in looks; FB_OK while there is any. */
static enum fb_status check_time(const struct child *child, struct fb_error *error)
{
    fb_heartbeat();
    if (child->stop != NULL && fb_stop_level(child->stop) >= FB_STOP_NOW)
        return fb_fail(error, FB_CANCELED, "stopped");
    if (fb_monotonic_ms(fb_clock_system()) < child->deadline_ms)
        return FB_OK;
    return fb_fail(error, FB_UNAVAILABLE, "credential_process %.200s takes too long",
                   child->program);
}

static enum fb_status read_output(const struct child *child, struct fb_buffer *output,
                                  struct fb_error *error)
{
    for (;;) {
        struct pollfd wait = {.fd = child->output, .events = POLLIN};
        size_t room = output->max_bytes - output->size;
        enum fb_status status = check_time(child, error);
        ssize_t got;

        if (status != FB_OK)
            return status;
        if (room == 0)
            return fb_fail(error, FB_CORRUPT, "credential_process %.200s writes too much",
                           child->program);
        if (poll(&wait, 1, LOOK_MS) <= 0)
            continue;
        got = read(child->output, output->bytes + output->size, room);
        if (got == 0)
            return FB_OK;
        if (got > 0)
            output->size += (size_t)got;
        else if (errno != EINTR)
            return fb_fail(error, FB_UNAVAILABLE, "credential_process %.200s: %s", child->program,
                           strerror(errno));
    }
}

/* The child once it has ended; 0 while it is at work; -1 and errno when it is no child of ours. */
static pid_t look(const struct child *child, int flags, int *ret_how)
{
    pid_t pid;

    do
        pid = waitpid(child->pid, ret_how, flags);
    while (pid < 0 && errno == EINTR);
    return pid;
}

/* With all that it started. A child whose end was taken already has left its number to others. */
static void end_group(const struct child *child)
{
    siginfo_t info;
    int how;

    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        return;
    kill(-child->pid, SIGKILL);
    (void)look(child, 0, &how);
}

static enum fb_status judge_end(const struct child *child, int how, struct fb_error *error)
{
    if (WIFSIGNALED(how))
        return fb_fail(error, FB_UNAVAILABLE, "credential_process %.200s was ended by signal %d",
                       child->program, WTERMSIG(how));
    if (WEXITSTATUS(how) != 0)
        return fb_fail(error, FB_UNAVAILABLE,
                       "credential_process %.200s ended with %d; what it says to that is not "
                       "shown, as keys may stand there: run it by hand",
                       child->program, WEXITSTATUS(how));
    return FB_OK;
}

/* It has closed its output; what it does then may not take long either. */
static enum fb_status wait_for_end(const struct child *child, struct fb_error *error)
{
    for (;;) {
        int how;
        pid_t pid = look(child, WNOHANG, &how);
        enum fb_status status;

        if (pid > 0)
            return judge_end(child, how, error);
        if (pid < 0)
            return fb_fail(error, FB_UNAVAILABLE,
                           "credential_process %.200s: how it ended is not known: %s",
                           child->program, strerror(errno));
        status = check_time(child, error);
        if (status != FB_OK) {
            end_group(child);
            return status;
        }
        fb_sleep_ms(fb_clock_system(), child->stop, FB_STOP_NOW, 2);
    }
}

static enum fb_status run(const struct fb_chain_options *options, char *const words[],
                          struct fb_buffer *output, struct fb_error *error)
{
    struct child child = {0};
    enum fb_status status = start(options, words, &child, error);

    if (status != FB_OK)
        return status;
    status = read_output(&child, output, error);
    close(child.output);
    if (status == FB_OK)
        return wait_for_end(&child, error);
    end_group(&child);
    return status;
}

enum fb_status fb_process_get(const struct fb_chain_options *options, const char *command,
                              struct fb_credentials *ret_credentials, struct fb_error *error)
{
    size_t size = strlen(command) + 1;
    char *copy = fb_secret_new(size); /* a word may be a password */
    char *words[FB_PROCESS_WORDS_MAX + 1] = {NULL};
    struct fb_buffer output = {0};
    enum fb_status status = FB_NO_MEMORY;

    if (copy == NULL || fb_secret_buffer_init(&output, OUTPUT_MAX_BYTES) != FB_OK) {
        fb_fail(error, status, "no memory for credential_process");
    } else {
        memcpy(copy, command, size);
        status = fb_process_split(copy, words, error);
        if (status == FB_OK)
            status = run(options, words, &output, error);
        output.bytes[output.size] = '\0';
        if (status == FB_OK && (status = fb_credentials_json_read(output.bytes, output.size,
                                                                  &fb_credentials_form_process,
                                                                  ret_credentials, error)) != FB_OK)
            fb_error_prefix(error, "what credential_process %.200s writes holds no keys", words[0]);
    }
    fb_secret_buffer_done(&output);
    fb_secret_free(copy, size);
    return status;
}
