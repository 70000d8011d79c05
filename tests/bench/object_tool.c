/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object's records as JSON lines, for tests that compare them with somebody else's reading:
 *
 *   object_tool [--piece N] [--truncations] [--key NAME[:TYPE][,NAME[:TYPE]]] [--format NAME]
 *               [--compression NAME] [--content-encoding TEXT] [--name KEY] [--max-record-size N]
 *               [--max-expansion N] [--max-inflated-size N] [--max-layers N] [--delimiter TEXT]
 *               [--separator C] [--columns A,B] [--numbers A,B] [--pattern RE] [--fields A,B]
 *               [--unwrap] FILE
 *
 * A line for each record: {"number":,"offset":,"size":,"reason":,"message":,"operation":,"key":,
 * "bytes":,"item":} and at last {"compression":,"format":,"passed_over":,"end":"whole"|"damaged",
 * "message":,"peak_kib":}. `key` is in hexadecimal, `item` as it would be sent.
 *
 * --truncations cuts the object off at every byte, and ends with 1 unless each cut gives a part of
 * the whole object's records and a report: damage, or one dead letter at the end.
 */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/object_reader.h"

struct outcome {
    uint64_t records, dead;
    uint64_t sum;   /* of all that was good, in its order */
    uint64_t *sums; /* behind each good record; of the whole object */
    size_t sum_count, sum_capacity;
    bool last_is_dead;
    bool damaged;
    struct fb_error error;
};

static const char *strings[3][64];

static void die(const char *what)
{
    fprintf(stderr, "object_tool: %s\n", what);
    exit(2);
}

static size_t split(char *text, const char **words)
{
    size_t count = 0;

    for (char *word = strtok(text, ","); word != NULL && count < 64; word = strtok(NULL, ","))
        words[count++] = word;
    return count;
}

static void take_key(char *text, struct fb_key_schema *schema)
{
    const char *words[64];
    const size_t count = split(text, words);

    if (count > 2)
        die("a key has two attributes at most");
    schema->count = count;
    for (size_t i = 0; i < count; i++) {
        const char *colon = strrchr(words[i], ':');
        const size_t size = colon == NULL ? strlen(words[i]) : (size_t)(colon - words[i]);

        schema->attributes[i].type = colon == NULL ? FB_KEY_STRING : (enum fb_key_type)colon[1];
        schema->attributes[i].name_size = size;
        memcpy(schema->attributes[i].name, words[i], size);
    }
}

static enum fb_format take_format(const char *name)
{
    for (int i = 0; i < FB_FORMAT_COUNT; i++)
        if (strcmp(fb_format_name((enum fb_format)i), name) == 0)
            return (enum fb_format)i;
    die("there is no such format");
    return FB_FORMAT_AUTO;
}

/* On one line: the blanks of an item that went through as it was may be newlines. */
static void print_item(const struct fb_record *record)
{
    for (size_t i = 0; i < record->item_size; i++) {
        const char c = record->item[i];

        putchar(c == '\n' || c == '\r' ? ' ' : c);
    }
}

static void print_record(const struct fb_record *record)
{
    json_t *message = json_stringn_nocheck(record->message, strlen(record->message));
    char *text = json_dumps(message, JSON_ENCODE_ANY);

    printf("{\"number\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"size\":%" PRIu64
           ",\"reason\":\"%s\",\"message\":%s,\"operation\":\"%s\"",
           record->number, record->offset_bytes, record->size_bytes,
           fb_dead_reason_name(record->reason), text,
           record->operation == FB_PUT ? "put" : "delete");
    free(text);
    json_decref(message);
    if (record->reason == FB_DEAD_NONE) {
        printf(",\"key\":\"");
        for (size_t i = 0; i < record->key_size; i++)
            printf("%02x", (unsigned char)record->key[i]);
        printf("\",\"bytes\":%" PRIu32 ",\"item\":", record->item_counted_bytes);
        print_item(record);
    }
    printf("}\n");
}

static void note(struct outcome *outcome, const struct fb_record *record, bool keep)
{
    outcome->records++;
    outcome->last_is_dead = record->reason != FB_DEAD_NONE;
    if (outcome->last_is_dead) {
        outcome->dead++;
        return;
    }
    outcome->sum =
        fb_key_hash(outcome->sum, record->item, record->item_size) ^ (uint64_t)record->operation;
    if (!keep)
        return;
    if (outcome->sum_count == outcome->sum_capacity) {
        outcome->sum_capacity = outcome->sum_capacity * 2 + 64;
        outcome->sums = realloc(outcome->sums, outcome->sum_capacity * sizeof *outcome->sums);
        if (outcome->sums == NULL)
            die("no memory");
    }
    outcome->sums[outcome->sum_count++] = outcome->sum;
}

