/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "decoder_private.h"
#include "firebridge/base/thread.h"

/* Objects begun but not passed by the frontier; bounds memory behind one stuck key. */
#define OBJECTS_IN_FLIGHT 1000
#define FRONTIER_LOOK_MS  20

/* Which object is at work; NULL: none. */
static void note_work(const struct fb_decoder *decoder, const struct fb_state_object *object)
{
    struct fb_decoder_work *work = decoder->options.work;

    if (work == NULL)
        return;
    pthread_mutex_lock(&work->lock);
    snprintf(work->key, sizeof work->key, "%s", object == NULL ? "" : object->key);
    work->size_bytes = object == NULL ? 0 : object->size_bytes;
    pthread_mutex_unlock(&work->lock);
    atomic_store(&work->read_bytes, 0);
}

/* With a token that nobody has raised for another object. */
static void set_at_work(struct fb_decoder *decoder, uint64_t sequence)
{
    pthread_mutex_lock(&decoder->lock);
    decoder->sequence = sequence;
    fb_stop_init(&decoder->stop, decoder->options.stop);
    pthread_mutex_unlock(&decoder->lock);
}

void fb_decoder_skip(struct fb_decoder *decoder, uint64_t sequence)
{
    pthread_mutex_lock(&decoder->lock);
    if (decoder->sequence == sequence)
        fb_stop_request(&decoder->stop, FB_STOP_DRAIN);
    pthread_mutex_unlock(&decoder->lock);
}

/* Takes over the strings of `object`. FB_OK: it has ended, well or not. */
static enum fb_status process(struct fb_decoder *decoder, struct fb_state_object *object)
{
    const int64_t begun_ms = fb_monotonic_ms(decoder->options.clock);
    struct fb_reading reading = {.decoder = decoder, .outlet = decoder->options.outlet};
    enum fb_status status;

    set_at_work(decoder, object->sequence);
    status = fb_outlet_begin(reading.outlet, object, &reading.error);
    fb_state_object_done(object);
    if (status == FB_OK) {
        reading.identity = reading.outlet->identity;
        note_work(decoder, reading.identity);
        status =
            reading.identity->is_skipped ? fb_reading_take_off(&reading) : fb_reading_run(&reading);
        note_work(decoder, NULL);
    }
    set_at_work(decoder, 0);
    if (status == FB_OK && reading.identity->is_backfill)
        fb_takeup_backfilled(decoder->options.takeup, reading.outlet->next.record, begun_ms);
    if (status != FB_CANCELED)
        fb_event_raise(decoder->options.changed);
    if (status != FB_OK && status != FB_CANCELED)
        decoder->options.on_failure(decoder->options.context, &reading.error);
    return status;
}

/* Asks the state file until it answers. FB_OK, FB_END, FB_CANCELED, or gave up. */
static enum fb_status next_object(struct fb_decoder *decoder, struct fb_state_object *ret_object)
{
    const struct fb_decoder_options *options = &decoder->options;
    struct fb_error error = {0};
    enum fb_status status;

    for (;;) {
        if (fb_stop_level(options->stop) != FB_STOP_NOT)
            return FB_CANCELED;
        status =
            fb_takeup_next(options->takeup, atomic_load(options->may_take), ret_object, &error);
        if (status == FB_OK || status == FB_END) {
            fb_patience_success(&decoder->patience);
            return status;
        }
        snprintf(decoder->what, sizeof decoder->what, "take up the next object");
        status = fb_patience_wait(&decoder->patience, &error);
        if (status == FB_OK)
            continue;
        if (status != FB_CANCELED)
            options->on_failure(options->context, &error);
        return status;
    }
}

static void set_busy(struct fb_decoder *decoder, bool is_busy)
{
    if (decoder->is_busy == is_busy)
        return;
    decoder->is_busy = is_busy;
    if (is_busy)
        atomic_fetch_add(&decoder->options.counters->busy, 1);
    else
        atomic_fetch_sub(&decoder->options.counters->busy, 1);
}

