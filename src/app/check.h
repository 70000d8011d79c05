/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `check` share. Threads: main alone. */
#ifndef FIREBRIDGE_SRC_APP_CHECK_H
#define FIREBRIDGE_SRC_APP_CHECK_H

#include "firebridge/app/environment.h"
#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/s3.h"
#include "firebridge/base/backoff.h"
#include "firebridge/state/state.h"

struct fb_check {
    const struct fb_conf *conf;
    struct fb_environment *environment;
    struct fb_state *state; /* NULL: none there yet, or held by the daemon */
    char *state_dir;        /* NULL: it is not known */
    int64_t deadline_ms;    /* monotonic */
    size_t streams_left;    /* to be looked at, with the one at hand */
    bool is_failed;
};

enum fb_finding { FB_FINDING_OK, FB_FINDING_WARN, FB_FINDING_FAIL };

/* Prints a line. */
void fb_check_find(struct fb_check *check, enum fb_finding finding, const char *format, ...)
    FB_PRINTF(3, 4);

/* A client whose calls end in time; false, and told, when there is no time left. */
bool fb_check_client(struct fb_check *check, const struct fb_conf_stream *stream,
                     enum fb_stream_side side, struct fb_client *ret_client);

/* The stream's table, and that of its markers; false when nothing is known of it. */
bool fb_check_table(struct fb_check *check, const struct fb_conf_stream *stream,
                    struct fb_table *ret_table);

/* The stream's prefix, and what is to be carried first. `table` NULL: nothing is known of it. */
void fb_check_source(struct fb_check *check, const struct fb_conf_stream *stream,
                     const struct fb_table *table);

/* ---- what is to be carried before all else ---- */

#define FB_BACKLOG_SAMPLES 3

/* Of the objects that a first start takes up, as far as they were listed. */
struct fb_backlog {
    uint64_t objects, bytes;
    int64_t first_ms, last_ms; /* their key times */
    bool is_sorted;            /* they come in the order of their times */
    struct fb_random random;
    struct {
        char key[FB_S3_KEY_MAX_BYTES + 1];
        uint64_t size_bytes;
    } samples[FB_BACKLOG_SAMPLES]; /* by chance */
};

void fb_backlog_init(struct fb_backlog *backlog);
void fb_backlog_take(struct fb_backlog *backlog, const struct fb_s3_listed *object,
                     int64_t key_time_ms);

/* Says what it comes to. `is_whole`: all was listed. */
void fb_check_backlog(struct fb_check *check, const struct fb_conf_stream *stream,
                      struct fb_client *client, const struct fb_layout *layout,
                      const struct fb_table *table, const struct fb_backlog *backlog,
                      bool is_whole);

#endif
