/* SPDX-License-Identifier: Apache-2.0 */
/* A client with keys that never end, at a fixed time, whose calls follow a script. */
#ifndef FIREBRIDGE_TESTS_CLIENT_FIXTURE_H
#define FIREBRIDGE_TESTS_CLIENT_FIXTURE_H

#include "firebridge/aws/client.h"
#include "script_transport.h"
#include "static_credentials.h"

/* 2026-11-22T10:00:00Z */
#define NOW_MS (INT64_C(1795341600) * 1000)

struct client_fixture {
    struct fb_clock_virtual clock;
    struct static_provider provider;
    struct fb_credentials_cache *cache;
    struct fb_client client;
    struct fb_error error;
};

void client_fixture_set_up(struct client_fixture *f, const struct script_step *steps, size_t count);

/* All of the script must have been used. */
void client_fixture_tear_down(struct client_fixture *f);

#define SET_UP(f, steps) client_fixture_set_up(&(f), steps, sizeof(steps) / sizeof *(steps))

#endif
