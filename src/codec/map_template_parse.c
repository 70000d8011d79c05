/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "map_template_private.h"

/* Far over the longest line that a conf may have. */
#define TEXT_MAX ((size_t)1 << 20)

struct parser {
    const char *text;
    const char *at;
    struct fb_map_tree *tree;
    struct fb_map_template *made;
    struct fb_buffer word; /* a literal, a function's name or its argument, as it is read */
    struct fb_error *error;
};

static enum fb_status add_piece(struct fb_map_template *made, struct fb_map_piece **ret_piece)
{
    struct fb_map_piece *pieces = realloc(made->pieces, (made->count + 1) * sizeof *pieces);

    if (pieces == NULL)
        return FB_NO_MEMORY;
    made->pieces = pieces;
    pieces[made->count] = (struct fb_map_piece){0};
    *ret_piece = &pieces[made->count++];
    return FB_OK;
}

static enum fb_status add_call(struct fb_map_piece *piece, struct fb_map_call **ret_call)
{
    struct fb_map_call *calls = realloc(piece->calls, (piece->call_count + 1) * sizeof *calls);

    if (calls == NULL)
        return FB_NO_MEMORY;
    piece->calls = calls;
    calls[piece->call_count] = (struct fb_map_call){0};
    *ret_call = &calls[piece->call_count++];
    return FB_OK;
}

/* ---- the parser ---- */

__attribute__((format(printf, 3, 4))) static enum fb_status
refuse(const struct parser *parser, const char *at, const char *format, ...)
{
    char what[FB_ERROR_MESSAGE_SIZE / 2];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return fb_fail(parser->error, FB_INVALID, "column %zu: %s", (size_t)(at - parser->text) + 1,
                   what);
}

static enum fb_status take_byte(struct parser *parser)
{
    return fb_buffer_append(&parser->word, parser->at++, 1);
}

/* Into the word; *text stands behind the opening quote. */
static enum fb_status read_quoted(struct parser *parser, const char *opening)
{
    enum fb_status status = FB_OK;

    while (status == FB_OK && *parser->at != '"') {
        if (*parser->at == '\\' && *++parser->at != '"' && *parser->at != '\\')
            return refuse(parser, parser->at - 1,
                          "between quotes a backslash stands before \" or \\ only");
        if (*parser->at == '\0')
            return refuse(parser, opening, "the closing \" is missing");
        status = take_byte(parser);
    }
    parser->at++;
    if (status == FB_OK && *parser->at != ',' && *parser->at != '}')
        return refuse(parser, parser->at, "a , or a } is expected behind the closing quote");
    return status;
}

static enum fb_status read_argument_text(struct parser *parser)
{
    enum fb_status status = FB_OK;

