/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/profile.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer lines hold nothing that is known here; a session token has at most 16 KiB. */
#define LINE_MAX_BYTES (20 * 1024)

static const char blanks[] = " \t\r\n";

struct text_key {
    const char *name;
    size_t offset, size;
};

#define CREDENTIAL(member)                                                                         \
    offsetof(struct fb_profile, credentials.member),                                               \
        sizeof((struct fb_profile *)NULL)->credentials.member

static const struct text_key text_keys[] = {
    {"aws_access_key_id", CREDENTIAL(access_key_id)},
    {"aws_secret_access_key", CREDENTIAL(secret_access_key)},
    {"aws_session_token", CREDENTIAL(session_token)},
    {"aws_security_token", CREDENTIAL(session_token)},
    {"region", offsetof(struct fb_profile, region), sizeof((struct fb_profile *)NULL)->region},
};

struct need_key {
    const char *name;
    size_t offset;
};

static const struct need_key need_keys[] = {
    {"role_arn", offsetof(struct fb_profile, needs_role)},
    {"web_identity_token_file", offsetof(struct fb_profile, needs_web_identity)},
    {"sso_session", offsetof(struct fb_profile, needs_sso)},
    {"sso_start_url", offsetof(struct fb_profile, needs_sso)},
    {"sso_account_id", offsetof(struct fb_profile, needs_sso)},
    {"credential_process", offsetof(struct fb_profile, needs_process)},
};

void fb_profile_wipe(struct fb_profile *profile)
{
    OPENSSL_cleanse(profile, sizeof *profile);
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

/* " # ..." and " ; ..." are comments; a '#' without a blank before it belongs to the value. */
static void cut_comment(char *text)
{
    for (char *s = text; *s != '\0'; s++)
        if ((*s == '#' || *s == ';') && (s == text || s[-1] == ' ' || s[-1] == '\t')) {
            *s = '\0';
            return;
        }
}

/* "[profile name]" of the config, "[name]" of the credentials; "[default]" of both. */
static bool section_is(char *line, enum fb_profile_file kind, const char *name)
{
    char *end = strchr(line, ']');
    char *section;

    if (end == NULL)
        return false;
    *end = '\0';
    section = trim(line + 1);
    if (kind == FB_PROFILE_CREDENTIALS)
        return strcmp(section, name) == 0;
    if (strncmp(section, "profile", 7) == 0 && section[7] != '\0' &&
        strchr(blanks, section[7]) != NULL)
        return strcmp(trim(section + 7), name) == 0;
    return strcmp(section, "default") == 0 && strcmp(name, "default") == 0;
}

static enum fb_status take_text(struct fb_profile *profile, const struct text_key *key,
                                const char *value)
{
    size_t size = strlen(value);

    if (size >= key->size)
        return FB_TOO_LARGE;
    memcpy((char *)profile + key->offset, value, size + 1);
    return FB_OK;
}

static enum fb_status take_assignment(struct fb_profile *profile, char *line)
{
    char *equals = strchr(line, '=');
    const char *key, *value;

    if (equals == NULL)
        return FB_OK;
    *equals = '\0';
    key = trim(line);
    cut_comment(equals + 1);
    value = trim(equals + 1);
    for (size_t i = 0; i < sizeof need_keys / sizeof *need_keys; i++)
        if (strcasecmp(need_keys[i].name, key) == 0)
            *(bool *)((char *)profile + need_keys[i].offset) = true;
    for (size_t i = 0; i < sizeof text_keys / sizeof *text_keys; i++)
        if (strcasecmp(text_keys[i].name, key) == 0)
            return take_text(profile, &text_keys[i], value);
    return FB_OK;
}

/* An indented line belongs to the value above it, which is none that is known here. */
static enum fb_status take_line(struct fb_profile *profile, enum fb_profile_file kind,
                                const char *name, bool *in_profile, char *line)
{
    if (strchr(" \t\r\n#;", line[0]) != NULL)
        return FB_OK;
    if (line[0] == '[') {
        *in_profile = section_is(line, kind, name);
        profile->is_found = profile->is_found || *in_profile;
        return FB_OK;
    }
    return *in_profile ? take_assignment(profile, line) : FB_OK;
}

static enum fb_status read_lines(FILE *file, const char *path, enum fb_profile_file kind,
                                 const char *name, char *line, struct fb_profile *profile,
                                 struct fb_error *error)
{
    bool in_profile = false;

    for (unsigned number = 1; fgets(line, LINE_MAX_BYTES, file) != NULL; number++) {
        enum fb_status status = FB_TOO_LARGE;

        if (strchr(line, '\n') != NULL || feof(file))
            status = take_line(profile, kind, name, &in_profile, line);
        if (status != FB_OK)
            return fb_fail(error, FB_INVALID, "%s:%u: the line or its value is too long", path,
                           number);
    }
    if (ferror(file))
        return fb_fail(error, FB_IO, "%s cannot be read: %s", path, strerror(errno));
    return FB_OK;
}

enum fb_status fb_profile_read(const char *path, enum fb_profile_file kind, const char *name,
                               struct fb_profile *ret_profile, struct fb_error *error)
{
    struct fb_profile profile = {0};
    FILE *file = fopen(path, "re");
    char *line;
    enum fb_status status;

    if (file == NULL && (errno == ENOENT || errno == ENOTDIR))
        return fb_fail(error, FB_NOT_FOUND, "%s does not exist", path);
    if (file == NULL)
        return fb_fail(error, FB_IO, "%s cannot be read: %s", path, strerror(errno));
    setvbuf(file, NULL, _IONBF, 0); /* stdio's buffer would keep the secrets */
    line = calloc(1, LINE_MAX_BYTES);
    if (line == NULL)
        status = fb_fail(error, FB_NO_MEMORY, "no memory to read %s", path);
    else
        status = read_lines(file, path, kind, name, line, &profile, error);
    if (status == FB_OK)
        *ret_profile = profile;
    fb_profile_wipe(&profile);
    if (line != NULL)
        OPENSSL_cleanse(line, LINE_MAX_BYTES);
    free(line);
    fclose(file);
    return status;
}
