/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/heartbeat.h"

/* libcurl with OpenSSL and a resolver needs more than musl's 128 KiB, and far less than 8 MiB. */
#define STACK_BYTES (512 * 1024)

struct life {
    struct fb_heart heart;
    char name[16];
    void *(*run)(void *);
    void *argument;
};

static void *live(void *argument)
{
    struct life *life = argument;
    void *result;

    fb_heart_begin(&life->heart, life->name);
    result = life->run(life->argument);
    fb_heart_end(&life->heart);
    free(life);
    return result;
}

static int create(pthread_t *ret_thread, struct life *life)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int result;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(ret_thread, &attributes, live, life);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return result;
}

enum fb_status fb_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *),
                               void *argument, struct fb_error *error)
{
    struct life *life = calloc(1, sizeof *life);
    char short_name[sizeof life->name];
    int result = ENOMEM;

    snprintf(short_name, sizeof short_name, "%s", name);
    if (life != NULL) {
        memcpy(life->name, short_name, sizeof life->name);
        life->run = run;
        life->argument = argument;
        result = create(ret_thread, life);
    }
    if (result != 0) {
        free(life);
        return fb_fail(error, FB_NO_MEMORY, "cannot start thread %s: %s", name, strerror(result));
    }
    pthread_setname_np(*ret_thread, short_name);
    return FB_OK;
}

/* Whoever hangs has a heart of its own; pthread_clockjoin_np is unknown to the thread sanitizer. */
void fb_thread_join(pthread_t thread)
{
    fb_heartbeat_rest(true);
    pthread_join(thread, NULL);
    fb_heartbeat_rest(false);
}
