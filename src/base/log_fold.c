/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/log_fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLD_MS 60000

/* The last line of an event and stream, with all that it points to. */
struct fb_log_held {
    struct fb_log_held *next;
    struct fb_log_line line;
    int64_t due_ms;
    uint64_t count; /* held since something was written */
    char *storage;
    size_t storage_size;
    char stream[]; /* empty: of none */
};

static const char *stream_of(const struct fb_log_line *line)
{
    return line->values[FB_FIELD_STREAM] != NULL ? line->values[FB_FIELD_STREAM] : "";
}

static struct fb_log_held **find(struct fb_log_fold *fold, enum fb_event_id event,
                                 const char *stream)
{
    struct fb_log_held **held = &fold->held[event];

    while (*held != NULL && strcmp((*held)->stream, stream) != 0)
        held = &(*held)->next;
    return held;
}

static void drop(struct fb_log_held **held)
{
    struct fb_log_held *gone = *held;

    *held = gone->next;
    free(gone->storage);
    free(gone);
}

/* Once `more` like it were not written. */
static void write_line(struct fb_log_fold *fold, const struct fb_log_line *line, uint64_t more)
{
    struct fb_log_line counted = *line;
    char text[FB_LOG_TEXT_SIZE + 64], digits[24];

    if (more > 0) {
        snprintf(text, sizeof text, "%s (and %" PRIu64 " more like it within a minute)", line->text,
                 more);
        snprintf(digits, sizeof digits, "%" PRIu64, more);
        counted.text = text;
        counted.values[FB_FIELD_REPEATS] = digits;
    }
    fold->write(fold->context, &counted);
}

static void write_held(struct fb_log_fold *fold, struct fb_log_held *held)
{
    if (held->count > 0)
        write_line(fold, &held->line, held->count - 1);
    held->count = 0;
}

static size_t copy(char *storage, const char *text, const char **ret_copy)
{
    size_t size = strlen(text) + 1;

    memcpy(storage, text, size);
    *ret_copy = storage;
    return size;
}

/* Keeps the line instead of the one before. False without memory. */
static bool hold(struct fb_log_held *held, const struct fb_log_line *line)
{
    size_t size = strlen(line->text) + 1;
    char *storage;

    for (size_t i = 0; i < FB_FIELD_COUNT; i++)
        size += line->values[i] != NULL ? strlen(line->values[i]) + 1 : 0;
    if (size > held->storage_size) {
        storage = realloc(held->storage, size);
        if (storage == NULL)
            return false;
        held->storage = storage;
        held->storage_size = size;
    }
    held->line = *line;
    storage = held->storage + copy(held->storage, line->text, &held->line.text);
    for (size_t i = 0; i < FB_FIELD_COUNT; i++)
        if (line->values[i] != NULL)
            storage += copy(storage, line->values[i], &held->line.values[i]);
    held->count++;
    return true;
}

static void remember(struct fb_log_held **place, const struct fb_log_line *line, int64_t now_ms)
{
    size_t size = strlen(stream_of(line)) + 1;
    struct fb_log_held *held = calloc(1, sizeof *held + size);

    if (held == NULL)
        return;
    memcpy(held->stream, stream_of(line), size);
    held->due_ms = now_ms + FOLD_MS;
    *place = held;
}

static void end_one(struct fb_log_fold *fold, enum fb_event_id event, const char *stream)
{
    struct fb_log_held **held = find(fold, event, stream);

    if (*held == NULL)
        return;
    write_held(fold, *held);
    drop(held);
}

void fb_log_fold_put(struct fb_log_fold *fold, const struct fb_log_line *line, int64_t now_ms)
{
    const struct fb_event_kind *kind = line->kind;
    struct fb_log_held **held;

    if (kind != NULL && kind->ends != 0)
        end_one(fold, kind->ends, stream_of(line));
    if (kind == NULL || !kind->folds) {
        write_line(fold, line, 0);
        return;
    }
    held = find(fold, (enum fb_event_id)(kind - fb_event_kinds), stream_of(line));
    if (*held == NULL) {
        write_line(fold, line, 0);
        remember(held, line, now_ms);
    } else if (now_ms >= (*held)->due_ms) {
        write_line(fold, line, (*held)->count);
        (*held)->count = 0;
        (*held)->due_ms = now_ms + FOLD_MS;
    } else if (!hold(*held, line)) {
        write_line(fold, line, 0);
    }
}

/* Whether it may go: nothing came since something was written. */
static bool flush(struct fb_log_fold *fold, struct fb_log_held *held, int64_t now_ms)
{
    if (held->count == 0)
        return true;
    write_held(fold, held);
    held->due_ms = now_ms + FOLD_MS;
    return false;
}

void fb_log_fold_flush(struct fb_log_fold *fold, int64_t now_ms)
{
    for (size_t i = 0; i < FB_EVENT_COUNT; i++) {
        struct fb_log_held **held = &fold->held[i];

        while (*held != NULL)
            if ((*held)->due_ms <= now_ms && flush(fold, *held, now_ms))
                drop(held);
            else
                held = &(*held)->next;
    }
}

void fb_log_fold_end(struct fb_log_fold *fold)
{
    for (size_t i = 0; i < FB_EVENT_COUNT; i++)
        while (fold->held[i] != NULL) {
            write_held(fold, fold->held[i]);
            drop(&fold->held[i]);
        }
}
