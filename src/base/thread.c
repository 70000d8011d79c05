/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* libcurl with OpenSSL and a resolver needs more than musl's 128 KiB, and far less than 8 MiB. */
#define STACK_BYTES (512 * 1024)

enum fb_status fb_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *),
                               void *argument, struct fb_error *error)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    char short_name[16];
    int result;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(ret_thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (result != 0)
        return fb_fail(error, FB_NO_MEMORY, "cannot start thread %s: %s", name, strerror(result));
    snprintf(short_name, sizeof short_name, "%s", name);
    pthread_setname_np(*ret_thread, short_name);
    return FB_OK;
}
