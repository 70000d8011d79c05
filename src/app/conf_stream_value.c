/* SPDX-License-Identifier: Apache-2.0 */
/* The types of keys that only a stream has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/conf.h"
#include "firebridge/app/conf_keys.h"
#include "firebridge/app/conf_value.h"
#include "firebridge/aws/access_point.h"
#include "firebridge/base/time.h"

/* S3 user guide, "Object key names": at most 1,024 bytes. */
#define PREFIX_MAX_BYTES 1024

/* Of an access point's ARN, which is the longest that may stand where a bucket does. */
#define BUCKET_MAX_BYTES 255

/* S3 user guide, "General purpose bucket naming rules". */
static bool is_bucket(const char *name, size_t size)
{
    bool has_letter = false;

    if (size < 3 || size > 63)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool is_inner = c == '-' || c == '.';

        if (!is_inner && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
        if (is_inner && (i == 0 || i == size - 1 || (c == '.' && name[i + 1] == '.')))
            return false;
        has_letter |= c >= 'a' && c <= 'z';
    }
    /* Digits and dots alone would read as an address; a name of digits only is allowed. */
    return has_letter || memchr(name, '.', size) == NULL;
}

static enum fb_status set_source(struct fb_conf_stream *stream, const char *text, size_t bucket)
{
    const char *prefix = text + 5 + bucket;
    char name[BUCKET_MAX_BYTES + 1];

    snprintf(name, sizeof name, "%.*s", (int)bucket, text + 5);
    if (!fb_conf_set_text(&stream->source, text) || !fb_conf_set_text(&stream->bucket, name) ||
        !fb_conf_set_text(&stream->prefix, *prefix == '/' ? prefix + 1 : prefix))
        return FB_NO_MEMORY;
    return FB_OK;
}

/* A bucket's name, or an access point's ARN. */
static enum fb_status check_bucket(const char *name, size_t size, struct fb_error *error)
{
    struct fb_access_point point;
    char arn[BUCKET_MAX_BYTES + 1];

    if (fb_access_point_is(name) && size < sizeof arn) {
        snprintf(arn, sizeof arn, "%.*s", (int)size, name);
        return fb_access_point_parse(arn, &point, error);
    }
    if (!is_bucket(name, size))
        return fb_fail(error, FB_INVALID,
                       "\"%.*s\" is no bucket's name; expected 3 to 63 lower-case letters, "
                       "digits, - and .",
                       (int)size, name);
    return FB_OK;
}

static enum fb_status parse_source(const struct fb_conf_key *key, const char *text, void *base,
                                   struct fb_error *error)
{
    enum fb_status status;
    size_t bucket;

    (void)key;
    if (strncmp(text, "s3://", 5) != 0)
        return fb_fail(error, FB_INVALID, "\"%s\"; expected s3://BUCKET/PREFIX", text);
    bucket = fb_access_point_size(text + 5);
    status = check_bucket(text + 5, bucket, error);
    if (status != FB_OK)
        return status;
    if (strlen(text + 5 + bucket) > PREFIX_MAX_BYTES + 1)
        return fb_fail(error, FB_INVALID, "the prefix has over %d bytes, and no key in S3 has more",
                       PREFIX_MAX_BYTES);
    return set_source(base, text, bucket);
}

static enum fb_status parse_account(const struct fb_conf_key *key, const char *text, void *base,
                                    struct fb_error *error)
{
    if (strlen(text) != 12 || strspn(text, "0123456789") != 12)
        return fb_fail(error, FB_INVALID, "\"%s\"; expected the 12 digits of an AWS account", text);
    return fb_conf_set_text((char **)((char *)base + key->offset), text) ? FB_OK : FB_NO_MEMORY;
}

/* Leaves room for what stands behind it in an object's key. */
#define LETTERS_PREFIX_MAX_BYTES 800

/* *ret_bucket: how long the bucket's name is. */
static bool is_letters_place(const char *text, size_t *ret_bucket)
{
    if (strncmp(text, "s3://", 5) != 0)
        return false;
    *ret_bucket = strcspn(text + 5, "/");
    return is_bucket(text + 5, *ret_bucket) && text[strlen(text) - 1] == '/' &&
           strlen(text + 5 + *ret_bucket) <= LETTERS_PREFIX_MAX_BYTES + 1 &&
           strstr(text, "!{") == NULL;
}

static enum fb_status parse_letters(const struct fb_conf_key *key, const char *text, void *base,
                                    struct fb_error *error)
{
    struct fb_conf_stream *stream = base;
    size_t bucket = 0;
    char name[64];

    (void)key;
    if (strcmp(text, "files") == 0) {
        free(stream->letters_bucket);
        free(stream->letters_prefix);
        stream->letters_bucket = stream->letters_prefix = NULL;
        return fb_conf_set_text(&stream->dead_letters, text) ? FB_OK : FB_NO_MEMORY;
    }
    if (!is_letters_place(text, &bucket))
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected files or s3://BUCKET/PREFIX/, with a slash at the end, no "
                       "expression and at most %d bytes in the prefix",
                       text, LETTERS_PREFIX_MAX_BYTES);
    snprintf(name, sizeof name, "%.*s", (int)bucket, text + 5);
    if (!fb_conf_set_text(&stream->dead_letters, text) ||
        !fb_conf_set_text(&stream->letters_bucket, name) ||
        !fb_conf_set_text(&stream->letters_prefix, text + 5 + bucket + 1))
        return FB_NO_MEMORY;
    return FB_OK;
}

