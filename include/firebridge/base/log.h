/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line an event. Only the pipeline and the app log above debug; a lower layer returns an
 * error and lets its caller speak.
 *
 * Threads: any. A line is written with one write(2).
 */
#ifndef FIREBRIDGE_BASE_LOG_H
#define FIREBRIDGE_BASE_LOG_H

#include <stdbool.h>

#include "firebridge/base/status.h"

/* syslog's numbers (RFC 5424, 6.2.1), as journald's <N> prefix wants them. */
enum fb_log_level {
    FB_LOG_ERROR = 3,
    FB_LOG_WARNING = 4,
    FB_LOG_NOTICE = 5,
    FB_LOG_INFO = 6,
    FB_LOG_DEBUG = 7,
};

enum fb_log_style {
    FB_LOG_STYLE_PLAIN,   /* RFC 3339 time, level, text */
    FB_LOG_STYLE_JOURNAL, /* <N>text: journald adds the time */
};

/* Before the first thread. The default is plain. */
void fb_log_set_style(enum fb_log_style style);

/* At any time. The default is FB_LOG_INFO. */
void fb_log_set_level(enum fb_log_level level);

enum fb_log_level fb_log_level(void);

/* As in the conf: error, warning, notice, info, debug. False: no such word. */
const char *fb_log_level_name(enum fb_log_level level);
bool fb_log_level_find(const char *name, enum fb_log_level *ret_level);

bool fb_log_enabled(enum fb_log_level level);

/* Controls and invalid UTF-8 in the text become '?': a key with a newline stays one line. */
void fb_log(enum fb_log_level level, const char *format, ...) FB_PRINTF(2, 3);

#define fb_log_error(...)   fb_log(FB_LOG_ERROR, __VA_ARGS__)
#define fb_log_warning(...) fb_log(FB_LOG_WARNING, __VA_ARGS__)
#define fb_log_notice(...)  fb_log(FB_LOG_NOTICE, __VA_ARGS__)
#define fb_log_info(...)    fb_log(FB_LOG_INFO, __VA_ARGS__)
#define fb_log_debug(...)                                                                          \
    do {                                                                                           \
        if (fb_log_enabled(FB_LOG_DEBUG))                                                          \
            fb_log(FB_LOG_DEBUG, __VA_ARGS__);                                                     \
    } while (0)

#endif
