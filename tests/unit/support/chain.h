/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain of credential providers for a test: files in a folder of its own, a scripted transport,
 * virtual time. It begins at 2026-11-22T10:00:00Z with IMDS switched off and nothing else set.
 */
#ifndef FIREBRIDGE_TESTS_CHAIN_H
#define FIREBRIDGE_TESTS_CHAIN_H

#include "firebridge/aws/credentials.h"
#include "script_transport.h"

#define CHAIN_NOW_MS (INT64_C(1795341600) * 1000)

struct chain_fixture {
    struct fb_clock_virtual clock;
    char folder[64], config[96], credentials[96], file[96];
    struct fb_chain_options options;
    struct fb_credentials keys;
    struct fb_credentials_report report;
    struct fb_error error;
};

void chain_set_up(struct chain_fixture *f);
void chain_tear_down(struct chain_fixture *f);

/* NULL: no such file. */
void chain_write(const char *path, const char *text);

/* Makes the chain, asks it once, and checks that the script was used up. */
enum fb_status chain_get(struct chain_fixture *f, const struct script_step *steps, size_t count);

/* What was not asked for failed, or says something else. */
void chain_expect(struct chain_fixture *f, enum fb_status status, enum fb_status expected,
                  const char *message);

#endif
