/* SPDX-License-Identifier: Apache-2.0 */
/* A state file of a test's own, with one stream, and what tests do to its objects. */
#ifndef FIREBRIDGE_TESTS_SUPPORT_STATE_BENCH_H
#define FIREBRIDGE_TESTS_SUPPORT_STATE_BENCH_H

#include "firebridge/state/state.h"
#include "state_counts.h"

struct state_bench {
    char directory[64];
    struct fb_state *state;
    int64_t stream_id;
    struct fb_error error;
};

/* start_ms as of the stream; 0: it takes the whole prefix. */
void state_bench_init(struct state_bench *bench, int64_t start_ms);
void state_bench_done(struct state_bench *bench);

/* Closed and opened again, as a restart does. */
void state_bench_reopen(struct state_bench *bench);

/* An object of 10 bytes that was modified 5 ms after its key's time. */
struct fb_state_listed state_bench_listed(const char *key, int64_t key_time_ms);

void state_bench_add(struct state_bench *bench, const char *key, int64_t key_time_ms);

/* The id of the object taken, whose key must be `key`. */
int64_t state_bench_take(struct state_bench *bench, const char *key);

/* Ends it, with so many records. */
void state_bench_end(struct state_bench *bench, int64_t id, enum fb_object_state state,
                     uint64_t records);

/* Adds, takes and ends one. */
void state_bench_process(struct state_bench *bench, const char *key, int64_t key_time_ms);

/* A sweep moves the low-water mark there. */
void state_bench_sweep(struct state_bench *bench, int64_t low_water_ms);

struct state_counts state_bench_count(struct state_bench *bench);

#endif
