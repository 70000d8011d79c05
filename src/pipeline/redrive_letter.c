/* SPDX-License-Identifier: Apache-2.0 */
/* One dead letter, read again as its object's record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redrive_private.h"

/* What reading the letter's bytes gave. */
struct outcome {
    uint64_t records;
    bool is_whole; /* the first of them is all of the bytes */
    struct fb_item *item;
    enum fb_dead_reason reason;
    char message[sizeof((struct fb_record *)0)->message];
};

/* Where records are read by what the conf does not say, the letter says it. */
static enum fb_format format_of(const struct fb_redrive *redrive, const struct fb_letter *letter)
{
    const enum fb_format format = redrive->options->reader.form.format;

    return format == FB_FORMAT_AUTO ? letter->format : format;
}

static enum fb_status unfit(struct fb_redrive *redrive, const struct fb_letter *letter,
                            struct fb_redrive_entry *entry, const char *why)
{
    entry->fate = FB_REDRIVE_UNFIT;
    fb_redrive_tell(redrive, letter->key, letter->record_number, why);
    return FB_OK;
}

/* NULL when its bytes are all that it takes to read the record. */
static const char *why_unfit(const struct fb_redrive *redrive, const struct fb_letter *letter)
{
    const enum fb_format format = format_of(redrive, letter);

    if (strcmp(letter->reason, FB_REASON_DAMAGED_OBJECT) == 0)
        return "stands for all that could not be read of the object; deliver that again";
    if (letter->text_size == 0 || letter->text_size < letter->size_bytes)
        return "only the first bytes of the record were kept; deliver it again";
    if ((format == FB_FORMAT_CSV || format == FB_FORMAT_TSV) &&
        redrive->options->reader.form.column_count == 0)
        return "the first line of the object named its columns; name them in the conf, with "
               "columns, for the redrive";
    return NULL;
}

static enum fb_status find_reader(struct fb_redrive *redrive, enum fb_format format,
                                  struct fb_record_reader **ret_reader, struct fb_error *error)
{
    struct fb_record_reader_options options = redrive->options->reader;
    enum fb_status status = FB_OK;

    options.form.format = format;
    if (redrive->readers[format] == NULL)
        status = fb_record_reader_new(&options, &redrive->readers[format], error);
    if (status == FB_OK)
        *ret_reader = redrive->readers[format];
    return status;
}

static enum fb_status get_item(struct fb_redrive *redrive, const struct fb_record *record,
                               struct fb_item **ret_item)
{
    enum fb_status status = fb_item_pool_get(redrive->pool, record, NULL, ret_item);

    if (status != FB_CANCELED)
        return status;
    for (size_t i = 0; i < redrive->lane_count; i++)
        fb_lane_flush(redrive->lanes[i]);
    return fb_item_pool_get(redrive->pool, record, &redrive->stop, ret_item);
}

static enum fb_status take_first(struct fb_redrive *redrive, const struct fb_letter *letter,
                                 const struct fb_record *record, struct outcome *outcome)
{
    outcome->is_whole = record->number == letter->record_number &&
                        record->offset_bytes == letter->offset_bytes &&
                        record->size_bytes == letter->text_size;
    outcome->reason = record->reason;
    memcpy(outcome->message, record->message, sizeof outcome->message);
    if (record->reason != FB_DEAD_NONE || redrive->options->dry_run)
        return FB_OK;
    return get_item(redrive, record, &outcome->item);
}

/* FB_OK at the end of the bytes. */
static enum fb_status take_records(struct fb_redrive *redrive, const struct fb_letter *letter,
                                   struct fb_record_reader *reader, struct outcome *outcome)
{
    struct fb_record record;
    enum fb_status status;

    while ((status = fb_record_reader_next(reader, &record)) == FB_OK)
        if (outcome->records++ == 0) {
            status = take_first(redrive, letter, &record, outcome);
            if (status != FB_OK)
                return status;
        }
    return status == FB_NEED_MORE || status == FB_END ? FB_OK : status;
}

static void describe(struct fb_redrive *redrive, const struct fb_letter *letter)
{
    const int64_t now_ms = fb_realtime_ms(redrive->options->clock);

    fb_layout_partitions(redrive->options->layout, letter->key, &redrive->partitions);
    redrive->described = (struct fb_map_object){
        .stream = redrive->options->stream,
        .bucket = letter->bucket,
        .key = letter->key,
        .etag = letter->etag,
        .now_ms = now_ms,
        .ingest_time_ms = now_ms,
        .arrival_ms = fb_layout_key_time_ms(redrive->options->layout, letter->key, 0),
        .partitions = redrive->partitions.values,
        .partition_count = redrive->partitions.count,
    };
}

/* With the number and the place that the record had: what is derived from them is the same. */
static enum fb_status read_record(struct fb_redrive *redrive, const struct fb_letter *letter,
                                  struct fb_record_reader *reader, struct outcome *outcome,
                                  struct fb_error *error)
{
    enum fb_status status = FB_OK;
    size_t at = 0;

