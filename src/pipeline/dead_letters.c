/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/dead_letters.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "firebridge/base/heartbeat.h"
#include "firebridge/base/log.h"

struct fb_dead_letters {
    char *stream;
    char *bucket;
    struct fb_clock *clock;
    uint64_t max_letters, in_records;
    bool accept_all;

    pthread_mutex_t lock; /* guards the sink; held while it waits for S3 or the disk */
    struct fb_letter_sink *sink;
    atomic_uint_fast64_t count, held_bytes; /* read without a lock */
    struct fb_tally reasons;

    /*
     * Guards what follows, never for long: the frontier asks under a lock that decoders wait for.
     * Taken within the other, which whoever changes something holds, too.
     */
    pthread_mutex_t gate;
    uint64_t
        first_unkept; /* ordinal of the first letter that waits in the sink; UINT64_MAX: none */
    uint64_t *ring;   /* ordinals of the last max_letters letters, oldest at `oldest` */
    uint64_t oldest, ring_count;
};

void fb_letter_sink_free(struct fb_letter_sink *sink)
{
    if (sink != NULL)
        sink->free(sink);
}

static void note_held(struct fb_dead_letters *letters)
{
    if (letters->sink->held_bytes != NULL)
        atomic_store(&letters->held_bytes, letters->sink->held_bytes(letters->sink));
}

enum fb_status fb_dead_letters_open(const struct fb_dead_letters_options *options,
                                    struct fb_dead_letters **ret_letters, struct fb_error *error)
{
    struct fb_dead_letters *letters = calloc(1, sizeof *letters);

    if (letters == NULL) {
        fb_letter_sink_free(options->sink);
        return fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    }
    letters->sink = options->sink;
    letters->clock = options->clock;
    letters->max_letters = options->max_letters;
    letters->in_records = options->in_records;
    letters->accept_all = options->accept_all || options->max_letters == 0;
    letters->first_unkept = UINT64_MAX;
    pthread_mutex_init(&letters->lock, NULL);
    pthread_mutex_init(&letters->gate, NULL);
    fb_tally_init(&letters->reasons);
    note_held(letters);
    letters->stream = strdup(options->stream);
    letters->bucket = strdup(options->bucket);
    if (!letters->accept_all)
        letters->ring = calloc(letters->max_letters, sizeof *letters->ring);
    if (letters->stream == NULL || letters->bucket == NULL ||
        (letters->ring == NULL && !letters->accept_all)) {
        fb_dead_letters_close(letters);
        return fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    }
    *ret_letters = letters;
    return FB_OK;
}

void fb_dead_letters_close(struct fb_dead_letters *letters)
{
    if (letters == NULL)
        return;
    fb_letter_sink_free(letters->sink);
    pthread_mutex_destroy(&letters->lock);
    pthread_mutex_destroy(&letters->gate);
    fb_tally_done(&letters->reasons);
    free(letters->stream);
    free(letters->bucket);
    free(letters->ring);
    free(letters);
}

