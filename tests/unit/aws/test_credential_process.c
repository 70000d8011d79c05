/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/credential_process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "firebridge/base/thread.h"

struct split_case {
    const char *command;
    const char *words; /* each with a '|' behind it; NULL: refused */
    const char *message;
};

static const struct split_case split_cases[] = {
    {"/bin/x", "/bin/x|", NULL},
    {"  x  a\tb ", "x|a|b|", NULL},
    {"\"/a b/x\" --name \"c d\" e", "/a b/x|--name|c d|e|", NULL},
    {"x 'a \"b\" $c' \"d 'e' | f\"", "x|a \"b\" $c|d 'e' | f|", NULL},
    {"x \"\" ''", "x|||", NULL},
    {"x a\"b c\"d", "x|ab cd|", NULL},
    {"x \\\"a \\'b \\\\c a\\ b \"q\\\"q\" 'a\\b'", "x|\"a|'b|\\c|a b|q\"q|a\\b|", NULL},
    {"x C:\\y", "x|C:\\y|", NULL},
    {"x --a=b,c:/d@e+f%", "x|--a=b,c:/d@e+f%|", NULL},
    {"x #no -1 !", "x|#no|-1|!|", NULL},
    {"", NULL, "names no program"},
    {"  ", NULL, "names no program"},
    {"\"\" a", NULL, "names no program"},
    {"x \"a", NULL, "has a \" that is not closed"},
    {"x 'a", NULL, "has a ' that is not closed"},
    {"x | y", NULL, "has |, which only a shell understands"},
    {"x > /tmp/y", NULL, "has >"},
    {"x; y", NULL, "has ;"},
    {"x & y", NULL, "has &"},
    {"$HOME/x", NULL, "has $"},
    {"x `y`", NULL, "has `"},
    {"~/x", NULL, "has ~"},
    {"x *", NULL, "has *"},
};

static void commands_are_cut_into_words_without_a_shell(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof split_cases / sizeof *split_cases; i++) {
        const struct split_case *c = &split_cases[i];
        char command[128], found[256] = "";
        char *words[FB_PROCESS_WORDS_MAX + 1];
        struct fb_error error = {0};
        enum fb_status status;

        snprintf(command, sizeof command, "%s", c->command);
        status = fb_process_split(command, words, &error);
        if ((status == FB_OK) != (c->words != NULL))
            fail_msg("%s: %s", c->command, error.message);
        if (status != FB_OK && strstr(error.message, c->message) == NULL)
            fail_msg("%s: %s", c->command, error.message);
        for (size_t w = 0; status == FB_OK && words[w] != NULL; w++) {
            size_t used = strlen(found);

            snprintf(found + used, sizeof found - used, "%s|", words[w]);
        }
        if (status == FB_OK && strcmp(found, c->words) != 0)
            fail_msg("%s: %s", c->command, found);
    }
}

static void a_command_of_too_many_words_is_refused(void **state)
{
    char command[2 * FB_PROCESS_WORDS_MAX + 3] = "";
    char *words[FB_PROCESS_WORDS_MAX + 1];
    struct fb_error error = {0};

    (void)state;
    for (size_t i = 0; i < FB_PROCESS_WORDS_MAX; i++)
        strcat(command, "x ");
    assert_int_equal(fb_process_split(command, words, &error), FB_OK);
    assert_null(words[FB_PROCESS_WORDS_MAX]);
    for (size_t i = 0; i <= FB_PROCESS_WORDS_MAX; i++)
        memcpy(command + 2 * i, "x ", 3);
    assert_int_equal(fb_process_split(command, words, &error), FB_INVALID);
    assert_non_null(strstr(error.message, "more than 64 words"));
}

struct fixture {
    char script[64];
    struct fb_chain_options options;
    struct fb_credentials keys;
    struct fb_error error;
};

static char path_variable[] = "PATH=/usr/bin:/bin";
static char own_variable[] = "OWN=own value";
static char *const environment[] = {path_variable, own_variable, NULL};

/* Runs a script of these lines, with `arguments` behind its name. */
static enum fb_status run(struct fixture *f, const char *lines, const char *arguments)
{
    char command[256];
    enum fb_status status;
    FILE *file;
    int fd;

    snprintf(f->script, sizeof f->script, "/tmp/fb-process-XXXXXX");
    fd = mkstemp(f->script);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", lines);
    assert_int_equal(fchmod(fd, 0700), 0);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command, "%s %s", f->script, arguments);
    f->error = (struct fb_error){0};
    f->options.environment = environment;
    status = fb_process_get(&f->options, command, &f->keys, &f->error);
    unlink(f->script);
    return status;
}

static void expect(struct fixture *f, const char *lines, enum fb_status status, const char *message)
{
    enum fb_status got = run(f, lines, "");

    if (got != status || (got != FB_OK && strstr(f->error.message, message) == NULL))
        fail_msg("%s: %s: %s", lines, fb_status_name(got), f->error.message);
    assert_null(strstr(f->error.message, "hidden"));
}

#define KEYS(more) "{\"Version\":1,\"AccessKeyId\":\"AK\",\"SecretAccessKey\":\"hidden\"" more "}"

