/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before the next try: exponential, capped, with full jitter
 * (AWS Architecture Blog, "Exponential Backoff And Jitter").
 *
 * Threads: one owner. Randomness is passed in as a seed.
 */
#ifndef FIREBRIDGE_BASE_BACKOFF_H
#define FIREBRIDGE_BASE_BACKOFF_H

#include <stdint.h>

/* splitmix64; for jitter and hash seeds, not for secrets. */
struct fb_random {
    uint64_t state;
};

void fb_random_init(struct fb_random *random, uint64_t seed);

/* A seed from the kernel. */
uint64_t fb_random_entropy(void);

uint64_t fb_random_next(struct fb_random *random);

struct fb_backoff {
    int64_t base_ms;
    int64_t cap_ms;
    unsigned tries; /* since the last success */
};

/* A wait between 1 ms and min(cap, base * 2^tries); counts the try. */
int64_t fb_backoff_next_ms(struct fb_backoff *backoff, struct fb_random *random);

static inline void fb_backoff_reset(struct fb_backoff *backoff)
{
    backoff->tries = 0;
}

#endif
