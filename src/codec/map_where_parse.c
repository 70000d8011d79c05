/* SPDX-License-Identifier: Apache-2.0 */
/* A condition's grammar, by recursive descent. */
#include <stdlib.h>
#include <string.h>

#include "map_where_private.h"

#define ROOM_AT_FIRST   4
#define FOUND_MAX_BYTES 24

struct parser {
    const char *original; /* of which columns are counted */
    char *at;             /* in where->text */
    struct fb_map_where *where;
    struct fb_map_tree *tree;
    struct fb_error *error;
    unsigned depth;
};

/* ---- faults ---- */

/* In characters, from 1. */
static size_t column(const struct parser *p)
{
    const char *const end = p->original + (p->at - p->where->text);
    size_t characters = 1;

    for (const char *c = p->original; c < end; c++)
        characters += ((unsigned char)*c & 0xc0) != 0x80;
    return characters;
}

static enum fb_status fail_expected(const struct parser *p, const char *expected)
{
    const size_t size = strcspn(p->at, " \t\r\n");

    if (size == 0)
        return fb_fail(p->error, FB_INVALID, "column %zu: expected %s, found the end", column(p),
                       expected);
    return fb_fail(p->error, FB_INVALID, "column %zu: expected %s, found %.*s%s", column(p),
                   expected, (int)(size < FOUND_MAX_BYTES ? size : FOUND_MAX_BYTES), p->at,
                   size > FOUND_MAX_BYTES ? "..." : "");
}

static enum fb_status fail_memory(const struct parser *p)
{
    return fb_fail(p->error, FB_NO_MEMORY, "no memory for a condition");
}

/* ---- what is compiled ---- */

/* The array with room for one more element; NULL without memory. */
static void *with_room(void *array, uint32_t count, size_t element_size)
{
    if (count == 0)
        return realloc(array, ROOM_AT_FIRST * element_size);
    if (count < ROOM_AT_FIRST || (count & (count - 1)) != 0)
        return array;
    return realloc(array, (size_t)count * 2 * element_size);
}

static enum fb_status add_step(struct parser *p, enum fb_where_op op, uint32_t place)
{
    struct fb_map_where *where = p->where;
    struct fb_where_step *steps = with_room(where->steps, where->step_count, sizeof *steps);

    if (steps == NULL)
        return fail_memory(p);
    where->steps = steps;
    steps[where->step_count++] = (struct fb_where_step){op, place};
    return FB_OK;
}

static enum fb_status add_test(struct parser *p, const struct fb_where_test *test)
{
    struct fb_map_where *where = p->where;
    struct fb_where_test *tests = with_room(where->tests, where->test_count, sizeof *tests);

    if (tests == NULL)
        return fail_memory(p);
    where->tests = tests;
    tests[where->test_count++] = *test;
    return add_step(p, FB_WHERE_TEST, where->test_count - 1);
}

static enum fb_status add_constant(struct parser *p, struct fb_where_test *test,
                                   const struct fb_where_constant *constant)
{
    struct fb_map_where *where = p->where;
    struct fb_where_constant *constants =
        with_room(where->constants, where->constant_count, sizeof *constants);

    if (constants == NULL)
        return fail_memory(p);
    where->constants = constants;
    constants[where->constant_count++] = *constant;
    test->constant_count++;
    return FB_OK;
}

/* ---- words and signs ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_-.:/@#", c) != NULL);
}

static void skip_blanks(struct parser *p)
{
    p->at += strspn(p->at, " \t\r\n");
}

static bool take_sign(struct parser *p, const char *sign)
{
    const size_t size = strlen(sign);

    if (strncmp(p->at, sign, size) != 0)
        return false;
    p->at += size;
    skip_blanks(p);
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    const size_t size = strlen(word);

    if (strncmp(p->at, word, size) != 0 || is_word(p->at[size]))
        return false;
    p->at += size;
    skip_blanks(p);
    return true;
}

/* ---- values ---- */

