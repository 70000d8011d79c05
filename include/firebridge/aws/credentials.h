/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As whom: access keys from a chain of providers, kept until shortly before they expire.
 *
 * A provider is a name and two functions; the chain is a table of them (credentials_chain.c).
 * A refresh that fails while the old keys are still valid keeps the old ones.
 *
 * Threads: the cache is shared by all threads. Its lock guards the keys; one refresh at a time.
 */
#ifndef FIREBRIDGE_AWS_CREDENTIALS_H
#define FIREBRIDGE_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "firebridge/base/clock.h"
#include "firebridge/base/status.h"
#include "firebridge/net/http.h"

/* STS session tokens have no documented maximum; 16 KiB is beyond any seen. */
struct fb_credentials {
    char access_key_id[256];
    char secret_access_key[512];
    char session_token[16384]; /* empty: none */
    int64_t expires_ms;        /* INT64_MAX: never */
};

/* OPENSSL_cleanse over all of it. */
void fb_credentials_wipe(struct fb_credentials *credentials);

/* Of a copy that began as zeros: only the bytes in use, which are few of 17 KiB. */
void fb_credentials_wipe_copy(struct fb_credentials *credentials);

struct fb_provider {
    const char *name; /* "environment", "shared files", "instance metadata (IMDSv2)" */
    /*
     * FB_NOT_FOUND when this provider has nothing to say and the next is to be asked; any other
     * failure ends the chain, so that a mistyped profile is not hidden by the instance's role.
     */
    enum fb_status (*get)(struct fb_provider *provider, struct fb_credentials *ret_credentials,
                          struct fb_error *error);
    void (*free)(struct fb_provider *provider);
};

struct fb_credentials_cache;

/* Takes over the providers (not the array). */
enum fb_status fb_credentials_cache_new(struct fb_provider *const *providers, size_t count,
                                        struct fb_clock *clock,
                                        struct fb_credentials_cache **ret_cache,
                                        struct fb_error *error) FB_MUST_CHECK;
void fb_credentials_cache_free(struct fb_credentials_cache *cache);

/* A copy of valid keys; the caller wipes it, fb_credentials_wipe_copy does. What lies behind a
 * text's NUL is left as it was. Refreshes when the keys expire within 5 minutes. */
enum fb_status fb_credentials_cache_get(struct fb_credentials_cache *cache,
                                        struct fb_credentials *ret_credentials,
                                        struct fb_error *error) FB_MUST_CHECK;

/* After ExpiredToken and the like: the next get asks the providers. */
void fb_credentials_cache_expire(struct fb_credentials_cache *cache);

/* The same, unless someone has replaced `used` meanwhile: many threads meet one expiry. */
void fb_credentials_cache_expire_used(struct fb_credentials_cache *cache,
                                      const struct fb_credentials *used);

/* SigV4's signing key for `date` (YYYYMMDD...), kept for the next call. The caller wipes it. */
enum fb_status fb_credentials_cache_signing_key(struct fb_credentials_cache *cache,
                                                const struct fb_credentials *credentials,
                                                const char *date, const char *region,
                                                const char *service,
                                                unsigned char ret_key[32]) FB_MUST_CHECK;

/* Which provider gave the keys; "none" before the first get. Never NULL. */
const char *fb_credentials_cache_source(struct fb_credentials_cache *cache);

/* Clock skew learnt from signature errors, added to the clock when signing. */
int64_t fb_credentials_cache_skew_ms(struct fb_credentials_cache *cache);
void fb_credentials_cache_set_skew_ms(struct fb_credentials_cache *cache, int64_t skew_ms);

/* What the chain is made from; src/app reads the environment into it. NULL: not set. */
struct fb_chain_options {
    const char *access_key_id, *secret_access_key, *session_token; /* AWS_* */
    const char *profile;                                           /* conf, AWS_PROFILE */
    const char *config_file, *credentials_file;                    /* AWS_*_FILE or ~/.aws */
    const char *imds_endpoint;      /* NULL: http://169.254.169.254 */
    bool imds_disabled;             /* AWS_EC2_METADATA_DISABLED */
    struct fb_transport *transport; /* for IMDS; fb_chain_new takes it over, come what may */
    struct fb_clock *clock;
};

/* Environment, shared files, IMDSv2, in the order of the SDKs. */
enum fb_status fb_chain_new(const struct fb_chain_options *options,
                            struct fb_credentials_cache **ret_cache,
                            struct fb_error *error) FB_MUST_CHECK;

/*
 * The region of the shared config's profile, or the instance's; FB_NOT_FOUND. Size >= 64. The
 * transport stays the caller's.
 */
enum fb_status fb_chain_region(const struct fb_chain_options *options, char *ret_region,
                               size_t size, struct fb_error *error) FB_MUST_CHECK;

#endif