static void set_waiting(struct fb_decoder *decoder, bool is_waiting)
{
    if (decoder->is_waiting == is_waiting)
        return;
    decoder->is_waiting = is_waiting;
    if (is_waiting)
        atomic_fetch_add(&decoder->options.counters->waiting, 1);
    else
        atomic_fetch_sub(&decoder->options.counters->waiting, 1);
}

/*
 * Waits while too many objects stand behind the frontier. That counts as idle: a dead letter among
 * them must not hold back what we wait for.
 */
static void wait_for_frontier(struct fb_decoder *decoder)
{
    while (fb_progress_objects(decoder->options.outlet->options.progress) >= OBJECTS_IN_FLIGHT &&
           !fb_stop_wait(decoder->options.stop, FB_STOP_DRAIN, FRONTIER_LOOK_MS)) {
        set_busy(decoder, false);
        set_waiting(decoder, true);
        fb_event_raise(decoder->options.changed);
    }
    set_busy(decoder, true);
    set_waiting(decoder, false);
}

static void *run(void *argument)
{
    struct fb_decoder *decoder = argument;
    const struct fb_decoder_options *options = &decoder->options;
    enum fb_status status = FB_OK;

    while (status == FB_OK && fb_stop_level(options->stop) == FB_STOP_NOT) {
        struct fb_state_object object = {0};
        uint64_t seen = fb_event_count(options->event);
        bool last_look = atomic_load(options->poller_finished);

        /* Before the look at the hold: who set it takes us for at rest only when we saw it. */
        set_busy(decoder, true);
        if (fb_hold_of(decoder->options.hold) == FB_HOLD_NOTHING) {
            status = next_object(decoder, &object);
        } else {
            status = FB_END;
            last_look = false;
        }
        if (status == FB_OK) {
            status = process(decoder, &object);
            wait_for_frontier(decoder);
        } else if (status == FB_END) {
            set_busy(decoder, false);
            if (last_look)
                break;
            if (fb_hold_of(decoder->options.hold) != FB_HOLD_NOTHING)
                fb_event_raise(options->changed);
            fb_event_wait(options->event, seen, fb_takeup_wait_ms(options->takeup));
            status = FB_OK;
        }
    }
    atomic_fetch_sub(&options->counters->running, 1);
    fb_event_raise(options->changed);
    return NULL;
}

static void free_parts(struct fb_decoder *decoder)
{
    fb_object_reader_free(decoder->reader);
    pthread_mutex_destroy(&decoder->lock);
    free(decoder);
}

enum fb_status fb_decoder_new(const struct fb_decoder_options *options,
                              struct fb_decoder **ret_decoder, struct fb_error *error)
{
    struct fb_decoder *decoder = calloc(1, sizeof *decoder);
    enum fb_status status;

    if (decoder == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a decoder");
    decoder->options = *options;
    decoder->options.patience.what = decoder->what;
    decoder->options.patience.stop = &decoder->stop;
    pthread_mutex_init(&decoder->lock, NULL);
    set_at_work(decoder, 0);
    decoder->is_busy = true;
    fb_patience_init(&decoder->patience, &decoder->options.patience, options->seed);
    status = fb_object_reader_new(&options->reader, &decoder->reader, error);
    if (status == FB_OK) {
        atomic_fetch_add(&options->counters->busy, 1);
        atomic_fetch_add(&options->counters->running, 1);
        status = fb_thread_start(&decoder->thread, "decoder", run, decoder, error);
    }
    if (status != FB_OK) {
        free_parts(decoder);
        return status;
    }
    *ret_decoder = decoder;
    return FB_OK;
}

void fb_decoder_free(struct fb_decoder *decoder)
{
    if (decoder == NULL)
        return;
    fb_thread_join(decoder->thread);
    free_parts(decoder);
}
