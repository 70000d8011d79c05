/* SPDX-License-Identifier: Apache-2.0 */
/* The jq programs of a mapping, between a record and what it becomes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "jq.h"
#include "jq_numbers.h"
#include "mapping.h"
#include "record_reader_private.h"

/* jq's values take tens of times the text, as an array of digits does, and copies are made. */
#define MEMORY_BYTES  ((uint64_t)64 << 20)
#define MEMORY_FACTOR 32

/* Of a record: many outputs of the size of a record, and a message in any case. */
#define OUTPUT_BYTES ((uint64_t)1 << 20)

/* Of records that go to a worker together. */
#define AHEAD_BYTES ((size_t)64 << 10)

/* A record behind the one at hand. */
struct ahead {
    uint64_t offset_bytes, size;
};

struct fb_reader_jq {
    const struct fb_jq *programs;
    struct fb_jq_worker *worker;
    enum fb_map_overflow overflow;
    struct fb_buffer quoted; /* the record, with strings for numbers */
    struct fb_formed formed; /* the record that has outputs to give */
    const char *output;      /* the next one */
    uint64_t outputs_given, outputs_left;
    struct ahead ahead[FB_JQ_BATCH_MAX]; /* the worker's answers; the first is the record at hand */
    size_t ahead_at, ahead_count;
    struct fb_error error;
};

enum fb_status fb_reader_jq_new(struct fb_record_reader *reader, struct fb_error *error)
{
    const uint64_t formed_max = (uint64_t)FB_FORMED_FACTOR * reader->max_record_size;
    const struct fb_jq_limits limits = {
        .memory_bytes = MEMORY_BYTES + MEMORY_FACTOR * (uint64_t)reader->max_record_size,
        .output_bytes = OUTPUT_BYTES + formed_max,
    };
    struct fb_jq *programs = reader->mapping == NULL ? NULL : reader->mapping->jq;

    if (programs == NULL)
        return FB_OK;
    reader->jq = calloc(1, sizeof *reader->jq);
    if (reader->jq == NULL || fb_jq_worker_new(programs, &limits, &reader->jq->worker) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a jq program");
    reader->jq->programs = programs;
    reader->jq->overflow = reader->mapping->overflow;
    /* A number of one digit cannot need quotes. */
    fb_buffer_init(&reader->jq->quoted, 2 * (size_t)formed_max);
    return fb_form_json.make(NULL, &reader->states[FB_FORMAT_JSON], error);
}

void fb_reader_jq_free(struct fb_record_reader *reader)
{
    if (reader->jq == NULL)
        return;
    fb_form_json.free(reader->states[FB_FORMAT_JSON]);
    fb_jq_worker_free(reader->jq->worker);
    fb_buffer_done(&reader->jq->quoted);
    free(reader->jq);
}

void fb_reader_jq_begin(struct fb_record_reader *reader)
{
    if (reader->jq == NULL)
        return;
    reader->jq->outputs_left = 0;
    reader->jq->ahead_count = 0;
}

const struct fb_error *fb_reader_jq_error(const struct fb_record_reader *reader)
{
    return &reader->jq->error;
}

/* ---- outputs ---- */

bool fb_reader_has_output(const struct fb_record_reader *reader)
{
    return reader->jq != NULL && reader->jq->outputs_left > 0;
}

enum fb_status fb_reader_next_output(struct fb_record_reader *reader, struct fb_record *ret)
{
    struct fb_reader_jq *jq = reader->jq;
    const struct fb_formed output = {
        .operation = jq->formed.operation, .json = jq->output, .json_size = strlen(jq->output)};

