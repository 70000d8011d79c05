/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the log before it is written, and the ways to write it. */
#ifndef FIREBRIDGE_BASE_LOG_LINE_H
#define FIREBRIDGE_BASE_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/log_events.h"

/* An object's key has up to 1024 bytes, an error's message 768. */
#define FB_LOG_TEXT_SIZE 2048

/* An object's key of S3 has up to 1024 bytes; each may become six in JSON. */
#define FB_LOG_OUTPUT_SIZE (16 * 1024)

struct fb_log_line {
    enum fb_log_level level;
    const struct fb_event_kind *kind;   /* NULL: a line of debug */
    const char *text;                   /* printable */
    const char *values[FB_FIELD_COUNT]; /* numbers as digits; NULL: it has none */
};

/* Each returns the bytes at `output`, with the newline at their end. */
size_t fb_log_format_plain(const struct fb_log_line *line, int64_t now_ms,
                           char output[FB_LOG_OUTPUT_SIZE]);
size_t fb_log_format_json(const struct fb_log_line *line, int64_t now_ms,
                          char output[FB_LOG_OUTPUT_SIZE]);

/* With journald's prefix <N>, for a stderr that it reads. */
size_t fb_log_format_prefixed(const struct fb_log_line *line, int64_t now_ms,
                              char output[FB_LOG_OUTPUT_SIZE]);

/* False when journald takes nothing. `scratch` holds the fields meanwhile. */
bool fb_log_send_to_journal(const struct fb_log_line *line, char scratch[FB_LOG_OUTPUT_SIZE]);

#endif
