/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of a role from the Security Token Service: for keys that may assume it, or for an identity
 * provider's token (AWS STS API reference, "AssumeRole", "AssumeRoleWithWebIdentity").
 *
 * What may succeed when tried again is tried thrice. Threads: the client's.
 */
#ifndef FIREBRIDGE_AWS_STS_H
#define FIREBRIDGE_AWS_STS_H

#include "firebridge/aws/client.h"

/* FB_INVALID: the role's texts are none that STS takes; nothing was sent then. */
enum fb_status fb_sts_assume_role(struct fb_client *client, const struct fb_role *role,
                                  struct fb_credentials *ret_credentials,
                                  struct fb_error *error) FB_MUST_CHECK;

/* `token` is secret, and so is the request that holds it. The client's credentials are not used. */
enum fb_status fb_sts_assume_role_with_web_identity(struct fb_client *client,
                                                    const struct fb_role *role, const char *token,
                                                    struct fb_credentials *ret_credentials,
                                                    struct fb_error *error) FB_MUST_CHECK;

/*
 * Reads the answer of either, XML. FB_CORRUPT: it is none, or no keys are in it; FB_NO_MEMORY.
 * What expat keeps of it is wiped.
 */
enum fb_status fb_sts_read_answer(const char *bytes, size_t size,
                                  struct fb_credentials *ret_credentials,
                                  struct fb_error *error) FB_MUST_CHECK;

#endif