/* Behind the opening quote. A pattern keeps the backslashes that its matcher wants. */
static enum fb_status parse_quoted(struct parser *p, bool is_pattern,
                                   struct fb_where_constant *ret_constant)
{
    const char quote = *p->at++;
    char *const begin = p->at;
    char *out = begin;

    for (; *p->at != quote; p->at++) {
        if (*p->at == '\0')
            return fail_expected(p, quote == '"' ? "a closing \"" : "a closing '");
        if (*p->at == '\\') {
            const char next = p->at[1];

            if (next == '\0' || strchr(is_pattern ? "\"'\\*?" : "\"'\\", next) == NULL)
                return fail_expected(p, is_pattern ? "one of \\\" \\' \\\\ \\* \\?"
                                                   : "one of \\\" \\' \\\\");
            if (is_pattern && next != '"' && next != '\'')
                *out++ = '\\';
            p->at++;
        }
        *out++ = *p->at;
    }
    p->at++;
    *ret_constant = (struct fb_where_constant){
        .kind = FB_MAP_IS_STRING, .bytes = begin, .size = (size_t)(out - begin)};
    return FB_OK;
}

/* Where a number ends that nothing of a word follows; NULL: there is none. */
static const char *behind_number(const char *text, struct fb_number *ret_number)
{
    const char *fault;
    const char *end = fb_number_scan(text, ret_number, &fault);

    return end != NULL && !is_word(*end) ? end : NULL;
}

static bool is_any(const struct fb_where_constant *constant, const char *word)
{
    return constant->size == strlen(word) && memcmp(constant->bytes, word, constant->size) == 0;
}

/* ".5", "-.5", "5.": what other languages take for a number would here never equal one. */
static bool is_no_json_number(const struct fb_where_constant *word)
{
    const char *p = word->bytes + (*word->bytes == '-');
    const char *const end = word->bytes + word->size;

    return strspn(p, "0123456789.") == (size_t)(end - p) && end - p > 1 &&
           (*p == '.' || end[-1] == '.');
}

static enum fb_status parse_word(struct parser *p, bool is_pattern,
                                 struct fb_where_constant *ret_constant)
{
    struct fb_where_constant constant = {.kind = FB_MAP_IS_STRING, .bytes = p->at};
    const char *end = p->at;

    while (is_word(*end) || (is_pattern && (*end == '*' || *end == '?')))
        end++;
    constant.size = (size_t)(end - p->at);
    if (!is_pattern && behind_number(p->at, &constant.number) != NULL) {
        constant.kind = FB_MAP_IS_NUMBER;
        end = behind_number(p->at, &constant.number);
    } else if (constant.size == 0)
        return fail_expected(p, is_pattern ? "a pattern, as in \"a*b?\""
                                           : "a value: a number, a word or text in quotes");
    else if (!is_pattern && is_no_json_number(&constant))
        return fail_expected(p, "a number with digits around its point, or text in quotes");
    else if (!is_pattern && (is_any(&constant, "true") || is_any(&constant, "false")))
        constant.kind = FB_MAP_IS_BOOL;
    else if (!is_pattern && is_any(&constant, "null"))
        constant.kind = FB_MAP_IS_NULL;
    p->at += end - p->at;
    *ret_constant = constant;
    return FB_OK;
}

static enum fb_status parse_constant(struct parser *p, bool is_pattern,
                                     struct fb_where_constant *ret_constant)
{
    enum fb_status status = *p->at == '"' || *p->at == '\''
                                ? parse_quoted(p, is_pattern, ret_constant)
                                : parse_word(p, is_pattern, ret_constant);

    if (status == FB_OK)
        skip_blanks(p);
    return status;
}

/* ---- comparisons ---- */

static enum fb_status parse_source(struct parser *p, struct fb_map_source *ret_source)
{
    const char *at = p->at;
    struct fb_number ignored;
    enum fb_status status;

