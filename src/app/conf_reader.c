/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inih splits lines over 200 bytes, cuts a value at " ;", keeps "# ..." in it, takes an indented
 * "name = x" for more of the value above, cuts section names at 49 bytes, knows no quotes in names,
 * and says none of it. So every line is looked at before inih sees it. A line that is refused, and
 * what continues it, reaches inih as an empty one. The section is ours: inih's copy of its name may
 * be cut. So is the name of an item: inih is shown "item", whatever stands in its quotes.
 */
#include "firebridge/app/conf_reader.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/conf_items.h"
#include "firebridge/base/nearest.h"

#define NO_SECTION SIZE_MAX

struct reader {
    struct fb_conf_text *text;
    const char *file;
    const char *next, *end;
    unsigned line;
    size_t section;                /* of text->sections, or NO_SECTION */
    struct fb_conf_item_name item; /* the name in the line at hand */
    size_t item_key_size;        /* what "item" takes the place of in the line; 0: it is no item */
    bool is_section_wrong;       /* its header was refused: its keys are passed over */
    bool is_continuing;          /* the line at hand is indented */
    bool is_passing_over;        /* the assignment above was refused, with all of its lines */
    struct fb_conf_value *value; /* the assignment above, which an indented line continues */
};

#define mistake(reader, ...)                                                                       \
    fb_conf_text_mistake((reader)->text, (reader)->file, (reader)->line, __VA_ARGS__)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_utf8(const char *bytes, size_t size)
{
    char copy[FB_CONF_LINE_MAX_BYTES + 1];
    size_t length;

    memcpy(copy, bytes, size);
    copy[size] = '\0';
    for (size_t i = 0; i < size; i += length) {
        const bool is_ascii_control = (unsigned char)copy[i] < 0x20 || copy[i] == 0x7f;

        length = fb_utf8_length(copy + i);
        if (length == 0 || (is_ascii_control && copy[i] != '\t'))
            return false;
    }
    return true;
}

/* What no line may have, whatever it says. */
static bool has_good_bytes(struct reader *reader, const char *line, size_t size)
{
    if (size > FB_CONF_LINE_MAX_BYTES)
        mistake(reader,
                "the line has %zu bytes; at most %d are read (continue a value on an indented "
                "line)",
                size, FB_CONF_LINE_MAX_BYTES);
    else if (!is_utf8(line, size))
        mistake(reader, "the line is not UTF-8 text, or has control characters in it");
    else
        return true;
    return false;
}

static bool has_inline_comment(struct reader *reader, const char *line, size_t size)
{
    for (size_t i = 1; i < size; i++) {
        if (!is_blank(line[i - 1]) || (line[i] != ';' && line[i] != '#'))
            continue;
        mistake(reader,
                "'%c' behind a blank looks like a comment; comments stand on lines of "
                "their own",
                line[i]);
        return true;
    }
    return false;
}

static size_t find_section(const struct fb_conf_text *text, enum fb_conf_kind kind,
                           const char *stream)
{
    for (size_t i = 0; i < text->section_count; i++) {
        const struct fb_conf_section *section = &text->sections[i];

        if (section->kind == kind &&
            (kind != FB_CONF_STREAM || strcmp(section->stream, stream) == 0))
            return i;
    }
    return NO_SECTION;
}

static void enter_section(struct reader *reader, enum fb_conf_kind kind, const char *stream)
{
    struct fb_conf_text *text = reader->text;
    struct fb_conf_section *grown;
    char *name;

    reader->section = find_section(text, kind, stream);
    if (reader->section != NO_SECTION)
        return;
    if (text->section_count == FB_CONF_SECTIONS_MAX) {
        mistake(reader, "there are over %d sections", FB_CONF_SECTIONS_MAX);
        reader->is_section_wrong = true;
        return;
    }
    grown = realloc(text->sections, (text->section_count + 1) * sizeof *grown);
    if (grown != NULL)
        text->sections = grown;
    name = stream != NULL ? strdup(stream) : NULL;
    if (grown == NULL || (stream != NULL && name == NULL)) {
        free(name);
        text->status = FB_NO_MEMORY;
        return;
    }
    reader->section = text->section_count++;
    grown[reader->section] = (struct fb_conf_section){
        .kind = kind, .stream = name, .file = reader->file, .line = reader->line};
}

