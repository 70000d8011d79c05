/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mapping does behind a record's last member: whether it is left out, what is done with it,
 * and the attributes that templates make. Those read values where they stand in the text.
 */
#include "map_add.h"
#include "record_key.h"
#include "transcode_private.h"

/* Inside, what a placeholder holds; the same in the output. */
#define VALUE_OF_STRING 5 /* {"S": */
#define VALUE_OF_NUMBER 6 /* {"N":" */
#define VALUE_OF_BINARY 2 /* {", as record_key.h has it */

/*
 * A copy of the value, which in the output may yet move: whoever reads a key's value finds it there
 * as it would be in a record. False without memory.
 */
static bool tell_key(struct fb_transcoder *t, const struct fb_map_item *item)
{
    const struct fb_buffer *value = &t->scratch.out;
    const size_t begins = value->bytes[2] == 'N'   ? VALUE_OF_NUMBER
                          : value->bytes[2] == 'B' ? VALUE_OF_BINARY
                                                   : VALUE_OF_STRING;

    for (size_t i = 0; i < t->schema.count; i++) {
        struct fb_buffer *made = &t->made_keys[i];

        if (item->hash != t->key_hashes[i])
            continue;
        fb_buffer_reset(made);
        if (fb_buffer_reserve(made, value->size + FB_TEXT_SLACK) != FB_OK ||
            fb_buffer_append(made, value->bytes, value->size) != FB_OK)
            return false;
        t->key_values[i] = made->bytes + begins;
    }
    return true;
}

static struct cursor add_name(struct fb_transcoder *t, struct cursor c,
                              const struct fb_map_item *item, char *out)
{
    const struct fb_final_name name = {
        {item->name, item->name_size, item->name_counted_bytes}, item->hash, NULL, false};

    c = fb_transcode_add_member(t, c, &name, out);
    /* It takes the place of whatever there is. */
    for (size_t i = 0; i < t->schema.count; i++)
        t->key_is_either[i] &= item->hash != t->key_hashes[i];
    return c;
}

/* A zero of a million digits counts as one byte, and there may be many of it. */
static bool finds_room(const struct fb_transcoder *t, struct cursor c,
                       const struct fb_map_item *item)
{
    const size_t room = t->out_capacity - (size_t)(c.out - t->out);

    return item->name_size + t->scratch.out.size + FB_TEXT_SLACK <= room;
}

/* What a template gave, behind the attribute's name. */
static struct cursor add_value(struct fb_transcoder *t, struct cursor c,
                               const struct fb_map_item *item, uint32_t counted)
{
    const struct fb_buffer *value = &t->scratch.out;
    char *const out = c.out;

    /* What these attributes take the place of does not count, and is there yet. */
    t->made += counted + (uint32_t)item->name_counted_bytes;
    if (t->made > FB_ITEM_MAX_BYTES || !finds_room(t, c, item))
        return fb_transcode_refuse(t, FB_DEAD_ITEM_TOO_LARGE, c.p, FB_TRANSCODE_TOO_LARGE);
    *c.out = '"';
    c = add_name(t, c, item, out);
    if (unlikely(c.p == NULL))
        return c;
    t->value_wanted = &t->no_key;
    memcpy(c.out, value->bytes, value->size);
    if (!tell_key(t, item))
        return fb_transcode_stop(t, FB_NO_MEMORY, c.p, NULL);
    c.out += value->size;
    *c.out++ = ',';
    t->counted += counted;
    return c;
}

static bool is_key(const struct fb_transcoder *t, const struct fb_map_item *item)
{
    for (size_t i = 0; i < t->schema.count; i++)
        if (item->hash == t->key_hashes[i])
            return true;
    return false;
}

