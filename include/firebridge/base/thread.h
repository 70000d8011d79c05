/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with a name, a small stack and a heart (heartbeat.h). */
#ifndef FIREBRIDGE_BASE_THREAD_H
#define FIREBRIDGE_BASE_THREAD_H

#include <pthread.h>

#include "firebridge/base/status.h"

/* `name` shows in top and gdb; the kernel keeps 15 bytes of it. All signals are blocked in it. */
enum fb_status fb_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *),
                               void *argument, struct fb_error *error) FB_MUST_CHECK;

/* Waits for its end; the heart of who waits rests meanwhile. */
void fb_thread_join(pthread_t thread);

#endif
