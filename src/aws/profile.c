/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/profile.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "firebridge/base/secret.h"

#define KINDS 2

static const char blanks[] = " \t\r";

/* A header is an entry without a name: a profile may have no settings. */
struct entry {
    const char *profile; /* NULL: of a section that does not count */
    const char *name;
    bool is_plain_default; /* [default] of the config, which gives way to [profile default] */
    struct fb_profile_setting setting;
};

struct fb_profiles {
    struct fb_buffer texts[KINDS]; /* cut up in place; the entries point into them */
    struct entry *entries;
    size_t count, capacity;
};

/* Where a file's reader stands. */
struct reader {
    struct fb_profiles *profiles;
    enum fb_profile_file kind;
    const char *path;
    unsigned line;
    bool has_section;
    const char *profile; /* NULL: the section does not count */
    bool is_plain_default;
    bool has_property; /* an indented line has something to continue */
    bool is_nested;    /* by lines that are settings of their own */
    char *value, *end; /* of the property that an indented line continues; NULL: passed over */
    struct fb_error *error;
};

struct fb_profiles *fb_profiles_new(void)
{
    return calloc(1, sizeof(struct fb_profiles));
}

void fb_profiles_free(struct fb_profiles *profiles)
{
    if (profiles == NULL)
        return;
    for (size_t i = 0; i < KINDS; i++)
        fb_secret_buffer_done(&profiles->texts[i]);
    free(profiles->entries);
    free(profiles);
}

static enum fb_status refuse(const struct reader *reader, const char *what)
{
    return fb_fail(reader->error, FB_INVALID, "%s:%u: %s", reader->path, reader->line, what);
}

static enum fb_status add_entry(struct reader *reader, const char *name, const char *value)
{
    struct fb_profiles *profiles = reader->profiles;

    if (profiles->count == profiles->capacity) {
        size_t capacity = profiles->capacity == 0 ? 32 : 2 * profiles->capacity;
        struct entry *entries =
            reallocarray(profiles->entries, capacity, sizeof *profiles->entries);

        if (entries == NULL)
            return fb_fail(reader->error, FB_NO_MEMORY, "no memory to read %s", reader->path);
        profiles->entries = entries;
        profiles->capacity = capacity;
    }
    profiles->entries[profiles->count++] =
        (struct entry){.profile = reader->profile,
                       .name = name,
                       .is_plain_default = reader->is_plain_default,
                       .setting = {value, reader->kind, reader->path, reader->line}};
    return FB_OK;
}

/* Takes blanks off both ends, in place. */
static char *trim(char *text)
{
    size_t size;

    text += strspn(text, blanks);
    size = strlen(text);
    while (size > 0 && strchr(blanks, text[size - 1]) != NULL)
        size--;
    text[size] = '\0';
    return text;
}

/* What a profile or a setting may be called. */
static bool is_name(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80 ||
            (!isalnum((unsigned char)*text) && strchr("_-/.%@:+", *text) == NULL))
            return false;
    return true;
}

/* NULL: no profile can be called that. A name in quotes, as the CLI writes it, may have blanks. */
static char *profile_name(char *text)
{
    size_t size = strlen(text);

    if (size > 2 && (text[0] == '"' || text[0] == '\'') && text[size - 1] == text[0]) {
        text[size - 1] = '\0';
        return strchr(text + 1, text[0]) == NULL ? text + 1 : NULL;
    }
    return size > 0 && is_name(text) ? text : NULL;
}

/* What stands behind "profile" and a blank; NULL: it does not begin with them. */
static char *behind_prefix(char *section)
{
    if (strncmp(section, "profile", 7) != 0 || section[7] == '\0' ||
        strchr(blanks, section[7]) == NULL)
        return NULL;
    return section + 7 + strspn(section + 7, blanks);
}

static enum fb_status take_section(struct reader *reader, char *line)
{
    size_t size = 1 + strcspn(line + 1, "];#");
    char *section, *prefixed;

    if (line[size] != ']')
        return refuse(reader, "a section begins with [ and ends with ]");
    line[size] = '\0';
    section = trim(line + size + 1);
    if (*section != '\0' && *section != '#' && *section != ';')
        return refuse(reader, "there is something behind the ] of a section");
    section = trim(line + 1);
    prefixed = behind_prefix(section);
    reader->has_section = true;
    reader->has_property = false;
    reader->is_plain_default = false;
    if (reader->kind == FB_PROFILE_CREDENTIALS) {
        reader->profile = prefixed == NULL ? profile_name(section) : NULL;
    } else {
        reader->profile = prefixed != NULL ? profile_name(prefixed) : NULL;
        reader->is_plain_default = strcmp(section, "default") == 0;
        if (reader->is_plain_default)
            reader->profile = section;
    }
    return reader->profile == NULL ? FB_OK : add_entry(reader, NULL, NULL);
}

/* A '#' or ';' begins a comment behind a blank only; else it belongs to the value. */
static void cut_comment(char *line)
{
    for (char *s = line + 1; *s != '\0'; s++)
        if ((*s == '#' || *s == ';') && (s[-1] == ' ' || s[-1] == '\t')) {
            *s = '\0';
            return;
        }
}

static enum fb_status take_property(struct reader *reader, char *line)
{
    char *equals, *name;

