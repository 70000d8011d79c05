/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that writes keys: credential_process of a profile
 * (AWS SDKs and Tools reference guide, "Process credential provider").
 *
 * No shell has a part in it. The program gets no signals and files of ours, its stderr goes
 * nowhere, as secrets may stand there, and where it takes too long its process group is killed.
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_CREDENTIAL_PROCESS_H
#define FIREBRIDGE_AWS_CREDENTIAL_PROCESS_H

#include "firebridge/aws/credentials.h"

#define FB_PROCESS_WORDS_MAX 64

/*
 * Cuts a command into words, in place: by blanks, with "double" and 'single' quotes around what
 * has blanks in it, and a backslash before a quote or a backslash. FB_INVALID: a quote is not
 * closed, there is no word or too many, or something stands there that only a shell understands.
 */
enum fb_status fb_process_split(char *command, char *ret_words[FB_PROCESS_WORDS_MAX + 1],
                                struct fb_error *error) FB_MUST_CHECK;

/*
 * Runs the command and reads what it writes. Of the options its environment, time and stop count.
 * FB_INVALID, FB_CORRUPT, FB_CANCELED; FB_UNAVAILABLE: it cannot be run, takes too long, or ends
 * with a failure. No message has anything of the command's words but the first, or of its output.
 */
enum fb_status fb_process_get(const struct fb_chain_options *options, const char *command,
                              struct fb_credentials *ret_credentials,
                              struct fb_error *error) FB_MUST_CHECK;

#endif
