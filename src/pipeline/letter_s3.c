/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in S3: gathered for a minute or 5 MiB, gzipped, and put as one object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "firebridge/base/backoff.h"
#include "firebridge/base/time.h"
#include "firebridge/pipeline/letter_sink.h"

/* Beyond what an object of gzipped lines can have: the bytes before the last line, and that line,
 * which is a record of at most 16 MiB in base64 with an S3 key. */
#define OBJECT_MAX_BYTES ((size_t)64 << 20)

/* zlib.h, deflateInit2: 16 above the window's bits writes gzip. */
#define GZIP_WINDOW_BITS (15 + 16)
#define MEMORY_LEVEL     8

/* What zlib may hold back of earlier lines: a window of input, and as much output. */
#define HELD_BACK_BYTES ((size_t)128 << 10)

struct letter_s3 {
    struct fb_letter_sink sink; /* first */
    char *bucket;
    char *folder; /* "<prefix><stream>/" */
    fb_put_object_fn put;
    struct fb_client client;
    struct fb_clock *clock;
    struct fb_random random;
    z_stream deflate;
    bool has_deflate;
    struct fb_buffer object;
    size_t plain_bytes; /* of lines in it; 0: none */
    int64_t since_ms;   /* monotonic; of its first line */
    bool is_sealed;     /* the object is whole, has its name and is only to be put */
    char key[FB_S3_KEY_MAX_BYTES + 1];
};

char *fb_letter_s3_folder(const char *prefix, const char *stream)
{
    char *folder = NULL;

    return asprintf(&folder, "%s%s/", prefix, stream) < 0 ? NULL : folder;
}

static bool is_full(struct fb_letter_sink *sink)
{
    const struct letter_s3 *s3 = (const struct letter_s3 *)sink;

    return s3->is_sealed || s3->plain_bytes >= FB_LETTERS_S3_BYTES;
}

static bool is_due(struct fb_letter_sink *sink)
{
    const struct letter_s3 *s3 = (const struct letter_s3 *)sink;

    return is_full(sink) || (s3->plain_bytes > 0 && fb_monotonic_ms(s3->clock) - s3->since_ms >=
                                                        FB_LETTERS_S3_INTERVAL_MS);
}

static void begin_object(struct letter_s3 *s3)
{
    (void)deflateReset(&s3->deflate);
    fb_buffer_reset(&s3->object);
    s3->plain_bytes = 0;
    s3->is_sealed = false;
}

/* The room is reserved first, so that a line is in the object whole or not at all. */
static enum fb_status squeeze(struct letter_s3 *s3, const char *bytes, size_t size, int flush,
                              struct fb_error *error)
{
    const size_t most = deflateBound(&s3->deflate, (uLong)(size + HELD_BACK_BYTES));
    enum fb_status status = fb_buffer_reserve(&s3->object, most + HELD_BACK_BYTES);
    int result;

    if (status != FB_OK)
        return fb_fail(error, status, "dead letters: no memory for more of them");
    s3->deflate.next_in = (Bytef *)bytes;
    s3->deflate.avail_in = (uInt)size;
    s3->deflate.next_out = (Bytef *)s3->object.bytes + s3->object.size;
    s3->deflate.avail_out = (uInt)(s3->object.capacity - s3->object.size);
    result = deflate(&s3->deflate, flush);
    if (s3->deflate.avail_in > 0 || result != (flush == Z_FINISH ? Z_STREAM_END : Z_OK))
        return fb_fail(error, FB_CORRUPT, "dead letters: they cannot be compressed");
    s3->object.size = s3->object.capacity - s3->deflate.avail_out;
    return FB_OK;
}

static enum fb_status add_to_object(struct fb_letter_sink *sink,
                                    const struct fb_dead_letter *letter, const char *line,
                                    size_t size, struct fb_error *error)
{
    struct letter_s3 *s3 = (struct letter_s3 *)sink;
    enum fb_status status = squeeze(s3, line, size, Z_NO_FLUSH, error);

    (void)letter;
    if (status != FB_OK)
        return status;
    if (s3->plain_bytes == 0)
        s3->since_ms = fb_monotonic_ms(s3->clock);
    s3->plain_bytes += size;
    return FB_OK;
}

