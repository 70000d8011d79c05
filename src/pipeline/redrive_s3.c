/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dead letters in S3. An object is read whole; what stays of it is put in its place, by one
 * PutObject, and an object of which nothing stays is deleted. Nothing else ever writes to it, so
 * two redrives at once do the same work twice and lose nothing: each takes away only what it has
 * written itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "firebridge/base/log.h"
#include "firebridge/base/time.h"
#include "firebridge/codec/inflate.h"
#include "redrive_private.h"

/* More than an object that the daemon makes can have (letter_s3.c). */
#define OBJECT_MAX_BYTES ((size_t)96 << 20)

/* zlib.h, deflateInit2: 16 above the window's bits writes gzip. */
#define GZIP_WINDOW_BITS (15 + 16)
#define MEMORY_LEVEL     8
#define DEFLATE_BYTES    ((size_t)32 << 10)

struct bucket {
    struct fb_redrive *redrive;
    struct fb_client *client;
    char *folder; /* all keys begin so */
    struct fb_patience patience;
    char what[1200];
    char **keys; /* of one page */
    size_t key_count;
};

/* The object at work. */
struct work {
    struct bucket *bucket;
    const char *key;
    struct fb_buffer object; /* as it is in S3 */
    struct fb_inflate *inflate;
    const char *input; /* of the object, not inflated yet */
    size_t input_size;
    z_stream deflate;
    struct fb_buffer stay; /* gzip of what stays */
    bool has_stay;
};

/* ---- calls, tried again ---- */

/* FB_OK: try again. */
static enum fb_status wait_after(struct bucket *bucket, const char *operation, const char *key,
                                 struct fb_error *error)
{
    snprintf(bucket->what, sizeof bucket->what, "%s s3://%.63s/%.1100s", operation,
             bucket->redrive->options->letters_bucket, key);
    if (error->status == FB_CANCELED || fb_verdict_of(error) == FB_REJECTED)
        return error->status;
    return fb_patience_wait(&bucket->patience, error);
}

static enum fb_status collect(void *context, const struct fb_http_response *response,
                              const char *bytes, size_t size)
{
    struct work *work = context;

    (void)response;
    return fb_buffer_append(&work->object, bytes, size);
}

static enum fb_status get_object(struct work *work, struct fb_error *error)
{
    const struct fb_redrive_options *options = work->bucket->redrive->options;
    const struct fb_s3_get_request request = {
        .bucket = options->letters_bucket,
        .key = work->key,
        .size_bytes = UINT64_MAX,
        .stall_timeout_ms = options->stall_timeout_ms,
        .sink = collect,
        .context = work,
    };
    enum fb_status status;

    for (;;) {
        fb_buffer_reset(&work->object);
        status = options->calls.get(work->bucket->client, &request, error);
        /* Another redrive may have been quicker. */
        if (status == FB_OK || status == FB_NOT_FOUND)
            break;
        if (status == FB_TOO_LARGE)
            return fb_fail(error, status, "s3://%s/%.300s is larger than dead letters ever are",
                           options->letters_bucket, work->key);
        status = wait_after(work->bucket, "read", work->key, error);
        if (status != FB_OK)
            return status;
    }
    fb_patience_success(&work->bucket->patience);
    return status;
}

static enum fb_status change_object(struct work *work, struct fb_error *error)
{
    const struct fb_redrive_options *options = work->bucket->redrive->options;
    const struct fb_s3_put_request request = {
        .bucket = options->letters_bucket,
        .key = work->key,
        .content_type = "application/gzip",
        .bytes = work->stay.bytes,
        .size = work->stay.size,
    };
    enum fb_status status;

    for (;;) {
        if (work->has_stay)
            status = options->calls.put(work->bucket->client, &request, error);
        else
            status = options->calls.remove(work->bucket->client, request.bucket, work->key, error);
        if (status == FB_OK)
            break;
        status = wait_after(work->bucket, work->has_stay ? "write" : "delete", work->key, error);
        if (status != FB_OK)
            return status;
    }
    fb_patience_success(&work->bucket->patience);
    return FB_OK;
}

/* ---- one object ---- */

static enum fb_status read_object(void *context, char *space, size_t size, size_t *ret_size,
                                  struct fb_error *error)
{
    struct work *work = context;
    enum fb_status status;

