/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "firebridge/base/log.h"
#include "human.h"

/* Of a dead letter's bytes, as text. */
#define SHOWN_BYTES 300

/* Of a dead letter's bytes, as base64: what the dead letters' file keeps of an over-long one. */
#define KEPT_BYTES 4096

/* DynamoDB developer guide, "Write request units": 1 KB each, of an item's size rounded up. */
static uint64_t write_units(const struct fb_record *record)
{
    const uint64_t units = ((uint64_t)record->item_counted_bytes + 1023) / 1024;

    return units == 0 ? 1 : units;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- the head ---- */

static void format_key(const struct fb_key_schema *schema, char *text, size_t size)
{
    const struct fb_key_attribute *keys = schema->attributes;

    if (schema->count == 0)
        snprintf(text, size, "not known, so not looked for; --key NAME:TYPE says it");
    else if (schema->count == 1)
        snprintf(text, size, "%s (%c)", keys[0].name, (char)keys[0].type);
    else
        snprintf(text, size, "%.*s (%c), %.*s (%c)", FB_KEY_NAME_MAX, keys[0].name,
                 (char)keys[0].type, FB_KEY_NAME_MAX, keys[1].name, (char)keys[1].type);
}

static void print_line(char *line)
{
    fb_make_printable(line);
    puts(line);
}

static void print_field(const char *name, const char *value)
{
    char line[2048];

    snprintf(line, sizeof line, "%-12s %s", name, value);
    print_line(line);
}

static void show_head_text(const struct fb_explanation *explanation, const char *compression,
                           enum fb_format format)
{
    const bool is_decided = format != FB_FORMAT_AUTO;
    char text[2 * FB_KEY_NAME_MAX + 64];

    print_field("object", explanation->object);
    if (explanation->stream != NULL) {
        print_field("stream", explanation->stream->name);
        print_field("table", explanation->stream->table);
    }
    format_key(explanation->schema, text, sizeof text);
    print_field("key", text);
    print_field("compression", compression);
    snprintf(text, sizeof text, "%s%s", fb_format_name(format),
             !explanation->is_auto       ? ""
             : is_decided                ? " (auto, by the first record)"
             : explanation->records == 0 ? " (there is no record that would decide it)"
                                         : " (the first record does not decide it)");
    print_field("format", text);
}

static void print_json(json_t *line)
{
    if (line == NULL || json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER) != 0)
        fputs("{\"error\":\"no memory for this line\"}", stdout);
    putchar('\n');
    json_decref(line);
}

/* What is not UTF-8 is made so. */
static json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    char *copy;

    if (value != NULL || (copy = strdup(text)) == NULL)
        return value;
    fb_make_printable(copy);
    value = json_string(copy);
    free(copy);
    return value;
}

static json_t *key_json(const struct fb_key_schema *schema)
{
    json_t *key = json_object();

    for (size_t i = 0; i < schema->count; i++) {
        const char type[2] = {(char)schema->attributes[i].type, '\0'};

        json_object_set_new(key, schema->attributes[i].name, json_string(type));
    }
    return key;
}

static void show_head_json(const struct fb_explanation *explanation, const char *compression,
                           const char *format)
{
    json_t *line = json_pack("{s:o}", "object", text_json(explanation->object));

    if (explanation->stream != NULL) {
        json_object_set_new(line, "stream", json_string(explanation->stream->name));
        json_object_set_new(line, "table", json_string(explanation->stream->table));
    }
    if (explanation->schema->count > 0)
        json_object_set_new(line, "key", key_json(explanation->schema));
    json_object_set_new(line, "compression", json_string(compression));
    json_object_set_new(line, "format", json_string(format));
    print_json(line);
}

/* With the first record, which decides the form. */
static void show_head(struct fb_explanation *explanation, const struct fb_object_reader *reader)
{
    const enum fb_format format = fb_object_reader_format(reader);
    char compression[64];

    if (explanation->has_head)
        return;
    explanation->has_head = true;
    fb_object_reader_describe(reader, compression, sizeof compression);
    if (explanation->as_json)
        show_head_json(explanation, compression, fb_format_name(format));
    else
        show_head_text(explanation, compression, format);
}

/* ---- a record ---- */

static json_t *load_item(const struct fb_record *record)
{
    return json_loadb(record->item, record->item_size, JSON_ALLOW_NUL, NULL);
}

/* Takes over `text`. */
static void print_text(char *text)
{
    fb_human_print(text != NULL ? text : "\"(no memory for it)\"");
    free(text);
}

