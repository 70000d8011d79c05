/* SPDX-License-Identifier: Apache-2.0 */
#include "map_types.h"

#include <string.h>

#include "base64.h"
#include "firebridge/base/nearest.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/transcode.h"

/* ---- text in JSON ---- */

/* Of eight bytes at once: whether one may be a control, a quote or a backslash. */
static bool may_need_escapes(const char *bytes)
{
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t highs = 0x8080808080808080U;
    uint64_t word;
    uint64_t quote;
    uint64_t backslash;

    memcpy(&word, bytes, sizeof word);
    quote = word ^ ones * '"';
    backslash = word ^ ones * '\\';
    return (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) &
           highs;
}

static size_t plain_size(const char *bytes, size_t size)
{
    size_t i = 0;

    while (size - i >= 8 && !may_need_escapes(bytes + i))
        i += 8;
    while (i < size && (unsigned char)bytes[i] >= 0x20 && bytes[i] != '"' && bytes[i] != '\\')
        i++;
    return i;
}

static size_t escape(char c, char out[6])
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char byte = (unsigned char)c;

    if (byte >= 0x20) {
        memcpy(out, (const char[]){'\\', c}, 2);
        return 2;
    }
    memcpy(out, (const char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
    return 6;
}

enum fb_status fb_map_append_escaped(struct fb_buffer *out, const char *bytes, size_t size)
{
    for (;;) {
        const size_t plain = plain_size(bytes, size);
        char escaped[6];
        enum fb_status status = fb_buffer_append(out, bytes, plain);

        if (status != FB_OK || plain == size)
            return status;
        status = fb_buffer_append(out, escaped, escape(bytes[plain], escaped));
        if (status != FB_OK)
            return status;
        bytes += plain + 1;
        size -= plain + 1;
    }
}

static enum fb_status append_json(struct fb_buffer *out, const struct fb_map_value *value)
{
    enum fb_status status;

    if (value->kind != FB_MAP_IS_STRING)
        return fb_buffer_append(out, value->bytes, value->size);
    status = fb_buffer_append(out, "\"", 1);
    if (status == FB_OK)
        status = fb_map_append_escaped(out, value->bytes, value->size);
    return status == FB_OK ? fb_buffer_append(out, "\"", 1) : status;
}

/* ---- what is one value ---- */

static enum fb_status to_string(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                                uint32_t *ret_counted, const char **ret_what)
{
    const enum fb_status status = fb_map_to_text(operand, scratch, ret_what);

    *ret_counted = (uint32_t)operand->value.size;
    return status;
}

static enum fb_status to_json(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                              uint32_t *ret_counted, const char **ret_what)
{
    struct fb_map_value *value = &operand->value;

    (void)ret_what;
    if (value->kind == FB_MAP_IS_STRING) {
        struct fb_buffer *part = fb_map_free_part(operand, scratch);
        const enum fb_status status = append_json(part, value);

        if (status != FB_OK)
            return status;
        fb_map_set_text(operand, part);
    }
    value->kind = FB_MAP_IS_STRING;
    *ret_counted = (uint32_t)value->size;
    return FB_OK;
}

static enum fb_status to_number(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                                uint32_t *ret_counted, const char **ret_what)
{
    struct fb_number number;
    const enum fb_status status = fb_map_to_number(operand, scratch, &number, ret_what);

    if (status == FB_OK)
        *ret_counted = fb_number_counted_bytes(&number);
    return status;
}

static bool is_word(const struct fb_map_value *value, const char *word)
{
    return value->size == strlen(word) && memcmp(value->bytes, word, value->size) == 0;
}

static enum fb_status to_bool(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                              uint32_t *ret_counted, const char **ret_what)
{
    const struct fb_map_value *value = &operand->value;

    (void)scratch;
    *ret_counted = 1;
    *ret_what = "neither true nor false";
    return is_word(value, "true") || is_word(value, "false") ? FB_OK : FB_INVALID;
}

static enum fb_status to_binary(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                                uint32_t *ret_counted, const char **ret_what)
{
    const struct fb_map_value *value = &operand->value;
    size_t size;

    (void)scratch;
    *ret_what = "no base64";
    if (value->kind != FB_MAP_IS_STRING ||
        !fb_base64_decode(value->bytes, value->size, NULL, &size))
        return FB_INVALID;
    *ret_counted = (uint32_t)size;
    return FB_OK;
}

/* A whole number of a time, whose text is its digits. */
static enum fb_status to_digits(int64_t number, struct fb_map_operand *operand,
                                struct fb_map_scratch *scratch, uint32_t *ret_counted,
                                const char **ret_what)
{
    struct fb_buffer *part = fb_map_free_part(operand, scratch);
    uint64_t rest = number < 0 ? (uint64_t)-number : (uint64_t)number;
    char digits[20];
    size_t at = sizeof digits;
    enum fb_status status;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        digits[--at] = '-';
    status = fb_buffer_append(part, digits + at, sizeof digits - at);
    if (status != FB_OK)
        return status;
    fb_map_set_text(operand, part);
    return to_number(operand, scratch, ret_counted, ret_what);
}

static enum fb_status to_epoch(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                               uint32_t *ret_counted, const char **ret_what)
{
    return to_digits(operand->time.seconds, operand, scratch, ret_counted, ret_what);
}

static enum fb_status to_epoch_ms(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                                  uint32_t *ret_counted, const char **ret_what)
{
    return to_digits(operand->time.seconds * 1000 + operand->time.nanoseconds / 1000000, operand,
                     scratch, ret_counted, ret_what);
}

/* ---- lists ---- */

/* An object that the transcoder reads: it has one member, a, which is the list. */
static enum fb_status wrap_list(const struct fb_map_value *value, struct fb_buffer *part)
{
    const bool is_array = value->kind == FB_MAP_IS_ARRAY;
    enum fb_status status = fb_buffer_append_text(part, is_array ? "{\"a\":" : "{\"a\":[");

    if (status == FB_OK)
        status = append_json(part, value);
    if (status == FB_OK)
        status = fb_buffer_append_text(part, is_array ? "}" : "]}");
    if (status == FB_OK)
        status = fb_buffer_reserve(part, FB_TEXT_SLACK);
    if (status == FB_OK)
        memset(part->bytes + part->size, 0, FB_TEXT_SLACK);
    return status;
}

static enum fb_status write_list(const struct fb_map_operand *operand,
                                 struct fb_map_scratch *scratch, uint64_t hash_seed,
                                 uint32_t *ret_counted, const char **ret_what)
{
    static const struct fb_key_schema no_key = {.count = 0};
    const size_t head = strlen("{\"a\":");
    struct fb_buffer *part = fb_map_free_part(operand, scratch);
    enum fb_status status = wrap_list(&operand->value, part);
    struct fb_transcoded list;

    if (status == FB_OK && scratch->transcoder == NULL)
        status = fb_transcoder_new(&no_key, hash_seed, NULL, &scratch->transcoder);
    if (status == FB_OK)
        status = fb_transcode(scratch->transcoder, part->bytes, part->size, &list);
    if (status != FB_OK)
        return status;
    *ret_what = list.what;
    if (list.reason != FB_DEAD_NONE)
        return list.reason == FB_DEAD_ITEM_TOO_LARGE ? FB_TOO_LARGE : FB_INVALID;
    *ret_counted = list.item_counted_bytes - 1;
    return fb_buffer_append(&scratch->out, list.item + head, list.item_size - head - 1);
}

/* ---- the table ---- */

static const struct fb_map_as types[] = {
    {"string", FB_MAP_TYPE_STRING, true, true, to_string, "{\"S\":\"", "\"}", NULL},
    {"number", FB_MAP_TYPE_NUMBER, true, false, to_number, "{\"N\":\"", "\"}", NULL},
    {"bool", FB_MAP_TYPE_OTHER, true, false, to_bool, "{\"BOOL\":", "}", NULL},
    {"binary", FB_MAP_TYPE_BINARY, true, false, to_binary, "{\"B\":\"", "\"}", NULL},
    {"json", FB_MAP_TYPE_STRING, true, false, to_json, "{\"S\":\"", "\"}", NULL},
    {"epoch", FB_MAP_TYPE_NUMBER, false, true, to_epoch, "{\"N\":\"", "\"}", NULL},
    {"epoch_ms", FB_MAP_TYPE_NUMBER, false, true, to_epoch_ms, "{\"N\":\"", "\"}", NULL},
    {"string_set", FB_MAP_TYPE_OTHER, true, false, NULL, NULL, NULL, fb_map_write_string_set},
    {"number_set", FB_MAP_TYPE_OTHER, true, false, NULL, NULL, NULL, fb_map_write_number_set},
    {"list", FB_MAP_TYPE_OTHER, true, false, NULL, NULL, NULL, write_list},
};

const struct fb_map_as *fb_map_as_string(void)
{
    return &types[0];
}

const struct fb_map_as *fb_map_as_find(const char *name, const char **ret_nearest)
{
    struct fb_nearest nearest;

    fb_nearest_init(&nearest, name);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
        fb_nearest_offer(&nearest, types[i].name);
    }
    *ret_nearest = nearest.name;
    return NULL;
}
