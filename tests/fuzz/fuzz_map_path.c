/* SPDX-License-Identifier: Apache-2.0 */
/* A source that is read ends inside its text and reads the same again; a fault has a message. */
#include <stdlib.h>
#include <string.h>

#include "../../src/codec/map_path.h"
#include "firebridge/codec/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* What is of a path is not there; all that is built in is. */
static void check_reading(const struct fb_map_source *source, const struct fb_map_tree *tree)
{
    static const char text[3 + FB_TEXT_SLACK] = "{}";
    static const struct fb_map_object object = {.key = "k", .arrival_ms = 1};
    const char **values = calloc((size_t)tree->slot_count + 1, sizeof *values);
    const struct fb_map_record record = {
        .values = values, .text = text, .size = 2, .object = &object};
    const bool missing = source->kind == FB_MAP_PATH || source->kind == FB_MAP_PARTITION ||
                         source->kind == FB_MAP_ERROR;
    struct fb_map_value value;
    struct fb_buffer scratch;

    check(values != NULL);
    fb_buffer_init(&scratch, 256);
    check(fb_map_source_read(source, &record, &scratch, &value) == FB_OK);
    check((value.kind == FB_MAP_IS_MISSING) == missing);
    fb_buffer_done(&scratch);
    free((void *)values);
}

static void check_source(struct fb_map_tree *tree, const char *text, size_t size)
{
    struct fb_map_source source;
    struct fb_map_source again;
    struct fb_error error = {0};
    const char *at = text;
    const char *at_again = text;

    if (fb_map_source_parse(tree, &at, &source, &error) != FB_OK) {
        check(at >= text && at <= text + size && error.message[0] != '\0');
        return;
    }
    check(at > text && at <= text + size);
    check((source.kind == FB_MAP_PATH) == (source.slot < tree->slot_count));
    check(fb_map_source_parse(tree, &at_again, &again, NULL) == FB_OK && at_again == at);
    check(again.kind == source.kind && again.slot == source.slot);
    check_reading(&source, tree);
}

/* Lines, so that paths meet in one tree. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    char *text = calloc(1, size + 1);
    struct fb_map_tree tree;
    char *rest = NULL;

    check(text != NULL);
    memcpy(text, input, size);
    fb_map_tree_init(&tree, 1);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        check_source(&tree, line, strlen(line));
    fb_map_tree_done(&tree);
    free(text);
    return 0;
}
