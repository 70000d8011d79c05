/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/transcode.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/hash.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/number.h"
#include "firebridge/codec/validate.h"
#include "record_key.h"
#include "transcode_private.h"

/*
 * The output is made large enough before the pass, so that nothing in it asks for room. The worst
 * text is `[[0]]`: 4 bytes of output for a bracket, 9 for the digit, against one and one.
 */
#define EXPANSION    6
#define OUT_KEPT     ((size_t)1 << 20)
#define OUT_AT_FIRST ((size_t)64 << 10)

/* What a mapping adds, names and values, is within an item, each byte of which may take six. */
#define ROOM_FOR_MAPPED ((size_t)7 * FB_ITEM_MAX_BYTES)

/* ---- stopping ---- */

struct cursor fb_transcode_stop(struct fb_transcoder *t, enum fb_status status, const char *at,
                                const char *what)
{
    t->status = status;
    t->at = at;
    t->what = what;
    return (struct cursor){0};
}

struct cursor fb_transcode_unexpected(struct fb_transcoder *t, const char *at, const char *what)
{
    return fb_transcode_stop(t, at == t->end ? FB_NEED_MORE : FB_INVALID, at, what);
}

struct cursor fb_transcode_refuse(struct fb_transcoder *t, enum fb_dead_reason reason,
                                  const char *at, const char *what)
{
    t->reason = reason;
    return fb_transcode_stop(t, FB_OK, at, what);
}

/* ---- strings ---- */

__attribute__((noinline)) struct cursor fb_transcode_specials(struct fb_transcoder *t,
                                                              struct cursor c, size_t *shrunk)
{
    while (*c.p == '\\' || (unsigned char)*c.p >= 0x80 || (unsigned char)*c.p < 0x20) {
        struct fb_text_special special;

        switch (fb_text_special(c.p, t->end, &special)) {
        case FB_TEXT_GOOD:
            break;
        case FB_TEXT_CUT:
            return fb_transcode_stop(t, FB_NEED_MORE, t->end, NULL);
        case FB_TEXT_BAD:
            return fb_transcode_unexpected(t, special.at, "a character that no string may hold");
        case FB_TEXT_BAD_UTF8:
            return fb_transcode_refuse(t, FB_DEAD_INVALID_UTF8, c.p,
                                       *c.p == '\\' ? "a lone surrogate"
                                                    : "bytes that are not UTF-8");
        }
        memcpy(c.out, c.p, FB_TEXT_BLOCK);
        c.p += special.size;
        c.out += special.size;
        *shrunk += special.size - special.decoded_size;
    }
    return c;
}

/* ---- members ---- */

__attribute__((noinline)) bool fb_transcode_find_repeated(struct fb_transcoder *t, const char *at)
{
    const struct fb_member *before;

    if (fb_members_find_repeated(&t->members, t->frame->first_member, &before) != FB_OK)
        return false;
    if (before != NULL)
        fb_transcode_repeated(t, before, at);
    return true;
}

INLINE struct cursor name_and_colon(struct fb_transcoder *t, struct cursor c)
{
    char *const out = c.out;
    struct fb_final_name name = {.is_written = true};

    if (unlikely(t->frame->node != NULL))
        return fb_transcode_mapped_name(t, c);
    if (unlikely(*c.p != '"'))
        return fb_transcode_unexpected(t, c.p, "an attribute's name is missing");
    *c.out++ = '"';
    c.p++;
    c = fb_transcode_string(t, c, &name.text);
    if (unlikely(c.p == NULL))
        return c;
    if (unlikely(name.text.decoded_size - 1 >= FB_ATTRIBUTE_NAME_MAX_BYTES)) {
        c = fb_transcode_bad_name(t, c, &name.text);
        if (c.p == NULL)
            return c;
    }
    name.hash = fb_transcode_hash(t, &name.text);
    if (unlikely(!fb_transcode_note(t, &name, out, name.text.begin)))
        return fb_transcode_stop(t, FB_NO_MEMORY, c.p, NULL);
    t->counted += (uint32_t)name.text.decoded_size;
    memcpy(c.out, "\":", 2);
    c.out += 2;
    c.p = fb_text_skip_blanks(c.p);
    if (unlikely(*c.p != ':'))
        return fb_transcode_unexpected(t, c.p, "a colon is missing");
    c.p = fb_text_skip_blanks(c.p + 1);
    *t->value_wanted = c.p;
    t->value_wanted = &t->no_key;
    return c;
}

