/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/base/clock.h"
#include "firebridge/base/time.h"

static atomic_int log_style = FB_LOG_STYLE_PLAIN;
static atomic_int log_level = FB_LOG_INFO;

static const char *const level_names[] = {
    [FB_LOG_ERROR] = "error", [FB_LOG_WARNING] = "warning", [FB_LOG_NOTICE] = "notice",
    [FB_LOG_INFO] = "info",   [FB_LOG_DEBUG] = "debug",
};

void fb_log_set_style(enum fb_log_style style)
{
    atomic_store(&log_style, style);
}

void fb_log_set_level(enum fb_log_level level)
{
    atomic_store(&log_level, level);
}

enum fb_log_level fb_log_level(void)
{
    return (enum fb_log_level)atomic_load(&log_level);
}

const char *fb_log_level_name(enum fb_log_level level)
{
    return level_names[level];
}

bool fb_log_level_find(const char *name, enum fb_log_level *ret_level)
{
    for (int level = FB_LOG_ERROR; level <= FB_LOG_DEBUG; level++) {
        if (strcmp(level_names[level], name) != 0)
            continue;
        *ret_level = (enum fb_log_level)level;
        return true;
    }
    return false;
}

bool fb_log_enabled(enum fb_log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

static size_t write_prefix(char *line, size_t capacity, enum fb_log_level level)
{
    char now[FB_TIME_TEXT_SIZE];
    int used;

    if (atomic_load(&log_style) == FB_LOG_STYLE_JOURNAL) {
        used = snprintf(line, capacity, "<%d>", (int)level);
    } else {
        int64_t now_ms = fb_realtime_ms(fb_clock_system());

        /* To the second, and then always three digits: columns stay where they are. */
        fb_time_format_rfc3339(now_ms - now_ms % 1000, now);
        used = snprintf(line, capacity, "%.19s.%03dZ %-7s ", now, (int)(now_ms % 1000),
                        level_names[level]);
    }
    return used > 0 ? (size_t)used : 0;
}

void fb_log(enum fb_log_level level, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    size_t size;
    int used;

    if (!fb_log_enabled(level))
        return;
    size = write_prefix(line, sizeof line, level);
    va_start(arguments, format);
    used = vsnprintf(line + size, sizeof line - size - 1, format, arguments);
    va_end(arguments);
    if (used < 0)
        return;
    fb_make_printable(line + size);
    size = strlen(line);
    line[size++] = '\n';
    /* Nothing is left to tell when stderr is gone. */
    if (write(STDERR_FILENO, line, size) < 0)
        return;
}
