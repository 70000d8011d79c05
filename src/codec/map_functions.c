/* SPDX-License-Identifier: Apache-2.0 */
#include "map_functions.h"

#include <string.h>

#include "digest.h"
#include "firebridge/base/nearest.h"

/* The longest whole number in DynamoDB's range. */
#define PAD_MAX 126

/* 9,999 years and more. */
#define ADD_MAX_MS 400000000000000

#define HASH_DIGITS ((size_t)FB_SHA256_BYTES * 2)

/* ---- the value in hand ---- */

struct fb_buffer *fb_map_free_part(const struct fb_map_operand *operand,
                                   struct fb_map_scratch *scratch)
{
    const struct fb_buffer *first = &scratch->parts[1];
    const uintptr_t begin = (uintptr_t)first->bytes;
    const uintptr_t at = (uintptr_t)operand->value.bytes;
    const bool taken = first->bytes != NULL && at >= begin && at - begin <= first->capacity;
    struct fb_buffer *part = &scratch->parts[taken ? 2 : 1];

    fb_buffer_reset(part);
    return part;
}

void fb_map_set_text(struct fb_map_operand *operand, const struct fb_buffer *part)
{
    operand->is_time = false;
    operand->value = (struct fb_map_value){
        .kind = FB_MAP_IS_STRING,
        .bytes = part->size == 0 ? "" : part->bytes,
        .size = part->size,
    };
}

enum fb_status fb_map_to_text(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                              const char **ret_what)
{
    if (operand->is_time) {
        struct fb_buffer *part = fb_map_free_part(operand, scratch);
        const enum fb_status status = fb_map_time_write_rfc3339(&operand->time, part);

        if (status == FB_OK)
            fb_map_set_text(operand, part);
        return status;
    }
    if (operand->value.kind == FB_MAP_IS_ARRAY || operand->value.kind == FB_MAP_IS_OBJECT) {
        *ret_what = operand->value.kind == FB_MAP_IS_ARRAY
                        ? "an array is no string (as=json writes its text)"
                        : "an object is no string (as=json writes its text)";
        return FB_INVALID;
    }
    operand->value.kind = FB_MAP_IS_STRING;
    return FB_OK;
}

static const char *number_fault(enum fb_dead_reason reason)
{
    return reason == FB_DEAD_NUMBER_RANGE ? "a number outside 1E-130 to 9.9E+125"
                                          : "a number of over 38 significant digits";
}

enum fb_status fb_map_to_number(const struct fb_map_operand *operand,
                                struct fb_map_scratch *scratch, struct fb_number *ret_number,
                                const char **ret_what)
{
    const struct fb_map_value *value = &operand->value;
    struct fb_buffer *part = fb_map_free_part(operand, scratch);
    struct fb_number number;
    const char *at;
    enum fb_status status;

    *ret_what = "no number";
    if (operand->is_time || (value->kind != FB_MAP_IS_NUMBER && value->kind != FB_MAP_IS_STRING))
        return FB_INVALID;
    /* A slice goes on behind its end: only a copy is closed. */
    status = fb_buffer_append(part, value->bytes, value->size);
    if (status == FB_OK)
        status = fb_buffer_terminate(part);
    if (status != FB_OK)
        return status;
    if (fb_number_scan(part->bytes, &number, &at) != part->bytes + part->size)
        return FB_INVALID;
    if (fb_number_check(&number) != FB_DEAD_NONE) {
        *ret_what = number_fault(fb_number_check(&number));
        return FB_INVALID;
    }
    *ret_number = number;
    return FB_OK;
}

/* ---- arguments ---- */

/* A whole number of `least` to `most` at *text, which moves on behind it. */
static bool take_number(const char **text, size_t least, size_t most, size_t *ret_number)
{
    const char *p = *text;
    size_t number = 0;

    for (; *p >= '0' && *p <= '9' && number <= most; p++)
        number = number * 10 + (size_t)(*p - '0');
    if (p == *text || number < least || number > most)
        return false;
    *text = p;
    *ret_number = number;
    return true;
}

static bool is_number_alone(const char *text, size_t least, size_t most, size_t *ret_number)
{
    return take_number(&text, least, most, ret_number) && *text == '\0';
}

/* ---- time ---- */