    if (behind_number(at, &ignored) != NULL)
        return fail_expected(p, "a field on the left (in quotes where its name is a number)");
    status = fb_map_source_parse(p->tree, &at, ret_source, p->error);
    p->at += at - p->at;
    if (status == FB_INVALID || status == FB_TOO_LARGE)
        fb_error_prefix(p->error, "column %zu", column(p));
    else if (status == FB_OK)
        skip_blanks(p);
    return status;
}

static enum fb_status parse_list(struct parser *p, struct fb_where_test *test)
{
    enum fb_status status = FB_OK;

    if (!take_sign(p, "("))
        return fail_expected(p, "( and the values, as in (a, b)");
    do {
        struct fb_where_constant constant;

        if (test->constant_count == FB_MAP_WHERE_VALUES_MAX)
            return fb_fail(p->error, FB_TOO_LARGE, "column %zu: more than %d values in a list",
                           column(p), FB_MAP_WHERE_VALUES_MAX);
        status = parse_constant(p, false, &constant);
        if (status == FB_OK)
            status = add_constant(p, test, &constant);
    } while (status == FB_OK && take_sign(p, ","));
    if (status == FB_OK && !take_sign(p, ")"))
        return fail_expected(p, ", or )");
    return status;
}

static enum fb_status parse_pattern(struct parser *p, struct fb_where_test *test)
{
    struct fb_where_constant pattern;
    enum fb_status status = parse_constant(p, true, &pattern);

    return status == FB_OK ? add_constant(p, test, &pattern) : status;
}

static const struct {
    const char *sign;
    unsigned takes;
    bool negated;
} relations[] = {
    {"==", FB_WHERE_EQUAL, false},  {"=", FB_WHERE_EQUAL, false},
    {"!=", FB_WHERE_EQUAL, true},   {"<=", FB_WHERE_LESS | FB_WHERE_EQUAL, false},
    {"<", FB_WHERE_LESS, false},    {">=", FB_WHERE_GREATER | FB_WHERE_EQUAL, false},
    {">", FB_WHERE_GREATER, false},
};

#define RELATION_COUNT (sizeof relations / sizeof *relations)

static enum fb_status parse_relation(struct parser *p, struct fb_where_test *test)
{
    struct fb_where_constant constant;
    char *value;
    enum fb_status status;
    size_t i = 0;

    while (i < RELATION_COUNT && !take_sign(p, relations[i].sign))
        i++;
    if (i == RELATION_COUNT)
        return fail_expected(p, "=, !=, <, <=, >, >=, in, not in, like or not like");
    test->takes = relations[i].takes;
    test->negated = relations[i].negated;
    value = p->at;
    status = parse_constant(p, false, &constant);
    if (status != FB_OK)
        return status;
    if (test->takes != FB_WHERE_EQUAL && constant.kind != FB_MAP_IS_NUMBER &&
        constant.kind != FB_MAP_IS_STRING) {
        p->at = value;
        return fail_expected(p, "a number or text, as only those are less or more");
    }
    return add_constant(p, test, &constant);
}

static enum fb_status parse_comparison(struct parser *p)
{
    struct fb_where_test test = {.kind = FB_WHERE_COMPARE,
                                 .first_constant = p->where->constant_count};
    enum fb_status status = parse_source(p, &test.source);

    if (status != FB_OK)
        return status;
    test.negated = take_word(p, "not");
    if (take_word(p, "in")) {
        test.kind = FB_WHERE_IN;
        status = parse_list(p, &test);
    } else if (take_word(p, "like")) {
        test.kind = FB_WHERE_LIKE;
        status = parse_pattern(p, &test);
    } else if (test.negated)
        status = fail_expected(p, "in or like");
    else
        status = parse_relation(p, &test);
    return status == FB_OK ? add_test(p, &test) : status;
}

/* Behind `exists(`. */
static enum fb_status parse_exists(struct parser *p)
{
    struct fb_where_test test = {.kind = FB_WHERE_EXISTS};
    enum fb_status status = parse_source(p, &test.source);

