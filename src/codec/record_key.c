/* SPDX-License-Identifier: Apache-2.0 */
#include "record_key.h"

#include <string.h>

#include "base64.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/number.h"

static const struct fb_record_key_fault no_fault = {.reason = FB_DEAD_NONE};

static struct fb_record_key_fault fault(enum fb_dead_reason reason, const char *what)
{
    return (struct fb_record_key_fault){.reason = reason, .what = what};
}

/* Type and length before the bytes, as key.h has it. Returns the size of all. */
static size_t write_head(char *key, enum fb_key_type type, size_t size)
{
    key[0] = (char)type;
    key[1] = (char)(unsigned char)(size >> 8);
    key[2] = (char)(unsigned char)size;
    return 3 + size;
}

static size_t string_size(const char *text)
{
    size_t size = 0;

    while (text[size] != '"')
        size += text[size] == '\\' ? 2 : 1;
    return size;
}

/* `text` is behind the opening quote. */
static struct fb_record_key_fault write_string(const char *text, size_t max_bytes, char *key,
                                               size_t *ret_size)
{
    const size_t text_size = string_size(text);
    size_t size;

    if (text_size == 0)
        return fault(FB_DEAD_KEY_EMPTY, "a key attribute is empty");
    /* No escape is longer than six bytes for one. */
    if (text_size > 6 * max_bytes)
        return fault(FB_DEAD_KEY_TOO_LONG, "a key attribute is too long");
    size = fb_text_unescape(text, text_size, key + 3);
    if (size > max_bytes)
        return fault(FB_DEAD_KEY_TOO_LONG, "a key attribute is too long");
    *ret_size = write_head(key, FB_KEY_STRING, size);
    return no_fault;
}

static struct fb_record_key_fault write_number(const char *text, char *key, size_t *ret_size)
{
    struct fb_number number = {.zero = true};
    const char *at;

    (void)fb_number_scan(text, &number, &at);
    *ret_size = write_head(key, FB_KEY_NUMBER, fb_number_canonical(&number, key + 3));
    return no_fault;
}

/* `text` is base64 behind the opening quote, as a mapping's template made it. */
static struct fb_record_key_fault write_binary(const char *text, size_t max_bytes, char *key,
                                               size_t *ret_size)
{
    const size_t text_size = string_size(text);
    size_t size;

    if (text_size == 0)
        return fault(FB_DEAD_KEY_EMPTY, "a key attribute is empty");
    if (!fb_base64_decode(text, text_size, NULL, &size) || size > max_bytes)
        return fault(FB_DEAD_KEY_TOO_LONG, "a key attribute is too long");
    *ret_size = write_head(key, FB_KEY_BINARY, text_size);
    memcpy(key + 3, text, text_size);
    return no_fault;
}

static struct fb_record_key_fault write_value(enum fb_key_type type, const char *value,
                                              size_t max_bytes, char *key, size_t *ret_size)
{
    if (value == NULL)
        return fault(FB_DEAD_KEY_MISSING, "a key attribute is missing");
    if (type == FB_KEY_STRING && *value == '"')
        return write_string(value + 1, max_bytes, key, ret_size);
    if (type == FB_KEY_NUMBER && (*value == '-' || (*value >= '0' && *value <= '9')))
        return write_number(value, key, ret_size);
    if (type == FB_KEY_BINARY && strncmp(value, FB_RECORD_KEY_BINARY, 4) == 0)
        return write_binary(value + 4, max_bytes, key, ret_size);
    return fault(FB_DEAD_KEY_TYPE, type == FB_KEY_STRING ? "a key attribute must be a string"
                                   : type == FB_KEY_NUMBER
                                       ? "a key attribute must be a number"
                                       : "a binary key, which JSON cannot give");
}

size_t fb_record_key_write(const struct fb_key_schema *schema, const char *const values[2],
                           char *key, struct fb_record_key_fault *ret_fault)
{
    size_t size = 0;

    for (size_t i = 0; i < schema->count; i++) {
        size_t written = 0;

        *ret_fault = write_value(schema->attributes[i].type, values[i],
                                 i == 0 ? FB_PARTITION_KEY_MAX_BYTES : FB_SORT_KEY_MAX_BYTES,
                                 key + size, &written);
        ret_fault->name = schema->attributes[i].name;
        ret_fault->value = values[i];
        if (ret_fault->reason != FB_DEAD_NONE)
            break;
        size += written;
    }
    return size;
}
