/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/decimal.h"
#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/json_text.h"

/* The largest record with its item, spelled as lavishly as can be. */
#define BYTES_MAX ((size_t)128 << 20)

/* Over twice as many as there are keys: short ways in the table. */
#define SLOTS 256

#define NO_ENTRY UINT8_MAX

struct kept {
    uint64_t number, offset_bytes, part, output, size_bytes, end_offset_bytes;
    uint64_t key_hash;
    size_t at; /* key, item and text, one behind the other */
    uint32_t key_size, item_size, text_size;
    enum fb_operation operation;
    enum fb_format format;
    uint8_t entry; /* of the fold at hand */
    bool is_dropped, is_followed;
};

/* What one attribute comes to: a sum, or the text of what is set. */
struct value {
    bool is_there;
    uint32_t size;
    size_t at;
    struct fb_decimal sum;
};

/* One item of the fold. */
struct entry {
    enum fb_operation operation;
    uint32_t last;    /* the record whose key it has, and of a put and a delete the item */
    uint32_t records; /* that it is made of */
    uint8_t action;   /* as composed; NO_ENTRY: there is nothing to be done */
};

struct fb_run {
    struct fb_run_options options;
    struct fb_map_made *made; /* the attributes, by which values are told */
    size_t made_count;
    struct fb_buffer bytes;
    struct kept *kept;
    size_t count, capacity;

    struct entry entries[FB_RUN_MAX_KEYS];
    struct value *values; /* made_count for each entry, and as many that are tried */
    uint8_t slots[SLOTS]; /* entry + 1; 0: free */
    size_t entry_count;
    size_t folded; /* records */
};

enum fb_status fb_run_new(const struct fb_run_options *options, struct fb_run **ret_run,
                          struct fb_error *error)
{
    struct fb_run *run = calloc(1, sizeof *run);

    if (run == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a run");
    run->options = *options;
    run->made_count = fb_mapping_made_count(options->mapping);
    fb_buffer_init(&run->bytes, BYTES_MAX);
    run->made = calloc(run->made_count, sizeof *run->made);
    run->values = calloc((FB_RUN_MAX_KEYS + 1) * run->made_count, sizeof *run->values);
    if (run->made == NULL || run->values == NULL) {
        fb_run_free(run);
        return fb_fail(error, FB_NO_MEMORY, "no memory for a run");
    }
    for (size_t i = 0; i < run->made_count; i++)
        run->made[i] = fb_mapping_made(options->mapping, i);
    *ret_run = run;
    return FB_OK;
}

void fb_run_free(struct fb_run *run)
{
    if (run == NULL)
        return;
    fb_buffer_done(&run->bytes);
    free(run->made);
    free(run->values);
    free(run->kept);
    free(run);
}

static void clear_fold(struct fb_run *run)
{
    memset(run->slots, 0, sizeof run->slots);
    run->entry_count = 0;
    run->folded = 0;
}

/* What only an extraordinary record needed is given back. */
void fb_run_clear(struct fb_run *run)
{
    clear_fold(run);
    run->count = 0;
    if (run->bytes.capacity > 2 * run->options.max_bytes) {
        fb_buffer_done(&run->bytes);
        fb_buffer_init(&run->bytes, BYTES_MAX);
    }
    fb_buffer_reset(&run->bytes);
}

void fb_run_end_record(struct fb_run *run)
{
    if (run->count > 0)
        run->kept[run->count - 1].is_followed = false;
}

size_t fb_run_count(const struct fb_run *run)
{
    return run->count;
}

size_t fb_run_whole_count(const struct fb_run *run)
{
    size_t count = run->count;

    while (count > 0 && run->kept[count - 1].is_followed)
        count--;
    return count > 0 ? count : run->count;
}

void fb_run_forget(struct fb_run *run, size_t count)
{
    const size_t left = run->count - count;
    size_t begin;

    if (left == 0) {
        fb_run_clear(run);
        return;
    }
    begin = run->kept[count].at;
    run->bytes.size -= begin;
    memmove(run->bytes.bytes, run->bytes.bytes + begin, run->bytes.size);
    memmove(run->kept, run->kept + count, left * sizeof *run->kept);
    run->count = left;
    for (size_t i = 0; i < left; i++)
        run->kept[i].at -= begin;
    (void)fb_run_fold(run, 0, left);
}

static const char *key_of(const struct fb_run *run, const struct kept *kept)
{
    return run->bytes.bytes + kept->at;
}

static const char *item_of(const struct fb_run *run, const struct kept *kept)
{
    return key_of(run, kept) + kept->key_size;
}

struct fb_record fb_run_record(const struct fb_run *run, size_t i)
{
    const struct kept *kept = &run->kept[i];

