/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One profile out of ~/.aws/config and ~/.aws/credentials, as the SDKs read these files.
 * (AWS SDKs and Tools reference guide, "Shared config and credentials files".)
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_PROFILE_H
#define FIREBRIDGE_AWS_PROFILE_H

#include <stdbool.h>

#include "firebridge/aws/credentials.h"

enum fb_profile_file {
    FB_PROFILE_CREDENTIALS, /* [name] */
    FB_PROFILE_CONFIG,      /* [profile name], [default] */
};

struct fb_profile {
    bool is_found;
    struct fb_credentials credentials; /* what the file says; texts may be empty */
    char region[64];
    bool needs_role;         /* role_arn */
    bool needs_web_identity; /* web_identity_token_file */
    bool needs_sso;          /* sso_session, sso_start_url, sso_account_id */
    bool needs_process;      /* credential_process */
};

/* FB_NOT_FOUND: no such file. FB_OK with `is_found` false: no such profile in it. */
enum fb_status fb_profile_read(const char *path, enum fb_profile_file kind, const char *name,
                               struct fb_profile *ret_profile,
                               struct fb_error *error) FB_MUST_CHECK;

void fb_profile_wipe(struct fb_profile *profile);

#endif