    /* All outputs have the record's number and part: what a program gives moves no other's. */
    reader->number--;
    reader->parts--;
    fb_reader_place_formed(reader, &jq->formed, ret);
    ret->output = jq->outputs_given++;
    jq->output += output.json_size + 1;
    ret->is_followed = --jq->outputs_left > 0;
    return fb_reader_transcode_formed(reader, &output, ret);
}

/* ---- the record ---- */

static enum fb_status refuse(struct fb_record *ret, enum fb_dead_reason reason, const char *message)
{
    ret->reason = reason;
    snprintf(ret->message, sizeof ret->message, "%s", message);
    return FB_OK;
}

/* Why a record does not go through the transform: it would be changed unseen. */
struct objection {
    enum fb_dead_reason reason; /* FB_DEAD_NONE: it can */
    const char *what;
    size_t at;
};

static enum fb_status refuse_for(const struct objection *objection, const struct fb_formed *formed,
                                 struct fb_record *ret)
{
    char message[sizeof ret->message];

    snprintf(message, sizeof message, "%s, at byte %zu%s", objection->what, objection->at,
             formed->json == ret->text ? "" : " of the JSON that it becomes");
    return refuse(ret, objection->reason, message);
}

/* FB_OK, FB_NO_MEMORY. */
static enum fb_status find_objection(struct fb_record_reader *reader, const char *json, size_t size,
                                     struct objection *ret)
{
    const struct fb_reader_jq *jq = reader->jq;
    struct fb_validated validated = {0};
    const char *number = NULL;
    const char *end;
    enum fb_status status;

    *ret = (struct objection){0};
    if (!fb_jq_transforms(jq->programs))
        return FB_OK;
    status = fb_json_validate(&reader->nesting, json, size, &validated);
    if (status == FB_NO_MEMORY)
        return status;
    if (jq->overflow != FB_MAP_OVERFLOW_ROUND)
        number = fb_jq_find_inexact(json, json + size, &end);
    if (validated.bad_utf8)
        *ret = (struct objection){FB_DEAD_INVALID_UTF8,
                                  "bytes that are not UTF-8, or a lone surrogate",
                                  validated.bad_utf8_at};
    else if (number != NULL)
        *ret = (struct objection){FB_DEAD_NUMBER_PRECISION,
                                  "a number with more digits than jq keeps (see number_overflow)",
                                  (size_t)(number - json)};
    return FB_OK;
}

/* The record goes on as its own text where no program writes another. */
static enum fb_status go_on(struct fb_record_reader *reader, const struct fb_formed *formed,
                            const struct fb_jq_result *result, struct fb_record *ret)
{
    struct fb_reader_jq *jq = reader->jq;

    if (!fb_jq_transforms(jq->programs))
        return fb_reader_transcode_formed(reader, formed, ret);
    jq->formed = *formed;
    jq->output = result->text;
    jq->outputs_given = 0;
    jq->outputs_left = result->count;
    return fb_reader_next_output(reader, ret);
}

/* What may stand between two records, or, where it ends otherwise, something else. */
static const char *skip_between(const struct fb_record_reader *reader, const char *at)
{
    const struct fb_form_options *options = &reader->form_options;
    const char *const end = reader->window.bytes + reader->window.fill;

    while (at < end) {
        const size_t size = options->delimiter_size;

        if (size > 0 && (size_t)(end - at) >= size && memcmp(at, options->delimiter, size) == 0)
            at += size;
        else if (fb_is_blank(*at) || (*at == ',' && reader->in_array))
            at++;
        else
            break;
    }
    return at;
}

/* The record at `at`, if it is sound, and a transform may have it as it is. */
static bool take_ahead(struct fb_record_reader *reader, const char *at, struct fb_jq_text *ret)
{
    const size_t left = (size_t)(reader->window.bytes + reader->window.fill - at);
    struct fb_validated validated;
    struct objection objection;

    if (left == 0 || *at != '{' ||
        fb_json_validate(&reader->nesting, at, left, &validated) != FB_OK ||
        validated.end > AHEAD_BYTES ||
        find_objection(reader, at, validated.end, &objection) != FB_OK ||
        objection.reason != FB_DEAD_NONE)
        return false;
    *ret = (struct fb_jq_text){at, validated.end, true};
    return true;
}

/*
 * Plain records that are in the window behind the one at hand go to the worker along with it, so
 * that two processes do not wait for each other at each record. It is a guess: what a record
 * became is only used when the reader comes to the same bytes. Returns how many there are.
 */
static size_t look_ahead(struct fb_record_reader *reader, struct fb_jq_text *texts)
{
    struct fb_reader_jq *jq = reader->jq;
    char *const fill = reader->window.bytes + reader->window.fill;
    const char *at = fb_reader_here(reader) + reader->open_size;
    const char saved = *fill;
    size_t bytes = texts[0].size;
    size_t count = 1;

    if (reader->format != FB_FORMAT_JSON)
        return count;
    *fill = '\0';
    for (at = skip_between(reader, at);
         count < FB_JQ_BATCH_MAX && bytes < AHEAD_BYTES && take_ahead(reader, at, &texts[count]);
         at = skip_between(reader, at + texts[count++].size)) {
        jq->ahead[count].offset_bytes = reader->window.base + (uint64_t)(at - reader->window.bytes);
        jq->ahead[count].size = texts[count].size;
        bytes += texts[count].size;
    }
    *fill = saved;
    return count;
}

/* True when the record was among those of the last batch. */
static bool is_answered(struct fb_reader_jq *jq, const struct fb_record *record,
                        struct fb_jq_result *ret)
{
    const struct ahead *ahead = &jq->ahead[jq->ahead_at];