/* The name is a folder's and a metric's tag. */
static bool is_stream_name(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    size_t size = strlen(name);

    if (strcmp(name, "*") == 0)
        return true;
    return size > 0 && size <= FB_CONF_NAME_MAX_BYTES && name[0] != '.' &&
           strspn(name, allowed) == size;
}

static void refuse_section(struct reader *reader, const char *name)
{
    struct fb_nearest nearest;
    char word[FB_CONF_LINE_MAX_BYTES + 1];
    const char *rest = name + strcspn(name, " \t");

    memcpy(word, name, (size_t)(rest - name));
    word[rest - name] = '\0';
    fb_nearest_init(&nearest, word);
    fb_nearest_offer(&nearest, "aws");
    fb_nearest_offer(&nearest, "daemon");
    fb_nearest_offer(&nearest, "metrics");
    fb_nearest_offer(&nearest, "stream");
    if (nearest.name != NULL && strcmp(nearest.name, "stream") != 0)
        rest = "";
    mistake(reader,
            "unknown section [%s]; expected [aws], [daemon], [metrics], [stream NAME] or [stream "
            "*]%s%s%s%s",
            name, nearest.name != NULL ? "; did you mean [" : "",
            nearest.name != NULL ? nearest.name : "", nearest.name != NULL ? rest : "",
            nearest.name != NULL ? "]?" : "");
}

static void judge_section(struct reader *reader, const char *name)
{
    size_t word = strcspn(name, " \t");
    const char *rest = name + word + strspn(name + word, " \t");

    reader->is_section_wrong = false;
    if (strcmp(name, "aws") == 0) {
        enter_section(reader, FB_CONF_AWS, NULL);
    } else if (strcmp(name, "daemon") == 0) {
        enter_section(reader, FB_CONF_DAEMON, NULL);
    } else if (strcmp(name, "metrics") == 0) {
        enter_section(reader, FB_CONF_METRICS, NULL);
    } else if (word == strlen("stream") && memcmp(name, "stream", word) == 0) {
        if (is_stream_name(rest)) {
            enter_section(reader, FB_CONF_STREAM, rest);
            return;
        }
        mistake(reader,
                "\"%s\" is no stream's name; expected 1 to %d letters, digits, _ - and ., "
                "not beginning with a dot",
                rest, FB_CONF_NAME_MAX_BYTES);
        reader->is_section_wrong = true;
    } else {
        refuse_section(reader, name);
        reader->is_section_wrong = true;
    }
}

/* "[name]" and nothing behind it. */
static bool take_section(struct reader *reader, const char *line, size_t size)
{
    const char *close = memchr(line, ']', size);
    char name[FB_CONF_LINE_MAX_BYTES + 1];
    size_t name_size;

    reader->value = NULL;
    reader->is_passing_over = true;
    if (close == NULL || close != line + size - 1) {
        if (!has_inline_comment(reader, line, size))
            mistake(reader, "expected a section like [stream NAME], with nothing behind the ]");
        reader->is_section_wrong = true;
        return false;
    }
    for (line++; line < close && is_blank(*line); line++)
        ;
    while (close > line && is_blank(close[-1]))
        close--;
    name_size = (size_t)(close - line);
    memcpy(name, line, name_size);
    name[name_size] = '\0';
    judge_section(reader, name);
    reader->is_passing_over = false;
    return !reader->is_section_wrong;
}

/* The file may end with the line, without a byte behind it. */
static bool begins_with(const char *line, size_t size, const char *beginning)
{
    return size >= strlen(beginning) && memcmp(line, beginning, strlen(beginning)) == 0;
}

/* Would be taken for more of the value above, and is hardly meant so. */
static bool looks_unindented(struct reader *reader, const char *line, size_t size)
{
    const char *equals = memchr(line, '=', size);
    size_t name = equals != NULL ? (size_t)(equals - line) : 0;

    while (name > 0 && is_blank(line[name - 1]))
        name--;
    if (fb_conf_key_is_known(line, name) || (name > 0 && fb_conf_item_begins(line)))
        mistake(reader,
                "an indented line continues the value above; write %.*s from the first "
                "column",
                (int)name, line);
    else if (begins_with(line, size, "[stream ") || begins_with(line, size, "[aws]") ||
             begins_with(line, size, "[daemon]"))
        mistake(reader, "an indented line continues the value above; write the section from the "
                        "first column");
    else
        return false;
    return true;
}

