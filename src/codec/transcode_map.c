/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mapping adds to the transcoder's pass at each member that it looks into. Values are told
 * by where they begin in the text.
 */
#include "firebridge/codec/json_cursor.h"
#include "transcode_private.h"

/* ---- members ---- */

void fb_transcode_refuse_later(struct fb_transcoder *t, enum fb_dead_reason reason, const char *at,
                               const char *what)
{
    if (t->reason_for_later != FB_DEAD_NONE)
        return;
    t->reason_for_later = reason;
    t->at = at;
    t->what = what;
}

static void drop_next(struct fb_transcoder *t, char *out, uint32_t counted)
{
    t->dropped_out = out;
    t->dropped_counted = counted;
}

static struct fb_final_name name_it(struct fb_transcoder *t, const struct fb_map_node *node,
                                    const char *out, const struct string *read, uint64_t hash)
{
    struct fb_final_name name = {*read, hash, t->frame->prefix, true};

    if (node != NULL && node->action == FB_MAP_RENAME)
        return (struct fb_final_name){
            {node->to, node->to_size, node->to_counted_bytes}, node->to_hash, node->to, false};
    if (t->frame->prefix == NULL)
        return name;
    /* The prefix and what was read stand together in the output. */
    name.text.begin = out + 1;
    name.text.size += t->frame->prefix_size;
    name.text.decoded_size += t->frame->prefix_size;
    name.hash = fb_transcode_hash(t, &name.text);
    return name;
}

struct cursor fb_transcode_add_member(struct fb_transcoder *t, struct cursor c,
                                      const struct fb_final_name *name, char *out)
{
    if (unlikely(name->text.decoded_size > FB_ATTRIBUTE_NAME_MAX_BYTES))
        fb_transcode_refuse_later(t, FB_DEAD_NAME_TOO_LONG, c.p,
                                  "an attribute name over 65535 bytes");
    if (!name->is_written) {
        c.out = out + 1;
        memcpy(c.out, name->text.begin, name->text.size);
        c.out += name->text.size;
    }
    if (unlikely(!fb_transcode_note(t, name, out, c.p)))
        return fb_transcode_stop(t, FB_NO_MEMORY, c.p, NULL);
    t->counted += (uint32_t)name->text.decoded_size;
    memcpy(c.out, "\":", 2);
    c.out += 2;
    return c;
}

static struct cursor read_name(struct fb_transcoder *t, struct cursor c, struct string *ret_name)
{
    if (unlikely(*c.p != '"'))
        return fb_transcode_unexpected(t, c.p, "an attribute's name is missing");
    *c.out++ = '"';
    if (t->frame->prefix != NULL) {
        memcpy(c.out, t->frame->prefix, t->frame->prefix_size);
        c.out += t->frame->prefix_size;
    }
    c.p++;
    c = fb_transcode_string(t, c, ret_name);
    if (unlikely(c.p == NULL))
        return c;
    if (unlikely(ret_name->decoded_size - 1 >= FB_ATTRIBUTE_NAME_MAX_BYTES))
        c = fb_transcode_bad_name(t, c, ret_name);
    c.p = fb_text_skip_blanks(c.p);
    if (unlikely(*c.p != ':'))
        return fb_transcode_unexpected(t, c.p, "a colon is missing");
    c.p = fb_text_skip_blanks(c.p + 1);
    return c;
}

/* Of a name that is repeated the last value counts, with what is in that one. */
static void forget_inside(struct fb_transcoder *t, const struct fb_map_node *node)
{
    for (uint32_t i = 0; i < node->child_count; i++) {
        if (node->children[i].slot != FB_MAP_NO_SLOT)
            t->values[node->children[i].slot] = NULL;
        forget_inside(t, &node->children[i]);
    }
}

/* `node` is what is wanted of the next value, or NULL. */
static void tell_value(struct fb_transcoder *t, const struct fb_map_node *node, const char *at)
{
    t->wanted = NULL;
    if (node == NULL)
        return;
    if (node->slot != FB_MAP_NO_SLOT)
        t->values[node->slot] = at;
    if (node->child_count == 0)
        return;
    forget_inside(t, node);
    t->wanted = node;
}

