/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of JSON strings: found 16 at a time, copied while they are looked at, checked for
 * escapes and UTF-8.
 *
 * Contract of every `text` here and in the modules above it: text[size] is NUL and
 * FB_TEXT_SLACK bytes behind `text + size` may be read. A NUL is no legal byte of JSON, so the
 * inner loops need no second test for the end.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_JSON_TEXT_H
#define FIREBRIDGE_CODEC_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "firebridge/base/status.h"

#define FB_TEXT_BLOCK 16
#define FB_TEXT_SLACK 64

/*
 * Copies FB_TEXT_BLOCK bytes and returns how many of the first are plain: no quote, no backslash,
 * no control, ASCII. The plain C twin, which the tests hold the vector forms against.
 */
static inline size_t fb_text_copy_plain_c(char *out, const char *text)
{
    size_t plain = 0;

    memmove(out, text, FB_TEXT_BLOCK);
    while (plain < FB_TEXT_BLOCK && (unsigned char)text[plain] >= 0x20 &&
           (unsigned char)text[plain] < 0x80 && text[plain] != '"' && text[plain] != '\\')
        plain++;
    return plain;
}

#if defined(__SSE2__)

static inline size_t fb_text_copy_plain(char *out, const char *text)
{
    const __m128i block = _mm_loadu_si128((const __m128i *)(const void *)text);
    /* As signed bytes, controls and all that is not ASCII are below the blank. */
    const __m128i odd = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const int special = _mm_movemask_epi8(_mm_or_si128(odd, _mm_or_si128(quote, backslash)));

    _mm_storeu_si128((__m128i *)(void *)out, block);
    return (size_t)__builtin_ctz((unsigned)special | 1U << FB_TEXT_BLOCK);
}

#elif defined(__aarch64__) && defined(__ARM_NEON)

static inline size_t fb_text_copy_plain(char *out, const char *text)
{
    const int8x16_t block = vld1q_s8((const int8_t *)text);
    const uint8x16_t odd = vcltq_s8(block, vdupq_n_s8(0x20));
    const uint8x16_t quote = vceqq_s8(block, vdupq_n_s8('"'));
    const uint8x16_t backslash = vceqq_s8(block, vdupq_n_s8('\\'));
    const uint8x16_t special = vorrq_u8(odd, vorrq_u8(quote, backslash));
    /* Four bits a byte, as NEON has no movemask. */
    const uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(special), 4);
    const uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);

    vst1q_s8((int8_t *)out, block);
    return mask == 0 ? FB_TEXT_BLOCK : (size_t)__builtin_ctzll(mask) / 4;
}

#else

static inline size_t fb_text_copy_plain(char *out, const char *text)
{
    return fb_text_copy_plain_c(out, text);
}

#endif

static inline const char *fb_text_skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
        p++;
    return p;
}

enum fb_text_verdict {
    FB_TEXT_GOOD,
    FB_TEXT_CUT,      /* the text ends inside it */
    FB_TEXT_BAD,      /* no JSON: a control character, an unknown escape; `at` is the byte */
    FB_TEXT_BAD_UTF8, /* JSON by its shape: bytes that are not UTF-8, or a lone surrogate */
};

/* What stands at a byte that is not plain. */
struct fb_text_special {
    size_t size;         /* bytes of text that it takes; of FB_TEXT_BAD_UTF8 the longest part that
                          * one U+FFFD stands for (The Unicode Standard, 3.9) */
    size_t decoded_size; /* bytes of UTF-8 that it means */
    uint32_t code_point;
    const char *at; /* of FB_TEXT_BAD: the first byte that cannot be */
};

/* One escape or one UTF-8 sequence at `p`; the closing quote is not for it. */
enum fb_text_verdict fb_text_special(const char *p, const char *end,
                                     struct fb_text_special *ret) FB_MUST_CHECK;

/* Unescapes what was checked before; `out` has room for `size` bytes. Returns what it wrote. */
size_t fb_text_unescape(const char *text, size_t size, char *out);

#endif
