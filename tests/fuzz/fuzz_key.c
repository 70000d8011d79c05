/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical keys: a checked text has one, of bounded size, and its own canonical text the same. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* As the transcoder does before it asks for a key. */
static bool is_string_text(const char *text, size_t size, size_t *ret_decoded)
{
    const char *p = text;

    *ret_decoded = 0;
    while (p < text + size) {
        struct fb_text_special special = {.size = 1, .decoded_size = 1};

        if (*p == '"')
            return false;
        if ((*p == '\\' || (unsigned char)*p < 0x20 || (unsigned char)*p >= 0x80) &&
            fb_text_special(p, text + size, &special) != FB_TEXT_GOOD)
            return false;
        p += special.size;
        *ret_decoded += special.decoded_size;
    }
    return true;
}

static void check_string(const char *text, size_t size)
{
    struct fb_buffer key;
    size_t decoded;

    if (!is_string_text(text, size, &decoded))
        return;
    fb_buffer_init(&key, (size_t)1 << 16);
    if (fb_key_append_canonical(&key, FB_KEY_STRING, text, size) == FB_OK) {
        check(key.size == 3 + decoded && key.bytes[0] == 'S');
        check((size_t)((unsigned char)key.bytes[1] << 8 | (unsigned char)key.bytes[2]) == decoded);
        check(fb_key_hash(1, key.bytes, key.size) == fb_key_hash(1, key.bytes, key.size));
    }
    fb_buffer_done(&key);
}

static void check_number(const char *text, size_t size)
{
    struct fb_buffer key;
    struct fb_buffer again;

    fb_buffer_init(&key, FB_CANONICAL_KEY_MAX);
    fb_buffer_init(&again, FB_CANONICAL_KEY_MAX);
    if (fb_key_append_canonical(&key, FB_KEY_NUMBER, text, size) == FB_OK) {
        check(fb_buffer_terminate(&key) == FB_OK);
        check(fb_key_append_canonical(&again, FB_KEY_NUMBER, key.bytes + 3, key.size - 3) == FB_OK);
        check(again.size == key.size && memcmp(again.bytes, key.bytes, key.size) == 0);
    }
    fb_buffer_done(&key);
    fb_buffer_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    char *text = calloc(1, size + FB_TEXT_SLACK);

    check(text != NULL);
    memcpy(text, input, size);
    check_string(text, size);
    check_number(text, size);
    free(text);
    return 0;
}