/* The time, so that names sort as their letters do; and chance, so that none comes twice. */
static void make_key(struct letter_s3 *s3)
{
    const int64_t now_ms = fb_realtime_ms(s3->clock);
    struct fb_civil at;

    fb_time_to_civil(now_ms, &at);
    snprintf(s3->key, sizeof s3->key,
             "%s%04d/%02d/%02d/dead-letters-%04d%02d%02dT%02d%02d%02d.%03dZ-%016llx.jsonl.gz",
             s3->folder, at.year, at.month, at.day, at.year, at.month, at.day, at.hour, at.minute,
             at.second, (int)(now_ms % 1000), (unsigned long long)fb_random_next(&s3->random));
}

static enum fb_status seal(struct letter_s3 *s3, struct fb_error *error)
{
    enum fb_status status = FB_OK;

    if (!s3->is_sealed) {
        status = squeeze(s3, "", 0, Z_FINISH, error);
        if (status == FB_OK)
            make_key(s3);
        s3->is_sealed = status == FB_OK;
    }
    return status;
}

/* Whatever S3 says, the letters are not given up: what can never succeed waits for a person. */
static enum fb_status tell(struct fb_error *error)
{
    char message[FB_ERROR_MESSAGE_SIZE];
    const bool is_final = fb_verdict_of(error) == FB_REJECTED || error->status == FB_CORRUPT ||
                          error->status == FB_CONFLICT;

    if (error->status == FB_CANCELED)
        return FB_CANCELED;
    if (is_final) {
        memcpy(message, error->message, sizeof message);
        fb_fail(error, FB_DENIED, "%s", message);
    }
    fb_error_prefix(error, "dead letters");
    return error->status;
}

static enum fb_status put_object(struct fb_letter_sink *sink, struct fb_error *error)
{
    struct letter_s3 *s3 = (struct letter_s3 *)sink;
    struct fb_s3_put_request request = {
        .bucket = s3->bucket, .key = s3->key, .content_type = "application/gzip"};
    struct fb_error own = {0};
    enum fb_status status;

    if (s3->plain_bytes == 0)
        return FB_OK;
    status = seal(s3, error);
    if (status != FB_OK)
        return status;
    request.bytes = s3->object.bytes;
    request.size = s3->object.size;
    status = s3->put(&s3->client, &request, &own);
    if (status == FB_OK) {
        begin_object(s3);
        return FB_OK;
    }
    status = tell(&own);
    if (error != NULL)
        *error = own;
    return status;
}

static uint64_t held_bytes(struct fb_letter_sink *sink)
{
    return ((const struct letter_s3 *)sink)->plain_bytes;
}

static void free_s3(struct fb_letter_sink *sink)
{
    struct letter_s3 *s3 = (struct letter_s3 *)sink;

    if (s3->has_deflate)
        (void)deflateEnd(&s3->deflate);
    fb_buffer_done(&s3->object);
    free(s3->bucket);
    free(s3->folder);
    free(s3);
}

enum fb_status fb_letter_s3_new(const struct fb_letter_s3_options *options,
                                struct fb_letter_sink **ret_sink, struct fb_error *error)
{
    struct letter_s3 *s3 = calloc(1, sizeof *s3);

    if (s3 == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    s3->sink = (struct fb_letter_sink){.add = add_to_object,
                                       .sync = put_object,
                                       .is_due = is_due,
                                       .is_full = is_full,
                                       .held_bytes = held_bytes,
                                       .free = free_s3};
    s3->put = options->put;
    s3->client = options->client;
    s3->clock = options->clock;
    s3->bucket = strdup(options->bucket);
    s3->folder = fb_letter_s3_folder(options->prefix, options->stream);
    fb_random_init(&s3->random, options->seed);
    fb_buffer_init(&s3->object, OBJECT_MAX_BYTES);
    s3->has_deflate = deflateInit2(&s3->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                                   GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
    if (!s3->has_deflate || s3->bucket == NULL || s3->folder == NULL) {
        free_s3(&s3->sink);
        return fb_fail(error, FB_NO_MEMORY, "no memory for dead letters");
    }
    *ret_sink = &s3->sink;
    return FB_OK;
}
