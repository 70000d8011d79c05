/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands. Each returns the process's exit status: 0 well, 1 something is wrong, 2 wrong
 * use. Findings go to stdout, complaints to stderr.
 *
 * Threads: main alone.
 */
#ifndef FIREBRIDGE_APP_CLI_H
#define FIREBRIDGE_APP_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "firebridge/app/conf.h"

enum fb_exit { FB_EXIT_OK = 0, FB_EXIT_WRONG = 1, FB_EXIT_USAGE = 2 };

/* Finds the command, reads its options and runs it. */
int fb_cli_main(int argc, char **argv);

/* For fb_conf_read: "firebridge: MESSAGE" on stderr. */
void fb_cli_report(void *context, const char *message);

/* The conf with its layouts checked; every mistake is on stderr. NULL: it is not good. */
struct fb_conf *fb_cli_read_conf(const char *path);

/* Asks the daemon of this conf, as fb_control_ask does. */
enum fb_status fb_cli_ask(const struct fb_conf *conf, const json_t *request, json_t **ret_answer,
                          struct fb_error *error) FB_MUST_CHECK;

/* Flushes stdout; what could not be written (a full disk) makes it FB_EXIT_WRONG. */
int fb_cli_end(int status);

struct fb_run_options {
    const char *conf_path;
    bool once;
    bool accept_dead_letters;
};

int fb_cmd_run(const struct fb_run_options *options);
struct fb_explain_options {
    const char *conf_path;   /* NULL: the default one, where it is there */
    const char *stream;      /* NULL: the only one, or the one that reads the object's place */
    const char *key;         /* "NAME[:TYPE][,NAME[:TYPE]]"; NULL: the table is asked */
    const char *const *sets; /* "KEY=VALUE", in place of the conf's */
    size_t set_count;
    uint64_t limit; /* records to show */
    bool as_json;
    const char *object; /* a path, "s3://BUCKET/KEY", or "-" for the standard input */
};

struct fb_redrive_cmd_options {
    const char *conf_path;
    const char *stream; /* NULL: all of them */
    const char *reason; /* NULL: whatever it is */
    int64_t since_ms;   /* 0: from the first */
    bool dry_run;
    bool overwrite; /* old records may take the place of newer items */
    bool as_json;
};

int fb_cmd_redrive(const struct fb_redrive_cmd_options *options);
int fb_cmd_explain(const struct fb_explain_options *options);
int fb_cmd_check(const char *conf_path);
int fb_cmd_state_adopt(const char *conf_path, const char *stream);
int fb_cmd_state_rename(const char *conf_path, const char *old_name, const char *new_name);
int fb_cmd_log_level(const char *conf_path, const char *level);
int fb_cmd_version(void);

#endif
