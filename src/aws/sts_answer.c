/* SPDX-License-Identifier: Apache-2.0 */
#include <expat.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/credentials_json.h"
#include "firebridge/aws/sts.h"
#include "firebridge/base/time.h"

/* AssumeRoleResponse / AssumeRoleResult / Credentials / AccessKeyId */
#define RESULT_DEPTH 2
#define KEYS_DEPTH   3
#define FIELD_DEPTH  4

struct field {
    const char *name;
    char *to;
    size_t size;
};

struct answer {
    XML_Parser parser;
    unsigned depth;
    bool is_answer, is_result, is_keys;
    const char *reason;
    struct field fields[4];
    const struct field *field; /* being read, or NULL */
    char expiration[64];
};

static void *take_memory(size_t size)
{
    return malloc(size);
}

static void wipe_and_free(void *memory)
{
    if (memory != NULL)
        OPENSSL_cleanse(memory, malloc_usable_size(memory));
    free(memory);
}

/* realloc would leave the old bytes behind. */
static void *move_memory(void *memory, size_t size)
{
    void *moved;
    size_t kept;

    if (memory == NULL)
        return take_memory(size);
    moved = take_memory(size);
    if (moved == NULL)
        return NULL;
    kept = malloc_usable_size(memory);
    memcpy(moved, memory, kept < size ? kept : size);
    wipe_and_free(memory);
    return moved;
}

static void refuse(struct answer *answer, const char *reason)
{
    answer->reason = reason;
    XML_StopParser(answer->parser, XML_FALSE);
}

static bool is_one_of(const char *name, const char *behind)
{
    size_t size = strlen(name), behind_size = strlen(behind);

    return strncmp(name, "AssumeRole", 10) == 0 && size > behind_size &&
           strcmp(name + size - behind_size, behind) == 0;
}

static const struct field *find_field(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < sizeof answer->fields / sizeof *answer->fields; i++)
        if (strcmp(answer->fields[i].name, name) == 0)
            return &answer->fields[i];
    return NULL;
}

static void on_start(void *context, const char *name, const char **attributes)
{
    struct answer *answer = context;

    (void)attributes;
    answer->depth++;
    answer->field = NULL;
    if (answer->depth == 1)
        answer->is_answer = is_one_of(name, "Response");
    else if (answer->depth == RESULT_DEPTH)
        answer->is_result = is_one_of(name, "Result");
    else if (answer->depth == KEYS_DEPTH)
        answer->is_keys = answer->is_result && strcmp(name, "Credentials") == 0;
    else if (answer->depth == FIELD_DEPTH && answer->is_keys)
        answer->field = find_field(answer, name);
    if (answer->field != NULL)
        answer->field->to[0] = '\0';
    if (!answer->is_answer)
        refuse(answer, "it is no answer of AssumeRole");
}

static void on_end(void *context, const char *name)
{
    struct answer *answer = context;

    (void)name;
    answer->depth--;
    answer->field = NULL;
}

static void on_text(void *context, const char *text, int size)
{
    struct answer *answer = context;
    size_t used;

    if (answer->field == NULL)
        return;
    used = strlen(answer->field->to);
    if ((size_t)size >= answer->field->size - used) {
        refuse(answer, "a value is too long");
        return;
    }
    memcpy(answer->field->to + used, text, (size_t)size);
    answer->field->to[used + (size_t)size] = '\0';
}

static void on_doctype(void *context, const char *name, const char *system, const char *public,
                       int has_internal_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    refuse(context, "it declares a document type");
}

static bool parse(struct answer *answer, const char *bytes, size_t size)
{
    XML_SetUserData(answer->parser, answer);
    XML_SetElementHandler(answer->parser, on_start, on_end);
    XML_SetCharacterDataHandler(answer->parser, on_text);
    XML_SetStartDoctypeDeclHandler(answer->parser, on_doctype);
    if (XML_Parse(answer->parser, bytes, (int)size, 1) == XML_STATUS_OK)
        return true;
    if (answer->reason == NULL)
        answer->reason = XML_ErrorString(XML_GetErrorCode(answer->parser));
    return false;
}

static enum fb_status judge(const struct answer *answer, struct fb_credentials *credentials,
                            struct fb_error *error)
{
    if (credentials->session_token[0] == '\0')
        return fb_fail(error, FB_CORRUPT, "there is no session token in it");
    if (fb_time_parse_rfc3339(answer->expiration, &credentials->expires_ms) != FB_OK)
        return fb_fail(error, FB_CORRUPT, "its Expiration is no time");
    return fb_credentials_check(credentials, error);
}

enum fb_status fb_sts_read_answer(const char *bytes, size_t size,
                                  struct fb_credentials *ret_credentials, struct fb_error *error)
{
    static const XML_Memory_Handling_Suite memory = {take_memory, move_memory, wipe_and_free};
    struct fb_credentials *keys = ret_credentials;
    struct answer answer = {.parser = XML_ParserCreate_MM(NULL, &memory, NULL)};
    enum fb_status status;

    if (answer.parser == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory to read STS's answer");
    fb_credentials_wipe(keys);
    answer.fields[0] =
        (struct field){"AccessKeyId", keys->access_key_id, sizeof keys->access_key_id};
    answer.fields[1] =
        (struct field){"SecretAccessKey", keys->secret_access_key, sizeof keys->secret_access_key};
    answer.fields[2] =
        (struct field){"SessionToken", keys->session_token, sizeof keys->session_token};
    answer.fields[3] = (struct field){"Expiration", answer.expiration, sizeof answer.expiration};
    status = parse(&answer, bytes, size) ? judge(&answer, keys, error)
                                         : fb_fail(error, FB_CORRUPT, "%s", answer.reason);
    if (status != FB_OK)
        fb_credentials_wipe(keys);
    XML_ParserFree(answer.parser);
    return status;
}