    if (!reader->has_section)
        return refuse(reader, "a setting stands before the first [section]");
    cut_comment(line);
    equals = strchr(line, '=');
    if (equals == NULL)
        return refuse(reader, "a setting is written NAME = VALUE, and here is no =");
    *equals = '\0';
    name = trim(line);
    if (*name == '\0')
        return refuse(reader, "there is no name before the =");
    reader->has_property = true;
    reader->value = trim(equals + 1);
    reader->end = reader->value + strlen(reader->value);
    reader->is_nested = *reader->value == '\0';
    if (reader->profile != NULL && is_name(name))
        return add_entry(reader, name, reader->value);
    reader->value = NULL;
    return FB_OK;
}

/*
 * An indented line belongs to the value above it. The text moves up to stand right behind that:
 * there is room, for a line's end and a blank at least lie between.
 */
static enum fb_status take_continuation(struct reader *reader, char *line)
{
    char *text = trim(line);
    size_t size = strlen(text);

    if (*text == '#' || *text == ';')
        return FB_OK;
    if (!reader->has_property)
        return refuse(reader, "an indented line continues the setting above it, and there is none");
    if (reader->is_nested && (strchr(text, '=') == NULL || *text == '='))
        return refuse(reader, "a setting within a setting is written NAME = VALUE");
    if (reader->value == NULL)
        return FB_OK;
    *reader->end = '\n';
    memmove(reader->end + 1, text, size);
    reader->end += 1 + size;
    *reader->end = '\0';
    return FB_OK;
}

static enum fb_status take_line(struct reader *reader, char *line)
{
    if (line[strspn(line, blanks)] == '\0' || *line == '#' || *line == ';')
        return FB_OK;
    if (*line == '[')
        return take_section(reader, line);
    return strchr(blanks, *line) != NULL ? take_continuation(reader, line)
                                         : take_property(reader, line);
}

/*
 * [profile default] of the config hides [default] there, wherever in the file the two stand. That
 * of the credentials hides nothing.
 */
static void settle_default(struct fb_profiles *profiles)
{
    bool is_hidden = false;

    for (size_t i = 0; i < profiles->count; i++)
        is_hidden |= profiles->entries[i].setting.kind == FB_PROFILE_CONFIG &&
                     strcmp(profiles->entries[i].profile, "default") == 0 &&
                     !profiles->entries[i].is_plain_default;
    for (size_t i = 0; i < profiles->count && is_hidden; i++)
        if (profiles->entries[i].is_plain_default)
            profiles->entries[i].profile = "";
}

static enum fb_status cut_up(struct fb_profiles *profiles, enum fb_profile_file kind,
                             const char *path, struct fb_error *error)
{
    struct reader reader = {.profiles = profiles, .kind = kind, .path = path, .error = error};
    struct fb_buffer *text = &profiles->texts[kind];
    char *line = text->bytes;
    enum fb_status status = FB_OK;

    text->bytes[text->size] = '\0';
    if (memchr(text->bytes, '\0', text->size) != NULL)
        return fb_fail(error, FB_INVALID, "%s is no text: it has a NUL byte", path);
    if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3;
    while (line != NULL && status == FB_OK) {
        char *newline = strchr(line, '\n');

        reader.line++;
        if (newline != NULL)
            *newline++ = '\0';
        status = take_line(&reader, line);
        line = newline;
    }
    if (status == FB_OK && kind == FB_PROFILE_CONFIG)
        settle_default(profiles);
    return status;
}

enum fb_status fb_profiles_read(struct fb_profiles *profiles, enum fb_profile_file kind,
                                const char *path, struct fb_error *error)
{
    enum fb_status status =
        fb_secret_read_file(path, FB_PROFILE_FILE_MAX_BYTES, &profiles->texts[kind], error);

    return status == FB_OK ? cut_up(profiles, kind, path, error) : status;
}

enum fb_status fb_profiles_parse(struct fb_profiles *profiles, enum fb_profile_file kind,
                                 const char *path, const char *text, size_t size,
                                 struct fb_error *error)
{
    struct fb_buffer *copy = &profiles->texts[kind];
    enum fb_status status = fb_secret_buffer_init(copy, size);

    if (status != FB_OK)
        return fb_fail(error, status, "no memory to read %s", path);
    status = fb_buffer_append(copy, text, size);
    return status == FB_OK ? cut_up(profiles, kind, path, error) : status;
}

bool fb_profiles_has(const struct fb_profiles *profiles, const char *profile)
{
    for (size_t i = 0; i < profiles->count; i++)
        if (strcmp(profiles->entries[i].profile, profile) == 0)
            return true;
    return false;
}

const struct fb_profile_setting *fb_profiles_find(const struct fb_profiles *profiles,
                                                  const char *profile, const char *name)
{
    for (size_t i = profiles->count; i > 0; i--) {
        const struct entry *entry = &profiles->entries[i - 1];

        if (entry->name != NULL && strcasecmp(entry->name, name) == 0 &&
            strcmp(entry->profile, profile) == 0)
            return &entry->setting;
    }
    return NULL;
}

const char *fb_profiles_get(const struct fb_profiles *profiles, const char *profile,
                            const char *name)
{
    const struct fb_profile_setting *setting = fb_profiles_find(profiles, profile, name);

    return setting == NULL || setting->value[0] == '\0' ? NULL : setting->value;
}
