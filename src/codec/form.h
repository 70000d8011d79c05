/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record form is to record_reader.c: a table of functions. A new one is a file with such a
 * table and a line in forms.c.
 *
 * The reader finds where a record ends (JSON by its brackets, text by the form's `cut`), gives the
 * record to `open`, and takes from `next` what it becomes: nothing, one item or many. Everything
 * that can be said as a JSON object is given as its text and transcoded by the reader, so that
 * limits, keys and sizes are looked after in one place.
 *
 * The form `json` has no such table: its records go from the window to the transcoder as they are.
 *
 * Threads: one owner of a state.
 */
#ifndef FIREBRIDGE_CODEC_FORM_PRIVATE_H
#define FIREBRIDGE_CODEC_FORM_PRIVATE_H

#include "firebridge/codec/form.h"
#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/record_reader.h"
#include "firebridge/codec/transcode.h"

enum fb_framing {
    FB_FRAMING_JSON, /* JSON objects one behind the other, with blanks or delimiters between */
    FB_FRAMING_TEXT, /* records that end with the delimiter */
};

/* What a record of text becomes may be so many times max_record_size long, as JSON: a byte may need
 * an escape of six, and names come along. */
#define FB_FORMED_FACTOR 8

/* Where a record of text ends. */
struct fb_cut {
    size_t size; /* of the record, without its delimiter */
    size_t next; /* behind the delimiter; FB_INVALID, FB_NEED_MORE: behind what was looked at */
    const char *what; /* FB_INVALID: what is wrong, a few words */
};

/* What one item, or dead letter, is made from. Pointers stay until the next call of the form. */
struct fb_formed {
    /* Its part of the record's text: what a dead letter keeps. */
    size_t at, size;
    enum {
        FB_FORMED_JSON, /* `json` is a JSON object */
        FB_FORMED_ITEM, /* `item` is ready, or dead for its own reason */
        FB_FORMED_DEAD,
    } kind;
    enum fb_operation operation; /* of the first two */
    const char *json;            /* as json_text.h demands it */
    size_t json_size;
    struct fb_transcoded item;
    enum fb_dead_reason reason; /* FB_FORMED_DEAD */
    char message[128];
};

struct fb_form_context {
    const struct fb_form_options *options;
    const struct fb_key_schema *schema;
    uint64_t hash_seed;
    size_t max_record_size;
    bool is_mapped; /* a record's own fields need not be the table's */
};

struct fb_form {
    enum fb_format format;
    const char *name;
    bool gives_items; /* with their types, which take no mapping */
    /* Its text is a JSON object around the records, which a mapping may read: @error. */
    bool is_envelope;
    enum fb_framing framing;
    /* A text may be so many times max_record_size long, as it holds many records, or a coded one.
     */
    size_t text_factor;
    /* For `format = auto`: what each of its texts over max_record_size has within that, of either
     * case. Only where there is one is such a text waited for. */
    const char *tell;
    /* For `format = auto`: a valid JSON object that can hardly be anything but this. */
    bool (*fits)(struct fb_json_cursor record, const struct fb_key_schema *schema);

    enum fb_status (*make)(const struct fb_form_context *context, void **ret_state,
                           struct fb_error *error);
    void (*free)(void *state);
    /* The next record is an object's first. */
    void (*begin)(void *state);
    /*
     * Text only: where the record at text[0] ends. `last`: no byte will follow. FB_OK (a size of 0
     * is an empty line, which is no record), FB_NEED_MORE, or FB_INVALID with `next` behind what
     * cannot be. After FB_NEED_MORE it is called again for the same record with more bytes, and
     * goes on where it stood.
     */
    enum fb_status (*cut)(void *state, const char *text, size_t size, bool last,
                          struct fb_cut *ret_cut);
    /*
     * Text only, after FB_INVALID, or when a record was too long for more `cut`s: passes over what
     * is left of it. `text` goes on where the cut ended. Returns how many bytes belong to it;
     * *ret_delimiter_size: of the delimiter behind them, or 0 when its end is not there.
     */
    size_t (*pass)(void *state, const char *text, size_t size, bool last,
                   size_t *ret_delimiter_size);
    /* A whole record, for `next`; JSON is valid, and its strings are UTF-8. FB_NO_MEMORY. */
    enum fb_status (*open)(void *state, const char *text, size_t size);
    /* FB_OK with what it becomes, FB_END when that was all, FB_NO_MEMORY. */
    enum fb_status (*next)(void *state, struct fb_formed *ret_formed);
};

/* NULL for auto and json. */
const struct fb_form *fb_form_of(enum fb_format format);

/* Stands in for none where a jq program wants whole records; not among fb_forms. */
extern const struct fb_form fb_form_json;

extern const struct fb_form fb_form_cloudwatch_logs;
extern const struct fb_form fb_form_dynamodb_json;
extern const struct fb_form fb_form_dynamodb_stream;
extern const struct fb_form fb_form_firehose_errors;
extern const struct fb_form fb_form_csv;
extern const struct fb_form fb_form_tsv;
extern const struct fb_form fb_form_lines;

/* In the order in which auto asks them; a NULL ends it. */
extern const struct fb_form *const fb_forms[];

#endif
