/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The providers of the chain, one file each (credentials_*.c). `options` is copied; its texts and
 * its transport stay the caller's, for as long as the provider lives.
 *
 * Threads: a provider is asked by one thread at a time, as the cache sees to it.
 */
#ifndef FIREBRIDGE_AWS_PROVIDERS_H
#define FIREBRIDGE_AWS_PROVIDERS_H

#include "firebridge/aws/credentials.h"

/* AWS_ACCESS_KEY_ID and its like. NULL without memory, here and below. */
struct fb_provider *fb_environment_provider_new(const struct fb_chain_options *options);

/* A profile of ~/.aws/config and ~/.aws/credentials. */
struct fb_provider *fb_shared_files_provider_new(const struct fb_chain_options *options);
/* One of its settings: "region". FB_NOT_FOUND; FB_INVALID where the file is none, or it does not
 * fit. */
enum fb_status fb_shared_files_setting(const struct fb_chain_options *options, const char *name,
                                       char *ret_text, size_t size,
                                       struct fb_error *error) FB_MUST_CHECK;

/* A role for the token that AWS_WEB_IDENTITY_TOKEN_FILE names. */
struct fb_provider *fb_web_identity_provider_new(const struct fb_chain_options *options);

/* What AWS_CONTAINER_CREDENTIALS_*_URI names. */
struct fb_provider *fb_container_provider_new(const struct fb_chain_options *options);

/* The role of the EC2 instance, by IMDSv2. */
struct fb_provider *fb_imds_provider_new(const struct fb_chain_options *options);
enum fb_status fb_imds_region(const struct fb_chain_options *options, char *ret_region, size_t size,
                              struct fb_error *error) FB_MUST_CHECK;

/* As it is, or the empty text for NULL. FB_TOO_LARGE when it does not fit. */
enum fb_status fb_provider_copy(char *to, size_t size, const char *text) FB_MUST_CHECK;

#endif
