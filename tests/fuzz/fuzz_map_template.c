/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template, a newline, and a record: what is compiled gives a value that DynamoDB's own JSON may
 * have, counted as its reader counts it, or a fault that leaves nothing behind.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/codec/map_template.h"
#include "../../src/codec/typed.h"
#include "../unit/codec/map_record.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static char *padded(const void *bytes, size_t size)
{
    char *copy = calloc(1, size + FB_TEXT_SLACK);

    check(copy != NULL);
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

/* As a record is that reaches the mapper: an object within the transcoder's limits. */
static bool is_record(const char *text, size_t size)
{
    static const struct fb_key_schema no_key = {.count = 0};
    static struct fb_transcoder *transcoder;
    struct fb_transcoded item;

    if (text[0] != '{')
        return false;
    if (transcoder == NULL)
        check(fb_transcoder_new(&no_key, 7, NULL, &transcoder) == FB_OK);
    return fb_transcode(transcoder, text, size, &item) == FB_OK && item.reason == FB_DEAD_NONE &&
           item.size == size;
}

/* The value in an item of its own. */
static void check_value(const struct fb_buffer *value, uint32_t counted)
{
    static const struct fb_key_schema no_key = {.count = 0};
    static struct fb_typed *typed;
    char *item = malloc(value->size + 6 + FB_TEXT_SLACK);
    struct fb_nesting nesting = {0};
    struct fb_validated validated;
    struct fb_transcoded read;

    check(item != NULL);
    memset(item, 0, value->size + 6 + FB_TEXT_SLACK);
    memcpy(item, "{\"v\":", 5);
    memcpy(item + 5, value->bytes, value->size);
    item[value->size + 5] = '}';
    check(fb_json_validate(&nesting, item, value->size + 6, &validated) == FB_OK);
    check(validated.end == value->size + 6);
    if (typed == NULL)
        check(fb_typed_new(&no_key, 7, &typed) == FB_OK);
    check(fb_typed_read(typed, fb_json_cursor_begin(item), false, &read) == FB_OK);
    check(read.reason == FB_DEAD_NONE && read.item_counted_bytes == counted + 1);
    fb_nesting_done(&nesting);
    free(item);
}

static void evaluate(const struct fb_map_template *made, const struct fb_map_tree *tree,
                     const char *text, size_t size)
{
    static const struct fb_map_object object = {.stream = "s", .bucket = "b", .key = "k"};
    static struct fb_map_scratch scratch;
    struct fb_map_record record = map_record(tree, text, size, &object);
    struct fb_map_fault fault = {""};
    uint32_t counted = 0;
    enum fb_status status;

    if (scratch.out.max_bytes == 0)
        fb_map_scratch_init(&scratch);
    fb_buffer_reset(&scratch.out);
    status = fb_map_template_write(made, &record, &scratch, &counted, &fault);
    if (status == FB_OK)
        check_value(&scratch.out, counted);
    else
        check(scratch.out.size == 0 && fault.message[0] != '\0');
    map_record_done(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const uint8_t *newline = size == 0 ? NULL : memchr(input, '\n', size);
    const size_t template_size = newline == NULL ? size : (size_t)(newline - input);
    const size_t text_size = newline == NULL ? 0 : size - template_size - 1;
    char *text_of_template = padded(input, template_size);
    char *text = padded(newline == NULL ? input : newline + 1, text_size);
    struct fb_map_template *made = NULL;
    struct fb_map_tree tree;
    struct fb_error error = {0};

    fb_map_tree_init(&tree, 7);
    if (fb_map_template_new(text_of_template, &tree, &made, &error) != FB_OK)
        check(error.message[0] != '\0');
    else if (is_record(text, text_size))
        evaluate(made, &tree, text, text_size);
    fb_map_template_free(made);
    fb_map_tree_done(&tree);
    free(text);
    free(text_of_template);
    return 0;
}