    fb_buffer_reset(&parser->word);
    if (*parser->at == '"') {
        parser->at++;
        status = read_quoted(parser, parser->at - 1);
    } else
        while (status == FB_OK && *parser->at != ',' && *parser->at != '}' && *parser->at != '\0')
            status = take_byte(parser);
    return status == FB_OK ? fb_buffer_terminate(&parser->word) : status;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static enum fb_status read_name(struct parser *parser)
{
    enum fb_status status = FB_OK;

    fb_buffer_reset(&parser->word);
    while (status == FB_OK && is_letter(*parser->at))
        status = take_byte(parser);
    return status == FB_OK ? fb_buffer_terminate(&parser->word) : status;
}

/* That of the name in the word; NULL, and it is said why, when there is none. */
static const struct fb_map_function *find_function(const struct parser *parser, const char *begins)
{
    const char *name = parser->word.bytes;
    const char *nearest = NULL;
    const struct fb_map_function *function = fb_map_function_find(name, &nearest);

    if (function != NULL)
        return function;
    if (parser->word.size == 0)
        refuse(parser, begins, "a function is expected, like time=ms or lower");
    else if (nearest != NULL)
        refuse(parser, begins, "there is no function %.60s; did you mean %s?", name, nearest);
    else
        refuse(parser, begins,
               "there is no function %.60s; there are time, format, add, lower, upper, trim, pad, "
               "slice, hash, default and as",
               name);
    return NULL;
}

static const struct fb_map_as *find_type(const struct parser *parser, const char *begins)
{
    const char *name = parser->word.bytes;
    const char *nearest = NULL;
    const struct fb_map_as *as = fb_map_as_find(name, &nearest);

    if (as != NULL)
        return as;
    if (nearest != NULL)
        refuse(parser, begins, "there is no type %.60s; did you mean %s?", name, nearest);
    else
        refuse(parser, begins,
               "there is no type %.60s; there are string, number, bool, binary, json, string_set, "
               "number_set, list, epoch and epoch_ms",
               name);
    return NULL;
}

/* What the functions before it give must be what this one takes. */
static enum fb_status check_order(const struct parser *parser, const struct fb_map_piece *piece,
                                  const struct fb_map_function *function, const char *begins)
{
    const bool is_time =
        piece->call_count > 0 && piece->calls[piece->call_count - 1].function->gives_time;

    if (piece->as != NULL)
        return refuse(parser, begins, "as stands last");
    if (function->role == FB_MAP_AS)
        return FB_OK;
    if (function->role == FB_MAP_DEFAULT && piece->behind_default > 0)
        return refuse(parser, begins, "a second default");
    if (function->takes_time && !is_time)
        return refuse(parser, begins, "%s needs a time before it, like time=ms", function->name);
    if (!function->takes_time && is_time)
        return refuse(parser, begins, "%s cannot stand behind a time; format=... makes it text",
                      function->name);
    return FB_OK;
}

static enum fb_status check_type(const struct parser *parser, const struct fb_map_piece *piece,
                                 const struct fb_map_as *as, const char *begins)
{
    const bool is_time =
        piece->call_count > 0 && piece->calls[piece->call_count - 1].function->gives_time;

    if (!is_time && !as->takes_value)
        return refuse(parser, begins, "as=%s needs a time before it, like time=ms", as->name);
    if (is_time && !as->takes_time)
        return refuse(parser, begins, "a time is as=epoch, epoch_ms or string, and not %s",
                      as->name);
    return FB_OK;
}

static enum fb_status check_argument(const struct parser *parser,
                                     const struct fb_map_function *function, bool given,
                                     const char *at)
{
    if (!given && function->argument == FB_MAP_ARGUMENT_NEEDED)
        return refuse(parser, at, "%s needs an argument, like %s", function->name,
                      function->example);
    if (given && function->argument == FB_MAP_ARGUMENT_NONE)
        return refuse(parser, at, "%s takes no argument", function->name);
    return FB_OK;
}

/* The argument, if it has one, is in the word. */
static enum fb_status compile_call(const struct parser *parser, struct fb_map_piece *piece,
                                   const struct fb_map_function *function, bool given,
                                   const char *argument_at)
{
    struct fb_map_call *call;
    const char *what;

    if (add_call(piece, &call) != FB_OK)
        return FB_NO_MEMORY;
    call->function = function;
    call->apply = function->apply;
    if (given)
        call->argument = strdup(parser->word.bytes);
    if (given && call->argument == NULL)
        return FB_NO_MEMORY;
    if (function->role == FB_MAP_DEFAULT)
        piece->behind_default = piece->call_count;
    what = function->compile == NULL ? NULL : function->compile(call);
    return what == NULL ? FB_OK : refuse(parser, argument_at, "%s", what);
}

/* Behind the `=`, or where it would be. *ret_given: not just the `=`; an empty argument is written
 * in quotes. */
static enum fb_status read_argument(struct parser *parser, const struct fb_map_function *function,
                                    const char **ret_at, bool *ret_given)
{
    const bool is_given = *parser->at == '=';
    enum fb_status status = FB_OK;

    parser->at += is_given;
    *ret_at = parser->at;
    if (is_given)
        status = read_argument_text(parser);
    *ret_given = parser->at > *ret_at;
    return status == FB_OK ? check_argument(parser, function, *ret_given, *ret_at) : status;
}

/* FUNCTION or FUNCTION=ARGUMENT; behind it stands a comma, the closing brace, or the end. */
static enum fb_status read_call(struct parser *parser, struct fb_map_piece *piece)
{
    const char *const begins = parser->at;
    const struct fb_map_function *function;
    const char *argument_at = begins;
    bool given = false;
    enum fb_status status = read_name(parser);

    if (status != FB_OK)
        return status;
    function = find_function(parser, begins);
    if (function == NULL)
        return FB_INVALID;
    status = check_order(parser, piece, function, begins);
    if (status == FB_OK)
        status = read_argument(parser, function, &argument_at, &given);
    if (status != FB_OK)
        return status;
    if (function->role != FB_MAP_AS)
        return compile_call(parser, piece, function, given, argument_at);
    piece->as = find_type(parser, argument_at);
    return piece->as == NULL ? FB_INVALID : check_type(parser, piece, piece->as, begins);
}

static enum fb_status read_source(struct parser *parser, struct fb_map_piece *piece)
{
    const char *const begins = parser->at;
    enum fb_status status =
        fb_map_source_parse(parser->tree, &parser->at, &piece->source, parser->error);

    if (status != FB_OK) {
        fb_error_prefix(parser->error, "column %zu", (size_t)(parser->at - parser->text) + 1);
        return status;
    }
    piece->name = strndup(begins, (size_t)(parser->at - begins));
    return piece->name == NULL ? FB_NO_MEMORY : FB_OK;
}

/* At its brace. */
static enum fb_status read_placeholder(struct parser *parser)
{
    const char *const brace = parser->at++;
    struct fb_map_piece *piece = NULL;
    enum fb_status status = add_piece(parser->made, &piece);
    bool is_first = true;

