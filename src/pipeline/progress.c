/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/progress.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Stands for the records of a span that is not closed: more than there can be. */
#define NOT_CLOSED ((uint64_t)1 << 62)

struct fb_span {
    atomic_uint_fast64_t open; /* NOT_CLOSED, then records added; less those acknowledged */
    char apart[64];            /* all writers write above, only the decoder below */
    uint64_t added;            /* by the decoder, until it closes the span */
    struct fb_span *next;      /* of the same object, or of the free list */
    struct fb_progress_object *object;
    uint64_t first_ordinal, end_ordinal;
    uint64_t next_record, next_offset_bytes;
};

struct fb_progress_object {
    struct fb_progress_object *next;
    struct fb_state_object identity;
    struct fb_span *spans, *last_span; /* not passed by the frontier, oldest first */
    uint64_t frontier_record, frontier_offset_bytes;
    enum fb_object_state outcome;   /* FB_OBJECT_ACTIVE until it has ended */
    enum fb_object_state committed; /* as the state file has it */
    uint64_t records, dead_letters;
    int64_t begun_ms;
};

struct fb_progress {
    pthread_mutex_t lock; /* guards all lists and what hangs in them, but for spans' counters */
    struct fb_progress_object *objects, *last_object;
    struct fb_span *free_spans;
    size_t object_count;
    /* The last view, and what was last committed. */
    struct fb_object_progress *viewed;
    size_t viewed_capacity;
    size_t passed; /* objects that the view ends */
    uint64_t view_record, view_offset_bytes;
    uint64_t committed_record, committed_offset_bytes;
};

enum fb_status fb_progress_new(struct fb_progress **ret_progress, struct fb_error *error)
{
    struct fb_progress *progress = calloc(1, sizeof *progress);

    if (progress == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for the progress of a stream");
    pthread_mutex_init(&progress->lock, NULL);
    *ret_progress = progress;
    return FB_OK;
}

static void free_spans(struct fb_span *span)
{
    while (span != NULL) {
        struct fb_span *next = span->next;

        free(span);
        span = next;
    }
}

static void free_object(struct fb_progress_object *object)
{
    free_spans(object->spans);
    fb_state_object_done(&object->identity);
    free(object);
}

void fb_progress_free(struct fb_progress *progress)
{
    if (progress == NULL)
        return;
    while (progress->objects != NULL) {
        struct fb_progress_object *next = progress->objects->next;

        free_object(progress->objects);
        progress->objects = next;
    }
    free_spans(progress->free_spans);
    free(progress->viewed);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}

enum fb_status fb_progress_object_begin(struct fb_progress *progress,
                                        struct fb_state_object *object, uint64_t first_record,
                                        uint64_t offset_bytes, int64_t begun_ms,
                                        struct fb_progress_object **ret_object)
{
    struct fb_progress_object *entry = calloc(1, sizeof *entry);

    if (entry == NULL)
        return FB_NO_MEMORY;
    entry->identity = *object;
    *object = (struct fb_state_object){0};
    entry->frontier_record = first_record;
    entry->frontier_offset_bytes = offset_bytes;
    entry->begun_ms = begun_ms;
    entry->outcome = FB_OBJECT_ACTIVE;
    entry->committed = FB_OBJECT_ACTIVE;
    pthread_mutex_lock(&progress->lock);
    if (progress->objects == NULL) {
        progress->objects = entry;
        progress->committed_record = first_record;
        progress->committed_offset_bytes = offset_bytes;
    } else {
        progress->last_object->next = entry;
    }
    progress->last_object = entry;
    progress->object_count++;
    pthread_mutex_unlock(&progress->lock);
    *ret_object = entry;
    return FB_OK;
}

const struct fb_state_object *fb_progress_object_identity(const struct fb_progress_object *object)
{
    return &object->identity;
}

void fb_progress_object_end(struct fb_progress *progress, struct fb_progress_object *object,
                            enum fb_object_state outcome, uint64_t records, uint64_t dead_letters)
{
    pthread_mutex_lock(&progress->lock);
    object->outcome = outcome;
    object->records = records;
    object->dead_letters = dead_letters;
    pthread_mutex_unlock(&progress->lock);
}

struct fb_span *fb_progress_span_open(struct fb_progress *progress,
                                      struct fb_progress_object *object, uint64_t first_ordinal)
{
    struct fb_span *span;