    return (struct fb_record){
        .number = kept->number,
        .offset_bytes = kept->offset_bytes,
        .part = kept->part,
        .output = kept->output,
        .is_followed = kept->is_followed,
        .size_bytes = kept->size_bytes,
        .end_offset_bytes = kept->end_offset_bytes,
        .text = item_of(run, kept) + kept->item_size,
        .text_size = kept->text_size,
        .operation = kept->operation,
        .format = kept->format,
    };
}

void fb_run_drop(struct fb_run *run, size_t i)
{
    run->kept[i].is_dropped = true;
}

/* ---- folding ---- */

/* The entry of the record's key, or a new one; NULL when there is no room for one. */
static struct entry *find_entry(struct fb_run *run, const struct kept *kept)
{
    size_t slot = kept->key_hash % SLOTS;
    struct entry *entry;

    for (; run->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        const struct kept *other;

        entry = &run->entries[run->slots[slot] - 1];
        other = &run->kept[entry->last];
        if (other->key_hash == kept->key_hash && other->key_size == kept->key_size &&
            memcmp(key_of(run, other), key_of(run, kept), kept->key_size) == 0)
            return entry;
    }
    if (run->entry_count == FB_RUN_MAX_KEYS)
        return NULL;
    run->slots[slot] = (uint8_t)++run->entry_count;
    entry = &run->entries[run->entry_count - 1];
    *entry = (struct entry){.operation = kept->operation, .last = (uint32_t)(kept - run->kept)};
    memset(&run->values[(run->entry_count - 1) * run->made_count], 0,
           run->made_count * sizeof *run->values);
    return entry;
}

/* {"N":"1.5"} */
static bool add_number(const char *value, struct value *sum)
{
    struct fb_decimal addend;
    struct fb_number number;
    const char *at;

    if (fb_number_scan(value + strlen("{\"N\":\""), &number, &at) == NULL)
        return false;
    fb_decimal_read(&number, &addend);
    sum->is_there = true;
    return fb_decimal_add(&sum->sum, &addend);
}

/* The item's members stand in the order of what is made, and some are not there. */
static size_t find_made(const struct fb_run *run, size_t from, const struct fb_json_text *name)
{
    while (from < run->made_count && (run->made[from].name_size != name->size ||
                                      memcmp(run->made[from].name, name->bytes, name->size) != 0))
        from++;
    return from;
}

/* False, with nothing changed, when a sum would be one that DynamoDB cannot hold. */
static bool add_values(struct fb_run *run, const struct entry *entry, const struct kept *kept)
{
    struct value *const values = &run->values[(size_t)(entry - run->entries) * run->made_count];
    struct value *const tried = &run->values[FB_RUN_MAX_KEYS * run->made_count];
    struct fb_json_cursor cursor = fb_json_cursor_begin(item_of(run, kept));
    struct fb_json_text name;
    size_t made = 0;

    memcpy(tried, values, run->made_count * sizeof *tried);
    (void)fb_json_enter_object(&cursor);
    while (fb_json_next_member(&cursor, &name)) {
        const char *const begin = cursor.at;

        fb_json_skip(&cursor);
        made = find_made(run, made, &name);
        if (made == run->made_count)
            break;
        if (!run->made[made].is_added) {
            tried[made] = (struct value){.is_there = true,
                                         .at = (size_t)(begin - run->bytes.bytes),
                                         .size = (uint32_t)(cursor.at - begin)};
        } else if (!add_number(begin, &tried[made])) {
            return false;
        }
    }
    memcpy(values, tried, run->made_count * sizeof *tried);
    return true;
}

static bool go_together(enum fb_operation earlier, enum fb_operation later)
{
    return (earlier == FB_ADD) == (later == FB_ADD);
}

static bool fold_one(struct fb_run *run, struct kept *kept)
{
    struct entry *entry;

    kept->entry = NO_ENTRY;
    if (kept->is_dropped)
        return true;
    entry = find_entry(run, kept);
    if (entry == NULL || !go_together(entry->operation, kept->operation) ||
        (kept->operation == FB_ADD && !add_values(run, entry, kept)))
        return false;
    entry->operation = kept->operation;
    entry->last = (uint32_t)(kept - run->kept);
    entry->records++;
    kept->entry = (uint8_t)(entry - run->entries);
    run->folded++;
    return true;
}

size_t fb_run_fold(struct fb_run *run, size_t from, size_t to)
{
    clear_fold(run);
    while (from < to && fold_one(run, &run->kept[from]))
        from++;
    return from;
}

struct fb_run_tally fb_run_fold_tally(const struct fb_run *run)
{
    struct fb_run_tally tally = {.items = run->entry_count, .records = run->folded};

