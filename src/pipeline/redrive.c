/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/redrive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/backoff.h"
#include "redrive_private.h"

/* Beside the lines of a run, the one that passes its bound. */
#define TEXT_MAX_BYTES ((size_t)48 << 20)

/* So many letters are told of one by one; the counts tell of all. */
#define TOLD_MAX 20

void fb_redrive_tell(struct fb_redrive *redrive, const char *key, uint64_t record_number,
                     const char *message)
{
    const struct fb_redrive_options *options = redrive->options;
    char text[1024];
    uint64_t told;

    if (key == NULL)
        snprintf(text, sizeof text, "stream %s: a line stays, for %.600s", options->stream,
                 message);
    else
        snprintf(text, sizeof text, "stream %s: %.300s record %llu stays: %.400s", options->stream,
                 key, (unsigned long long)record_number, message);
    fb_make_printable(text);
    pthread_mutex_lock(&redrive->lock);
    told = redrive->told++;
    if (told < TOLD_MAX)
        options->tell(options->context, text);
    else if (told == TOLD_MAX)
        options->tell(options->context, "... and so on");
    pthread_mutex_unlock(&redrive->lock);
}

void fb_redrive_note_failed(struct fb_redrive *redrive, struct fb_redrive_entry *entry,
                            const char *reason, const char *message)
{
    pthread_mutex_lock(&redrive->lock);
    entry->fate = FB_REDRIVE_FAILED;
    snprintf(entry->reason, sizeof entry->reason, "%s", reason);
    free(entry->message);
    entry->message = strdup(message);
    pthread_mutex_unlock(&redrive->lock);
}

/* ---- lanes ---- */

/* Lanes call it, so a line of a letter that is refused finds its entry by its ordinal. */
static enum fb_status note_refused(struct fb_letter_sink *sink, const struct fb_dead_letter *letter,
                                   const char *line, size_t size, struct fb_error *error)
{
    struct fb_redrive *redrive =
        (struct fb_redrive *)(void *)((char *)sink - offsetof(struct fb_redrive, sink));

    (void)line;
    (void)size;
    (void)error;
    fb_redrive_note_failed(redrive, &redrive->entries[letter->ordinal], letter->reason,
                           letter->message);
    fb_redrive_tell(redrive, letter->object->key, letter->record_number, letter->message);
    return FB_OK;
}

static enum fb_status nothing_to_sync(struct fb_letter_sink *sink, struct fb_error *error)
{
    (void)sink;
    (void)error;
    return FB_OK;
}

static void nothing_to_free(struct fb_letter_sink *sink)
{
    (void)sink;
}

static void on_failure(void *context, const struct fb_error *error)
{
    struct fb_redrive *redrive = context;

    pthread_mutex_lock(&redrive->lock);
    if (redrive->failure.status == FB_OK)
        redrive->failure = *error;
    fb_stop_request(&redrive->stop, FB_STOP_NOW);
    for (size_t i = 0; i < redrive->lane_count; i++)
        if (redrive->lanes[i] != NULL)
            fb_lane_wake(redrive->lanes[i]);
    pthread_mutex_unlock(&redrive->lock);
    fb_item_pool_wake(redrive->pool);
}

/* Told once a call; then it is tried again in silence. */
static void on_health(void *context, const char *what, const struct fb_error *error, bool first)
{
    struct fb_redrive *redrive = context;
    char text[1024];

    if (error == NULL || !first)
        return;
    snprintf(text, sizeof text, "stream %s: %.200s: %.700s; it is tried again",
             redrive->options->stream, what, error->message);
    pthread_mutex_lock(&redrive->lock);
    redrive->options->tell(redrive->options->context, text);
    pthread_mutex_unlock(&redrive->lock);
}

static struct fb_patience_options patience_options(struct fb_redrive *redrive)
{
    return (struct fb_patience_options){
        .clock = redrive->options->clock,
        .stop = &redrive->stop,
        .stop_at = FB_STOP_NOW,
        .give_up_after_ms = redrive->options->give_up_after_ms,
        .on_health = on_health,
        .context = redrive,
    };
}

void fb_redrive_patience(struct fb_redrive *redrive, const char *what,
                         struct fb_patience *ret_patience)
{
    struct fb_patience_options options = patience_options(redrive);

    options.what = what;
    fb_patience_init(ret_patience, &options, fb_random_entropy());
}

static enum fb_status open_letters(struct fb_redrive *redrive, struct fb_error *error)
{
    const struct fb_dead_letters_options options = {
        .sink = &redrive->sink,
        .stream = redrive->options->stream,
        .bucket = "",
        .clock = redrive->options->clock,
        .accept_all = true,
    };

    redrive->sink = (struct fb_letter_sink){
        .add = note_refused, .sync = nothing_to_sync, .free = nothing_to_free};
    return fb_dead_letters_open(&options, &redrive->letters, error);
}

