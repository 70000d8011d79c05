/* SPDX-License-Identifier: Apache-2.0 */
/* A credential cache over one provider that a test controls. */
#ifndef FIREBRIDGE_TESTS_STATIC_CREDENTIALS_H
#define FIREBRIDGE_TESTS_STATIC_CREDENTIALS_H

#include "firebridge/aws/credentials.h"

struct static_provider {
    struct fb_provider provider; /* first */
    enum fb_status status;       /* what get returns */
    const char *reason;
    int64_t expires_ms;
    unsigned calls; /* "AKIDn" is the n-th answer's key */
    bool is_freed;
};

void static_provider_init(struct static_provider *provider, int64_t expires_ms);

struct fb_credentials_cache *static_cache_new(struct static_provider *provider,
                                              struct fb_clock *clock);

#endif