static bool is_dropped(const struct fb_transcoder *t, const struct fb_map_node *node)
{
    if (node != NULL && (node->action == FB_MAP_DROP || node->is_kept))
        return node->action == FB_MAP_DROP;
    return t->frame->is_top && t->mapping->keeps_only;
}

/*
 * By its names a record may grow by the size of an item and no more: so there is always room. Of
 * one that grows further nothing but the key is of use, if it deletes.
 */
static bool finds_room(struct fb_transcoder *t, const struct fb_final_name *name,
                       const struct string *read)
{
    if (name->text.size > read->size)
        t->grown += name->text.size - read->size;
    return t->grown <= FB_ITEM_MAX_BYTES;
}

struct cursor fb_transcode_mapped_name(struct fb_transcoder *t, struct cursor c)
{
    char *const out = c.out;
    const uint32_t counted = t->counted;
    const struct fb_map_node *node;
    struct fb_final_name final;
    struct string name = {0};
    uint64_t hash;

    c = read_name(t, c, &name);
    if (unlikely(c.p == NULL))
        return c;
    hash = fb_transcode_hash(t, &name);
    node = fb_map_node_member(t->frame->node, hash, name.begin, name.size,
                              name.size != name.decoded_size);
    if (unlikely(node != NULL && node->action == FB_MAP_FLATTEN && t->values[node->slot] != NULL))
        fb_transcode_refuse_later(t, FB_DEAD_MAPPING, c.p,
                                  "a field that is flattened is there twice");
    tell_value(t, node, c.p);
    if (node != NULL && node->action == FB_MAP_FLATTEN && *c.p == '{') {
        t->flatten = node;
        c.out = out;
        return c;
    }
    if (is_dropped(t, node)) {
        drop_next(t, out, counted);
        return c;
    }
    final = name_it(t, node, out, &name, hash);
    if (fb_transcode_is_repaired(t, name.begin, name.size))
        final.made_with = name.begin;
    if (likely(finds_room(t, &final, &name))) {
        c = fb_transcode_add_member(t, c, &final, out);
        if (unlikely(c.p == NULL))
            return c;
    } else {
        fb_transcode_refuse_later(t, FB_DEAD_ITEM_TOO_LARGE, c.p, FB_TRANSCODE_TOO_LARGE);
        if (t->frame->is_top)
            fb_transcode_want_key(t, final.hash);
        drop_next(t, out, counted);
    }
    *t->value_wanted = c.p;
    t->value_wanted = &t->no_key;
    return c;
}

void fb_transcode_mapped_element(struct fb_transcoder *t, struct cursor c)
{
    const struct fb_map_node *node = fb_map_node_element(t->frame->node, t->frame->element++);

    tell_value(t, node, c.p);
    if (node != NULL && node->action == FB_MAP_DROP)
        drop_next(t, c.out, t->counted);
}

/* ---- values ---- */

void fb_transcode_start_mapping(struct fb_transcoder *t)
{
    memset(t->values, 0, t->mapping->tree.slot_count * sizeof *t->values);
    t->wanted = &t->mapping->tree.root;
    t->flatten = NULL;
    t->dropped_out = NULL;
    t->is_left_out = false;
    t->grown = 0;
    t->made = 0;
    memset(t->key_is_either, 0, sizeof t->key_is_either);
    t->reason_for_later = FB_DEAD_NONE;
    t->operation = t->mapping->operation;
    t->record.refuses_repaired = t->mapping->utf8 != FB_MAP_UTF8_REPLACE;
}

struct cursor fb_transcode_open_flat(struct fb_transcoder *t, struct cursor c)
{
    const struct frame *const around = t->frame;
    const struct fb_map_node *const node = t->flatten;

    t->flatten = NULL;
    t->wanted = node;
    fb_transcode_push(t, true, around->element_cost);
    t->frame->first_member = around->first_member;
    t->frame->seen = around->seen;
    t->frame->is_top = around->is_top;
    t->frame->prefix = node->to;
    t->frame->prefix_size = node->to_size;
    t->counted -= around->element_cost;
    c.p++;
    return c;
}

/* The names that it brought may stand in the object around as well. */
struct cursor fb_transcode_close_flat(struct fb_transcoder *t, struct cursor c)
{
    const struct frame *const frame = t->frame--;

