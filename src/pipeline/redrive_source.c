/* SPDX-License-Identifier: Apache-2.0 */
/* One file or object of dead letters: cut into lines, a run of them settled at a time. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/log.h"
#include "redrive_private.h"

#define READ_BYTES ((size_t)64 << 10)

/* A run of lines ends behind so many bytes. */
#define TEXT_BYTES ((size_t)8 << 20)

/* A letter of the largest record has 22 MiB. What is longer is passed on as it is. */
#define LINE_MAX_BYTES ((size_t)32 << 20)

#define LANES_LOOK_MS 5

struct run {
    struct fb_redrive *redrive;
    const struct fb_redrive_source *source;
    bool changed;
    bool in_long_line; /* its beginning was passed on */
};

/* ---- settling a run ---- */

void fb_redrive_reset(struct fb_redrive *redrive)
{
    for (size_t i = 0; i < redrive->entry_count; i++)
        free(redrive->entries[i].message);
    redrive->entry_count = 0;
    fb_buffer_reset(&redrive->text);
    fb_progress_free(redrive->progress);
    redrive->progress = NULL;
}

static enum fb_status failure_of(struct fb_redrive *redrive, struct fb_error *error)
{
    enum fb_status status;

    pthread_mutex_lock(&redrive->lock);
    status = redrive->failure.status;
    if (status != FB_OK && error != NULL)
        *error = redrive->failure;
    pthread_mutex_unlock(&redrive->lock);
    return status;
}

/* Until every item is written, or noted as refused. */
static enum fb_status wait_for_lanes(struct fb_redrive *redrive, struct fb_error *error)
{
    for (size_t i = 0; i < redrive->lane_count; i++)
        fb_lane_flush(redrive->lanes[i]);
    while (fb_item_pool_in_use_bytes(redrive->pool) > 0 &&
           !fb_stop_wait(&redrive->stop, FB_STOP_NOW, LANES_LOOK_MS))
        ;
    return failure_of(redrive, error);
}

static void count(struct fb_redrive_counts *counts, enum fb_redrive_fate fate)
{
    uint64_t *const counters[] = {
        [FB_REDRIVE_WRITTEN] = &counts->written, [FB_REDRIVE_LEFT_OUT] = &counts->left_out,
        [FB_REDRIVE_REPEAT] = &counts->repeats,  [FB_REDRIVE_FAILED] = &counts->failed,
        [FB_REDRIVE_UNFIT] = &counts->unfit,     [FB_REDRIVE_UNREADABLE] = &counts->unreadable,
    };

    if (fate == FB_REDRIVE_PASSED)
        return;
    (*counters[fate])++;
    counts->letters += fate != FB_REDRIVE_UNREADABLE;
}

static bool goes(enum fb_redrive_fate fate)
{
    return fate == FB_REDRIVE_WRITTEN || fate == FB_REDRIVE_LEFT_OUT || fate == FB_REDRIVE_REPEAT;
}

static enum fb_status keep_entry(struct run *run, const struct fb_redrive_entry *entry,
                                 struct fb_error *error)
{
    const struct fb_redrive_source *source = run->source;
    const char *line = run->redrive->text.bytes + entry->at;
    char *told = NULL;
    size_t size = 0;
    enum fb_status status;

    if (entry->fate == FB_REDRIVE_FAILED && entry->message != NULL)
        told = fb_letter_retell(line, entry->size, entry->reason, entry->message,
                                fb_realtime_ms(run->redrive->options->clock), &size);
    if (told != NULL) {
        run->changed = true;
        status = source->keep(source->context, told, size, error);
        free(told);
        return status;
    }
    return source->keep(source->context, line, entry->size + 1, error);
}

/* What stays is kept in the order in which it came: of one key, the later must stay the later. */
static enum fb_status settle(struct run *run, struct fb_error *error)
{
    struct fb_redrive *redrive = run->redrive;
    enum fb_status status = wait_for_lanes(redrive, error);

    for (size_t i = 0; i < redrive->entry_count && status == FB_OK; i++) {
        const struct fb_redrive_entry *entry = &redrive->entries[i];

        count(redrive->counts, entry->fate);
        if (goes(entry->fate))
            run->changed = true;
        else
            status = keep_entry(run, entry, error);
    }
    /* After a failure a lane may still have one of them. */
    if (status == FB_OK)
        fb_redrive_reset(redrive);
    return status;
}

/* ---- lines ---- */

static bool is_asked_for(const struct fb_redrive *redrive, const struct fb_letter *letter)
{
    const struct fb_redrive_options *options = redrive->options;

    return letter->time_ms >= options->since_ms &&
           (options->reason == NULL || strcmp(letter->reason, options->reason) == 0);
}

static enum fb_status take_letter(struct fb_redrive *redrive, struct fb_redrive_entry *entry,
                                  const struct fb_letter *letter, struct fb_error *error)
{
    enum fb_status status;

    if (!is_asked_for(redrive, letter)) {
        entry->fate = FB_REDRIVE_PASSED;
        return FB_OK;
    }
    status = fb_letter_set_add(redrive->set, letter);
    if (status == FB_NO_MEMORY)
        return fb_fail(error, status, "no memory for the names of letters");
    if (status == FB_CONFLICT) {
        entry->fate = FB_REDRIVE_REPEAT;
        return FB_OK;
    }
    return fb_redrive_letter(redrive, letter, entry, error);
}

