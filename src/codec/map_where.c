/* SPDX-License-Identifier: Apache-2.0 */
#include "map_where.h"

#include <string.h>

#include "firebridge/codec/json_text.h"
#include "map_where_private.h"

/* The longest built-in value that is written is a @sha256. */
#define WRITTEN_MAX_BYTES 80

/* Bytes that are no UTF-8 stand for themselves, behind the last code point. */
#define BEHIND_CODE_POINTS 0x110000U

struct operand {
    struct fb_map_value value;
    bool escaped; /* a string as JSON has it */
    struct fb_number number;
};

/* ---- characters ---- */

struct characters {
    const char *at;
    const char *end;
    bool escaped;
};

static uint32_t next_character(struct characters *text)
{
    const unsigned char first = (unsigned char)*text->at;
    struct fb_text_special special;

    if ((first >= 0x80 || (first == '\\' && text->escaped)) &&
        fb_text_special(text->at, text->end, &special) == FB_TEXT_GOOD &&
        special.size <= (size_t)(text->end - text->at)) {
        text->at += special.size;
        return special.code_point;
    }
    text->at++;
    return first < 0x80 ? first : BEHIND_CODE_POINTS + first;
}

static struct characters characters_of(const struct operand *operand)
{
    const struct fb_map_value *value = &operand->value;

    return (struct characters){value->bytes, value->bytes + value->size, operand->escaped};
}

/* ---- order ---- */

static enum fb_where_order order_of(int difference)
{
    return difference < 0 ? FB_WHERE_LESS : difference > 0 ? FB_WHERE_GREATER : FB_WHERE_EQUAL;
}

static int difference_of_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    const int difference = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return difference != 0 ? difference : difference_of_sizes(a_size, b_size);
}

/* Code points are ordered as their bytes in UTF-8 are. */
static int compare_characters(struct characters a, struct characters b)
{
    while (a.at < a.end && b.at < b.end) {
        const uint32_t of_a = next_character(&a);
        const uint32_t of_b = next_character(&b);

        if (of_a != of_b)
            return of_a < of_b ? -1 : 1;
    }
    return (a.at < a.end) - (b.at < b.end);
}

static int compare_strings(const struct operand *operand, const struct fb_where_constant *constant)
{
    const struct characters text = {constant->bytes, constant->bytes + constant->size, false};

    if (operand->escaped)
        return compare_characters(characters_of(operand), text);
    return compare_bytes(operand->value.bytes, operand->value.size, constant->bytes,
                         constant->size);
}

static char next_digit(const char **digits)
{
    *digits += **digits == '.';
    return *(*digits)++;
}

/* Of two numbers whose first digits have the same power of ten. */
static int compare_digits(const struct fb_number *a, const struct fb_number *b)
{
    const char *of_a = a->digits;
    const char *of_b = b->digits;

    for (int64_t power = a->first; power >= a->last || power >= b->last; power--) {
        const char digit_a = power >= a->last ? next_digit(&of_a) : '0';
        const char digit_b = power >= b->last ? next_digit(&of_b) : '0';

        if (digit_a != digit_b)
            return digit_a - digit_b;
    }
    return 0;
}

static int compare_magnitudes(const struct fb_number *a, const struct fb_number *b)
{
    if (a->zero || b->zero)
        return (int)b->zero - (int)a->zero;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return compare_digits(a, b);
}

static int sign_of(const struct fb_number *number)
{
    return number->zero ? 0 : number->negative ? -1 : 1;
}

static int compare_numbers(const struct fb_number *a, const struct fb_number *b)
{
    const int sign = sign_of(a);

    return sign != sign_of(b) ? sign - sign_of(b) : sign * compare_magnitudes(a, b);
}

static enum fb_where_order compare(const struct operand *operand,
                                   const struct fb_where_constant *constant)
{
    const enum fb_map_kind kind = operand->value.kind;

    if (kind != constant->kind)
        return kind == FB_MAP_IS_MISSING || kind == FB_MAP_IS_NULL ||
                       constant->kind == FB_MAP_IS_NULL
                   ? FB_WHERE_APART
                   : FB_WHERE_OTHER_TYPE;
    if (kind == FB_MAP_IS_NUMBER)
        return order_of(compare_numbers(&operand->number, &constant->number));
    return order_of(compare_strings(operand, constant));
}

/* ---- patterns ---- */

struct pattern {
    const char *at;
    const char *end;
};

/* Whether the pattern's next character, which is no star, takes this one. */
static bool takes(struct pattern *pattern, uint32_t character)
{
    struct characters literal = {pattern->at, pattern->end, false};
    bool same;

    if (pattern->at == pattern->end)
        return false;
    if (*pattern->at == '?') {
        pattern->at++;
        return true;
    }
    literal.at += *literal.at == '\\';
    same = next_character(&literal) == character;
    pattern->at = literal.at;
    return same;
}

