/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a role. The conf's: assumed with those of another chain, which renews its own. */
#include "credentials_role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/providers.h"
#include "firebridge/aws/sts.h"
#include "firebridge/base/secret.h"

#define CONNECT_TIMEOUT_MS 10000

/* STS takes 4 to 20,000 characters. */
#define TOKEN_MAX_BYTES ((size_t)20000)

struct role_provider {
    struct fb_provider provider; /* first */
    struct fb_chain_options options;
    struct fb_role role;
    struct fb_credentials_cache *source;
};

/* Keys that are there already. */
struct fixed_provider {
    struct fb_provider provider; /* first */
    const struct fb_credentials *keys;
};

struct fb_client fb_role_client(const struct fb_chain_options *options,
                                struct fb_credentials_cache *credentials)
{
    int64_t connect_ms = options->timeout_ms > 0 && options->timeout_ms < CONNECT_TIMEOUT_MS
                             ? options->timeout_ms
                             : CONNECT_TIMEOUT_MS;

    return (struct fb_client){.transport = options->transport,
                              .credentials = credentials,
                              .clock = options->clock,
                              .stop = options->stop,
                              .stop_at = FB_STOP_NOW,
                              .region = options->region,
                              .endpoint = options->sts_endpoint,
                              .use_fips = options->use_fips,
                              .use_dualstack = options->use_dualstack,
                              .connect_timeout_ms = connect_ms,
                              .request_timeout_ms = options->timeout_ms};
}

static enum fb_status fixed_get(struct fb_provider *provider,
                                struct fb_credentials *ret_credentials, struct fb_error *error)
{
    (void)error;
    *ret_credentials = *((struct fixed_provider *)provider)->keys;
    return FB_OK;
}

static void fixed_free(struct fb_provider *provider)
{
    (void)provider;
}

enum fb_status fb_role_assume(const struct fb_chain_options *options, const struct fb_role *role,
                              struct fb_credentials *keys, struct fb_error *error)
{
    struct fixed_provider fixed = {
        .provider = {.name = "profile", .get = fixed_get, .free = fixed_free}, .keys = keys};
    struct fb_provider *providers[] = {&fixed.provider};
    const struct fb_credentials_cache_options cache_options = {
        .providers = providers, .provider_count = 1, .clock = options->clock};
    struct fb_credentials *got = fb_secret_new(sizeof *got);
    struct fb_credentials_cache *cache = NULL;
    struct fb_client client;
    enum fb_status status = FB_NO_MEMORY;

    if (got == NULL)
        fb_fail(error, status, "no memory for credentials");
    else
        status = fb_credentials_cache_new(&cache_options, &cache, error);
    if (status == FB_OK) {
        client = fb_role_client(options, cache);
        status = fb_sts_assume_role(&client, role, got, error);
    }
    if (status == FB_OK)
        *keys = *got;
    fb_credentials_cache_free(cache);
    fb_secret_free(got, sizeof *got);
    return status;
}

/* Read each time: who gives the token replaces it before it expires. */
enum fb_status fb_role_assume_by_file(const struct fb_chain_options *options,
                                      const struct fb_role *role, const char *token_file,
                                      struct fb_credentials *ret_keys, struct fb_error *error)
{
    struct fb_client client = fb_role_client(options, NULL);
    struct fb_buffer token = {0};
    enum fb_status status = fb_secret_read_file(token_file, TOKEN_MAX_BYTES, &token, error);

    if (status != FB_OK) {
        /* A file that is named and not there is no reason to ask the next provider. */
        if (status == FB_NOT_FOUND)
            error->status = status = FB_INVALID;
        fb_error_prefix(error, "the web identity's token");
        return status;
    }
    while (token.size > 0 && strchr(" \t\r\n", token.bytes[token.size - 1]) != NULL)
        token.size--;
    token.bytes[token.size] = '\0';
    if (token.size == 0 || strlen(token.bytes) != token.size)
        status =
            fb_fail(error, FB_INVALID, "the web identity's token: there is none in %s", token_file);
    else
        status = fb_sts_assume_role_with_web_identity(&client, role, token.bytes, ret_keys, error);
    fb_secret_buffer_done(&token);
    return status;
}

static enum fb_status role_get(struct fb_provider *provider, struct fb_credentials *ret_credentials,
                               struct fb_error *error)
{
    struct role_provider *self = (struct role_provider *)provider;
    struct fb_client client = fb_role_client(&self->options, self->source);
    struct fb_credentials_report report;
    enum fb_status status = fb_sts_assume_role(&client, &self->role, ret_credentials, error);

    /* A role that is not there is not the next provider's business. */
    if (status == FB_NOT_FOUND)
        error->status = status = FB_DENIED;
    if (status != FB_OK)
        return status;
    fb_credentials_cache_report(self->source, &report);
    snprintf(provider->detail, sizeof provider->detail, "%.120s by %.120s", self->role.arn,
             report.source);
    return FB_OK;
}

static void role_free(struct fb_provider *provider)
{
    free(provider);
}

enum fb_status fb_role_chain_new(const struct fb_chain_options *options, const struct fb_role *role,
                                 struct fb_credentials_cache *source,
                                 struct fb_credentials_cache **ret_cache, struct fb_error *error)
{
    struct role_provider *self = calloc(1, sizeof *self);
    struct fb_provider *providers[] = {&self->provider};
    const struct fb_credentials_cache_options cache_options = {.providers = providers,
                                                               .provider_count = 1,
                                                               .transport = options->transport,
                                                               .clock = options->clock,
                                                               .seed = options->seed};
    enum fb_status status = FB_NO_MEMORY;

    if (self != NULL) {
        self->provider = (struct fb_provider){.name = "role", .get = role_get, .free = role_free};
        self->options = *options;
        self->role = *role;
        self->source = source;
        status = fb_credentials_cache_new(&cache_options, ret_cache, error);
    } else {
        fb_fail(error, status, "no memory for credential providers");
    }
    if (status != FB_OK) {
        free(self);
        fb_transport_free(options->transport);
    }
    return status;
}