    if (status == FB_OK)
        status = read_source(parser, piece);
    for (; status == FB_OK && *parser->at == (is_first ? ':' : ','); is_first = false) {
        do
            parser->at++;
        while (*parser->at == ' ');
        status = read_call(parser, piece);
    }
    if (status != FB_OK)
        return status;
    if (*parser->at == '\0')
        return refuse(parser, brace, "a placeholder without its closing }");
    if (*parser->at != '}')
        return refuse(parser, parser->at,
                      is_first ? "a : with functions, or a }, is expected behind the path"
                               : "a , or a } is expected behind a function");
    parser->at++;
    return FB_OK;
}

static enum fb_status end_literal(const struct parser *parser)
{
    struct fb_buffer escaped;
    struct fb_map_piece *piece = NULL;
    enum fb_status status;

    fb_buffer_init(&escaped, TEXT_MAX * 6);
    status = fb_map_append_escaped(&escaped, parser->word.bytes, parser->word.size);
    if (status == FB_OK)
        status = add_piece(parser->made, &piece);
    if (status != FB_OK) {
        fb_buffer_done(&escaped);
        return status;
    }
    piece->literal = escaped.bytes;
    piece->literal_size = escaped.size;
    piece->literal_counted = (uint32_t)parser->word.size;
    return FB_OK;
}

/* Up to a placeholder or the end. */
static enum fb_status read_literal(struct parser *parser)
{
    enum fb_status status = FB_OK;

    fb_buffer_reset(&parser->word);
    while (status == FB_OK && *parser->at != '\0') {
        const bool is_doubled = parser->at[0] == parser->at[1];

        if (*parser->at == '{' && !is_doubled)
            break;
        if (*parser->at == '}' && !is_doubled)
            return refuse(parser, parser->at, "a } without its {; as text it is }}");
        parser->at += *parser->at == '{' || *parser->at == '}';
        status = take_byte(parser);
    }
    return status == FB_OK ? end_literal(parser) : status;
}

static enum fb_status check_utf8(const struct parser *parser)
{
    const char *const end = parser->text + strlen(parser->text);
    struct fb_text_special special;

    if ((size_t)(end - parser->text) > TEXT_MAX)
        return refuse(parser, parser->text, "a template over %zu bytes", TEXT_MAX);
    for (const char *p = parser->text; p < end; p++)
        if ((unsigned char)*p >= 0x80) {
            if (fb_text_special(p, end, &special) != FB_TEXT_GOOD)
                return refuse(parser, p, "a byte that is not UTF-8");
            p += special.size - 1;
        }
    return FB_OK;
}

/* What stands beside other pieces is a string, and must have a text. */
static enum fb_status settle_types(const struct parser *parser)
{
    struct fb_map_template *made = parser->made;

    if (made->count == 0)
        return refuse(parser, parser->at, "text or a placeholder like {user_id} is expected");
    for (size_t i = 0; i < made->count; i++) {
        struct fb_map_piece *piece = &made->pieces[i];

        if (piece->as == NULL)
            piece->as = fb_map_as_string();
        else if (made->count > 1 &&
                 (piece->as->to_text == NULL || piece->as->type == FB_MAP_TYPE_BINARY))
            return refuse(parser, parser->text,
                          "as=%s stands alone: with text or placeholders beside it the value is a "
                          "string",
                          piece->as->name);
    }
    return FB_OK;
}

static enum fb_status parse(struct parser *parser)
{
    enum fb_status status = check_utf8(parser);

    while (status == FB_OK && *parser->at != '\0')
        status = parser->at[0] == '{' && parser->at[1] != '{' ? read_placeholder(parser)
                                                              : read_literal(parser);
    return status == FB_OK ? settle_types(parser) : status;
}

enum fb_status fb_map_template_new(const char *text, struct fb_map_tree *tree,
                                   struct fb_map_template **ret_template, struct fb_error *error)
{
    struct parser parser = {.text = text, .at = text, .tree = tree, .error = error};
    enum fb_status status = FB_NO_MEMORY;

    fb_buffer_init(&parser.word, TEXT_MAX + 1);
    parser.made = calloc(1, sizeof *parser.made);
    if (parser.made != NULL) {
        parser.made->hash_seed = tree->hash_seed;
        status = parse(&parser);
    }
    fb_buffer_done(&parser.word);
    if (status == FB_OK)
        *ret_template = parser.made;
    else
        fb_map_template_free(parser.made);
    if (status == FB_NO_MEMORY)
        return fb_fail(error, status, "no memory for a template");
    return status;
}
