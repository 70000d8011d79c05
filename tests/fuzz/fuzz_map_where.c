/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A condition and behind a newline a record: what compiles can be tested, its opposite says the
 * opposite, and counts as much.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/codec/map_where.h"
#include "../unit/codec/map_record.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static const struct fb_map_object object = {.key = "in/one", .stream = "clicks"};

static void check(bool condition)
{
    if (!condition)
        abort();
}

struct outcome {
    bool compiles, holds;
    uint64_t mismatches;
};

static struct outcome try_condition(const char *condition, const char *text, size_t size)
{
    struct outcome outcome = {0};
    struct fb_map_where *where = NULL;
    struct fb_error error = {0};
    struct fb_map_tree tree;

    fb_map_tree_init(&tree, 1);
    if (fb_map_where_new(condition, &tree, &where, &error) == FB_OK) {
        struct fb_map_record record = map_record(&tree, text, size, &object);

        outcome.compiles = true;
        check(fb_map_where_test(where, &record, &outcome.mismatches, &outcome.holds) == FB_OK);
        map_record_done(&record);
    } else
        check(error.message[0] != '\0' && where == NULL);
    fb_map_where_free(where);
    fb_map_tree_done(&tree);
    return outcome;
}

static char *opposite_of(const char *condition)
{
    const size_t size = strlen(condition) + sizeof "not ()";
    char *text = malloc(size);

    check(text != NULL);
    snprintf(text, size, "not (%s)", condition);
    return text;
}

/* What the value at its beginning takes; 0: there is none. */
static size_t json_size(const char *text, size_t size)
{
    struct fb_nesting nesting = {0};
    struct fb_validated validated = {0};
    const bool valid = fb_json_validate(&nesting, text, size, &validated) == FB_OK;

    fb_nesting_done(&nesting);
    return valid ? validated.end : 0;
}

/* The opposite is two levels deeper, which may be too deep. */
static void check_both(const char *condition, const char *text, size_t size)
{
    char *opposite = opposite_of(condition);
    const struct outcome one = try_condition(condition, text, size);
    const struct outcome other = try_condition(opposite, text, size);

    if (one.compiles && other.compiles) {
        check(one.holds != other.holds);
        check(one.mismatches == other.mismatches);
    }
    free(opposite);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const char empty[3 + FB_TEXT_SLACK] = "{}";
    char *condition = calloc(1, size + 1);
    char *newline;

    check(condition != NULL);
    memcpy(condition, input, size);
    newline = memchr(condition, '\n', size);
    if (newline != NULL) {
        const size_t record_size = size - (size_t)(newline + 1 - condition);
        char *record = calloc(1, record_size + 1 + FB_TEXT_SLACK);

        check(record != NULL);
        memcpy(record, newline + 1, record_size);
        *newline = '\0';
        if (json_size(record, record_size) > 0)
            check_both(condition, record, json_size(record, record_size));
        free(record);
    }
    check_both(condition, empty, 2);
    free(condition);
    return 0;
}