    pthread_mutex_lock(&progress->lock);
    span = progress->free_spans;
    if (span != NULL)
        progress->free_spans = span->next;
    pthread_mutex_unlock(&progress->lock);
    if (span == NULL)
        span = malloc(sizeof *span);
    if (span == NULL)
        return NULL;
    *span = (struct fb_span){.object = object, .first_ordinal = first_ordinal};
    atomic_init(&span->open, NOT_CLOSED);
    pthread_mutex_lock(&progress->lock);
    if (object->spans == NULL)
        object->spans = span;
    else
        object->last_span->next = span;
    object->last_span = span;
    pthread_mutex_unlock(&progress->lock);
    return span;
}

void fb_span_add(struct fb_span *span)
{
    span->added++;
}

void fb_span_acknowledge(struct fb_span *span, uint64_t count)
{
    atomic_fetch_sub_explicit(&span->open, count, memory_order_release);
}

void fb_progress_span_close(struct fb_progress *progress, struct fb_span *span,
                            uint64_t next_record, uint64_t offset_bytes, uint64_t end_ordinal)
{
    pthread_mutex_lock(&progress->lock);
    span->next_record = next_record;
    span->next_offset_bytes = offset_bytes;
    span->end_ordinal = end_ordinal;
    pthread_mutex_unlock(&progress->lock);
    fb_span_acknowledge(span, NOT_CLOSED - span->added);
}

const struct fb_state_object *fb_span_object(const struct fb_span *span)
{
    return &span->object->identity;
}

uint64_t fb_span_first_ordinal(const struct fb_span *span)
{
    return span->first_ordinal;
}

size_t fb_progress_objects(struct fb_progress *progress)
{
    size_t count;

    pthread_mutex_lock(&progress->lock);
    count = progress->object_count;
    pthread_mutex_unlock(&progress->lock);
    return count;
}

static bool is_complete(const struct fb_span *span)
{
    return atomic_load_explicit(&span->open, memory_order_acquire) == 0;
}

/* Moves the object's frontier over its complete spans. True when no span is left. */
static bool advance(struct fb_progress *progress, struct fb_progress_object *object,
                    fb_progress_hold_fn hold, void *context, uint64_t resolved_ordinal)
{
    while (object->spans != NULL && is_complete(object->spans) &&
           object->spans->end_ordinal <= hold(context, resolved_ordinal)) {
        struct fb_span *span = object->spans;

        object->frontier_record = span->next_record;
        object->frontier_offset_bytes = span->next_offset_bytes;
        object->spans = span->next;
        span->next = progress->free_spans;
        progress->free_spans = span;
    }
    return object->spans == NULL;
}

/* Whether every record of the object is acknowledged, wherever the frontier stands. */
static bool is_written(const struct fb_progress_object *object)
{
    if (object->outcome == FB_OBJECT_ACTIVE)
        return false;
    for (const struct fb_span *span = object->spans; span != NULL; span = span->next)
        if (!is_complete(span))
            return false;
    return true;
}

static enum fb_status reserve_view(struct fb_progress *progress)
{
    struct fb_object_progress *viewed;
    size_t capacity = progress->object_count + 64;

    if (progress->object_count <= progress->viewed_capacity)
        return FB_OK;
    viewed = realloc(progress->viewed, capacity * sizeof *viewed);
    if (viewed == NULL)
        return FB_NO_MEMORY;
    progress->viewed = viewed;
    progress->viewed_capacity = capacity;
    return FB_OK;
}

/* The first record of the first span that is not complete; UINT64_MAX when all are. */
static uint64_t first_unresolved(const struct fb_progress *progress)
{
    for (const struct fb_progress_object *object = progress->objects; object != NULL;
         object = object->next)
        for (const struct fb_span *span = object->spans; span != NULL; span = span->next)
            if (!is_complete(span))
                return span->first_ordinal;
    return UINT64_MAX;
}

/* With the lock. Lists every object whose row must change, and counts those that end. */
static size_t list_changes(struct fb_progress *progress, fb_progress_hold_fn hold, void *context)
{
    uint64_t resolved_ordinal = first_unresolved(progress);
    bool at_frontier = true;
    size_t count = 0;

    progress->passed = 0;
    progress->view_record = 0;
    progress->view_offset_bytes = 0;
    for (struct fb_progress_object *object = progress->objects; object != NULL;
         object = object->next) {
        enum fb_object_state state = FB_OBJECT_ACTIVE;

        if (at_frontier) {
            bool all = advance(progress, object, hold, context, resolved_ordinal);

            if (all && object->outcome != FB_OBJECT_ACTIVE) {
                state = object->outcome;
                progress->passed++;
            } else {
                at_frontier = false;
                progress->view_record = object->frontier_record;
                progress->view_offset_bytes = object->frontier_offset_bytes;
            }
        }
        if (state == FB_OBJECT_ACTIVE && is_written(object))
            state = FB_OBJECT_WRITTEN;
        if (state != object->committed)
            progress->viewed[count++] = (struct fb_object_progress){
                .id = object->identity.id,
                .state = state,
                .records = object->records,
                .dead_letters = object->dead_letters,
            };
    }
    return count;
}

enum fb_status fb_progress_view(struct fb_progress *progress, fb_progress_hold_fn hold,
                                void *context, struct fb_progress_view *ret_view)
{
    enum fb_status status;
    size_t count;

    pthread_mutex_lock(&progress->lock);
    status = reserve_view(progress);
    if (status == FB_OK) {
        count = list_changes(progress, hold, context);
        *ret_view = (struct fb_progress_view){
            .checkpoint = {.objects = progress->viewed,
                           .object_count = count,
                           .frontier_record = progress->view_record,
                           .frontier_offset_bytes = progress->view_offset_bytes},
            .is_new = count > 0 || progress->view_record != progress->committed_record ||
                      progress->view_offset_bytes != progress->committed_offset_bytes,
        };
    }
    pthread_mutex_unlock(&progress->lock);
    return status;
}

/* With the lock. What the view said of the objects that are left is what the file has now. */
static void note_committed(struct fb_progress *progress, size_t viewed_count)
{
    size_t i = 0;

    for (struct fb_progress_object *object = progress->objects; object != NULL && i < viewed_count;
         object = object->next)
        if (progress->viewed[i].id == object->identity.id)
            object->committed = progress->viewed[i++].state;
}

void fb_progress_committed(struct fb_progress *progress, const struct fb_progress_view *view,
                           fb_progress_ended_fn on_ended, void *context)
{
    pthread_mutex_lock(&progress->lock);
    note_committed(progress, view->checkpoint.object_count);
    for (; progress->passed > 0; progress->passed--) {
        struct fb_progress_object *object = progress->objects;

        progress->objects = object->next;
        progress->object_count--;
        on_ended(context, &object->identity, object->outcome, object->records, object->dead_letters,
                 object->begun_ms);
        free_object(object);
    }
    progress->committed_record = progress->view_record;
    progress->committed_offset_bytes = progress->view_offset_bytes;
    pthread_mutex_unlock(&progress->lock);
}
