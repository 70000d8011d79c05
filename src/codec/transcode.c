/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/transcode.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/hash.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/number.h"
#include "firebridge/codec/validate.h"
#include "members.h"
#include "record_key.h"

/*
 * The output is made large enough before the pass, so that nothing in it asks for room. The worst
 * text is `[[0]]`: 4 bytes of output for a bracket, 9 for the digit, against one and one.
 */
#define EXPANSION    6
#define OUT_KEPT     ((size_t)1 << 20)
#define OUT_AT_FIRST ((size_t)64 << 10)

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define INLINE      static inline __attribute__((always_inline))
#define COLD        static __attribute__((noinline, cold))

struct frame {
    uint64_t seen;         /* a Bloom filter over the names' hashes */
    uint32_t first_member; /* in fb_members */
    uint32_t element_cost; /* what DynamoDB counts for an element as such */
    char closer;
    bool object;
    bool repeated; /* a name occurred twice */
};

struct fb_transcoder {
    struct fb_key_schema schema;
    uint64_t seed;
    uint64_t key_hashes[2];    /* of the key attributes' names */
    const char *key_values[2]; /* where the last value of each begins; NULL when there is none */
    const char *no_key;        /* where the place of a value goes that is no key's */
    const char **value_wanted; /* where the place of the next value goes */

    const char *text;
    const char *end;
    uint32_t counted;
    struct frame *frame;
    struct frame frames[FB_NESTING_MAX + 1]; /* the first is never used: a depth is an index */
    struct fb_members members;

    char *out;
    size_t out_capacity;
    char *key;

    enum fb_status status; /* of a pass that stopped */
    enum fb_dead_reason reason;
    const char *at;
    const char *what;

    struct fb_nesting nesting;
    char name[FB_ATTRIBUTE_NAME_MAX_BYTES + 1 + FB_TEXT_SLACK]; /* unescaped, to be hashed */
};

/* Reading and writing places, kept in registers. A pass that stopped has p == NULL. */
struct cursor {
    const char *p;
    char *out;
};

struct string {
    const char *begin;
    size_t size;
    size_t decoded_size;
};

/* ---- stopping ---- */

COLD struct cursor stop(struct fb_transcoder *t, enum fb_status status, const char *at,
                        const char *what)
{
    t->status = status;
    t->at = at;
    t->what = what;
    return (struct cursor){0};
}

/* Something other than expected: either the text ends here, or it is malformed. */
COLD struct cursor unexpected(struct fb_transcoder *t, const char *at, const char *what)
{
    return stop(t, at == t->end ? FB_NEED_MORE : FB_INVALID, at, what);
}

/* JSON all right, but no item: the rest is for the validator. */
COLD struct cursor refuse(struct fb_transcoder *t, enum fb_dead_reason reason, const char *at,
                          const char *what)
{
    t->reason = reason;
    return stop(t, FB_OK, at, what);
}

/* ---- strings ---- */

/* Escapes and UTF-8 up to the next ASCII byte that is plain or a quote. */
static __attribute__((noinline)) struct cursor copy_specials(struct fb_transcoder *t,
                                                             struct cursor c, size_t *shrunk)
{
    while (*c.p == '\\' || (unsigned char)*c.p >= 0x80 || (unsigned char)*c.p < 0x20) {
        struct fb_text_special special;

        switch (fb_text_special(c.p, t->end, &special)) {
        case FB_TEXT_GOOD:
            break;
        case FB_TEXT_CUT:
            return stop(t, FB_NEED_MORE, t->end, NULL);
        case FB_TEXT_BAD:
            return unexpected(t, special.at, "a character that no string may hold");
        case FB_TEXT_BAD_UTF8:
            return refuse(t, FB_DEAD_INVALID_UTF8, c.p,
                          *c.p == '\\' ? "a lone surrogate" : "bytes that are not UTF-8");
        }
        memcpy(c.out, c.p, FB_TEXT_BLOCK);
        c.p += special.size;
        c.out += special.size;
        *shrunk += special.size - special.decoded_size;
    }
    return c;
}

/* From behind the opening quote to behind the closing one, which is not copied. */
INLINE struct cursor copy_string(struct fb_transcoder *t, struct cursor c, struct string *ret)
{
    const char *const begin = c.p;
    size_t shrunk = 0;

    for (;;) {
        const size_t plain = fb_text_copy_plain(c.out, c.p);

        c.p += plain;
        c.out += plain;
        if (plain == FB_TEXT_BLOCK)
            continue;
        if (likely(*c.p == '"'))
            break;
        c = copy_specials(t, c, &shrunk);
        if (c.p == NULL)
            return c;
    }
    ret->begin = begin;
    ret->size = (size_t)(c.p - begin);
    ret->decoded_size = ret->size - shrunk;
    c.p++;
    return c;
}