/* An attribute a line; in whatever case it stays one JSON object. */
static void print_item(const struct fb_record *record)
{
    json_t *item = load_item(record);
    const char *glue = "  {";
    const char *name;
    json_t *value;

    json_object_foreach(item, name, value)
    {
        json_t *shown_name = json_string(name);

        fputs(glue, stdout);
        print_text(json_dumps(shown_name, JSON_ENCODE_ANY));
        fputs(": ", stdout);
        print_text(json_dumps(value, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER));
        glue = ",\n   ";
        json_decref(shown_name);
    }
    if (item != NULL) {
        puts(json_object_size(item) > 0 ? "}" : "  {}");
    } else { /* a name with a NUL in it, which jansson does not hold */
        fputs("  ", stdout);
        print_text(strndup(record->item, record->item_size));
        putchar('\n');
    }
    json_decref(item);
}

static void print_bytes(const struct fb_record *record)
{
    const size_t size = record->text_size < SHOWN_BYTES ? record->text_size : SHOWN_BYTES;
    char text[SHOWN_BYTES + 3];

    memcpy(text, record->text, size);
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = '?';
    text[size] = '\0';
    fb_make_printable(text);
    printf("  %s%s\n", text, size < record->size_bytes ? " ..." : "");
}

static void show_record_text(const struct fb_record *record)
{
    char message[sizeof record->message];

    printf("\nrecord %" PRIu64 ", %" PRIu64 " byte%s at %" PRIu64 ": ", record->number,
           record->size_bytes, plural(record->size_bytes), record->offset_bytes);
    if (record->reason != FB_DEAD_NONE) {
        memcpy(message, record->message, sizeof message);
        fb_make_printable(message);
        printf("dead letter, %s%s%s\n", fb_dead_reason_name(record->reason),
               message[0] == '\0' ? "" : ": ", message);
        print_bytes(record);
        return;
    }
    if (record->operation == FB_DELETE)
        puts("delete");
    else
        printf("%s%sitem of %" PRIu32 " bytes, %" PRIu64 " write unit%s\n",
               record->operation == FB_PUT ? "" : fb_operation_name(record->operation),
               record->operation == FB_PUT ? "" : ", ", record->item_counted_bytes,
               write_units(record), plural(write_units(record)));
    print_item(record);
}

static json_t *base64_json(const char *bytes, size_t size)
{
    const size_t kept = size < KEPT_BYTES ? size : KEPT_BYTES;
    unsigned char text[4 * (KEPT_BYTES / 3 + 1) + 1];

    EVP_EncodeBlock(text, (const unsigned char *)bytes, (int)kept);
    return json_string((const char *)text);
}

static void add_item(json_t *line, const struct fb_record *record)
{
    json_t *item = load_item(record);

    json_object_set_new(line, "operation", json_string(fb_operation_name(record->operation)));
    if (item != NULL)
        json_object_set_new(line, record->operation == FB_DELETE ? "key" : "item", item);
    if (record->operation == FB_DELETE)
        return;
    json_object_set_new(line, "item_bytes", json_integer(record->item_counted_bytes));
    json_object_set_new(line, "write_units", json_integer((json_int_t)write_units(record)));
}

static void show_record_json(const struct fb_record *record)
{
    json_t *line =
        json_pack("{s:I, s:I, s:I}", "record", (json_int_t)record->number, "offset",
                  (json_int_t)record->offset_bytes, "size", (json_int_t)record->size_bytes);

    if (record->reason == FB_DEAD_NONE) {
        add_item(line, record);
    } else {
        json_object_set_new(line, "operation", json_string("dead-letter"));
        json_object_set_new(line, "reason", json_string(fb_dead_reason_name(record->reason)));
        json_object_set_new(line, "message", text_json(record->message));
        json_object_set_new(line, "bytes", base64_json(record->text, record->text_size));
    }
    print_json(line);
}

static void count(struct fb_explanation *explanation, const struct fb_record *record)
{
    explanation->records += !record->is_followed;
    if (record->reason != FB_DEAD_NONE) {
        struct fb_reason_count *reason = &explanation->reasons[record->reason];

        explanation->dead_letters++;
        if (reason->count++ > 0)
            return;
        reason->first_record = record->number;
        reason->first_offset_bytes = record->offset_bytes;
        return;
    }
    explanation->write_units += write_units(record);
    if (record->operation == FB_DELETE) {
        explanation->deletes++;
        return;
    }
    explanation->puts++;
    explanation->item_bytes += record->item_counted_bytes;
    if (record->item_counted_bytes <= explanation->largest_item_bytes)
        return;
    explanation->largest_item_bytes = record->item_counted_bytes;
    explanation->largest_item_record = record->number;
}