static enum fb_status start_lanes(struct fb_redrive *redrive, struct fb_error *error)
{
    const struct fb_redrive_options *options = redrive->options;
    const struct fb_redrive_calls *calls = &options->calls;
    struct fb_lane_options lane = {
        .stream = options->stream,
        .table = options->table,
        .schema = options->schema,
        .version_attribute = fb_mapping_version_attribute(options->reader.mapping),
        .removes_nulls = options->removes_nulls,
        .write = calls->write,
        .clock = options->clock,
        .stop = &redrive->stop,
        .pool = redrive->pool,
        .letters = redrive->letters,
        .counters = &redrive->lane_counters,
        .patience = patience_options(redrive),
        .seed = options->reader.hash_seed,
        .on_failure = on_failure,
        .context = redrive,
    };
    struct fb_lane *made = NULL;
    enum fb_status status = FB_OK;

    redrive->lanes = calloc(options->writers, sizeof *redrive->lanes);
    redrive->lane_clients = calloc(options->writers, sizeof *redrive->lane_clients);
    if (redrive->lanes == NULL || redrive->lane_clients == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for lanes");
    for (unsigned i = 0; i < options->writers && status == FB_OK; i++) {
        status = calls->connect(calls->connect_context, FB_SIDE_TABLE, &redrive->stop, FB_STOP_NOW,
                                &redrive->lane_clients[i], error);
        lane.client = redrive->lane_clients[i];
        if (status == FB_OK)
            status = fb_lane_new(&lane, i, &made, error);
        if (status != FB_OK)
            break;
        pthread_mutex_lock(&redrive->lock);
        redrive->lanes[redrive->lane_count++] = made;
        pthread_mutex_unlock(&redrive->lock);
    }
    return status;
}

enum fb_status fb_redrive_s3_client(struct fb_redrive *redrive, struct fb_client **ret_client,
                                    struct fb_error *error)
{
    const struct fb_redrive_calls *calls = &redrive->options->calls;
    enum fb_status status = FB_OK;

    if (redrive->s3_client.transport == NULL)
        status = calls->connect(calls->connect_context, FB_SIDE_LETTERS, &redrive->stop,
                                FB_STOP_NOW, &redrive->s3_client, error);
    if (status == FB_OK)
        *ret_client = &redrive->s3_client;
    return status;
}

/* ---- all of it ---- */

static enum fb_status set_up(struct fb_redrive *redrive, struct fb_error *error)
{
    enum fb_status status;

    fb_stop_init(&redrive->stop, NULL);
    pthread_mutex_init(&redrive->lock, NULL);
    fb_buffer_init(&redrive->text, TEXT_MAX_BYTES);
    fb_buffer_init(&redrive->line, TEXT_MAX_BYTES);
    redrive->set = fb_letter_set_new();
    if (redrive->set == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for the names of letters");
    status = fb_item_pool_new(redrive->options->max_in_flight, &redrive->pool, error);
    if (status == FB_OK)
        status = open_letters(redrive, error);
    if (status == FB_OK && !redrive->options->dry_run)
        status = start_lanes(redrive, error);
    return status;
}

/* One that fails while another is freed wakes those that are left. */
static void free_lanes(struct fb_redrive *redrive)
{
    for (size_t i = 0; i < redrive->lane_count; i++) {
        struct fb_lane *lane = redrive->lanes[i];

        pthread_mutex_lock(&redrive->lock);
        redrive->lanes[i] = NULL;
        pthread_mutex_unlock(&redrive->lock);
        fb_lane_free(lane);
    }
}

static void tear_down(struct fb_redrive *redrive)
{
    free_lanes(redrive);
    fb_redrive_reset(redrive);
    for (size_t i = 0; redrive->lane_clients != NULL && i < redrive->options->writers; i++)
        if (redrive->lane_clients[i].transport != NULL)
            redrive->options->calls.disconnect(&redrive->lane_clients[i]);
    if (redrive->s3_client.transport != NULL)
        redrive->options->calls.disconnect(&redrive->s3_client);
    free(redrive->lanes);
    free(redrive->lane_clients);
    for (size_t i = 0; i < FB_FORMAT_COUNT; i++)
        fb_record_reader_free(redrive->readers[i]);
    fb_dead_letters_close(redrive->letters);
    fb_item_pool_free(redrive->pool);
    fb_letter_set_free(redrive->set);
    fb_buffer_done(&redrive->text);
    fb_buffer_done(&redrive->line);
    pthread_mutex_destroy(&redrive->lock);
    free(redrive);
}

enum fb_status fb_redrive_run(const struct fb_redrive_options *options,
                              struct fb_redrive_counts *counts, struct fb_error *error)
{
    struct fb_redrive *redrive = calloc(1, sizeof *redrive);
    enum fb_status status;

    if (redrive == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    redrive->options = options;
    redrive->counts = counts;
    *counts = (struct fb_redrive_counts){0};
    status = set_up(redrive, error);
    if (status == FB_OK)
        status = fb_redrive_files(redrive, error);
    if (status == FB_OK && options->letters_bucket != NULL)
        status = fb_redrive_s3(redrive, error);
    tear_down(redrive);
    return status;
}
