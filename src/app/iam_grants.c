/* SPDX-License-Identifier: Apache-2.0 */
#include "iam_grants.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/policy.h"
#include "firebridge/aws/aws_error.h"
#include "firebridge/pipeline/letter_sink.h"
#include "firebridge/pipeline/write_mode.h"

/* Who has keys of its own: the instance's role, or whoever the environment speaks for. */
#define DEFAULT_NAME "default"

/* ---- what there is to be allowed ---- */

enum place { SOURCE, OBJECTS, TABLE, MARKERS, LETTERS, LETTER_OBJECTS, PLACE_COUNT };

static bool is_arn(const char *text)
{
    return strncmp(text, "arn:", 4) == 0;
}

static char *print(const char *format, ...) FB_PRINTF(1, 2);

static char *print(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    return text;
}

static char *bucket_arn(const struct fb_iam *iam, const char *bucket)
{
    return is_arn(bucket) ? strdup(bucket) : print("arn:%s:s3:::%s", iam->partition, bucket);
}

/* Keys of an access point stand behind /object/ (S3 user guide, "Configuring IAM policies for
 * using access points"). */
static char *objects_arn(const struct fb_iam *iam, const char *bucket, const char *prefix)
{
    char *escaped = fb_policy_escape(prefix);
    char *arn = bucket_arn(iam, bucket);
    char *objects = escaped == NULL || arn == NULL
                        ? NULL
                        : print("%s%s%s*", arn, is_arn(bucket) ? "/object/" : "/", escaped);

    free(arn);
    free(escaped);
    return objects;
}

static char *table_arn(struct fb_iam *iam, const struct fb_conf_stream *stream, const char *table)
{
    const struct fb_principal principal = fb_principal_of(iam->conf, stream, FB_SIDE_TABLE);
    const char *account = iam->account;

    if (is_arn(table))
        return strdup(table);
    /* arn:aws:iam::ACCOUNT:role/NAME, checked when the conf was read */
    if (account == NULL && principal.role.arn != NULL)
        account = strstr(principal.role.arn, ":iam::") + strlen(":iam::");
    iam->lacks_account |= account == NULL;
    return print("arn:%s:dynamodb:%s:%.*s:table/%s", iam->partition, iam->region,
                 account == NULL ? 1 : 12, account == NULL ? FB_IAM_ANY : account, table);
}

static char *root_of(const struct fb_conf_stream *stream)
{
    struct fb_layout *layout = NULL;
    char *root = NULL;

    if (fb_conf_layout(stream, &layout, NULL) == FB_OK)
        root = strdup(fb_layout_root(layout));
    fb_layout_free(layout);
    return root;
}

static char *letters_of(const struct fb_conf_stream *stream)
{
    return fb_letter_s3_folder(stream->letters_prefix, stream->name);
}

static bool adds(const struct fb_conf_stream *stream)
{
    return fb_conf_may_add(stream);
}

static bool has_marker_table(const struct fb_conf_stream *stream)
{
    return adds(stream) && stream->marker_table != NULL;
}

static bool has_letters(const struct fb_conf_stream *stream)
{
    return stream->letters_bucket != NULL;
}

static const struct {
    const char *noun; /* of the statement's Sid */
    enum fb_stream_side side;
    bool (*is_there)(const struct fb_conf_stream *stream); /* NULL: always */
} places[PLACE_COUNT] = {
    [SOURCE] = {"Source", FB_SIDE_SOURCE, NULL},
    [OBJECTS] = {"Objects", FB_SIDE_SOURCE, NULL},
    [TABLE] = {"Table", FB_SIDE_TABLE, NULL},
    [MARKERS] = {"Markers", FB_SIDE_TABLE, adds},
    [LETTERS] = {"DeadLetters", FB_SIDE_LETTERS, has_letters},
    [LETTER_OBJECTS] = {"DeadLetterObjects", FB_SIDE_LETTERS, has_letters},
};

static void add_action(struct fb_policy_grant *grant, const char *operation)
{
    const char *action = fb_aws_error_action(operation);

    for (size_t i = 0; i < grant->action_count; i++)
        if (strcmp(grant->actions[i], action) == 0)
            return;
    grant->actions[grant->action_count++] = action;
}