void fb_explanation_take(struct fb_explanation *explanation, const struct fb_object_reader *reader,
                         const struct fb_record *record)
{
    const bool is_shown = explanation->records < explanation->limit;

    count(explanation, record);
    show_head(explanation, reader);
    if (!is_shown)
        return;
    if (explanation->as_json)
        show_record_json(record);
    else
        show_record_text(record);
}

/* ---- the end ---- */

static void print_reasons(const struct fb_explanation *explanation)
{
    for (size_t i = 0; i < FB_DEAD_REASON_COUNT; i++) {
        const struct fb_reason_count *reason = &explanation->reasons[i];

        if (reason->count > 0)
            printf("  %" PRIu64 " %s, the first is record %" PRIu64 " at byte %" PRIu64 "\n",
                   reason->count, fb_dead_reason_name((enum fb_dead_reason)i), reason->first_record,
                   reason->first_offset_bytes);
    }
}

static void end_text(const struct fb_explanation *explanation, const char *damage)
{
    const uint64_t records = explanation->records + explanation->others.left_out;
    char line[1024];

    putchar('\n');
    if (explanation->records > explanation->limit)
        printf("%" PRIu64 " more record%s not shown; --limit N shows N\n",
               explanation->records - explanation->limit,
               plural(explanation->records - explanation->limit));
    printf("%" PRIu64 " record%s: %" PRIu64 " item%s", records, plural(records), explanation->puts,
           plural(explanation->puts));
    if (explanation->deletes > 0)
        printf(", %" PRIu64 " delete%s", explanation->deletes, plural(explanation->deletes));
    printf(", %" PRIu64 " dead letter%s", explanation->dead_letters,
           plural(explanation->dead_letters));
    if (explanation->others.left_out > 0)
        printf(", %" PRIu64 " left out", explanation->others.left_out);
    if (explanation->others.mismatches > 0)
        printf(", %" PRIu64 " comparison%s of different types in where",
               explanation->others.mismatches, plural(explanation->others.mismatches));
    if (explanation->others.passed_over > 0)
        printf("; %" PRIu64 " passed over", explanation->others.passed_over);
    putchar('\n');
    print_reasons(explanation);
    if (explanation->puts > 0)
        printf("%" PRIu64 " bytes of items, %" PRIu64 " on average, %" PRIu64
               " the largest (record %" PRIu64 ")\n",
               explanation->item_bytes, explanation->item_bytes / explanation->puts,
               explanation->largest_item_bytes, explanation->largest_item_record);
    if (explanation->write_units > 0)
        printf("%" PRIu64 " write unit%s, if no key comes twice\n", explanation->write_units,
               plural(explanation->write_units));
    if (damage == NULL)
        return;
    snprintf(line, sizeof line, "damaged: %s", damage);
    print_line(line);
    puts("         one dead letter would stand for the rest of the object");
}

static json_t *reasons_json(const struct fb_explanation *explanation)
{
    json_t *reasons = json_object();

    for (size_t i = 0; i < FB_DEAD_REASON_COUNT; i++)
        if (explanation->reasons[i].count > 0)
            json_object_set_new(reasons, fb_dead_reason_name((enum fb_dead_reason)i),
                                json_integer((json_int_t)explanation->reasons[i].count));
    return reasons;
}

static void end_json(const struct fb_explanation *explanation, const char *damage)
{
    const uint64_t records = explanation->records + explanation->others.left_out;
    json_t *line = json_pack(
        "{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "records", (json_int_t)records,
        "items", (json_int_t)explanation->puts, "deletes", (json_int_t)explanation->deletes,
        "dead_letters", (json_int_t)explanation->dead_letters, "reasons", reasons_json(explanation),
        "left_out", (json_int_t)explanation->others.left_out, "mismatches",
        (json_int_t)explanation->others.mismatches, "passed_over",
        (json_int_t)explanation->others.passed_over, "object_bytes",
        (json_int_t)explanation->object_bytes, "item_bytes", (json_int_t)explanation->item_bytes,
        "write_units", (json_int_t)explanation->write_units);

    if (damage != NULL)
        json_object_set_new(line, "damaged", text_json(damage));
    print_json(line);
}

void fb_explanation_end(struct fb_explanation *explanation, const struct fb_object_reader *reader,
                        const char *damage)
{
    explanation->others = fb_object_reader_tally(reader);
    show_head(explanation, reader);
    explanation->is_damaged = damage != NULL;
    if (explanation->as_json)
        end_json(explanation, damage);
    else
        end_text(explanation, damage);
}

bool fb_explanation_is_good(const struct fb_explanation *explanation)
{
    return explanation->dead_letters == 0 && !explanation->is_damaged;
}