/* ---- values; each leaves a comma behind itself ---- */

INLINE struct cursor string_value(struct fb_transcoder *t, struct cursor c)
{
    struct string string;

    memcpy(c.out, "{\"S\":\"\0\0", 8);
    c.out += 6;
    c.p++;
    c = fb_transcode_string(t, c, &string);
    if (unlikely(c.p == NULL))
        return c;
    t->counted += (uint32_t)string.decoded_size;
    memcpy(c.out, "\"},\0", 4);
    c.out += 3;
    return c;
}

INLINE struct cursor number_value(struct fb_transcoder *t, struct cursor c)
{
    struct fb_number number;
    enum fb_dead_reason reason;
    const char *at;
    const char *const end = fb_number_scan(c.p, &number, &at);

    if (unlikely(end == NULL))
        return fb_transcode_unexpected(t, at, "a malformed number");
    reason = fb_number_check(&number);
    if (unlikely(reason != FB_DEAD_NONE)) {
        /* Its last digit may be yet to come. */
        if (end == t->end)
            return fb_transcode_stop(t, FB_NEED_MORE, end, NULL);
        return fb_transcode_odd_number(t, c, &number, end, reason);
    }
    t->counted += fb_number_counted_bytes(&number);
    memcpy(c.out, "{\"N\":\"\0\0", 8);
    c.out += 6;
    while (c.p < end) {
        memcpy(c.out, c.p, FB_TEXT_BLOCK);
        c.out += FB_TEXT_BLOCK;
        c.p += FB_TEXT_BLOCK;
    }
    c.out -= c.p - end;
    c.p = end;
    memcpy(c.out, "\"},\0", 4);
    c.out += 3;
    return c;
}

static struct cursor literal(struct fb_transcoder *t, struct cursor c, const char *word,
                             const char *form)
{
    for (; *word != '\0'; word++, c.p++)
        if (*c.p != *word)
            return fb_transcode_unexpected(t, c.p, "a word that is no value");
    t->counted++;
    memcpy(c.out, form, 16);
    c.out += strlen(form);
    return c;
}

static struct cursor open_bracket(struct fb_transcoder *t, struct cursor c)
{
    const bool object = *c.p == '{';

    if (unlikely(t->frame == &t->frames[FB_NESTING_MAX]))
        return fb_transcode_too_deep(t, c);
    if (unlikely(t->flatten != NULL))
        return fb_transcode_open_flat(t, c);
    fb_transcode_push(t, object, 1);
    memcpy(c.out, object ? "{\"M\":{\0\0" : "{\"L\":[\0\0", 8);
    c.out += 6;
    c.p++;
    t->counted += 3;
    return c;
}

static struct cursor null_value(struct fb_transcoder *t, struct cursor c)
{
    static const char form[16] = "{\"NULL\":true},";
    const char *const begin = c.p;

    c = literal(t, c, "null", form);
    return c.p == NULL || likely(t->null <= FB_MAP_NULL_KEEP) ? c : fb_transcode_null(t, c, begin);
}

INLINE struct cursor value(struct fb_transcoder *t, struct cursor c)
{
    static const char true_form[16] = "{\"BOOL\":true},";
    static const char false_form[16] = "{\"BOOL\":false},";

    t->counted += t->frame->element_cost;
    switch (*c.p) {
    case '"':
        return string_value(t, c);
    case '{':
    case '[':
        return open_bracket(t, c);
    case 't':
        return literal(t, c, "true", true_form);
    case 'f':
        return literal(t, c, "false", false_form);
    case 'n':
        return null_value(t, c);
    case '-':
    case '0' ... '9':
        return number_value(t, c);
    default:
        return fb_transcode_binary(t, c);
    }
}

/* ---- closing ---- */

/* A key's value that a template wrote stands in the output, and moves with it. */
static void move_key(struct fb_transcoder *t, const char *from, const char *from_end,
                     const char *to)
{
    for (size_t i = 0; i < t->schema.count; i++) {
        const uintptr_t value = (uintptr_t)t->key_values[i];

        if (value >= (uintptr_t)from && value < (uintptr_t)from_end)
            t->key_values[i] = to + (value - (uintptr_t)from);
    }
}