    if (status == FB_OK && !take_sign(p, ")"))
        return fail_expected(p, ")");
    return status == FB_OK ? add_test(p, &test) : status;
}

/* A field may be called `exists`: the parenthesis tells. */
static bool take_exists(struct parser *p)
{
    char *const begin = p->at;

    if (take_word(p, "exists") && take_sign(p, "("))
        return true;
    p->at = begin;
    return false;
}

/* ---- not, and, or ---- */

static enum fb_status parse_or(struct parser *p);

static enum fb_status parse_factor(struct parser *p);

static enum fb_status parse_not(struct parser *p)
{
    enum fb_status status = parse_factor(p);

    return status == FB_OK ? add_step(p, FB_WHERE_NOT, 0) : status;
}

static enum fb_status parse_parenthesis(struct parser *p)
{
    enum fb_status status = parse_or(p);

    if (status == FB_OK && !take_sign(p, ")"))
        return fail_expected(p, "and, or or )");
    return status;
}

static enum fb_status parse_deeper(struct parser *p, enum fb_status (*parse_it)(struct parser *p))
{
    enum fb_status status;

    if (p->depth == FB_MAP_WHERE_DEPTH_MAX)
        return fb_fail(p->error, FB_TOO_LARGE, "column %zu: parentheses and not deeper than %d",
                       column(p), FB_MAP_WHERE_DEPTH_MAX);
    p->depth++;
    status = parse_it(p);
    p->depth--;
    return status;
}

static enum fb_status parse_factor(struct parser *p)
{
    if (take_word(p, "not"))
        return parse_deeper(p, parse_not);
    if (take_sign(p, "("))
        return parse_deeper(p, parse_parenthesis);
    if (take_exists(p))
        return parse_exists(p);
    return parse_comparison(p);
}

/* Operands with `word` between them; the truth that `skip` is for lets the next one be skipped. */
static enum fb_status parse_chain(struct parser *p, const char *word, enum fb_where_op skip,
                                  enum fb_status (*parse_operand)(struct parser *p))
{
    enum fb_status status = parse_operand(p);

    while (status == FB_OK && take_word(p, word)) {
        const uint32_t step = p->where->step_count;

        status = add_step(p, skip, 0);
        if (status == FB_OK)
            status = parse_operand(p);
        if (status == FB_OK)
            p->where->steps[step].place = p->where->step_count;
    }
    return status;
}

static enum fb_status parse_and(struct parser *p)
{
    return parse_chain(p, "and", FB_WHERE_SKIP_IF_FALSE, parse_factor);
}

static enum fb_status parse_or(struct parser *p)
{
    return parse_chain(p, "or", FB_WHERE_SKIP_IF_TRUE, parse_and);
}

static enum fb_status parse(struct parser *p)
{
    enum fb_status status;

    skip_blanks(p);
    status = parse_or(p);
    if (status == FB_OK && *p->at != '\0')
        return fail_expected(p, "and, or or the end (text with blanks stands in quotes)");
    return status;
}

enum fb_status fb_map_where_new(const char *text, struct fb_map_tree *tree,
                                struct fb_map_where **ret_where, struct fb_error *error)
{
    struct fb_map_where *where = calloc(1, sizeof *where);
    struct parser parser = {.original = text, .where = where, .tree = tree, .error = error};
    enum fb_status status = FB_NO_MEMORY;

    if (where != NULL)
        parser.at = where->text = strdup(text);
    if (parser.at != NULL)
        status = parse(&parser);
    else
        (void)fail_memory(&parser);
    if (status == FB_OK)
        *ret_where = where;
    else
        fb_map_where_free(where);
    return status;
}

void fb_map_where_free(struct fb_map_where *where)
{
    if (where == NULL)
        return;
    free(where->text);
    free(where->steps);
    free(where->tests);
    free(where->constants);
    free(where);
}