    t->frame->seen |= frame->seen;
    t->frame->repeated |= frame->repeated;
    c.p++;
    return c;
}

struct cursor fb_transcode_drop(struct fb_transcoder *t, struct cursor c,
                                const struct frame *before)
{
    if (t->frame > before) {
        t->frame->dropped_out = t->dropped_out;
        t->frame->dropped_counted = t->dropped_counted;
    } else {
        c.out = t->dropped_out;
        t->counted = t->dropped_counted;
    }
    t->dropped_out = NULL;
    return c;
}

static bool is_in_dropped(const struct fb_transcoder *t)
{
    for (const struct frame *frame = t->frame; frame > t->frames; frame--)
        if (frame->dropped_out != NULL)
            return true;
    return false;
}

struct cursor fb_transcode_null(struct fb_transcoder *t, struct cursor c, const char *begin)
{
    if (!t->frame->object || t->dropped_out != NULL || is_in_dropped(t))
        return c;
    if (t->null == FB_MAP_NULL_DEAD_LETTER) {
        fb_transcode_refuse_later(t, FB_DEAD_MAPPING, begin, "a null, and null = dead-letter");
        return c;
    }
    for (size_t i = 0; i < t->schema.count; i++)
        if (t->key_values[i] == begin)
            t->key_values[i] = NULL;
    t->members.stack[t->members.count - 1].superseded = true;
    t->frame->repeated = true;
    return c;
}

struct cursor fb_transcode_bad_name(struct fb_transcoder *t, struct cursor c,
                                    const struct string *name)
{
    const bool is_empty = name->decoded_size == 0;
    const enum fb_dead_reason reason = is_empty ? FB_DEAD_EMPTY_NAME : FB_DEAD_NAME_TOO_LONG;
    const char *what = is_empty ? "an empty attribute name" : "an attribute name over 65535 bytes";

    if (t->mapping == NULL)
        return fb_transcode_refuse(t, reason, name->begin, what);
    fb_transcode_refuse_later(t, reason, name->begin, what);
    return c;
}

/* Moves on behind the value. What was repaired is JSON, but for its binaries. */
static struct cursor pass_over(struct fb_transcoder *t, struct cursor c)
{
    struct fb_validated validated = {0};
    struct fb_json_cursor value = {c.p};
    enum fb_status status;

    if (t->record.repair != NULL) {
        fb_json_skip(&value);
        c.p = value.at;
        return c;
    }
    status = fb_json_validate(&t->nesting, c.p, (size_t)(t->end - c.p), &validated);
    if (status == FB_INVALID)
        return fb_transcode_stop(t, status, c.p + validated.end, validated.what);
    if (status != FB_OK)
        return fb_transcode_stop(t, status, t->end, NULL);
    if (validated.bad_utf8)
        return fb_transcode_refuse(t, FB_DEAD_INVALID_UTF8, c.p + validated.bad_utf8_at,
                                   "a string that is not UTF-8");
    c.p += validated.end;
    return c;
}

struct cursor fb_transcode_too_deep(struct fb_transcoder *t, struct cursor c)
{
    static const char what[] = "nesting over 32 levels";
    static const char form[] = "{\"NULL\":true},";

    if (t->mapping == NULL)
        return fb_transcode_refuse(t, FB_DEAD_TOO_DEEP, c.p, what);
    fb_transcode_refuse_later(t, FB_DEAD_TOO_DEEP, c.p, what);
    t->wanted = NULL;
    t->flatten = NULL;
    memcpy(c.out, form, strlen(form));
    c.out += strlen(form);
    return pass_over(t, c);
}

static const char *number_fault(enum fb_dead_reason reason)
{
    return reason == FB_DEAD_NUMBER_RANGE ? "a number outside 1E-130 to 9.9E+125"
                                          : "a number of over 38 significant digits";
}

