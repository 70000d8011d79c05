/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/backoff.h"

#include <sys/random.h>
#include <time.h>

void fb_random_init(struct fb_random *random, uint64_t seed)
{
    random->state = seed;
}

uint64_t fb_random_entropy(void)
{
    uint64_t seed;
    struct timespec now;

    if (getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed)
        return seed;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)now.tv_sec;
}

uint64_t fb_random_next(struct fb_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t fb_backoff_next_ms(struct fb_backoff *backoff, struct fb_random *random)
{
    int64_t limit_ms = backoff->base_ms;

    for (unsigned i = 0; i < backoff->tries && limit_ms < backoff->cap_ms; i++)
        limit_ms *= 2;
    if (limit_ms > backoff->cap_ms)
        limit_ms = backoff->cap_ms;
    backoff->tries++;
    if (limit_ms < 1)
        return 1;
    return 1 + (int64_t)(fb_random_next(random) % (uint64_t)limit_ms);
}