    for (size_t i = 0; i < run->entry_count; i++)
        tally.by_operation[run->entries[i].operation]++;
    return tally;
}

/* ---- taking ---- */

static bool make_room(struct fb_run *run)
{
    const size_t capacity = run->capacity == 0 ? 64 : 2 * run->capacity;
    struct kept *grown;

    if (run->count < run->capacity)
        return true;
    grown = realloc(run->kept, capacity * sizeof *grown);
    if (grown == NULL)
        return false;
    run->kept = grown;
    run->capacity = capacity;
    return true;
}

/* Whether both are outputs of one record. */
static bool is_of_last(const struct fb_run *run, const struct fb_record *record)
{
    const struct kept *last = &run->kept[run->count - 1];

    return last->offset_bytes == record->offset_bytes && last->part == record->part;
}

enum fb_status fb_run_take(struct fb_run *run, const struct fb_record *record)
{
    const size_t size = record->key_size + record->item_size + record->text_size;
    const size_t held = run->bytes.size + (run->count + 1) * sizeof *run->kept;
    struct kept *kept;

    if (run->count > 0 && !is_of_last(run, record))
        fb_run_end_record(run);
    if (run->count > 0 && held + size > run->options.max_bytes)
        return FB_TOO_LARGE;
    if (!make_room(run) || fb_buffer_reserve(&run->bytes, size + FB_TEXT_SLACK) != FB_OK)
        return FB_NO_MEMORY;
    kept = &run->kept[run->count];
    *kept = (struct kept){
        .number = record->number,
        .offset_bytes = record->offset_bytes,
        .part = record->part,
        .output = record->output,
        .is_followed = record->is_followed,
        .size_bytes = record->size_bytes,
        .end_offset_bytes = record->end_offset_bytes,
        .key_hash = record->key_hash,
        .at = run->bytes.size,
        .key_size = (uint32_t)record->key_size,
        .item_size = (uint32_t)record->item_size,
        .text_size = (uint32_t)record->text_size,
        .operation = record->operation,
        .format = record->format,
    };
    memcpy(run->bytes.bytes + kept->at, record->key, record->key_size);
    memcpy(run->bytes.bytes + kept->at + record->key_size, record->item, record->item_size);
    memcpy(run->bytes.bytes + kept->at + record->key_size + record->item_size, record->text,
           record->text_size);
    if (!fold_one(run, kept))
        return FB_TOO_LARGE;
    run->bytes.size += size;
    run->count++;
    return FB_OK;
}

/* ---- composing ---- */

/* Text that is appended for as long as there is memory. */
struct writer {
    struct fb_buffer *out;
    enum fb_status status;
};

static void write_bytes(struct writer *writer, const char *bytes, size_t size)
{
    if (writer->status == FB_OK)
        writer->status = fb_buffer_append(writer->out, bytes, size);
}

static void write_text(struct writer *writer, const char *text)
{
    write_bytes(writer, text, strlen(text));
}

/* "#7" or ":7" */
static void write_mark(struct writer *writer, char mark, size_t made)
{
    char text[24];

    snprintf(text, sizeof text, "%c%zu", mark, made);
    write_text(writer, text);
}

static bool is_key(const struct fb_run *run, size_t made)
{
    const struct fb_json_text name = {run->made[made].name, run->made[made].name_size};

    for (size_t i = 0; i < run->options.schema->count; i++)
        if (fb_json_text_is(&name, run->options.schema->attributes[i].name,
                            run->options.schema->attributes[i].name_size))
            return true;
    return false;
}

/* "NAME":VALUE of those that are there; FILTER says of which kind. */
enum kind { OF_KEY, OF_SUM, OF_SET };

static bool is_of(const struct fb_run *run, const struct value *values, size_t made, enum kind kind)
{
    const enum kind its = run->made[made].is_added ? OF_SUM : is_key(run, made) ? OF_KEY : OF_SET;

    return values[made].is_there && its == kind;
}

static void write_value(struct writer *writer, const struct fb_run *run, const struct value *value,
                        enum kind kind)
{
    char sum[FB_DECIMAL_TEXT_MAX];