static enum fb_status set_time(struct fb_map_operand *operand, bool good,
                               const struct fb_map_time *time, const char *what,
                               const char **ret_what)
{
    *ret_what = what;
    if (!good)
        return FB_INVALID;
    *operand = (struct fb_map_operand){.is_time = true, .time = *time};
    return FB_OK;
}

static enum fb_status read_number_time(const struct fb_map_call *call,
                                       struct fb_map_operand *operand,
                                       struct fb_map_scratch *scratch, const char **ret_what)
{
    struct fb_number number;
    struct fb_map_time time = {0};
    const enum fb_status status = fb_map_to_number(operand, scratch, &number, ret_what);

    if (status != FB_OK)
        return status;
    return set_time(operand, fb_map_time_from_number(&number, call->decimals, &time), &time,
                    "not in the years 0001 to 9999", ret_what);
}

static enum fb_status read_rfc3339_time(const struct fb_map_call *call,
                                        struct fb_map_operand *operand,
                                        struct fb_map_scratch *scratch, const char **ret_what)
{
    const struct fb_map_value *value = &operand->value;
    struct fb_map_time time = {0};
    const bool good = value->kind == FB_MAP_IS_STRING &&
                      fb_map_time_read_rfc3339(value->bytes, value->size, &time);

    (void)call;
    (void)scratch;
    return set_time(operand, good, &time, "no time of RFC 3339", ret_what);
}

static enum fb_status read_pattern_time(const struct fb_map_call *call,
                                        struct fb_map_operand *operand,
                                        struct fb_map_scratch *scratch, const char **ret_what)
{
    const struct fb_map_value *value = &operand->value;
    struct fb_map_time time = {0};
    const bool good = (value->kind == FB_MAP_IS_STRING || value->kind == FB_MAP_IS_NUMBER) &&
                      fb_map_time_read(call->argument, value->bytes, value->size, &time);

    (void)scratch;
    return set_time(operand, good, &time, "no time of this pattern", ret_what);
}

static const char *compile_time(struct fb_map_call *call)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};

    call->apply = read_number_time;
    for (int i = 0; i < 4; i++)
        if (strcmp(call->argument, units[i]) == 0) {
            call->decimals = 3 * i;
            return NULL;
        }
    call->apply = read_rfc3339_time;
    if (strcmp(call->argument, "rfc3339") == 0)
        return NULL;
    call->apply = read_pattern_time;
    if (strchr(call->argument, '%') == NULL)
        return "time is s, ms, us, ns, rfc3339 or a pattern like %Y-%m-%d";
    return fb_map_time_check_read(call->argument);
}

static enum fb_status apply_format(const struct fb_map_call *call, struct fb_map_operand *operand,
                                   struct fb_map_scratch *scratch, const char **ret_what)
{
    struct fb_buffer *part = fb_map_free_part(operand, scratch);
    const enum fb_status status = fb_map_time_write(call->argument, &operand->time, part);

    (void)ret_what;
    if (status == FB_OK)
        fb_map_set_text(operand, part);
    return status;
}

static const char *compile_format(struct fb_map_call *call)
{
    return fb_map_time_check_written(call->argument);
}

static enum fb_status apply_add(const struct fb_map_call *call, struct fb_map_operand *operand,
                                struct fb_map_scratch *scratch, const char **ret_what)
{
    (void)scratch;
    *ret_what = "not in the years 0001 to 9999";
    return fb_map_time_add(&operand->time, call->milliseconds) ? FB_OK : FB_INVALID;
}

static const char *compile_add(struct fb_map_call *call)
{
    static const struct {
        const char *name;
        int64_t milliseconds;
    } units[] = {
        {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000},
    };
    const char *p = call->argument;
    const bool negative = *p == '-';
    size_t number;

    p += *p == '-' || *p == '+';
    if (!take_number(&p, 0, ADD_MAX_MS, &number))
        return "add takes a duration like 90d (ms, s, min, h, d, w), of 10000 years at most";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(p, units[i].name) == 0 &&
            (int64_t)number <= ADD_MAX_MS / units[i].milliseconds) {
            call->milliseconds = (int64_t)number * units[i].milliseconds * (negative ? -1 : 1);
            return NULL;
        }
    return "add takes a duration like 90d (ms, s, min, h, d, w), of 10000 years at most";
}

