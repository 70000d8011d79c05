/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon, the nursery and its workers say to each other. All are one program, so the
 * structs go as they are.
 */
#ifndef FIREBRIDGE_CODEC_JQ_WIRE_H
#define FIREBRIDGE_CODEC_JQ_WIRE_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "jq.h"

/* How a worker ends by itself. */
#define FB_JQ_EXIT_NO_MEMORY 3

/* The nursery's first word is a struct fb_error, of FB_OK when the programs are compiled. */

/* To the nursery: fork a worker that serves the socket that comes along, or tell how one ended. */
struct fb_jq_order {
    pid_t ended; /* 0: fork one */
    struct fb_jq_limits limits;
};

/* The nursery's answer: a pid, or below zero an errno; of one that ended what waitpid says. */
struct fb_jq_told {
    int32_t value;
};

/* Before the requests to a worker, and before its answers, which may be fewer. */
struct fb_jq_batch {
    uint64_t size; /* of all that follows */
    uint64_t count;
};

/* With `size` bytes of JSON behind it. */
struct fb_jq_request {
    uint64_t size;
    uint64_t transform;
};

/* With `size` bytes of outputs or a message behind it. */
struct fb_jq_answer {
    uint64_t size;
    uint64_t count;
    uint64_t outcome;
};

/* A socket of the daemon's waits for so long at once, and so often: far more than the CPU time that
 * a process may use. Who says nothing for so long was stopped. */
#define FB_JQ_LOOK_S 1
#define FB_JQ_LOOKS  120

/* All of it; false when the other end is gone, or silent for longer than the socket's time. The
 * parts are used up. */
bool fb_jq_receive(int end, void *bytes, size_t size) FB_MUST_CHECK;
bool fb_jq_send(int end, struct iovec *parts, size_t count) FB_MUST_CHECK;

/* What the nursery does from fork to end. */
void fb_jq_nursery(int control, const struct fb_jq_programs *programs) __attribute__((noreturn));

#endif