static enum fb_status take_line(struct run *run, struct fb_error *error)
{
    struct fb_redrive *redrive = run->redrive;
    struct fb_redrive_entry *entry = &redrive->entries[redrive->entry_count++];
    struct fb_letter letter;
    struct fb_error own = {0};
    enum fb_status status;

    *entry = (struct fb_redrive_entry){.at = redrive->text.size, .size = redrive->line.size};
    status = fb_buffer_append(&redrive->text, redrive->line.bytes, redrive->line.size);
    if (status == FB_OK)
        status = fb_buffer_append(&redrive->text, "\n", 1);
    if (status == FB_OK && redrive->progress == NULL)
        status = fb_progress_new(true, &redrive->progress, NULL);
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a line");
    status = fb_letter_parse(redrive->text.bytes + entry->at, redrive->line.size, &letter, &own);
    fb_buffer_reset(&redrive->line);
    if (status == FB_INVALID) {
        entry->fate = FB_REDRIVE_UNREADABLE;
        fb_redrive_tell(redrive, NULL, 0, own.message);
        return FB_OK;
    }
    if (status != FB_OK) {
        *error = own;
        return status;
    }
    status = take_letter(redrive, entry, &letter, error);
    fb_letter_done(&letter);
    return status;
}

/* Passes on what cannot be a letter, without its having to be in memory. */
static enum fb_status pass_long_line(struct run *run, const char *bytes, size_t size,
                                     struct fb_error *error)
{
    struct fb_redrive *redrive = run->redrive;
    const struct fb_redrive_source *source = run->source;
    enum fb_status status = FB_OK;

    if (!run->in_long_line) {
        run->in_long_line = true;
        fb_redrive_tell(redrive, NULL, 0, "it is longer than any dead letter");
        count(redrive->counts, FB_REDRIVE_UNREADABLE);
        status = settle(run, error);
        if (status == FB_OK)
            status = source->keep(source->context, redrive->line.bytes, redrive->line.size, error);
        fb_buffer_reset(&redrive->line);
    }
    return status == FB_OK ? source->keep(source->context, bytes, size, error) : status;
}

static bool is_run_full(const struct fb_redrive *redrive)
{
    return redrive->entry_count == FB_REDRIVE_LETTERS || redrive->text.size >= TEXT_BYTES;
}

/* A piece without a newline, or up to one and with it. */
static enum fb_status take_piece(struct run *run, const char *bytes, size_t size, bool ends,
                                 struct fb_error *error)
{
    struct fb_redrive *redrive = run->redrive;
    enum fb_status status;

    if (run->in_long_line || redrive->line.size + size > LINE_MAX_BYTES) {
        status = pass_long_line(run, bytes, size, error);
        run->in_long_line = !ends;
        return status;
    }
    status = fb_buffer_append(&redrive->line, bytes, ends ? size - 1 : size);
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for a line");
    if (!ends)
        return FB_OK;
    if (redrive->line.size == 0)
        return FB_OK;
    status = take_line(run, error);
    return status == FB_OK && is_run_full(redrive) ? settle(run, error) : status;
}

static enum fb_status take_bytes(struct run *run, const char *bytes, size_t size,
                                 struct fb_error *error)
{
    enum fb_status status = FB_OK;

    while (size > 0 && status == FB_OK) {
        const char *newline = memchr(bytes, '\n', size);
        const size_t piece = newline == NULL ? size : (size_t)(newline - bytes) + 1;

        status = take_piece(run, bytes, piece, newline != NULL, error);
        bytes += piece;
        size -= piece;
    }
    return status;
}

enum fb_status fb_redrive_source(struct fb_redrive *redrive, const struct fb_redrive_source *source,
                                 bool *ret_changed, struct fb_error *error)
{
    struct run run = {.redrive = redrive, .source = source};
    char *bytes = malloc(READ_BYTES);
    enum fb_status status;
    size_t size;

    if (bytes == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    fb_buffer_reset(&redrive->line);
    do {
        size = 0;
        status = source->read(source->context, bytes, READ_BYTES, &size, error);
        if (status == FB_OK)
            status = take_bytes(&run, bytes, size, error);
    } while (status == FB_OK && size > 0);
    /* A crash may have cut the last line: it ends with what is left of it. */
    if (status == FB_OK && (redrive->line.size > 0 || run.in_long_line))
        status = take_bytes(&run, "\n", 1, error);
    if (status == FB_OK)
        status = settle(&run, error);
    else if (wait_for_lanes(redrive, NULL) == FB_OK)
        fb_redrive_reset(redrive);
    free(bytes);
    /* A lane that gave up says why; a reader that it stopped does not. */
    if (status == FB_CANCELED)
        status = failure_of(redrive, error) == FB_OK ? FB_CANCELED : error->status;
    if (status == FB_OK)
        *ret_changed = run.changed;
    return status;
}
