/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/providers.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/profile.h"

/* The files are read at every refresh: whoever rotates keys in them need not restart anything. */
struct files_provider {
    struct fb_provider provider; /* first */
    char *profile;               /* NULL: nobody named one */
    char *config_file, *credentials_file;
};

/* What both files say of one profile. */
struct both_files {
    struct fb_profile config, credentials;
    struct fb_error config_error, credentials_error;
};

static enum fb_status read_one(const char *path, enum fb_profile_file kind, const char *name,
                               bool is_explicit, struct fb_profile *profile, struct fb_error *error)
{
    enum fb_status status;

    if (path == NULL || path[0] == '\0') {
        fb_fail(error, FB_NOT_FOUND, "no %s file is known",
                kind == FB_PROFILE_CONFIG ? "config" : "credentials");
        return FB_OK;
    }
    status = fb_profile_read(path, kind, name, profile, error);
    /* The daemon's own user may be shut out of a home where nobody sent it. */
    if (status == FB_NOT_FOUND || (status == FB_IO && !is_explicit))
        return FB_OK;
    if (status == FB_OK && !profile->is_found)
        fb_fail(error, FB_NOT_FOUND, "%s has no profile '%.64s'", path, name);
    return status;
}

static enum fb_status read_both(const struct files_provider *self, struct both_files *both,
                                struct fb_error *error)
{
    const char *name = self->profile == NULL ? "default" : self->profile;
    bool is_explicit = self->profile != NULL;
    enum fb_status status;

    status = read_one(self->config_file, FB_PROFILE_CONFIG, name, is_explicit, &both->config,
                      &both->config_error);
    if (status != FB_OK) {
        *error = both->config_error;
        return status;
    }
    status = read_one(self->credentials_file, FB_PROFILE_CREDENTIALS, name, is_explicit,
                      &both->credentials, &both->credentials_error);
    if (status != FB_OK) {
        *error = both->credentials_error;
        return status;
    }
    if (both->config.is_found || both->credentials.is_found)
        return FB_OK;
    if (is_explicit)
        return fb_fail(error, FB_INVALID, "the profile '%.64s' is nowhere: %.300s; %.300s", name,
                       both->credentials_error.message, both->config_error.message);
    return fb_fail(error, FB_NOT_FOUND, "%.300s; %.300s", both->credentials_error.message,
                   both->config_error.message);
}

static enum fb_status refuse_need(const char *name, const char *key, struct fb_error *error)
{
    return fb_fail(error, FB_UNSUPPORTED,
                   "the profile '%.64s' needs %s, which is not supported: give it static keys, or "
                   "use an instance role",
                   name, key);
}

static enum fb_status take_pair(const struct fb_profile *profile, const char *path,
                                const char *name, struct fb_credentials *ret_credentials,
                                struct fb_error *error)
{
    if (profile->credentials.access_key_id[0] == '\0' ||
        profile->credentials.secret_access_key[0] == '\0')
        return fb_fail(error, FB_INVALID, "%s: the profile '%.64s' lacks %s", path, name,
                       profile->credentials.access_key_id[0] == '\0' ? "aws_access_key_id"
                                                                     : "aws_secret_access_key");
    *ret_credentials = profile->credentials;
    ret_credentials->expires_ms = INT64_MAX;
    return FB_OK;
}

static bool has_keys(const struct fb_profile *profile)
{
    return profile->credentials.access_key_id[0] != '\0' ||
           profile->credentials.secret_access_key[0] != '\0';
}

/* Keys go together: id, secret and token are all of one file, and the credentials file's win. */
static enum fb_status choose(const struct files_provider *self, const struct both_files *both,
                             struct fb_credentials *ret_credentials, struct fb_error *error)
{
    const char *name = self->profile == NULL ? "default" : self->profile;
    const struct fb_profile *a = &both->credentials, *b = &both->config;

    if (a->needs_role || b->needs_role)
        return refuse_need(name, "role_arn", error);
    if (a->needs_web_identity || b->needs_web_identity)
        return refuse_need(name, "web_identity_token_file", error);
    if (has_keys(a))
        return take_pair(a, self->credentials_file, name, ret_credentials, error);
    if (has_keys(b))
        return take_pair(b, self->config_file, name, ret_credentials, error);
    if (a->needs_sso || b->needs_sso)
        return refuse_need(name, "sso", error);
    if (a->needs_process || b->needs_process)
        return refuse_need(name, "credential_process", error);
    return fb_fail(error, FB_NOT_FOUND, "the profile '%.64s' has no keys", name);
}

static enum fb_status files_get(struct fb_provider *provider,
                                struct fb_credentials *ret_credentials, struct fb_error *error)
{
    const struct files_provider *self = (const struct files_provider *)provider;
    struct both_files *both = calloc(1, sizeof *both);
    enum fb_status status;

    if (both == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a profile");
    status = read_both(self, both, error);
    if (status == FB_OK)
        status = choose(self, both, ret_credentials, error);
    OPENSSL_cleanse(both, sizeof *both);
    free(both);
    return status;
}

static void files_free(struct fb_provider *provider)
{
    struct files_provider *self = (struct files_provider *)provider;

    free(self->profile);
    free(self->config_file);
    free(self->credentials_file);
    free(self);
}

static bool copy_text(char **to, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return true;
    *to = strdup(text);
    return *to != NULL;
}

struct fb_provider *fb_shared_files_provider_new(const struct fb_chain_options *options)
{
    struct files_provider *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->provider = (struct fb_provider){"shared files", files_get, files_free};
    if (!copy_text(&self->profile, options->profile) ||
        !copy_text(&self->config_file, options->config_file) ||
        !copy_text(&self->credentials_file, options->credentials_file)) {
        files_free(&self->provider);
        return NULL;
    }
    return &self->provider;
}

enum fb_status fb_shared_files_region(const struct fb_chain_options *options, char *ret_region,
                                      size_t size, struct fb_error *error)
{
    struct fb_provider *provider = fb_shared_files_provider_new(options);
    struct both_files *both = calloc(1, sizeof *both);
    struct fb_error own_error = {0};
    enum fb_status status = FB_NO_MEMORY;

    if (error == NULL)
        error = &own_error;
    if (provider == NULL || both == NULL)
        fb_fail(error, status, "no memory for a profile");
    else
        status = read_both((const struct files_provider *)provider, both, error);
    if (status == FB_OK) {
        const char *region =
            both->credentials.region[0] != '\0' ? both->credentials.region : both->config.region;
        if (region[0] == '\0')
            status = fb_fail(error, FB_NOT_FOUND, "the profile names no region");
        else
            status = fb_provider_copy(ret_region, size, region);
    }
    if (provider != NULL)
        files_free(provider);
    if (both != NULL)
        OPENSSL_cleanse(both, sizeof *both);
    free(both);
    return status;
}
