/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and texts for a person. But for the last, each writes into the text that it is given, and
 * returns it. */
#ifndef FIREBRIDGE_SRC_APP_HUMAN_H
#define FIREBRIDGE_SRC_APP_HUMAN_H

#include <stddef.h>
#include <stdint.h>

#define FB_HUMAN_SIZE 32

/* "512 B", "12.3 MiB" */
const char *fb_human_bytes(uint64_t bytes, char text[FB_HUMAN_SIZE]);

/* "0 s", "42 s", "3 min", "2 h 5 min", "3 d 4 h" */
const char *fb_human_duration(int64_t duration_ms, char text[FB_HUMAN_SIZE]);

/* "1,234,567" */
const char *fb_human_count(uint64_t count, char text[FB_HUMAN_SIZE]);

/* As much of it as has room, with a '?' for each byte that does not print; "-" for NULL. */
const char *fb_human_text(const char *from, char *text, size_t size);

/* Prints all of it on stdout, with a '?' for each character that does not print: a key or a value
 * may have what a terminal obeys. */
void fb_human_print(const char *text);

#endif
