/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configured prefix to pieces: what is literal, what is a number of the time, what can be
 * anything. (Data Firehose developer guide, "Understand custom prefixes for Amazon S3 objects";
 * java.time.format.DateTimeFormatter for the letters.)
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "layout_private.h"

#define OR_FLAT "or set layout = flat, which lists the whole prefix each time"

static const struct {
    char letter;
    enum fb_layout_unit unit;
} letters[] = {
    {'y', FB_UNIT_YEAR}, {'u', FB_UNIT_YEAR},   {'M', FB_UNIT_MONTH},  {'d', FB_UNIT_DAY},
    {'H', FB_UNIT_HOUR}, {'m', FB_UNIT_MINUTE}, {'s', FB_UNIT_SECOND},
};

static enum fb_status too_many(struct fb_error *error)
{
    return fb_fail(error, FB_INVALID, "the prefix has over %d parts", FB_LAYOUT_MAX_PIECES);
}

static enum fb_status add_literal(struct fb_layout_template *template, const char *text,
                                  size_t length, struct fb_error *error)
{
    struct fb_layout_piece *last = &template->pieces[template->count];
    size_t before;
    char *grown;

    if (length == 0)
        return FB_OK;
    if (template->count > 0 && last[-1].kind == FB_PIECE_LITERAL)
        last--;
    else if (template->count == FB_LAYOUT_MAX_PIECES)
        return too_many(error);
    else
        *last = (struct fb_layout_piece){.kind = FB_PIECE_LITERAL};
    before = last->text != NULL ? strlen(last->text) : 0;
    grown = realloc(last->text, before + length + 1);
    if (grown == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    memcpy(grown + before, text, length);
    grown[before + length] = '\0';
    last->text = grown;
    if (last == &template->pieces[template->count])
        template->count++;
    return FB_OK;
}

static enum fb_status add_piece(struct fb_layout_template *template,
                                const struct fb_layout_piece *piece, struct fb_error *error)
{
    if (template->count == FB_LAYOUT_MAX_PIECES)
        return too_many(error);
    template->pieces[template->count++] = *piece;
    return FB_OK;
}

/* A run of one letter, such as yyyy. */
static enum fb_status add_letters(struct fb_layout_template *template, const char *run,
                                  size_t length, struct fb_error *error)
{
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        struct fb_layout_piece piece = {.kind = FB_PIECE_NUMBER, .unit = letters[i].unit};

        if (letters[i].letter != *run || length > (piece.unit == FB_UNIT_YEAR ? 4 : 2))
            continue;
        piece.width = (int)length;
        if (piece.unit == FB_UNIT_YEAR && length != 2)
            piece.width = 4;
        return add_piece(template, &piece, error);
    }
    return fb_fail(error, FB_INVALID,
                   "no folder can be derived from \"%.*s\" in a timestamp expression; supported "
                   "are y or u (year), M, MM, d, dd, H, HH, m, mm, s, ss and quoted text; use "
                   "these, " OR_FLAT,
                   (int)(length < 40 ? length : 40), run);
}

/* One step at `*at`: a quote opens and closes literal text, two are one quote, in and out of it. */
static enum fb_status parse_pattern_part(struct fb_layout_template *template, const char **at,
                                         const char *end, bool *quoted, struct fb_error *error)
{
    const char *start = *at;

    if (*start == '\'' && start + 1 < end && start[1] == '\'') {
        *at += 2;
        return add_literal(template, start, 1, error);
    }
    (*at)++;
    if (*start == '\'') {
        *quoted = !*quoted;
        return FB_OK;
    }
    if (*quoted)
        return add_literal(template, start, 1, error);
    if (isalpha((unsigned char)*start)) {
        while (*at < end && **at == *start)
            (*at)++;
        return add_letters(template, start, (size_t)(*at - start), error);
    }
    if (strchr("[]#", *start) != NULL)
        return fb_fail(error, FB_INVALID,
                       "\"%c\" in a timestamp expression is reserved; quote it, " OR_FLAT, *start);
    return add_literal(template, start, 1, error);
}

static enum fb_status parse_timestamp(struct fb_layout_template *template, const char *pattern,
                                      size_t length, struct fb_error *error)
{
    const char *at = pattern;
    enum fb_status status = FB_OK;
    bool quoted = false;

    if (length == 0)
        return fb_fail(error, FB_INVALID,
                       "a timestamp expression is empty; write for example "
                       "!{timestamp:yyyy/MM/dd/HH}");
    while (at < pattern + length && status == FB_OK)
        status = parse_pattern_part(template, &at, pattern + length, &quoted, error);
    if (status == FB_OK && quoted)
        status = fb_fail(error, FB_INVALID, "a quote in a timestamp expression is not closed: %.*s",
                         (int)(length < 100 ? length : 100), pattern);
    return status;
}