/* As the lanes write it (write_mode.h), or a transaction's action (outlet.h). */
static void add_write(struct fb_policy_grant *grant, const struct fb_conf_stream *stream,
                      enum fb_operation operation)
{
    static const char *const in_transaction[FB_LEAVE_OUT] = {
        [FB_PUT] = "PutItem", [FB_DELETE] = "DeleteItem", [FB_ADD] = "UpdateItem"};
    const struct fb_write_target target = {.table = stream->table};
    const struct fb_write_mode *mode;

    if (adds(stream)) {
        if (in_transaction[operation] != NULL)
            add_action(grant, in_transaction[operation]);
        return;
    }
    mode = fb_write_mode_of(operation);
    if (mode->fits == NULL || mode->fits(&target, "{}", 2))
        add_action(grant, fb_write_operation(mode->kind));
    if (mode->fits != NULL)
        add_action(grant, fb_write_operation(mode->otherwise));
}

static void add_writes(struct fb_policy_grant *grant, const struct fb_conf_stream *stream)
{
    const unsigned operations = fb_conf_operations(stream);

    for (int i = FB_PUT; i < FB_LEAVE_OUT; i++)
        if ((operations & 1U << i) != 0)
            add_write(grant, stream, (enum fb_operation)i);
}

/* As --if-absent makes the records be written. The daemon does it for replay and backfill. */
static void add_inserts(struct fb_policy_grant *grant, const struct fb_conf_stream *stream)
{
    const unsigned operations = fb_conf_operations(stream);
    enum fb_operation insert;

    for (int i = FB_PUT; i < FB_LEAVE_OUT; i++)
        if ((operations & 1U << i) != 0 && fb_write_mode_if_absent((enum fb_operation)i, &insert))
            add_write(grant, stream, insert);
}

static const char *const commands[] = {"run",          "check",  "verify",  "redrive",
                                       "create-table", "replay", "backfill"};

enum { RUN, CHECK, VERIFY, REDRIVE, CREATE_TABLE, REPLAY, BACKFILL, COMMAND_COUNT };

static const struct {
    int command;
    enum place place;
    const char *operation;                                /* NULL: `add` knows them */
    bool (*applies)(const struct fb_conf_stream *stream); /* NULL: wherever the place is */
    void (*add)(struct fb_policy_grant *grant, const struct fb_conf_stream *stream);
} needs[] = {
    {RUN, SOURCE, "ListObjectsV2", NULL, NULL},
    {RUN, OBJECTS, "GetObject", NULL, NULL},
    {RUN, TABLE, "DescribeTable", NULL, NULL},
    {RUN, TABLE, NULL, NULL, add_writes},
    {RUN, MARKERS, "DescribeTable", has_marker_table, NULL},
    {RUN, MARKERS, "PutItem", NULL, NULL},
    {RUN, MARKERS, "GetItem", NULL, NULL},
    {RUN, LETTER_OBJECTS, "PutObject", NULL, NULL},
    {CHECK, TABLE, "DescribeTimeToLive", NULL, NULL},
    {CHECK, MARKERS, "DescribeTimeToLive", has_marker_table, NULL},
    {VERIFY, TABLE, "BatchGetItem", NULL, NULL},
    {VERIFY, TABLE, "DescribeTimeToLive", NULL, NULL},
    {REDRIVE, LETTERS, "ListObjectsV2", NULL, NULL},
    {REDRIVE, LETTER_OBJECTS, "GetObject", NULL, NULL},
    {REDRIVE, LETTER_OBJECTS, "PutObject", NULL, NULL},
    {REDRIVE, LETTER_OBJECTS, "DeleteObject", NULL, NULL},
    {REDRIVE, TABLE, NULL, NULL, add_inserts},
    {CREATE_TABLE, TABLE, "CreateTable", NULL, NULL},
    {CREATE_TABLE, TABLE, "DescribeTable", NULL, NULL},
    {CREATE_TABLE, TABLE, "DescribeTimeToLive", NULL, NULL},
    {CREATE_TABLE, TABLE, "UpdateTimeToLive", NULL, NULL},
    {CREATE_TABLE, MARKERS, "CreateTable", has_marker_table, NULL},
    {CREATE_TABLE, MARKERS, "DescribeTable", has_marker_table, NULL},
    {CREATE_TABLE, MARKERS, "DescribeTimeToLive", has_marker_table, NULL},
    {CREATE_TABLE, MARKERS, "UpdateTimeToLive", has_marker_table, NULL},
    {REPLAY, SOURCE, "ListObjectsV2", NULL, NULL},
    {REPLAY, TABLE, NULL, NULL, add_inserts},
    {BACKFILL, SOURCE, "ListObjectsV2", NULL, NULL},
    {BACKFILL, TABLE, NULL, NULL, add_inserts},
};