    status = fb_inflate_step(work->inflate, &work->input, &work->input_size, space, size, ret_size,
                             error);
    if (status == FB_OK && *ret_size == 0) {
        fb_inflate_finish(work->inflate);
        status = fb_inflate_step(work->inflate, &work->input, &work->input_size, space, size,
                                 ret_size, error);
    }
    if (status != FB_OK)
        fb_error_prefix(error, "s3://%s/%.300s", work->bucket->redrive->options->letters_bucket,
                        work->key);
    return status;
}

static enum fb_status squeeze(struct work *work, const char *bytes, size_t size, int flush,
                              struct fb_error *error)
{
    int result;

    work->deflate.next_in = (Bytef *)bytes;
    work->deflate.avail_in = (uInt)size;
    do {
        enum fb_status status = fb_buffer_reserve(&work->stay, DEFLATE_BYTES);

        if (status != FB_OK)
            return fb_fail(error, status, "no memory for what stays of s3://%s/%.300s",
                           work->bucket->redrive->options->letters_bucket, work->key);
        work->deflate.next_out = (Bytef *)work->stay.bytes + work->stay.size;
        work->deflate.avail_out = DEFLATE_BYTES;
        result = deflate(&work->deflate, flush);
        work->stay.size += DEFLATE_BYTES - work->deflate.avail_out;
    } while (result != Z_STREAM_END && work->deflate.avail_out == 0);
    return FB_OK;
}

static enum fb_status keep_in_object(void *context, const char *bytes, size_t size,
                                     struct fb_error *error)
{
    struct work *work = context;

    work->has_stay = true;
    return work->bucket->redrive->options->dry_run ? FB_OK
                                                   : squeeze(work, bytes, size, Z_NO_FLUSH, error);
}

static enum fb_status redrive_read_object(struct work *work, struct fb_error *error)
{
    const struct fb_inflate_hints hints = {.key = work->key};
    const struct fb_redrive_source source = {
        .read = read_object, .keep = keep_in_object, .context = work};
    bool changed = false;
    enum fb_status status;

    fb_inflate_begin(work->inflate, &hints);
    work->input = work->object.bytes;
    work->input_size = work->object.size;
    status = fb_redrive_source(work->bucket->redrive, &source, &changed, error);
    if (status != FB_OK || !changed || work->bucket->redrive->options->dry_run)
        return status;
    if (work->has_stay)
        status = squeeze(work, "", 0, Z_FINISH, error);
    return status == FB_OK ? change_object(work, error) : status;
}

static enum fb_status redrive_object(struct bucket *bucket, const char *key, struct fb_error *error)
{
    /* Lines are read one by one: what they inflate to is nobody's concern but time's. */
    const struct fb_inflate_options options = {
        .max_expansion = 10000, .max_inflated_size = UINT64_C(1) << 40, .max_layers = 1};
    struct work work = {.bucket = bucket, .key = key};
    enum fb_status status;