    if (jq->ahead_at < jq->ahead_count && ahead->offset_bytes == record->offset_bytes &&
        ahead->size == record->size_bytes && fb_jq_worker_next(jq->worker, ret)) {
        jq->ahead_at++;
        return true;
    }
    jq->ahead_count = 0;
    return false;
}

static enum fb_status ask(struct fb_record_reader *reader, const struct fb_jq_text *text,
                          struct fb_jq_result *ret)
{
    struct fb_reader_jq *jq = reader->jq;
    struct fb_jq_text texts[FB_JQ_BATCH_MAX] = {*text};
    const size_t count = look_ahead(reader, texts);

    jq->ahead_count = count;
    jq->ahead_at = 1;
    return fb_jq_worker_run(jq->worker, texts, count, ret, &jq->error);
}

/* *ret_objection: what a record that the filter takes is a dead letter for. */
static enum fb_status run(struct fb_record_reader *reader, const struct fb_formed *formed,
                          struct objection *ret_objection, struct fb_jq_result *ret)
{
    struct fb_reader_jq *jq = reader->jq;
    struct fb_jq_text text = {formed->json, formed->json_size, true};
    enum fb_status status = find_objection(reader, formed->json, formed->json_size, ret_objection);

    if (status == FB_OK && ret_objection->reason == FB_DEAD_NUMBER_PRECISION &&
        jq->overflow == FB_MAP_OVERFLOW_STRING) {
        status = fb_jq_quote_inexact(formed->json, formed->json_size, &jq->quoted);
        text = (struct fb_jq_text){jq->quoted.bytes, jq->quoted.size, true};
        ret_objection->reason = FB_DEAD_NONE;
    }
    text.transform = ret_objection->reason == FB_DEAD_NONE;
    if (status != FB_OK || (!text.transform && !fb_jq_filters(jq->programs)))
        return status;
    return ask(reader, &text, ret);
}

enum fb_status fb_reader_run_jq(struct fb_record_reader *reader, const struct fb_formed *formed,
                                struct fb_record *ret)
{
    struct fb_jq_result result = {.outcome = FB_JQ_TAKES};
    struct objection objection = {0};
    enum fb_status status = FB_OK;

    if (!is_answered(reader->jq, ret, &result))
        status = run(reader, formed, &objection, &result);
    if (status != FB_OK)
        return status;
    if (result.outcome == FB_JQ_LEAVES_OUT) {
        ret->reason = FB_DEAD_NONE;
        ret->operation = FB_LEAVE_OUT;
        return FB_OK;
    }
    if (result.outcome == FB_JQ_FAILS)
        return refuse(ret, FB_DEAD_JQ, result.text);
    return objection.reason == FB_DEAD_NONE ? go_on(reader, formed, &result, ret)
                                            : refuse_for(&objection, formed, ret);
}
