/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/providers.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/credentials_json.h"

struct environment_provider {
    struct fb_provider provider; /* first */
    struct fb_chain_options options;
};

enum fb_status fb_provider_copy(char *to, size_t size, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);

    if (length >= size)
        return FB_TOO_LARGE;
    if (length > 0)
        memcpy(to, text, length);
    to[length] = '\0';
    return FB_OK;
}

static enum fb_status environment_get(struct fb_provider *provider,
                                      struct fb_credentials *ret_credentials,
                                      struct fb_error *error)
{
    const struct fb_chain_options *options = &((struct environment_provider *)provider)->options;
    const char *id = options->access_key_id, *secret = options->secret_access_key;
    struct fb_credentials *keys = ret_credentials;

    /* Without an id there are no keys here, as in the SDKs, even where a secret was left. */
    if (id == NULL)
        return fb_fail(error, FB_NOT_FOUND, "AWS_ACCESS_KEY_ID is not set");
    if (secret == NULL)
        return fb_fail(error, FB_INVALID,
                       "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    if (fb_provider_copy(keys->access_key_id, sizeof keys->access_key_id, id) != FB_OK ||
        fb_provider_copy(keys->secret_access_key, sizeof keys->secret_access_key, secret) !=
            FB_OK ||
        fb_provider_copy(keys->session_token, sizeof keys->session_token, options->session_token) !=
            FB_OK)
        return fb_fail(error, FB_INVALID, "a value is longer than any key of AWS's");
    keys->expires_ms = INT64_MAX;
    return fb_credentials_check(keys, error);
}

static void environment_free(struct fb_provider *provider)
{
    free(provider);
}

struct fb_provider *fb_environment_provider_new(const struct fb_chain_options *options)
{
    struct environment_provider *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->provider = (struct fb_provider){
        .name = "environment", .get = environment_get, .free = environment_free};
    self->options = *options;
    return &self->provider;
}