/* Closes the gaps that superseded members leave. Each member ends with its comma. */
COLD char *drop_superseded(struct fb_transcoder *t, char *out)
{
    const struct fb_member *member = &t->members.stack[t->frame->first_member];
    const struct fb_member *const end = &t->members.stack[t->members.count];
    char *to = t->out + member->out_begin;
    uint32_t lost = 0;

    for (; member < end; member++) {
        const bool last = member + 1 == end;
        const char *from = t->out + member->out_begin;
        const char *from_end = last ? out : t->out + member[1].out_begin;

        if (member->superseded)
            lost += (last ? t->counted : member[1].counted_begin) - member->counted_begin;
        else {
            move_key(t, from, from_end, to);
            memmove(to, from, (size_t)(from_end - from));
            to += from_end - from;
        }
    }
    t->counted -= lost;
    return to;
}

INLINE struct cursor close_bracket(struct fb_transcoder *t, struct cursor c)
{
    struct frame *const frame = t->frame;

    if (unlikely(frame->prefix != NULL))
        return fb_transcode_close_flat(t, c);
    if (unlikely(frame == &t->frames[1] && t->mapping != NULL)) {
        c = fb_transcode_mapped_end(t, c);
        if (c.p == NULL)
            return c;
    }
    t->frame--;
    c.p++;
    if (frame->object) {
        if (unlikely(frame->repeated)) {
            t->frame++;
            c.out = drop_superseded(t, c.out);
            t->frame--;
        }
        fb_members_close(&t->members, frame->first_member);
    }
    if (c.out[-1] == ',')
        c.out--;
    memcpy(c.out, frame->object ? "}},\0" : "]},\0", 4);
    c.out += frame == &t->frames[1] ? 1 : 3;
    if (unlikely(frame->dropped_out != NULL)) {
        c.out = frame->dropped_out;
        t->counted = frame->dropped_counted;
    }
    return c;
}

/* ---- the pass ---- */

static struct cursor pass(struct fb_transcoder *t, struct cursor c)
{
    fb_transcode_push(t, true, 0);
    t->frame->is_top = true;
    *c.out++ = '{';
    c.p = fb_text_skip_blanks(c.p + 1);
    if (*c.p == '}')
        return close_bracket(t, c);
    for (;;) {
        const struct frame *frame = t->frame;

        if (frame->object) {
            c = name_and_colon(t, c);
            if (unlikely(c.p == NULL))
                return c;
        } else if (unlikely(frame->node != NULL))
            fb_transcode_mapped_element(t, c);
        c = value(t, c);
        if (unlikely(c.p == NULL))
            return c;
        if (unlikely(t->dropped_out != NULL))
            c = fb_transcode_drop(t, c, frame);
        c.p = fb_text_skip_blanks(c.p);
        if (t->frame > frame && *c.p != t->frame->closer)
            continue;
        while (*c.p == t->frame->closer) {
            c = close_bracket(t, c);
            if (t->frame == t->frames || unlikely(c.p == NULL))
                return c;
            c.p = fb_text_skip_blanks(c.p);
        }
        if (unlikely(*c.p != ','))
            return fb_transcode_unexpected(t, c.p, "a comma or a closing bracket is missing");
        c.p = fb_text_skip_blanks(c.p + 1);
    }
}

/* ---- the key ---- */

static void make_key(struct fb_transcoder *t, struct fb_transcoded *ret)
{
    struct fb_record_key_fault fault = {0};
    const size_t size = fb_record_key_write(&t->schema, t->key_values, t->key, &fault);

    if (unlikely(fault.reason != FB_DEAD_NONE)) {
        ret->reason = fault.reason;
        ret->what = fault.what;
        ret->name = fault.name;
        ret->at = fault.value == NULL ? 0 : (size_t)(fault.value - t->text);
        return;
    }
    ret->key = t->key;
    ret->key_size = size;
    ret->key_hash = fb_hash_bytes(t->seed, t->key, size);
}

/* ---- the module ---- */

static bool begin_mapping(struct fb_transcoder *t, const struct fb_mapping *mapping)
{
    t->mapping = mapping;
    fb_map_scratch_init(&t->scratch);
    fb_repair_init(&t->repair);
    for (size_t i = 0; i < 2; i++)
        fb_buffer_init(&t->made_keys[i], 8 * (size_t)FB_ITEM_MAX_BYTES);
    if (mapping == NULL)
        return true;
    t->null = mapping->null;
    t->values = calloc(mapping->tree.slot_count + 1, sizeof *t->values);
    t->record.values = t->values;
    return t->values != NULL;
}