/* ---- whom ---- */

const char *fb_iam_name_of(const struct fb_principal *principal, char *buffer, size_t size)
{
    if (principal->role.arn != NULL)
        return principal->role.arn;
    if (principal->profile == NULL)
        return DEFAULT_NAME;
    snprintf(buffer, size, "profile:%s", principal->profile);
    return buffer;
}

static json_t *policy_of(struct fb_iam *iam, const struct fb_principal *principal)
{
    char buffer[512];
    const char *name = fb_iam_name_of(principal, buffer, sizeof buffer);
    json_t *policy = json_object_get(iam->policies, name);

    if (policy == NULL && json_object_set_new(iam->policies, name, fb_policy_new()) == 0)
        policy = json_object_get(iam->policies, name);
    return policy;
}

static enum fb_status allow(struct fb_iam *iam, const struct fb_principal *principal,
                            struct fb_policy_grant *grant)
{
    json_t *policy = policy_of(iam, principal);

    return policy == NULL || grant->resource == NULL ? FB_NO_MEMORY
                                                     : fb_policy_allow(policy, grant);
}

/* With its profile's own keys, whoever they are. */
static enum fb_status allow_role(struct fb_iam *iam, const struct fb_principal *principal)
{
    const struct fb_principal source = {.profile = principal->profile};
    struct fb_policy_grant grant = {.sid = "RolesForRun", .resource = principal->role.arn};

    if (principal->role.arn == NULL)
        return FB_OK;
    add_action(&grant, "AssumeRole");
    return allow(iam, &source, &grant);
}

/* ---- a stream's ---- */

static char *resource_of(struct fb_iam *iam, const struct fb_conf_stream *stream, enum place place,
                         const char *prefix)
{
    switch (place) {
    case SOURCE:
        return bucket_arn(iam, stream->bucket);
    case OBJECTS:
        return objects_arn(iam, stream->bucket, prefix);
    case LETTERS:
        return bucket_arn(iam, stream->letters_bucket);
    case LETTER_OBJECTS:
        return objects_arn(iam, stream->letters_bucket, prefix);
    case MARKERS:
        return table_arn(iam, stream,
                         stream->marker_table != NULL ? stream->marker_table : stream->table);
    default:
        return table_arn(iam, stream, stream->table);
    }
}

/* "create-table" is CreateTable in a Sid. */
static void make_sid(const char *noun, const char *command, char *sid, size_t size)
{
    size_t used = (size_t)snprintf(sid, size, "%sFor", noun);
    bool is_first = true;

    for (; *command != '\0' && used + 1 < size; command++) {
        if (*command != '-')
            sid[used++] = is_first ? (char)(*command - 'a' + 'A') : *command;
        is_first = *command == '-';
    }
    sid[used] = '\0';
}

static void collect(const struct fb_conf_stream *stream, int command, enum place place,
                    struct fb_policy_grant *grant)
{
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (needs[i].command != command || needs[i].place != place ||
            (needs[i].applies != NULL && !needs[i].applies(stream)))
            continue;
        if (needs[i].operation == NULL)
            needs[i].add(grant, stream);
        else
            add_action(grant, needs[i].operation);
    }
}

/* Where the prefix is all of the bucket, there is nothing to say of it. */
static void limit_listing(struct fb_policy_grant *grant, const char *pattern)
{
    if (strcmp(pattern, FB_IAM_ANY) == 0)
        return;
    grant->key = "s3:prefix";
    grant->values[grant->value_count++] = pattern;
}

