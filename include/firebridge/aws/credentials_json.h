/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys out of the JSON that IMDS, the container's endpoint and a credential_process write. The
 * bytes are read where they stand: no copy of a secret is left on the heap.
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_CREDENTIALS_JSON_H
#define FIREBRIDGE_AWS_CREDENTIALS_JSON_H

#include <stdbool.h>

#include "firebridge/aws/credentials.h"

/* What one writer's document is like. */
struct fb_credentials_form {
    const char *token_name; /* "Token", "SessionToken" */
    bool is_permanent;      /* token and Expiration may be missing; then the keys never expire */
    bool has_version;       /* "Version" must be 1 */
};

/* EC2 user guide, "Retrieve security credentials from instance metadata"; ECS the same. */
extern const struct fb_credentials_form fb_credentials_form_metadata;
/* AWS SDKs and Tools reference guide, "Process credential provider". */
extern const struct fb_credentials_form fb_credentials_form_process;

/*
 * FB_CORRUPT: it is no such document; FB_UNAVAILABLE: its "Code" is not "Success". The message
 * says what is wrong and has nothing of the document in it but that code. `text` as json_text.h
 * demands it.
 */
enum fb_status fb_credentials_json_read(const char *text, size_t size,
                                        const struct fb_credentials_form *form,
                                        struct fb_credentials *ret_credentials,
                                        struct fb_error *error) FB_MUST_CHECK;

/*
 * Whether these can be keys: printable, without blanks, id and secret not empty. What goes into a
 * header must not break out of it. FB_CORRUPT.
 */
enum fb_status fb_credentials_check(const struct fb_credentials *credentials,
                                    struct fb_error *error) FB_MUST_CHECK;

#endif
