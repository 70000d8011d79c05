/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seeded hash behind fb_key_hash, inline for the transcoder's member names.
 *
 * A product of two 64-bit words folded into one, as in the wyhash family: quick for names of a few
 * bytes. It defends against chosen collisions by its seed only; it is no MAC.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_HASH_H
#define FIREBRIDGE_CODEC_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t fb_hash_fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t fb_hash_load(const unsigned char *p, size_t size)
{
    uint64_t word = 0;

    memcpy(&word, p, size);
    return word;
}

/* Up to 16 bytes as two words; together with the size they are one to one with the bytes. */
static inline void fb_hash_short(const unsigned char *p, size_t size, uint64_t *ret_a,
                                 uint64_t *ret_b)
{
    if (size >= 8) {
        *ret_a = fb_hash_load(p, 8);
        *ret_b = fb_hash_load(p + size - 8, 8);
    } else if (size >= 4) {
        *ret_a = fb_hash_load(p, 4);
        *ret_b = fb_hash_load(p + size - 4, 4);
    } else {
        *ret_a = size == 0 ? 0 : (uint64_t)p[0] << 16 | (uint64_t)p[size / 2] << 8 | p[size - 1];
        *ret_b = 0;
    }
}

static inline uint64_t fb_hash_bytes(uint64_t seed, const void *bytes, size_t size)
{
    const uint64_t k1 = 0x9e3779b97f4a7c15U;
    const uint64_t k2 = 0xd6e8feb86659fd93U;
    const unsigned char *p = bytes;
    uint64_t state = seed;
    uint64_t a;
    uint64_t b;
    size_t left = size;

    for (; left > 16; left -= 16, p += 16)
        state = fb_hash_fold(fb_hash_load(p, 8) ^ k1 ^ state, fb_hash_load(p + 8, 8) ^ k2 ^ seed);
    fb_hash_short(p, left, &a, &b);
    state = fb_hash_fold(a ^ k1 ^ state, b ^ k2 ^ seed);
    return fb_hash_fold(state ^ k2, (uint64_t)size ^ k1 ^ seed);
}

#endif