/* ---- members ---- */

static uint64_t hash_name(struct fb_transcoder *t, const struct string *name)
{
    if (likely(name->size == name->decoded_size))
        return fb_hash_bytes(t->seed, name->begin, name->size);
    return fb_hash_bytes(t->seed, t->name, fb_text_unescape(name->begin, name->size, t->name));
}

static void want_key_value(struct fb_transcoder *t, const struct fb_member *member)
{
    for (size_t i = 0; i < t->schema.count; i++)
        if (member->hash == t->key_hashes[i])
            t->value_wanted = &t->key_values[i];
}

static __attribute__((noinline)) bool find_repeated(struct fb_transcoder *t)
{
    bool repeated = false;

    if (fb_members_find_repeated(&t->members, t->frame->first_member, &repeated) != FB_OK)
        return false;
    t->frame->repeated |= repeated;
    return true;
}

/* `out` is where the member begins in the output. */
INLINE bool note_member(struct fb_transcoder *t, const struct string *name, const char *out)
{
    struct frame *frame = t->frame;
    struct fb_member *member;
    uint64_t bit;

    if (unlikely(t->members.count == t->members.capacity) && fb_members_grow(&t->members) != FB_OK)
        return false;
    member = &t->members.stack[t->members.count++];
    *member = (struct fb_member){
        .hash = hash_name(t, name),
        .name = name->begin,
        .name_size = (uint32_t)name->size,
        .out_begin = (uint32_t)(out - t->out),
        .counted_begin = t->counted,
        .slot = FB_MEMBERS_NO_SLOT,
        .escaped = name->size != name->decoded_size,
    };
    if (frame == &t->frames[1])
        want_key_value(t, member);
    bit = (uint64_t)1 << (member->hash & 63);
    if ((frame->seen & bit) == 0 && t->members.count - frame->first_member < FB_MEMBERS_SCANNED) {
        frame->seen |= bit;
        return true;
    }
    return find_repeated(t);
}

INLINE struct cursor name_and_colon(struct fb_transcoder *t, struct cursor c)
{
    char *const out = c.out;
    struct string name;

    if (unlikely(*c.p != '"'))
        return unexpected(t, c.p, "an attribute's name is missing");
    *c.out++ = '"';
    c.p++;
    c = copy_string(t, c, &name);
    if (unlikely(c.p == NULL))
        return c;
    if (unlikely(name.decoded_size - 1 >= FB_ATTRIBUTE_NAME_MAX_BYTES)) {
        if (name.decoded_size == 0)
            return refuse(t, FB_DEAD_EMPTY_NAME, name.begin, "an empty attribute name");
        return refuse(t, FB_DEAD_NAME_TOO_LONG, name.begin, "an attribute name over 65535 bytes");
    }
    if (unlikely(!note_member(t, &name, out)))
        return stop(t, FB_NO_MEMORY, c.p, NULL);
    t->counted += (uint32_t)name.decoded_size;
    memcpy(c.out, "\":", 2);
    c.out += 2;
    c.p = fb_text_skip_blanks(c.p);
    if (unlikely(*c.p != ':'))
        return unexpected(t, c.p, "a colon is missing");
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
    c = copy_string(t, c, &string);
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
        return unexpected(t, at, "a malformed number");
    reason = fb_number_check(&number);
    if (unlikely(reason != FB_DEAD_NONE)) {
        /* Its last digit may be yet to come. */
        if (end == t->end)
            return stop(t, FB_NEED_MORE, end, NULL);
        return refuse(t, reason, c.p,
                      reason == FB_DEAD_NUMBER_RANGE ? "a number outside 1E-130 to 9.9E+125"
                                                     : "a number of over 38 significant digits");
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
            return unexpected(t, c.p, "a word that is no value");
    t->counted++;
    memcpy(c.out, form, 16);
    c.out += strlen(form);
    return c;
}

INLINE void push_frame(struct fb_transcoder *t, bool object, uint32_t element_cost)
{
    t->frame++;
    *t->frame = (struct frame){
        .first_member = t->members.count,
        .element_cost = element_cost,
        .closer = object ? '}' : ']',
        .object = object,
    };
}

static struct cursor open_bracket(struct fb_transcoder *t, struct cursor c)
{
    const bool object = *c.p == '{';

    if (unlikely(t->frame == &t->frames[FB_NESTING_MAX]))
        return refuse(t, FB_DEAD_TOO_DEEP, c.p, "nesting over 32 levels");
    push_frame(t, object, 1);
    memcpy(c.out, object ? "{\"M\":{\0\0" : "{\"L\":[\0\0", 8);
    c.out += 6;
    c.p++;
    t->counted += 3;
    return c;
}

INLINE struct cursor value(struct fb_transcoder *t, struct cursor c)
{
    static const char true_form[16] = "{\"BOOL\":true},";
    static const char false_form[16] = "{\"BOOL\":false},";
    static const char null_form[16] = "{\"NULL\":true},";

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
        return literal(t, c, "null", null_form);
    case '-':
    case '0' ... '9':
        return number_value(t, c);
    default:
        return unexpected(t, c.p, "a value is missing");
    }
}