static bool take_continuation(struct reader *reader, const char *line, size_t size)
{
    if (reader->is_passing_over || reader->is_section_wrong)
        return false;
    if (reader->value == NULL) {
        mistake(reader, "the line is indented, but there is no value above that it continues");
        return false;
    }
    return !looks_unindented(reader, line, size) && !has_inline_comment(reader, line, size);
}

static bool is_in_stream(const struct reader *reader)
{
    return reader->section != NO_SECTION &&
           reader->text->sections[reader->section].kind == FB_CONF_STREAM;
}

static bool begins_item(const char *line, size_t size)
{
    return begins_with(line, size, FB_CONF_ITEM_PREFIX) ||
           begins_with(line, size, FB_CONF_ADD_PREFIX);
}

static bool take_item(struct reader *reader, const char *line, size_t size)
{
    char copy[FB_CONF_LINE_MAX_BYTES + 1];
    const char *at = copy;
    struct fb_error error = {0};

    memcpy(copy, line, size);
    copy[size] = '\0';
    if (fb_conf_item_take_name(&at, &reader->item, &error) != FB_OK) {
        mistake(reader, "%s", error.message);
        return false;
    }
    reader->item_key_size = (size_t)(at - copy);
    return !has_inline_comment(reader, line + reader->item_key_size, size - reader->item_key_size);
}

static bool take_assignment(struct reader *reader, const char *line, size_t size)
{
    size_t name = 0;

    reader->value = NULL;
    reader->is_passing_over = true;
    if (reader->is_section_wrong)
        return false;
    if (is_in_stream(reader) && begins_item(line, size))
        return take_item(reader, line, size);
    while (name < size && line[name] != '=' && line[name] != ':')
        name++;
    if (name == 0 || name == size || line[name] != '=')
        mistake(reader, "expected NAME = VALUE, a [section], or a comment");
    else if (reader->section == NO_SECTION)
        mistake(
            reader,
            "a value outside of a section; expected [aws], [daemon], [metrics] or [stream NAME] "
            "above it");
    else if (!has_inline_comment(reader, line, size))
        return true;
    return false;
}

/* Whether inih is to see the line. */
static bool judge_line(struct reader *reader, const char *line, size_t size)
{
    size_t indent = 0;

    while (indent < size && is_blank(line[indent]))
        indent++;
    reader->is_continuing = indent > 0;
    reader->item_key_size = 0;
    if (memchr(line, '\0', size) != NULL) {
        mistake(reader, "the line has a NUL byte in it");
        return false;
    }
    if (indent == size || line[indent] == '#' || line[indent] == ';')
        return false;
    if (!has_good_bytes(reader, line, size)) {
        reader->is_passing_over |= indent == 0;
        reader->is_section_wrong |= line[0] == '[';
        return false;
    }
    if (indent > 0)
        return take_continuation(reader, line + indent, size - indent);
    if (line[0] == '[')
        return take_section(reader, line, size);
    return take_assignment(reader, line, size);
}

/* What inih sees is never longer than the line. */
static void show_line(const struct reader *reader, const char *start, size_t size, char *line)
{
    size_t used = 0;

    if (size > 0 && reader->item_key_size > 0) {
        used = (size_t)(stpcpy(line, "item") - line);
        start += reader->item_key_size;
        size -= reader->item_key_size;
    }
    memcpy(line + used, start, size);
    memcpy(line + used + size, "\n", 2);
}

/* fgets for inih. */
static char *read_line(char *line, int capacity, void *stream)
{
    struct reader *reader = stream;
    const char *start = reader->next;
    const char *newline;
    size_t size;

    if (start == reader->end || reader->text->status == FB_NO_MEMORY)
        return NULL;
    newline = memchr(start, '\n', (size_t)(reader->end - start));
    size = (size_t)((newline != NULL ? newline : reader->end) - start);
    reader->next = newline != NULL ? newline + 1 : reader->end;
    reader->line++;
    while (size > 0 && (is_blank(start[size - 1]) || start[size - 1] == '\r'))
        size--;
    if (!judge_line(reader, start, size))
        size = 0;
    /* Never with inih's own buffer of 200 bytes; a build with a smaller one must not be cut. */
    if (size + 2 > (size_t)capacity) {
        mistake(reader, "the line is longer than this build of inih reads (%d bytes)", capacity);
        size = 0;
    }
    show_line(reader, start, size, line);
    return line;
}