static enum fb_status allow_place(struct fb_iam *iam, const struct fb_conf_stream *stream,
                                  int command, enum place place)
{
    const struct fb_principal principal = fb_principal_of(iam->conf, stream, places[place].side);
    const bool is_letters = place == LETTERS || place == LETTER_OBJECTS;
    struct fb_policy_grant grant = {0};
    char *prefix = NULL;
    char *escaped = NULL;
    char *pattern = NULL;
    char *resource = NULL;
    char sid[96];
    enum fb_status status = FB_NO_MEMORY;

    if (places[place].is_there != NULL && !places[place].is_there(stream))
        return FB_OK;
    collect(stream, command, place, &grant);
    if (grant.action_count == 0)
        return FB_OK;
    make_sid(places[place].noun, commands[command], sid, sizeof sid);
    grant.sid = sid;
    prefix = is_letters ? letters_of(stream) : root_of(stream);
    escaped = prefix == NULL ? NULL : fb_policy_escape(prefix);
    pattern = escaped == NULL ? NULL : print("%s*", escaped);
    resource = prefix == NULL ? NULL : resource_of(iam, stream, place, prefix);
    if (pattern != NULL && resource != NULL) {
        if (place == SOURCE || place == LETTERS)
            limit_listing(&grant, pattern);
        grant.resource = resource;
        status = allow_role(iam, &principal);
        if (status == FB_OK)
            status = allow(iam, &principal, &grant);
    }
    free(prefix);
    free(escaped);
    free(pattern);
    free(resource);
    return status;
}

/* What S3 decrypts, it does in the reader's name, and tells KMS of which object or, with bucket
 * keys, of which bucket (S3 user guide, "Encryption context"). */
static enum fb_status allow_key(struct fb_iam *iam, const struct fb_conf_stream *stream)
{
    const struct fb_principal principal = fb_principal_of(iam->conf, stream, FB_SIDE_SOURCE);
    struct fb_policy_grant grant = {.sid = "KeyForRun",
                                    .actions = {"kms:Decrypt"},
                                    .action_count = 1,
                                    .resource = iam->kms_key};
    char *bucket = bucket_arn(iam, stream->bucket);
    char *root = root_of(stream);
    char *objects = root == NULL ? NULL : objects_arn(iam, stream->bucket, root);
    enum fb_status status = FB_NO_MEMORY;

    if (bucket != NULL && objects != NULL) {
        /* Behind an access point stands a bucket that the conf does not name. */
        if (!is_arn(stream->bucket))
            grant.key = "kms:EncryptionContext:aws:s3:arn";
        grant.values[grant.value_count++] = bucket;
        grant.values[grant.value_count++] = objects;
        status = allow(iam, &principal, &grant);
    }
    free(bucket);
    free(root);
    free(objects);
    return status;
}

enum fb_status fb_iam_allow_backup(struct fb_iam *iam)
{
    const struct fb_conf_daemon *daemon = &iam->conf->daemon;
    const struct fb_principal principal = fb_principal_of(iam->conf, NULL, FB_SIDE_LETTERS);
    struct fb_policy_grant grant = {.sid = "StateBackupForRun"};
    char *key = NULL;
    char *resource = NULL;
    enum fb_status status = FB_NO_MEMORY;

    if (daemon->state_backup == NULL)
        return FB_OK;
    add_action(&grant, "PutObject");
    add_action(&grant, "GetObject");
    key = fb_policy_escape(daemon->backup_key);
    resource =
        key == NULL ? NULL : print("arn:%s:s3:::%s/%s", iam->partition, daemon->backup_bucket, key);
    if (resource != NULL) {
        grant.resource = resource;
        status = allow_role(iam, &principal);
        if (status == FB_OK)
            status = allow(iam, &principal, &grant);
    }
    free(key);
    free(resource);
    return status;
}

/* ---- which commands ---- */

static bool is_command(const char *word, size_t size, const char *name)
{
    return strlen(name) == size && memcmp(word, name, size) == 0;
}

bool fb_iam_take_commands(const char *list, unsigned *ret_commands)
{
    *ret_commands = 1U << RUN;
    while (list != NULL && *list != '\0') {
        const size_t size = strcspn(list, ",");
        unsigned found = is_command(list, size, "all") ? (1U << COMMAND_COUNT) - 1 : 0;

        for (int i = 0; i < COMMAND_COUNT; i++)
            if (is_command(list, size, commands[i]))
                found |= 1U << i;
        if (found == 0)
            return false;
        *ret_commands |= found;
        list += size + (list[size] == ',');
    }
    return true;
}

enum fb_status fb_iam_allow_stream(struct fb_iam *iam, const struct fb_conf_stream *stream,
                                   unsigned wanted)
{
    enum fb_status status = FB_OK;

    for (int command = 0; command < COMMAND_COUNT; command++)
        for (int place = 0; place < PLACE_COUNT && status == FB_OK; place++)
            if ((wanted & 1U << command) != 0)
                status = allow_place(iam, stream, command, (enum place)place);
    if (status == FB_OK && iam->kms_key != NULL)
        status = allow_key(iam, stream);
    return status;
}