struct cursor fb_transcode_odd_number(struct fb_transcoder *t, struct cursor c,
                                      const struct fb_number *number, const char *end,
                                      enum fb_dead_reason reason)
{
    const bool is_key = c.p == t->key_values[0] || c.p == t->key_values[1];
    const bool is_dropped = t->dropped_out != NULL || is_in_dropped(t);
    enum fb_map_overflow overflow =
        t->mapping == NULL || is_key ? FB_MAP_OVERFLOW_DEAD_LETTER : t->mapping->overflow;
    const char *begin = c.p;
    char rounded[FB_NUMBER_CANONICAL_MAX + 1] = "";
    size_t size = (size_t)(end - c.p);
    struct fb_number counted;

    if (overflow == FB_MAP_OVERFLOW_ROUND) {
        size = fb_number_round(number, rounded);
        begin = rounded;
    }
    if (t->mapping == NULL)
        return fb_transcode_refuse(t, reason, c.p, number_fault(reason));
    if (overflow == FB_MAP_OVERFLOW_DEAD_LETTER || size == 0) {
        if (!is_dropped)
            fb_transcode_refuse_later(t, reason, c.p, number_fault(reason));
        overflow = FB_MAP_OVERFLOW_STRING;
        begin = c.p;
        size = (size_t)(end - c.p);
    }
    memcpy(c.out, overflow == FB_MAP_OVERFLOW_STRING ? "{\"S\":\"" : "{\"N\":\"", 6);
    memcpy(c.out + 6, begin, size);
    memcpy(c.out + 6 + size, "\"},", 3);
    c.out += 6 + size + 3;
    c.p = end;
    if (overflow == FB_MAP_OVERFLOW_STRING)
        t->counted += (uint32_t)size;
    else if (fb_number_scan(rounded, &counted, &begin) != NULL)
        t->counted += fb_number_counted_bytes(&counted);
    return c;
}

/* ---- what was repaired ---- */

struct cursor fb_transcode_binary(struct fb_transcoder *t, struct cursor c)
{
    const size_t opening = strlen(FB_REPAIR_BINARY);
    const char *end;
    size_t size;

    if (t->record.repair == NULL || strncmp(c.p, FB_REPAIR_BINARY, opening) != 0)
        return fb_transcode_unexpected(t, c.p, "a value is missing");
    c.p += opening;
    end = strchr(c.p, '"');
    size = (size_t)(end - c.p);
    memcpy(c.out, "{\"B\":\"", 6);
    memcpy(c.out + 6, c.p, size);
    memcpy(c.out + 6 + size, "\"},", 3);
    c.out += 6 + size + 3;
    c.p = end + 1;
    t->counted += (uint32_t)(size / 4 * 3) - (end[-1] == '=') - (end[-2] == '=');
    return c;
}

bool fb_transcode_is_repaired(const struct fb_transcoder *t, const char *name, size_t size)
{
    const struct fb_repair *repair = t->record.repair;

    return repair != NULL && (uintptr_t)name >= (uintptr_t)repair->text.bytes &&
           (uintptr_t)name < (uintptr_t)repair->text.bytes + repair->text.size &&
           fb_repair_touches(repair, name, name + size);
}

void fb_transcode_repeated(struct fb_transcoder *t, const struct fb_member *before, const char *at)
{
    const struct fb_member *const top = &t->members.stack[t->members.count - 1];

    t->frame->repeated = true;
    if (before->made_with == top->made_with &&
        !fb_transcode_is_repaired(t, before->name, before->name_size) &&
        !fb_transcode_is_repaired(t, top->name, top->name_size))
        return;
    fb_transcode_refuse_later(t, FB_DEAD_MAPPING, at, "two fields become one attribute");
    for (size_t i = 0; t->frame->is_top && i < t->schema.count; i++)
        t->key_is_either[i] |= top->hash == t->key_hashes[i];
}

int fb_transcode_repaired_key(const struct fb_transcoder *t)
{
    const struct fb_buffer *text = &t->record.repair->text;

    for (size_t i = 0; i < t->schema.count; i++) {
        const char *value = t->key_values[i];
        struct fb_json_cursor cursor = {value};

        if ((uintptr_t)value < (uintptr_t)text->bytes ||
            (uintptr_t)value >= (uintptr_t)text->bytes + text->size)
            continue;
        fb_json_skip(&cursor);
        if (fb_repair_touches(t->record.repair, value, cursor.at))
            return (int)i;
    }
    return -1;
}