static enum fb_status take(struct fb_object_reader *reader, struct outcome *outcome, bool keep,
                           bool print)
{
    struct fb_record record;
    enum fb_status status;

    while ((status = fb_object_reader_next(reader, &record, &outcome->error)) == FB_OK) {
        note(outcome, &record, keep);
        if (print)
            print_record(&record);
    }
    return status;
}

static void read_object(struct fb_object_reader *reader, const struct fb_inflate_hints *hints,
                        const char *bytes, size_t size, size_t piece, bool keep, bool print,
                        struct outcome *outcome)
{
    enum fb_status status = FB_NEED_MORE;

    fb_object_reader_begin(reader, hints);
    for (size_t at = 0; at < size && status == FB_NEED_MORE;) {
        const size_t given = size - at < piece ? size - at : piece;
        /* A copy of its own, so that a sanitizer sees a read behind it. */
        char *copy = malloc(given);

        if (copy == NULL)
            die("no memory");
        memcpy(copy, bytes + at, given);
        fb_object_reader_feed(reader, copy, given);
        status = take(reader, outcome, keep, print);
        free(copy);
        at += given;
    }
    if (status == FB_NEED_MORE) {
        fb_object_reader_feed(reader, NULL, 0);
        fb_object_reader_finish(reader);
        status = take(reader, outcome, keep, print);
    }
    if (status != FB_END && status != FB_CORRUPT)
        die(fb_status_name(status));
    outcome->damaged = status == FB_CORRUPT;
}

static int try_truncations(struct fb_object_reader *reader, const struct fb_inflate_hints *hints,
                           const char *bytes, size_t size, size_t piece)
{
    struct outcome whole = {.sum = 1};
    int wrong = 0;

    read_object(reader, hints, bytes, size, piece, true, false, &whole);
    /* Nothing at all is an empty object. */
    for (size_t cut = 1; cut < size; cut++) {
        struct outcome part = {.sum = 1};
        const uint64_t *sums = whole.sums;
        uint64_t good;

        read_object(reader, hints, bytes, cut, piece, false, false, &part);
        good = part.records - part.dead;
        if (good > whole.sum_count || (good > 0 && sums[good - 1] != part.sum)) {
            printf("cut at %zu: a wrong record among %" PRIu64 "\n", cut, part.records);
            wrong++;
        } else if (!part.damaged && !part.last_is_dead && good < whole.sum_count)
            printf("cut at %zu: no report, %" PRIu64 " of %zu records\n", cut, good,
                   whole.sum_count);
    }
    printf("%zu cuts, %d with a wrong record\n", size, wrong);
    free(whole.sums);
    return wrong > 0;
}

static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t capacity = (size_t)1 << 20;
    char *bytes = malloc(capacity);

    if (file == NULL || bytes == NULL)
        die("the file cannot be read");
    *ret_size = 0;
    for (size_t got; (got = fread(bytes + *ret_size, 1, capacity - *ret_size, file)) > 0;) {
        *ret_size += got;
        if (*ret_size == capacity)
            bytes = realloc(bytes, capacity *= 2);
        if (bytes == NULL)
            die("no memory");
    }
    (void)fclose(file);
    return bytes;
}

enum {
    PIECE = 256,
    TRUNCATIONS,
    KEY,
    FORMAT,
    COMPRESSION,
    ENCODING,
    NAME,
    RECORD_SIZE,
    EXPANSION,
    INFLATED_SIZE,
    LAYERS,
    DELIMITER,
    SEPARATOR,
    COLUMNS,
    NUMBERS,
    PATTERN,
    FIELDS,
    UNWRAP
};

static const struct option options[] = {
    {"piece", required_argument, NULL, PIECE},
    {"truncations", no_argument, NULL, TRUNCATIONS},
    {"key", required_argument, NULL, KEY},
    {"format", required_argument, NULL, FORMAT},
    {"compression", required_argument, NULL, COMPRESSION},
    {"content-encoding", required_argument, NULL, ENCODING},
    {"name", required_argument, NULL, NAME},
    {"max-record-size", required_argument, NULL, RECORD_SIZE},
    {"max-expansion", required_argument, NULL, EXPANSION},
    {"max-inflated-size", required_argument, NULL, INFLATED_SIZE},
    {"max-layers", required_argument, NULL, LAYERS},
    {"delimiter", required_argument, NULL, DELIMITER},
    {"separator", required_argument, NULL, SEPARATOR},
    {"columns", required_argument, NULL, COLUMNS},
    {"numbers", required_argument, NULL, NUMBERS},
    {"pattern", required_argument, NULL, PATTERN},
    {"fields", required_argument, NULL, FIELDS},
    {"unwrap", no_argument, NULL, UNWRAP},
    {NULL, 0, NULL, 0},
};

