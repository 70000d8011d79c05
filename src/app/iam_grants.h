/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conf's principals must be allowed: which call of which command needs which action on what.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_SRC_APP_IAM_GRANTS_H
#define FIREBRIDGE_SRC_APP_IAM_GRANTS_H

#include <jansson.h>

#include "firebridge/app/principals.h"

#define FB_IAM_ANY "*"

struct fb_iam {
    const struct fb_conf *conf;
    const char *account; /* of tables that the conf names without an ARN; NULL: not known */
    const char *kms_key; /* NULL: none */
    char region[64];     /* FB_IAM_ANY when nobody says it */
    const char *partition;
    json_t *policies; /* by the principals' names */
    bool lacks_account;
};

/* The commands of `list`, by commas, as bits; `run` is always among them. False when one is none.
 */
bool fb_iam_take_commands(const char *list, unsigned *ret_commands);

/* What these commands need for the stream. FB_NO_MEMORY. */
enum fb_status fb_iam_allow_stream(struct fb_iam *iam, const struct fb_conf_stream *stream,
                                   unsigned commands) FB_MUST_CHECK;

/* A role's ARN, whatever the way to it; else the profile's name, or "default". The text is the
 * conf's, or `buffer`. */
const char *fb_iam_name_of(const struct fb_principal *principal, char *buffer, size_t size);

#endif
