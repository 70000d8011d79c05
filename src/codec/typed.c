/* SPDX-License-Identifier: Apache-2.0 */
#include "typed.h"

#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "firebridge/codec/hash.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/number.h"
#include "members.h"

/* A base64 with every slash escaped is copied here to be checked. */
#define BINARY_MAX ((size_t)FB_ITEM_MAX_BYTES * 2)

enum kind {
    KIND_NONE,
    KIND_S,
    KIND_N,
    KIND_B,
    KIND_BOOL,
    KIND_NULL,
    KIND_M,
    KIND_L,
    KIND_SS,
    KIND_NS,
    KIND_BS
};

static const struct {
    const char *name;
    enum kind kind;
} kinds[] = {
    {"S", KIND_S}, {"N", KIND_N}, {"B", KIND_B},   {"BOOL", KIND_BOOL}, {"NULL", KIND_NULL},
    {"M", KIND_M}, {"L", KIND_L}, {"SS", KIND_SS}, {"NS", KIND_NS},     {"BS", KIND_BS},
};

struct level {
    uint32_t first_member;
    bool is_map;
};

struct fb_typed {
    struct fb_key_schema schema;
    uint64_t seed;
    struct fb_members members;
    struct level levels[FB_NESTING_MAX];
    size_t depth;
    struct fb_buffer scratch; /* unescaped text */
    struct fb_buffer key;
    struct fb_buffer key_parts[2];

    const char *begins;
    uint64_t counted;
    enum fb_status status;
    struct fb_transcoded fault;
};

enum fb_status fb_typed_new(const struct fb_key_schema *schema, uint64_t hash_seed,
                            struct fb_typed **ret_typed)
{
    struct fb_typed *typed = calloc(1, sizeof *typed);

    if (typed == NULL)
        return FB_NO_MEMORY;
    typed->schema = *schema;
    typed->seed = hash_seed;
    fb_buffer_init(&typed->scratch, BINARY_MAX);
    fb_buffer_init(&typed->key, FB_CANONICAL_KEY_MAX);
    for (size_t i = 0; i < 2; i++)
        fb_buffer_init(&typed->key_parts[i], (size_t)7 * FB_PARTITION_KEY_MAX_BYTES);
    *ret_typed = typed;
    return FB_OK;
}

void fb_typed_free(struct fb_typed *typed)
{
    if (typed == NULL)
        return;
    fb_members_done(&typed->members);
    fb_buffer_done(&typed->scratch);
    fb_buffer_done(&typed->key);
    for (size_t i = 0; i < 2; i++)
        fb_buffer_done(&typed->key_parts[i]);
    free(typed);
}

/* Returns false, for the reader to stop. */
static bool refuse(struct fb_typed *typed, enum fb_dead_reason reason, const char *at,
                   const char *what)
{
    typed->fault =
        (struct fb_transcoded){.reason = reason, .what = what, .at = (size_t)(at - typed->begins)};
    return false;
}

static bool no_memory(struct fb_typed *typed)
{
    typed->status = FB_NO_MEMORY;
    return false;
}

static enum kind kind_of(const struct fb_json_text *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (fb_json_text_is(name, kinds[i].name, strlen(kinds[i].name)))
            return kinds[i].kind;
    return KIND_NONE;
}

static bool is_escaped(const struct fb_json_text *text)
{
    return memchr(text->bytes, '\\', text->size) != NULL;
}

/* The bytes that a string means, where they are or in the scratch; NULL: no memory, or too many. */
static const char *plain(struct fb_typed *typed, const struct fb_json_text *text, size_t *ret_size)
{
    *ret_size = text->size;
    if (!is_escaped(text))
        return text->bytes;
    fb_buffer_reset(&typed->scratch);
    if (fb_buffer_reserve(&typed->scratch, text->size) != FB_OK)
        return NULL;
    *ret_size = fb_text_unescape(text->bytes, text->size, typed->scratch.bytes);
    return typed->scratch.bytes;
}

/* ---- scalars ---- */

static size_t meant_size(const struct fb_json_text *text)
{
    const char *const end = text->bytes + text->size;
    size_t size = 0;

    for (const char *p = text->bytes; p < end;) {
        struct fb_text_special special = {.size = 1, .decoded_size = 1};

        if (*p == '\\' && fb_text_special(p, end, &special) != FB_TEXT_GOOD)
            return size;
        p += special.size;
        size += special.decoded_size;
    }
    return size;
}

