/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls to libjq, for a process that may die of them: a program that does not end is not ended
 * here, and without memory the process exits with FB_JQ_EXIT_NO_MEMORY.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_JQ_PROGRAM_H
#define FIREBRIDGE_CODEC_JQ_PROGRAM_H

#include "firebridge/base/buffer.h"
#include "jq.h"

struct fb_jq_pair;

/* Never freed: the process ends with it. FB_INVALID with the key and what jq says; FB_NO_MEMORY. */
enum fb_status fb_jq_pair_compile(const struct fb_jq_programs *programs,
                                  struct fb_jq_pair **ret_pair,
                                  struct fb_error *error) FB_MUST_CHECK;

/* Runs both over a record. The outputs go behind what is in `out`, at most `out_max` bytes of them,
 * or the message, each with a NUL behind it. */
enum fb_jq_outcome fb_jq_pair_run(struct fb_jq_pair *pair, const char *json, size_t size,
                                  bool transform, uint64_t out_max, struct fb_buffer *out,
                                  uint64_t *ret_count);

#endif
