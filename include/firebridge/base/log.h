/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens is told as events of the table in log_events.h, one line each. Only the pipeline
 * and the app log above debug; a lower layer returns an error and lets its caller speak.
 *
 * Threads: any. A line is written with one write(2), or sent to journald in one datagram.
 */
#ifndef FIREBRIDGE_BASE_LOG_H
#define FIREBRIDGE_BASE_LOG_H

#include <stdint.h>

#include "firebridge/base/log_events.h"
#include "firebridge/base/status.h"

enum fb_log_style {
    FB_LOG_STYLE_PLAIN,   /* RFC 3339 time, level, text */
    FB_LOG_STYLE_JSON,    /* one JSON object a line, valid whatever a key holds */
    FB_LOG_STYLE_JOURNAL, /* to journald, with fields; to stderr as <N>text while it is away */
    FB_LOG_STYLE_AUTO,    /* of a conf: journal where stderr is the journal, else plain */
};

/* At any time. The default is plain; not AUTO. */
void fb_log_set_style(enum fb_log_style style);

/* At any time. The default is FB_LOG_INFO. */
void fb_log_set_level(enum fb_log_level level);

enum fb_log_level fb_log_level(void);

/* By its name, fb_log_level_name's. False: no such word. */
bool fb_log_level_find(const char *name, enum fb_log_level *ret_level);

bool fb_log_enabled(enum fb_log_level level);

/* What an event is about; what is not set is left out. */
struct fb_log_about {
    const char *stream; /* the text then begins with "stream NAME: " */
    const char *object;
    const uint64_t *record;
    const struct fb_error *error; /* its code and request id */
    const char *code;             /* where there is no error */
};

struct fb_log_place {
    const char *file, *function;
    int line;
};

#define FB_ABOUT(...) (&(const struct fb_log_about){__VA_ARGS__})
#define FB_LOG_PLACE  (&(const struct fb_log_place){__FILE__, __func__, __LINE__})

/*
 * fb_log_event(FB_EVENT_DEAD_LETTER, FB_ABOUT(.stream = name, .object = key), "no %s", what);
 *
 * Without anything that it is about: NULL. Controls and invalid UTF-8 in the text become '?': a
 * key with a newline stays one line. An event that folds is written at once the first time, and
 * then once a minute for each stream, with how often it came.
 */
#define fb_log_event(event, about, ...) fb_log_event_at(FB_LOG_PLACE, event, about, __VA_ARGS__)

#define fb_log_debug(...)                                                                          \
    do {                                                                                           \
        if (fb_log_enabled(FB_LOG_DEBUG))                                                          \
            fb_log_at(FB_LOG_PLACE, FB_LOG_DEBUG, __VA_ARGS__);                                    \
    } while (0)

void fb_log_event_at(const struct fb_log_place *place, enum fb_event_id event,
                     const struct fb_log_about *about, const char *format, ...) FB_PRINTF(4, 5);
void fb_log_at(const struct fb_log_place *place, enum fb_log_level level, const char *format, ...)
    FB_PRINTF(3, 4);

/* Writes what was folded for a minute: to be called every second or so. */
void fb_log_tick(void);

/* Writes all that was folded, at the end. */
void fb_log_flush(void);

#endif
