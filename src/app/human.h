/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for a person. Each writes into the text that it is given, and returns it. */
#ifndef FIREBRIDGE_SRC_APP_HUMAN_H
#define FIREBRIDGE_SRC_APP_HUMAN_H

#include <stdint.h>

#define FB_HUMAN_SIZE 32

/* "512 B", "12.3 MiB" */
const char *fb_human_bytes(uint64_t bytes, char text[FB_HUMAN_SIZE]);

/* "0 s", "42 s", "3 min", "2 h 5 min", "3 d 4 h" */
const char *fb_human_duration(int64_t duration_ms, char text[FB_HUMAN_SIZE]);

/* "1,234,567" */
const char *fb_human_count(uint64_t count, char text[FB_HUMAN_SIZE]);

#endif