enum fb_status fb_transcoder_new(const struct fb_key_schema *schema, uint64_t hash_seed,
                                 const struct fb_mapping *mapping,
                                 struct fb_transcoder **ret_transcoder)
{
    struct fb_transcoder *t = calloc(1, sizeof *t);

    if (t == NULL)
        return FB_NO_MEMORY;
    t->key = malloc(FB_RECORD_KEY_ROOM);
    if (!begin_mapping(t, mapping) || t->key == NULL) {
        fb_transcoder_free(t);
        return FB_NO_MEMORY;
    }
    t->schema = *schema;
    t->seed = hash_seed;
    for (size_t i = 0; i < schema->count; i++)
        t->key_hashes[i] =
            fb_hash_bytes(hash_seed, schema->attributes[i].name, schema->attributes[i].name_size);
    *ret_transcoder = t;
    return FB_OK;
}

void fb_transcoder_free(struct fb_transcoder *transcoder)
{
    if (transcoder == NULL)
        return;
    fb_members_done(&transcoder->members);
    fb_nesting_done(&transcoder->nesting);
    fb_map_scratch_done(&transcoder->scratch);
    fb_repair_done(&transcoder->repair);
    for (size_t i = 0; i < 2; i++)
        fb_buffer_done(&transcoder->made_keys[i]);
    free(transcoder->values);
    free(transcoder->out);
    free(transcoder->key);
    free(transcoder);
}

void fb_transcoder_place(struct fb_transcoder *transcoder, const struct fb_map_object *object,
                         const char *envelope, uint64_t number, uint64_t offset_bytes)
{
    transcoder->record.object = object;
    transcoder->record.envelope = envelope;
    transcoder->record.number = number;
    transcoder->record.offset_bytes = offset_bytes;
}

void fb_transcoder_shrink(struct fb_transcoder *transcoder)
{
    fb_members_shrink(&transcoder->members);
    if (transcoder->repair.text.capacity > OUT_KEPT)
        fb_repair_done(&transcoder->repair);
    if (transcoder->out_capacity <= OUT_KEPT)
        return;
    free(transcoder->out);
    transcoder->out = NULL;
    transcoder->out_capacity = 0;
}

/* Nothing in the output is worth copying: a pass begins at its start. */
static enum fb_status reserve_out(struct fb_transcoder *t, size_t size)
{
    const size_t needed =
        size * EXPANSION + OUT_AT_FIRST + (t->mapping == NULL ? 0 : ROOM_FOR_MAPPED);

    if (likely(needed <= t->out_capacity))
        return FB_OK;
    free(t->out);
    t->out = malloc(needed);
    t->out_capacity = t->out == NULL ? 0 : needed;
    return t->out == NULL ? FB_NO_MEMORY : FB_OK;
}

static void start(struct fb_transcoder *t, const char *text, size_t size)
{
    t->text = text;
    t->end = text + size;
    t->counted = 0;
    t->frame = t->frames;
    t->key_values[0] = NULL;
    t->key_values[1] = NULL;
    t->value_wanted = &t->no_key;
    t->reason = FB_DEAD_NONE;
    fb_members_reset(&t->members);
    if (t->mapping != NULL)
        fb_transcode_start_mapping(t);
}

/* A limit was broken: is it JSON up to its end? What was repaired is, but for its binaries. */
COLD enum fb_status validate_rest(struct fb_transcoder *t, struct fb_transcoded *ret)
{
    struct fb_validated validated = {.end = (size_t)(t->end - t->text)};
    const enum fb_status status =
        t->record.repair != NULL
            ? FB_OK
            : fb_json_validate(&t->nesting, t->text, (size_t)(t->end - t->text), &validated);

    if (status == FB_INVALID)
        *ret = (struct fb_transcoded){.at = validated.end, .what = validated.what};
    if (status == FB_OK)
        *ret = (struct fb_transcoded){.size = validated.end,
                                      .reason = t->reason,
                                      .at = (size_t)(t->at - t->text),
                                      .what = t->what};
    return status;
}

COLD enum fb_status stopped(struct fb_transcoder *t, struct fb_transcoded *ret)
{
    if (t->reason != FB_DEAD_NONE)
        return validate_rest(t, ret);
    if (t->status == FB_INVALID)
        *ret = (struct fb_transcoded){.at = (size_t)(t->at - t->text), .what = t->what};
    return t->status;
}