struct arguments {
    struct fb_key_schema schema;
    struct fb_object_reader_options reader;
    struct fb_inflate_hints hints;
    size_t piece;
    bool truncations;
};

static void take_option(struct arguments *arguments, int option)
{
    struct fb_object_reader_options *reader = &arguments->reader;

    switch (option) {
    case PIECE:
        arguments->piece = strtoull(optarg, NULL, 10);
        break;
    case TRUNCATIONS:
        arguments->truncations = true;
        break;
    case KEY:
        take_key(optarg, &arguments->schema);
        break;
    case FORMAT:
        reader->form.format = take_format(optarg);
        break;
    case COMPRESSION:
        reader->inflate.compression = optarg;
        break;
    case ENCODING:
        arguments->hints.content_encoding = optarg;
        break;
    case NAME:
        arguments->hints.key = optarg;
        break;
    case RECORD_SIZE:
        reader->max_record_size = strtoull(optarg, NULL, 10);
        break;
    case EXPANSION:
        reader->inflate.max_expansion = strtoull(optarg, NULL, 10);
        break;
    case INFLATED_SIZE:
        reader->inflate.max_inflated_size = strtoull(optarg, NULL, 10);
        break;
    case LAYERS:
        reader->inflate.max_layers = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case DELIMITER:
        reader->form.delimiter = optarg;
        reader->form.delimiter_size = strlen(optarg);
        break;
    case SEPARATOR:
        reader->form.field_separator = optarg[0];
        break;
    case COLUMNS:
        reader->form.columns = strings[0];
        reader->form.column_count = split(optarg, strings[0]);
        break;
    case NUMBERS:
        reader->form.number_columns = strings[1];
        reader->form.number_column_count = split(optarg, strings[1]);
        break;
    case PATTERN:
        reader->form.pattern = optarg;
        break;
    case FIELDS:
        reader->form.fields = strings[2];
        reader->form.field_count = split(optarg, strings[2]);
        break;
    case UNWRAP:
        reader->form.unwrap_message = true;
        break;
    default:
        exit(2);
    }
}

/* The most that was ever in memory, the object itself included; of this program alone. */
static unsigned long peak_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    unsigned long peak = 0;
    char line[128];

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtoul(line + 6, NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return peak;
}

static void print_end(const struct fb_object_reader *reader, const struct outcome *outcome)
{
    json_t *message = json_string_nocheck(outcome->damaged ? outcome->error.message : "");
    char *text = json_dumps(message, JSON_ENCODE_ANY);
    char compression[128];

    fb_object_reader_describe(reader, compression, sizeof compression);
    printf("{\"compression\":\"%s\",\"format\":\"%s\",\"passed_over\":%" PRIu64
           ",\"end\":\"%s\",\"message\":%s,\"peak_kib\":%lu}\n",
           compression, fb_format_name(fb_object_reader_format(reader)),
           fb_object_reader_tally(reader).passed_over, outcome->damaged ? "damaged" : "whole",
           text == NULL ? "null" : text, peak_kib());
    free(text);
    json_decref(message);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .reader = {.hash_seed = 1,
                   .max_record_size = (size_t)1 << 20,
                   .inflate = {.max_expansion = 1000,
                               .max_inflated_size = UINT64_C(64) << 30,
                               .max_layers = 3}},
        .piece = (size_t)64 << 10,
    };
    struct fb_object_reader *reader = NULL;
    struct outcome outcome = {.sum = 1};
    struct fb_error error = {0};
    int status = 0;
    size_t size;
    char *bytes;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        take_option(&arguments, option);
    if (optind + 1 != argc || arguments.piece == 0)
        die("one FILE, please");
    bytes = read_file(argv[optind], &size);
    arguments.reader.schema = &arguments.schema;
    if (fb_object_reader_new(&arguments.reader, &reader, &error) != FB_OK)
        die(error.message);
    if (arguments.truncations)
        status = try_truncations(reader, &arguments.hints, bytes, size, arguments.piece);
    else {
        read_object(reader, &arguments.hints, bytes, size, arguments.piece, false, true, &outcome);
        print_end(reader, &outcome);
    }
    fb_object_reader_free(reader);
    free(bytes);
    return status;
}