static bool begins(const char **at, size_t *length, const char *with)
{
    size_t size = strlen(with);

    if (*length < size || memcmp(*at, with, size) != 0)
        return false;
    *at += size;
    *length -= size;
    return true;
}

static enum fb_status add_partition(struct fb_layout_template *template, const char *name,
                                    size_t size, struct fb_error *error)
{
    const struct fb_layout_piece partition = {.kind = FB_PIECE_PARTITION,
                                              .text = strndup(name, size)};
    enum fb_status status;

    if (partition.text == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    status = add_piece(template, &partition, error);
    if (status != FB_OK)
        free(partition.text);
    return status;
}

/* What stands between !{ and }. */
static enum fb_status parse_expression(struct fb_layout_template *template, const char *text,
                                       size_t length, struct fb_error *error)
{
    const struct fb_layout_piece random = {.kind = FB_PIECE_RANDOM};
    const char *at = text;
    size_t left = length;

    if (begins(&at, &left, "timestamp:"))
        return parse_timestamp(template, at, left, error);
    if ((begins(&at, &left, "partitionKeyFromQuery:") ||
         begins(&at, &left, "partitionKeyFromLambda:")) &&
        left > 0)
        return add_partition(template, at, left, error);
    if (begins(&at, &left, "firehose:")) {
        if (left == strlen("random-string") && memcmp(at, "random-string", left) == 0)
            return add_piece(template, &random, error);
        if (left == strlen("error-output-type") && memcmp(at, "error-output-type", left) == 0)
            return fb_fail(error, FB_INVALID,
                           "!{firehose:error-output-type} belongs to the error output prefix; "
                           "write the prefix of the data here");
    }
    return fb_fail(error, FB_INVALID,
                   "Firehose knows no expression !{%.*s}; there are timestamp:, "
                   "firehose:random-string, partitionKeyFromQuery: and partitionKeyFromLambda:",
                   (int)(length < 100 ? length : 100), text);
}

/* The closing brace; one in a timestamp's quotes does not count. */
static const char *find_close(const char *text)
{
    bool quoted = false;

    for (; *text != '\0'; text++) {
        if (*text == '\'')
            quoted = !quoted;
        else if (*text == '}' && !quoted)
            return text;
    }
    return NULL;
}

static enum fb_status parse(struct fb_layout_template *template, const char *prefix,
                            struct fb_error *error)
{
    enum fb_status status = FB_OK;

    while (*prefix != '\0' && status == FB_OK) {
        const char *open = strstr(prefix, "!{");
        const char *close;

        if (open == NULL)
            return add_literal(template, prefix, strlen(prefix), error);
        close = find_close(open + 2);
        if (close == NULL)
            return fb_fail(error, FB_INVALID, "an expression is not closed: %.100s", open);
        status = add_literal(template, prefix, (size_t)(open - prefix), error);
        if (status == FB_OK)
            status = parse_expression(template, open + 2, (size_t)(close - open - 2), error);
        prefix = close + 1;
    }
    return status;
}

/*
 * Firehose appends the hour to a prefix that has no expression. One made of partition keys only
 * is used as it is (the developer guide's own example ends in hour=!{partitionKeyFromQuery:hour}/),
 * and then nothing says where new objects lie.
 */
static enum fb_status append_default(struct fb_layout_template *template, struct fb_error *error)
{
    for (size_t i = 0; i < template->count; i++)
        if (template->pieces[i].kind != FB_PIECE_LITERAL)
            return FB_OK;
    return parse_timestamp(template, "yyyy/MM/dd/HH/", strlen("yyyy/MM/dd/HH/"), error);
}

enum fb_status fb_layout_parse(const char *prefix, struct fb_layout_template *ret_template,
                               struct fb_error *error)
{
    struct fb_layout_template template = {0};
    enum fb_status status = parse(&template, prefix, error);

    if (status == FB_OK)
        status = append_default(&template, error);
    if (status == FB_OK)
        *ret_template = template;
    else
        fb_layout_template_done(&template);
    return status;
}

void fb_layout_template_done(struct fb_layout_template *template)
{
    for (size_t i = 0; i < template->count; i++)
        free(template->pieces[i].text);
    template->count = 0;
}