static void what_the_program_writes_are_the_keys(void **state)
{
    struct fixture f = {0};

    (void)state;
    expect(&f, "echo '" KEYS("") "'", FB_OK, "");
    assert_string_equal(f.keys.access_key_id, "AK");
    assert_string_equal(f.keys.secret_access_key, "hidden");
    assert_string_equal(f.keys.session_token, "");
    assert_int_equal(f.keys.expires_ms, INT64_MAX);
    expect(&f, "echo '" KEYS(",\"SessionToken\":\"T\",\"Expiration\":\"2026-11-22T10:00:00Z\"") "'",
           FB_OK, "");
    assert_string_equal(f.keys.session_token, "T");
    assert_int_equal(f.keys.expires_ms, INT64_C(1795341600) * 1000);
}

static void the_program_has_its_words_and_the_environment(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_int_equal(
        run(&f,
            "[ \"$1\" = 'a b' ] && [ \"$2\" = '$OWN' ] && [ $# = 2 ] && [ \"$OWN\" = 'own value' ] "
            "&& ! read line && [ -z \"$(ls /proc/self/fd | grep -vx '[0123]')\" ] && echo '" KEYS(
                "") "'",
            "\"a b\" '$OWN'"),
        FB_OK);
}

static void signals_reach_the_program(void **state)
{
    struct fixture f = {0};
    sigset_t all, before;

    (void)state;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    expect(&f, "kill -TERM $$; sleep 5", FB_UNAVAILABLE, "was ended by signal 15");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void what_it_cannot_say_is_an_error_without_its_words(void **state)
{
    struct fixture f = {0};

    (void)state;
    expect(&f, "echo hidden >&2; exit 3", FB_UNAVAILABLE, "ended with 3; what it says to that");
    expect(&f, "echo '" KEYS("") "'; exit 1", FB_UNAVAILABLE, "ended with 1");
    expect(&f, "echo hidden", FB_CORRUPT, "writes holds no keys: it is no JSON");
    expect(&f, ":", FB_CORRUPT, "holds no keys: it is no JSON");
    expect(&f, "echo '[\"hidden\"]'", FB_CORRUPT, "no JSON object");
    expect(&f, "echo '{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hidden\"}'", FB_CORRUPT,
           "\"Version\" is not 1");
    expect(&f, "echo '{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hidden\"}'",
           FB_CORRUPT, "\"Version\" is not 1");
    expect(&f, "echo '{\"Version\":\"1\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hidden\"}'",
           FB_CORRUPT, "\"Version\" is not 1");
    expect(&f, "echo '{\"Version\":1,\"SecretAccessKey\":\"hidden\"}'", FB_CORRUPT,
           "the access key id is missing");
    expect(&f, "echo '{\"Version\":1,\"Code\":\"hidden\"}'", FB_CORRUPT,
           "the access key id is missing");
    expect(&f, "echo '{\"Version\":1,\"AccessKeyId\":\"A\"}'", FB_CORRUPT,
           "the secret access key is missing");
    expect(&f, "echo '" KEYS(",\"Expiration\":\"hidden\"") "'", FB_CORRUPT, "is no time");
    expect(&f, "echo '" KEYS("") "' '{}'", FB_CORRUPT, "it is no JSON");
    expect(&f, "yes hidden", FB_CORRUPT, "writes too much");
}

/* As where SIGCHLD is ignored: the kernel takes the ends of children itself. */
static void an_end_that_someone_else_took_is_an_error_at_once(void **state)
{
    struct fixture f = {.options = {.timeout_ms = 20000}};
    const int64_t began_ms = fb_monotonic_ms(fb_clock_system());

    (void)state;
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    expect(&f, "echo '" KEYS("") "'", FB_UNAVAILABLE, "how it ended is not known: No child");
    f.options.timeout_ms = 200;
    expect(&f, "sleep 30", FB_UNAVAILABLE, "takes too long");
    assert_true(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
    assert_true(fb_monotonic_ms(fb_clock_system()) - began_ms < 10000);
}

static void a_program_that_takes_too_long_is_ended(void **state)
{
    struct fixture f = {.options = {.timeout_ms = 200}};
    const int64_t began_ms = fb_monotonic_ms(fb_clock_system());

    (void)state;
    expect(&f, "sleep 30", FB_UNAVAILABLE, "takes too long");
    expect(&f, "sleep 30 & echo '" KEYS("") "'; exit 0", FB_UNAVAILABLE, "takes too long");
    expect(&f, "exec >&-; sleep 30", FB_UNAVAILABLE, "takes too long");
    assert_true(fb_monotonic_ms(fb_clock_system()) - began_ms < 10000);
}

static void *stop_soon(void *argument)
{
    fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOW, 100);
    fb_stop_request(argument, FB_STOP_NOW);
    return NULL;
}

static void a_stop_ends_the_program(void **state)
{
    struct fb_stop stop;
    struct fixture f = {.options = {.stop = &stop}};
    pthread_t thread;

    (void)state;
    fb_stop_init(&stop, NULL);
    assert_int_equal(fb_thread_start(&thread, "stop", stop_soon, &stop, NULL), FB_OK);
    expect(&f, "sleep 30", FB_CANCELED, "stopped");
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_cut_into_words_without_a_shell),
        cmocka_unit_test(a_command_of_too_many_words_is_refused),
        cmocka_unit_test(what_the_program_writes_are_the_keys),
        cmocka_unit_test(the_program_has_its_words_and_the_environment),
        cmocka_unit_test(signals_reach_the_program),
        cmocka_unit_test(what_it_cannot_say_is_an_error_without_its_words),
        cmocka_unit_test(an_end_that_someone_else_took_is_an_error_at_once),
        cmocka_unit_test(a_program_that_takes_too_long_is_ended),
        cmocka_unit_test(a_stop_ends_the_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