/* A star first takes nothing, and one character more each time that the rest does not fit; only
 * the last star matters then, so that the time is at most the product of both lengths. */
static bool is_like(struct characters text, struct pattern pattern)
{
    struct pattern behind_star = {NULL, NULL};
    struct characters rest = text;

    while (text.at < text.end) {
        if (pattern.at < pattern.end && *pattern.at == '*') {
            pattern.at++;
            behind_star = pattern;
            rest = text;
        } else if (!takes(&pattern, next_character(&text))) {
            if (behind_star.at == NULL)
                return false;
            (void)next_character(&rest);
            text = rest;
            pattern = behind_star;
        }
    }
    while (pattern.at < pattern.end && *pattern.at == '*')
        pattern.at++;
    return pattern.at == pattern.end;
}

/* ---- tests ---- */

static bool is_among(const struct operand *operand, const struct fb_where_constant *constants,
                     uint32_t count, uint64_t *mismatches)
{
    unsigned seen = 0;

    for (uint32_t i = 0; i < count && (seen & FB_WHERE_EQUAL) == 0; i++)
        seen |= compare(operand, &constants[i]);
    if ((seen & ~(unsigned)FB_WHERE_APART) == FB_WHERE_OTHER_TYPE)
        ++*mismatches;
    return (seen & FB_WHERE_EQUAL) != 0;
}

static bool matches(const struct operand *operand, const struct fb_where_constant *pattern,
                    uint64_t *mismatches)
{
    const enum fb_map_kind kind = operand->value.kind;

    if (kind == FB_MAP_IS_STRING)
        return is_like(characters_of(operand),
                       (struct pattern){pattern->bytes, pattern->bytes + pattern->size});
    if (kind != FB_MAP_IS_MISSING && kind != FB_MAP_IS_NULL)
        ++*mismatches;
    return false;
}

static bool holds(const struct fb_map_where *where, const struct fb_where_test *test,
                  const struct operand *operand, uint64_t *mismatches)
{
    const struct fb_where_constant *constants;
    enum fb_where_order order;

    if (test->kind == FB_WHERE_EXISTS)
        return operand->value.kind != FB_MAP_IS_MISSING;
    constants = &where->constants[test->first_constant];
    if (test->kind == FB_WHERE_IN)
        return is_among(operand, constants, test->constant_count, mismatches);
    if (test->kind == FB_WHERE_LIKE)
        return matches(operand, constants, mismatches);
    order = compare(operand, constants);
    *mismatches += order == FB_WHERE_OTHER_TYPE;
    return (test->takes & order) != 0;
}

static enum fb_status read_operand(const struct fb_map_source *source,
                                   const struct fb_map_record *record, struct fb_buffer *written,
                                   struct operand *ret)
{
    enum fb_status status = FB_OK;
    const char *fault;

    ret->escaped = false;
    if (fb_map_source_is_json(source)) {
        ret->value = fb_map_source_find(source, record);
        ret->escaped = ret->value.kind == FB_MAP_IS_STRING &&
                       memchr(ret->value.bytes, '\\', ret->value.size) != NULL;
    } else
        status = fb_map_source_read(source, record, written, &ret->value);
    if (status == FB_OK && ret->value.kind == FB_MAP_IS_NUMBER)
        (void)fb_number_scan(ret->value.bytes, &ret->number, &fault);
    return status;
}

static enum fb_status run_test(const struct fb_map_where *where, const struct fb_where_test *test,
                               const struct fb_map_record *record, uint64_t *mismatches,
                               bool *ret_truth)
{
    char bytes[WRITTEN_MAX_BYTES];
    struct fb_buffer written = {bytes, 0, sizeof bytes, sizeof bytes};
    struct operand operand;
    enum fb_status status = read_operand(&test->source, record, &written, &operand);

    if (status == FB_OK)
        *ret_truth = holds(where, test, &operand, mismatches) != test->negated;
    return status;
}

enum fb_status fb_map_where_test(const struct fb_map_where *where,
                                 const struct fb_map_record *record, uint64_t *mismatches,
                                 bool *ret_holds)
{
    enum fb_status status = FB_OK;
    bool truth = true;

    for (uint32_t i = 0; i < where->step_count && status == FB_OK;) {
        const struct fb_where_step *step = &where->steps[i++];

        if (step->op == FB_WHERE_TEST)
            status = run_test(where, &where->tests[step->place], record, mismatches, &truth);
        else if (step->op == FB_WHERE_NOT)
            truth = !truth;
        else if (truth == (step->op == FB_WHERE_SKIP_IF_TRUE))
            i = step->place;
    }
    if (status == FB_OK)
        *ret_holds = truth;
    return status;
}
