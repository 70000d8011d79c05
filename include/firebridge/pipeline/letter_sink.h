/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a stream's dead letters are kept: a table of functions. Files and S3 are the two that there
 * are.
 *
 * Invariant: what was added is kept for good once a sync said FB_OK.
 * Threads:   one at a time; dead_letters.c holds its lock around every call.
 */
#ifndef FIREBRIDGE_PIPELINE_LETTER_SINK_H
#define FIREBRIDGE_PIPELINE_LETTER_SINK_H

#include <stdbool.h>

#include "firebridge/aws/s3.h"
#include "firebridge/pipeline/letter.h"

struct fb_letter_sink {
    /*
     * Adds a letter as the line that keeps it, which ends with a newline. On failure nothing of it
     * is there, and the same may succeed later; but for FB_CORRUPT, after which nothing will.
     */
    enum fb_status (*add)(struct fb_letter_sink *sink, const struct fb_dead_letter *letter,
                          const char *line, size_t size, struct fb_error *error);
    /* Makes durable what was added. */
    enum fb_status (*sync)(struct fb_letter_sink *sink, struct fb_error *error);
    /*
     * Of a sink that gathers letters and keeps them together: whether it is time to. A full one
     * takes none before. NULL: each checkpoint syncs.
     */
    bool (*is_due)(struct fb_letter_sink *sink);
    bool (*is_full)(struct fb_letter_sink *sink);
    /* Of the stream's letters: in files all that are there, in S3 those not put yet. NULL: 0. */
    uint64_t (*held_bytes)(struct fb_letter_sink *sink);
    void (*free)(struct fb_letter_sink *sink);
};

/* NULL is allowed. What was not synced is lost. */
void fb_letter_sink_free(struct fb_letter_sink *sink);

struct fb_letter_files_options {
    const char *root; /* the folder of all streams; made when it is not there */
    const char *stream;
    struct fb_clock *clock;
    uint64_t max_file_bytes; /* a file that would grow over it is closed; 0: none is */
    uint64_t max_bytes;      /* of all files of the stream; 0: no bound */
};

/*
 * `<root>/<stream>/dead-letters-YYYYMMDD.jsonl`, and the closed ones beside it (letter_folder.h).
 * Closes a line that a crash left torn. FB_IO. The strings are copied. Adding is FB_IO while the
 * files are over max_bytes, but for one letter where there are none, and while someone else holds
 * the folder's lock.
 */
enum fb_status fb_letter_files_new(const struct fb_letter_files_options *options,
                                   struct fb_letter_sink **ret_sink,
                                   struct fb_error *error) FB_MUST_CHECK;

/* PutObject, or a test's idea of it. */
typedef enum fb_status (*fb_put_object_fn)(struct fb_client *client,
                                           const struct fb_s3_put_request *request,
                                           struct fb_error *error);

/* One object holds the letters of so long, or so many bytes of lines and the line that passed it.
 */
#define FB_LETTERS_S3_INTERVAL_MS 60000
#define FB_LETTERS_S3_BYTES       ((size_t)5 << 20)

struct fb_letter_s3_options {
    const char *bucket, *prefix; /* the prefix ends with "/", or is empty */
    const char *stream;
    fb_put_object_fn put;
    struct fb_client client; /* its transport is the caller's to free, after the sink */
    struct fb_clock *clock;
    uint64_t seed; /* no two runs have the same: object names hang on it */
};

/*
 * `s3://<bucket>/<prefix><stream>/YYYY/MM/DD/dead-letters-TIME-RANDOM.jsonl.gz`, one PutObject
 * each. A failed one is tried again under the same name with the same bytes. The strings are
 * copied.
 */
enum fb_status fb_letter_s3_new(const struct fb_letter_s3_options *options,
                                struct fb_letter_sink **ret_sink,
                                struct fb_error *error) FB_MUST_CHECK;

/* "<prefix><stream>/": what all of a stream's objects begin with. The caller frees; NULL: no
 * memory. */
char *fb_letter_s3_folder(const char *prefix, const char *stream)
    __attribute__((warn_unused_result));

#endif