/* Whoever has it may wait for S3 for long; who waits for it is alive all the same. */
static void take_lock(struct fb_dead_letters *letters)
{
    struct timespec until;

    do {
        fb_heartbeat();
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
    } while (pthread_mutex_clocklock(&letters->lock, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
}

static enum fb_status sync_locked(struct fb_dead_letters *letters, struct fb_error *error)
{
    enum fb_status status = letters->sink->sync(letters->sink, error);

    note_held(letters);
    if (status != FB_OK)
        return status;
    pthread_mutex_lock(&letters->gate);
    letters->first_unkept = UINT64_MAX;
    pthread_mutex_unlock(&letters->gate);
    return FB_OK;
}

/* With the lock. Whether one more, with that ordinal, is too many. */
static bool is_too_many(const struct fb_dead_letters *letters, uint64_t ordinal)
{
    uint64_t before = letters->max_letters - 1;
    uint64_t first;

    if (letters->accept_all || letters->ring_count < before)
        return false;
    if (before == 0)
        return true;
    first = letters->oldest + letters->ring_count - before;
    return ordinal < letters->ring[first % letters->max_letters] + letters->in_records;
}

static void note_in_ring(struct fb_dead_letters *letters, uint64_t ordinal)
{
    if (letters->ring_count == letters->max_letters) {
        letters->oldest = (letters->oldest + 1) % letters->max_letters;
        letters->ring_count--;
    }
    letters->ring[(letters->oldest + letters->ring_count) % letters->max_letters] = ordinal;
    letters->ring_count++;
}

/* Before its record is acknowledged, so that no frontier passes it unseen. */
static void note_ordinal(struct fb_dead_letters *letters, uint64_t ordinal)
{
    atomic_fetch_add(&letters->count, 1);
    pthread_mutex_lock(&letters->gate);
    /* Rejections come a little out of order. */
    if (letters->sink->is_due != NULL && ordinal < letters->first_unkept)
        letters->first_unkept = ordinal;
    if (!letters->accept_all)
        note_in_ring(letters, ordinal);
    pthread_mutex_unlock(&letters->gate);
}

static enum fb_status add_locked(struct fb_dead_letters *letters,
                                 const struct fb_dead_letter *letter, struct fb_error *error)
{
    const struct fb_letter_context context = {
        .stream = letters->stream,
        .bucket = letters->bucket,
        .time_ms = fb_realtime_ms(letters->clock),
    };
    enum fb_status status;
    size_t size;
    char *line;

    if (is_too_many(letters, letter->ordinal))
        return fb_fail(error, FB_CONFLICT,
                       "%llu dead letters within %llu records (max_dead_letters), the last: %s: "
                       "%s. The frontier has not moved past the first. Mend the conf or the "
                       "records, or go on with: firebridge run --accept-dead-letters",
                       (unsigned long long)letters->max_letters,
                       (unsigned long long)letters->in_records, letter->reason, letter->message);
    if (letters->sink->is_full != NULL && letters->sink->is_full(letters->sink)) {
        status = sync_locked(letters, error);
        if (status != FB_OK)
            return status;
    }
    line = fb_letter_format(&context, letter, &size);
    if (line == NULL)
        return fb_fail(error, FB_IO, "dead letters: no memory for a line");
    status = letters->sink->add(letters->sink, letter, line, size, error);
    free(line);
    if (status != FB_OK)
        return status;
    note_ordinal(letters, letter->ordinal);
    note_held(letters);
    fb_tally_add(&letters->reasons, letter->reason, 1);
    return FB_OK;
}

enum fb_status fb_dead_letters_add(struct fb_dead_letters *letters,
                                   const struct fb_dead_letter *letter, struct fb_error *error)
{
    enum fb_status status;

    take_lock(letters);
    status = add_locked(letters, letter, error);
    pthread_mutex_unlock(&letters->lock);
    return status;
}

enum fb_status fb_dead_letters_keep(struct fb_dead_letters *letters,
                                    const struct fb_dead_letter *letter,
                                    struct fb_patience *patience, struct fb_error *error)
{
    struct fb_error own = {0};
    enum fb_status status;

    for (;;) {
        status = fb_dead_letters_add(letters, letter, &own);
        if (status == FB_OK || status == FB_CONFLICT || status == FB_CANCELED ||
            status == FB_CORRUPT)
            break;
        status = fb_patience_wait(patience, &own);
        if (status != FB_OK)
            break;
    }
    if (status == FB_OK) {
        const bool is_put = letter->operation == FB_PUT;

        fb_patience_success(patience);
        fb_log_event(FB_EVENT_DEAD_LETTER,
                     FB_ABOUT(.stream = letters->stream, .object = letter->object->key,
                              .record = &letter->record_number, .code = letter->reason),
                     "dead letter: %s record %llu (byte %llu)%s%s: %s: %s", letter->object->key,
                     (unsigned long long)letter->record_number,
                     (unsigned long long)letter->offset_bytes, is_put ? "" : ", ",
                     is_put ? "" : fb_operation_name(letter->operation), letter->reason,
                     letter->message);
    } else if (error != NULL) {
        *error = own;
    }
    return status;
}

enum fb_status fb_dead_letters_sync(struct fb_dead_letters *letters, bool all,
                                    struct fb_error *error)
{
    struct fb_letter_sink *sink = letters->sink;
    enum fb_status status = FB_OK;

    take_lock(letters);
    if (all || sink->is_due == NULL || sink->is_due(sink))
        status = sync_locked(letters, error);
    pthread_mutex_unlock(&letters->lock);
    return status;
}

uint64_t fb_dead_letters_undecided(struct fb_dead_letters *letters, uint64_t ordinal)
{
    uint64_t first;

    pthread_mutex_lock(&letters->gate);
    first = letters->first_unkept;
    for (uint64_t i = 0; i < letters->ring_count; i++) {
        uint64_t at = letters->ring[(letters->oldest + i) % letters->max_letters];

        /* Rejections come a little out of order, so the smallest is looked for. */
        if (ordinal < at + letters->in_records && at < first)
            first = at;
    }
    pthread_mutex_unlock(&letters->gate);
    return first;
}

uint64_t fb_dead_letters_count(struct fb_dead_letters *letters)
{
    return atomic_load(&letters->count);
}

void fb_dead_letters_reasons(struct fb_dead_letters *letters, struct fb_tally_view *ret_reasons)
{
    fb_tally_view(&letters->reasons, ret_reasons);
}

uint64_t fb_dead_letters_held_bytes(struct fb_dead_letters *letters)
{
    return atomic_load(&letters->held_bytes);
}