static void continue_value(struct reader *reader, const char *more)
{
    size_t old_size = strlen(reader->value->text);
    size_t more_size = strlen(more);
    char *grown;

    if (old_size + more_size + 1 > FB_CONF_VALUE_MAX_BYTES) {
        mistake(reader, "the value has over %d bytes", FB_CONF_VALUE_MAX_BYTES);
        reader->is_passing_over = true;
        return;
    }
    grown = realloc(reader->value->text, old_size + more_size + 2);
    if (grown == NULL) {
        reader->text->status = FB_NO_MEMORY;
        return;
    }
    grown[old_size] = '\n';
    memcpy(grown + old_size + 1, more, more_size + 1);
    reader->value->text = grown;
}

static struct fb_conf_value *find_item(struct reader *reader)
{
    struct fb_conf_section *section = &reader->text->sections[reader->section];
    struct fb_conf_item_value *grown;
    char *name;

    for (size_t i = 0; i < section->item_count; i++)
        if (section->items[i].is_added == reader->item.is_added &&
            strcmp(section->items[i].name, reader->item.text) == 0)
            return &section->items[i].value;
    if (section->item_count == FB_CONF_ITEMS_MAX) {
        mistake(reader, "the section has over %d items", FB_CONF_ITEMS_MAX);
        return NULL;
    }
    grown = realloc(section->items, (section->item_count + 1) * sizeof *grown);
    if (grown != NULL)
        section->items = grown;
    name = grown != NULL ? strdup(reader->item.text) : NULL;
    if (name == NULL) {
        reader->text->status = FB_NO_MEMORY;
        return NULL;
    }
    grown[section->item_count] =
        (struct fb_conf_item_value){.name = name, .is_added = reader->item.is_added};
    return &grown[section->item_count++].value;
}

static struct fb_conf_value *find_value(struct reader *reader, const char *name)
{
    struct fb_conf_section *section = &reader->text->sections[reader->section];
    size_t key = fb_conf_key_find(section->kind, name);
    const char *nearest;

    if (key < FB_CONF_KEY_COUNT)
        return &section->values[key];
    nearest = fb_conf_key_nearest(section->kind, name);
    if (nearest != NULL)
        mistake(reader, "unknown key %s; did you mean %s?", name, nearest);
    else
        mistake(reader, "unknown key %s; man firebridge.conf lists those of each section", name);
    return NULL;
}

static void assign(struct reader *reader, const char *name, const char *text)
{
    const bool is_item = reader->item_key_size > 0;
    struct fb_conf_value *value = is_item ? find_item(reader) : find_value(reader, name);
    char *copy;

    if (value == NULL)
        return;
    if (value->text != NULL && value->file == reader->file) {
        mistake(reader, "%s%s is assigned a second time; the first is in line %u",
                is_item ? fb_conf_item_prefix(reader->item.is_added) : "",
                is_item ? reader->item.text : name, value->line);
        return;
    }
    copy = strdup(text);
    if (copy == NULL) {
        reader->text->status = FB_NO_MEMORY;
        return;
    }
    free(value->text);
    value->text = copy;
    value->file = reader->file;
    value->line = reader->line;
    reader->value = value;
    reader->is_passing_over = false;
}

/* inih's handler: for a value's first line and, under the same name, for those that continue it. */
static int take_value(void *context, const char *section, const char *name, const char *text)
{
    struct reader *reader = context;

    (void)section;
    if (reader->is_continuing)
        continue_value(reader, text);
    else
        assign(reader, name, text);
    return 1;
}

void fb_conf_reader_read(struct fb_conf_text *text, const char *file, const char *bytes,
                         size_t size)
{
    struct reader reader = {
        .text = text, .file = file, .next = bytes, .end = bytes + size, .section = NO_SECTION};
    int line;

    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        reader.next += 3;
    line = ini_parse_stream(read_line, &reader, take_value, &reader);
    if (line != 0)
        fb_conf_text_mistake(text, file, line > 0 ? (unsigned)line : 0,
                             "inih cannot read it, though it looks well");
}