/* ---- text ---- */

/* `first` to `last` become their other case: letters of ASCII, so that a key depends on no table
 * of letters of the machine. */
static enum fb_status change_case(struct fb_map_operand *operand, struct fb_map_scratch *scratch,
                                  char first, char last, const char **ret_what)
{
    enum fb_status status = fb_map_to_text(operand, scratch, ret_what);
    struct fb_buffer *part = fb_map_free_part(operand, scratch);

    if (status == FB_OK)
        status = fb_buffer_append(part, operand->value.bytes, operand->value.size);
    if (status != FB_OK)
        return status;
    for (size_t i = 0; i < part->size; i++)
        if (part->bytes[i] >= first && part->bytes[i] <= last)
            part->bytes[i] ^= 0x20;
    fb_map_set_text(operand, part);
    return FB_OK;
}

static enum fb_status apply_lower(const struct fb_map_call *call, struct fb_map_operand *operand,
                                  struct fb_map_scratch *scratch, const char **ret_what)
{
    (void)call;
    return change_case(operand, scratch, 'A', 'Z', ret_what);
}

static enum fb_status apply_upper(const struct fb_map_call *call, struct fb_map_operand *operand,
                                  struct fb_map_scratch *scratch, const char **ret_what)
{
    (void)call;
    return change_case(operand, scratch, 'a', 'z', ret_what);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum fb_status apply_trim(const struct fb_map_call *call, struct fb_map_operand *operand,
                                 struct fb_map_scratch *scratch, const char **ret_what)
{
    const enum fb_status status = fb_map_to_text(operand, scratch, ret_what);
    struct fb_map_value *value = &operand->value;

    (void)call;
    if (status != FB_OK)
        return status;
    while (value->size > 0 && is_blank(value->bytes[value->size - 1]))
        value->size--;
    for (; value->size > 0 && is_blank(*value->bytes); value->size--)
        value->bytes++;
    return FB_OK;
}

/* Behind so many characters of UTF-8, or at the end. */
static const char *skip_characters(const char *p, const char *end, size_t count)
{
    for (; count > 0 && p < end; count--)
        do
            p++;
        while (p < end && ((unsigned char)*p & 0xc0) == 0x80);
    return p;
}

static enum fb_status apply_slice(const struct fb_map_call *call, struct fb_map_operand *operand,
                                  struct fb_map_scratch *scratch, const char **ret_what)
{
    const enum fb_status status = fb_map_to_text(operand, scratch, ret_what);
    const char *begins;
    const char *end;

    if (status != FB_OK)
        return status;
    end = operand->value.bytes + operand->value.size;
    begins = skip_characters(operand->value.bytes, end, call->from);
    operand->value.size = (size_t)(skip_characters(begins, end, call->to - call->from) - begins);
    operand->value.bytes = begins;
    return FB_OK;
}

static const char *compile_slice(struct fb_map_call *call)
{
    const char *p = call->argument;
    const bool good = take_number(&p, 0, UINT32_MAX, &call->from);

    call->to = SIZE_MAX;
    if (good && *p == '\0')
        return NULL;
    if (!good || *p++ != '-' || !is_number_alone(p, call->from + 1, UINT32_MAX, &call->to))
        return "slice takes FROM or FROM-TO, from 0, TO not included, like slice=0-8";
    return NULL;
}

/* ---- pad and hash ---- */

/* The digits of a whole number, however it is spelled: 1E2 sorts as 100 does. */
static enum fb_status write_padded(const struct fb_number *number, size_t width,
                                   struct fb_buffer *part)
{
    char canonical[FB_NUMBER_CANONICAL_MAX];
    const size_t digits = number->zero ? 1 : (size_t)(number->first - number->last + 1);
    const size_t zeros = number->zero ? 0 : (size_t)number->last;

    fb_number_canonical(number, canonical);
    fb_buffer_reset(part);
    if (fb_buffer_reserve(part, width) != FB_OK)
        return FB_NO_MEMORY;
    memset(part->bytes, '0', width);
    memcpy(part->bytes + width - zeros - digits, canonical, digits);
    part->size = width;
    return FB_OK;
}

static enum fb_status apply_pad(const struct fb_map_call *call, struct fb_map_operand *operand,
                                struct fb_map_scratch *scratch, const char **ret_what)
{
    struct fb_map_value *value = &operand->value;
    struct fb_number number;
    struct fb_buffer *part;
    enum fb_status status;