    fb_record_reader_begin(reader);
    fb_record_reader_place(reader, letter->record_number, letter->offset_bytes);
    describe(redrive, letter);
    fb_record_reader_describe_object(reader, &redrive->described);
    while (status == FB_OK && at < letter->text_size) {
        size_t size;
        char *space;

        status = fb_record_reader_space(reader, &space, &size, error);
        if (status != FB_OK)
            return status;
        if (size > letter->text_size - at)
            size = letter->text_size - at;
        memcpy(space, letter->text + at, size);
        fb_record_reader_wrote(reader, size);
        at += size;
        status = take_records(redrive, letter, reader, outcome);
    }
    fb_record_reader_finish(reader);
    if (status == FB_OK)
        status = take_records(redrive, letter, reader, outcome);
    if (status == FB_NO_MEMORY)
        fb_fail(error, status, "no memory for a record");
    return status;
}

/* The span's ordinal is the entry's place, by which a lane's refusal finds it. */
static enum fb_status push(struct fb_redrive *redrive, const struct fb_letter *letter,
                           const struct fb_redrive_entry *entry, struct fb_item *item,
                           struct fb_error *error)
{
    const uint64_t place = (uint64_t)(entry - redrive->entries);
    struct fb_state_object identity = {.key = strdup(letter->key), .etag = strdup(letter->etag)};
    struct fb_progress_object *object = NULL;
    enum fb_status status = identity.key == NULL || identity.etag == NULL ? FB_NO_MEMORY : FB_OK;

    if (status == FB_OK)
        status = fb_progress_object_begin(redrive->progress, &identity, 0, &object);
    if (status == FB_OK)
        item->span = fb_progress_span_open(redrive->progress, object, place);
    if (status != FB_OK || item->span == NULL) {
        fb_state_object_done(&identity);
        fb_item_pool_put(redrive->pool, item);
        return fb_fail(error, FB_NO_MEMORY, "no memory for a record");
    }
    fb_span_add(item->span);
    fb_lane_push(redrive->lanes[item->key_hash % redrive->lane_count], item);
    return FB_OK;
}

/* What was read of the bytes decides, and only when it is all of them. */
static enum fb_status decide(struct fb_redrive *redrive, const struct fb_letter *letter,
                             struct fb_redrive_entry *entry, struct outcome *outcome,
                             uint64_t left_out, struct fb_error *error)
{
    struct fb_item *item = outcome->item;
    const uint64_t records = outcome->records + left_out;
    char message[128];

    if (outcome->records == 0 && left_out == 1) {
        entry->fate = FB_REDRIVE_LEFT_OUT;
        return FB_OK;
    }
    if (records != 1 || !outcome->is_whole) {
        if (item != NULL)
            fb_item_pool_put(redrive->pool, item);
        snprintf(message, sizeof message,
                 "its bytes read as %llu records now, where they must be one; deliver them as an "
                 "object",
                 (unsigned long long)records);
        return unfit(redrive, letter, entry, message);
    }
    if (outcome->reason == FB_DEAD_WRONG_FORM &&
        format_of(redrive, letter) == FB_FORMAT_CLOUDWATCH_LOGS)
        return unfit(redrive, letter, entry,
                     "an event of CloudWatch Logs is kept without its message; deliver the object "
                     "again");
    if (outcome->reason != FB_DEAD_NONE) {
        entry->fate = FB_REDRIVE_FAILED;
        snprintf(entry->reason, sizeof entry->reason, "%s", fb_dead_reason_name(outcome->reason));
        entry->message = strdup(outcome->message);
        fb_redrive_tell(redrive, letter->key, letter->record_number, outcome->message);
        return FB_OK;
    }
    entry->fate = FB_REDRIVE_WRITTEN;
    return item == NULL ? FB_OK : push(redrive, letter, entry, item, error);
}

enum fb_status fb_redrive_letter(struct fb_redrive *redrive, const struct fb_letter *letter,
                                 struct fb_redrive_entry *entry, struct fb_error *error)
{
    const char *why = why_unfit(redrive, letter);
    struct fb_record_reader *reader = NULL;
    struct outcome outcome = {0};
    enum fb_status status;

    if (why != NULL)
        return unfit(redrive, letter, entry, why);
    status = find_reader(redrive, format_of(redrive, letter), &reader, error);
    if (status == FB_INVALID)
        return unfit(redrive, letter, entry, error->message);
    if (status == FB_OK)
        status = read_record(redrive, letter, reader, &outcome, error);
    if (status == FB_OK)
        return decide(redrive, letter, entry, &outcome, fb_record_reader_tally(reader).left_out,
                      error);
    if (outcome.item != NULL)
        fb_item_pool_put(redrive->pool, outcome.item);
    return status;
}