static bool read_number(struct fb_typed *typed, const struct fb_json_text *text)
{
    struct fb_number number;
    const char *at;
    enum fb_dead_reason reason;

    /* The closing quote ends it. */
    if (is_escaped(text) || fb_number_scan(text->bytes, &number, &at) != text->bytes + text->size)
        return refuse(typed, FB_DEAD_WRONG_FORM, text->bytes, "an N that is no number");
    reason = fb_number_check(&number);
    if (reason != FB_DEAD_NONE)
        return refuse(typed, reason, text->bytes,
                      reason == FB_DEAD_NUMBER_RANGE ? "a number outside 1E-130 to 9.9E+125"
                                                     : "a number of over 38 significant digits");
    typed->counted += fb_number_counted_bytes(&number);
    return true;
}

static bool read_binary(struct fb_typed *typed, const struct fb_json_text *text)
{
    size_t size;
    size_t decoded;
    const char *base64;

    if (text->size > BINARY_MAX)
        return refuse(typed, FB_DEAD_ITEM_TOO_LARGE, text->bytes,
                      "an item over 409600 bytes as DynamoDB counts");
    base64 = plain(typed, text, &size);
    if (base64 == NULL)
        return no_memory(typed);
    if (!fb_base64_decode(base64, size, NULL, &decoded))
        return refuse(typed, FB_DEAD_WRONG_FORM, text->bytes, "a B that is no base64");
    typed->counted += decoded;
    return true;
}

static bool read_text(struct fb_typed *typed, enum kind kind, struct fb_json_cursor *value)
{
    struct fb_json_text text;

    if (!fb_json_take_string(value, &text))
        return refuse(typed, FB_DEAD_WRONG_FORM, value->at, "a value of S, N or B is a string");
    if (kind == KIND_N)
        return read_number(typed, &text);
    if (kind == KIND_B)
        return read_binary(typed, &text);
    typed->counted += meant_size(&text);
    return true;
}

static bool read_set(struct fb_typed *typed, enum kind kind, struct fb_json_cursor *value)
{
    const char *const begins = value->at;
    const enum kind element = kind == KIND_SS ? KIND_S : kind == KIND_NS ? KIND_N : KIND_B;
    size_t count = 0;

    if (!fb_json_enter_array(value))
        return refuse(typed, FB_DEAD_WRONG_FORM, begins, "a set is a list of strings");
    for (; fb_json_next_element(value); count++)
        if (!read_text(typed, element, value))
            return false;
    return count > 0 ? true : refuse(typed, FB_DEAD_WRONG_FORM, begins, "an empty set");
}

static bool read_word(struct fb_typed *typed, enum kind kind, struct fb_json_cursor *value)
{
    const char c = *value->at;

    if (c != 't' && (kind == KIND_NULL || c != 'f'))
        return refuse(typed, FB_DEAD_WRONG_FORM, value->at,
                      kind == KIND_NULL ? "NULL is true" : "a BOOL is true or false");
    fb_json_skip(value);
    typed->counted++;
    return true;
}

/* ---- maps and lists ---- */

static bool push(struct fb_typed *typed, bool is_map, const char *at)
{
    if (typed->depth == FB_NESTING_MAX)
        return refuse(typed, FB_DEAD_TOO_DEEP, at, "nesting over 32 levels");
    typed->levels[typed->depth++] = (struct level){typed->members.count, is_map};
    return true;
}

static bool enter(struct fb_typed *typed, enum kind kind, struct fb_json_cursor *value)
{
    const char *const begins = value->at;
    const bool is_map = kind == KIND_M;

    if (is_map ? !fb_json_enter_object(value) : !fb_json_enter_array(value))
        return refuse(typed, FB_DEAD_WRONG_FORM, begins,
                      is_map ? "an M is an object" : "an L is an array");
    typed->counted += 3;
    return push(typed, is_map, begins);
}