/* ---- closing ---- */

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
            memmove(to, from, (size_t)(from_end - from));
            to += from_end - from;
        }
    }
    t->counted -= lost;
    return to;
}

INLINE struct cursor close_bracket(struct fb_transcoder *t, struct cursor c)
{
    struct frame *const frame = t->frame--;

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
    return c;
}

/* ---- the pass ---- */

static struct cursor pass(struct fb_transcoder *t, struct cursor c)
{
    push_frame(t, true, 0);
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
        }
        c = value(t, c);
        if (unlikely(c.p == NULL))
            return c;
        c.p = fb_text_skip_blanks(c.p);
        if (t->frame > frame && *c.p != t->frame->closer)
            continue;
        while (*c.p == t->frame->closer) {
            c = close_bracket(t, c);
            if (t->frame == t->frames)
                return c;
            c.p = fb_text_skip_blanks(c.p);
        }
        if (unlikely(*c.p != ','))
            return unexpected(t, c.p, "a comma or a closing bracket is missing");
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

enum fb_status fb_transcoder_new(const struct fb_key_schema *schema, uint64_t hash_seed,
                                 struct fb_transcoder **ret_transcoder)
{
    struct fb_transcoder *t = calloc(1, sizeof *t);

    if (t == NULL)
        return FB_NO_MEMORY;
    t->key = malloc(FB_RECORD_KEY_ROOM);
    if (t->key == NULL) {
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
    free(transcoder->out);
    free(transcoder->key);
    free(transcoder);
}

void fb_transcoder_shrink(struct fb_transcoder *transcoder)
{
    fb_members_shrink(&transcoder->members);
    if (transcoder->out_capacity <= OUT_KEPT)
        return;
    free(transcoder->out);
    transcoder->out = NULL;
    transcoder->out_capacity = 0;
}

/* Nothing in the output is worth copying: a pass begins at its start. */
static enum fb_status reserve_out(struct fb_transcoder *t, size_t size)
{
    const size_t needed = size * EXPANSION + OUT_AT_FIRST;

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
}

/* A limit was broken: is it JSON up to its end? */
COLD enum fb_status validate_rest(struct fb_transcoder *t, struct fb_transcoded *ret)
{
    struct fb_validated validated;
    const enum fb_status status =
        fb_json_validate(&t->nesting, t->text, (size_t)(t->end - t->text), &validated);

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

enum fb_status fb_transcode(struct fb_transcoder *transcoder, const char *text, size_t size,
                            struct fb_transcoded *ret_transcoded)
{
    struct fb_transcoded transcoded = {0};
    struct cursor c = {.p = text};

    if (size > FB_TRANSCODE_TEXT_MAX)
        return FB_TOO_LARGE;
    if (reserve_out(transcoder, size) != FB_OK)
        return FB_NO_MEMORY;
    start(transcoder, text, size);
    c.out = transcoder->out;
    c = pass(transcoder, c);
    if (unlikely(c.p == NULL))
        return stopped(transcoder, ret_transcoded);
    transcoded.size = (size_t)(c.p - text);
    transcoded.item = transcoder->out;
    transcoded.item_size = (size_t)(c.out - transcoder->out);
    transcoded.item_counted_bytes = transcoder->counted;
    if (unlikely(transcoder->counted > FB_ITEM_MAX_BYTES)) {
        transcoded.reason = FB_DEAD_ITEM_TOO_LARGE;
        transcoded.what = "an item over 409600 bytes as DynamoDB counts";
    } else
        make_key(transcoder, &transcoded);
    *ret_transcoded = transcoded;
    return FB_OK;
}