/* The attribute is not there then, by whatever name the record has it. */
static struct cursor drop_attribute(struct fb_transcoder *t, struct cursor c,
                                    const struct fb_map_item *item)
{
    const uint32_t counted = t->counted;
    char *const out = c.out;

    *c.out = '"';
    c = add_name(t, c, item, out);
    if (unlikely(c.p == NULL))
        return c;
    c.out = out;
    t->counted = counted;
    *t->value_wanted = NULL;
    t->value_wanted = &t->no_key;
    t->members.stack[t->members.count - 1].superseded = true;
    t->frame->repeated = true;
    return c;
}

static struct cursor make_attribute(struct fb_transcoder *t, struct cursor c,
                                    const struct fb_map_item *item)
{
    const struct fb_mapping *mapping = t->mapping;
    uint32_t counted;
    enum fb_status status;

    /* Two values may be repaired to the same, which of two items would make one. */
    t->record.refuses_repaired = mapping->utf8 != FB_MAP_UTF8_REPLACE || is_key(t, item);
    fb_buffer_reset(&t->scratch.out);
    status = fb_map_template_write(item->value, &t->record, &t->scratch, &counted, &t->fault);
    if (status == FB_NOT_FOUND && mapping->missing == FB_MAP_MISSING_DROP)
        return drop_attribute(t, c, item);
    if (status == FB_NOT_FOUND && mapping->missing == FB_MAP_MISSING_TEXT)
        status = fb_map_template_write(mapping->missing_value, &t->record, &t->scratch, &counted,
                                       &t->fault);
    if (status == FB_OK && item->is_added)
        status = fb_map_make_number(item, &t->scratch.out, &counted, &t->fault);
    if (status == FB_OK)
        return add_value(t, c, item, counted);
    if (status == FB_NO_MEMORY)
        return fb_transcode_stop(t, FB_NO_MEMORY, c.p, NULL);
    return fb_transcode_refuse(t, FB_DEAD_MAPPING, c.p, t->fault.message);
}

/* What the value of `write` means, which must be in the map. */
static struct cursor find_operation(struct fb_transcoder *t, struct cursor c)
{
    const struct fb_mapping *mapping = t->mapping;
    const struct fb_buffer *out = &t->scratch.out;
    uint32_t counted;
    enum fb_status status;

    fb_buffer_reset(&t->scratch.out);
    status = fb_map_template_write(mapping->write, &t->record, &t->scratch, &counted, &t->fault);
    if (status == FB_NO_MEMORY)
        return fb_transcode_stop(t, FB_NO_MEMORY, c.p, NULL);
    if (status != FB_OK)
        return fb_transcode_refuse(t, FB_DEAD_MAPPING, c.p, t->fault.message);
    for (size_t i = 0; i < mapping->write_map_count; i++) {
        const struct fb_map_write *write = &mapping->write_map[i];

        /* {"S":"VALUE"} */
        if (out->size == write->size + VALUE_OF_STRING + 3 &&
            memcmp(out->bytes + VALUE_OF_STRING + 1, write->value, write->size) == 0) {
            t->operation = write->operation;
            return c;
        }
    }
    return fb_transcode_refuse(t, FB_DEAD_MAPPING, c.p, "the value of `write` is not in write.map");
}

static bool add_text(struct fb_buffer *buffer, const char *text)
{
    return fb_buffer_append_text(buffer, text) == FB_OK;
}

/* A key's value as it stands in the text or in the output: up to its closing quote, or a number. */
static bool add_key_value(struct fb_buffer *buffer, enum fb_key_type type, const char *value)
{
    struct fb_number number;
    const char *end;
    const char *at;

    value += type == FB_KEY_BINARY ? strlen(FB_RECORD_KEY_BINARY) - 1 : 0;
    end = value + 1;
    if (type == FB_KEY_NUMBER)
        end = fb_number_scan(value, &number, &at);
    else
        while (*end != '"')
            end += *end == '\\' ? 2 : 1;
    if (type != FB_KEY_NUMBER)
        return fb_buffer_append(buffer, value, (size_t)(end + 1 - value)) == FB_OK;
    return add_text(buffer, "\"") &&
           fb_buffer_append(buffer, value, (size_t)(end - value)) == FB_OK &&
           add_text(buffer, "\"");
}