    fb_buffer_init(&work.object, OBJECT_MAX_BYTES);
    fb_buffer_init(&work.stay, OBJECT_MAX_BYTES);
    if (deflateInit2(&work.deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS,
                     MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    status = fb_inflate_new(&options, &work.inflate, error);
    if (status == FB_OK)
        status = get_object(&work, error);
    if (status == FB_OK)
        status = redrive_read_object(&work, error);
    fb_inflate_free(work.inflate);
    (void)deflateEnd(&work.deflate);
    fb_buffer_done(&work.object);
    fb_buffer_done(&work.stay);
    return status == FB_NOT_FOUND ? FB_OK : status;
}

/* ---- all of them ---- */

/* As letter_s3.c calls its objects; what else lies there is left alone. */
static bool is_letters(const struct bucket *bucket, const char *key)
{
    static const char begin[] = "dead-letters-", end[] = ".jsonl.gz";
    const char *slash = strrchr(key, '/');
    const size_t size = slash == NULL ? 0 : strlen(slash + 1);

    return size > strlen(begin) + strlen(end) &&
           strncmp(key, bucket->folder, strlen(bucket->folder)) == 0 &&
           strncmp(slash + 1, begin, strlen(begin)) == 0 &&
           strcmp(slash + 1 + size - strlen(end), end) == 0;
}

static enum fb_status note_key(void *context, const struct fb_s3_listed *object)
{
    struct bucket *bucket = context;
    char **keys;

    if (!is_letters(bucket, object->key))
        return FB_OK;
    keys = reallocarray(bucket->keys, bucket->key_count + 1, sizeof *keys);
    if (keys == NULL)
        return FB_NO_MEMORY;
    bucket->keys = keys;
    keys[bucket->key_count] = strdup(object->key);
    return keys[bucket->key_count++] == NULL ? FB_NO_MEMORY : FB_OK;
}

static void forget_keys(struct bucket *bucket)
{
    for (size_t i = 0; i < bucket->key_count; i++)
        free(bucket->keys[i]);
    free(bucket->keys);
    bucket->keys = NULL;
    bucket->key_count = 0;
}

static enum fb_status list_page(struct bucket *bucket, const char *start_after,
                                struct fb_s3_list_result *page, struct fb_error *error)
{
    const struct fb_redrive_options *options = bucket->redrive->options;
    char token[sizeof page->continuation_token];
    const struct fb_s3_list_request request = {
        .bucket = options->letters_bucket,
        .prefix = bucket->folder,
        .start_after = start_after,
        .continuation_token = page->is_truncated ? token : NULL,
        .on_object = note_key,
        .context = bucket,
    };
    enum fb_status status;

    memcpy(token, page->continuation_token, sizeof token);
    for (;;) {
        forget_keys(bucket);
        status = options->calls.list_page(bucket->client, &request, page, error);
        if (status == FB_OK)
            break;
        status = wait_after(bucket, "list", bucket->folder, error);
        if (status != FB_OK)
            return status;
    }
    fb_patience_success(&bucket->patience);
    return FB_OK;
}

/* An object's name has the time at which it was put, and none of its letters is younger. */
static enum fb_status first_key(const struct bucket *bucket, char **ret_key, struct fb_error *error)
{
    struct fb_civil since;

    fb_time_to_civil(bucket->redrive->options->since_ms, &since);
    if (asprintf(ret_key, "%s%04d/%02d/%02d/", bucket->folder, since.year, since.month,
                 since.day) >= 0)
        return FB_OK;
    *ret_key = NULL;
    return fb_fail(error, FB_NO_MEMORY, "out of memory");
}

/* A damaged object stays; the others are no worse for it. */
static enum fb_status redrive_next(struct bucket *bucket, const char *key, struct fb_error *error)
{
    struct fb_redrive *redrive = bucket->redrive;
    enum fb_status status = redrive_object(bucket, key, error);

    if ((status != FB_CORRUPT && status != FB_TOO_LARGE) ||
        fb_stop_level(&redrive->stop) != FB_STOP_NOT)
        return status;
    redrive->counts->unreadable++;
    fb_redrive_tell(redrive, NULL, 0, error->message);
    return FB_OK;
}

static enum fb_status redrive_pages(struct bucket *bucket, struct fb_error *error)
{
    struct fb_s3_list_result page = {0};
    char *start_after = NULL;
    enum fb_status status = first_key(bucket, &start_after, error);

    while (status == FB_OK) {
        status = list_page(bucket, start_after, &page, error);
        for (size_t i = 0; i < bucket->key_count && status == FB_OK; i++)
            status = redrive_next(bucket, bucket->keys[i], error);
        if (!page.is_truncated)
            break;
    }
    free(start_after);
    return status;
}

enum fb_status fb_redrive_s3(struct fb_redrive *redrive, struct fb_error *error)
{
    struct bucket *bucket = calloc(1, sizeof *bucket);
    enum fb_status status;

    if (bucket == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    bucket->redrive = redrive;
    bucket->folder =
        fb_letter_s3_folder(redrive->options->letters_prefix, redrive->options->stream);
    fb_redrive_patience(redrive, bucket->what, &bucket->patience);
    status = bucket->folder == NULL ? fb_fail(error, FB_NO_MEMORY, "out of memory")
                                    : fb_redrive_s3_client(redrive, &bucket->client, error);
    if (status == FB_OK)
        status = redrive_pages(bucket, error);
    forget_keys(bucket);
    free(bucket->folder);
    free(bucket);
    return status;
}
