/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A redrive's inside: redrive.c sets up and goes through what there is; redrive_source.c cuts a
 * file or an object into letters and says what stays of it; redrive_letter.c makes an item of one;
 * redrive_files.c and redrive_s3.c know where letters come from and how they are taken away.
 */
#ifndef FIREBRIDGE_SRC_PIPELINE_REDRIVE_PRIVATE_H
#define FIREBRIDGE_SRC_PIPELINE_REDRIVE_PRIVATE_H

#include <pthread.h>

#include "firebridge/base/buffer.h"
#include "firebridge/pipeline/progress.h"
#include "firebridge/pipeline/redrive.h"
#include "letter_set.h"

/* Letters that are under way together. */
#define FB_REDRIVE_LETTERS 1000

enum fb_redrive_fate {
    FB_REDRIVE_PASSED, /* not asked for: stays as it is */
    FB_REDRIVE_WRITTEN,
    FB_REDRIVE_LEFT_OUT,
    FB_REDRIVE_REPEAT,
    FB_REDRIVE_FAILED, /* stays with the new reason */
    FB_REDRIVE_UNFIT,  /* stays as it is */
    FB_REDRIVE_UNREADABLE,
};

/* One line at work. */
struct fb_redrive_entry {
    size_t at, size; /* of its line in the text, without the newline */
    enum fb_redrive_fate fate;
    char reason[64];
    char *message; /* of FB_REDRIVE_FAILED; NULL: no memory for it */
};

struct fb_redrive {
    const struct fb_redrive_options *options;
    struct fb_redrive_counts *counts;
    struct fb_stop stop;
    struct fb_item_pool *pool;
    struct fb_lane_counters lane_counters;
    struct fb_lane **lanes;
    struct fb_client *lane_clients;
    size_t lane_count;
    struct fb_client s3_client;
    struct fb_letter_sink sink; /* what lanes give up is noted in the entries */
    struct fb_dead_letters *letters;
    struct fb_record_reader *readers[FB_FORMAT_COUNT]; /* made when they are needed */
    struct fb_map_object described;
    struct fb_layout_partitions partitions; /* of its object's key */
    struct fb_letter_set *set;
    struct fb_progress *progress; /* of the entries at work */

    struct fb_redrive_entry entries[FB_REDRIVE_LETTERS];
    size_t entry_count;
    struct fb_buffer text; /* their lines */
    struct fb_buffer line; /* that is not whole yet */

    pthread_mutex_t lock;    /* guards what follows */
    struct fb_error failure; /* FB_OK: none */
    uint64_t told;           /* letters that a person was told of */
};

/* Says why a letter stays (`key` NULL: a line that is none); of very many, only of the first. From
 * any thread. */
void fb_redrive_tell(struct fb_redrive *redrive, const char *key, uint64_t record_number,
                     const char *message);

/* The entry's letter is dead again. From any thread. */
void fb_redrive_note_failed(struct fb_redrive *redrive, struct fb_redrive_entry *entry,
                            const char *reason, const char *message);

/* The client for S3, made with the first call. */
enum fb_status fb_redrive_s3_client(struct fb_redrive *redrive, struct fb_client **ret_client,
                                    struct fb_error *error) FB_MUST_CHECK;

/* How calls to S3 meet failure; `what` outlives it. */
void fb_redrive_patience(struct fb_redrive *redrive, const char *what,
                         struct fb_patience *ret_patience);

/* ---- one letter ---- */

/*
 * Reads the record that the letter keeps and hands its item to a lane, or says in the entry, whose
 * ordinal is its place, why not. FB_OK, FB_CANCELED (a lane failed), FB_NO_MEMORY.
 */
enum fb_status fb_redrive_letter(struct fb_redrive *redrive, const struct fb_letter *letter,
                                 struct fb_redrive_entry *entry,
                                 struct fb_error *error) FB_MUST_CHECK;

/* ---- one file or object ---- */

struct fb_redrive_source {
    /* Reads on; *ret_size is 0 at the end. */
    enum fb_status (*read)(void *context, char *space, size_t size, size_t *ret_size,
                           struct fb_error *error);
    /* Takes lines that stay, in their order. */
    enum fb_status (*keep)(void *context, const char *bytes, size_t size, struct fb_error *error);
    void *context;
};

/*
 * FB_OK: every letter of it is settled, and what stays was kept. *ret_changed: that is not what was
 * read. Otherwise the source must stay as it is.
 */
enum fb_status fb_redrive_source(struct fb_redrive *redrive, const struct fb_redrive_source *source,
                                 bool *ret_changed, struct fb_error *error) FB_MUST_CHECK;

/* Forgets the letters at work, of which no lane has one any more. */
void fb_redrive_reset(struct fb_redrive *redrive);

/* ---- all of them ---- */

enum fb_status fb_redrive_files(struct fb_redrive *redrive, struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_redrive_s3(struct fb_redrive *redrive, struct fb_error *error) FB_MUST_CHECK;

#endif
