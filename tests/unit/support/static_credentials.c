/* SPDX-License-Identifier: Apache-2.0 */
#include "static_credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum fb_status static_get(struct fb_provider *provider,
                                 struct fb_credentials *ret_credentials, struct fb_error *error)
{
    struct static_provider *self = (struct static_provider *)provider;

    self->calls++;
    if (self->status != FB_OK)
        return fb_fail(error, self->status, "%s", self->reason);
    memset(ret_credentials, 0, sizeof *ret_credentials);
    snprintf(ret_credentials->access_key_id, sizeof ret_credentials->access_key_id, "AKID%u",
             self->calls);
    strcpy(ret_credentials->secret_access_key, "test-secret");
    strcpy(ret_credentials->session_token, "test-token");
    ret_credentials->expires_ms = self->expires_ms;
    return FB_OK;
}

static void static_free(struct fb_provider *provider)
{
    ((struct static_provider *)provider)->is_freed = true;
}

void static_provider_init(struct static_provider *provider, int64_t expires_ms)
{
    *provider = (struct static_provider){
        .provider = {.name = "test", .get = static_get, .free = static_free},
        .reason = "scripted",
        .expires_ms = expires_ms};
}

struct fb_credentials_cache *static_cache_new(struct static_provider *provider,
                                              struct fb_clock *clock)
{
    struct fb_provider *providers[] = {&provider->provider};
    const struct fb_credentials_cache_options options = {
        .providers = providers, .provider_count = 1, .clock = clock};
    struct fb_credentials_cache *cache = NULL;

    assert_int_equal(fb_credentials_cache_new(&options, &cache, NULL), FB_OK);
    return cache;
}
