/* SPDX-License-Identifier: Apache-2.0 */
/* One dead letter, read again as its object's record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/pipeline/write_mode.h"
#include "redrive_private.h"

/* The letter's bytes, being read. */
struct reading {
    struct fb_redrive *redrive;
    const struct fb_letter *letter;
    struct fb_redrive_entry *entry;
    struct fb_record_reader *reader;
    bool writes; /* what is read goes to the lanes; before, it is only looked at */

    bool only_changes; /* what is in the table, which is to be left alone */
    bool is_other;     /* something was read that is not all of the bytes */
    uint64_t items;
    enum fb_dead_reason reason; /* of the first that is dead */
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

/* The span's ordinal is the entry's place, by which a lane's refusal finds it. */
static enum fb_status push(struct reading *reading, const struct fb_record *record)
{
    const struct fb_letter *letter = reading->letter;
    struct fb_redrive *redrive = reading->redrive;
    struct fb_record written = *record;
    struct fb_state_object identity = {.key = strdup(letter->key), .etag = strdup(letter->etag)};
    struct fb_progress_object *object = NULL;
    struct fb_item *item = NULL;
    enum fb_status status = identity.key == NULL || identity.etag == NULL ? FB_NO_MEMORY : FB_OK;

    /* What would only change an item has not come so far. */
    if (redrive->options->if_absent)
        (void)fb_write_mode_if_absent(record->operation, &written.operation);
    if (status == FB_OK)
        status = get_item(redrive, &written, &item);
    if (status == FB_OK)
        status = fb_progress_object_begin(redrive->progress, &identity, 0, &object);
    if (status == FB_OK) {
        item->span = fb_progress_span_open(redrive->progress, object,
                                           (uint64_t)(reading->entry - redrive->entries));
        status = item->span == NULL ? FB_NO_MEMORY : FB_OK;
    }
    if (status != FB_OK) {
        fb_state_object_done(&identity);
        if (item != NULL)
            fb_item_pool_put(redrive->pool, item);
        return status;
    }
    fb_span_add(item->span);
    fb_lane_push(redrive->lanes[item->key_hash % redrive->lane_count], item);
    return FB_OK;
}

static void take_item(struct reading *reading, enum fb_operation operation)
{
    enum fb_operation insert;

    reading->items++;
    if (reading->redrive->options->if_absent && !fb_write_mode_if_absent(operation, &insert))
        reading->only_changes = true;
}

static enum fb_status take_record(struct reading *reading, const struct fb_record *record)
{
    const struct fb_letter *letter = reading->letter;

    if (record->number != letter->record_number || record->offset_bytes != letter->offset_bytes ||
        record->size_bytes != letter->text_size)
        reading->is_other = true;
    else if (record->reason == FB_DEAD_NONE)
        take_item(reading, record->operation);
    else if (reading->reason == FB_DEAD_NONE) {
        reading->reason = record->reason;
        memcpy(reading->message, record->message, sizeof reading->message);
    }
    if (!reading->writes || record->reason != FB_DEAD_NONE)
        return FB_OK;
    return push(reading, record);
}

/* FB_OK at the end of the bytes. */
static enum fb_status take_records(struct reading *reading, struct fb_error *error)
{
    struct fb_record record;
    enum fb_status status;

    while ((status = fb_record_reader_next(reading->reader, &record)) == FB_OK) {
        status = take_record(reading, &record);
        if (status == FB_NO_MEMORY)
            fb_fail(error, status, "no memory for a record");
        if (status != FB_OK)
            return status;
    }
    if (status == FB_NEED_MORE || status == FB_END)
        return FB_OK;
    if (status == FB_NO_MEMORY)
        fb_fail(error, status, "no memory for a record");
    else if (error != NULL)
        *error = *fb_record_reader_error(reading->reader);
    return status;
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
static enum fb_status read_bytes(struct reading *reading, struct fb_error *error)
{
    const struct fb_letter *letter = reading->letter;
    struct fb_record_reader *reader = reading->reader;
    enum fb_status status = FB_OK;
    size_t at = 0;

    fb_record_reader_begin(reader);
    fb_record_reader_place(reader, letter->record_number, letter->offset_bytes);
    describe(reading->redrive, letter);
    fb_record_reader_describe_object(reader, &reading->redrive->described);
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
        status = take_records(reading, error);
    }
    fb_record_reader_finish(reader);
    return status == FB_OK ? take_records(reading, error) : status;
}

static enum fb_status fail_again(struct reading *reading)
{
    const struct fb_letter *letter = reading->letter;

    fb_redrive_note_failed(reading->redrive, reading->entry, fb_dead_reason_name(reading->reason),
                           reading->message);
    fb_redrive_tell(reading->redrive, letter->key, letter->record_number, reading->message);
    return FB_OK;
}

/* A jq program may make several items of the record: they all stand for it. */
static enum fb_status write_items(struct reading *reading, struct fb_error *error)
{
    enum fb_status status;

    reading->entry->fate = FB_REDRIVE_WRITTEN;
    if (reading->redrive->options->dry_run)
        return FB_OK;
    reading->writes = true;
    status = read_bytes(reading, error);
    return status == FB_OK && reading->reason != FB_DEAD_NONE ? fail_again(reading) : status;
}

/* What was read of the bytes decides, and only when it is one record and all of them. */
static enum fb_status decide(struct reading *reading, struct fb_error *error)
{
    const struct fb_letter *letter = reading->letter;
    const uint64_t records = fb_record_reader_number(reading->reader) - letter->record_number;
    char message[128];

    if (records != 1 || reading->is_other) {
        snprintf(message, sizeof message,
                 "its bytes read as %llu records now, where they must be one; deliver them as an "
                 "object",
                 (unsigned long long)records);
        return unfit(reading->redrive, letter, reading->entry, message);
    }
    if (reading->reason == FB_DEAD_WRONG_FORM &&
        format_of(reading->redrive, letter) == FB_FORMAT_CLOUDWATCH_LOGS)
        return unfit(reading->redrive, letter, reading->entry,
                     "an event of CloudWatch Logs is kept without its message; deliver the object "
                     "again");
    if (reading->reason != FB_DEAD_NONE)
        return fail_again(reading);
    if (reading->only_changes)
        return unfit(reading->redrive, letter, reading->entry,
                     "it updates or deletes, which --if-absent leaves out; redrive it with "
                     "--overwrite, or remove it");
    if (reading->items > 0)
        return write_items(reading, error);
    reading->entry->fate = FB_REDRIVE_LEFT_OUT;
    return FB_OK;
}

enum fb_status fb_redrive_letter(struct fb_redrive *redrive, const struct fb_letter *letter,
                                 struct fb_redrive_entry *entry, struct fb_error *error)
{
    struct reading reading = {.redrive = redrive, .letter = letter, .entry = entry};
    const char *why = why_unfit(redrive, letter);
    enum fb_status status;

    if (why != NULL)
        return unfit(redrive, letter, entry, why);
    status = find_reader(redrive, format_of(redrive, letter), &reading.reader, error);
    if (status == FB_INVALID)
        return unfit(redrive, letter, entry, error->message);
    if (status == FB_OK)
        status = read_bytes(&reading, error);
    return status == FB_OK ? decide(&reading, error) : status;
}
