/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, for the providers that assume them. Threads: the provider's. */
#ifndef FIREBRIDGE_CREDENTIALS_ROLE_H
#define FIREBRIDGE_CREDENTIALS_ROLE_H

#include "firebridge/aws/client.h"
#include "firebridge/aws/credentials.h"

/* A client of STS for what the options say. Nothing in it is owned. */
struct fb_client fb_role_client(const struct fb_chain_options *options,
                                struct fb_credentials_cache *credentials);

/* Keys of the role for `keys`, which may assume it; the result takes their place. */
enum fb_status fb_role_assume(const struct fb_chain_options *options, const struct fb_role *role,
                              struct fb_credentials *keys, struct fb_error *error) FB_MUST_CHECK;

/* Keys of the role for the token that the file holds. */
enum fb_status fb_role_assume_by_file(const struct fb_chain_options *options,
                                      const struct fb_role *role, const char *token_file,
                                      struct fb_credentials *ret_keys,
                                      struct fb_error *error) FB_MUST_CHECK;

#endif