static void finish_key(struct fb_transcoder *t, struct fb_transcoded *ret)
{
    const int repaired = t->record.repair == NULL ? -1 : fb_transcode_repaired_key(t);

    if (likely(repaired < 0)) {
        make_key(t, ret);
        return;
    }
    ret->reason = FB_DEAD_INVALID_UTF8;
    ret->what = "a key attribute is not UTF-8";
    ret->name = t->schema.attributes[repaired].name;
}

static enum fb_status run(struct fb_transcoder *transcoder, const char *text, size_t size,
                          struct fb_transcoded *ret_transcoded)
{
    struct fb_transcoded transcoded = {0};
    struct cursor c = {.p = text};

    if (reserve_out(transcoder, size) != FB_OK)
        return FB_NO_MEMORY;
    start(transcoder, text, size);
    c.out = transcoder->out;
    c = pass(transcoder, c);
    if (unlikely(c.p == NULL))
        return stopped(transcoder, ret_transcoded);
    transcoded.size = (size_t)(c.p - text);
    transcoded.is_left_out = transcoder->is_left_out;
    if (unlikely(transcoder->is_left_out)) {
        *ret_transcoded = transcoded;
        return FB_OK;
    }
    transcoded.item = transcoder->out;
    transcoded.item_size = (size_t)(c.out - transcoder->out);
    transcoded.item_counted_bytes = transcoder->counted;
    transcoded.operation = transcoder->operation;
    if (unlikely(transcoder->counted > FB_ITEM_MAX_BYTES) && transcoder->operation != FB_DELETE) {
        transcoded.reason = FB_DEAD_ITEM_TOO_LARGE;
        transcoded.what = FB_TRANSCODE_TOO_LARGE;
    } else
        finish_key(transcoder, &transcoded);
    if (unlikely(transcoder->operation == FB_DELETE) && transcoded.reason == FB_DEAD_NONE &&
        !fb_transcode_keys_alone(transcoder, &transcoded))
        return FB_NO_MEMORY;
    *ret_transcoded = transcoded;
    return FB_OK;
}

/* What is not UTF-8 is written again as the mapping has it, and that is transcoded. */
COLD enum fb_status run_repaired(struct fb_transcoder *t, enum fb_map_utf8 how, const char *text,
                                 struct fb_transcoded *transcoded)
{
    const size_t size = transcoded->size;
    enum fb_status status = fb_repair_write(&t->repair, how, text, size);

    if (status == FB_INVALID || status == FB_TOO_LARGE ||
        (status == FB_OK && t->repair.text.size > FB_TRANSCODE_TEXT_MAX))
        return FB_OK;
    if (status != FB_OK)
        return status;
    t->record.repair = &t->repair;
    t->record.text = text;
    t->record.size = size;
    status = run(t, t->repair.text.bytes, t->repair.text.size, transcoded);
    t->record.repair = NULL;
    if (status != FB_OK)
        return status;
    transcoded->size = size;
    transcoded->at = fb_repair_original(&t->repair, transcoded->at);
    return FB_OK;
}

/* What is not UTF-8 matters to no record that is left out, deletes or adds, if it is not read. */
COLD enum fb_status run_unused(struct fb_transcoder *t, const char *text,
                               struct fb_transcoded *transcoded)
{
    struct fb_transcoded repaired = *transcoded;
    const enum fb_status status = run_repaired(t, FB_MAP_UTF8_REPLACE, text, &repaired);

    if (status == FB_OK && repaired.reason == FB_DEAD_NONE &&
        (repaired.is_left_out || repaired.operation == FB_DELETE || repaired.operation == FB_ADD))
        *transcoded = repaired;
    return status;
}

enum fb_status fb_transcode(struct fb_transcoder *transcoder, const char *text, size_t size,
                            struct fb_transcoded *ret_transcoded)
{
    enum fb_status status;

    if (size > FB_TRANSCODE_TEXT_MAX)
        return FB_TOO_LARGE;
    status = run(transcoder, text, size, ret_transcoded);
    if (unlikely(status == FB_OK && ret_transcoded->reason == FB_DEAD_INVALID_UTF8 &&
                 transcoder->mapping != NULL))
        return transcoder->mapping->utf8 != FB_MAP_UTF8_DEAD_LETTER
                   ? run_repaired(transcoder, transcoder->mapping->utf8, text, ret_transcoded)
                   : run_unused(transcoder, text, ret_transcoded);
    return status;
}