bool fb_transcode_keys_alone(struct fb_transcoder *t, struct fb_transcoded *ret)
{
    struct fb_buffer *out = &t->scratch.out;
    bool good;

    fb_buffer_reset(out);
    good = add_text(out, "{");
    for (size_t i = 0; i < t->schema.count && good; i++) {
        const struct fb_key_attribute *attribute = &t->schema.attributes[i];
        char names[2 * FB_KEY_NAME_MAX + 1];
        const char type[2] = {(char)attribute->type, '\0'};

        names[fb_map_escape(attribute->name, attribute->name_size, names)] = '\0';
        good = add_text(out, i == 0 ? "\"" : ",\"") && add_text(out, names) &&
               add_text(out, "\":{\"") && add_text(out, type) && add_text(out, "\":") &&
               add_key_value(out, attribute->type, t->key_values[i]) && add_text(out, "}");
    }
    good = good && add_text(out, "}");
    ret->item = out->bytes;
    ret->item_size = out->size;
    /* No more than that is there to be deleted. */
    if (ret->item_counted_bytes > FB_ITEM_MAX_BYTES)
        ret->item_counted_bytes = FB_ITEM_MAX_BYTES;
    return good;
}

uint64_t fb_transcoder_mismatches(const struct fb_transcoder *transcoder)
{
    return transcoder->mismatches;
}

/* What a record that is left out would have been is of no interest. */
static struct cursor leave_out(struct fb_transcoder *t, struct cursor c)
{
    t->is_left_out = true;
    return c;
}

/* What the record holds itself is no part of what it adds. */
static struct cursor begin_alone(struct fb_transcoder *t, struct cursor c)
{
    fb_members_close(&t->members, t->frame->first_member);
    t->frame->seen = 0;
    t->frame->repeated = false;
    t->counted = 0;
    memset(t->key_values, 0, sizeof t->key_values);
    c.out = t->out + 1;
    return c;
}

static bool knows_key(const struct fb_transcoder *t)
{
    return !t->key_is_either[0] && !t->key_is_either[1];
}

static bool is_made(const struct fb_transcoder *t, const struct fb_map_item *item)
{
    return t->operation == FB_DELETE ? is_key(t, item) : t->operation == FB_ADD || !item->is_added;
}

struct cursor fb_transcode_mapped_end(struct fb_transcoder *t, struct cursor c)
{
    const struct fb_mapping *mapping = t->mapping;
    bool holds = true;

    if (likely(t->record.repair == NULL)) {
        t->record.text = t->text;
        t->record.size = (size_t)(c.p + 1 - t->text);
    }
    if (mapping->where != NULL &&
        fb_map_where_test(mapping->where, &t->record, &t->mismatches, &holds) != FB_OK)
        return fb_transcode_stop(t, FB_NO_MEMORY, c.p, NULL);
    if (!holds)
        return leave_out(t, c);
    if (mapping->write != NULL) {
        c = find_operation(t, c);
        if (unlikely(c.p == NULL))
            return c;
    }
    /* A delete needs its key alone, which is looked at as such; what is added needs no field. */
    if (t->operation == FB_ADD)
        c = begin_alone(t, c);
    else if (t->reason_for_later != FB_DEAD_NONE && t->operation != FB_DELETE)
        return fb_transcode_refuse(t, t->reason_for_later, t->at, t->what);
    for (size_t i = 0; i < mapping->item_count; i++) {
        if (!is_made(t, &mapping->items[i]))
            continue;
        c = make_attribute(t, c, &mapping->items[i]);
        if (unlikely(c.p == NULL))
            return c;
    }
    if (t->operation == FB_DELETE && !knows_key(t))
        return fb_transcode_refuse(t, FB_DEAD_MAPPING, t->at,
                                   "two fields become the key attribute");
    return c;
}