    /* A string may have zeros before it already. */
    while (value->size > 1 && value->bytes[0] == '0' && value->bytes[1] >= '0' &&
           value->bytes[1] <= '9') {
        value->bytes++;
        value->size--;
    }
    status = fb_map_to_number(operand, scratch, &number, ret_what);
    if (status != FB_OK)
        return status;
    *ret_what = "not a whole number";
    if (!number.zero && number.last < 0)
        return FB_INVALID;
    *ret_what = "a negative number, which does not sort as text";
    if (!number.zero && number.negative)
        return FB_INVALID;
    *ret_what = "more digits than that, which do not sort as text";
    if (!number.zero && (size_t)number.first >= call->to)
        return FB_INVALID;
    part = fb_map_free_part(operand, scratch);
    status = write_padded(&number, call->to, part);
    if (status == FB_OK)
        fb_map_set_text(operand, part);
    return status;
}

static const char *compile_pad(struct fb_map_call *call)
{
    return is_number_alone(call->argument, 1, PAD_MAX, &call->to)
               ? NULL
               : "pad takes a number of digits, 1 to 126";
}

static enum fb_status apply_hash(const struct fb_map_call *call, struct fb_map_operand *operand,
                                 struct fb_map_scratch *scratch, const char **ret_what)
{
    unsigned char digest[FB_SHA256_BYTES];
    enum fb_status status = fb_map_to_text(operand, scratch, ret_what);
    const struct iovec text = {(void *)operand->value.bytes, operand->value.size};
    struct fb_buffer *part = fb_map_free_part(operand, scratch);

    if (status == FB_OK)
        status = fb_buffer_reserve(part, HASH_DIGITS);
    if (status == FB_OK)
        status = fb_digest_sha256(&text, 1, digest);
    if (status != FB_OK)
        return status;
    fb_digest_to_hex(digest, sizeof digest, part->bytes);
    part->size = call->to;
    fb_map_set_text(operand, part);
    return FB_OK;
}

static const char *compile_hash(struct fb_map_call *call)
{
    call->to = HASH_DIGITS;
    if (call->argument == NULL || is_number_alone(call->argument, 1, HASH_DIGITS, &call->to))
        return NULL;
    return "hash takes a number of digits, 1 to 64";
}

/* ---- the table ---- */

#define NONE   FB_MAP_ARGUMENT_NONE
#define MAYBE  FB_MAP_ARGUMENT_MAYBE
#define NEEDED FB_MAP_ARGUMENT_NEEDED

static const struct fb_map_function functions[] = {
    {"time", "time=ms", FB_MAP_CHANGES, NEEDED, false, true, compile_time, NULL},
    {"format", "format=%Y-%m-%d", FB_MAP_CHANGES, NEEDED, true, false, compile_format,
     apply_format},
    {"add", "add=90d", FB_MAP_CHANGES, NEEDED, true, true, compile_add, apply_add},
    {"lower", "lower", FB_MAP_CHANGES, NONE, false, false, NULL, apply_lower},
    {"upper", "upper", FB_MAP_CHANGES, NONE, false, false, NULL, apply_upper},
    {"trim", "trim", FB_MAP_CHANGES, NONE, false, false, NULL, apply_trim},
    {"pad", "pad=10", FB_MAP_CHANGES, NEEDED, false, false, compile_pad, apply_pad},
    {"slice", "slice=0-8", FB_MAP_CHANGES, NEEDED, false, false, compile_slice, apply_slice},
    {"hash", "hash=16", FB_MAP_CHANGES, MAYBE, false, false, compile_hash, apply_hash},
    {"default", "default=none", FB_MAP_DEFAULT, NEEDED, false, false, NULL, NULL},
    {"as", "as=number", FB_MAP_AS, NEEDED, false, false, NULL, NULL},
};

const struct fb_map_function *fb_map_function_find(const char *name, const char **ret_nearest)
{
    struct fb_nearest nearest;

    fb_nearest_init(&nearest, name);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
        fb_nearest_offer(&nearest, functions[i].name);
    }
    *ret_nearest = nearest.name;
    return NULL;
}
