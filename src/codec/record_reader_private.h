/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record reader's inside, shared by record_reader.c (what becomes of a record), record_cut.c
 * (where it begins and ends) and region.c (what lies between two records and is none).
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_CODEC_RECORD_READER_PRIVATE_H
#define FIREBRIDGE_CODEC_RECORD_READER_PRIVATE_H

#include "firebridge/codec/record_reader.h"
#include "firebridge/codec/validate.h"
#include "form.h"
#include "resync.h"
#include "window.h"

/* Of an over-long record so much is kept for its dead letter. */
#define FB_HEAD_BYTES 4096

/* A region that is no record: what lies between two records becomes one dead letter. */
struct fb_region {
    struct fb_resync resync;
    enum fb_dead_reason reason;
    char message[sizeof((struct fb_record *)0)->message];
    uint64_t begin; /* offsets in the object */
    uint64_t scanned;
    uint64_t content_end; /* behind its last byte that is no blank */
    size_t head_size;     /* over 0: its bytes are no longer in the window but in the head */
    uint64_t indent;      /* of its line; FB_NO_INDENT when it does not begin one */
};

#define FB_NO_INDENT UINT64_MAX

struct fb_record_reader {
    struct fb_window window;
    struct fb_transcoder *transcoder;
    struct fb_nesting nesting;
    struct fb_key_schema schema;
    const struct fb_mapping *mapping; /* NULL: none */
    const struct fb_map_object *object;
    struct fb_form_options form_options;
    size_t max_record_size;
    size_t max_text_size; /* of what is cut: the form at hand may hold many records in one text */
    uint64_t number;
    struct fb_record_tally tally; /* without the mismatches */
    uint64_t mismatches_before;   /* this object */
    size_t retry_at;              /* bytes that must be there before a parse is tried again */
    bool finished;
    bool cut_off; /* there is nothing to wait for, though more would have come */
    bool at_first_byte;

    enum fb_format format;      /* of this object; FB_FORMAT_AUTO: not decided yet */
    const struct fb_form *form; /* NULL: json */
    void *states[FB_FORMAT_COUNT];

    /* A text that `form` has open: at the window's begin. */
    bool is_open;
    uint64_t parts;   /* records that came of it, however many outputs each has */
    size_t open_size; /* up to where the next one is looked for */

    struct fb_reader_jq *jq; /* NULL: the mapping has no jq program */

    bool in_array;        /* of JSON, at the top */
    uint64_t line_indent; /* blanks before the window's begin on its line, or FB_NO_INDENT */

    bool in_region;
    struct fb_region region;
    char *head;
    /*
     * What may still be spent on looking whether a record begins behind a newline, or is below zero
     * after parses that came to nothing. Each byte of progress earns two, so that all of that stays
     * linear in the input whatever it holds.
     */
    int64_t budget;
};

static inline bool fb_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline void *fb_reader_state(const struct fb_record_reader *reader)
{
    return reader->states[reader->form->format];
}

static inline size_t fb_reader_available(const struct fb_record_reader *reader)
{
    return reader->window.fill - reader->window.begin;
}

static inline char *fb_reader_here(const struct fb_record_reader *reader)
{
    return reader->window.bytes + reader->window.begin;
}

/* From this record on. */
void fb_reader_set_format(struct fb_record_reader *reader, enum fb_format format);

/* The window's first `size` bytes are used up. */
void fb_reader_pass(struct fb_record_reader *reader, size_t size);

/* How much of a record its dead letter keeps. */
size_t fb_reader_kept_size(const struct fb_record_reader *reader, uint64_t size);

/* The record that is `size` bytes at `at` behind the window's begin. */
void fb_reader_place_record(struct fb_record_reader *reader, size_t at, size_t size,
                            struct fb_record *ret_record);

/* Of what a form made: the part of the text that is open. */
void fb_reader_place_formed(struct fb_record_reader *reader, const struct fb_formed *formed,
                            struct fb_record *ret_record);

