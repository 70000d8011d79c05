/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was repaired is JSON without a fault in its UTF-8, every place of it leads back into the
 * record, and a record becomes an item or a dead letter of the same length with it as without.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/codec/base64.h"
#include "../../src/codec/repair.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/transcode.h"
#include "firebridge/codec/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* With a number in the place of each binary, which must be Base64, it is JSON. */
static void blot_binaries(struct fb_buffer *text)
{
    const char *const end = text->bytes + text->size;
    bool in_string = false;

    for (char *at = text->bytes; at < end; at++) {
        if (!in_string && *at == 'b') {
            char *const close = strchr(at + 2, '"');
            size_t decoded;

            check(at[1] == '"' && close != NULL);
            check(fb_base64_decode(at + 2, (size_t)(close - at - 2), NULL, &decoded));
            memset(at, '1', (size_t)(close + 1 - at));
            at = close;
        } else if (in_string && *at == '\\')
            at++;
        else if (*at == '"')
            in_string = !in_string;
    }
}

static void check_repair(enum fb_map_utf8 how, const char *text, size_t size)
{
    struct fb_nesting nesting = {0};
    struct fb_validated validated;
    struct fb_repair repair;
    enum fb_status status;

    fb_repair_init(&repair);
    status = fb_repair_write(&repair, how, text, size);
    check(status == FB_OK || (status == FB_INVALID && how == FB_MAP_UTF8_BINARY));
    if (status == FB_OK) {
        size_t before = 0;

        for (size_t i = 0; i < repair.text.size; i++) {
            const size_t at = fb_repair_original(&repair, i);

            check(at >= before && at < size);
            before = at;
        }
        blot_binaries(&repair.text);
        check(fb_json_validate(&nesting, repair.text.bytes, repair.text.size, &validated) == FB_OK);
        check(!validated.bad_utf8 && validated.end == repair.text.size);
    }
    fb_nesting_done(&nesting);
    fb_repair_done(&repair);
}

static void check_transcoding(enum fb_map_utf8 how, const char *text, size_t size)
{
    static const struct fb_key_schema schema = {
        .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};
    static const struct fb_map_assignment item = {"t", "{id:upper}{a.b:default=x}"};
    const struct fb_mapping_options options = {.items = &item, .item_count = 1, .utf8 = how};
    struct fb_map_object object = {.key = "k"};
    struct fb_nesting nesting = {0};
    struct fb_transcoder *transcoder;
    struct fb_transcoded transcoded;
    struct fb_validated validated;
    struct fb_mapping *mapping;

    check(fb_mapping_new(&options, 1, &mapping, NULL) == FB_OK);
    check(fb_transcoder_new(&schema, 1, mapping, &transcoder) == FB_OK);
    fb_transcoder_place(transcoder, &object, NULL, 0, 0);
    check(fb_transcode(transcoder, text, size, &transcoded) == FB_OK);
    check(transcoded.size == size && transcoded.at <= size);
    if (transcoded.reason == FB_DEAD_NONE) {
        char *padded = calloc(1, transcoded.item_size + FB_TEXT_SLACK + 1);

        check(padded != NULL);
        memcpy(padded, transcoded.item, transcoded.item_size);
        check(fb_json_validate(&nesting, padded, transcoded.item_size, &validated) == FB_OK);
        check(!validated.bad_utf8 && validated.end == transcoded.item_size);
        free(padded);
    }
    fb_nesting_done(&nesting);
    fb_transcoder_free(transcoder);
    fb_mapping_free(mapping);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    char *text = calloc(1, size + FB_TEXT_SLACK + 1);
    struct fb_nesting nesting = {0};
    struct fb_validated validated;

    check(text != NULL);
    memcpy(text, input, size);
    if (size > 0 && text[0] == '{' && fb_json_validate(&nesting, text, size, &validated) == FB_OK) {
        memset(text + validated.end, 0, size - validated.end);
        for (int how = FB_MAP_UTF8_REPLACE; how <= FB_MAP_UTF8_BINARY; how++) {
            check_repair((enum fb_map_utf8)how, text, validated.end);
            check_transcoding((enum fb_map_utf8)how, text, validated.end);
        }
    }
    fb_nesting_done(&nesting);
    free(text);
    return 0;
}
