/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/base/clock.h"
#include "firebridge/base/log_fold.h"
#include "firebridge/base/log_line.h"

static void write_line(void *context, const struct fb_log_line *line);

static atomic_int log_style = FB_LOG_STYLE_PLAIN;
static atomic_int log_level = FB_LOG_INFO;

/* Guards what follows, and that lines longer than a pipe takes at once do not mix. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fb_log_fold log_fold = {.write = write_line};
static char log_output[FB_LOG_OUTPUT_SIZE];

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

bool fb_log_level_find(const char *name, enum fb_log_level *ret_level)
{
    for (int level = FB_LOG_ERROR; level <= FB_LOG_DEBUG; level++) {
        if (strcmp(fb_log_level_name((enum fb_log_level)level), name) != 0)
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

static size_t (*const formats[])(const struct fb_log_line *line, int64_t now_ms, char *output) = {
    [FB_LOG_STYLE_PLAIN] = fb_log_format_plain,
    [FB_LOG_STYLE_JSON] = fb_log_format_json,
    [FB_LOG_STYLE_JOURNAL] = fb_log_format_prefixed,
};

static void write_line(void *context, const struct fb_log_line *line)
{
    const int style = atomic_load(&log_style);
    size_t size;

    (void)context;
    if (style == FB_LOG_STYLE_JOURNAL && fb_log_send_to_journal(line, log_output))
        return;
    size = formats[style](line, fb_realtime_ms(fb_clock_system()), log_output);
    /* Nothing is left to tell when stderr is gone. */
    if (write(STDERR_FILENO, log_output, size) < 0)
        return;
}

static void put(const struct fb_log_line *line)
{
    pthread_mutex_lock(&log_lock);
    fb_log_fold_put(&log_fold, line, fb_monotonic_ms(fb_clock_system()));
    pthread_mutex_unlock(&log_lock);
}

void fb_log_tick(void)
{
    pthread_mutex_lock(&log_lock);
    fb_log_fold_flush(&log_fold, fb_monotonic_ms(fb_clock_system()));
    pthread_mutex_unlock(&log_lock);
}

void fb_log_flush(void)
{
    pthread_mutex_lock(&log_lock);
    fb_log_fold_end(&log_fold);
    pthread_mutex_unlock(&log_lock);
}

/* A line with its digits. */
struct composed {
    struct fb_log_line line;
    char text[FB_LOG_TEXT_SIZE];
    char record[24], code_line[12];
};

static void set_place(struct composed *composed, const struct fb_log_place *place)
{
    const char **values = composed->line.values;

    snprintf(composed->code_line, sizeof composed->code_line, "%d", place->line);
    values[FB_FIELD_CODE_FILE] = place->file;
    values[FB_FIELD_CODE_LINE] = composed->code_line;
    values[FB_FIELD_CODE_FUNC] = place->function;
}

static void set_about(struct composed *composed, const struct fb_log_about *about)
{
    const char **values = composed->line.values;

    values[FB_FIELD_STREAM] = about->stream;
    values[FB_FIELD_OBJECT] = about->object;
    if (about->record != NULL) {
        snprintf(composed->record, sizeof composed->record, "%" PRIu64, *about->record);
        values[FB_FIELD_RECORD] = composed->record;
    }
    values[FB_FIELD_ERROR_CODE] = about->code;
    if (about->error != NULL) {
        const struct fb_error *error = about->error;

        values[FB_FIELD_ERROR_CODE] =
            error->code[0] != '\0' ? error->code : fb_status_name(error->status);
        if (error->request_id[0] != '\0')
            values[FB_FIELD_REQUEST_ID] = error->request_id;
    }
}

static void set_text(struct composed *composed, const char *format, va_list arguments)
{
    const char *stream = composed->line.values[FB_FIELD_STREAM];
    int used = 0;

    if (stream != NULL)
        used = snprintf(composed->text, sizeof composed->text, "stream %.64s: ", stream);
    vsnprintf(composed->text + used, sizeof composed->text - (size_t)used, format, arguments);
    fb_make_printable(composed->text);
    composed->line.text = composed->text;
}

void fb_log_event_at(const struct fb_log_place *place, enum fb_event_id event,
                     const struct fb_log_about *about, const char *format, ...)
{
    const struct fb_event_kind *kind = &fb_event_kinds[event];
    struct composed composed = {.line = {.level = kind->level, .kind = kind}};
    va_list arguments;

    if (!fb_log_enabled(kind->level))
        return;
    set_place(&composed, place);
    if (about != NULL)
        set_about(&composed, about);
    va_start(arguments, format);
    set_text(&composed, format, arguments);
    va_end(arguments);
    put(&composed.line);
}

void fb_log_at(const struct fb_log_place *place, enum fb_log_level level, const char *format, ...)
{
    struct composed composed = {.line = {.level = level}};
    va_list arguments;

    if (!fb_log_enabled(level))
        return;
    set_place(&composed, place);
    va_start(arguments, format);
    set_text(&composed, format, arguments);
    va_end(arguments);
    put(&composed.line);
}