/* Its JSON becomes an item or a dead letter. FB_NO_MEMORY. */
enum fb_status fb_reader_transcode_formed(struct fb_record_reader *reader,
                                          const struct fb_formed *formed,
                                          struct fb_record *ret_record) FB_MUST_CHECK;

/* record_jq.c: the jq programs of the mapping, where it has some. FB_NO_MEMORY. */
enum fb_status fb_reader_jq_new(struct fb_record_reader *reader,
                                struct fb_error *error) FB_MUST_CHECK;
void fb_reader_jq_free(struct fb_record_reader *reader);
void fb_reader_jq_begin(struct fb_record_reader *reader);

/* They see the JSON of a form. FB_OK with an item, the first of several, or a dead letter, or the
 * record is left out; FB_NO_MEMORY; FB_UNAVAILABLE with fb_reader_jq_error. */
enum fb_status fb_reader_run_jq(struct fb_record_reader *reader, const struct fb_formed *formed,
                                struct fb_record *ret_record) FB_MUST_CHECK;
const struct fb_error *fb_reader_jq_error(const struct fb_record_reader *reader);

/* What else a record became. FB_NO_MEMORY. */
bool fb_reader_has_output(const struct fb_record_reader *reader);
enum fb_status fb_reader_next_output(struct fb_record_reader *reader,
                                     struct fb_record *ret_record) FB_MUST_CHECK;

/* What became of it. */
void fb_reader_describe(const struct fb_transcoded *transcoded, struct fb_record *ret_record);

/* The window's first `size` bytes are a dead letter. FB_OK. */
enum fb_status fb_reader_report_dead(struct fb_record_reader *reader, size_t size,
                                     enum fb_dead_reason reason, const char *message,
                                     struct fb_record *ret_record);

/* The window's first `size` bytes are given to the form. */
void fb_reader_open(struct fb_record_reader *reader, size_t size);

/* FB_OK with a record, FB_END when what is open is used up, FB_NO_MEMORY. */
enum fb_status fb_reader_next_formed(struct fb_record_reader *reader,
                                     struct fb_record *ret_record) FB_MUST_CHECK;

/*
 * Looks for the record at the window's begin. FB_OK with a dead letter or an item, and its number
 * is used up; or without, and a text may be open. Otherwise as fb_record_reader_next.
 */
enum fb_status fb_reader_cut_json(struct fb_record_reader *reader,
                                  struct fb_record *ret_record) FB_MUST_CHECK;
enum fb_status fb_reader_cut_text(struct fb_record_reader *reader,
                                  struct fb_record *ret_record) FB_MUST_CHECK;

/* Bytes were used up: they earn budget. */
void fb_reader_progress(struct fb_record_reader *reader, uint64_t size);

/* Bytes were looked at in vain: they cost budget. Not those that are looked at once more only
 * because too few were there, or it would matter how they were fed. */
static inline void fb_reader_spend(struct fb_record_reader *reader, size_t size)
{
    reader->budget -= (int64_t)size;
}

/*
 * True when a parse over what is there, from window offset `from` on, is worth its while: each one
 * that fell short is tried again only with twice the bytes, which keeps the work linear.
 */
bool fb_reader_worth_parsing(const struct fb_record_reader *reader, size_t from);
void fb_reader_want_twice(struct fb_record_reader *reader, size_t had);

/*
 * What begins at the window's begin is no record; its first `known` bytes are part of it whatever
 * they look like. FB_OK with the dead letter, or FB_NEED_MORE: then fb_region_next goes on.
 */
enum fb_status fb_region_begin(struct fb_record_reader *reader, enum fb_dead_reason reason,
                               const char *message, size_t known,
                               struct fb_record *ret_record) FB_MUST_CHECK;
enum fb_status fb_region_next(struct fb_record_reader *reader,
                              struct fb_record *ret_record) FB_MUST_CHECK;

#endif