/* S3 user guide, "Creating object key names": up to 1,024 bytes. */
#define KEY_MAX_BYTES 1024

static enum fb_status parse_backup(const struct fb_conf_key *key, const char *text, void *base,
                                   struct fb_error *error)
{
    struct fb_conf_daemon *daemon = base;
    const bool is_s3 = strncmp(text, "s3://", 5) == 0;
    const size_t bucket = is_s3 ? strcspn(text + 5, "/") : 0;
    const size_t rest = is_s3 ? strlen(text + 5 + bucket) : 0;
    char name[64];

    (void)key;
    if (!is_s3 || !is_bucket(text + 5, bucket) || rest < 2 || rest > KEY_MAX_BYTES + 1 ||
        text[strlen(text) - 1] == '/')
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected s3://BUCKET/KEY, without a slash at the end", text);
    snprintf(name, sizeof name, "%.*s", (int)bucket, text + 5);
    if (!fb_conf_set_text(&daemon->state_backup, text) ||
        !fb_conf_set_text(&daemon->backup_bucket, name) ||
        !fb_conf_set_text(&daemon->backup_key, text + 5 + bucket + 1))
        return FB_NO_MEMORY;
    return FB_OK;
}

/* DynamoDB developer guide, "Naming rules". An ARN is checked only where it names the table. */
static bool is_table(const char *text)
{
    if (strncmp(text, "arn:", 4) == 0) {
        const char *name = strstr(text, ":table/");

        if (name == NULL || !fb_conf_only_of(text, (size_t)(name - text), ":-"))
            return false;
        text = name + strlen(":table/");
    }
    return strlen(text) >= 3 && strlen(text) <= 255 && fb_conf_only_of(text, strlen(text), "_-.");
}

static enum fb_status parse_table(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    char **target = (char **)((char *)base + key->offset);

    if (!is_table(text))
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected a table's ARN, or its name: "
                       "3 to 255 letters, digits, _ - and .",
                       text);
    return fb_conf_set_text(target, text) ? FB_OK : FB_NO_MEMORY;
}

static enum fb_status parse_start(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    struct fb_conf_stream *stream = base;
    int64_t time_ms = 0;

    (void)key;
    if (strcmp(text, "oldest") == 0)
        stream->start_at = FB_START_OLDEST;
    else if (strcmp(text, "now") == 0)
        stream->start_at = FB_START_NOW;
    else if (fb_time_parse_rfc3339(text, &time_ms) == FB_OK)
        stream->start_at = FB_START_TIME;
    else
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected oldest, now or a time like 2026-11-22T10:00:00Z", text);
    stream->start_at_ms = time_ms;
    return FB_OK;
}

static bool take_word(const char **text, const char *word)
{
    size_t blanks = strspn(*text, " \t");

    if (blanks == 0 || strncmp(*text + blanks, word, strlen(word)) != 0)
        return false;
    *text += blanks + strlen(word);
    return true;
}

/* The stream remembers the places of so many. */
#define MAX_DEAD_LETTERS_LIMIT 1000000

static enum fb_status parse_share(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    struct fb_conf_stream *stream = base;
    const char *at = text;
    int64_t part = 0;
    int64_t whole = 0;
    bool is_good = fb_conf_take_number(&at, &part) && take_word(&at, "in");

    (void)key;
    if (is_good)
        at += strspn(at, " \t");
    if (!is_good || !fb_conf_take_number(&at, &whole) || *at != '\0' || part < 1 || part > whole ||
        part > MAX_DEAD_LETTERS_LIMIT)
        return fb_fail(
            error, FB_INVALID,
            "\"%s\"; expected dead letters (up to 1000000) in records, like 1000 in 10000", text);
    stream->max_dead_letters = (uint64_t)part;
    stream->max_dead_letters_in = (uint64_t)whole;
    return FB_OK;
}

static enum fb_status parse_items(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    unsigned *target = (unsigned *)(void *)((char *)base + key->offset);
    const char *at = text;
    int64_t count = 0;
    bool is_good = fb_conf_take_number(&at, &count);

    if (is_good && *at != '\0')
        is_good = take_word(&at, "items");
    if (!is_good || *at != '\0' || count < key->min || count > key->max)
        return fb_fail(error, FB_INVALID, "\"%s\"; expected a number up to %lld, like 500 items",
                       text, (long long)key->max);
    *target = (unsigned)count;
    return FB_OK;
}

const struct fb_conf_type fb_conf_type_source = {"source", parse_source, false};
const struct fb_conf_type fb_conf_type_account = {"account", parse_account, false};
const struct fb_conf_type fb_conf_type_letters = {"letters", parse_letters, false};
const struct fb_conf_type fb_conf_type_backup = {"backup", parse_backup, false};
const struct fb_conf_type fb_conf_type_table = {"table", parse_table, false};
const struct fb_conf_type fb_conf_type_start = {"start", parse_start, false};
const struct fb_conf_type fb_conf_type_share = {"share", parse_share, false};
const struct fb_conf_type fb_conf_type_items = {"items", parse_items, false};
