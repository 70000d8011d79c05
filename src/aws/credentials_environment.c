/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/providers.h"

#include <stdlib.h>
#include <string.h>

struct environment_provider {
    struct fb_provider provider; /* first */
    bool has_id, has_secret, is_too_long;
    struct fb_credentials credentials;
};

static enum fb_status environment_get(struct fb_provider *provider,
                                      struct fb_credentials *ret_credentials,
                                      struct fb_error *error)
{
    const struct environment_provider *self = (const struct environment_provider *)provider;

    if (self->is_too_long)
        return fb_fail(error, FB_INVALID, "a value is longer than any key of AWS's");
    if (!self->has_id && !self->has_secret)
        return fb_fail(error, FB_NOT_FOUND, "AWS_ACCESS_KEY_ID is not set");
    if (!self->has_id || !self->has_secret)
        return fb_fail(error, FB_INVALID, "%s is set, but %s is not",
                       self->has_id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       self->has_id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    *ret_credentials = self->credentials;
    return FB_OK;
}

static void environment_free(struct fb_provider *provider)
{
    struct environment_provider *self = (struct environment_provider *)provider;

    fb_credentials_wipe(&self->credentials);
    free(self);
}

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

struct fb_provider *fb_environment_provider_new(const struct fb_chain_options *options)
{
    struct environment_provider *self = calloc(1, sizeof *self);
    struct fb_credentials *keys;

    if (self == NULL)
        return NULL;
    keys = &self->credentials;
    self->provider = (struct fb_provider){"environment", environment_get, environment_free};
    keys->expires_ms = INT64_MAX;
    self->is_too_long = fb_provider_copy(keys->access_key_id, sizeof keys->access_key_id,
                                         options->access_key_id) != FB_OK ||
                        fb_provider_copy(keys->secret_access_key, sizeof keys->secret_access_key,
                                         options->secret_access_key) != FB_OK ||
                        fb_provider_copy(keys->session_token, sizeof keys->session_token,
                                         options->session_token) != FB_OK;
    self->has_id = keys->access_key_id[0] != '\0';
    self->has_secret = keys->secret_access_key[0] != '\0';
    return &self->provider;
}