    if (kind != OF_SUM) {
        write_bytes(writer, run->bytes.bytes + value->at, value->size);
        return;
    }
    write_text(writer, "{\"N\":\"");
    write_bytes(writer, sum, fb_decimal_write(&value->sum, sum));
    write_text(writer, "\"}");
}

/* A clause of an UpdateExpression: `ADD #1 :1,#2 :2` or `SET #3=:3`. False: it is empty. */
static bool write_clause(struct writer *writer, const struct fb_run *run,
                         const struct value *values, enum kind kind)
{
    bool is_empty = true;

    for (size_t i = 0; i < run->made_count; i++) {
        if (!is_of(run, values, i, kind))
            continue;
        write_text(writer, !is_empty ? "," : kind == OF_SUM ? "ADD " : " SET ");
        is_empty = false;
        write_mark(writer, '#', i);
        write_text(writer, kind == OF_SUM ? " " : "=");
        write_mark(writer, ':', i);
    }
    return !is_empty;
}

static void write_names(struct writer *writer, const struct fb_run *run, const struct value *values)
{
    const char *before = "";

    for (size_t i = 0; i < run->made_count; i++) {
        if (!values[i].is_there || is_of(run, values, i, OF_KEY))
            continue;
        write_text(writer, before);
        before = ",";
        write_text(writer, "\"");
        write_mark(writer, '#', i);
        write_text(writer, "\":\"");
        write_bytes(writer, run->made[i].name, run->made[i].name_size);
        write_text(writer, "\"");
    }
}

static void write_values(struct writer *writer, const struct fb_run *run,
                         const struct value *values)
{
    const char *before = "";

    for (size_t i = 0; i < run->made_count; i++) {
        if (!values[i].is_there || is_of(run, values, i, OF_KEY))
            continue;
        write_text(writer, before);
        before = ",";
        write_text(writer, "\"");
        write_mark(writer, ':', i);
        write_text(writer, "\":");
        write_value(writer, run, &values[i], run->made[i].is_added ? OF_SUM : OF_SET);
    }
}

static void write_key(struct writer *writer, const struct fb_run *run, const struct value *values)
{
    const char *before = "";

    for (size_t i = 0; i < run->made_count; i++) {
        if (!is_of(run, values, i, OF_KEY))
            continue;
        write_text(writer, before);
        before = ",";
        write_text(writer, "\"");
        write_bytes(writer, run->made[i].name, run->made[i].name_size);
        write_text(writer, "\":");
        write_value(writer, run, &values[i], OF_KEY);
    }
}

/* False: there is nothing to add or to set. */
static bool write_update(struct writer *writer, const struct fb_run *run,
                         const struct value *values)
{
    bool is_some;

    write_text(writer, "{\"Update\":{\"TableName\":\"");
    write_text(writer, run->options.table);
    write_text(writer, "\",\"Key\":{");
    write_key(writer, run, values);
    write_text(writer, "},\"UpdateExpression\":\"");
    is_some = write_clause(writer, run, values, OF_SUM);
    is_some |= write_clause(writer, run, values, OF_SET);
    write_text(writer, "\",\"ExpressionAttributeNames\":{");
    write_names(writer, run, values);
    write_text(writer, "},\"ExpressionAttributeValues\":{");
    write_values(writer, run, values);
    write_text(writer, "}}}");
    return is_some;
}

static bool write_entry(struct writer *writer, const struct fb_run *run, const struct entry *entry)
{
    const struct kept *kept = &run->kept[entry->last];

    if (entry->operation == FB_ADD)
        return write_update(writer, run,
                            &run->values[(size_t)(entry - run->entries) * run->made_count]);
    write_text(writer, entry->operation == FB_PUT ? "{\"Put\":{\"TableName\":\""
                                                  : "{\"Delete\":{\"TableName\":\"");
    write_text(writer, run->options.table);
    write_text(writer, entry->operation == FB_PUT ? "\",\"Item\":" : "\",\"Key\":");
    write_bytes(writer, item_of(run, kept), kept->item_size);
    write_text(writer, "}}");
    return true;
}

enum fb_status fb_run_compose(struct fb_run *run, struct fb_buffer *out,
                              struct fb_transact_action *actions, size_t *ret_count)
{
    struct writer writer = {.out = out, .status = FB_OK};
    size_t begins[FB_RUN_MAX_KEYS];
    size_t count = 0;

    for (size_t i = 0; i < run->entry_count; i++) {
        struct entry *entry = &run->entries[i];

        begins[count] = out->size;
        entry->action = NO_ENTRY;
        if (entry->records == 0 || !write_entry(&writer, run, entry)) {
            out->size = begins[count];
            continue;
        }
        entry->action = (uint8_t)count;
        actions[count] = (struct fb_transact_action){.size = out->size - begins[count]};
        count++;
    }
    for (size_t i = 0; i < count && writer.status == FB_OK; i++)
        actions[i].text = out->bytes + begins[i];
    *ret_count = count;
    return writer.status;
}

bool fb_run_is_at_fault(const struct fb_run *run, const struct fb_transact_action *actions,
                        size_t i)
{
    const struct kept *kept = &run->kept[i];

    return !kept->is_dropped && kept->entry != NO_ENTRY && run->entries[kept->entry].records == 1 &&
           run->entries[kept->entry].action != NO_ENTRY &&
           actions[run->entries[kept->entry].action].is_refused;
}
