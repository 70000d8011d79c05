/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/credentials_json.h"

#include <stdio.h>
#include <string.h>

#include "firebridge/base/time.h"
#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/validate.h"

const struct fb_credentials_form fb_credentials_form_metadata = {.token_name = "Token"};
const struct fb_credentials_form fb_credentials_form_process = {
    .token_name = "SessionToken", .is_permanent = true, .has_version = true};

/* What the document has beside the keys. */
struct document {
    char code[64], expiration[64];
    struct fb_json_text version;
};

struct member {
    const char *name;
    char *to;
    size_t size;
};

/* Any kind of value but a string counts as missing. FB_CORRUPT when it does not fit. */
static enum fb_status take_text(struct fb_json_cursor *cursor, const struct member *member)
{
    struct fb_json_text text;

    if (!fb_json_take_string(cursor, &text)) {
        fb_json_skip(cursor);
        return FB_OK;
    }
    if (text.size >= member->size)
        return FB_CORRUPT;
    member->to[fb_text_unescape(text.bytes, text.size, member->to)] = '\0';
    return FB_OK;
}

static enum fb_status take_member(struct fb_json_cursor *cursor, const struct fb_json_text *name,
                                  const struct member *members, size_t count,
                                  struct document *document)
{
    for (size_t i = 0; i < count; i++)
        if (fb_json_text_is(name, members[i].name, strlen(members[i].name)))
            return take_text(cursor, &members[i]);
    if (!fb_json_text_is(name, "Version", 7) || !fb_json_take_number(cursor, &document->version))
        fb_json_skip(cursor);
    return FB_OK;
}

static enum fb_status walk(const char *text, const struct fb_credentials_form *form,
                           struct fb_credentials *read, struct document *document)
{
    const struct member members[] = {
        {"AccessKeyId", read->access_key_id, sizeof read->access_key_id},
        {"SecretAccessKey", read->secret_access_key, sizeof read->secret_access_key},
        {form->token_name, read->session_token, sizeof read->session_token},
        {"Expiration", document->expiration, sizeof document->expiration},
        {"Code", document->code, sizeof document->code},
    };
    struct fb_json_cursor cursor = fb_json_cursor_begin(text);
    struct fb_json_text name;
    enum fb_status status = FB_OK;

    if (!fb_json_enter_object(&cursor))
        return FB_CORRUPT;
    while (status == FB_OK && fb_json_next_member(&cursor, &name))
        status = take_member(&cursor, &name, members, sizeof members / sizeof *members, document);
    return status;
}

static bool is_json(const char *text, size_t size)
{
    struct fb_nesting nesting = {0};
    struct fb_validated validated = {0};
    bool is_whole = fb_json_validate(&nesting, text, size, &validated) == FB_OK &&
                    !validated.bad_utf8 && fb_text_skip_blanks(text + validated.end) == text + size;

    fb_nesting_done(&nesting);
    return is_whole;
}

static bool is_one(const struct fb_json_text *version)
{
    return version->size == 1 && version->bytes[0] == '1';
}

static enum fb_status judge(const struct document *document, const struct fb_credentials_form *form,
                            struct fb_credentials *read, struct fb_error *error)
{
    if (!form->has_version && document->code[0] != '\0' && strcmp(document->code, "Success") != 0)
        return fb_fail(error, FB_UNAVAILABLE, "the keys are not to be had now: %s", document->code);
    if (form->has_version && !is_one(&document->version))
        return fb_fail(error, FB_CORRUPT, "its \"Version\" is not 1");
    if (!form->is_permanent && read->session_token[0] == '\0')
        return fb_fail(error, FB_CORRUPT, "it has no \"%s\"", form->token_name);
    read->expires_ms = INT64_MAX;
    if (document->expiration[0] == '\0' && !form->is_permanent)
        return fb_fail(error, FB_CORRUPT, "it has no \"Expiration\"");
    if (document->expiration[0] != '\0' &&
        fb_time_parse_rfc3339(document->expiration, &read->expires_ms) != FB_OK)
        return fb_fail(error, FB_CORRUPT,
                       "its \"Expiration\" is no time like 2026-11-22T10:00:00Z");
    return fb_credentials_check(read, error);
}

enum fb_status fb_credentials_json_read(const char *text, size_t size,
                                        const struct fb_credentials_form *form,
                                        struct fb_credentials *ret_credentials,
                                        struct fb_error *error)
{
    struct document document = {0};
    enum fb_status status;

    fb_credentials_wipe(ret_credentials);
    if (!is_json(text, size))
        return fb_fail(error, FB_CORRUPT, "it is no JSON");
    status = walk(text, form, ret_credentials, &document);
    fb_make_printable(document.code);
    status = status == FB_OK
                 ? judge(&document, form, ret_credentials, error)
                 : fb_fail(error, status, "it is no JSON object, or a value is too long");
    if (status != FB_OK)
        fb_credentials_wipe(ret_credentials);
    return status;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7f)
            return false;
    return true;
}

enum fb_status fb_credentials_check(const struct fb_credentials *credentials,
                                    struct fb_error *error)
{
    if (credentials->access_key_id[0] == '\0')
        return fb_fail(error, FB_CORRUPT, "the access key id is missing");
    if (credentials->secret_access_key[0] == '\0')
        return fb_fail(error, FB_CORRUPT, "the secret access key is missing");
    if (!is_printable(credentials->access_key_id) ||
        !is_printable(credentials->secret_access_key) || !is_printable(credentials->session_token))
        return fb_fail(error, FB_CORRUPT,
                       "the access key id, the secret access key or the session token has a blank "
                       "or a character that none can have");
    return FB_OK;
}
