/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the transcoder's pass (transcode.c), its mapped members (transcode_map.c) and what is made
 * behind them (transcode_made.c) share.
 *
 * Threads: one owner of a transcoder.
 */
#ifndef FIREBRIDGE_CODEC_TRANSCODE_PRIVATE_H
#define FIREBRIDGE_CODEC_TRANSCODE_PRIVATE_H

#include <string.h>

#include "firebridge/codec/hash.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/number.h"
#include "firebridge/codec/transcode.h"
#include "firebridge/codec/validate.h"
#include "mapping.h"
#include "members.h"
#include "repair.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define INLINE      static inline __attribute__((always_inline))
#define COLD        static __attribute__((noinline, cold))

struct frame {
    uint64_t seen;                  /* a Bloom filter over the names' hashes */
    uint32_t first_member;          /* in fb_members */
    uint32_t element_cost;          /* what DynamoDB counts for an element as such */
    const struct fb_map_node *node; /* what a mapping wants in here; NULL: nothing */
    const char *prefix;             /* of a flattened object: before the names in it; NULL: none */
    size_t prefix_size;
    char *dropped_out; /* not NULL: all of this is dropped, and the output goes on there */
    uint32_t dropped_counted;
    uint32_t element; /* of an array that a mapping looks into: the next one's number */
    char closer;
    bool object;
    bool is_top;   /* its members are the item's attributes */
    bool repeated; /* a name occurred twice */
};

struct fb_transcoder {
    struct fb_key_schema schema;
    uint64_t seed;
    uint64_t key_hashes[2];    /* of the key attributes' names */
    const char *key_values[2]; /* where the last value of each begins; NULL when there is none */
    const char *no_key;        /* where the place of a value goes that is no key's */
    const char **value_wanted; /* where the place of the next value goes */
    bool key_is_either[2];     /* two fields are called as the key attribute is */

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
    enum fb_dead_reason reason_for_later; /* unless the mapping does not take what is at fault */
    const char *at;
    const char *what;

    const struct fb_mapping *mapping;  /* NULL: a record's own members are the item */
    const struct fb_map_node *wanted;  /* in the next value */
    const struct fb_map_node *flatten; /* the next value, which is an object */
    char *dropped_out;                 /* as in struct frame, of the next value */
    uint32_t dropped_counted;
    const char **values; /* by slot: where the values that the mapping wants begin */
    size_t grown;        /* by so many bytes the mapping's names are longer than the record's */
    uint32_t made;       /* what DynamoDB counts for what templates made */
    enum fb_map_null null;
    struct fb_map_record record;
    struct fb_repair repair;
    struct fb_map_scratch scratch;
    struct fb_buffer made_keys[2]; /* values of key attributes that templates gave */
    struct fb_map_fault fault;
    uint64_t mismatches;
    bool is_left_out; /* by the mapping's condition */
    enum fb_operation operation;

    struct fb_nesting nesting;
    char name[FB_ATTRIBUTE_NAME_MAX_BYTES + 1 + FB_TEXT_SLACK]; /* unescaped, to be hashed */
};

#define FB_TRANSCODE_TOO_LARGE "an item over 409600 bytes as DynamoDB counts"

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

struct cursor fb_transcode_stop(struct fb_transcoder *t, enum fb_status status, const char *at,
                                const char *what);

/* Something other than expected: either the text ends here, or it is malformed. */
struct cursor fb_transcode_unexpected(struct fb_transcoder *t, const char *at, const char *what);

/* JSON all right, but no item: the rest is for the validator. */
struct cursor fb_transcode_refuse(struct fb_transcoder *t, enum fb_dead_reason reason,
                                  const char *at, const char *what);

/* As above, but only once it is known that the record is to be put: one that the mapping leaves
 * out, or that deletes, is no dead letter for what it does not use. The pass goes on. */
void fb_transcode_refuse_later(struct fb_transcoder *t, enum fb_dead_reason reason, const char *at,
                               const char *what);

/* ---- strings ---- */

/* Escapes and UTF-8 up to the next ASCII byte that is plain or a quote. */
struct cursor fb_transcode_specials(struct fb_transcoder *t, struct cursor c, size_t *shrunk);

/* From behind the opening quote to behind the closing one, which is not copied. */
INLINE struct cursor fb_transcode_string(struct fb_transcoder *t, struct cursor c,
                                         struct string *ret)
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
        c = fb_transcode_specials(t, c, &shrunk);
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

static inline uint64_t fb_transcode_hash(struct fb_transcoder *t, const struct string *name)
{
    /* What is too long for a name is refused, whatever its hash. */
    if (likely(name->size == name->decoded_size) ||
        name->decoded_size > FB_ATTRIBUTE_NAME_MAX_BYTES)
        return fb_hash_bytes(t->seed, name->begin, name->size);
    return fb_hash_bytes(t->seed, t->name, fb_text_unescape(name->begin, name->size, t->name));
}

static inline void fb_transcode_want_key(struct fb_transcoder *t, uint64_t hash)
{
    for (size_t i = 0; i < t->schema.count; i++)
        if (hash == t->key_hashes[i])
            t->value_wanted = &t->key_values[i];
}

