/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jq programs over records, by libjq, which has no limits of its own: a program that loops does so
 * inside one call, and one that finds no memory ends its process. So programs run in processes
 * that may die.
 *
 *     daemon ── fork ──▶ nursery ── fork ──▶ worker ◀── records, outputs ──▶ daemon
 *
 * The nursery is forked before the daemon has a thread or a secret. It compiles the programs once
 * and then only forks workers, which have them ready. A worker is bound by rlimits and a CPU timer,
 * has no environment, and opens no file. Who dies over a record is replaced, and what the death was
 * decides whether the record is at fault.
 *
 * Threads: an fb_jq is made by one and used by any; a worker has one owner.
 */
#ifndef FIREBRIDGE_CODEC_JQ_PRIVATE_H
#define FIREBRIDGE_CODEC_JQ_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

struct fb_jq_programs {
    const char *filter;    /* NULL: all records are taken */
    const char *transform; /* NULL: a record stays as it is */
};

struct fb_jq;

/*
 * Forks the nursery; so the process must not have a second thread yet. Who has the same programs
 * shares it, at any time. FB_UNSUPPORTED: another one is wanted after fb_jq_seal. FB_INVALID with
 * the key and what jq says where a program does not compile, or this build has no jq;
 * FB_UNAVAILABLE where there can be no process; FB_NO_MEMORY.
 */
enum fb_status fb_jq_new(const struct fb_jq_programs *programs, struct fb_jq **ret_jq,
                         struct fb_error *error) FB_MUST_CHECK;
void fb_jq_free(struct fb_jq *jq);
void fb_jq_seal(void);

bool fb_jq_filters(const struct fb_jq *jq);
bool fb_jq_transforms(const struct fb_jq *jq);

struct fb_jq_limits {
    uint64_t memory_bytes; /* of address space, beyond what a worker begins with */
    uint64_t output_bytes; /* of all outputs of a record together */
};

enum fb_jq_outcome {
    FB_JQ_TAKES, /* with the outputs of the transform, at least one */
    FB_JQ_LEAVES_OUT,
    FB_JQ_FAILS, /* the message says why */
};

struct fb_jq_result {
    enum fb_jq_outcome outcome;
    /* The outputs, JSON objects each with a NUL behind it, and FB_TEXT_SLACK bytes behind them all;
     * or the message. They stay until the next run. */
    const char *text;
    uint64_t count; /* of outputs */
};

struct fb_jq_worker;

/* A JSON object; without `transform` only the filter runs. */
struct fb_jq_text {
    const char *json;
    size_t size;
    bool transform;
};

/* How many go to a worker at once, and come back. */
#define FB_JQ_BATCH_MAX 32

/* Forks when it is first used. The jq outlives it. */
enum fb_status fb_jq_worker_new(struct fb_jq *jq, const struct fb_jq_limits *limits,
                                struct fb_jq_worker **ret_worker) FB_MUST_CHECK;
void fb_jq_worker_free(struct fb_jq_worker *worker);

/*
 * Runs the programs over texts; not over all of them where there is too much output, or one of
 * them ends the worker, but over the first in any case. FB_UNAVAILABLE when workers are killed from
 * outside again and again, or the nursery was; FB_NO_MEMORY.
 */
enum fb_status fb_jq_worker_run(struct fb_jq_worker *worker, const struct fb_jq_text *texts,
                                size_t count, struct fb_jq_result *ret_first,
                                struct fb_error *error) FB_MUST_CHECK;

/* What became of the next of the texts; false when it was not run. */
bool fb_jq_worker_next(struct fb_jq_worker *worker, struct fb_jq_result *ret_result);

#endif
