/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line. A command's exit status is 0 when all is well, 1 when something is wrong, 2
 * when it was called wrongly. Findings go to stdout, complaints to stderr.
 *
 * Threads: main alone.
 */
#ifndef FIREBRIDGE_APP_CLI_H
#define FIREBRIDGE_APP_CLI_H

#include <stdbool.h>

#include <jansson.h>

#include "firebridge/app/conf.h"

enum fb_exit { FB_EXIT_OK = 0, FB_EXIT_WRONG = 1, FB_EXIT_USAGE = 2 };

/* Finds the command, reads its options and runs it. */
int fb_cli_main(int argc, char **argv);

/* For fb_conf_read: "firebridge: MESSAGE" on stderr. */
void fb_cli_report(void *context, const char *message);

/* The same, from a format. Returns FB_EXIT_WRONG. */
int fb_cli_fail(const char *format, ...) FB_PRINTF(1, 2);

/*
 * Flushes what was printed, right behind it. False: nothing can be written any more; why is said at
 * the program's end, so whoever would print on may end.
 */
bool fb_cli_flush(void);

/* The conf with its layouts checked; every mistake is on stderr. NULL: it is not good. */
struct fb_conf *fb_cli_read_conf(const char *path);

/* The same, with every mistake told to `report`. */
struct fb_conf *fb_cli_read_conf_telling(const char *path, fb_conf_report_fn report);

/* Asks the daemon of this conf, as fb_control_ask does. */
enum fb_status fb_cli_ask(const struct fb_conf *conf, const json_t *request, json_t **ret_answer,
                          struct fb_error *error) FB_MUST_CHECK;

/* The conf's stream of this name; NULL, and said on stderr, where it has none. */
const struct fb_conf_stream *fb_cli_find_stream(const struct fb_conf *conf, const char *name);

#endif
