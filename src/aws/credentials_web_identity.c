/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A role for a token in a file, as EKS gives it to a pod (IAM roles for service accounts).
 * (AWS SDKs and Tools reference guide, "Assume a role with web identity or OpenID Connect".)
 */
#include <stdio.h>
#include <stdlib.h>

#include "credentials_role.h"
#include "firebridge/aws/providers.h"

struct web_identity_provider {
    struct fb_provider provider; /* first */
    struct fb_chain_options options;
};

static enum fb_status web_identity_get(struct fb_provider *provider,
                                       struct fb_credentials *ret_credentials,
                                       struct fb_error *error)
{
    const struct fb_chain_options *options = &((struct web_identity_provider *)provider)->options;
    const struct fb_role role = {.arn = options->role_arn,
                                 .session_name = options->role_session_name};
    enum fb_status status;

    if (options->web_identity_token_file == NULL)
        return fb_fail(error, FB_NOT_FOUND, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    if (options->role_arn == NULL)
        return fb_fail(error, FB_INVALID,
                       "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    status = fb_role_assume_by_file(options, &role, options->web_identity_token_file,
                                    ret_credentials, error);
    if (status == FB_NOT_FOUND)
        error->status = status = FB_DENIED;
    if (status == FB_OK)
        snprintf(provider->detail, sizeof provider->detail, "%.200s", role.arn);
    return status;
}

static void web_identity_free(struct fb_provider *provider)
{
    free(provider);
}

struct fb_provider *fb_web_identity_provider_new(const struct fb_chain_options *options)
{
    struct web_identity_provider *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->provider = (struct fb_provider){
        .name = "web identity", .get = web_identity_get, .free = web_identity_free};
    self->options = *options;
    return &self->provider;
}
