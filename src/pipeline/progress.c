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
    struct fb_frontier behind;
};

struct fb_progress_object {
    struct fb_progress_object *next;
    struct fb_state_object identity;
    struct fb_span *spans, *last_span; /* not passed by the frontier, oldest first */
    struct fb_frontier frontier;
    enum fb_object_state outcome;         /* FB_OBJECT_ACTIVE until it has ended */
    enum fb_object_state viewed;          /* as the last view has it */
    enum fb_object_state committed_state; /* as the state file has it */
    struct fb_frontier committed_frontier;
    uint64_t records, dead_letters;
    atomic_uint_fast64_t refused; /* dead letters of its spans, before they are acknowledged */
    int64_t begun_ms;
};

struct fb_progress {
    bool in_any_order;
    pthread_mutex_t lock; /* guards all lists and what hangs in them, but for spans' counters */
    struct fb_progress_object *objects, *last_object;
    struct fb_span *free_spans;
    size_t object_count;
    struct fb_object_progress *viewed; /* what the last view says */
    size_t viewed_capacity;
};

enum fb_status fb_progress_new(bool in_any_order, struct fb_progress **ret_progress,
                               struct fb_error *error)
{
    struct fb_progress *progress = calloc(1, sizeof *progress);

    if (progress == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for the progress of a stream");
    progress->in_any_order = in_any_order;
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
                                        struct fb_state_object *object, int64_t begun_ms,
                                        struct fb_progress_object **ret_object)
{
    struct fb_progress_object *entry = calloc(1, sizeof *entry);

    if (entry == NULL)
        return FB_NO_MEMORY;
    entry->identity = *object;
    *object = (struct fb_state_object){0};
    entry->frontier = entry->identity.frontier;
    entry->committed_frontier = entry->identity.frontier;
    entry->begun_ms = begun_ms;
    entry->outcome = FB_OBJECT_ACTIVE;
    entry->viewed = FB_OBJECT_ACTIVE;
    entry->committed_state = FB_OBJECT_ACTIVE;
    pthread_mutex_lock(&progress->lock);
    if (progress->objects == NULL)
        progress->objects = entry;
    else
        progress->last_object->next = entry;
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

void fb_span_note_letter(struct fb_span *span)
{
    atomic_fetch_add_explicit(&span->object->refused, 1, memory_order_relaxed);
}

static uint64_t dead_letters_of(const struct fb_progress_object *object)
{
    return object->dead_letters + atomic_load_explicit(&object->refused, memory_order_relaxed);
}

void fb_progress_span_close(struct fb_progress *progress, struct fb_span *span,
                            struct fb_frontier behind, uint64_t end_ordinal)
{
    pthread_mutex_lock(&progress->lock);
    span->behind = behind;
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

        object->frontier = span->behind;
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

/* The first record of the oldest span that is not complete; UINT64_MAX when all are. */
static uint64_t first_unresolved(const struct fb_progress *progress)
{
    uint64_t first = UINT64_MAX;

    for (const struct fb_progress_object *object = progress->objects; object != NULL;
         object = object->next) {
        const struct fb_span *span = object->spans;

        while (span != NULL && is_complete(span))
            span = span->next;
        if (span != NULL && span->first_ordinal < first)
            first = span->first_ordinal;
    }
    return first;
}

static bool has_news(const struct fb_progress_object *object)
{
    return object->viewed != object->committed_state ||
           object->frontier.record != object->committed_frontier.record ||
           object->frontier.offset_bytes != object->committed_frontier.offset_bytes ||
           object->frontier.part != object->committed_frontier.part;
}

/* With the lock. Lists every object whose row must change. */
static size_t list_changes(struct fb_progress *progress, fb_progress_hold_fn hold, void *context)
{
    const uint64_t resolved_ordinal = first_unresolved(progress);
    bool may_end = true;
    size_t count = 0;

    for (struct fb_progress_object *object = progress->objects; object != NULL;
         object = object->next) {
        object->viewed = is_written(object) ? FB_OBJECT_WRITTEN : FB_OBJECT_ACTIVE;
        if (may_end && advance(progress, object, hold, context, resolved_ordinal) &&
            object->outcome != FB_OBJECT_ACTIVE)
            object->viewed = object->outcome;
        else
            may_end = progress->in_any_order;
        if (has_news(object))
            progress->viewed[count++] = (struct fb_object_progress){
                .id = object->identity.id,
                .state = object->viewed,
                .records = object->records,
                .dead_letters = dead_letters_of(object),
                .frontier = object->frontier,
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
                           .in_any_order = progress->in_any_order},
            .is_new = count > 0,
        };
    }
    pthread_mutex_unlock(&progress->lock);
    return status;
}

static bool has_ended(const struct fb_progress_object *object)
{
    return object->viewed != FB_OBJECT_ACTIVE && object->viewed != FB_OBJECT_WRITTEN;
}

void fb_progress_committed(struct fb_progress *progress, fb_progress_ended_fn on_ended,
                           void *context)
{
    struct fb_progress_object **link = &progress->objects;

    pthread_mutex_lock(&progress->lock);
    progress->last_object = NULL;
    while (*link != NULL) {
        struct fb_progress_object *object = *link;

        object->committed_state = object->viewed;
        object->committed_frontier = object->frontier;
        if (!has_ended(object)) {
            progress->last_object = object;
            link = &object->next;
            continue;
        }
        *link = object->next;
        progress->object_count--;
        on_ended(context, &object->identity, object->outcome, object->records,
                 dead_letters_of(object), object->begun_ms);
        free_object(object);
    }
    pthread_mutex_unlock(&progress->lock);
}
