/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As whom: access keys from a chain of providers, kept until shortly before they expire.
 *
 * A provider is a name and two functions; the chain is a table of them (credentials_chain.c).
 * A renewal that fails while the old keys are still valid keeps the old ones. Keys that are
 * expired already are no keys, unless the provider says to go on with them, as IMDS does while its
 * own source ails ("static stability"): then they serve for 5 to 10 minutes, and it is asked again.
 *
 * Threads: the cache is shared by all threads. Its lock guards the keys; one refresh at a time.
 *          Keys lie in memory for secrets (base/secret.h) only.
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

/* What a provider may say of itself: two profiles' names and a role's ARN. */
#define FB_PROVIDER_DETAIL_MAX 256

/* OPENSSL_cleanse over all of it. */
void fb_credentials_wipe(struct fb_credentials *credentials);

/* Of a copy that began as zeros: only the bytes in use, which are few of 17 KiB. */
void fb_credentials_wipe_copy(struct fb_credentials *credentials);

struct fb_provider {
    const char *name; /* "environment", "shared files", "instance metadata (IMDSv2)" */
    /*
     * FB_NOT_FOUND when this provider has nothing to say and the next is to be asked; any other
     * failure ends the chain, so that a mistyped profile is not hidden by the instance's role.
     * What a failed get wrote of keys is wiped or nobody's.
     */
    enum fb_status (*get)(struct fb_provider *provider, struct fb_credentials *ret_credentials,
                          struct fb_error *error);
    void (*free)(struct fb_provider *provider);
    bool extends_expired;                /* what it gives serves past its date: see below */
    char detail[FB_PROVIDER_DETAIL_MAX]; /* what a good get says of itself; may be empty */
};

struct fb_credentials_cache;

struct fb_credentials_cache_options {
    struct fb_provider *const *providers; /* taken over, the array is not */
    size_t provider_count;
    struct fb_transport *transport; /* theirs; taken over; may be NULL */
    struct fb_clock *clock;
    uint64_t seed; /* of the jitter */
};

/* Takes over what the options say, unless it fails. */
enum fb_status fb_credentials_cache_new(const struct fb_credentials_cache_options *options,
                                        struct fb_credentials_cache **ret_cache,
                                        struct fb_error *error) FB_MUST_CHECK;
void fb_credentials_cache_free(struct fb_credentials_cache *cache);

/*
 * Renews the keys when it is time, which is some minutes before they expire, and never sooner than
 * half of their life; keys that never expire are looked up again every ten minutes. A failure is
 * told, though the old keys may serve on. *ret_wait_ms, also written then, is when to come again.
 */
enum fb_status fb_credentials_cache_tend(struct fb_credentials_cache *cache, int64_t *ret_wait_ms,
                                         struct fb_error *error) FB_MUST_CHECK;

struct fb_credentials_report {
    char source[64 + FB_PROVIDER_DETAIL_MAX]; /* who gave the keys; "none" before the first get */
    int64_t expires_ms;                       /* INT64_MAX: never; 0: there are none */
    bool is_extended; /* they are past their date, and the provider says to go on with them */
};

void fb_credentials_cache_report(struct fb_credentials_cache *cache,
                                 struct fb_credentials_report *ret_report);

/* A copy of valid keys; the caller wipes it, fb_credentials_wipe_copy does. What lies behind a
 * text's NUL is left as it was. Renews them itself only where nobody tended them in time. */
enum fb_status fb_credentials_cache_get(struct fb_credentials_cache *cache,
                                        struct fb_credentials *ret_credentials,
                                        struct fb_error *error) FB_MUST_CHECK;

/* After ExpiredToken and the like: the next get asks the providers, unless someone has replaced
 * `used` meanwhile, as many threads meet one expiry. */
void fb_credentials_cache_expire_used(struct fb_credentials_cache *cache,
                                      const struct fb_credentials *used);

/* SigV4's signing key for `date` (YYYYMMDD...), kept for the next call. The caller wipes it. */
enum fb_status fb_credentials_cache_signing_key(struct fb_credentials_cache *cache,
                                                const struct fb_credentials *credentials,
                                                const char *date, const char *region,
                                                const char *service,
                                                unsigned char ret_key[32]) FB_MUST_CHECK;

/* Clock skew learnt from signature errors, added to the clock when signing. */
int64_t fb_credentials_cache_skew_ms(struct fb_credentials_cache *cache);
void fb_credentials_cache_set_skew_ms(struct fb_credentials_cache *cache, int64_t skew_ms);

/*
 * What the chain is made from; src/app reads the environment into it. NULL, 0 or false: not set.
 * The texts outlive the chain.
 */
struct fb_chain_options {
    const char *access_key_id, *secret_access_key, *session_token; /* AWS_* */
    const char *profile;                        /* NULL: "default", which need not be there */
    bool profile_is_chosen;                     /* by the conf: nobody else is asked */
    const char *config_file, *credentials_file; /* AWS_*_FILE or ~/.aws */
    const char *web_identity_token_file, *role_arn, *role_session_name; /* AWS_* */
    const char *container_relative_uri, *container_full_uri; /* AWS_CONTAINER_CREDENTIALS_*_URI */
    const char *container_token, *container_token_file; /* AWS_CONTAINER_AUTHORIZATION_TOKEN* */
    const char *imds_endpoint; /* NULL: http://169.254.169.254 or, with IPv6, [fd00:ec2::254] */
    bool imds_ipv6;            /* AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE */
    bool imds_disabled;        /* AWS_EC2_METADATA_DISABLED */
    bool imds_v1_fallback;
    const char *region;           /* STS's; not needed for fb_chain_region */
    const char *sts_endpoint;     /* NULL: AWS's own of the region */
    bool use_fips, use_dualstack; /* of AWS's own */
    char *const *environment;     /* of a credential_process; NULL: empty */
    int64_t timeout_ms;           /* of a call of STS, of a credential_process; 0: 30 s */
    struct fb_transport *transport;
    struct fb_clock *clock;
    struct fb_stop *stop; /* ends what is under way at FB_STOP_NOW; may be NULL */
    uint64_t seed;
};

/*
 * Environment, shared files, web identity, container, IMDSv2, in the order of the SDKs. Takes the
 * transport over, come what may.
 */
enum fb_status fb_chain_new(const struct fb_chain_options *options,
                            struct fb_credentials_cache **ret_cache,
                            struct fb_error *error) FB_MUST_CHECK;

struct fb_role {
    const char *arn;
    const char *session_name;  /* NULL: "firebridge" */
    const char *external_id;   /* NULL: none */
    unsigned duration_seconds; /* 0: an hour */
};

/*
 * The keys of a role, assumed with those of `source`, which outlives it; so do the role's texts.
 * Of the options STS's and the clock count. Takes the transport over, come what may.
 */
enum fb_status fb_role_chain_new(const struct fb_chain_options *options, const struct fb_role *role,
                                 struct fb_credentials_cache *source,
                                 struct fb_credentials_cache **ret_cache,
                                 struct fb_error *error) FB_MUST_CHECK;

/*
 * The region of the shared files' profile, or the instance's; FB_NOT_FOUND. Size >= 64. The
 * transport stays the caller's.
 */
enum fb_status fb_chain_region(const struct fb_chain_options *options, char *ret_region,
                               size_t size, struct fb_error *error) FB_MUST_CHECK;

#endif
