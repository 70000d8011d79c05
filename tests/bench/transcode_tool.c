/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records from stdin, one JSON line each to stdout, so that another JSON implementation can be held
 * against the transcoder:
 *
 *     transcode_tool id:S [ts:N] [--max-record-size N] [--piece N] < records
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/record_reader.h"

static int add_attribute(struct fb_key_schema *schema, const char *argument)
{
    struct fb_key_attribute *attribute = &schema->attributes[schema->count];
    const char *colon = strrchr(argument, ':');
    const size_t size = colon == NULL ? 0 : (size_t)(colon - argument);

    if (schema->count == 2 || size < 1 || size > FB_KEY_NAME_MAX || strchr("SNB", colon[1]) == NULL)
        return -1;
    memcpy(attribute->name, argument, size);
    attribute->name_size = size;
    attribute->type = (enum fb_key_type)colon[1];
    schema->count++;
    return 0;
}

static void print_record(const struct fb_record *record)
{
    printf("{\"number\":%llu,\"offset\":%llu,\"size\":%llu,\"reason\":\"%s\"",
           (unsigned long long)record->number, (unsigned long long)record->offset_bytes,
           (unsigned long long)record->size_bytes, fb_dead_reason_name(record->reason));
    if (record->reason == FB_DEAD_NONE)
        printf(",\"counted\":%u,\"key_hash\":\"%016llx\",\"item\":%.*s", record->item_counted_bytes,
               (unsigned long long)record->key_hash, (int)record->item_size, record->item);
    else
        printf(",\"message\":\"%s\"", record->message);
    puts("}");
}

static enum fb_status drain(struct fb_record_reader *reader)
{
    struct fb_record record;
    enum fb_status status;

    while ((status = fb_record_reader_next(reader, &record)) == FB_OK)
        print_record(&record);
    return status;
}

static enum fb_status run(struct fb_record_reader *reader, size_t piece)
{
    enum fb_status status = FB_NEED_MORE;
    size_t size = 0;

    do {
        char *space = NULL;

        if (fb_record_reader_space(reader, &space, &size, NULL) != FB_OK)
            return FB_NO_MEMORY;
        size = fread(space, 1, size < piece ? size : piece, stdin);
        fb_record_reader_wrote(reader, size);
        if (size == 0)
            fb_record_reader_finish(reader);
        status = drain(reader);
    } while (status == FB_NEED_MORE);
    return status;
}

int main(int argc, char **argv)
{
    struct fb_record_reader *reader = NULL;
    struct fb_key_schema schema = {0};
    struct fb_error error = {0};
    size_t max_record_size = (size_t)1 << 20;
    size_t piece = (size_t)1 << 16;
    enum fb_status status;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--max-record-size") == 0 && i + 1 < argc)
            max_record_size = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--piece") == 0 && i + 1 < argc)
            piece = strtoul(argv[++i], NULL, 10);
        else if (add_attribute(&schema, argv[i]) != 0) {
            fprintf(stderr, "transcode_tool: no such attribute: %s\n", argv[i]);
            return 2;
        }
    }
    status = fb_record_reader_new(
        &(struct fb_record_reader_options){
            .schema = &schema, .hash_seed = 1, .max_record_size = max_record_size},
        &reader, &error);
    if (status != FB_OK) {
        fprintf(stderr, "transcode_tool: %s\n", error.message);
        return 2;
    }
    status = run(reader, piece);
    fb_record_reader_free(reader);
    return status == FB_END ? 0 : 1;
}
