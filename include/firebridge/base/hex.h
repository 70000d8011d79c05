/* SPDX-License-Identifier: Apache-2.0 */
/* A hexadecimal digit's value, of URLs and of JSON's escapes. Pure; any thread. */
#ifndef FIREBRIDGE_BASE_HEX_H
#define FIREBRIDGE_BASE_HEX_H

/* 0 to 15; -1 when it is none. */
static inline int fb_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

#endif