/* Whether the topmost member, whose name or value is at `at`, repeats a name, and whether that is
 * another field's; false without memory. */
bool fb_transcode_find_repeated(struct fb_transcoder *t, const char *at);

/* What a member is called in the end; its bytes stay for as long as the record is worked on. */
struct fb_final_name {
    struct string text;
    uint64_t hash;
    const char *made_with; /* as in struct fb_member */
    bool is_written;       /* in the output already */
};

/* The member begins at `out` in the output, and its name or value at `at` in the text. */
INLINE bool fb_transcode_note(struct fb_transcoder *t, const struct fb_final_name *name,
                              const char *out, const char *at)
{
    struct frame *frame = t->frame;
    struct fb_member *member;
    uint64_t bit;

    if (unlikely(t->members.count == t->members.capacity) && fb_members_grow(&t->members) != FB_OK)
        return false;
    member = &t->members.stack[t->members.count++];
    *member = (struct fb_member){
        .hash = name->hash,
        .name = name->text.begin,
        .made_with = name->made_with,
        .name_size = (uint32_t)name->text.size,
        .out_begin = (uint32_t)(out - t->out),
        .counted_begin = t->counted,
        .slot = FB_MEMBERS_NO_SLOT,
        .escaped = name->text.size != name->text.decoded_size,
    };
    if (frame->is_top)
        fb_transcode_want_key(t, name->hash);
    bit = (uint64_t)1 << (member->hash & 63);
    if ((frame->seen & bit) == 0 && t->members.count - frame->first_member < FB_MEMBERS_SCANNED) {
        frame->seen |= bit;
        return true;
    }
    return fb_transcode_find_repeated(t, at);
}

/* ---- brackets ---- */

INLINE void fb_transcode_push(struct fb_transcoder *t, bool object, uint32_t element_cost)
{
    t->frame++;
    *t->frame = (struct frame){
        .first_member = t->members.count,
        .element_cost = element_cost,
        .node = t->wanted,
        .closer = object ? '}' : ']',
        .object = object,
    };
    t->wanted = NULL;
}

/* ---- what a mapping adds (transcode_map.c) ---- */

void fb_transcode_start_mapping(struct fb_transcoder *t);

/* As the pass reads a member's name and colon, in an object that the mapping looks into. */
struct cursor fb_transcode_mapped_name(struct fb_transcoder *t, struct cursor c);

/* Writes the name, and its colon, of a member that begins at `out`. */
struct cursor fb_transcode_add_member(struct fb_transcoder *t, struct cursor c,
                                      const struct fb_final_name *name, char *out);

/* An element of an array that the mapping looks into begins at c.p. */
void fb_transcode_mapped_element(struct fb_transcoder *t, struct cursor c);

/* An object that is flattened: its members are those of the object around, in the output as in the
 * count. */
struct cursor fb_transcode_open_flat(struct fb_transcoder *t, struct cursor c);
struct cursor fb_transcode_close_flat(struct fb_transcoder *t, struct cursor c);

/* What is dropped goes back to where it began: a bracket when it closes, all else at once. `before`
 * was the frame in front of the value. */
struct cursor fb_transcode_drop(struct fb_transcoder *t, struct cursor c,
                                const struct frame *before);

/* A null, just written, that the mapping does not keep. That of an element stays, and its place. */
struct cursor fb_transcode_null(struct fb_transcoder *t, struct cursor c, const char *begin);

/* A name that no attribute may have. */
struct cursor fb_transcode_bad_name(struct fb_transcoder *t, struct cursor c,
                                    const struct string *name);

/* A bracket at c.p that is one level too deep: its value is passed over. */
struct cursor fb_transcode_too_deep(struct fb_transcoder *t, struct cursor c);

/* A number that DynamoDB does not hold: as the mapping has it. A key's is never made another. */
struct cursor fb_transcode_odd_number(struct fb_transcoder *t, struct cursor c,
                                      const struct fb_number *number, const char *end,
                                      enum fb_dead_reason reason);

/* A string that was repaired as a binary. All else that begins no value is none. */
struct cursor fb_transcode_binary(struct fb_transcoder *t, struct cursor c);

/* The topmost member has the name of one before it. Those of one field are its values, of which the
 * last counts; of two fields, none is the right one. */
void fb_transcode_repeated(struct fb_transcoder *t, const struct fb_member *before, const char *at);

/* Whether this name of the text was repaired: another may have become the same. */
bool fb_transcode_is_repaired(const struct fb_transcoder *t, const char *name, size_t size);

/* Whether a key attribute's value was repaired: then it is no key. Returns its number; or -1. */
int fb_transcode_repaired_key(const struct fb_transcoder *t);

/* ---- behind the record's last member (transcode_made.c) ---- */

/* The item of a delete: the key attributes alone, in the scratch. False without memory. */
bool fb_transcode_keys_alone(struct fb_transcoder *t, struct fb_transcoded *ret);

/* What the mapping leaves out or makes. */
struct cursor fb_transcode_mapped_end(struct fb_transcoder *t, struct cursor c);

#endif
