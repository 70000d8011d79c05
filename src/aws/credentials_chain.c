/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/providers.h"

struct maker {
    struct fb_provider *(*make)(const struct fb_chain_options *);
    bool is_environments; /* a profile that was chosen by hand goes before it */
};

/*
 * The order of the SDKs (AWS SDKs and Tools reference guide, "Understand the credential provider
 * chain"). A new provider is a file and a line here.
 */
static const struct maker makers[] = {
    {fb_environment_provider_new, true},  {fb_shared_files_provider_new, false},
    {fb_web_identity_provider_new, true}, {fb_container_provider_new, false},
    {fb_imds_provider_new, false},
};

#define MAKER_COUNT (sizeof makers / sizeof *makers)

static void free_all(struct fb_provider *const *providers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        providers[i]->free(providers[i]);
}

enum fb_status fb_chain_new(const struct fb_chain_options *options,
                            struct fb_credentials_cache **ret_cache, struct fb_error *error)
{
    struct fb_provider *providers[MAKER_COUNT];
    struct fb_credentials_cache_options cache_options = {.providers = providers,
                                                         .transport = options->transport,
                                                         .clock = options->clock,
                                                         .seed = options->seed};
    size_t count = 0;
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < MAKER_COUNT && status == FB_OK; i++) {
        if (makers[i].is_environments && options->profile_is_chosen)
            continue;
        providers[count] = makers[i].make(options);
        if (providers[count] == NULL)
            status = fb_fail(error, FB_NO_MEMORY, "no memory for credential providers");
        else
            count++;
    }
    cache_options.provider_count = count;
    if (status == FB_OK)
        status = fb_credentials_cache_new(&cache_options, ret_cache, error);
    if (status != FB_OK) {
        free_all(providers, count);
        fb_transport_free(options->transport);
    }
    return status;
}

enum fb_status fb_chain_region(const struct fb_chain_options *options, char *ret_region,
                               size_t size, struct fb_error *error)
{
    struct fb_error files_error = {0}, imds_error = {0};
    enum fb_status status =
        fb_shared_files_setting(options, "region", ret_region, size, &files_error);

    if (status == FB_OK)
        return FB_OK;
    if (status != FB_NOT_FOUND) {
        if (error != NULL)
            *error = files_error;
        return status;
    }
    status = fb_imds_region(options, ret_region, size, &imds_error);
    if (status == FB_OK)
        return FB_OK;
    return fb_fail(error, FB_NOT_FOUND,
                   "no region; shared files: %.300s; instance metadata (IMDSv2): %.300s",
                   files_error.message, imds_error.message);
}