/* A typed value: {"S":"..."}. One that has others inside is entered, and closed by `leave`. */
static bool read_value(struct fb_typed *typed, struct fb_json_cursor *value)
{
    const char *const begins = value->at;
    struct fb_json_text name;
    enum kind kind;
    bool good;

    if (!fb_json_enter_object(value) || !fb_json_next_member(value, &name))
        return refuse(typed, FB_DEAD_WRONG_FORM, begins, "a value without a type, like {\"S\":..}");
    kind = kind_of(&name);
    if (kind == KIND_M || kind == KIND_L)
        return enter(typed, kind, value);
    if (kind == KIND_NONE)
        return refuse(typed, FB_DEAD_WRONG_FORM, name.bytes, "a type that DynamoDB does not have");
    if (kind == KIND_BOOL || kind == KIND_NULL)
        good = read_word(typed, kind, value);
    else if (kind == KIND_SS || kind == KIND_NS || kind == KIND_BS)
        good = read_set(typed, kind, value);
    else
        good = read_text(typed, kind, value);
    if (good && fb_json_next_member(value, &name))
        return refuse(typed, FB_DEAD_WRONG_FORM, begins, "a value of two types");
    return good;
}

/* Behind the last member or element of the innermost map or list. */
static bool leave(struct fb_typed *typed, struct fb_json_cursor *value)
{
    struct fb_json_text name;

    fb_members_close(&typed->members, typed->levels[--typed->depth].first_member);
    if (typed->depth > 0 && fb_json_next_member(value, &name))
        return refuse(typed, FB_DEAD_WRONG_FORM, name.bytes, "a value of two types");
    return true;
}

static bool read_name(struct fb_typed *typed, const struct fb_json_text *name)
{
    const size_t size = meant_size(name);
    struct fb_member *member;
    const struct fb_member *before;
    size_t plain_size;
    const char *bytes;

    if (size == 0)
        return refuse(typed, FB_DEAD_EMPTY_NAME, name->bytes, "an empty attribute name");
    if (size > FB_ATTRIBUTE_NAME_MAX_BYTES)
        return refuse(typed, FB_DEAD_NAME_TOO_LONG, name->bytes,
                      "an attribute name over 65535 bytes");
    bytes = plain(typed, name, &plain_size);
    if (bytes == NULL || (typed->members.count == typed->members.capacity &&
                          fb_members_grow(&typed->members) != FB_OK))
        return no_memory(typed);
    member = &typed->members.stack[typed->members.count++];
    *member = (struct fb_member){
        .hash = fb_hash_bytes(typed->seed, bytes, plain_size),
        .name = name->bytes,
        .name_size = (uint32_t)name->size,
        .slot = FB_MEMBERS_NO_SLOT,
        .escaped = is_escaped(name),
    };
    if (fb_members_find_repeated(&typed->members, typed->levels[typed->depth - 1].first_member,
                                 &before) != FB_OK)
        return no_memory(typed);
    if (before != NULL)
        return refuse(typed, FB_DEAD_WRONG_FORM, name->bytes, "an attribute that is there twice");
    typed->counted += size;
    return true;
}

/* ---- the key ---- */

static struct fb_transcoded key_fault(enum fb_dead_reason reason, const char *what,
                                      const struct fb_key_attribute *attribute)
{
    return (struct fb_transcoded){.reason = reason, .what = what, .name = attribute->name};
}

/* Bytes of a key's value: what is behind its head in canonical form; of a binary, decoded. */
static size_t key_bytes(const struct fb_buffer *part, enum fb_key_type type)
{
    size_t size = part->size - 3;

    if (type == FB_KEY_BINARY && !fb_base64_decode(part->bytes + 3, size, NULL, &size))
        return 0;
    return size;
}

/* Is it a key attribute? Then its canonical form is kept. The value was read, and is good. */
static bool take_key(struct fb_typed *typed, const struct fb_json_text *name,
                     struct fb_json_cursor value, bool keys_alone)
{
    struct fb_json_text kind, text;

