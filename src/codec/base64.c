/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

#include <stdint.h>

/* What a character means, and one more: 0 is none of the alphabet. */
static unsigned value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A') + 1;
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 27;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 53;
    return c == '+' ? 63 : c == '/' ? 64 : 0;
}

bool fb_base64_decode(const char *text, size_t size, char *out, size_t *ret_size)
{
    size_t padding = 0;
    uint32_t bits = 0;
    size_t at = 0;

    if (size % 4 != 0)
        return false;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < size - padding; i++) {
        const unsigned value = value_of(text[i]);

        if (value == 0)
            return false;
        bits = bits << 6 | (value - 1);
        if (i % 4 == 0)
            continue;
        if (out != NULL)
            out[at] = (char)(unsigned char)(bits >> (6 - 2 * (i % 4)));
        at++;
    }
    *ret_size = at;
    /* What the last character has beside its bytes. */
    return (bits & ((1U << 2 * padding) - 1)) == 0;
}