    for (size_t i = 0; i < typed->schema.count; i++) {
        const struct fb_key_attribute *attribute = &typed->schema.attributes[i];
        const char type = (char)attribute->type;
        const size_t most = i == 0 ? FB_PARTITION_KEY_MAX_BYTES : FB_SORT_KEY_MAX_BYTES;
        struct fb_buffer *part = &typed->key_parts[i];
        enum fb_status status;
        size_t size;

        if (!fb_json_text_is(name, attribute->name, attribute->name_size))
            continue;
        (void)fb_json_enter_object(&value);
        (void)fb_json_next_member(&value, &kind);
        if (!fb_json_text_is(&kind, &type, 1) || !fb_json_take_string(&value, &text)) {
            typed->fault =
                key_fault(FB_DEAD_KEY_TYPE, "a key attribute of another type", attribute);
            return false;
        }
        status = fb_key_append_canonical(part, attribute->type, text.bytes, text.size);
        if (status == FB_NO_MEMORY)
            return no_memory(typed);
        size = status == FB_OK ? key_bytes(part, attribute->type) : most + 1;
        if (size == 0)
            typed->fault = key_fault(FB_DEAD_KEY_EMPTY, "a key attribute is empty", attribute);
        else if (size > most)
            typed->fault =
                key_fault(FB_DEAD_KEY_TOO_LONG, "a key attribute is too long", attribute);
        return size > 0 && size <= most;
    }
    if (keys_alone && typed->schema.count > 0)
        return refuse(typed, FB_DEAD_WRONG_FORM, name->bytes,
                      "an attribute among the keys that is none of this table");
    return true;
}

static bool make_key(struct fb_typed *typed, struct fb_transcoded *ret)
{
    fb_buffer_reset(&typed->key);
    for (size_t i = 0; i < typed->schema.count; i++) {
        const struct fb_buffer *part = &typed->key_parts[i];

        if (part->size == 0) {
            typed->fault = key_fault(FB_DEAD_KEY_MISSING, "a key attribute is missing",
                                     &typed->schema.attributes[i]);
            return false;
        }
        if (fb_buffer_append(&typed->key, part->bytes, part->size) != FB_OK)
            return no_memory(typed);
    }
    ret->key = typed->key.bytes;
    ret->key_size = typed->key.size;
    ret->key_hash = fb_hash_bytes(typed->seed, ret->key, ret->key_size);
    return true;
}

/* ---- the pass ---- */

static bool read_map(struct fb_typed *typed, struct fb_json_cursor *map, bool keys_alone)
{
    struct fb_json_text name;
    struct fb_json_cursor value = {NULL};

    while (typed->depth > 0) {
        const bool is_map = typed->levels[typed->depth - 1].is_map;
        const bool is_outermost = typed->depth == 1;

        if (is_map ? !fb_json_next_member(map, &name) : !fb_json_next_element(map)) {
            if (!leave(typed, map))
                return false;
            continue;
        }
        if (is_map && !read_name(typed, &name))
            return false;
        /* Each element of a list or a map costs one. */
        typed->counted += !is_outermost;
        value = *map;
        if (!read_value(typed, map))
            return false;
        if (is_outermost && !take_key(typed, &name, value, keys_alone))
            return false;
    }
    return true;
}

enum fb_status fb_typed_read(struct fb_typed *typed, struct fb_json_cursor map, bool keys_alone,
                             struct fb_transcoded *ret_item)
{
    const struct fb_json_cursor begins = map;
    struct fb_transcoded item = {0};
    bool good;

    typed->begins = map.at;
    typed->counted = 0;
    typed->status = FB_OK;
    typed->depth = 0;
    fb_members_reset(&typed->members);
    for (size_t i = 0; i < 2; i++)
        fb_buffer_reset(&typed->key_parts[i]);
    if (!fb_json_enter_object(&map))
        good = refuse(typed, FB_DEAD_WRONG_FORM, map.at, "an item is an object");
    else
        good = push(typed, true, map.at) && read_map(typed, &map, keys_alone);
    if (good && typed->counted > FB_ITEM_MAX_BYTES)
        good = refuse(typed, FB_DEAD_ITEM_TOO_LARGE, begins.at,
                      "an item over 409600 bytes as DynamoDB counts");
    if (good)
        good = make_key(typed, &item);
    if (typed->status != FB_OK)
        return typed->status;
    if (!good)
        item = typed->fault;
    item.item = begins.at;
    item.item_size = good ? (size_t)(map.at - begins.at) : 0;
    item.item_counted_bytes = (uint32_t)typed->counted;
    *ret_item = item;
    return FB_OK;
}

bool fb_typed_looks_so(struct fb_json_cursor value)
{
    struct fb_json_text name;
    size_t count = 0;

    if (!fb_json_enter_object(&value))
        return false;
    for (; fb_json_next_member(&value, &name); count++) {
        struct fb_json_text type;

        if (!fb_json_enter_object(&value) || !fb_json_next_member(&value, &type) ||
            kind_of(&type) == KIND_NONE)
            return false;
        fb_json_skip(&value);
        if (fb_json_next_member(&value, &type))
            return false;
    }
    return count > 0;
}
